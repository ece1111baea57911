//! The rows of staff, sessions, API keys, devices and the audit log.

use yuyue_db::{Row, Tx, params, sql};

use crate::clock::Millis;
use crate::error::Error;
use crate::http::page::Page;
use crate::staff::{Credential, Device, DeviceKind, IDLE_LIMIT, Role, StaffMember};

type Result<T> = std::result::Result<T, Error>;

fn word<T>(row: &Row<'_>, column: &str, parse: fn(&str) -> Option<T>) -> yuyue_db::Result<T> {
    let text: String = row.get(column)?;
    let unknown =
        || yuyue_db::Error::Column { column: column.into(), reason: format!("unknown word {text}") };
    parse(&text).ok_or_else(unknown)
}

/// Sessions and API keys share one look-up: a request's token may be either. A session counts while it was
/// used after `used_after`.
pub fn staff_of_token(
    tx: &mut Tx<'_>,
    token_hash: &str,
    (at, used_after): (Millis, Millis),
) -> Result<Option<StaffMember>> {
    let find = sql!(
        "SELECT s.id, s.username, s.role, FALSE AS is_key, s.totp_secret <> '' AS has_totp, t.confirmed_at, t.used_at
         FROM staff_session t JOIN staff s ON s.id = t.staff_id
         WHERE t.token_hash = $1 AND t.expires_at > $2 AND t.used_at > $3 AND s.active
         UNION ALL
         SELECT k.id, k.name, k.role, TRUE, FALSE, k.created_at, coalesce(k.last_used_at, 0)
         FROM api_key k WHERE k.key_hash = $1 AND k.expires_at > $2"
    );
    let staff = tx.query_opt(find, params![token_hash, at, used_after], |row| {
        let credential = if row.get("is_key")? { Credential::ApiKey } else { Credential::Session };
        Ok(StaffMember {
            id: row.get("id")?,
            username: row.get("username")?,
            role: word(row, "role", Role::parse)?,
            credential,
            token_hash: token_hash.to_owned(),
            has_totp: row.get("has_totp")?,
            confirmed_at: row.get("confirmed_at")?,
            used_at: row.get("used_at")?,
        })
    });
    Ok(staff?)
}

/// A credential that is in use, and the time of its use that was noted last.
#[derive(Clone, Debug)]
pub struct Used {
    pub credential: Credential,
    pub token_hash: String,
    pub before: Millis,
}

/// Notes a use, unless another request has.
pub fn note_use(tx: &mut Tx<'_>, used: &Used, at: Millis) -> Result<()> {
    let update = match used.credential {
        Credential::Session => {
            sql!("UPDATE staff_session SET used_at = $2 WHERE token_hash = $1 AND used_at = $3")
        }
        Credential::ApiKey => {
            sql!(
                "UPDATE api_key SET last_used_at = $2 WHERE key_hash = $1 AND coalesce(last_used_at, 0) = $3"
            )
        }
    };
    tx.execute(update, params![&used.token_hash, at, used.before])?;
    Ok(())
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

/// Whether there is any staff account, closed ones too.
pub fn has_staff(tx: &mut Tx<'_>) -> Result<bool> {
    Ok(tx.query_opt(sql!("SELECT id FROM staff LIMIT 1"), &[], |_| Ok(()))?.is_some())
}

pub fn insert_device(tx: &mut Tx<'_>, name: &str, kind: DeviceKind, hash: &str, at: Millis) -> Result<i64> {
    let insert =
        sql!("INSERT INTO device (name, kind, key_hash, created_at) VALUES ($1, $2, $3, $4) RETURNING id");
    Ok(tx.query_one(insert, params![name, kind.as_str(), hash, at], |row| row.get("id"))?)
}

/// Forgets sessions that have ended.
///
/// # Errors
/// When the database refuses.
pub fn forget_sessions(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM staff_session WHERE token_hash IN
             (SELECT token_hash FROM staff_session WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// Forgets sessions that nobody uses any more. There are as many as staff, so they need no index.
pub fn forget_idle_sessions(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM staff_session WHERE token_hash IN
             (SELECT token_hash FROM staff_session WHERE used_at <= $1 LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - IDLE_LIMIT, most])?)
}

/// Forgets what was changed before `before`: of the oldest entries, which need no index.
pub fn forget_audit(tx: &mut Tx<'_>, before: Millis, most: i64) -> Result<u64> {
    let delete =
        sql!("DELETE FROM audit WHERE at < $1 AND id IN (SELECT id FROM audit ORDER BY id LIMIT $2)");
    Ok(tx.execute(delete, params![before, most])?)
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
    /// Sealed; "" without a second factor.
    pub totp_secret: String,
}

fn login(row: &Row<'_>) -> yuyue_db::Result<Login> {
    Ok(Login {
        id: row.get("id")?,
        role: word(row, "role", Role::parse)?,
        active: row.get("active")?,
        password_hash: row.get("password_hash")?,
        totp_secret: row.get("totp_secret")?,
    })
}

pub fn login_of(tx: &mut Tx<'_>, username: &str) -> Result<Option<Login>> {
    let find = sql!("SELECT id, role, active, password_hash, totp_secret FROM staff WHERE username = $1");
    Ok(tx.query_opt(find, params![username], login)?)
}

pub fn login_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Login>> {
    let find = sql!("SELECT id, role, active, password_hash, totp_secret FROM staff WHERE id = $1");
    Ok(tx.query_opt(find, params![id], login)?)
}

/// Starts a session, unless the account was closed or got another password or second factor since `login` was
/// read.
pub fn insert_session(
    tx: &mut Tx<'_>,
    login: &Login,
    token_hash: &str,
    at: Millis,
    expires_at: Millis,
) -> Result<bool> {
    // Taking the row's lock first: a change of the account that ends its sessions sees this one too.
    let guard = sql!(
        "UPDATE staff SET active = active WHERE id = $1 AND active AND password_hash = $2 AND totp_secret = $3"
    );
    if tx.execute(guard, params![login.id, &login.password_hash, &login.totp_secret])? == 0 {
        return Ok(false);
    }
    let insert = sql!(
        "INSERT INTO staff_session (token_hash, staff_id, created_at, confirmed_at, used_at, expires_at)
         VALUES ($1, $2, $3, $3, $3, $4)"
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

/// Ends the sessions of the account but the one that is in use.
pub fn end_other_sessions(tx: &mut Tx<'_>, staff: &StaffMember) -> Result<()> {
    let end = sql!("DELETE FROM staff_session WHERE staff_id = $1 AND token_hash <> $2");
    tx.execute(end, params![staff.id, &staff.token_hash])?;
    Ok(())
}

/// The password of a session's account was given again.
pub fn confirm_session(tx: &mut Tx<'_>, token_hash: &str, at: Millis) -> Result<()> {
    let update = sql!("UPDATE staff_session SET confirmed_at = $2 WHERE token_hash = $1");
    tx.execute(update, params![token_hash, at])?;
    Ok(())
}

/// Sets another password; false when the old one is no longer the one that was verified.
pub fn change_password(tx: &mut Tx<'_>, id: i64, old_hash: &str, new_hash: &str) -> Result<bool> {
    let update = sql!("UPDATE staff SET password_hash = $3 WHERE id = $1 AND active AND password_hash = $2");
    Ok(tx.execute(update, params![id, old_hash, new_hash])? == 1)
}

/// Keeps a secret until a code shows that an app has it; false when there is a second factor already.
pub fn offer_totp(tx: &mut Tx<'_>, id: i64, sealed: &str) -> Result<bool> {
    let update = sql!("UPDATE staff SET totp_pending = $2 WHERE id = $1 AND active AND totp_secret = ''");
    Ok(tx.execute(update, params![id, sealed])? == 1)
}

/// The sealed secret that waits for its first code; "" without one.
pub fn offered_totp(tx: &mut Tx<'_>, id: i64) -> Result<String> {
    let find = sql!("SELECT totp_pending FROM staff WHERE id = $1");
    Ok(tx.query_opt(find, params![id], |row| row.get("totp_pending"))?.unwrap_or_default())
}

/// Makes what was offered the second factor, `step` being its first code's; false when it is no longer what
/// was offered.
pub fn accept_totp(tx: &mut Tx<'_>, id: i64, sealed: &str, step: i64) -> Result<bool> {
    let update = sql!(
        "UPDATE staff SET totp_secret = totp_pending, totp_pending = '', totp_step = $3
         WHERE id = $1 AND active AND totp_pending = $2 AND totp_secret = ''"
    );
    Ok(tx.execute(update, params![id, sealed, step])? == 1)
}

/// Takes the second factor away, with its recovery codes; false without one.
pub fn remove_totp(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let update =
        sql!("UPDATE staff SET totp_secret = '', totp_pending = '' WHERE id = $1 AND totp_secret <> ''");
    let is_removed = tx.execute(update, params![id])? == 1;
    tx.execute(sql!("DELETE FROM staff_recovery_code WHERE staff_id = $1"), params![id])?;
    Ok(is_removed)
}

pub fn insert_recovery_code(tx: &mut Tx<'_>, id: i64, hash: &str) -> Result<()> {
    let insert = sql!("INSERT INTO staff_recovery_code (staff_id, code_hash) VALUES ($1, $2)");
    tx.execute(insert, params![id, hash])?;
    Ok(())
}

/// Takes the code of `step`, and with it those before; false when it was taken before.
pub fn take_step(tx: &mut Tx<'_>, login: &Login, step: i64) -> Result<bool> {
    let update =
        sql!("UPDATE staff SET totp_step = $3 WHERE id = $1 AND totp_secret = $2 AND totp_step < $3");
    Ok(tx.execute(update, params![login.id, &login.totp_secret, step])? == 1)
}

/// Uses a recovery code up; false when there is none such.
pub fn take_recovery_code(tx: &mut Tx<'_>, id: i64, hash: &str) -> Result<bool> {
    let delete = sql!("DELETE FROM staff_recovery_code WHERE staff_id = $1 AND code_hash = $2");
    Ok(tx.execute(delete, params![id, hash])? == 1)
}

/// A staff account.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: i64,
    pub username: String,
    pub role: Role,
    pub active: bool,
    pub has_totp: bool,
    pub created_at: Millis,
}

fn account(row: &Row<'_>) -> yuyue_db::Result<Account> {
    Ok(Account {
        id: row.get("id")?,
        username: row.get("username")?,
        role: word(row, "role", Role::parse)?,
        active: row.get("active")?,
        has_totp: row.get("has_totp")?,
        created_at: row.get("created_at")?,
    })
}

pub fn account_by_id(tx: &mut Tx<'_>, id: i64) -> Result<Option<Account>> {
    let find = sql!(
        "SELECT id, username, role, active, totp_secret <> '' AS has_totp, created_at FROM staff WHERE id = $1"
    );
    Ok(tx.query_opt(find, params![id], account)?)
}

/// The accounts, the oldest first, and how many there are.
pub fn accounts(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Account>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM staff"), &[], |row| row.get("total"))?;
    let list = sql!(
        "SELECT id, username, role, active, totp_secret <> '' AS has_totp, created_at
         FROM staff ORDER BY id LIMIT $1 OFFSET $2"
    );
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

/// Whether anybody can administer this server.
pub fn has_admin(tx: &mut Tx<'_>) -> Result<bool> {
    has_other_admin(tx, 0)
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

/// An API key and its life.
#[derive(Clone, Debug)]
pub struct ApiKey {
    pub key: Keyed<Role>,
    pub expires_at: Millis,
    pub last_used_at: Option<Millis>,
}

fn api_key(row: &Row<'_>) -> yuyue_db::Result<ApiKey> {
    let key = Keyed {
        id: row.get("id")?,
        name: row.get("name")?,
        what: word(row, "role", Role::parse)?,
        created_at: row.get("created_at")?,
    };
    Ok(ApiKey { key, expires_at: row.get("expires_at")?, last_used_at: row.get("last_used_at")? })
}

fn listed_device(row: &Row<'_>) -> yuyue_db::Result<Keyed<DeviceKind>> {
    Ok(Keyed {
        id: row.get("id")?,
        name: row.get("name")?,
        what: word(row, "kind", DeviceKind::parse)?,
        created_at: row.get("created_at")?,
    })
}

pub fn insert_api_key(
    tx: &mut Tx<'_>,
    (name, role, hash): (&str, Role, &str),
    (at, expires_at): (Millis, Millis),
) -> Result<i64> {
    let insert = sql!(
        "INSERT INTO api_key (name, role, key_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
         RETURNING id"
    );
    Ok(tx.query_one(insert, params![name, role.as_str(), hash, at, expires_at], |row| row.get("id"))?)
}

/// The API keys, the oldest first, and how many there are.
pub fn api_keys(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<ApiKey>)> {
    let total = tx.query_one(sql!("SELECT count(*) AS total FROM api_key"), &[], |row| row.get("total"))?;
    let list = sql!(
        "SELECT id, name, role, created_at, expires_at, last_used_at FROM api_key ORDER BY id LIMIT $1 OFFSET $2"
    );
    Ok((total, tx.query(list, params![page.size, page.offset()], api_key)?))
}

/// Revokes a key and gives what it was.
pub fn delete_api_key(tx: &mut Tx<'_>, id: i64) -> Result<Option<ApiKey>> {
    let delete = sql!(
        "DELETE FROM api_key WHERE id = $1 RETURNING id, name, role, created_at, expires_at, last_used_at"
    );
    Ok(tx.query_opt(delete, params![id], api_key)?)
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
