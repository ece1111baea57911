//! The rows of staff, sessions, API keys, devices and the audit log.

use yuyue_db::{Row, Tx, params, sql};

use crate::clock::Millis;
use crate::error::Error;
use crate::staff::{Credential, Device, DeviceKind, Role, StaffMember};

type Result<T> = std::result::Result<T, Error>;

fn word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> yuyue_db::Result<T> {
    let text: String = row.get(column)?;
    let unknown = || yuyue_db::Error::Column { column: column.into(), reason: format!("unknown word {text}") };
    parse(&text).ok_or_else(unknown)
}

/// Sessions and API keys share one look-up: a request's token may be either.
pub fn staff_of_token(tx: &mut Tx<'_>, token_hash: &str, at: Millis) -> Result<Option<StaffMember>> {
    let find = sql!(
        "SELECT s.id, s.username, s.role, FALSE AS is_key FROM staff_session t JOIN staff s ON s.id = t.staff_id
         WHERE t.token_hash = $1 AND t.expires_at > $2 AND s.active
         UNION ALL
         SELECT k.id, k.name, k.role, TRUE FROM api_key k WHERE k.key_hash = $1"
    );
    let staff = tx.query_opt(find, params![token_hash, at], |row| {
        let credential = if row.get("is_key")? { Credential::ApiKey } else { Credential::Session };
        Ok(StaffMember {
            id: row.get("id")?,
            username: row.get("username")?,
            role: word(row, "role", Role::parse)?,
            credential,
            token_hash: token_hash.to_owned(),
        })
    });
    Ok(staff?)
}

pub fn device_of_key(tx: &mut Tx<'_>, key_hash: &str) -> Result<Option<Device>> {
    let find = sql!("SELECT id, name, kind FROM device WHERE key_hash = $1");
    Ok(tx.query_opt(find, params![key_hash], device)?)
}

fn device(row: &Row<'_>) -> yuyue_db::Result<Device> {
    Ok(Device { id: row.get("id")?, name: row.get("name")?, kind: word(row, "kind", DeviceKind::parse)? })
}

/// Adds a member of staff; `None` when the username is taken.
pub fn insert_staff(
    tx: &mut Tx<'_>,
    username: &str,
    hash: &str,
    role: Role,
    at: Millis,
) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO staff (username, password_hash, role, active, created_at) VALUES ($1, $2, $3, TRUE, $4)
         ON CONFLICT (username) DO NOTHING RETURNING id"
    );
    Ok(tx.query_opt(insert, params![username, hash, role.as_str(), at], |row| row.get("id"))?)
}

/// Whether there is anybody to administer this server.
pub fn has_staff(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.query_opt(sql!("SELECT id FROM staff LIMIT 1"), &[], |_| Ok(()))?.is_some())
}

pub fn insert_device(tx: &mut Tx<'_>, name: &str, kind: DeviceKind, hash: &str, at: Millis) -> Result<i64> {
    let insert =
        sql!("INSERT INTO device (name, kind, key_hash, created_at) VALUES ($1, $2, $3, $4) RETURNING id");
    Ok(tx.query_one(insert, params![name, kind.as_str(), hash, at], |row| row.get("id"))?)
}

/// Forgets expired sessions.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis) -> Result<()> {
    tx.execute(sql!("DELETE FROM staff_session WHERE expires_at <= $1"), params![at])?;
    Ok(())
}
