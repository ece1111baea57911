//! Sign-in, passes, scans and sign-out.

use std::collections::BTreeMap;

use serde::Serialize;
use yuyue_db::{Row, Tx, params, pick, sql};

use super::{Result, blocklist};
use crate::clock::Millis;
use crate::error::Error;
use crate::visitors::rules::{Candidate, Validity};
use crate::visitors::scans::Scan;

/// The visits of a phone (by its key) that have not ended and start before `before`, refused ones left out.
pub fn candidates(tx: &mut Tx<'_>, phone_key: &str, before: Millis, at: Millis) -> Result<Vec<Candidate>> {
    let list = sql!(
        "SELECT v.id, v.starts_at, (v.authorised_at IS NOT NULL) AS is_authorised,
                v.signed_in_at IS NOT NULL AND EXISTS (
                    SELECT 1 FROM visit_person h JOIN pass s ON s.person_id = h.id
                    WHERE h.visit_id = v.id AND h.phone_key = $1 AND s.valid_until > 0) AS is_signed_in,
                NOT EXISTS (SELECT 1 FROM visit_person o
                            WHERE o.visit_id = v.id AND o.phone_key = $1 AND o.position = 0) AS is_companion
         FROM visit v
         WHERE v.id IN (SELECT visit_id FROM visit_person WHERE phone_key = $1)
           AND v.ends_at > $3 AND v.starts_at < $2 AND v.refused_at IS NULL
         ORDER BY v.starts_at, v.id"
    );
    let candidate = |row: &Row<'_>| {
        Ok(Candidate {
            visit_id: row.get("id")?,
            starts_at: row.get("starts_at")?,
            is_authorised: row.get("is_authorised")?,
            is_signed_in: row.get("is_signed_in")?,
            is_companion: row.get("is_companion")?,
        })
    };
    Ok(tx.query(list, params![phone_key, before, at], candidate)?)
}

/// Signs a visit in, once; whether this was the time. Its row is locked from here on.
pub fn sign_in(tx: &mut Tx<'_>, visit_id: i64, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE visit SET signed_in_at = $2
         WHERE id = $1 AND signed_in_at IS NULL AND authorised_at IS NOT NULL AND ends_at > $2"
    );
    Ok(tx.execute(update, params![visit_id, at])? == 1)
}

/// Back after signing out.
pub fn come_back(tx: &mut Tx<'_>, visit_id: i64, phone_key: &str) -> Result<()> {
    let update = sql!(
        "UPDATE visit_person SET signed_out_at = NULL
         WHERE visit_id = $1 AND phone_key = $2 AND signed_out_at IS NOT NULL"
    );
    tx.execute(update, params![visit_id, phone_key])?;
    Ok(())
}

/// A person's pass, with its picture as base64.
pub struct NewPass<'p> {
    pub token: &'p str,
    pub visit_id: i64,
    pub person_id: i64,
    pub validity: Validity,
    pub picture: &'p str,
}

pub fn insert_pass(tx: &mut Tx<'_>, pass: &NewPass<'_>) -> Result<()> {
    let insert = sql!(
        "INSERT INTO pass (token, visit_id, person_id, valid_from, valid_until) VALUES ($1, $2, $3, $4, $5)"
    );
    let Validity { from, until } = pass.validity;
    tx.execute(insert, params![pass.token, pass.visit_id, pass.person_id, from, until])?;
    let insert = sql!("INSERT INTO pass_image (token, body, expires_at) VALUES ($1, $2, $3)");
    tx.execute(insert, params![pass.token, pass.picture, until])?;
    Ok(())
}

/// What a gate needs to know of a pass: one row, found by its key.
#[derive(Clone, Debug)]
pub struct Pass {
    pub visit_id: i64,
    pub person_id: i64,
    pub validity: Validity,
    /// Whether the blocklist ended it.
    pub is_blocked: bool,
}

pub fn pass(tx: &mut Tx<'_>, token: &str) -> Result<Option<Pass>> {
    let find =
        sql!("SELECT visit_id, person_id, valid_from, valid_until, is_blocked FROM pass WHERE token = $1");
    let pass = tx.query_opt(find, params![token], |row| {
        Ok(Pass {
            visit_id: row.get("visit_id")?,
            person_id: row.get("person_id")?,
            validity: Validity { from: row.get("valid_from")?, until: row.get("valid_until")? },
            is_blocked: row.get("is_blocked")?,
        })
    });
    Ok(pass?)
}

/// The picture (base64) of a pass that has not expired, and when it does.
pub fn picture(tx: &mut Tx<'_>, token: &str, at: Millis) -> Result<Option<(String, Millis)>> {
    let find = sql!("SELECT body, expires_at FROM pass_image WHERE token = $1 AND expires_at > $2");
    Ok(tx.query_opt(find, params![token, at], |row| Ok((row.get("body")?, row.get("expires_at")?)))?)
}

/// How long after signing out a scan is still the way out, and not a return.
const WAY_OUT: Millis = 10 * crate::clock::MINUTE;

/// Writes scans, however many, in two statements. Who passes a gate well after signing out has come back.
pub fn insert_scans(tx: &mut Tx<'_>, scans: &[Scan]) -> Result<()> {
    let insert = sql!(
        "INSERT INTO scan (at, device_id, device, visit_id, person_id, verdict) VALUES ($1, $2, $3, $4, $5, $6)"
    );
    let rows = scans.iter().map(|scan| {
        let Scan { at, device_id, device, visit_id, person_id, verdict } = scan;
        *params![*at, *device_id, device, *visit_id, *person_id, *verdict]
    });
    tx.insert_many(insert, &rows.collect::<Vec<_>>())?;
    let bring_back = pick!(
        "UPDATE visit_person SET signed_out_at = NULL FROM json_each($1) s
         WHERE visit_person.id = s.value ->> 'person_id' AND signed_out_at < (s.value ->> 'at') - $2",
        "UPDATE visit_person SET signed_out_at = NULL
         FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS s (at BIGINT, person_id BIGINT)
         WHERE id = s.person_id AND signed_out_at < s.at - $2"
    );
    let passed = serde_json::to_string(&passed(scans)).map_err(|error| Error::internal(error.to_string()))?;
    tx.execute(bring_back, params![&passed, WAY_OUT])?;
    Ok(())
}

/// When somebody passed last.
#[derive(Serialize)]
struct Passed {
    person_id: i64,
    at: Millis,
}

/// Each person who passed, once.
fn passed(scans: &[Scan]) -> Vec<Passed> {
    let mut last = BTreeMap::new();
    for scan in scans.iter().filter(|scan| scan.verdict == 0) {
        let Some(person_id) = scan.person_id else { continue };
        let at = last.entry(person_id).or_insert(scan.at);
        *at = scan.at.max(*at);
    }
    last.into_iter().map(|(person_id, at)| Passed { person_id, at }).collect()
}

/// Somebody in the building.
#[derive(Clone, Debug)]
pub struct Inside {
    pub visit_id: i64,
    pub person_id: i64,
    pub phone_key: String,
}

/// The people in the building with this phone, or of the visits that it belongs to and that ended after
/// `since`. Who never got a pass was not let in with the others.
pub fn inside_by_phone(tx: &mut Tx<'_>, phone_key: &str, since: Millis) -> Result<Vec<Inside>> {
    let list = sql!(
        "SELECT p.visit_id, p.id, p.phone_key FROM visit v JOIN visit_person p ON p.visit_id = v.id
         WHERE v.id IN (SELECT visit_id FROM visit_person WHERE phone_key = $1)
           AND v.signed_in_at IS NOT NULL AND v.ends_at > $2 AND p.signed_out_at IS NULL
           AND EXISTS (SELECT 1 FROM pass s WHERE s.person_id = p.id)
         ORDER BY p.visit_id, p.position"
    );
    Ok(tx.query(list, params![phone_key, since], inside)?)
}

/// The people in the building who came with this person, if the visit ended after `since`.
pub fn inside_by_person(tx: &mut Tx<'_>, person_id: i64, since: Millis) -> Result<Vec<Inside>> {
    let list = sql!(
        "SELECT p.visit_id, p.id, p.phone_key FROM visit v JOIN visit_person p ON p.visit_id = v.id
         WHERE v.id = (SELECT visit_id FROM visit_person WHERE id = $1)
           AND v.signed_in_at IS NOT NULL AND v.ends_at > $2 AND p.signed_out_at IS NULL
           AND EXISTS (SELECT 1 FROM pass s WHERE s.person_id = p.id)
         ORDER BY p.visit_id, p.position"
    );
    Ok(tx.query(list, params![person_id, since], inside)?)
}

/// Whether somebody is in the building after the end of a visit, and nobody has told the employee: this does.
pub fn find_overdue(tx: &mut Tx<'_>, visit_id: i64, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE visit SET overdue_told_at = $2
         WHERE id = $1 AND overdue_told_at IS NULL AND erased_at IS NULL AND ends_at <= $2
           AND EXISTS (SELECT 1 FROM visit_person p JOIN pass s ON s.person_id = p.id
                       WHERE p.visit_id = $1 AND p.signed_out_at IS NULL)"
    );
    Ok(tx.execute(update, params![visit_id, at])? == 1)
}

/// The people of a visit who got a pass and have not signed out.
pub fn inside_of(tx: &mut Tx<'_>, visit_id: i64) -> Result<Vec<i64>> {
    let list = sql!(
        "SELECT p.id FROM visit_person p JOIN pass s ON s.person_id = p.id
         WHERE p.visit_id = $1 AND p.signed_out_at IS NULL ORDER BY p.position"
    );
    Ok(tx.query(list, params![visit_id], |row| row.get("id"))?)
}

fn inside(row: &Row<'_>) -> yuyue_db::Result<Inside> {
    Ok(Inside { visit_id: row.get("visit_id")?, person_id: row.get("id")?, phone_key: row.get("phone_key")? })
}

/// Signs one person out; whether this was the time.
pub fn sign_out(tx: &mut Tx<'_>, person_id: i64, at: Millis) -> Result<bool> {
    let update = sql!("UPDATE visit_person SET signed_out_at = $2 WHERE id = $1 AND signed_out_at IS NULL");
    Ok(tx.execute(update, params![person_id, at])? == 1)
}

/// A person whom Koala should know or has been told of.
#[derive(Clone, Debug)]
pub struct KoalaPerson {
    pub name: String,
    pub phone: String,
    pub koala_id: Option<i64>,
    pub purpose: i64,
    pub interviewee: String,
    pub come_from: String,
    pub remark: String,
    pub group_ids: String,
    pub starts_at: Millis,
    pub ends_at: Millis,
}

pub fn koala_person(tx: &mut Tx<'_>, person_id: i64) -> Result<Option<KoalaPerson>> {
    let find = sql!(
        "SELECT p.name, p.phone, p.koala_id, v.purpose, v.interviewee, v.come_from, v.remark, v.group_ids,
                v.starts_at, v.ends_at
         FROM visit_person p JOIN visit v ON v.id = p.visit_id
         WHERE p.id = $1 AND v.erased_at IS NULL AND p.phone <> ''
           AND NOT EXISTS (SELECT 1 FROM blocked_phone b WHERE b.phone_key = p.phone_key)"
    );
    let person = tx.query_opt(find, params![person_id], |row| {
        Ok(KoalaPerson {
            name: row.get("name")?,
            phone: row.get("phone")?,
            koala_id: row.get("koala_id")?,
            purpose: row.get("purpose")?,
            interviewee: row.get("interviewee")?,
            come_from: row.get("come_from")?,
            remark: row.get("remark")?,
            group_ids: row.get("group_ids")?,
            starts_at: row.get("starts_at")?,
            ends_at: row.get("ends_at")?,
        })
    });
    Ok(person?)
}

/// Remembers Koala's id of a person who has none yet; false when the person is gone, blocked or has one.
pub fn set_koala_id(tx: &mut Tx<'_>, person_id: i64, koala_id: i64) -> Result<bool> {
    blocklist::hold_still(tx)?;
    let update = sql!(
        "UPDATE visit_person SET koala_id = $2 WHERE id = $1 AND koala_id IS NULL AND phone <> ''
           AND NOT EXISTS (SELECT 1 FROM blocked_phone b WHERE b.phone_key = visit_person.phone_key)"
    );
    Ok(tx.execute(update, params![person_id, koala_id])? == 1)
}

/// Forgets pictures past their time.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM pass_image WHERE token IN
             (SELECT token FROM pass_image WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// Forgets scans from before `before`. They are written in the order of time, so the oldest need no index.
pub fn forget_scans(tx: &mut Tx<'_>, before: Millis, most: i64) -> Result<u64> {
    let delete = sql!("DELETE FROM scan WHERE at < $1 AND id IN (SELECT id FROM scan ORDER BY id LIMIT $2)");
    Ok(tx.execute(delete, params![before, most])?)
}
