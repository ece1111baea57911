//! How personal data is shortened before it is shown or logged, and names are cut into parts to be found by.

use std::collections::BTreeSet;

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
    fn grams_are_every_part_once() {
        let of = |name: &str| grams(&search_key(name)).into_iter().collect::<Vec<_>>();
        assert_eq!(of("李四"), ["四", "李", "李四"]);
        assert_eq!(of("Aaa"), ["a", "aa", "aaa"]);
        assert_eq!(of("𠮷"), ["𠮷"]);
        assert!(of("").is_empty());
        assert_eq!(search_key("阿·凡提"), search_key("阿•凡提"));
    }
}
