//! Reading rows: by column name only, because positions swap silently when a statement changes.

use tokio_postgres::types::{FromSql, Type};

use crate::{Error, Result};

/// One row of a result, borrowed from the engine.
pub struct Row<'r>(pub(crate) RowOf<'r>);

pub(crate) enum RowOf<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r tokio_postgres::Row),
}

impl Row<'_> {
    /// The value of the column named (or aliased) `column`.
    ///
    /// # Errors
    /// [`Error::Column`] when there is no such column, or it holds NULL or another type.
    pub fn get<T: FromColumn>(&self, column: &str) -> Result<T> {
        T::from_column(self, column)
    }
}

fn wrong(column: &str, reason: impl std::fmt::Display) -> Error {
    Error::Column { column: column.to_owned(), reason: reason.to_string() }
}

/// A Rust type that a column can be read as.
pub trait FromColumn: Sized {
    /// # Errors
    /// [`Error::Column`], see [`Row::get`].
    fn from_column(row: &Row<'_>, column: &str) -> Result<Self>;
}

/// An integer column of any width.
struct Wide(i64);

impl<'a> FromSql<'a> for Wide {
    fn from_sql(
        column: &Type,
        raw: &'a [u8],
    ) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(match *column {
            Type::INT2 => i64::from(i16::from_sql(column, raw)?),
            Type::INT4 => i64::from(i32::from_sql(column, raw)?),
            _ => i64::from_sql(column, raw)?,
        }))
    }

    fn accepts(column: &Type) -> bool {
        matches!(*column, Type::INT2 | Type::INT4 | Type::INT8)
    }
}

impl FromColumn for Option<i64> {
    fn from_column(row: &Row<'_>, column: &str) -> Result<Self> {
        match row.0 {
            RowOf::Sqlite(row) => row.get(column).map_err(|e| wrong(column, e)),
            RowOf::Postgres(row) => row
                .try_get::<_, Option<Wide>>(column)
                .map(|wide| wide.map(|Wide(value)| value))
                .map_err(|e| wrong(column, e)),
        }
    }
}

macro_rules! direct_column {
    ($($kind:ty),*) => {$(
        impl FromColumn for Option<$kind> {
            fn from_column(row: &Row<'_>, column: &str) -> Result<Self> {
                match row.0 {
                    RowOf::Sqlite(row) => row.get(column).map_err(|e| wrong(column, e)),
                    RowOf::Postgres(row) => row.try_get(column).map_err(|e| wrong(column, e)),
                }
            }
        }
    )*};
}
direct_column!(bool, String);

macro_rules! narrow_column {
    ($($kind:ty),*) => {$(
        impl FromColumn for Option<$kind> {
            fn from_column(row: &Row<'_>, column: &str) -> Result<Self> {
                row.get::<Option<i64>>(column)?
                    .map(|value| <$kind>::try_from(value).map_err(|e| wrong(column, e)))
                    .transpose()
            }
        }
    )*};
}
narrow_column!(i32, u32, i16, u16, i8, u8);

macro_rules! present_column {
    ($($kind:ty),*) => {$(
        impl FromColumn for $kind {
            fn from_column(row: &Row<'_>, column: &str) -> Result<Self> {
                row.get::<Option<Self>>(column)?.ok_or_else(|| wrong(column, "is NULL"))
            }
        }
    )*};
}
present_column!(i64, bool, String, i32, u32, i16, u16, i8, u8);
