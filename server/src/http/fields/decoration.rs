//! What WeChat tells of a person. It decorates: whatever it is, it must not keep anybody from logging in.

use serde::de::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Field, IntIn, Scalar};
use crate::text;

/// A nickname: cleaned, and cut to `MAX` characters.
#[derive(Default)]
pub struct Nickname<const MAX: usize>(pub Option<String>);

impl<'de, const MAX: usize> Deserialize<'de> for Nickname<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(Self(text::of_json(json).and_then(|name| text::decoration(&name, MAX))))
    }
}

/// The address of a picture: cleaned; one of more than `MAX` characters is none, for a part of it leads nowhere.
#[derive(Default)]
pub struct PictureAddress<const MAX: usize>(pub Option<String>);

impl<'de, const MAX: usize> Deserialize<'de> for PictureAddress<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&'de RawValue>::deserialize(deserializer)?.get();
        let address = text::of_json(json).and_then(|address| text::decoration(&address, MAX + 1));
        Ok(Self(address.filter(|address| address.chars().count() <= MAX)))
    }
}

/// A number of 0 to `MAX`, or nothing.
#[derive(Default)]
pub struct Hint<const MAX: i64>(pub Option<i64>);

impl<'de, const MAX: i64> Deserialize<'de> for Hint<MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&'de RawValue>::deserialize(deserializer)?.get();
        let scalar = serde_json::from_str::<Scalar>(json).ok();
        Ok(Self(scalar.and_then(|scalar| IntIn::<0, MAX>::parse(scalar).ok()).map(|number| number.0)))
    }
}
