//! Fields that hold one of a few words, and fields that are true or false.

use serde::de::{Deserialize, Deserializer, Error as _};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use crate::http::fields::{Expected, REQUIRED, Scalar};

/// An enum whose values are words on the wire.
pub trait Choice: Copy + 'static {
    const ALL: &'static [Self];

    fn word(self) -> &'static str;
}

/// The value that `value` names.
///
/// # Errors
/// Lists the words that were expected.
pub fn choose<T: Choice>(value: Scalar) -> Result<T, Expected> {
    let text = match value {
        Scalar::Absent => return Err(REQUIRED),
        Scalar::Text(text) if text.trim().is_empty() => return Err(REQUIRED),
        Scalar::Text(text) => text,
        _ => String::new(),
    };
    find(text.trim()).ok_or_else(|| Expected {
        zh: format!("应为 {} 之一", words::<T>().join("、")).into(),
        en: format!("expected one of {}", words::<T>().join(", ")).into(),
    })
}

/// The value of a word.
#[must_use]
pub fn find<T: Choice>(word: &str) -> Option<T> {
    T::ALL.iter().copied().find(|choice| choice.word() == word)
}

fn words<T: Choice>() -> Vec<&'static str> {
    T::ALL.iter().map(|choice| choice.word()).collect()
}

/// The OpenAPI schema of a choice.
#[must_use]
pub fn describe<T: Choice>() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words::<T>()))
}

/// Makes a [`Choice`] a [`crate::http::fields::Field`] that writes and reads itself.
macro_rules! choice_field {
    ($kind:ty) => {
        impl $kind {
            /// The word on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                $crate::http::choice::Choice::word(self)
            }

            /// The value of a word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                $crate::http::choice::find(word)
            }
        }

        impl $crate::http::fields::Field for $kind {
            fn parse(value: $crate::http::fields::Scalar) -> Result<Self, $crate::http::fields::Expected> {
                $crate::http::choice::choose(value)
            }

            fn describe() -> utoipa::openapi::schema::ObjectBuilder {
                $crate::http::choice::describe::<Self>()
            }
        }

        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let value = $crate::http::fields::Scalar::deserialize(deserializer)?;
                $crate::http::choice::choose(value).map_err(serde::de::Error::custom)
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl utoipa::PartialSchema for $kind {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                $crate::http::choice::describe::<Self>().into()
            }
        }

        impl utoipa::ToSchema for $kind {}
    };
}
pub(crate) use choice_field;

/// For `#[serde(default, deserialize_with = "optional_truth")]`: absent and null are `None`.
///
/// # Errors
/// When the value is neither true nor false.
pub fn optional_truth<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Option::deserialize(deserializer).map_err(|_| {
        D::Error::custom(Expected { zh: "应为 true 或 false".into(), en: "expected true or false".into() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Side {
        Left,
        Right,
    }

    impl Choice for Side {
        const ALL: &'static [Self] = &[Self::Left, Self::Right];

        fn word(self) -> &'static str {
            match self {
                Self::Left => "left",
                Self::Right => "right",
            }
        }
    }

    #[test]
    fn a_choice_is_one_of_its_words() {
        let read = |json: &str| {
            choose::<Side>(serde_json::from_str(json).unwrap()).map_err(|expected| expected.en.into_owned())
        };
        assert_eq!(read("\" right \""), Ok(Side::Right));
        for absent in ["null", "\"\""] {
            assert_eq!(read(absent).unwrap_err(), "is required", "{absent}");
        }
        for wrong in ["\"up\"", "\"Left\"", "1", "[]"] {
            assert_eq!(read(wrong).unwrap_err(), "expected one of left, right", "{wrong}");
        }
    }
}
