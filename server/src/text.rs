//! How personal data is shortened before it is shown or logged, and names are cut into parts to be found by.

use std::collections::BTreeSet;
use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, WhiteSpace};
use icu_properties::{CodePointMapData, CodePointSetData};
use serde::de::{Deserialize, Deserializer, Visitor};

/// Whether nothing is seen where `c` stands: blanks, marks for formatting, controls, fillers.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    if c.is_ascii_graphic() {
        return false;
    }
    // Braille with no dot, a note without a head, a filler of Khitan: symbols by their class, and blank.
    let is_drawn_blank = matches!(c, '\u{2800}' | '\u{1d159}' | '\u{16fe4}');
    is_drawn_blank
        || CodePointSetData::new::<WhiteSpace>().contains(c)
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || matches!(
            CodePointMapData::<GeneralCategory>::new().get(c),
            GeneralCategory::Format | GeneralCategory::Control
        )
}

/// What decorates a person elsewhere, such as a nickname of WeChat's: without control characters, cut to
/// `most` characters; nothing when nothing of it can be seen.
#[must_use]
pub fn decoration(text: &str, most: usize) -> Option<String> {
    let clean: String = text.chars().filter(|c| !c.is_control()).collect();
    let cut: String = clean.trim().chars().take(most).collect();
    let cut = cut.trim_end();
    (!cut.chars().all(is_invisible)).then(|| cut.to_owned())
}

/// The text of a JSON string; halves of surrogate pairs, which are no characters, are left out. Nothing
/// when the JSON is something else.
#[must_use]
pub fn of_json(json: &str) -> Option<String> {
    let Units(bytes) = serde_json::from_str(json).ok()?;
    Some(bytes.utf8_chunks().map(|chunk| chunk.valid()).collect())
}

/// A JSON string as bytes: UTF-8, but for the halves of surrogate pairs.
struct Units(Vec<u8>);

impl<'de> Deserialize<'de> for Units {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(UnitsVisitor)
    }
}

struct UnitsVisitor;

impl Visitor<'_> for UnitsVisitor {
    type Value = Units;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Units, E> {
        Ok(Units(bytes.to_vec()))
    }
}

/// The dots that keyboards have for the one between the parts of a name.
#[must_use]
pub fn is_middle_dot(c: char) -> bool {
    matches!(
        c,
        '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{30fb}' | '\u{ff65}' | '\u{22c5}' | '\u{2219}' | '\u{1427}'
    )
}

/// A name as it is compared with another spelling of it: without blanks and invisible marks, and with
/// one of the dots that stand in names of many peoples.
#[must_use]
pub fn name_key(name: &str) -> String {
    let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(name);
    let visible = normal.chars().filter(|c| !is_invisible(*c));
    visible.map(|c| if is_middle_dot(c) { '\u{b7}' } else { c }).collect()
}

/// `138****1111`: enough of a phone number to recognise it, not enough to call it.
///
/// Something shorter than eight characters keeps its last two only, for three and four of it would
/// be nearly all.
#[must_use]
pub fn mask_phone(phone: &str) -> String {
    let characters: Vec<char> = phone.chars().collect();
    let count = characters.len();
    if count < 8 {
        let hidden = count.saturating_sub(2);
        return "*".repeat(hidden) + &characters[hidden..].iter().collect::<String>();
    }
    let head: String = characters[..3].iter().collect();
    let tail: String = characters[count - 4..].iter().collect();
    format!("{head}****{tail}")
}

/// A name as it is searched: one case, and one of the dots that stand in names of many peoples.
#[must_use]
pub fn search_key(name: &str) -> String {
    name.to_lowercase().replace(['\u{2022}', '\u{30fb}'], "\u{b7}")
}

/// The longest part of a name that is kept ready.
pub const LONGEST_GRAM: usize = 3;

/// Every different part of one to three characters.
#[must_use]
pub fn grams(key: &str) -> BTreeSet<String> {
    let characters: Vec<char> = key.chars().collect();
    let parts = |length: usize| characters.windows(length).map(|part| part.iter().collect::<String>());
    (1..=LONGEST_GRAM).flat_map(parts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_keeps_its_ends_only() {
        assert_eq!(mask_phone("13811111111"), "138****1111");
        assert_eq!(mask_phone("+8613811111111"), "+86****1111");
        assert_eq!(mask_phone("12345678"), "123****5678");
        assert_eq!(mask_phone("1234567"), "*****67");
        assert_eq!(mask_phone("12"), "12");
        assert_eq!(mask_phone(""), "");
        assert_eq!(mask_phone("电话号码一二三四五"), "电话号****二三四五");
    }

    #[test]
    fn decoration_is_cleaned_and_cut() {
        assert_eq!(decoration("\u{14}琥珀🍭\n", 64).as_deref(), Some("琥珀🍭"));
        assert_eq!(decoration(" 一二三 四", 4).as_deref(), Some("一二三"));
        for nothing in ["", " ", "\u{0}\u{7f}", "\u{200b}"] {
            assert_eq!(decoration(nothing, 64), None, "{nothing:?}");
        }
    }

    #[test]
    fn a_json_string_gives_its_characters_and_leaves_out_halves() {
        for (json, text) in [
            (r#""小明""#, Some("小明")),
            (r#""a\ud83c""#, Some("a")),
            (r#""\udf6d\ud83cb\ud83c\udf6d""#, Some("b🍭")),
            (r#""\u0000\n""#, Some("\0\n")),
            ("7", None),
            ("null", None),
            ("{}", None),
            (r#"["a"]"#, None),
        ] {
            assert_eq!(of_json(json).as_deref(), text, "{json}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_told_from_what_can() {
        for blank in [
            "\u{200b}",
            "\u{3164}",
            "\u{2800}",
            "\u{ad}",
            "\u{feff}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{fe0f}",
            "\u{e0020}",
            "\u{180e}",
            "\u{202e}\u{202c}",
            "\u{a0}\u{3000}",
            "\u{1d159}",
            "\t",
        ] {
            assert!(blank.chars().all(is_invisible), "{blank:?}");
        }
        for seen in ["张", "a", "-", "·", "\u{301}", "😀", "\u{e000}", "ـ"] {
            assert!(!seen.chars().all(is_invisible), "{seen:?}");
        }
    }

    #[test]
    fn a_name_is_the_same_with_any_dot_and_any_blank() {
        for same in [
            "阿·凡提",
            "阿•凡提",
            "阿・凡提",
            "阿‧凡提",
            "阿･凡提",
            "阿⋅凡提",
            "阿∙凡提",
            " 阿 · 凡提",
            "阿\u{3000}·\u{200b}凡提",
        ] {
            assert_eq!(name_key(same), "阿·凡提", "{same:?}");
        }
        assert_eq!(name_key("张　三"), name_key("张三"));
        assert_eq!(name_key("Ｌｉ Si"), "LiSi");
        assert_ne!(name_key("张三"), name_key("张四"));
    }

    #[test]
    fn grams_are_every_part_once() {
        let of = |name: &str| grams(&search_key(name)).into_iter().collect::<Vec<_>>();
        assert_eq!(of("李四"), ["四", "李", "李四"]);
        assert_eq!(of("Aaa"), ["a", "aa", "aaa"]);
        assert_eq!(of("𠮷"), ["𠮷"]);
        assert!(of("").is_empty());
        assert_eq!(search_key("阿·凡提"), search_key("阿•凡提"));
    }
}
