//! The parts of names by which visits are found: one row a part and visit, and a total a part.
//!
//! Applications only mark their visit as not indexed. The parts are written in batches by whoever
//! needs them next, a search or the timer, one at a time: so the totals need no lock that
//! applications would queue for, and a search still sees every visit written before it.

use std::collections::{BTreeMap, BTreeSet};

use yuyue_db::{Lock, Tx, Value, params, sql};

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
/// Visits whose parts are written at once: some twenty rows each.
const BATCH: i64 = 25;

/// Keeps others from changing parts and totals until the transaction ends.
pub fn lock(tx: &mut Tx<'_>) -> Result<()> {
    Ok(tx.lock(Lock::Exclusive(locks::GRAMS))?)
}

/// Whether some visit has no parts yet.
pub fn is_behind(tx: &mut Tx<'_>) -> Result<bool> {
    let find = sql!("SELECT id FROM visit WHERE is_indexed = FALSE LIMIT 1");
    Ok(tx.query_opt(find, &[], |_| Ok(()))?.is_some())
}

/// Of a visit's names, each with the field it is in.
type Parts = BTreeSet<(i64, String)>;

struct Names {
    id: i64,
    at: Millis,
    visitor: String,
    interviewee: String,
}

impl Names {
    fn parts(&self) -> Parts {
        let of = |name: Name, key: &str| {
            text::grams(key).into_iter().map(move |gram| (name.field(), gram)).collect::<Vec<_>>()
        };
        let mut parts: Parts = of(Name::Visitor, &self.visitor).into_iter().collect();
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

/// Writes the parts of some visits; how many there were.
pub fn catch_up(tx: &mut Tx<'_>) -> Result<usize> {
    lock(tx)?;
    let list = sql!(
        "SELECT v.id, v.created_at, p.name_key, v.interviewee_key
         FROM visit v JOIN visit_person p ON p.visit_id = v.id AND p.position = 0
         WHERE v.is_indexed = FALSE ORDER BY v.id LIMIT $1"
    );
    let found = tx.query(list, params![BATCH], names)?;
    let mut marked = Vec::new();
    let mark = sql!("UPDATE visit SET is_indexed = TRUE WHERE id = $1 AND is_indexed = FALSE");
    for names in &found {
        // A visit that was deleted since it was read must not count.
        if tx.execute(mark, params![names.id])? == 1 {
            marked.push((names, names.parts()));
        }
    }
    let insert =
        sql!("INSERT INTO visit_gram (field, gram, at, id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");
    let rows = marked.iter().flat_map(|(names, parts)| {
        parts.iter().map(|(field, gram)| *params![*field, gram, names.at, names.id])
    });
    tx.insert_many(insert, &rows.collect::<Vec<_>>())?;
    count(tx, marked.iter().map(|(_, parts)| parts), 1)?;
    Ok(found.len())
}

/// Counts visits, each with its parts, by `sign`: 1 for new ones and -1 for those that go.
fn count<'p>(tx: &mut Tx<'_>, visits: impl Iterator<Item = &'p Parts>, sign: i64) -> Result<()> {
    let mut totals: BTreeMap<(i64, &str), i64> = BTreeMap::new();
    for parts in visits {
        let every = (Name::Visitor.field(), EVERY);
        for part in parts.iter().map(|(field, gram)| (*field, gram.as_str())).chain([every]) {
            *totals.entry(part).or_default() += sign;
        }
    }
    let upsert = sql!(
        "INSERT INTO visit_gram_total (field, gram, total) VALUES ($1, $2, $3)
         ON CONFLICT (field, gram) DO UPDATE SET total = visit_gram_total.total + excluded.total"
    );
    let rows = totals.iter().map(|((field, gram), more)| *params![*field, *gram, *more]);
    tx.insert_many(upsert, &rows.collect::<Vec<_>>())?;
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
    // Several at once, for a visit has a dozen of them; whose name they are a part of makes no difference here.
    let delete = sql!(
        "DELETE FROM visit_gram WHERE field IN (0, 1) AND gram IN ($1, $2, $3, $4, $5, $6, $7, $8)
            AND at = $9 AND id = $10"
    );
    let parts = names.parts();
    let grams: Vec<&str> = parts.iter().map(|(_, gram)| gram.as_str()).collect();
    for some in grams.chunks(8) {
        let gram = |index: usize| Value::from(some.get(index).copied());
        let mut values: Vec<Value<'_>> = (0..8).map(gram).collect();
        values.extend([Value::Int(names.at), Value::Int(visit_id)]);
        tx.execute(delete, &values)?;
    }
    count(tx, std::iter::once(&parts), -1)
}

/// How many visits have a part in a name.
pub fn total(tx: &mut Tx<'_>, name: Name, gram: &str) -> Result<i64> {
    let find = sql!("SELECT total FROM visit_gram_total WHERE field = $1 AND gram = $2");
    Ok(tx.query_opt(find, params![name.field(), gram], |row| row.get("total"))?.unwrap_or(0))
}
