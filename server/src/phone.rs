//! One person, many spellings: the form in which telephone numbers are compared.
//!
//! Numbers are kept and shown as they were written; beside each that is ever compared stands its key.

use icu_normalizer::ComposingNormalizerBorrowed;
use icu_properties::props::GeneralCategory;
use icu_properties::{CodePointMapData, CodePointMapDataBorrowed};

use crate::text::{is_invisible, is_middle_dot};

const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();

/// What stands between digits only for the eye: blanks, hyphens, dots, brackets and invisible marks.
fn is_dress(c: char) -> bool {
    is_invisible(c)
        || is_middle_dot(c)
        || matches!(
            CATEGORIES.get(c),
            GeneralCategory::DashPunctuation
                | GeneralCategory::OpenPunctuation
                | GeneralCategory::ClosePunctuation
        )
        // Keyboards in Chinese and Japanese write these for a dot and a hyphen.
        || matches!(c, '.' | '。' | '\u{2212}' | '\u{30fc}')
}

/// A mainland mobile number: 1, then 3 to 9, then nine digits.
fn is_mobile(text: &str) -> bool {
    text.len() == 11
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(text.as_bytes(), [b'1', b'3'..=b'9', ..])
}

/// The key of a number. Two texts are one number when their keys are equal.
///
/// The Chinese country code goes only before what is a mobile number without it, because a number of
/// another kind may begin with the same digits.
#[must_use]
pub fn key(text: &str) -> String {
    let mut bare = text.to_owned();
    // What stood before a mark may compose with it once nothing is between them.
    loop {
        let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(&bare);
        let next: String = normal.chars().filter(|c| !is_dress(*c)).collect();
        if next == bare {
            break;
        }
        bare = next;
    }
    let mut number = bare.as_str();
    while let Some(rest) = number.strip_prefix('+').or_else(|| number.strip_prefix("00")) {
        number = rest;
    }
    number.strip_prefix("86").filter(|rest| is_mobile(rest)).unwrap_or(number).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_number_has_one_key_however_it_is_written() {
        for same in [
            "13811111111",
            "+8613811111111",
            "8613811111111",
            "008613811111111",
            "+86 138-1111-1111",
            " 138 1111 1111 ",
            "138.1111.1111",
            "138·1111·1111",
            "(+86) 138 1111 1111",
            "（＋８６）１３８－１１１１－１１１１",
            "138\u{2010}1111\u{2014}1111",
            "138\u{2212}1111\u{ff0d}1111",
            "\u{202d}13811111111\u{202c}",
            "138\u{a0}1111\u{3000}1111",
            "138\u{200b}1111\u{feff}1111",
            "【138】1111〔1111〕",
            "++8613811111111",
            "0000 86 138 1111 1111",
            "+0086 138 1111 1111\t",
        ] {
            assert_eq!(key(same), "13811111111", "{same:?}");
        }
        for (text, expected) in [
            ("010-8888 0001", "01088880001"),
            ("+86 10 8888 0001", "861088880001"),
            ("8612345", "8612345"),
            ("86138111111111", "86138111111111"),
            ("8612811111111", "8612811111111"),
            ("+852 9123 4567", "85291234567"),
            ("00852-91234567", "85291234567"),
            ("+44 (20) 7946 0958", "442079460958"),
            ("0755-88880002", "075588880002"),
            ("", ""),
            ("+", ""),
            ("00000", "0"),
            ("00+852-91234567", "85291234567"),
            ("138ー1111ー1111", "13811111111"),
            ("G\u{384}", "\u{1f4}"),
        ] {
            assert_eq!(key(text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_key_is_its_own_key(text in r"\PC{0,24}", number in r"[+0]{0,6}(86)?[0-9 ()-]{0,20}") {
            for text in [text, number] {
                let once = key(&text);
                prop_assert_eq!(key(&once), once);
            }
        }

        #[test]
        fn a_mobile_as_slots_and_members_take_it_is_its_own_key(mobile in "1[3-9][0-9]{9}") {
            prop_assert_eq!(key(&mobile), mobile);
        }

        #[test]
        fn dress_and_country_code_change_nothing(
            digits in proptest::collection::vec((0_u8..10, "[ .()\u{b7}\u{2009}\u{200d}\u{2060}（）－-]{0,2}"), 9),
            second in 3_u8..10,
            prefix in prop::sample::select(vec!["", "+86", "86", "0086", "+86 ", "(86)", "＋８６-"]),
        ) {
            let plain: String = digits.iter().map(|(digit, _)| digit.to_string()).collect();
            let dressed: String = digits.iter().map(|(digit, dress)| format!("{digit}{dress}")).collect();
            prop_assert_eq!(key(&format!("{prefix}1{second}{dressed}")), format!("1{second}{plain}"));
        }
    }
}
