//! The variables of a text message: what the provider takes, whatever people have written.

use icu_normalizer::ComposingNormalizerBorrowed;
use serde_json::{Map, Value};

use crate::text::is_invisible;

/// The longest variable we send. The provider refuses over 35; the words around it need room, too.
pub const LONGEST: usize = 20;
/// The longest link; a longer variable is refused.
pub const LONGEST_LINK: usize = 35;
/// The variable that holds the end of an address of ours.
const LINK: &str = "link";
/// The provider refuses blank variables.
const NOTHING: &str = "无";

/// The variables as they are sent.
#[must_use]
pub fn fit(variables: &Map<String, Value>) -> Map<String, Value> {
    let fit = |(name, value): (&String, &Value)| (name.clone(), Value::from(variable(name, value)));
    variables.iter().map(fit).collect()
}

/// One variable: a line of 1 to [`LONGEST`] characters in which nobody can lay out an address, or a link
/// of ours as it is.
fn variable(name: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if name == LINK && is_own_link(&text) {
        return text;
    }
    let line = without_addresses(&in_plain_letters(&text));
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { NOTHING.to_owned() } else { cut(&line, LONGEST) }
}

/// The path of a link of ours, which the template puts behind the server's name.
fn is_own_link(text: &str) -> bool {
    let is_of_link = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_');
    text.len() <= LONGEST_LINK
        && text.starts_with('/')
        && !text.starts_with("//")
        && text.chars().all(is_of_link)
}

/// At most `most` characters as the provider counts them (a rare one is two), the last a `…` where
/// something is missing.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    if text.encode_utf16().count() <= most {
        return text.to_owned();
    }
    let mut length = 1;
    let fits = |c: &char| {
        length += c.len_utf16();
        length <= most
    };
    let kept: String = text.chars().take_while(fits).collect();
    format!("{}…", kept.trim_end())
}

/// Without what cannot be seen, and with letters and digits of other widths and styles as plain ones:
/// phones open `ｗｗｗ．` like `www.`.
fn in_plain_letters(text: &str) -> String {
    let normalizer = ComposingNormalizerBorrowed::new_nfkc();
    let mut plain = String::new();
    for c in text.chars() {
        if c.is_whitespace() {
            plain.push(' ');
        } else if !is_invisible(c) {
            let mut utf8 = [0; 4];
            let normal = normalizer.normalize(c.encode_utf8(&mut utf8));
            let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | ':');
            if normal.chars().all(is_plain) { plain.push_str(&normal) } else { plain.push(c) }
        }
    }
    plain
}

/// What is left of an address is words: no scheme, no slash, no dot between two of them. A number keeps
/// its one point.
fn without_addresses(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: Option<usize>| index.and_then(|index| characters.get(index)).copied();
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_ascii_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let opened = characters.iter().enumerate().map(|(index, c)| {
        let (before, after) = (at(index.checked_sub(1)), at(Some(index + 1)));
        let joins = match c {
            '/' | '\\' => true,
            '.' => is_word(before) && is_word(after) && !is_decimal_point(&characters, index),
            // Between Chinese words it ends a sentence.
            '。' | '｡' => is_ascii_word(before) && is_ascii_word(after),
            _ => false,
        };
        if joins { ' ' } else { *c }
    });
    let mut text: String = opened.collect();
    while let Some(at) = text.to_ascii_lowercase().find("http") {
        text.replace_range(at..at + "http".len(), " ");
    }
    text
}

/// Whether the dot is the only one of a number.
fn is_decimal_point(characters: &[char], dot: usize) -> bool {
    let is_of_number = |c: &&char| c.is_ascii_digit() || **c == '.';
    let before: Vec<&char> = characters[..dot].iter().rev().take_while(is_of_number).collect();
    let after: Vec<&char> = characters[dot + 1..].iter().take_while(is_of_number).collect();
    let is_digits = |side: &[&char]| !side.is_empty() && side.iter().all(|c| c.is_ascii_digit());
    let is_end = characters.get(dot + 1 + after.len()).is_none_or(|c| !c.is_ascii_alphabetic());
    is_digits(&before) && is_digits(&after) && is_end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fitted(text: &str) -> String {
        variable("company", &text.into())
    }

    #[test]
    fn a_variable_is_neither_blank_nor_too_long() {
        assert_eq!(fitted("中关村软件园"), "中关村软件园");
        for blank in ["", "  ", "\n\t", "\u{200b}", "\u{3164}", "\u{2800}", "/", "http://"] {
            let expected = if blank == "http://" { ":" } else { NOTHING };
            assert_eq!(fitted(blank), expected, "{blank:?}");
        }
        assert_eq!(variable("company", &Value::Null), NOTHING);
        assert_eq!(variable("count", &7.into()), "7");
        assert_eq!(
            fitted("一二三四五六七八九十一二三四五六七八九十"),
            "一二三四五六七八九十一二三四五六七八九十"
        );
        assert_eq!(
            fitted("一二三四五六七八九十一二三四五六七八九十一"),
            "一二三四五六七八九十一二三四五六七八九…"
        );
        assert_eq!(fitted(&"😀".repeat(11)), format!("{}…", "😀".repeat(9)), "the provider counts two each");
        assert_eq!(fitted("张三\r\n李四"), "张三 李四");
    }

    #[test]
    fn no_text_of_a_caller_holds_an_address() {
        for (text, expected) in [
            ("http://evil.example/x", ": evil example x"),
            ("HTTPS://a.b", "S: a b"),
            ("hthttptp://a", "ht tp: a"),
            ("www.evil.com", "www evil com"),
            ("ｗｗｗ．ｅｖｉｌ．ｃｏｍ", "www evil com"),
            ("𝐞𝐯𝐢𝐥.com", "evil com"),
            ("evil。com", "evil com"),
            ("evil\u{200b}.com", "evil com"),
            ("点 例子.中国", "点 例子 中国"),
            ("1.2.3.4", "1 2 3 4"),
            ("10.0元", "10.0元"),
            ("你好。再见", "你好。再见"),
            ("A 座 3/F", "A 座 3 F"),
            ("℀", "a c"),
        ] {
            assert_eq!(fitted(text), expected, "{text}");
        }
    }

    #[test]
    fn a_link_of_ours_stays_as_it_is() {
        let link = "/q/g7rhOamrxEU4T0_Hot9g-A";
        assert_eq!(variable(LINK, &link.into()), link);
        assert_eq!(variable("company", &link.into()), "q g7rhOamrxEU4T0_Ho…");
        for foreign in ["//evil.example", "https://evil.example/q/1", "/q/a.b"] {
            assert!(!variable(LINK, &foreign.into()).contains(['/', '.']), "{foreign}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_written_fits(text in ".*") {
            let fitted = fitted(&text);
            prop_assert!((1..=LONGEST).contains(&fitted.encode_utf16().count()), "{fitted}");
            prop_assert!(!fitted.chars().all(is_invisible), "{fitted:?}");
            prop_assert!(!fitted.contains('/') && !fitted.to_lowercase().contains("http"), "{fitted}");
        }
    }
}
