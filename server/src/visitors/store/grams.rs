//! The parts of names by which visits are found: one row a part and visit, and a total a part.
//!
//! Applications only mark their visit as not indexed. The parts are written in batches by whoever
//! needs them next, a search or the timer, one at a time: so the totals need no lock that
//! applications would queue for, and a search still sees every visit written before it.

use std::collections::{BTreeMap, BTreeSet};

use yuyue_db::{Lock, Tx, params, sql};

use super::Result;
use crate::clock::Millis;
use crate::locks;
use crate::text;

/// Whose name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Visitor,
    Interviewee,
}

impl Name {
    #[must_use]
    pub fn field(self) -> i64 {
        match self {
            Self::Visitor => 0,
            Self::Interviewee => 1,
        }
    }
}

/// The part that every visit has: its total counts all of them.
pub const EVERY: &str = "";
const BATCH: i64 = 500;

/// Keeps others from changing parts and totals until the transaction ends.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    Ok(tx.lock(Lock::Exclusive(locks::GRAMS))?)
}

/// Whether some visit has no parts yet.
pub fn is_behind(tx: &mut Tx<'_>) -> Result<bool> {
    let find = sql!("SELECT id FROM visit WHERE is_indexed = FALSE LIMIT 1");
    Ok(tx.query_opt(find, &[], |_| Ok(()))?.is_some())
}

struct Names {
    id: i64,
    at: Millis,
    visitor: String,
    interviewee: String,
}

impl Names {
    fn parts(&self) -> BTreeSet<(i64, String)> {
        let of = |name: Name, key: &str| {
            text::grams(key).into_iter().map(move |gram| (name.field(), gram)).collect::<Vec<_>>()
        };
        let mut parts: BTreeSet<_> = of(Name::Visitor, &self.visitor).into_iter().collect();
        parts.extend(of(Name::Interviewee, &self.interviewee));
        parts
    }
}

fn names(row: &yuyue_db::Row<'_>) -> yuyue_db::Result<Names> {
    Ok(Names {
        id: row.get("id")?,
        at: row.get("created_at")?,
        visitor: row.get("name_key")?,
        interviewee: row.get("interviewee_key")?,
    })
}

/// Writes the parts of at most 500 visits; how many there were.
pub fn catch_up(tx: &mut Tx<'_>) -> Result<usize> {
    lock(tx)?;
    let list = sql!(
        "SELECT v.id, v.created_at, p.name_key, v.interviewee_key
         FROM visit v JOIN visit_person p ON p.visit_id = v.id AND p.position = 0
         WHERE v.is_indexed = FALSE ORDER BY v.id LIMIT $1"
    );
    let found = tx.query(list, params![BATCH], names)?;
    let mut totals: BTreeMap<(i64, String), i64> = BTreeMap::new();
    let insert =
        sql!("INSERT INTO visit_gram (field, gram, at, id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");
    let mark = sql!("UPDATE visit SET is_indexed = TRUE WHERE id = $1 AND is_indexed = FALSE");
    for names in &found {
        // A visit that was deleted since it was read must not count.
        if tx.execute(mark, params![names.id])? == 0 {
            continue;
        }
        for (field, gram) in names.parts() {
            tx.execute(insert, params![field, &gram, names.at, names.id])?;
            *totals.entry((field, gram)).or_default() += 1;
        }
        *totals.entry((Name::Visitor.field(), EVERY.to_owned())).or_default() += 1;
    }
    for ((field, gram), more) in &totals {
        add(tx, *field, gram, *more)?;
    }
    Ok(found.len())
}

fn add(tx: &mut Tx<'_>, field: i64, gram: &str, more: i64) -> Result<()> {
    let upsert = sql!(
        "INSERT INTO visit_gram_total (field, gram, total) VALUES ($1, $2, $3)
         ON CONFLICT (field, gram) DO UPDATE SET total = visit_gram_total.total + excluded.total"
    );
    tx.execute(upsert, params![field, gram, more])?;
    Ok(())
}

/// Takes a visit's parts away, before its names change or it goes; it counts as not indexed then.
/// The caller holds the [`lock`].
pub fn forget(tx: &mut Tx<'_>, visit_id: i64) -> Result<()> {
    let update = sql!("UPDATE visit SET is_indexed = FALSE WHERE id = $1 AND is_indexed = TRUE");
    if tx.execute(update, params![visit_id])? == 0 {
        return Ok(());
    }
    let find = sql!(
        "SELECT v.id, v.created_at, p.name_key, v.interviewee_key
         FROM visit v JOIN visit_person p ON p.visit_id = v.id AND p.position = 0 WHERE v.id = $1"
    );
    let Some(names) = tx.query_opt(find, params![visit_id], names)? else { return Ok(()) };
    let delete = sql!("DELETE FROM visit_gram WHERE field = $1 AND gram = $2 AND at = $3 AND id = $4");
    for (field, gram) in names.parts() {
        tx.execute(delete, params![field, &gram, names.at, visit_id])?;
        add(tx, field, &gram, -1)?;
    }
    add(tx, Name::Visitor.field(), EVERY, -1)
}

/// How many visits have a part in a name.
pub fn total(tx: &mut Tx<'_>, name: Name, gram: &str) -> Result<i64> {
    let find = sql!("SELECT total FROM visit_gram_total WHERE field = $1 AND gram = $2");
    Ok(tx.query_opt(find, params![name.field(), gram], |row| row.get("total"))?.unwrap_or(0))
}
