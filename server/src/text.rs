//! How personal data is shortened before it is shown or logged.

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

#[cfg(test)]
mod tests {
    use super::mask_phone;

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
}
