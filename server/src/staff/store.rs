//! The rows of staff, sessions, API keys, devices and the audit log.

use yuyue_db::{Row, Tx, params, sql};

use crate::clock::Millis;
use crate::error::Error;
use crate::http::page::Page;
use crate::staff::{Credential, Device, DeviceKind, Role, StaffMember};

type Result<T> = std::result::Result<T, Error>;

fn word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> yuyue_db::Result<T> {
    let text: String = row.get(column)?;
    let unknown =
        || yuyue_db::Error::Column { column: column.into(), reason: format!("unknown word {text}") };
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
    let device = tx.query_opt(find, params![key_hash], |row| {
        Ok(Device {
            id: row.get("id")?,
            name: row.get("name")?,
            kind: word(row, "kind", DeviceKind::parse)?,
            key_hash: key_hash.to_owned(),
        })
    });
    Ok(device?)
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

/// Sessions that a wrong clock began after `at` live no longer than others; gives how many.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    let update = sql!(
        "UPDATE staff_session SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at - 60000 > $1"
    );
    Ok(tx.execute(update, params![at])?)
}

/// What a login is judged by.
#[derive(Clone, Debug)]
pub struct Login {
    pub id: i64,
    pub role: Role,
    pub active: bool,
    pub password_hash: String,
}

pub fn login_of(tx: &mut Tx<'_>, username: &str) -> Result<Option<Login>> {
    let find = sql!("SELECT id, role, active, password_hash FROM staff WHERE username = $1");
    let login = tx.query_opt(find, params![username], |row| {
        Ok(Login {
            id: row.get("id")?,
            role: word(row, "role", Role::parse)?,
            active: row.get("active")?,
            password_hash: row.get("password_hash")?,
        })
    });
    Ok(login?)
}

/// Starts a session, unless the account was closed or got another password since `login` was read.
pub fn insert_session(
    tx: &mut Tx<'_>,
    login: &Login,
    token_hash: &str,
    at: Millis,
    expires_at: Millis,
) -> Result<bool> {
    // Taking the row's lock first: a change of the account that ends its sessions sees this one too.
    let guard = sql!("UPDATE staff SET active = active WHERE id = $1 AND active AND password_hash = $2");
    if tx.execute(guard, params![login.id, &login.password_hash])? == 0 {
        return Ok(false);
    }
    let insert = sql!(
        "INSERT INTO staff_session (token_hash, staff_id, created_at, expires_at) VALUES ($1, $2, $3, $4)"
    );
    tx.execute(insert, params![token_hash, login.id, at, expires_at])?;
    Ok(true)
}

pub fn end_session(tx: &mut Tx<'_>, token_hash: &str) -> Result<bool> {
    Ok(tx.execute(sql!("DELETE FROM staff_session WHERE token_hash = $1"), params![token_hash])? == 1)
}

pub fn end_sessions_of(tx: &mut Tx<'_>, staff_id: i64) -> Result<()> {
    tx.execute(sql!("DELETE FROM staff_session WHERE staff_id = $1"), params![staff_id])?;
    Ok(())
}

/// A staff account.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: i64,
    pub username: String,
    pub role: Role,
    pub active: bool,
    pub created_at: Millis,
}

fn account(row: &Row<'_>) -> yuyue_db::Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        username: row.get("username")?,
        role: word(row, "role", Role::parse)?,
        active: row.get("active")?,
        created_at: row.get("created_at")?,
    })
}

pub fn account_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Account>> {
    let find = sql!("SELECT id, username, role, active, created_at FROM staff WHERE id = $1");
    Ok(tx.query_opt(find, params![id], account)?)
}

/// The accounts, the oldest first, and how many there are.
pub fn accounts(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Account>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM staff"), &[], |row| row.get("total"))?;
    let list =
        sql!("SELECT id, username, role, active, created_at FROM staff ORDER BY id LIMIT $1 OFFSET $2");
    Ok((total, tx.query(list, params![page.size, page.offset()], account)?))
}

/// Saves role and activity, and a new password's hash if there is one.
pub fn save_account(tx: &mut Tx<'_>, account: &Account, password_hash: Option<&str>) -> Result<()> {
    let update = sql!(
        "UPDATE staff SET role = $2, active = $3, password_hash = coalesce($4, password_hash) WHERE id = $1"
    );
    tx.execute(update, params![account.id, account.role.as_str(), account.active, password_hash])?;
    Ok(())
}

/// Whether anybody but `id` can administer this server. The caller holds the administrators' lock.
pub fn has_other_admin(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let find = sql!("SELECT id FROM staff WHERE role = 'admin' AND active AND id <> $1 LIMIT 1");
    Ok(tx.query_opt(find, params![id], |_| Ok(()))?.is_some())
}

/// An API key or a device: something with a name and a secret that only its hash is kept of.
#[derive(Clone, Debug)]
pub struct Keyed<T> {
    pub id: i64,
    pub name: String,
    /// The role of a key, the kind of a device.
    pub what: T,
    pub created_at: Millis,
}

fn key(row: &Row<'_>) -> yuyue_db::Result<Keyed<Role>> {
    Ok(Keyed {
        id: row.get("id")?,
        name: row.get("name")?,
        what: word(row, "role", Role::parse)?,
        created_at: row.get("created_at")?,
    })
}

fn listed_device(row: &Row<'_>) -> yuyue_db::Result<Keyed<DeviceKind>> {
    Ok(Keyed {
        id: row.get("id")?,
        name: row.get("name")?,
        what: word(row, "kind", DeviceKind::parse)?,
        created_at: row.get("created_at")?,
    })
}

pub fn insert_api_key(tx: &mut Tx<'_>, name: &str, role: Role, hash: &str, at: Millis) -> Result<i64> {
    let insert =
        sql!("INSERT INTO api_key (name, role, key_hash, created_at) VALUES ($1, $2, $3, $4) RETURNING id");
    Ok(tx.query_one(insert, params![name, role.as_str(), hash, at], |row| row.get("id"))?)
}

/// The API keys, the oldest first, and how many there are.
pub fn api_keys(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Keyed<Role>>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM api_key"), &[], |row| row.get("total"))?;
    let list = sql!("SELECT id, name, role, created_at FROM api_key ORDER BY id LIMIT $1 OFFSET $2");
    Ok((total, tx.query(list, params![page.size, page.offset()], key)?))
}

/// Revokes a key and gives what it was.
pub fn delete_api_key(tx: &mut Tx<'_>, id: i64) -> Result<Option<Keyed<Role>>> {
    let delete = sql!("DELETE FROM api_key WHERE id = $1 RETURNING id, name, role, created_at");
    Ok(tx.query_opt(delete, params![id], key)?)
}

/// The devices, the oldest first, and how many there are.
pub fn devices(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Keyed<DeviceKind>>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM device"), &[], |row| row.get("total"))?;
    let list = sql!("SELECT id, name, kind, created_at FROM device ORDER BY id LIMIT $1 OFFSET $2");
    Ok((total, tx.query(list, params![page.size, page.offset()], listed_device)?))
}

/// Revokes a device's key and gives what it was.
pub fn delete_device(tx: &mut Tx<'_>, id: i64) -> Result<Option<Keyed<DeviceKind>>> {
    let delete = sql!("DELETE FROM device WHERE id = $1 RETURNING id, name, kind, created_at");
    Ok(tx.query_opt(delete, params![id], listed_device)?)
}

/// A row of the audit log.
#[derive(Clone, Debug)]
pub struct Audited {
    pub id: i64,
    pub at: Millis,
    pub who: String,
    pub action: String,
    pub target: String,
    /// JSON.
    pub before: Option<String>,
    /// JSON.
    pub after: Option<String>,
}

pub fn insert_audit(
    tx: &mut Tx<'_>,
    (who, action, target): (&str, &str, &str),
    before: Option<&str>,
    after: Option<&str>,
    at: Millis,
) -> Result<()> {
    let insert =
        sql!("INSERT INTO audit (at, who, action, target, before, after) VALUES ($1, $2, $3, $4, $5, $6)");
    tx.execute(insert, params![at, who, action, target, before, after])?;
    Ok(())
}

/// The audit rows of `who`, `action` and `target` (any if `None`), the newest first, and how many.
pub fn audited(
    tx: &mut Tx<'_>,
    (who, action, target): (Option<&str>, Option<&str>, Option<&str>),
    page: Page,
) -> Result<(i64, Vec<Audited>)> {
    let count = sql!(
        "SELECT count(*) AS total FROM audit
         WHERE (CAST($1 AS TEXT) IS NULL OR who = $1) AND (CAST($2 AS TEXT) IS NULL OR action = $2)
           AND (CAST($3 AS TEXT) IS NULL OR target = $3)"
    );
    let total = tx.query_one(count, params![who, action, target], |row| row.get("total"))?;
    let list = sql!(
        "SELECT id, at, who, action, target, before, after FROM audit
         WHERE (CAST($1 AS TEXT) IS NULL OR who = $1) AND (CAST($2 AS TEXT) IS NULL OR action = $2)
           AND (CAST($3 AS TEXT) IS NULL OR target = $3)
         ORDER BY id DESC LIMIT $4 OFFSET $5"
    );
    let audited = |row: &Row<'_>| {
        Ok(Audited {
            id: row.get("id")?,
            at: row.get("at")?,
            who: row.get("who")?,
            action: row.get("action")?,
            target: row.get("target")?,
            before: row.get("before")?,
            after: row.get("after")?,
        })
    };
    Ok((total, tx.query(list, params![who, action, target, page.size, page.offset()], audited)?))
}
