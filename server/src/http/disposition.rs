//! The names in a form part's `Content-Disposition`, in whatever way a client writes them: plain in any
//! charset, `filename*` (RFC 5987), in pieces (RFC 2231), or as encoded words (RFC 2047).

use std::collections::BTreeMap;

use axum::http::header::CONTENT_DISPOSITION;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, GB18030};
use percent_encoding::percent_decode;

/// What a part is called, and the file in it; `None` where the header says nothing of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Disposition {
    pub name: Option<String>,
    pub file_name: Option<String>,
}

impl Disposition {
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let value = headers.get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes).unwrap_or_default();
        let parameters = parameters(value);
        Self { name: text_of("name", &parameters), file_name: text_of("filename", &parameters) }
    }
}

/// A parameter's name in lower case, and its value without quotes.
type Parameter = (String, Vec<u8>);

fn parameters(value: &[u8]) -> Vec<Parameter> {
    let mut found = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'=' | b';')) else { break };
        let name = String::from_utf8_lossy(rest[..end].trim_ascii()).to_ascii_lowercase();
        if rest[end] == b';' {
            rest = &rest[end + 1..];
            continue;
        }
        let behind = rest[end + 1..].trim_ascii_start();
        let (text, left) = match behind.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted),
            None => {
                let end = behind.iter().position(|byte| *byte == b';').unwrap_or(behind.len());
                (behind[..end].trim_ascii_end().to_vec(), &behind[end..])
            }
        };
        found.push((name, text));
        rest = after(left, b';');
    }
    found
}

/// What follows the first `mark`; nothing without one.
fn after(text: &[u8], mark: u8) -> &[u8] {
    text.iter().position(|byte| *byte == mark).map_or(&[], |at| &text[at + 1..])
}

/// A quoted text up to the quote that ends it, and what follows. A quote ends it only where a parameter
/// may follow: names hold quotes of their own, and in GBK and Big5 a character may end in the byte of `\`.
fn unquoted(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut unquoted = Vec::new();
    for (at, byte) in text.iter().enumerate() {
        let is_escaped = at > 0 && text[at - 1] == b'\\';
        if *byte == b'"' {
            if is_end(&text[at + 1..], is_escaped) {
                return (unquoted, &text[at + 1..]);
            }
            if is_escaped {
                unquoted.pop();
            }
        }
        unquoted.push(*byte);
    }
    (unquoted, &[])
}

fn is_end(rest: &[u8], is_escaped: bool) -> bool {
    match rest.trim_ascii_start() {
        [] => true,
        [b';', ..] if !is_escaped => true,
        [b';', next @ ..] => {
            let name = next.trim_ascii_start();
            let end = name.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'*');
            end.is_some_and(|end| end > 0 && name[end] == b'=')
        }
        _ => false,
    }
}

/// The text of a parameter, from the form that says most of its charset.
fn text_of(name: &str, parameters: &[Parameter]) -> Option<String> {
    let of = |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
    let extended = of(&format!("{name}*")).map(|value| extended(value));
    let plain = || of(name).map(|value| words(&decoded(value, None)));
    extended.filter(|text| !text.is_empty()).or_else(|| in_pieces(name, parameters)).or_else(plain)
}

/// `charset'language'percent-encoded`.
fn extended(value: &[u8]) -> String {
    let (charset, text) = charset_of(value);
    decoded(&percent_decode(text).collect::<Vec<u8>>(), charset)
}

fn charset_of(value: &[u8]) -> (Option<&'static Encoding>, &[u8]) {
    let mut parts = value.splitn(3, |byte| *byte == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) => (Encoding::for_label(charset), text),
        _ => (None, value),
    }
}

/// `name*0`, `name*1` and so on; those that end in `*` are percent-encoded.
fn in_pieces(name: &str, parameters: &[Parameter]) -> Option<String> {
    let piece = |(of, value): &Parameter| {
        let number = of.strip_prefix(name)?.strip_prefix('*')?;
        let (number, is_encoded) = number.strip_suffix('*').map_or((number, false), |number| (number, true));
        Some((number.parse::<u32>().ok()?, (is_encoded, value.clone())))
    };
    let pieces: BTreeMap<u32, (bool, Vec<u8>)> = parameters.iter().filter_map(piece).collect();
    let (is_encoded, first) = pieces.values().next()?;
    let charset = if *is_encoded { charset_of(first).0 } else { None };
    let mut text = Vec::new();
    for (at, (is_encoded, value)) in pieces.values().enumerate() {
        match (is_encoded, at) {
            (true, 0) => text.extend(percent_decode(charset_of(value).1)),
            (true, _) => text.extend(percent_decode(value)),
            (false, _) => text.extend_from_slice(value),
        }
    }
    Some(decoded(&text, charset))
}

/// Text in `charset`; without one UTF-8, or else what clients in China mean.
fn decoded(text: &[u8], charset: Option<&'static Encoding>) -> String {
    let guessed = || match std::str::from_utf8(text) {
        Ok(text) => text.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(text).0.into_owned(),
    };
    charset.map_or_else(guessed, |charset| charset.decode_without_bom_handling(text).0.into_owned())
}

/// The text with its encoded words decoded. Blanks between two of them are no part of it.
fn words(text: &str) -> String {
    let (mut decoded, mut rest, mut follows_word) = (String::new(), text, false);
    while let Some(start) = rest.find("=?") {
        let Some((word, behind)) = word(&rest[start + 2..]) else { break };
        let between = &rest[..start];
        if !(follows_word && between.trim().is_empty()) {
            decoded.push_str(between);
        }
        decoded.push_str(&word);
        (rest, follows_word) = (behind, true);
    }
    decoded + rest
}

/// The word `charset?B|Q?text?=` at the start, and what follows it.
fn word(text: &str) -> Option<(String, &str)> {
    let mut parts = text.splitn(3, '?');
    let (charset, kind, text) = (parts.next()?, parts.next()?, parts.next()?);
    let (text, rest) = text.split_once("?=")?;
    let charset = charset.split('*').next().unwrap_or_default();
    let bytes = match kind {
        "B" | "b" => {
            let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
            GeneralPurpose::new(&STANDARD, config).decode(text).ok()?
        }
        "Q" | "q" => {
            percent_decode(text.replace('_', " ").replace('%', "=25").replace('=', "%").as_bytes()).collect()
        }
        _ => return None,
    };
    Some((decoded(&bytes, Encoding::for_label(charset.as_bytes())), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &[u8]) -> (Option<String>, Option<String>) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_bytes(value).unwrap());
        let Disposition { name, file_name } = Disposition::of(&headers);
        (name, file_name)
    }

    #[test]
    fn a_file_is_called_what_its_client_meant() {
        let gbk = |text: &str| GB18030.encode(text).0.into_owned();
        let cases: [(&[u8], &str); 16] = [
            (b"filename=\"a.jpg\"", "a.jpg"),
            ("filename=\"照片.jpg\"".as_bytes(), "照片.jpg"),
            (&gbk("filename=\"照片.jpg\""), "照片.jpg"),
            (&gbk("filename=照 片.jpg"), "照 片.jpg"),
            (b"filename*=utf-8''%E7%85%A7%E7%89%87.jpg", "照片.jpg"),
            (b"filename=\"x.exe\"; filename*=GBK'zh'%D5%D5%C6%AC.jpg", "照片.jpg"),
            (b"filename*=\"UTF-8''%E7%85%A7.png\"", "照.png"),
            (b"FileName*=utf-16be''%71%67%00%2e%00%6a%00%70%00%67", "照.jpg"),
            (b"filename*0=\"a very long \"; filename*1=\"name.jpg\"", "a very long name.jpg"),
            (b"filename*1*=%87.jpg; filename*0*=utf-8''%E7%85%A7%E7%89", "照片.jpg"),
            (b"filename=\"=?UTF-8?B?54Wn54mHLmpwZw==?=\"", "照片.jpg"),
            (b"filename=\"=?gb2312?q?=D5=D5=C6=AC=2Ejpg?=\"", "照片.jpg"),
            (b"filename=\"=?utf-8?b?54Wn?= =?utf-8?b?54mH?=.jpg\"", "照片.jpg"),
            (b"filename=\"a\\\"b;c\"d.jpg\"", "a\"b;c\"d.jpg"),
            (b"filename=\"C:\\pictures\\a.jpg\"", "C:\\pictures\\a.jpg"),
            (b"filename=\"\"", ""),
        ];
        for (value, expected) in cases {
            let header = [b"form-data; name=\"f\"; ".as_slice(), value].concat();
            assert_eq!(of(&header), (Some("f".into()), Some(expected.into())), "{value:?}");
            let header = [b"form-data;".as_slice(), value, b"; name=f"].concat();
            assert_eq!(of(&header), (Some("f".into()), Some(expected.into())), "{value:?} first");
        }
    }

    #[test]
    fn a_character_may_end_in_a_backslash() {
        // 功 in Big5 is A5 5C, and 誠 in GBK D5 5C.
        let (name, file) = of(b"form-data; name=\"\xa5\x5c\"; filename=\"\xd5\x5c\"");
        assert!(name.is_some_and(|name| !name.contains("filename")));
        assert_eq!(file.as_deref(), Some("誠"));
    }

    #[test]
    fn a_text_has_no_file_name() {
        for value in
            [&b"form-data; name=\"filename\""[..], b"form-data; name=\"a; filename=b\"", b"form-data", b""]
        {
            assert_eq!(of(value).1, None, "{value:?}");
        }
    }
}
