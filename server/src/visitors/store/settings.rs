//! What staff set through the API; it wins over the configuration file.

use yuyue_db::{Tx, params, sql};

use super::Result;

/// The JSON saved under `name`.
pub fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<String>> {
    let find = sql!("SELECT body FROM visitors_setting WHERE name = $1");
    Ok(tx.query_opt(find, params![name], |row| row.get("body"))?)
}

pub fn save(tx: &mut Tx<'_>, name: &str, body: &str) -> Result<()> {
    let upsert = sql!(
        "INSERT INTO visitors_setting (name, body) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET body = excluded.body"
    );
    tx.execute(upsert, params![name, body])?;
    Ok(())
}
