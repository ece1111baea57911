//! The kinds of field that the homemaking document adds.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{PartialSchema, ToSchema};

use super::{Expected, Field, NO_CONTROL, REQUIRED, Scalar, shorter, trimmed};

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
        let text = shorter(trimmed(value)?, 1_000)?;
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
    const EXPECTED: Expected = Expected::fixed(
        "应为 wx.chooseAddress() 返回的对象或其 JSON 文本",
        "expected the object that wx.chooseAddress() gives, or its JSON text",
    );

    /// For `#[serde(default, deserialize_with = "Address::optional")]`: absent, null, "" and `{}` are
    /// `None`.
    ///
    /// # Errors
    /// When it is anything but an address.
    pub fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(AddressVisitor)
    }
}

struct AddressVisitor;

impl<'de> Visitor<'de> for AddressVisitor {
    type Value = Option<Address>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Address::EXPECTED, f)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
        Err(E::custom(Address::EXPECTED))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
        Err(E::custom(Address::EXPECTED))
    }

    fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
        Err(E::custom(Address::EXPECTED))
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
        Err(E::custom(Address::EXPECTED))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom(Address::EXPECTED))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let map = json.deserialize_map(self).and_then(|map| json.end().map(|()| map));
        map.map_err(|_| E::custom(Address::EXPECTED))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = entries.next_key::<Entry>()? {
            let (Entry(Some(Value::String(name))), Entry(Some(value))) = (name, entries.next_value()?) else {
                return Err(A::Error::custom(Address::EXPECTED));
            };
            map.insert(name, value);
            if map.len() > ENTRIES {
                return Err(A::Error::custom(Address::EXPECTED));
            }
        }
        Ok((!map.is_empty()).then_some(Address(map)))
    }
}

/// A name or a value of an address; `None`: none that could be kept.
struct Entry(Option<Value>);

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor).map(Self)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Option<Value>, E> {
        Ok(Some(Value::Null))
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Option<Value>, E> {
        Ok(Some(truth.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<Value>, E> {
        Ok(Some(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<Value>, E> {
        Ok(Some(number.into()))
    }

    /// A whole number beyond 64 bits was made a float on the way here.
    fn visit_f64<E>(self, number: f64) -> Result<Option<Value>, E> {
        Ok((number.abs() < EXACT).then(|| number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Value>, E> {
        let is_plain = text.len() <= 4 * LONGEST_ENTRY
            && text.chars().count() <= LONGEST_ENTRY
            && !text.chars().any(char::is_control);
        Ok(is_plain.then(|| text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Value>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Option<Value>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
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
    fn a_price_is_text_or_a_number_of_shorter_two_decimals() {
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
        let read = |json: &str| Address::optional(&mut serde_json::Deserializer::from_str(json)).ok();
        let one = read(r#"{"userName":"张三","postalCode":510000}"#).unwrap().unwrap();
        assert_eq!(read(r#""{\"userName\":\"张三\",\"postalCode\":510000}""#).unwrap().unwrap(), one);
        for none in ["null", "\"\"", "{}", "\"{}\""] {
            assert_eq!(read(none), Some(None), "{none}");
        }
        for wrong in ["1", "[]", "\"x\"", "\"[]\"", r#"{"a":{}}"#, r#"{"a":"\u0000"}"#] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
        for exact in ["18446744073709551615", "-9223372036854775808", "113.32452"] {
            let kept = read(&format!("{{\"a\":{exact}}}")).unwrap().unwrap();
            assert_eq!(kept.0["a"].to_string(), exact);
        }
        for lost in ["18446744073709551616", "-9223372036854775809", "1e300"] {
            assert!(read(&format!("{{\"a\":{lost}}}")).is_none(), "{lost}");
        }
    }
}
