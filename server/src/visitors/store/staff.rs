//! What staff see and change: who is inside, scans, and erasing.

use serde::Serialize;
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

/// Who is in the building: signed in with a pass, not signed out, not past the end; the latest first.
pub fn on_site(tx: &mut Tx<'_>, at: Millis, page: Page) -> Result<(i64, Vec<Guest>)> {
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
    let total = tx.query_one(count, params![at], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![at, page.size, page.offset()], guest)?))
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
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct Erased {
    /// Visits in which the phone stood.
    pub visits: usize,
    /// WeChat bindings of the phone.
    pub bindings: usize,
    /// Messages to the phone that were waiting or kept.
    pub messages: u64,
    /// Koala's ids of the people, to be deleted there.
    #[serde(skip)]
    pub has_koala: bool,
}

/// Erases one person wherever the phone stands, however it is written; gives Koala's ids and the WeChats
/// that go with it.
pub fn erase_phone(tx: &mut Tx<'_>, phone_key: &str) -> Result<(Erased, Vec<i64>, Vec<String>)> {
    grams::lock(tx)?;
    let list = sql!(
        "SELECT id FROM visit WHERE proposer_key = $1 OR interviewee_phone_key = $1
            OR id IN (SELECT visit_id FROM visit_person WHERE phone_key = $1) ORDER BY id"
    );
    let ids: Vec<i64> = tx.query(list, params![phone_key], |row| row.get("id"))?;
    for id in &ids {
        // A sign-in under way must not issue a pass to who is being erased.
        visits::lock(tx, *id)?;
        grams::forget(tx, *id)?;
    }
    let koala =
        sql!("SELECT koala_id FROM visit_person WHERE phone_key = $1 AND koala_id IS NOT NULL ORDER BY id");
    let koala_ids: Vec<i64> = tx.query(koala, params![phone_key], |row| row.get("koala_id"))?;
    erase_passes(tx, phone_key)?;
    let people = sql!(
        "UPDATE visit_person SET name = '', name_key = '', phone = '', phone_key = '', koala_id = NULL
         WHERE phone_key = $1"
    );
    // What the person wrote goes with them.
    let wrote =
        sql!("UPDATE visit SET proposer = '', proposer_key = '', remark = '' WHERE proposer_key = $1");
    tx.execute(wrote, params![phone_key])?;
    tx.execute(people, params![phone_key])?;
    let host = sql!(
        "UPDATE visit SET interviewee = '', interviewee_key = '', interviewee_phone = '', interviewee_phone_key = ''
         WHERE interviewee_phone_key = $1"
    );
    tx.execute(host, params![phone_key])?;
    let messages = sql!("DELETE FROM outbox WHERE is_message AND recipient_key = $1 AND kind IN ($2, $3)");
    let kinds = (crate::visitors::messages::WECHAT, crate::visitors::messages::SMS);
    let messages = tx.execute(messages, params![phone_key, kinds.0, kinds.1])?;
    let wechats = bindings::delete_of_phone(tx, phone_key)?;
    let erased =
        Erased { visits: ids.len(), bindings: wechats.len(), messages, has_koala: !koala_ids.is_empty() };
    Ok((erased, koala_ids, wechats))
}

fn erase_passes(tx: &mut Tx<'_>, phone_key: &str) -> Result<()> {
    let passes = sql!(
        "UPDATE pass SET valid_until = 0
         WHERE person_id IN (SELECT id FROM visit_person WHERE phone_key = $1)"
    );
    tx.execute(passes, params![phone_key])?;
    let pictures = sql!(
        "DELETE FROM pass_image WHERE token IN
             (SELECT s.token FROM pass s JOIN visit_person p ON p.id = s.person_id WHERE p.phone_key = $1)"
    );
    tx.execute(pictures, params![phone_key])?;
    Ok(())
}

/// Erases the people of visits that ended before `before`, a batch at a time; how many there were.
pub fn erase_old(tx: &mut Tx<'_>, before: Millis, at: Millis, most: i64) -> Result<usize> {
    grams::lock(tx)?;
    let list =
        sql!("SELECT id FROM visit WHERE erased_at IS NULL AND ends_at < $1 ORDER BY ends_at, id LIMIT $2");
    let ids: Vec<i64> = tx.query(list, params![before, most], |row| row.get("id"))?;
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
        grams::forget(tx, *id)?;
        visits::end_passes(tx, *id)?;
        tx.execute(people, params![*id])?;
        tx.execute(visit, params![*id, at])?;
    }
    Ok(ids.len())
}
