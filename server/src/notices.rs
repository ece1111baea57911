//! What staff set for each kind of message: which of our values fills which field of WeChat's template.

use std::collections::BTreeMap;

use yuyue_db::{Tx, params, sql};

use crate::error::Error;

pub use crate::adapters::wechat::fields::{FieldType, FieldValue, ValueKind};

/// The template's field and the name of our value.
pub type Fields = BTreeMap<String, String>;

/// A kind of message, as its product tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    pub name: &'static str,
    /// What its messages can say.
    pub values: &'static [(&'static str, ValueKind)],
}

/// The fields that are set for a kind; none: the template has those of the document.
///
/// # Errors
/// When the database refuses.
pub fn fields(tx: &mut Tx<'_>, kind: &str) -> Result<Fields, Error> {
    let find = sql!("SELECT wechat_fields FROM notice WHERE kind = $1");
    let found: Option<String> = tx.query_opt(find, params![kind], |row| row.get("wechat_fields"))?;
    let unreadable = |error: serde_json::Error| Error::internal(format!("the fields of {kind}: {error}"));
    found.map_or(Ok(Fields::new()), |json| serde_json::from_str(&json).map_err(unreadable))
}

/// # Errors
/// When the database refuses.
pub fn save(tx: &mut Tx<'_>, kind: &str, fields: &Fields) -> Result<(), Error> {
    let upsert = sql!(
        "INSERT INTO notice (kind, wechat_fields) VALUES ($1, $2)
         ON CONFLICT (kind) DO UPDATE SET wechat_fields = excluded.wechat_fields"
    );
    let json = serde_json::to_string(fields).map_err(|error| Error::internal(error.to_string()))?;
    tx.execute(upsert, params![kind, &json])?;
    Ok(())
}
