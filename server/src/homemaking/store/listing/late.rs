//! The public list while very many services wait to be put on it or taken off, as they do after a
//! midnight at which very many begin or end: what stands ready without those that wait, and with those
//! of them that belong on it.

use std::cmp::Reverse;

use yuyue_db::{Row, Tx, params, sql};

use super::super::services::{self, Service};
use super::{Filter, Result, Sort, TYPES, rarest_part, sorted, total, total_with};
use crate::clock::Millis;
use crate::homemaking::rules::{self, Period};
use crate::homemaking::states::{ServiceState, Term as _};
use crate::http::page::Page;
use crate::text;

/// What decides about a service's place.
#[derive(Clone, Copy)]
struct Entry {
    id: i64,
    price: i64,
    score: i64,
    sales_volume: i64,
}

fn entry(row: &Row<'_>) -> yuyue_db::Result<Entry> {
    Ok(Entry {
        id: row.get("service_id")?,
        price: row.get("price_fen")?,
        score: row.get("score")?,
        sales_volume: row.get("sales_volume")?,
    })
}

impl Entry {
    /// Smaller comes first, as in the statements.
    fn place(&self, sort: Sort) -> (i64, Reverse<i64>) {
        let of = match sort {
            Sort::Newest => 0,
            Sort::Score => -self.score,
            Sort::Sales => -self.sales_volume,
            Sort::Price => return (self.price, Reverse(-self.id)),
            Sort::PriceDown => -self.price,
        };
        (of, Reverse(self.id))
    }
}

/// As [`super::list`], for a list that is not up to date at `at`. It takes longer the more services wait,
/// and is meant for one snapshot: in a read, not among point reads.
pub fn list(tx: &mut Tx<'_>, filter: &Filter, page: Page, at: Millis) -> Result<(i64, Vec<Service>)> {
    let coming = coming(tx, filter, at)?;
    let more = i64::try_from(coming.len()).unwrap_or(i64::MAX);
    let total = ready(tx, filter)? - leaving(tx, filter, at)? + more;
    if page.offset() >= total {
        return Ok((total, Vec::new()));
    }
    // However many of those that come stand before the page, it begins no earlier among the others.
    let first = (page.offset() - more).max(0);
    let mut entries = staying(tx, filter, (page.size + more, first), at)?;
    entries.extend(coming);
    entries.sort_unstable_by_key(|entry| entry.place(filter.sort));
    let skipped = usize::try_from(page.offset() - first).unwrap_or(usize::MAX);
    let size = usize::try_from(page.size).unwrap_or(usize::MAX);
    let mut shown = Vec::new();
    for entry in entries.into_iter().skip(skipped).take(size) {
        shown.extend(services::find(tx, entry.id)?);
    }
    Ok((total, shown))
}

/// How many stand ready, those that wait to be taken off included.
fn ready(tx: &mut Tx<'_>, filter: &Filter) -> Result<i64> {
    let Some(key) = filter.key() else { return total(tx, filter.facet()) };
    match rarest_part(tx, &key)? {
        Some(part) => total_with(tx, filter.facet(), &part),
        None => Ok(0),
    }
}

/// How many of those that stand ready wait.
fn leaving(tx: &mut Tx<'_>, filter: &Filter, at: Millis) -> Result<i64> {
    let count = sql!(
        "SELECT count(*) AS total FROM service
         WHERE turns_at <= $1 AND listed_as IS NOT NULL
           AND (CAST($2 AS BIGINT) IS NULL OR listed_as / $4 = $2)
           AND (CAST($3 AS BIGINT) IS NULL OR listed_as % $4 = $3)
           AND (CAST($5 AS TEXT) IS NULL OR replace(listed_key, $5, '') <> listed_key)"
    );
    let key = filter.key();
    let values = params![at, filter.kind, filter.category_id, TYPES, key.as_ref()];
    Ok(tx.query_one(count, values, |row| row.get("total"))?)
}

/// Those that wait and belong on the list.
fn coming(tx: &mut Tx<'_>, filter: &Filter, at: Millis) -> Result<Vec<Entry>> {
    // What is over never belongs on it: that is most of what waits where very many end.
    let find = sql!(
        "SELECT id AS service_id, title, price_fen, score, sales_volume, status, begins_at, ends_at FROM service
         WHERE turns_at <= $1 AND ends_at > $1
           AND (CAST($2 AS BIGINT) IS NULL OR type = $2)
           AND (CAST($3 AS BIGINT) IS NULL OR category_id = $3)"
    );
    let key = filter.key();
    let belongs = |row: &Row<'_>| -> yuyue_db::Result<Option<Entry>> {
        let status = ServiceState::of(row.get("status")?);
        let period = Period { begins_at: row.get("begins_at")?, ends_at: row.get("ends_at")? };
        let is_listed = status.is_some_and(|status| rules::listing(status, period, at).0);
        let title: String = row.get("title")?;
        let fits = key.as_ref().is_none_or(|key| text::search_key(&title).contains(key));
        Ok(if is_listed && fits { Some(entry(row)?) } else { None })
    };
    let found = tx.query(find, params![at, filter.kind, filter.category_id], belongs)?;
    Ok(found.into_iter().flatten().collect())
}

/// Those that stand ready and do not wait: `size` of them, from the one after `first`.
fn staying(tx: &mut Tx<'_>, filter: &Filter, (size, first): (i64, i64), at: Millis) -> Result<Vec<Entry>> {
    macro_rules! whole {
        ($order:literal) => {
            concat!(
                "SELECT l.service_id, l.price_fen, l.score, l.sales_volume
                 FROM service_listing l CROSS JOIN service s
                 WHERE l.facet = $1 AND s.id = l.service_id AND (s.turns_at IS NULL OR s.turns_at > $2)
                 ORDER BY ",
                $order,
                " LIMIT $3 OFFSET $4"
            )
        };
    }
    macro_rules! matching {
        ($order:literal) => {
            concat!(
                "SELECT l.service_id, l.price_fen, l.score, l.sales_volume
                 FROM service_gram g CROSS JOIN service_listing l CROSS JOIN service s
                 WHERE g.gram = $2 AND l.facet = $1 AND l.service_id = g.service_id AND s.id = g.service_id
                   AND (CAST($3 AS TEXT) IS NULL OR replace(s.listed_key, $3, '') <> s.listed_key)
                   AND (s.turns_at IS NULL OR s.turns_at > $4)
                 ORDER BY ",
                $order,
                " LIMIT $5 OFFSET $6"
            )
        };
    }
    let facet = filter.facet();
    let Some(key) = filter.key() else {
        return Ok(tx.query(sorted!(filter.sort, whole), params![facet, at, size, first], entry)?);
    };
    let Some(part) = rarest_part(tx, &key)? else { return Ok(Vec::new()) };
    let values = [part.filter(facet).as_slice(), params![at, size, first]].concat();
    Ok(tx.query(sorted!(filter.sort, matching), &values, entry)?)
}
