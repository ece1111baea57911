//! The keys of what was written before there were keys.
//!
//! They are made here and not by the migration, because SQL knows no NFKC and there must be one rule.
//! It happens right after the migration, before anything is served, in parts that leave others their turn;
//! whoever is stopped in between goes on at the next start.

use serde::Serialize;
use yuyue_db::{Db, Lock, Row, Statement, Tx, params, pick, sql};

use crate::clock::Millis;
use crate::error::Error;
use crate::visitors::blocking;
use crate::{locks, phone, text};

/// Rows of one transaction.
const PART: i64 = 500;

/// Makes the keys that are missing.
///
/// # Errors
/// When the database refuses.
pub async fn fill(db: &Db, at: Millis) -> Result<(), Error> {
    let mut total = until_done(db, people).await?;
    total += until_done(db, visits).await?;
    total += until_done(db, messages).await?;
    total += until_done(db, employees).await?;
    total += until_done(db, bindings).await?;
    // A block takes effect in every spelling, and ends what the phone has: its people need their keys first.
    total += until_done(db, move |tx| blocked(tx, at)).await?;
    if total > 0 {
        tracing::info!(rows = total, "made the keys of phones and names");
    }
    Ok(())
}

async fn until_done(
    db: &Db,
    part: impl Fn(&mut Tx<'_>) -> Result<usize, Error> + Clone + Send + 'static,
) -> Result<usize, Error> {
    let mut total = 0;
    loop {
        let part = part.clone();
        let done = db
            .write("keys.fill", move |tx| {
                // Nodes that start together would wait for one another's rows.
                tx.lock(Lock::Exclusive(locks::KEYS))?;
                part(tx)
            })
            .await?;
        if done == 0 {
            return Ok(total);
        }
        total += done;
    }
}

/// A row and its key; a visit has two.
#[derive(Serialize)]
struct Keyed {
    id: i64,
    key: String,
    other: String,
}

fn keyed(row: &Row<'_>) -> yuyue_db::Result<Keyed> {
    let key = phone::key(&row.get::<String>("phone")?);
    Ok(Keyed { id: row.get("id")?, key, other: String::new() })
}

fn save(tx: &mut Tx<'_>, update: &'static Statement, rows: &[Keyed]) -> Result<usize, Error> {
    if !rows.is_empty() {
        let json = serde_json::to_string(rows).map_err(|error| Error::internal(error.to_string()))?;
        tx.execute(update, params![&json])?;
    }
    Ok(rows.len())
}

fn people(tx: &mut Tx<'_>) -> Result<usize, Error> {
    let list = sql!("SELECT id, phone FROM visit_person WHERE phone_key IS NULL ORDER BY id LIMIT $1");
    let update = pick!(
        "UPDATE visit_person SET phone_key = s.value ->> 'key' FROM json_each($1) s
         WHERE visit_person.id = s.value ->> 'id'",
        "UPDATE visit_person SET phone_key = s.key
         FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS s (id BIGINT, key TEXT)
         WHERE visit_person.id = s.id"
    );
    let rows = tx.query(list, params![PART], keyed)?;
    save(tx, update, &rows)
}

fn visits(tx: &mut Tx<'_>) -> Result<usize, Error> {
    let list = sql!(
        "SELECT id, proposer, interviewee_phone FROM visit WHERE proposer_key IS NULL ORDER BY id LIMIT $1"
    );
    let update = pick!(
        "UPDATE visit SET proposer_key = s.value ->> 'key', interviewee_phone_key = s.value ->> 'other'
         FROM json_each($1) s WHERE visit.id = s.value ->> 'id'",
        "UPDATE visit SET proposer_key = s.key, interviewee_phone_key = s.other
         FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS s (id BIGINT, key TEXT, other TEXT)
         WHERE visit.id = s.id"
    );
    let rows = tx.query(list, params![PART], |row| {
        let key = phone::key(&row.get::<String>("proposer")?);
        let other = phone::key(&row.get::<String>("interviewee_phone")?);
        Ok(Keyed { id: row.get("id")?, key, other })
    })?;
    save(tx, update, &rows)
}

fn messages(tx: &mut Tx<'_>) -> Result<usize, Error> {
    let list = sql!(
        "SELECT id, recipient AS phone FROM outbox WHERE is_message AND recipient_key IS NULL ORDER BY id LIMIT $1"
    );
    let update = pick!(
        "UPDATE outbox SET recipient_key = s.value ->> 'key' FROM json_each($1) s
         WHERE outbox.id = s.value ->> 'id'",
        "UPDATE outbox SET recipient_key = s.key
         FROM json_to_recordset(CAST(CAST($1 AS TEXT) AS JSON)) AS s (id BIGINT, key TEXT)
         WHERE outbox.id = s.id"
    );
    let rows = tx.query(list, params![PART], keyed)?;
    save(tx, update, &rows)
}

fn employees(tx: &mut Tx<'_>) -> Result<usize, Error> {
    let list = sql!(
        "SELECT subject_id, name, phone FROM employee WHERE phone_key IS NULL ORDER BY subject_id LIMIT $1"
    );
    let update = sql!("UPDATE employee SET phone_key = $2, name_key = $3 WHERE subject_id = $1");
    let rows = tx.query(list, params![PART], |row| {
        Ok((row.get::<i64>("subject_id")?, row.get::<String>("name")?, row.get::<String>("phone")?))
    })?;
    for (id, name, phone) in &rows {
        tx.execute(update, params![*id, &phone::key(phone), &text::name_key(name)])?;
    }
    Ok(rows.len())
}

/// Of several WeChats that had bound one number in different spellings, the first keeps it.
fn bindings(tx: &mut Tx<'_>) -> Result<usize, Error> {
    let list =
        sql!("SELECT id, name, phone FROM wechat_binding WHERE phone_key IS NULL ORDER BY id LIMIT $1");
    let update = sql!(
        "UPDATE wechat_binding SET phone_key = $2, name_key = $3
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM wechat_binding o
                                       WHERE o.phone_key = $2 AND o.role = wechat_binding.role)"
    );
    let rows = tx.query(list, params![PART], |row| {
        Ok((row.get::<i64>("id")?, row.get::<String>("name")?, row.get::<String>("phone")?))
    })?;
    for (id, name, phone) in &rows {
        if tx.execute(update, params![*id, &phone::key(phone), &text::name_key(name)])? == 0 {
            tx.execute(sql!("DELETE FROM wechat_binding WHERE id = $1"), params![*id])?;
        }
    }
    Ok(rows.len())
}

/// Of several entries for one number, the first stays.
fn blocked(tx: &mut Tx<'_>, at: Millis) -> Result<usize, Error> {
    // Each ends passes, so they are few at once.
    let list = sql!("SELECT id, phone FROM blocked_phone WHERE phone_key IS NULL ORDER BY id LIMIT 20");
    let update = sql!(
        "UPDATE blocked_phone SET phone_key = $2
         WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM blocked_phone o WHERE o.phone_key = $2)"
    );
    let rows = tx.query(list, params![], keyed)?;
    for Keyed { id, key, .. } in &rows {
        if tx.execute(update, params![*id, key])? == 0 {
            tx.execute(sql!("DELETE FROM blocked_phone WHERE id = $1"), params![*id])?;
        }
        blocking::shut_out(tx, key, at)?;
    }
    Ok(rows.len())
}
