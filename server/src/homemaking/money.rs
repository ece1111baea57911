//! Money: integer fen inside, decimal text with two places on the wire.

use std::fmt;

use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// An amount in fen (分); `300.00` on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fen(pub i64);

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

impl Serialize for Fen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Fen {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^-?[0-9]+\\.[0-9]{2}$")).into()
    }
}

impl ToSchema for Fen {}

#[cfg(test)]
mod tests {
    use super::Fen;

    #[test]
    fn fen_are_written_with_two_places() {
        let cases =
            [(0, "0.00"), (5, "0.05"), (30_000, "300.00"), (100_000_000, "1000000.00"), (-150, "-1.50")];
        for (fen, text) in cases {
            assert_eq!(Fen(fen).to_string(), text);
        }
    }
}
