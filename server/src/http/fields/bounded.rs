//! Parts of a body that could be of any size: none takes more memory than what is accepted of it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::Expected;

/// JSON that is kept as it was sent: at most `MAX` bytes. Longer is read, and forgotten.
#[derive(Default)]
pub enum Raw<const MAX: usize> {
    #[default]
    Absent,
    Text(String),
    TooLong,
}

impl<'de, const MAX: usize> Deserialize<'de> for Raw<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Part of the body that is being read, and so no memory of its own.
        let text = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(match text {
            "null" => Self::Absent,
            _ if text.len() > MAX => Self::TooLong,
            _ => Self::Text(text.to_owned()),
        })
    }
}

/// For `#[serde(default, deserialize_with = "at_most::<MAX, _, _>")]`: a list of no more than `MAX`; absent
/// and null are `None`. What comes after is not even read.
///
/// # Errors
/// As the items' own, or that there are too many.
pub fn at_most<'de, const MAX: usize, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_option(ListVisitor::<MAX, T>(PhantomData))
}

struct ListVisitor<const MAX: usize, T>(PhantomData<T>);

impl<'de, const MAX: usize, T: Deserialize<'de>> Visitor<'de> for ListVisitor<MAX, T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while list.len() < MAX {
            let Some(item) = items.next_element()? else { return Ok(Some(list)) };
            list.push(item);
        }
        if items.next_element::<IgnoredAny>()?.is_none() {
            return Ok(Some(list));
        }
        let expected =
            Expected { zh: format!("最多 {MAX} 个").into(), en: format!("at most {MAX}").into() };
        Err(A::Error::custom(expected))
    }
}
