//! Characters that no text of ours may have, wherever it stands in a request: NUL, which one engine does
//! not store, and halves of surrogate pairs and broken UTF-8, which no other program could read back.

use axum::http::Uri;
use percent_encoding::percent_decode_str;

use crate::error::Error;

/// What WeChat tells of a person is cleaned where it is read and never refused.
const DECORATION: [&str; 3] = ["nickname", "avatar_url", "gender"];

/// # Errors
/// 404 for a path, 400 that names the parameter for a query.
pub fn expect_clean_address(uri: &Uri) -> Result<(), Error> {
    if !is_clean(uri.path()) {
        return Err(Error::unknown_path());
    }
    let pairs = uri.query().unwrap_or_default().split('&');
    match pairs.into_iter().find(|pair| !is_clean(pair)) {
        Some(pair) => {
            let name = pair.split('=').next().unwrap_or_default();
            Err(refused(&percent_decode_str(name).decode_utf8_lossy().replace('\0', "")))
        }
        None => Ok(()),
    }
}

fn is_clean(percent_encoded: &str) -> bool {
    let decoded = percent_decode_str(percent_encoded).decode_utf8();
    decoded.is_ok_and(|text| !text.contains('\0'))
}

/// Looks through JSON that has been read already, also through what was not asked for.
///
/// # Errors
/// 400 that names the field.
pub fn expect_clean_json(json: &str) -> Result<(), Error> {
    // Almost no text has an escape of this kind at all.
    if unwanted_escapes(json) { find_in_fields(json) } else { Ok(()) }
}

/// Goes from string to string: a name is followed by a colon, and what comes next is its value.
fn find_in_fields(json: &str) -> Result<(), Error> {
    let (mut rest, mut field) = (json, "");
    while let Some((_, string)) = rest.split_once('"') {
        let end = end_of_string(string);
        let (text, after) = (&string[..end], string.get(end + 1..).unwrap_or_default());
        let is_name = after.trim_start().starts_with(':');
        if is_name {
            field = text;
        }
        if unwanted_escapes(text) && (is_name || !DECORATION.contains(&field)) {
            return Err(refused(if is_name { "JSON" } else { field }));
        }
        rest = after;
    }
    Ok(())
}

/// Where the quotation mark stands that ends a string.
fn end_of_string(text: &str) -> usize {
    let mut from = 0;
    while let Some(at) = text[from..].find(['"', '\\']).map(|at| from + at) {
        if text.as_bytes()[at] == b'"' {
            return at;
        }
        from = text.len().min(at + 2);
    }
    text.len()
}

/// Whether any `\u…` in a well-formed text is NUL or a surrogate without its other half.
fn unwanted_escapes(json: &str) -> bool {
    let mut rest = json.as_bytes();
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        rest = &rest[at..];
        match escaped_unit(rest) {
            Some(0 | 0xdc00..0xe000) => return true,
            Some(0xd800..0xdc00) => match escaped_unit(&rest[6..]) {
                Some(0xdc00..0xe000) => rest = &rest[12..],
                _ => return true,
            },
            Some(_) => rest = &rest[6..],
            None => rest = rest.get(2..).unwrap_or_default(),
        }
    }
    false
}

/// The 16 bits of `\u` and four hexadecimal digits, if the text begins so.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn refused(field: &str) -> Error {
    let (zh, en) = ("不能含有空字符或无效的编码", "must not contain NUL or broken Unicode");
    Error::invalid(field, zh, en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_clean_when_they_decode_to_text_without_nul() {
        let check = |address: &str| expect_clean_address(&address.parse().unwrap()).map_err(|e| e.message.en);
        for clean in ["/", "/a%20b?x=%E4%BD%A0&y", "/a?x=1%2600", "/%F0%A0%AE%B7"] {
            assert!(check(clean).is_ok(), "{clean}");
        }
        for path in ["/%00", "/a/%00b", "/%FF", "/%ED%A0%80", "/x%C0%80"] {
            assert_eq!(check(path).unwrap_err(), "there is nothing at this path", "{path}");
        }
        for query in ["/?a=1&b=%00", "/?b=%FF", "/?b=x%ED%BF%BF&c", "/?b%00=1"] {
            assert_eq!(check(query).unwrap_err(), "b: must not contain NUL or broken Unicode", "{query}");
        }
    }

    #[test]
    fn escapes_are_found_in_every_string_and_nowhere_else() {
        let check = |json: &str| expect_clean_json(json).map_err(|error| error.field.unwrap_or_default());
        for clean in [
            r#"{"a":"x\\u0000\n\u0001","b":"\ud83d\ude00\\"}"#,
            r#"{"nickname":"\ud83d \u0000"}"#,
            r#"{"a":"\"","b":"\\\\"}"#,
            "{}",
        ] {
            assert_eq!(check(clean), Ok(()), "{clean}");
        }
        for (json, field) in [
            (r#"{"a":"x\u0000"}"#, "a"),
            (r#"{"a":1,"b" : ["c","\uD800"]}"#, "b"),
            (r#"{"a":"\udc00\ud800"}"#, "a"),
            (r#"{"a":"\ud83d\u0041"}"#, "a"),
            (r#"{"nickname":"x\\","b":"\\\u0000"}"#, "b"),
            (r#"{"nickname\u0000":"x"}"#, "JSON"),
            (r#"{"nickname":{"b":"\ud83d"}}"#, "b"),
        ] {
            assert_eq!(check(json), Err(field.to_owned()), "{json}");
        }
    }
}
