//! What is bound to a statement.

use rusqlite::types::{ToSqlOutput, ValueRef};
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

/// A bound parameter: the four kinds of value that both engines store alike.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    Null,
    Int(i64),
    Bool(bool),
    Text(&'a str),
}

macro_rules! from_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Value<'_> {
            fn from(value: $integer) -> Self {
                Self::Int(i64::from(value))
            }
        }
    )*};
}
from_integer!(i64, i32, u32, i16, u16, i8, u8);

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// A [`Value`] that outlives its caller.
#[derive(Clone, Debug)]
pub(crate) enum OwnedValue {
    Null,
    Int(i64),
    Bool(bool),
    Text(String),
}

impl From<&Value<'_>> for OwnedValue {
    fn from(value: &Value<'_>) -> Self {
        match *value {
            Value::Null => Self::Null,
            Value::Int(value) => Self::Int(value),
            Value::Bool(value) => Self::Bool(value),
            Value::Text(value) => Self::Text(value.to_owned()),
        }
    }
}

impl<'a> From<&'a OwnedValue> for Value<'a> {
    fn from(value: &'a OwnedValue) -> Self {
        match value {
            OwnedValue::Null => Self::Null,
            OwnedValue::Int(value) => Self::Int(*value),
            OwnedValue::Bool(value) => Self::Bool(*value),
            OwnedValue::Text(value) => Self::Text(value),
        }
    }
}

impl Value<'_> {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "an integer",
            Self::Bool(_) => "a boolean",
            Self::Text(_) => "a text",
        }
    }
}

/// The parameters `$1 … $n` of a statement, in order.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => { &[$($crate::Value::from($value)),*] };
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
        }))
    }
}

type SqlResult = Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, column: &Type, out: &mut tokio_postgres::types::private::BytesMut) -> SqlResult {
        match (self, column) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Int(value), &Type::INT8) => value.to_sql(column, out),
            (Self::Int(value), &Type::INT4) => i32::try_from(*value)?.to_sql(column, out),
            (Self::Int(value), &Type::INT2) => i16::try_from(*value)?.to_sql(column, out),
            (Self::Bool(value), &Type::BOOL) => value.to_sql(column, out),
            (Self::Text(value), &Type::TEXT | &Type::VARCHAR) => value.to_sql(column, out),
            // The value itself may be somebody's telephone number, and errors are logged.
            _ => Err(format!("{} does not fit a parameter of type {column}", self.kind()).into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
