//! Visits and their people.

use yuyue_db::{Row, Tx, params, sql};

use super::{Result, grams};
use crate::clock::Millis;
use crate::{phone, text};

/// An application or invitation to be written.
#[derive(Clone, Debug)]
pub struct NewVisit {
    pub purpose: i64,
    pub remark: String,
    pub come_from: String,
    /// JSON.
    pub group_ids: String,
    pub proposer: String,
    pub interviewee: String,
    pub interviewee_phone: String,
    pub department: String,
    pub starts_at: Millis,
    pub ends_at: Millis,
    pub is_authorised: bool,
    /// The visitor, then the companions: name and phone.
    pub people: Vec<(String, String)>,
}

/// Writes a visit with its people and gives its id.
pub fn insert(tx: &mut Tx<'_>, new: &NewVisit, at: Millis) -> Result<i64> {
    let insert = sql!(
        "INSERT INTO visit (purpose, remark, come_from, group_ids, proposer, interviewee, interviewee_key,
                            interviewee_phone, department, starts_at, ends_at, created_at, authorised_at, refusal,
                            is_indexed, proposer_key, interviewee_phone_key)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, '', FALSE, $14, $15) RETURNING id"
    );
    let interviewee_key = text::search_key(&new.interviewee);
    let (proposer_key, phone_key) = (phone::key(&new.proposer), phone::key(&new.interviewee_phone));
    let values = params![
        new.purpose,
        &new.remark,
        &new.come_from,
        &new.group_ids,
        &new.proposer,
        &new.interviewee,
        &interviewee_key,
        &new.interviewee_phone,
        &new.department,
        new.starts_at,
        new.ends_at,
        at,
        new.is_authorised.then_some(at),
        &proposer_key,
        &phone_key
    ];
    let id = tx.query_one(insert, values, |row| row.get("id"))?;
    let insert = sql!(
        "INSERT INTO visit_person (visit_id, position, name, name_key, phone, phone_key)
         VALUES ($1, $2, $3, $4, $5, $6)"
    );
    let keys = new.people.iter().map(|(name, phone)| (text::search_key(name), phone::key(phone)));
    let keys: Vec<(String, String)> = keys.collect();
    let people = new.people.iter().zip(&keys).zip(0_i64..);
    let rows = people.map(|(((name, phone), (name_key, phone_key)), position)| {
        *params![id, position, name, name_key, phone, phone_key]
    });
    tx.insert_many(insert, &rows.collect::<Vec<_>>())?;
    Ok(id)
}

/// The newest application to an employee that came at `since` or later and waits for an answer.
pub fn newest_waiting(
    tx: &mut Tx<'_>,
    interviewee_phone_key: &str,
    since: Millis,
    at: Millis,
) -> Result<Option<Visit>> {
    let newest = sql!(
        "SELECT id FROM visit
         WHERE interviewee_phone_key = $1 AND created_at >= $2 AND ends_at > $3 AND authorised_at IS NULL
           AND refused_at IS NULL
         ORDER BY created_at DESC, id DESC LIMIT 1"
    );
    let id: Option<i64> =
        tx.query_opt(newest, params![interviewee_phone_key, since, at], |row| row.get("id"))?;
    id.map_or(Ok(None), |id| find(tx, id))
}

/// A visit (访客申请记录) without its people.
#[derive(Clone, Debug)]
pub struct Visit {
    pub id: i64,
    pub purpose: i64,
    pub remark: String,
    pub come_from: String,
    /// JSON.
    pub group_ids: String,
    pub proposer: String,
    pub interviewee: String,
    pub interviewee_phone: String,
    pub department: String,
    pub starts_at: Millis,
    pub ends_at: Millis,
    pub created_at: Millis,
    pub authorised_at: Option<Millis>,
    pub refused_at: Option<Millis>,
    pub refusal: String,
    pub signed_in_at: Option<Millis>,
}

pub(super) fn visit(row: &Row<'_>) -> yuyue_db::Result<Visit> {
    Ok(Visit {
        id: row.get("id")?,
        purpose: row.get("purpose")?,
        remark: row.get("remark")?,
        come_from: row.get("come_from")?,
        group_ids: row.get("group_ids")?,
        proposer: row.get("proposer")?,
        interviewee: row.get("interviewee")?,
        interviewee_phone: row.get("interviewee_phone")?,
        department: row.get("department")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        created_at: row.get("created_at")?,
        authorised_at: row.get("authorised_at")?,
        refused_at: row.get("refused_at")?,
        refusal: row.get("refusal")?,
        signed_in_at: row.get("signed_in_at")?,
    })
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Visit>> {
    let find = sql!(
        "SELECT id, purpose, remark, come_from, group_ids, proposer, interviewee, interviewee_phone, department,
                starts_at, ends_at, created_at, authorised_at, refused_at, refusal, signed_in_at
         FROM visit WHERE id = $1"
    );
    Ok(tx.query_opt(find, params![id], visit)?)
}

/// The visitor or a companion (随行人员).
#[derive(Clone, Debug)]
pub struct Person {
    pub id: i64,
    pub name: String,
    pub phone: String,
    pub koala_id: Option<i64>,
    pub signed_out_at: Option<Millis>,
    /// Of the pass in force, once signed in.
    pub token: Option<String>,
    /// Whether the phone is on the blocklist: then this person gets nothing.
    pub is_blocked: bool,
}

impl Person {
    /// Koala's id of the person, our own until there is one.
    #[must_use]
    pub fn subject_id(&self) -> i64 {
        self.koala_id.unwrap_or(self.id)
    }

    /// Whether a sign-in still has to give this person a pass; who was erased gets none.
    #[must_use]
    pub fn lacks_pass(&self) -> bool {
        self.token.is_none() && !self.is_blocked && !self.phone.is_empty()
    }
}

/// The people of a visit, the visitor first.
pub fn people(tx: &mut Tx<'_>, visit_id: i64) -> Result<Vec<Person>> {
    let list = sql!(
        "SELECT p.id, p.name, p.phone, p.koala_id, p.signed_out_at, s.token,
                EXISTS (SELECT 1 FROM blocked_phone b WHERE b.phone_key = p.phone_key) AS is_blocked
         FROM visit_person p LEFT JOIN pass s ON s.person_id = p.id AND s.valid_until > 0
         WHERE p.visit_id = $1 ORDER BY p.position"
    );
    let people = tx.query(list, params![visit_id], |row| {
        Ok(Person {
            id: row.get("id")?,
            name: row.get("name")?,
            phone: row.get("phone")?,
            koala_id: row.get("koala_id")?,
            signed_out_at: row.get("signed_out_at")?,
            token: row.get("token")?,
            is_blocked: row.get("is_blocked")?,
        })
    });
    Ok(people?)
}

/// Authorises an application that waits and has not expired; whether it did. `by` is the key of the
/// phone it must be for, anybody's if `None`.
pub fn authorise(tx: &mut Tx<'_>, id: i64, by: Option<&str>, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE visit SET authorised_at = $2
         WHERE id = $1 AND authorised_at IS NULL AND refused_at IS NULL AND ends_at > $2
           AND (CAST($3 AS TEXT) IS NULL OR interviewee_phone_key = $3)"
    );
    Ok(tx.execute(update, params![id, at, by])? == 1)
}

/// Refuses an application that waits; whether it did. `by` as for [`authorise`].
pub fn refuse(tx: &mut Tx<'_>, id: i64, by: Option<&str>, reason: &str, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE visit SET refused_at = $2, refusal = $4
         WHERE id = $1 AND authorised_at IS NULL AND refused_at IS NULL
           AND (CAST($3 AS TEXT) IS NULL OR interviewee_phone_key = $3)"
    );
    Ok(tx.execute(update, params![id, at, by, reason])? == 1)
}

/// Deletes a visit and ends its passes; gives Koala's ids of its people, `None` if there is no such visit.
///
/// A pass stays as a row that has expired: a gate must tell a deleted record's code from no code.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<Option<Vec<i64>>> {
    grams::lock(tx)?;
    if !lock(tx, id)? {
        return Ok(None);
    }
    grams::forget(tx, id)?;
    end_passes(tx, id)?;
    let list =
        sql!("SELECT koala_id FROM visit_person WHERE visit_id = $1 AND koala_id IS NOT NULL ORDER BY id");
    let koala_ids = tx.query(list, params![id], |row| row.get("koala_id"))?;
    tx.execute(sql!("DELETE FROM visit_person WHERE visit_id = $1"), params![id])?;
    tx.execute(sql!("DELETE FROM visit WHERE id = $1"), params![id])?;
    Ok(Some(koala_ids))
}

/// Keeps others from changing a visit until the transaction ends; whether there is such a visit.
pub fn lock(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    Ok(tx.execute(sql!("UPDATE visit SET is_indexed = is_indexed WHERE id = $1"), params![id])? == 1)
}

/// Makes the passes of a visit expired ones, and takes their pictures away.
pub fn end_passes(tx: &mut Tx<'_>, visit_id: i64) -> Result<()> {
    tx.execute(sql!("UPDATE pass SET valid_until = 0 WHERE visit_id = $1"), params![visit_id])?;
    let delete = sql!("DELETE FROM pass_image WHERE token IN (SELECT token FROM pass WHERE visit_id = $1)");
    tx.execute(delete, params![visit_id])?;
    Ok(())
}

/// How many visits start between two instants.
pub fn count_between(tx: &mut Tx<'_>, from: Millis, to: Millis) -> Result<i64> {
    let count = sql!("SELECT count(*) AS total FROM visit WHERE starts_at >= $1 AND starts_at < $2");
    Ok(tx.query_one(count, params![from, to], |row| row.get("total"))?)
}
