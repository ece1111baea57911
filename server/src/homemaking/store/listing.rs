//! The public list (已发布的服务): what is published and within its dates, ready in every order.
//!
//! A step of a service only writes when the list has to look at it (`turns_at`). Whoever lists next,
//! or a timer, brings the list up to date first, one at a time: so the totals need no lock that
//! publishers would queue for, and a list still shows exactly what is published at that instant. More
//! than a request should wait for is left to the timer; until it is done, [`late`] reads around it.

pub mod late;

use std::collections::BTreeMap;

use yuyue_db::{Lock, Row, Tx, Value, params, sql};

use super::Result;
use super::services::{Service, service, shown};
use crate::clock::Millis;
use crate::homemaking::rules::{self, Period};
use crate::homemaking::states::{ServiceState, Term as _};
use crate::http::page::Page;
use crate::{locks, text};

/// How many services are looked at in one transaction.
pub const BATCH: i64 = 100;
/// A facet is type * this + category; 0 stands for any.
const TYPES: i64 = 100;

/// How many services have to be put on the list or taken off by now, counted to one more than a batch.
pub fn waiting(tx: &mut Tx<'_>, at: Millis) -> Result<i64> {
    let count = sql!(
        "SELECT count(*) AS waiting FROM (SELECT id FROM service WHERE turns_at <= $1 ORDER BY turns_at LIMIT $2) w"
    );
    Ok(tx.query_one(count, params![at, BATCH + 1], |row| row.get("waiting"))?)
}

/// When the list next has to look at a service.
pub fn next_turn(tx: &mut Tx<'_>) -> Result<Option<Millis>> {
    let find = sql!("SELECT turns_at FROM service WHERE turns_at IS NOT NULL ORDER BY turns_at LIMIT 1");
    Ok(tx.query_opt(find, &[], |row| row.get("turns_at"))?)
}

/// Looks at a batch of the services that the list has to look at.
pub fn catch_up(tx: &mut Tx<'_>, at: Millis) -> Result<()> {
    tx.lock(Lock::Exclusive(locks::LISTING))?;
    let due = sql!("SELECT id FROM service WHERE turns_at <= $1 ORDER BY turns_at, id LIMIT $2");
    let due: Vec<i64> = tx.query(due, params![at, BATCH], |row| row.get("id"))?;
    let mut totals = Totals::default();
    for id in due {
        turn(tx, id, at, &mut totals)?;
    }
    totals.save(tx)
}

/// Has the list look again at what a clock that was ahead has taken off it; gives how many services.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    let update = sql!(
        "UPDATE service SET turns_at = $1
         WHERE status = $2 AND listed_as IS NULL AND turns_at IS NULL AND ends_at > $1"
    );
    Ok(tx.execute(update, params![at, ServiceState::Published.number()])?)
}

/// A service as the list sees it.
struct Turning {
    id: i64,
    facet: i64,
    title: String,
    price: i64,
    score: i64,
    sales_volume: i64,
    status: Option<ServiceState>,
    period: Period,
    listed_as: Option<i64>,
    listed_key: Option<String>,
}

fn turning(row: &Row<'_>) -> yuyue_db::Result<Turning> {
    Ok(Turning {
        id: row.get("id")?,
        facet: row.get::<i64>("type")? * TYPES + row.get::<i64>("category_id")?,
        title: row.get("title")?,
        price: row.get("price_fen")?,
        score: row.get("score")?,
        sales_volume: row.get("sales_volume")?,
        status: ServiceState::of(row.get("status")?),
        period: Period { begins_at: row.get("begins_at")?, ends_at: row.get("ends_at")? },
        listed_as: row.get("listed_as")?,
        listed_key: row.get("listed_key")?,
    })
}

fn turn(tx: &mut Tx<'_>, id: i64, at: Millis, totals: &mut Totals) -> Result<()> {
    // Taking the row first: a sale that is being counted is waited for, and a later one finds the list's rows.
    let take = sql!(
        "UPDATE service SET turns_at = NULL WHERE id = $1
         RETURNING id, type, category_id, title, price_fen, score, sales_volume, status, begins_at, ends_at,
                   listed_as, listed_key"
    );
    let Some(service) = tx.query_opt(take, params![id], turning)? else { return Ok(()) };
    if let Some(facet) = service.listed_as {
        remove(tx, id, facet, service.listed_key.as_deref().unwrap_or_default(), totals)?;
    }
    let status = service.status.unwrap_or(ServiceState::Pending);
    let (is_listed, turns_at) = rules::listing(status, service.period, at);
    let key = is_listed.then(|| text::search_key(&service.title));
    if let Some(key) = &key {
        add(tx, &service, key, totals)?;
    }
    let save = sql!("UPDATE service SET turns_at = $2, listed_as = $3, listed_key = $4 WHERE id = $1");
    let facet = is_listed.then_some(service.facet);
    tx.execute(save, params![id, turns_at, facet, key.as_ref()])?;
    Ok(())
}

/// The ways to narrow down the list by which a service is found.
fn facets(facet: i64) -> [i64; 4] {
    [0, facet % TYPES, facet - facet % TYPES, facet]
}

fn add(tx: &mut Tx<'_>, service: &Turning, key: &str, totals: &mut Totals) -> Result<()> {
    let list = sql!(
        "INSERT INTO service_listing (facet, service_id, price_fen, score, sales_volume) VALUES ($1, $2, $3, $4, $5)"
    );
    let facets = facets(service.facet).map(|facet| {
        totals.count_facet(facet, 1);
        *params![facet, service.id, service.price, service.score, service.sales_volume]
    });
    tx.insert_many(list, &facets)?;
    let part = sql!("INSERT INTO service_gram (gram, service_id) VALUES ($1, $2)");
    let grams = text::grams(key);
    tx.insert_many(part, &grams.iter().map(|gram| *params![gram, service.id]).collect::<Vec<_>>())?;
    for gram in grams {
        totals.count_gram(gram, 1);
    }
    Ok(())
}

fn remove(tx: &mut Tx<'_>, id: i64, facet: i64, key: &str, totals: &mut Totals) -> Result<()> {
    tx.execute(sql!("DELETE FROM service_listing WHERE service_id = $1"), params![id])?;
    for facet in facets(facet) {
        totals.count_facet(facet, -1);
    }
    let part = sql!("DELETE FROM service_gram WHERE gram = $1 AND service_id = $2");
    for gram in text::grams(key) {
        tx.execute(part, params![&gram, id])?;
        totals.count_gram(gram, -1);
    }
    Ok(())
}

/// By how much the totals of a batch change.
#[derive(Default)]
struct Totals {
    facets: BTreeMap<i64, i64>,
    grams: BTreeMap<String, i64>,
}

impl Totals {
    fn count_facet(&mut self, facet: i64, more: i64) {
        *self.facets.entry(facet).or_default() += more;
    }

    fn count_gram(&mut self, gram: String, more: i64) {
        *self.grams.entry(gram).or_default() += more;
    }

    fn save(self, tx: &mut Tx<'_>) -> Result<()> {
        let facet = sql!(
            "INSERT INTO service_listing_total (facet, total) VALUES ($1, $2)
             ON CONFLICT (facet) DO UPDATE SET total = service_listing_total.total + excluded.total"
        );
        let rows = self.facets.iter().map(|(of, more)| *params![*of, *more]);
        tx.insert_many(facet, &rows.collect::<Vec<_>>())?;
        let gram = sql!(
            "INSERT INTO service_gram_total (gram, total) VALUES ($1, $2)
             ON CONFLICT (gram) DO UPDATE SET total = service_gram_total.total + excluded.total"
        );
        let rows = self.grams.iter().map(|(of, more)| *params![of, *more]);
        tx.insert_many(gram, &rows.collect::<Vec<_>>())?;
        Ok(())
    }
}

/// In which order the list is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    #[default]
    Newest,
    /// The best first.
    Score,
    /// The most sold first.
    Sales,
    /// The cheapest first.
    Price,
    /// The dearest first.
    PriceDown,
}

/// What the list is narrowed down to.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub kind: Option<i64>,
    pub category_id: Option<i64>,
    /// Any part of the title.
    pub keyword: Option<String>,
    pub sort: Sort,
}

impl Filter {
    fn facet(&self) -> i64 {
        self.kind.unwrap_or(0) * TYPES + self.category_id.unwrap_or(0)
    }

    /// The keyword as titles are searched.
    fn key(&self) -> Option<String> {
        self.keyword.as_deref().map(text::search_key)
    }
}

/// The five orders of one list; the last parameters are size and offset.
macro_rules! sorted {
    ($sort:expr, $text:ident) => {
        match $sort {
            Sort::Newest => sql!($text!("l.service_id DESC")),
            Sort::Score => sql!($text!("l.score DESC, l.service_id DESC")),
            Sort::Sales => sql!($text!("l.sales_volume DESC, l.service_id DESC")),
            Sort::Price => sql!($text!("l.price_fen, l.service_id")),
            Sort::PriceDown => sql!($text!("l.price_fen DESC, l.service_id DESC")),
        }
    };
}
pub(super) use sorted;

/// The services of a page of the list, and how many there are on all pages. The list has been brought
/// up to date.
pub fn list(tx: &mut Tx<'_>, filter: &Filter, page: Page) -> Result<(i64, Vec<Service>)> {
    let facet = filter.facet();
    if let Some(key) = filter.key() {
        let Some(part) = rarest_part(tx, &key)? else { return Ok((0, Vec::new())) };
        let total = total_with(tx, facet, &part)?;
        return Ok((total, with_part(tx, &part, (facet, filter.sort), page)?));
    }
    macro_rules! whole {
        ($order:literal) => {
            shown!(
                concat!(
                    "(SELECT l.service_id, l.price_fen, l.score, l.sales_volume FROM service_listing l
                      WHERE l.facet = $1 ORDER BY ",
                    $order,
                    " LIMIT $2 OFFSET $3) l JOIN service s ON s.id = l.service_id"
                ),
                concat!("ORDER BY ", $order)
            )
        };
    }
    let total = total(tx, facet)?;
    if page.offset() >= total {
        return Ok((total, Vec::new()));
    }
    let values = params![facet, page.size, page.offset()];
    Ok((total, tx.query(sorted!(filter.sort, whole), values, service)?))
}

/// How many services a facet has.
fn total(tx: &mut Tx<'_>, facet: i64) -> Result<i64> {
    let find = sql!("SELECT total FROM service_listing_total WHERE facet = $1");
    Ok(tx.query_opt(find, params![facet], |row| row.get("total"))?.unwrap_or(0))
}

/// The kept part of a keyword by which its services are found.
struct Part {
    gram: String,
    /// How many titles have it.
    total: i64,
    /// The keyword, where it is longer: the titles must have the rest, too.
    rest: Option<String>,
}

impl Part {
    fn filter(&self, facet: i64) -> [Value<'_>; 3] {
        [facet.into(), self.gram.as_str().into(), self.rest.as_deref().into()]
    }
}

/// How many services of a facet have a keyword in their titles.
fn total_with(tx: &mut Tx<'_>, facet: i64, part: &Part) -> Result<i64> {
    if part.rest.is_none() && facet == 0 {
        return Ok(part.total);
    }
    let count = sql!(
        "SELECT count(*) AS total FROM service_gram g CROSS JOIN service_listing l CROSS JOIN service s
         WHERE g.gram = $2 AND l.facet = $1 AND l.service_id = g.service_id AND s.id = g.service_id
           AND (CAST($3 AS TEXT) IS NULL OR replace(s.listed_key, $3, '') <> s.listed_key)"
    );
    Ok(tx.query_one(count, &part.filter(facet), |row| row.get("total"))?)
}

fn with_part(tx: &mut Tx<'_>, part: &Part, (facet, sort): (i64, Sort), page: Page) -> Result<Vec<Service>> {
    // CROSS JOIN: found by the part first, for walking a whole list in its order until ten titles have a
    // rare part would take longer the more there are.
    macro_rules! matching {
        ($order:literal) => {
            shown!(
                "service_gram g CROSS JOIN service_listing l CROSS JOIN service s",
                concat!(
                    "WHERE g.gram = $2 AND l.facet = $1 AND l.service_id = g.service_id AND s.id = g.service_id
                       AND (CAST($3 AS TEXT) IS NULL OR replace(s.listed_key, $3, '') <> s.listed_key)
                     ORDER BY ",
                    $order,
                    " LIMIT $4 OFFSET $5"
                )
            )
        };
    }
    let values = [part.filter(facet).as_slice(), params![page.size, page.offset()]].concat();
    let list = match sort {
        // The parts stand in this order already.
        Sort::Newest => sql!(matching!("g.service_id DESC")),
        sort => sorted!(sort, matching),
    };
    Ok(tx.query(list, &values, service)?)
}

/// The longest kept part of a keyword that the fewest titles have; `None` when one of its parts is in
/// no title.
fn rarest_part(tx: &mut Tx<'_>, key: &str) -> Result<Option<Part>> {
    let characters: Vec<char> = key.chars().collect();
    let find = sql!("SELECT total FROM service_gram_total WHERE gram = $1");
    let mut rarest: Option<Part> = None;
    for part in characters.windows(characters.len().min(text::LONGEST_GRAM)) {
        let gram: String = part.iter().collect();
        let total: i64 = tx.query_opt(find, params![&gram], |row| row.get("total"))?.unwrap_or(0);
        if total == 0 {
            return Ok(None);
        }
        if rarest.as_ref().is_none_or(|rarest| total < rarest.total) {
            let rest = (gram != key).then(|| key.to_owned());
            rarest = Some(Part { gram, total, rest });
        }
    }
    Ok(rarest)
}
