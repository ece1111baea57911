//! The blocklist (黑名单): phones that the reception wants to see first.

use serde::Serialize;
use utoipa::ToSchema;
use yuyue_db::{Lock, Row, Tx, params, sql};

use super::Result;
use crate::clock::{Millis, local, text};
use crate::http::page::Page;
use crate::locks;

/// A phone that the reception wants to see first (黑名单).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Blocked {
    /// The entry's id.
    pub id: i64,
    /// The phone that may not come (手机号码), as it was written; every spelling of it is blocked.
    pub phone: String,
    /// For staff only.
    pub reason: String,
    /// Who of the staff added it.
    pub added_by: String,
    /// `YYYY-MM-DD HH:MM:SS`
    pub created_at: String,
}

fn blocked(row: &Row<'_>, zone: &jiff::tz::TimeZone) -> yuyue_db::Result<Blocked> {
    Ok(Blocked {
        id: row.get("id")?,
        phone: row.get("phone")?,
        reason: row.get("reason")?,
        added_by: row.get("added_by")?,
        created_at: text(local(zone, row.get("created_at")?)),
    })
}

/// Who gives something to a person holds the list still until the commit: else a block in between
/// would miss what is not written yet.
pub fn hold_still(tx: &mut Tx<'_>) -> Result<()> {
    Ok(tx.lock(Lock::Shared(locks::BLOCKLIST))?)
}

/// Who changes the list waits for those who hold it still.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    Ok(tx.lock(Lock::Exclusive(locks::BLOCKLIST))?)
}

/// Whether a phone is on the list.
pub fn has(tx: &mut Tx<'_>, phone_key: &str) -> Result<bool> {
    let find = sql!("SELECT id FROM blocked_phone WHERE phone_key = $1");
    Ok(tx.query_opt(find, params![phone_key], |_| Ok(()))?.is_some())
}

/// The list, the latest first; of one phone if given.
pub fn list(
    tx: &mut Tx<'_>,
    phone_key: Option<&str>,
    page: Page,
    zone: &jiff::tz::TimeZone,
) -> Result<(i64, Vec<Blocked>)> {
    let count = sql!(
        "SELECT count(*) AS total FROM blocked_phone WHERE (CAST($1 AS TEXT) IS NULL OR phone_key = $1)"
    );
    let list = sql!(
        "SELECT id, phone, reason, added_by, created_at FROM blocked_phone
         WHERE (CAST($1 AS TEXT) IS NULL OR phone_key = $1) ORDER BY id DESC LIMIT $2 OFFSET $3"
    );
    let total = tx.query_one(count, params![phone_key], |row| row.get("total"))?;
    let items = tx.query(list, params![phone_key, page.size, page.offset()], |row| blocked(row, zone))?;
    Ok((total, items))
}

/// Adds a phone, or takes over the new reason; gives the row's id.
pub fn add(
    tx: &mut Tx<'_>,
    (phone, phone_key): (&str, &str),
    reason: &str,
    by: &str,
    at: Millis,
) -> Result<i64> {
    let upsert = sql!(
        "INSERT INTO blocked_phone (phone, phone_key, reason, added_by, created_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (phone_key) DO UPDATE SET reason = excluded.reason RETURNING id"
    );
    Ok(tx.query_one(upsert, params![phone, phone_key, reason, by, at], |row| row.get("id"))?)
}

pub fn find(tx: &mut Tx<'_>, id: i64, zone: &jiff::tz::TimeZone) -> Result<Option<Blocked>> {
    let find = sql!("SELECT id, phone, reason, added_by, created_at FROM blocked_phone WHERE id = $1");
    Ok(tx.query_opt(find, params![id], |row| blocked(row, zone))?)
}

/// Takes a phone off the list; its key if it was on it.
pub fn remove(tx: &mut Tx<'_>, id: i64) -> Result<Option<String>> {
    let delete = sql!("DELETE FROM blocked_phone WHERE id = $1 RETURNING phone_key");
    Ok(tx.query_opt(delete, params![id], |row| row.get::<Option<String>>("phone_key"))?.flatten())
}

/// Ends the passes of a person that are still good, and takes their pictures away.
pub fn end_passes(tx: &mut Tx<'_>, phone_key: &str, at: Millis) -> Result<()> {
    let pictures = sql!(
        "DELETE FROM pass_image WHERE token IN
             (SELECT s.token FROM pass s JOIN visit_person p ON p.id = s.person_id WHERE p.phone_key = $1)"
    );
    tx.execute(pictures, params![phone_key])?;
    let passes = sql!(
        "UPDATE pass SET valid_until = 0, is_blocked = TRUE
         WHERE valid_until > $2 AND person_id IN (SELECT id FROM visit_person WHERE phone_key = $1)"
    );
    tx.execute(passes, params![phone_key, at])?;
    Ok(())
}

/// The passes that a block ended are from now on merely expired.
pub fn forgive_passes(tx: &mut Tx<'_>, phone_key: &str) -> Result<()> {
    let passes = sql!(
        "UPDATE pass SET is_blocked = FALSE
         WHERE is_blocked = TRUE AND person_id IN (SELECT id FROM visit_person WHERE phone_key = $1)"
    );
    tx.execute(passes, params![phone_key])?;
    Ok(())
}

/// Takes Koala's ids off a person's visits that have not ended, and gives them.
pub fn take_koala_ids(tx: &mut Tx<'_>, phone_key: &str, at: Millis) -> Result<Vec<i64>> {
    let list = sql!(
        "SELECT p.koala_id FROM visit_person p JOIN visit v ON v.id = p.visit_id
         WHERE p.phone_key = $1 AND p.koala_id IS NOT NULL AND v.ends_at > $2 ORDER BY p.id"
    );
    let ids = tx.query(list, params![phone_key, at], |row| row.get("koala_id"))?;
    let update = sql!(
        "UPDATE visit_person SET koala_id = NULL WHERE phone_key = $1 AND koala_id IS NOT NULL
           AND visit_id IN (SELECT id FROM visit WHERE ends_at > $2)"
    );
    tx.execute(update, params![phone_key, at])?;
    Ok(ids)
}
