//! The kinds of field that the visitors documents add.

use std::borrow::Cow;
use std::ops::Deref;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::de::{Deserialize, Deserializer, Error as _};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Expected, Field, NO_CONTROL, REQUIRED, Scalar, decimal, shorter, text_schema, trimmed};
use crate::clock::{Millis, SECOND, instant};
use crate::phone;

/// A telephone number as the visitors document has them: 5 to 20 digits, perhaps after a `+`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone(String);

impl Field for Phone {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = trimmed(value)?;
        let digits = text.strip_prefix('+').unwrap_or(&text);
        let is_phone = (5..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
        let expected = Expected::fixed(
            "应为 5 到 20 位数字的电话号码，可以 + 开头",
            "expected a phone number of 5 to 20 digits, optionally after +",
        );
        if is_phone { Ok(Self(text)) } else { Err(expected) }
    }

    fn describe() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^\\+?[0-9]{5,20}$"))
    }
}
field!(Phone);

impl Deref for Phone {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

/// A telephone number in any spelling, for what is looked for and not kept for a call: 5 to 20 digits once
/// blanks, hyphens, dots, brackets and invisible marks are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyPhone {
    pub text: String,
    /// In which it is compared.
    pub key: String,
}

impl Field for AnyPhone {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = shorter(trimmed(value)?, 64)?;
        let key = phone::key(&text);
        let is_phone = (5..=20).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit());
        let expected =
            Expected::fixed("应为 5 到 20 位数字的电话号码", "expected a phone number of 5 to 20 digits");
        if is_phone { Ok(Self { text, key }) } else { Err(expected) }
    }

    fn describe() -> ObjectBuilder {
        text_schema(64)
    }
}
field!(AnyPhone);

/// An instant as Unix seconds or as `YYYY-MM-DD HH:MM:SS` in the configured zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    Unix(i64),
    Local(DateTime),
}

/// The last second of the year 9999: what the text form can show.
const LAST_SECOND: i64 = 253_402_300_799;

impl Moment {
    /// The instant in `zone`.
    #[must_use]
    pub fn at(self, zone: &TimeZone) -> Millis {
        match self {
            Self::Unix(seconds) => seconds * SECOND,
            Self::Local(local) => instant(zone, local),
        }
    }
}

impl Field for Moment {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let expected = Expected::fixed(
            "应为 Unix 时间戳（秒）或 YYYY-MM-DD HH:MM:SS",
            "expected Unix seconds or YYYY-MM-DD HH:MM:SS",
        );
        let seconds = match value {
            Scalar::Absent => return Err(REQUIRED),
            Scalar::Integer(seconds) => Some(seconds),
            Scalar::Text(text) => match text.trim() {
                "" => return Err(REQUIRED),
                text => match decimal(text) {
                    Some(seconds) => Some(seconds),
                    None => return wall_clock(text).map(Self::Local).ok_or(expected),
                },
            },
            Scalar::Fraction(_) | Scalar::Truth(_) | Scalar::Other => None,
        };
        seconds.filter(|seconds| (0..=LAST_SECOND).contains(seconds)).map(Self::Unix).ok_or(expected)
    }

    fn describe() -> ObjectBuilder {
        let types = [Type::Integer, Type::String];
        ObjectBuilder::new().schema_type(SchemaType::from_iter(types))
    }
}
field!(Moment);

/// `2021-06-09 10:00:00`, and no other form that jiff would read.
fn wall_clock(text: &str) -> Option<DateTime> {
    let has_form = text.len() == 19
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            10 => byte == b' ',
            13 | 16 => byte == b':',
            _ => byte.is_ascii_digit(),
        });
    // A 60th second would be read as the 59th.
    if !has_form || &text[17..] == "60" {
        return None;
    }
    text.parse().ok()
}

/// Free text: trimmed, at most `MAX` characters; line breaks and tabs are its only control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prose<const MAX: usize>(String);

impl<const MAX: usize> Field for Prose<MAX> {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = shorter(trimmed(value)?, MAX)?;
        let is_banned = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if text.chars().any(is_banned) { Err(NO_CONTROL) } else { Ok(Self(text)) }
    }

    fn describe() -> ObjectBuilder {
        text_schema(MAX)
    }
}
field!(Prose<MAX>, MAX: usize);

impl<const MAX: usize> From<Prose<MAX>> for String {
    fn from(prose: Prose<MAX>) -> Self {
        prose.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(json: &str) -> Result<T, String> {
        T::parse(serde_json::from_str(json).unwrap()).map_err(|expected| expected.en.into_owned())
    }

    #[test]
    fn phones_moments_and_prose_have_their_forms() {
        for good in ["\"12345\"", "\"+8613811111111\"", "\"12345678901234567890\""] {
            assert!(read::<Phone>(good).is_ok(), "{good}");
        }
        for wrong in
            ["\"1234\"", "\"+\"", "\"123456789012345678901\"", "\"138-1111\"", "12345", "\"１２３４５\""]
        {
            assert!(read::<Phone>(wrong).is_err(), "{wrong}");
        }
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        for same in ["1623232800", "\"1623232800\"", "\"2021-06-09 18:00:00\""] {
            assert_eq!(read::<Moment>(same).unwrap().at(&zone), 1_623_232_800_000, "{same}");
        }
        for wrong in [
            "-1",
            "1.5",
            "\"2021-06-09\"",
            "\"2021-06-09T18:00:00\"",
            "\"2021-02-30 00:00:00\"",
            "253402300800",
        ] {
            assert!(read::<Moment>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(String::from(read::<Prose<9>>("\" a\\nb \"").unwrap()), "a\nb");
        assert!(read::<Prose<9>>("\"a\\u0000\"").is_err());
    }
}
