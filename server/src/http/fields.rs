//! The kinds of field that documents have. Each parses itself and says what it expects, so a
//! request struct is the whole validation of its endpoint.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use jiff::civil::Date;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::text::is_invisible;

/// Completes “expected …” in both languages; travels through serde as one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub zh: Cow<'static, str>,
    pub en: Cow<'static, str>,
}

const SEPARATOR: char = '\u{1f}';

impl Expected {
    const fn fixed(zh: &'static str, en: &'static str) -> Self {
        Self { zh: Cow::Borrowed(zh), en: Cow::Borrowed(en) }
    }

    /// Reads back what [`fmt::Display`] wrote; `None` for a text of another origin.
    #[must_use]
    pub fn from_message(message: &str) -> Option<Self> {
        let (zh, en) = message.split_once(SEPARATOR)?;
        Some(Self { zh: zh.to_owned().into(), en: en.to_owned().into() })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{SEPARATOR}{}", self.zh, self.en)
    }
}

pub const REQUIRED: Expected = Expected::fixed("必填", "is required");
const TEXT: Expected = Expected::fixed("应为文本", "expected text");
pub const NO_CONTROL: Expected = Expected::fixed("不能含有控制字符", "must not contain control characters");

/// More characters than any field takes, counted in bytes of the largest ones.
const LONGEST_TEXT: usize = 32 << 10;

/// A JSON value as far as a field cares.
pub enum Scalar {
    Absent,
    /// A text that is too long for any field ends early, in a character that no number or date has.
    Text(String),
    Integer(i64),
    Fraction(f64),
    Truth(bool),
    Other,
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl<'de> Visitor<'de> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        if text.len() <= LONGEST_TEXT {
            return Ok(Scalar::Text(text.to_owned()));
        }
        // Blanks around it are no part of most texts; the others have enough of them left to be too long.
        let trimmed = text.trim();
        if trimmed.len() <= LONGEST_TEXT {
            return Ok(Scalar::Text(format!("{:1$}{trimmed}", "", LONGEST_PASSWORD + 1)));
        }
        let start = &text[..text.floor_char_boundary(LONGEST_TEXT)];
        Ok(Scalar::Text(format!("{start}…")))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(integer))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Scalar, E> {
        Ok(i64::try_from(integer).map_or(Scalar::Other, Scalar::Integer))
    }

    fn visit_f64<E>(self, fraction: f64) -> Result<Scalar, E> {
        Ok(Scalar::Fraction(fraction))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Scalar, E> {
        Ok(Scalar::Truth(truth))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Absent)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Scalar, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }
}

/// A kind of field.
pub trait Field: Sized {
    /// # Errors
    /// What was expected instead.
    fn parse(value: Scalar) -> Result<Self, Expected>;

    /// Its OpenAPI schema.
    fn describe() -> ObjectBuilder;
}

/// For `#[serde(default, deserialize_with = "optional")]`: absent, null and "" are `None`.
///
/// # Errors
/// As the field's own.
pub fn optional<'de, D: Deserializer<'de>, T: Field>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Scalar::deserialize(deserializer)? {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) if !is_visible(&text) => Ok(None),
        value => T::parse(value).map(Some).map_err(D::Error::custom),
    }
}

/// For `#[serde(default, deserialize_with = "filter")]` of what begins at 1: as [`optional`], and 0, which
/// clients send for “all”, is `None` too.
///
/// # Errors
/// As the field's own.
pub fn filter<'de, D: Deserializer<'de>, T: Field>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Scalar::deserialize(deserializer)? {
        Scalar::Absent | Scalar::Integer(0) => Ok(None),
        Scalar::Text(text) if matches!(text.trim(), "" | "0") => Ok(None),
        value => T::parse(value).map(Some).map_err(D::Error::custom),
    }
}

/// For `#[serde(default, deserialize_with = "kept")]` of what a change may leave out: absent and null are
/// `None`; "" is not, for it is what an emptied form sends.
///
/// # Errors
/// As the field's own.
pub fn kept<'de, D: Deserializer<'de>, T: Field>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Scalar::deserialize(deserializer)? {
        Scalar::Absent => Ok(None),
        value => T::parse(value).map(Some).map_err(D::Error::custom),
    }
}

macro_rules! field {
    ($kind:ty $(, $generic:ident : $of:ty)*) => {
        impl<'de, $(const $generic: $of),*> Deserialize<'de> for $kind {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::parse(Scalar::deserialize(deserializer)?).map_err(D::Error::custom)
            }
        }
        impl<$(const $generic: $of),*> PartialSchema for $kind {
            fn schema() -> RefOr<Schema> {
                Self::describe().into()
            }
        }
        impl<$(const $generic: $of),*> ToSchema for $kind {
            fn name() -> Cow<'static, str> {
                let name: String = [stringify!($kind).split('<').next().unwrap_or_default().to_owned() $(, $generic.to_string())*].join("_");
                name.replace('-', "minus").into()
            }
        }
    };
}

/// Whether a text counts as there: one of blanks, fillers and marks for formatting does not. Control
/// characters do, for they are refused by name.
fn is_visible(text: &str) -> bool {
    text.chars().any(|c| !is_invisible(c) || (c.is_control() && !c.is_whitespace()))
}

fn trimmed(value: Scalar) -> Result<String, Expected> {
    match value {
        Scalar::Absent => Err(REQUIRED),
        Scalar::Text(text) if !is_visible(&text) => Err(REQUIRED),
        Scalar::Text(text) => match text.trim() {
            "" => Err(REQUIRED),
            short if short.len() == text.len() => Ok(text),
            short => Ok(short.to_owned()),
        },
        Scalar::Integer(_) | Scalar::Fraction(_) | Scalar::Truth(_) | Scalar::Other => Err(TEXT),
    }
}

fn shorter(text: String, max: usize) -> Result<String, Expected> {
    // A text has at least as many bytes as characters, so most need no counting.
    if text.len() > max && text.chars().count() > max {
        return Err(Expected {
            zh: format!("最多 {max} 个字符").into(),
            en: format!("at most {max} characters").into(),
        });
    }
    Ok(text)
}

fn text_schema(max: usize) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(max))
}

/// One line of text: trimmed, with something to see, at most `MAX` characters, no control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<const MAX: usize>(String);

/// A name (姓名, 名称).
pub type Name = Line<64>;
/// A WeChat openid, or whatever the front end uses in its place.
pub type OpenId = Line<128>;

impl<const MAX: usize> Field for Line<MAX> {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = shorter(trimmed(value)?, MAX)?;
        if text.chars().any(char::is_control) { Err(NO_CONTROL) } else { Ok(Self(text)) }
    }

    fn describe() -> ObjectBuilder {
        text_schema(MAX)
    }
}
field!(Line<MAX>, MAX: usize);

impl<const MAX: usize> Deref for Line<MAX> {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl<const MAX: usize> From<Line<MAX>> for String {
    fn from(line: Line<MAX>) -> Self {
        line.0
    }
}

/// A line that may be given as "" to clear what is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClearableLine<const MAX: usize>(pub String);

impl<const MAX: usize> Field for ClearableLine<MAX> {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        match Line::<MAX>::parse(value) {
            Ok(line) => Ok(Self(line.into())),
            Err(expected) if expected == REQUIRED => Ok(Self(String::new())),
            Err(expected) => Err(expected),
        }
    }

    fn describe() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(MAX))
    }
}
field!(ClearableLine<MAX>, MAX: usize);

const LONGEST_PASSWORD: usize = 128;

/// A password: taken as it is, never trimmed, never shown.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl Field for Password {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        match value {
            Scalar::Absent => Err(REQUIRED),
            Scalar::Text(text) if text.is_empty() => Err(REQUIRED),
            // Bounded, because hashing takes time that grows with the length.
            Scalar::Text(text) => Ok(Self(shorter(text, LONGEST_PASSWORD)?)),
            Scalar::Integer(_) | Scalar::Fraction(_) | Scalar::Truth(_) | Scalar::Other => Err(TEXT),
        }
    }

    fn describe() -> ObjectBuilder {
        text_schema(LONGEST_PASSWORD).format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
    }
}
field!(Password);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

/// An integer from `MIN` to `MAX`, as a number or a numeric text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntIn<const MIN: i64, const MAX: i64>(pub i64);

/// An id, or any other integer above 0.
pub type Id = IntIn<1, { i64::MAX }>;
/// As a filter takes it: an id, or 0 for all.
pub type IdOrAll = IntIn<0, { i64::MAX }>;
/// 0 or 1, which a form's switch sends as false or true.
pub type Flag = IntIn<0, 1>;

impl<const MIN: i64, const MAX: i64> IntIn<MIN, MAX> {
    const IS_FLAG: bool = MIN == 0 && MAX == 1;

    fn expected() -> Expected {
        match (MIN, MAX) {
            (1, i64::MAX) => Expected::fixed("应为大于 0 的整数", "expected an integer above 0"),
            (0, 1) => Expected::fixed("应为 0 或 1", "expected 0 or 1"),
            _ => Expected {
                zh: format!("应为 {MIN} 到 {MAX} 的整数").into(),
                en: format!("expected an integer from {MIN} to {MAX}").into(),
            },
        }
    }
}

impl<const MIN: i64, const MAX: i64> Field for IntIn<MIN, MAX> {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let integer = match value {
            Scalar::Absent => return Err(REQUIRED),
            Scalar::Integer(integer) => Some(integer),
            Scalar::Text(text) => match text.trim() {
                "" => return Err(REQUIRED),
                "false" if Self::IS_FLAG => Some(0),
                "true" if Self::IS_FLAG => Some(1),
                text => decimal(text),
            },
            Scalar::Truth(truth) if Self::IS_FLAG => Some(truth.into()),
            Scalar::Fraction(_) | Scalar::Truth(_) | Scalar::Other => None,
        };
        integer.filter(|integer| (MIN..=MAX).contains(integer)).map(Self).ok_or_else(Self::expected)
    }

    fn describe() -> ObjectBuilder {
        // What a document calls 0 or 1 may be sent as false or true.
        let kind = match Self::IS_FLAG {
            true => SchemaType::from_iter([Type::Integer, Type::Boolean]),
            false => Type::Integer.into(),
        };
        let schema = ObjectBuilder::new()
            .schema_type(kind)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
            .minimum(Some(MIN));
        if MAX == i64::MAX { schema } else { schema.maximum(Some(MAX)) }
    }
}
field!(IntIn<MIN, MAX>, MIN: i64, MAX: i64);

/// Digits with an optional minus: what a document calls an integer, not all that Rust would read.
fn decimal(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_decimal = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_decimal.then(|| text.parse().ok()).flatten()
}

/// A mainland mobile number (手机号): 1, then 3 to 9, then nine digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mobile(String);

impl Field for Mobile {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = trimmed(value)?;
        let is_mobile = text.len() == 11
            && text.bytes().all(|byte| byte.is_ascii_digit())
            && matches!(text.as_bytes(), [b'1', b'3'..=b'9', ..]);
        let expected = Expected::fixed("应为 11 位手机号", "expected a mobile number of 11 digits");
        if is_mobile { Ok(Self(text)) } else { Err(expected) }
    }

    fn describe() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^1[3-9][0-9]{9}$"))
    }
}
field!(Mobile);

impl Deref for Mobile {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl From<Mobile> for String {
    fn from(mobile: Mobile) -> Self {
        mobile.0
    }
}

/// A calendar day, `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub Date);

impl Field for Day {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = trimmed(value)?;
        // jiff reads more forms than the documents have.
        let has_form = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let expected = Expected::fixed("应为 YYYY-MM-DD 格式的日期", "expected a day written YYYY-MM-DD");
        if has_form { text.parse().map(Self).map_err(|_| expected) } else { Err(expected) }
    }

    fn describe() -> ObjectBuilder {
        let format = SchemaFormat::KnownFormat(KnownFormat::Date);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format))
    }
}
field!(Day);

impl serde::Serialize for Day {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

mod bounded;
mod decoration;
mod marketplace;
mod visiting;

pub use bounded::{Raw, at_most};
pub use decoration::{Hint, Nickname, PictureAddress};
pub use marketplace::{Address, Price, Tel, Url};
pub use visiting::{AnyPhone, Moment, Phone, Prose};

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(json: &str) -> Result<T, String> {
        T::parse(serde_json::from_str(json).unwrap()).map_err(|expected| expected.en.into_owned())
    }

    #[test]
    fn integers_may_be_numbers_or_numeric_text() {
        assert_eq!(read::<Flag>("1").unwrap().0, 1);
        assert_eq!(read::<Flag>("\" 0 \"").unwrap().0, 0);
        assert_eq!(read::<IntIn<-5, 5>>("\"-5\"").unwrap().0, -5);
        for wrong in [
            "2",
            "-1",
            "1.0",
            "1e0",
            "\"True\"",
            "\"yes\"",
            "[]",
            "{}",
            "\"1.0\"",
            "\"+1\"",
            "\"x\"",
            "99999999999999999999",
        ] {
            assert_eq!(read::<Flag>(wrong).unwrap_err(), "expected 0 or 1", "{wrong}");
        }
        for absent in ["null", "\"\"", "\"  \""] {
            assert_eq!(read::<Flag>(absent).unwrap_err(), "is required", "{absent}");
        }
    }

    #[test]
    fn only_a_flag_may_be_true_or_false() {
        for (json, flag) in [("true", 1), ("false", 0), ("\"true\"", 1), ("\" false \"", 0)] {
            assert_eq!(read::<Flag>(json).unwrap().0, flag, "{json}");
        }
        for json in ["true", "\"true\""] {
            assert_eq!(read::<IntIn<0, 2>>(json).unwrap_err(), "expected an integer from 0 to 2");
            assert_eq!(read::<Id>(json).unwrap_err(), "expected an integer above 0");
        }
        assert_eq!(read::<Name>("true").unwrap_err(), "expected text");
    }

    #[test]
    fn a_filter_of_0_is_none_and_what_is_left_out_of_a_change_is_kept() {
        let filtered = |json: &str| filter::<_, Id>(&mut serde_json::Deserializer::from_str(json));
        for all in ["0", "\"0\"", "\"\"", "null"] {
            assert_eq!(filtered(all).unwrap(), None, "{all}");
        }
        assert_eq!(filtered("\"7\"").unwrap(), Some(IntIn(7)));
        assert!(filtered("-1").is_err());
        let changed = |json: &str| kept::<_, Name>(&mut serde_json::Deserializer::from_str(json));
        assert_eq!(changed("null").unwrap(), None);
        assert!(changed("\"\"").is_err());
    }

    #[test]
    fn lines_are_trimmed_counted_in_characters_and_free_of_controls() {
        assert_eq!(read::<Name>("\"  张三 \"").unwrap().as_str(), "张三");
        assert_eq!(read::<Line<2>>("\"𠮷😀\"").unwrap().as_str(), "𠮷😀");
        assert_eq!(read::<Line<2>>("\"abc\"").unwrap_err(), "at most 2 characters");
        assert_eq!(read::<Name>("\"a\\u0000b\"").unwrap_err(), "must not contain control characters");
        assert_eq!(read::<Name>("\"a\\nb\"").unwrap_err(), "must not contain control characters");
        assert_eq!(read::<Name>("5").unwrap_err(), "expected text");
        assert_eq!(read::<ClearableLine<9>>("\" \"").unwrap().0, "");
    }

    #[test]
    fn what_is_much_too_long_is_never_taken_for_its_beginning() {
        let long = |part: &str, rest: &str| format!("\"{}{rest}\"", part.repeat(40_000));
        assert_eq!(read::<Name>(&long("x", "")).unwrap_err(), "at most 64 characters");
        assert_eq!(read::<Prose<5000>>(&long("😀", "")).unwrap_err(), "at most 5000 characters");
        assert_eq!(read::<Flag>(&long("0", "1")).unwrap_err(), "expected 0 or 1");
        assert_eq!(read::<Flag>(&long(" ", "1")).unwrap().0, 1);
        assert_eq!(read::<Name>(&long(" ", "张三")).unwrap().as_str(), "张三");
        assert!(read::<Password>(&long(" ", "secret")).is_err());
        assert!(read::<Password>(&long(" ", "")).is_err());
    }

    #[test]
    fn passwords_keep_their_blanks() {
        assert_eq!(read::<Password>("\"  secret \"").unwrap().reveal(), "  secret ");
        assert!(read::<Password>("\"\"").is_err());
    }

    #[test]
    fn mobiles_and_days_have_one_form() {
        assert!(read::<Mobile>("\"13800000000\"").is_ok());
        for wrong in [
            "\"12800000000\"",
            "\"1380000000\"",
            "\"138000000000\"",
            "\"1380000000a\"",
            "13800000000",
            "\"１３８００００００００\"",
        ] {
            assert!(read::<Mobile>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read::<Day>("\"2021-10-01\"").unwrap().0, jiff::civil::date(2021, 10, 1));
        for wrong in [
            "\"2021-02-30\"",
            "\"2021-1-1\"",
            "\"20211001\"",
            "\"2021-10-01T00:00\"",
            "\"+002021-10\"",
            "20211001",
        ] {
            assert!(read::<Day>(wrong).is_err(), "{wrong}");
        }
    }
}
