//! What staff see and change: who is inside, scans, and erasing.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yuyue_db::{Row, Tx, params, sql};

use super::{Result, bindings, grams, visits};
use crate::clock::{Millis, local, text};
use crate::http::page::Page;

/// Somebody in the building.
#[derive(Clone, Debug)]
pub struct Guest {
    pub visit_id: i64,
    pub is_companion: bool,
    pub name: String,
    pub phone: String,
    pub come_from: String,
    pub purpose: i64,
    pub interviewee: String,
    pub interviewee_phone: String,
    pub department: String,
    pub starts_at: Millis,
    pub ends_at: Millis,
    pub signed_in_at: Millis,
}

fn guest(row: &Row<'_>) -> yuyue_db::Result<Guest> {
    Ok(Guest {
        visit_id: row.get("visit_id")?,
        is_companion: row.get::<i64>("position")? > 0,
        name: row.get("name")?,
        phone: row.get("phone")?,
        come_from: row.get("come_from")?,
        purpose: row.get("purpose")?,
        interviewee: row.get("interviewee")?,
        interviewee_phone: row.get("interviewee_phone")?,
        department: row.get("department")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        signed_in_at: row.get("signed_in_at")?,
    })
}

/// Who is in the building: signed in with a pass and not signed out, of visits that ended after `since`; the
/// latest first.
pub fn on_site(tx: &mut Tx<'_>, since: Millis, page: Page) -> Result<(i64, Vec<Guest>)> {
    let count = sql!(
        "SELECT count(*) AS total FROM visit v JOIN visit_person p ON p.visit_id = v.id
         WHERE v.signed_in_at IS NOT NULL AND v.ends_at > $1 AND p.signed_out_at IS NULL
           AND EXISTS (SELECT 1 FROM pass s WHERE s.person_id = p.id)"
    );
    let list = sql!(
        "SELECT p.visit_id, p.position, p.name, p.phone, v.come_from, v.purpose, v.interviewee,
                v.interviewee_phone, v.department, v.starts_at, v.ends_at, v.signed_in_at
         FROM visit v JOIN visit_person p ON p.visit_id = v.id
         WHERE v.signed_in_at IS NOT NULL AND v.ends_at > $1 AND p.signed_out_at IS NULL
           AND EXISTS (SELECT 1 FROM pass s WHERE s.person_id = p.id)
         ORDER BY v.signed_in_at DESC, p.visit_id DESC, p.position LIMIT $2 OFFSET $3"
    );
    let total = tx.query_one(count, params![since], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![since, page.size, page.offset()], guest)?))
}

/// A scan (刷码记录) as staff see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ScanItem {
    /// The scan's own id.
    pub id: i64,
    /// `YYYY-MM-DD HH:MM:SS`
    pub at: String,
    /// The gate's name; "" in documented mode.
    pub device: String,
    /// As it was answered: 0 passed, -209 expired, -210 too early, -211 no pass of ours, -200 blocked.
    pub code: i64,
    /// The record, 0 when the code was none of ours.
    pub visit_id: i64,
    /// Who came; "" when unknown, deleted or erased.
    pub name: String,
    /// Their phone (手机号码).
    pub phone: String,
}

/// Scans, the latest first; of one visit if given.
pub fn scans(
    tx: &mut Tx<'_>,
    visit_id: Option<i64>,
    page: Page,
    zone: &jiff::tz::TimeZone,
) -> Result<(i64, Vec<ScanItem>)> {
    let item = |row: &Row<'_>| {
        Ok(ScanItem {
            id: row.get("id")?,
            at: text(local(zone, row.get("at")?)),
            device: row.get("device")?,
            code: row.get("verdict")?,
            visit_id: row.get::<Option<i64>>("visit_id")?.unwrap_or(0),
            name: row.get::<Option<String>>("name")?.unwrap_or_default(),
            phone: row.get::<Option<String>>("phone")?.unwrap_or_default(),
        })
    };
    let Some(visit_id) = visit_id else {
        let list = sql!(
            "SELECT s.id, s.at, s.device, s.verdict, s.visit_id, p.name, p.phone
             FROM scan s LEFT JOIN visit_person p ON p.id = s.person_id
             ORDER BY s.id DESC LIMIT $1 OFFSET $2"
        );
        let total = tx.query_one(sql!("SELECT count(*) AS total FROM scan"), &[], |row| row.get("total"))?;
        return Ok((total, tx.query(list, params![page.size, page.offset()], item)?));
    };
    let count = sql!("SELECT count(*) AS total FROM scan WHERE visit_id = $1");
    let list = sql!(
        "SELECT s.id, s.at, s.device, s.verdict, s.visit_id, p.name, p.phone
         FROM scan s LEFT JOIN visit_person p ON p.id = s.person_id
         WHERE s.visit_id = $1 ORDER BY s.id DESC LIMIT $2 OFFSET $3"
    );
    let total = tx.query_one(count, params![visit_id], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![visit_id, page.size, page.offset()], item)?))
}

/// What erasing a phone changed.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Erased {
    /// Visits in which the phone stood.
    pub visits: usize,
    /// WeChat bindings of the phone.
    pub bindings: usize,
    /// Messages to the phone that were waiting or kept.
    pub messages: u64,
    /// False when a job goes on with the rest, because there is much.
    pub complete: bool,
}

/// Rows after which a part of erasing ends; one more visit stays below what a part may change.
const ENOUGH: u64 = 300;
/// Visits that are looked for at once.
const VISITS: i64 = 25;

/// Erases one person from some of the visits in which the phone stands, however it is written: how many,
/// Koala's ids that go with it, and whether there may be more.
pub fn erase_from_visits(tx: &mut Tx<'_>, phone_key: &str) -> Result<(usize, Vec<i64>, bool)> {
    grams::lock(tx)?;
    let list = sql!(
        "SELECT id FROM visit WHERE proposer_key = $1 OR interviewee_phone_key = $1
            OR id IN (SELECT visit_id FROM visit_person WHERE phone_key = $1) ORDER BY id LIMIT $2"
    );
    let ids: Vec<i64> = tx.query(list, params![phone_key, VISITS], |row| row.get("id"))?;
    let mut taken = 0;
    for id in &ids {
        if tx.rows_changed() >= ENOUGH {
            break;
        }
        // A sign-in under way must not issue a pass to who is being erased.
        visits::lock(tx, *id)?;
        grams::forget(tx, *id)?;
        taken += 1;
    }
    let Some(last) = ids[..taken].last() else { return Ok((0, Vec::new(), false)) };
    let koala_ids = erase_up_to(tx, *last, phone_key)?;
    let may_be_more = taken < ids.len() || i64::try_from(ids.len()).is_ok_and(|found| found == VISITS);
    Ok((taken, koala_ids, may_be_more))
}

/// Erases the phone from its visits up to `last`, in the order of their ids.
fn erase_up_to(tx: &mut Tx<'_>, last: i64, phone_key: &str) -> Result<Vec<i64>> {
    let koala = sql!(
        "SELECT koala_id FROM visit_person WHERE visit_id <= $1 AND phone_key = $2 AND koala_id IS NOT NULL
         ORDER BY id"
    );
    let these = params![last, phone_key];
    let koala_ids = tx.query(koala, these, |row| row.get("koala_id"))?;
    let passes = sql!(
        "UPDATE pass SET valid_until = 0 WHERE person_id IN
             (SELECT id FROM visit_person WHERE visit_id <= $1 AND phone_key = $2)"
    );
    tx.execute(passes, these)?;
    let pictures = sql!(
        "DELETE FROM pass_image WHERE token IN
             (SELECT s.token FROM pass s JOIN visit_person p ON p.id = s.person_id
              WHERE p.visit_id <= $1 AND p.phone_key = $2)"
    );
    tx.execute(pictures, these)?;
    // What the person wrote goes with them.
    let wrote = sql!(
        "UPDATE visit SET proposer = '', proposer_key = '', remark = '' WHERE id <= $1 AND proposer_key = $2"
    );
    tx.execute(wrote, these)?;
    let people = sql!(
        "UPDATE visit_person SET name = '', name_key = '', phone = '', phone_key = '', koala_id = NULL
         WHERE visit_id <= $1 AND phone_key = $2"
    );
    tx.execute(people, these)?;
    let host = sql!(
        "UPDATE visit SET interviewee = '', interviewee_key = '', interviewee_phone = '', interviewee_phone_key = ''
         WHERE id <= $1 AND interviewee_phone_key = $2"
    );
    tx.execute(host, these)?;
    Ok(koala_ids)
}

/// Erases at most `most` messages to the phone, waiting or kept; gives how many there were.
pub fn erase_messages(tx: &mut Tx<'_>, phone_key: &str, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM outbox WHERE id IN
             (SELECT id FROM outbox WHERE is_message AND recipient_key = $1 AND kind IN ($2, $3)
              ORDER BY id LIMIT $4)"
    );
    let kinds = (crate::visitors::messages::WECHAT, crate::visitors::messages::SMS);
    Ok(tx.execute(delete, params![phone_key, kinds.0, kinds.1, most])?)
}

/// Erases the phone's bindings; gives the WeChats that had them.
pub fn erase_bindings(tx: &mut Tx<'_>, phone_key: &str) -> Result<Vec<String>> {
    bindings::delete_of_phone(tx, phone_key)
}

/// Erases the people of some visits that ended before `before`; whether there may be more.
pub fn erase_old(tx: &mut Tx<'_>, before: Millis, at: Millis) -> Result<bool> {
    grams::lock(tx)?;
    let list =
        sql!("SELECT id FROM visit WHERE erased_at IS NULL AND ends_at < $1 ORDER BY ends_at, id LIMIT $2");
    let ids: Vec<i64> = tx.query(list, params![before, VISITS], |row| row.get("id"))?;
    let people = sql!(
        "UPDATE visit_person SET name = '', name_key = '', phone = '', phone_key = '', koala_id = NULL
         WHERE visit_id = $1"
    );
    let visit = sql!(
        "UPDATE visit SET erased_at = $2, remark = '',
             proposer = CASE WHEN proposer_key = interviewee_phone_key THEN proposer ELSE '' END,
             proposer_key = CASE WHEN proposer_key = interviewee_phone_key THEN proposer_key ELSE '' END
         WHERE id = $1"
    );
    for id in &ids {
        if tx.rows_changed() >= ENOUGH {
            return Ok(true);
        }
        grams::forget(tx, *id)?;
        visits::end_passes(tx, *id)?;
        tx.execute(people, params![*id])?;
        tx.execute(visit, params![*id, at])?;
    }
    Ok(i64::try_from(ids.len()).is_ok_and(|found| found == VISITS))
}
