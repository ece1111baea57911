//! The kinds of field that the homemaking document adds.

use std::borrow::Cow;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Expected, Field, NO_CONTROL, REQUIRED, Scalar, at_most, trimmed};

/// A price in fen, from decimal text or a number: above 0, at most two decimals and 1,000,000.00.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price(pub i64);

/// The highest price, in fen.
const HIGHEST: i64 = 100_000_000;

impl Field for Price {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = match value {
            Scalar::Absent => return Err(REQUIRED),
            Scalar::Text(text) if text.trim().is_empty() => return Err(REQUIRED),
            Scalar::Text(text) => text,
            Scalar::Integer(yuan) => yuan.to_string(),
            // The shortest text that reads back as this number, which is what was sent.
            Scalar::Fraction(yuan) => yuan.to_string(),
            Scalar::Truth(_) | Scalar::Other => String::new(),
        };
        let expected = Expected::fixed(
            "应大于 0，最多两位小数，不超过 1000000.00",
            "expected more than 0, at most two decimals and at most 1000000.00",
        );
        fen(text.trim()).filter(|fen| (1..=HIGHEST).contains(fen)).map(Self).ok_or(expected)
    }

    fn describe() -> ObjectBuilder {
        let types = [Type::String, Type::Number];
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter(types))
            .pattern(Some("^[0-9]+(\\.[0-9]{1,2})?$"))
    }
}
field!(Price);

/// Digits, then perhaps a point and one or two more.
fn fen(text: &str) -> Option<i64> {
    let (yuan, rest) = text.split_once('.').map_or((text, None), |(yuan, rest)| (yuan, Some(rest)));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(yuan) || rest.is_some_and(|rest| !are_digits(rest) || rest.len() > 2) {
        return None;
    }
    let cents = format!("{:0<2}", rest.unwrap_or_default()).parse::<i64>().ok()?;
    yuan.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)
}

/// A telephone number: 5 to 20 digits, with `+` and `-` among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tel(String);

impl Field for Tel {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = trimmed(value)?;
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let is_tel = (5..=20).contains(&digits)
            && text.len() <= 32
            && text.bytes().all(|byte| b"+-0123456789".contains(&byte));
        let expected = Expected::fixed(
            "应为 5 到 20 位数字的电话号码，可含 + 和 -",
            "expected a phone number of 5 to 20 digits, with + and - allowed",
        );
        if is_tel { Ok(Self(text)) } else { Err(expected) }
    }

    fn describe() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[-+0-9]{5,32}$"))
    }
}
field!(Tel);

impl From<Tel> for String {
    fn from(tel: Tel) -> Self {
        tel.0
    }
}

/// The address of an image: http or https, at most 1,000 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url(String);

impl Field for Url {
    fn parse(value: Scalar) -> Result<Self, Expected> {
        let text = at_most(trimmed(value)?, 1_000)?;
        if text.chars().any(char::is_control) {
            return Err(NO_CONTROL);
        }
        let parsed = url::Url::parse(&text).ok();
        let is_web = parsed.is_some_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let expected = Expected::fixed("应为 http 或 https 地址", "expected an http or https address");
        if is_web { Ok(Self(text)) } else { Err(expected) }
    }

    fn describe() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(1_000)).pattern(Some("^https?://"))
    }
}
field!(Url);

impl Deref for Url {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

impl From<Url> for String {
    fn from(url: Url) -> Self {
        url.0
    }
}

/// What `wx.chooseAddress()` gives (收货地址), as an object or as its JSON text: at most 20 entries,
/// texts or numbers. A number too large to be given back as it came is refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Address(pub Map<String, Value>);

const ENTRIES: usize = 20;
const LONGEST_ENTRY: usize = 500;
/// From here on floats leave out whole numbers.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Address {
    fn read(value: Value) -> Result<Option<Self>, Expected> {
        let expected = || {
            Expected::fixed(
                "应为 wx.chooseAddress() 返回的对象或其 JSON 文本",
                "expected the object that wx.chooseAddress() gives, or its JSON text",
            )
        };
        let map = match value {
            Value::Null => return Ok(None),
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => {
                serde_json::from_str::<Map<String, Value>>(&text).map_err(|_| expected())?
            }
            Value::Object(map) => map,
            _ => return Err(expected()),
        };
        let is_plain =
            |text: &str| text.chars().count() <= LONGEST_ENTRY && !text.chars().any(char::is_control);
        let fits = |(name, value): (&String, &Value)| {
            is_plain(name)
                && match value {
                    Value::String(text) => is_plain(text),
                    // A whole number beyond 64 bits was made a float on the way here.
                    Value::Number(number) if number.is_f64() => {
                        number.as_f64().is_some_and(|number| number.abs() < EXACT)
                    }
                    Value::Number(_) | Value::Bool(_) | Value::Null => true,
                    _ => false,
                }
        };
        if map.len() > ENTRIES || !map.iter().all(fits) {
            return Err(expected());
        }
        Ok((!map.is_empty()).then_some(Self(map)))
    }

    /// For `#[serde(default, deserialize_with = "Address::optional")]`: absent, null, "" and `{}` are
    /// `None`.
    ///
    /// # Errors
    /// When it is anything but an address.
    pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        Self::read(Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl PartialSchema for Address {
    fn schema() -> RefOr<Schema> {
        let values = [Type::String, Type::Number, Type::Boolean, Type::Null];
        let value =
            ObjectBuilder::new().schema_type(SchemaType::from_iter(values)).max_length(Some(LONGEST_ENTRY));
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::Object, Type::String]))
            .additional_properties(Some(Schema::from(value)))
            .max_properties(Some(ENTRIES))
            .into()
    }
}

impl ToSchema for Address {
    fn name() -> Cow<'static, str> {
        "Address".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Field>(json: &str) -> Result<T, String> {
        T::parse(serde_json::from_str(json).unwrap()).map_err(|expected| expected.en.into_owned())
    }

    #[test]
    fn a_price_is_text_or_a_number_of_at_most_two_decimals() {
        let cases = [
            ("\"300.00\"", 30_000),
            ("\" 0.01 \"", 1),
            ("300", 30_000),
            ("300.5", 30_050),
            ("0.29", 29),
            ("1000000", HIGHEST),
            ("\"1000000.00\"", HIGHEST),
        ];
        for (json, fen) in cases {
            assert_eq!(read::<Price>(json), Ok(Price(fen)), "{json}");
        }
        let wrong = [
            "0",
            "-1",
            "0.001",
            "\"1.234\"",
            "\"1000000.01\"",
            "1e10",
            "\"1.\"",
            "\".5\"",
            "\"+1\"",
            "\"１\"",
            "true",
            "[]",
            "\"1e2\"",
            "\"99999999999999999999\"",
            "1e300",
        ];
        for json in wrong {
            assert!(read::<Price>(json).is_err(), "{json}");
        }
        assert_eq!(read::<Price>("\" \"").unwrap_err(), "is required");
    }

    #[test]
    fn telephone_numbers_and_addresses_of_images_have_their_forms() {
        for good in ["\"020-81167888\"", "\"+86-138-0000-0000\"", "\"10086\""] {
            assert!(read::<Tel>(good).is_ok(), "{good}");
        }
        for wrong in ["\"1234\"", "\"-----\"", "\"123456789012345678901\"", "\"12 345\"", "12345"] {
            assert!(read::<Tel>(wrong).is_err(), "{wrong}");
        }
        assert!(read::<Url>("\"https://example.com/a.png\"").is_ok());
        for wrong in ["\"javascript:alert(1)\"", "\"/a.png\"", "\"ftp://example.com\"", "\"https://\"", "7"] {
            assert!(read::<Url>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_an_object_or_its_text() {
        let read = |json: &str| Address::read(serde_json::from_str(json).unwrap());
        let one = read(r#"{"userName":"张三","postalCode":510000}"#).unwrap().unwrap();
        assert_eq!(read(r#""{\"userName\":\"张三\",\"postalCode\":510000}""#).unwrap().unwrap(), one);
        for none in ["null", "\"\"", "{}", "\"{}\""] {
            assert_eq!(read(none), Ok(None), "{none}");
        }
        for wrong in ["1", "[]", "\"x\"", "\"[]\"", r#"{"a":{}}"#, r#"{"a":"\u0000"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        for exact in ["18446744073709551615", "-9223372036854775808", "113.32452"] {
            let kept = read(&format!("{{\"a\":{exact}}}")).unwrap().unwrap();
            assert_eq!(kept.0["a"].to_string(), exact);
        }
        for lost in ["18446744073709551616", "-9223372036854775809", "1e300"] {
            assert!(read(&format!("{{\"a\":{lost}}}")).is_err(), "{lost}");
        }
    }
}
