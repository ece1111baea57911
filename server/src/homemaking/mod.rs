//! Homemaking (003): a marketplace of home services, from publishing to rating.
//!
//! Every status moves by the tables in [`states`]. A step first takes the row of what it moves by an
//! `UPDATE` that gives it back, then asks the table, then saves: so two callers at once are one after
//! the other. What an order's steps cause (history, timers, sales) is in [`orders`], in the same
//! transaction.

pub mod caller;
pub mod codes;
pub mod files;
pub mod jobs;
pub mod labels;
pub mod ledger;
pub mod money;
pub mod orders;
pub mod payments;
pub mod ratings;
pub mod refunds;
pub mod routes;
pub mod rules;
pub mod states;
pub mod store;
pub mod view;

use jiff::tz::TimeZone;
use yuyue_db::Tx;

use crate::clock::{Millis, Now, instant, local};
use crate::error::Error;
use crate::parts::CleanUp;

pub use caller::{Reader, User};
pub use money::Fen;

/// On which side of an order somebody asks (角色类型): 1 发布者, 2 消费者.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Publisher,
    Consumer,
}

/// Type of a service (服务类型): what is offered.
pub const OFFERED: i64 = 1;
/// Type of a service (服务类型): what is wanted; nobody orders it.
pub const WANTED: i64 = 2;

/// A category of services (分类).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Category {
    pub id: i64,
    pub name: &'static str,
}

const fn category(id: i64, name: &'static str) -> Category {
    Category { id, name }
}

/// The document's seven.
pub static CATEGORIES: [Category; 7] = [
    category(1, "保洁"),
    category(2, "汽修"),
    category(3, "疏通"),
    category(4, "在线教育"),
    category(5, "宠物"),
    category(6, "护理"),
    category(7, "婚恋"),
];

/// The category of an id.
#[must_use]
pub fn category_of(id: i64) -> Option<Category> {
    CATEGORIES.iter().copied().find(|category| category.id == id)
}

/// What has passed its time.
pub const CLEAN_UPS: &[CleanUp] =
    &[store::tokens::clean_up, store::files::clean_up, payments::store::clean_up];

/// Sets right what a wrong clock has left after `at`; gives how many rows.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut Tx<'_>, at: Millis, limits: rules::Limits) -> Result<u64, Error> {
    let mut rows = store::tokens::set_right(tx, at)? + store::files::set_right(tx, at)?;
    rows += payments::store::set_right(tx, at, payments::LEASE)?;
    rows += store::listing::set_right(tx, at)?;
    Ok(rows + orders::set_right(tx, at, limits)?)
}

/// Gives the days of services and orders that are not over the instants they have in the zone of `now`.
///
/// # Errors
/// When the database refuses.
pub fn move_to_zone(tx: &mut Tx<'_>, old: &TimeZone, now: &Now) -> Result<(), Error> {
    let moved = |at: Millis| instant(now.zone(), local(old, at));
    store::services::move_periods(tx, now.at, moved)?;
    store::orders::move_ends(tx, now.at, moved)
}

/// How many orders and how many refunds are open (neither ended nor waiting for a rating only), and how
/// many appeals wait for staff.
///
/// # Errors
/// When the database refuses.
pub fn open_counts(tx: &mut Tx<'_>) -> Result<(i64, i64, i64), Error> {
    use store::{orders, refunds};
    Ok((orders::count_open(tx)?, refunds::count_open(tx)?, refunds::count_appeals(tx)?))
}
