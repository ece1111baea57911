//! What values the types of a template's fields take, as WeChat refuses the rest with 47003.

/// Whether the field of this name takes the value.
pub(super) fn takes(field: &str, value: &str) -> bool {
    let kind = field.trim_end_matches(|c: char| c.is_ascii_digit());
    let within = |most: usize| (1..=most).contains(&value.chars().count());
    let all = |is: fn(char) -> bool| value.chars().all(is);
    let is_chinese = |c: char| !c.is_ascii() && c.is_alphabetic();
    if value.contains(['\n', '\r']) || value.trim().is_empty() {
        return false;
    }
    match kind {
        "first" | "keyword" | "remark" => true,
        "thing" | "const" => within(20),
        "number" => within(32) && all(|c| c.is_ascii_digit() || c == '.'),
        "letter" => within(32) && all(|c| c.is_ascii_alphabetic()),
        "symbol" => within(5) && all(|c| c.is_ascii_punctuation()),
        "character_string" => within(32) && all(|c| c.is_ascii_graphic()),
        "phone_number" => within(17) && all(|c| c.is_ascii_digit() || matches!(c, '+' | '-')),
        "car_number" => within(8),
        "name" => {
            (within(10) && value.chars().all(is_chinese))
                || (within(20) && all(|c| c.is_ascii() && !c.is_ascii_digit()))
        }
        "phrase" => within(5) && value.chars().all(is_chinese),
        "amount" => is_amount(value),
        "time" => value.split('~').count() <= 2 && value.split('~').all(is_time),
        "date" => {
            value.split('~').count() <= 2 && value.split('~').all(|point| is_date(point) || is_time(point))
        }
        _ => false,
    }
}

/// One sign of a currency, at most ten digits, and perhaps 元.
fn is_amount(value: &str) -> bool {
    let number = value.trim_start_matches(['¥', '￥', '$']).trim_end_matches('元');
    value.chars().count() - number.chars().count() <= 2
        && (1..=11).contains(&number.len())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// `15:01` or `2019年10月1日 15:01`
fn is_time(point: &str) -> bool {
    let (date, clock) = point.rsplit_once(' ').map_or((None, point), |(date, clock)| (Some(date), clock));
    let parts: Vec<&str> = clock.split(':').collect();
    let is_part =
        |part: &&str, most: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|part| part <= most);
    let is_clock = (2..=3).contains(&parts.len())
        && is_part(&parts[0], 23)
        && parts[1..].iter().all(|part| is_part(part, 59));
    is_clock && date.is_none_or(is_date)
}

/// `2019年10月1日` or `2019-10-01`
fn is_date(date: &str) -> bool {
    ["%Y年%m月%d日", "%Y-%m-%d"].iter().any(|form| jiff::civil::Date::strptime(form, date).is_ok())
}

#[cfg(test)]
mod tests {
    use super::takes;

    #[test]
    fn each_type_has_its_rule() {
        for (field, value) in [
            ("thing1", "一".repeat(20).as_str()),
            ("character_string3", "A-7"),
            ("time2", "15:01"),
            ("time2", "2019年10月1日 15:01"),
            ("time2", "2021年10月1日 08:00~10:00"),
            ("date2", "2019年10月1日"),
            ("name4", "张三"),
            ("name4", "J. Smith"),
            ("phrase5", "快递送货"),
            ("amount6", "¥300.00"),
            ("phone_number7", "138-1111-1111"),
            ("keyword1", "2021-10-01 08:00 至 10:00"),
        ] {
            assert!(takes(field, value), "{field} {value}");
        }
        for (field, value) in [
            ("thing1", "一".repeat(21).as_str()),
            ("thing1", " "),
            ("character_string3", "单号7"),
            ("time2", "2021-10-01 08:00 至 10:00"),
            ("time2", "25:00"),
            ("date2", "明天"),
            ("name4", "张三3"),
            ("name4", "一二三四五六七八九十一"),
            ("phrase5", "ok"),
            ("amount6", "三百"),
            ("number8", "7号"),
            ("phone_number7", "电话"),
            ("what1", "x"),
        ] {
            assert!(!takes(field, value), "{field} {value}");
        }
    }
}
