//! The fields of WeChat's templates: each name begins with its type, and a value that breaks the type's rule is
//! refused (47003). https://developers.weixin.qq.com/doc/service/api/notify/template/api_sendtemplatemessage

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::adapters::sms::variables::cut;
use crate::clock::{self, Millis};
use crate::text::is_invisible;

/// What a field says when there is nothing to say.
const NOTHING: &str = "无";

/// A value of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldValue {
    Text(String),
    Number(i64),
    Time(Millis),
    Period(Millis, Millis),
}

/// What kind of value it is, which decides where it can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    Text,
    Number,
    Time,
}

/// The type of a template's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    Thing,
    Number,
    CharacterString,
    Time,
    Date,
    Name,
    Phrase,
    /// Of a template from before there were types: `first`, `keyword1`, `remark`.
    Untyped,
}

impl FieldType {
    /// The type of the field of this name; `None` for a type whose values we do not have.
    #[must_use]
    pub fn of(field: &str) -> Option<Self> {
        let kind = field.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_numbered = (1..=2).contains(&(field.len() - kind.len()));
        match (kind, is_numbered) {
            ("first" | "remark", false) | ("keyword", true) => Some(Self::Untyped),
            ("thing", true) => Some(Self::Thing),
            ("number", true) => Some(Self::Number),
            ("character_string", true) => Some(Self::CharacterString),
            ("time", true) => Some(Self::Time),
            ("date", true) => Some(Self::Date),
            ("name", true) => Some(Self::Name),
            ("phrase", true) => Some(Self::Phrase),
            _ => None,
        }
    }

    /// Whether a value of this kind can be made to fit.
    #[must_use]
    pub fn takes(self, value: ValueKind) -> bool {
        match self {
            Self::Untyped | Self::Thing => true,
            Self::Number | Self::CharacterString => value == ValueKind::Number,
            Self::Time | Self::Date => value == ValueKind::Time,
            Self::Name | Self::Phrase => value == ValueKind::Text,
        }
    }

    /// The value as the field takes it.
    #[must_use]
    pub fn fit(self, value: &FieldValue, zone: &TimeZone) -> String {
        let local = |at: Millis| clock::local(zone, at);
        match value {
            FieldValue::Number(number) => number.to_string(),
            FieldValue::Text(text) => self.fit_text(text),
            FieldValue::Time(at) => self.fit_time(local(*at)),
            FieldValue::Period(from, to) => self.fit_period(local(*from), local(*to)),
        }
    }

    fn fit_text(self, text: &str) -> String {
        let seen: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        let seen: String = seen.chars().filter(|c| *c == ' ' || !is_invisible(*c)).collect();
        let line = seen.split_whitespace().collect::<Vec<_>>().join(" ");
        let fitted = match self {
            Self::Name => name(&line),
            Self::Phrase => line.chars().filter(|c| is_chinese(*c)).take(5).collect(),
            _ => cut(&line, 20),
        };
        if fitted.is_empty() { NOTHING.to_owned() } else { fitted }
    }

    fn fit_time(self, time: DateTime) -> String {
        match self {
            Self::Time | Self::Date => long(time),
            _ => clock::brief(time),
        }
    }

    fn fit_period(self, from: DateTime, to: DateTime) -> String {
        let is_one_day = from.date() == to.date();
        let clock_of = |time: DateTime| time.strftime("%H:%M").to_string();
        match self {
            Self::Time if is_one_day => format!("{}~{}", long(from), clock_of(to)),
            Self::Time => format!("{}~{}", long(from), long(to)),
            Self::Date => long(from),
            _ if is_one_day => format!("{}~{}", clock::brief(from), clock_of(to)),
            // Two of them would be too long.
            _ => format!("{} 起", clock::brief(from)),
        }
    }
}

/// `2021年10月1日 08:00`
fn long(time: DateTime) -> String {
    time.strftime("%Y年%-m月%-d日 %H:%M").to_string()
}

/// At most ten Chinese characters and nothing else, or at most twenty letters.
fn name(line: &str) -> String {
    let chinese: String = line.chars().filter(|c| is_chinese(*c)).take(10).collect();
    if !chinese.is_empty() {
        return chinese;
    }
    let letters: String = line.chars().filter(|c| c.is_ascii_alphabetic() || *c == ' ').take(20).collect();
    letters.trim().to_owned()
}

pub(crate) fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn fit(field: &str, value: &FieldValue) -> String {
        FieldType::of(field).unwrap().fit(value, &TimeZone::UTC)
    }

    fn text(field: &str, value: &str) -> String {
        fit(field, &FieldValue::Text(value.to_owned()))
    }

    #[test]
    fn texts_are_cut_to_their_type() {
        assert_eq!(text("thing1", "中关村软件园"), "中关村软件园");
        assert_eq!(text("thing1", &"一".repeat(21)), format!("{}…", "一".repeat(19)));
        assert_eq!(text("thing12", " \u{200b} "), NOTHING);
        assert_eq!(text("keyword1", "张三\n等 2 人"), "张三 等 2 人");
        assert_eq!(text("name1", "阿卜杜勒·本·穆罕默德·艾哈迈德"), "阿卜杜勒本穆罕默德艾");
        assert_eq!(text("name1", "J. R. Smith"), "J R Smith");
        assert_eq!(text("name1", "😀"), NOTHING);
        assert_eq!(text("phrase2", "快递 送货上门"), "快递送货上");
    }

    #[test]
    fn times_are_written_as_their_type_asks() {
        let at = |day: i8, hour: i8| clock::instant(&TimeZone::UTC, date(2021, 10, day).at(hour, 0, 0, 0));
        let (day, night) = (FieldValue::Period(at(1, 8), at(1, 10)), FieldValue::Period(at(1, 22), at(2, 6)));
        assert_eq!(fit("time2", &day), "2021年10月1日 08:00~10:00");
        assert_eq!(fit("time2", &night), "2021年10月1日 22:00~2021年10月2日 06:00");
        assert_eq!(fit("date2", &day), "2021年10月1日 08:00");
        assert_eq!(fit("thing2", &day), "10-01 08:00~10:00");
        assert_eq!(fit("thing2", &night), "10-01 22:00 起");
        assert_eq!(fit("time2", &FieldValue::Time(at(1, 8))), "2021年10月1日 08:00");
        assert_eq!(fit("character_string3", &FieldValue::Number(7)), "7");
    }

    #[test]
    fn a_field_is_known_by_its_name() {
        for unknown in ["", "thing", "thing123", "first1", "keyword", "amount1", "Thing1", "thing1x", "甲1"]
        {
            assert_eq!(FieldType::of(unknown), None, "{unknown}");
        }
        assert!(!FieldType::Time.takes(ValueKind::Text));
        assert!(!FieldType::Phrase.takes(ValueKind::Number));
    }
}
