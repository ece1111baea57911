//! Refunds (退款订单).

use yuyue_db::{Row, Tx, params, sql};

use super::Result;
use super::orders::{self, OrderWithParties, with_order};
use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::Role;
use crate::homemaking::money::Fen;
use crate::homemaking::states::{RefundState, Term as _};
use crate::http::page::Page;

/// A refund.
#[derive(Clone, Debug)]
pub struct Refund {
    pub id: i64,
    /// Its own number (退款订单号).
    pub order_no: i64,
    pub order_id: i64,
    pub publisher_id: i64,
    pub consumer_id: i64,
    pub amount: Fen,
    pub reason: String,
    /// A JSON array of addresses.
    pub illustration: String,
    pub status: RefundState,
    pub appeal: Option<Appeal>,
    pub created_at: Millis,
}

/// What the consumer says to a refusal (申诉).
#[derive(Clone, Debug)]
pub struct Appeal {
    pub reason: String,
    pub at: Millis,
    pub decision: Option<Decision>,
}

/// What staff say to an appeal.
#[derive(Clone, Debug)]
pub struct Decision {
    pub is_upheld: bool,
    pub reason: String,
    pub at: Millis,
}

/// A refund with its order.
#[derive(Clone, Debug)]
pub struct RefundWithOrder {
    pub refund: Refund,
    pub order: OrderWithParties,
}

/// The columns of a refund, behind a name of the table.
macro_rules! columns {
    ($of:literal) => {
        concat!(
            $of,
            "id AS r_id, ",
            $of,
            "order_no AS r_order_no, ",
            $of,
            "order_id AS r_order_id, ",
            $of,
            "publisher_id AS r_publisher_id, ",
            $of,
            "consumer_id AS r_consumer_id, ",
            $of,
            "amount_fen AS r_amount_fen, ",
            $of,
            "reason AS r_reason, ",
            $of,
            "illustration AS r_illustration, ",
            $of,
            "status AS r_status, ",
            $of,
            "appeal AS r_appeal, ",
            $of,
            "appealed_at AS r_appealed_at, ",
            $of,
            "appeal_upheld AS r_appeal_upheld, ",
            $of,
            "appeal_decision AS r_appeal_decision, ",
            $of,
            "appeal_decided_at AS r_appeal_decided_at, ",
            $of,
            "created_at AS r_created_at "
        )
    };
}

fn refund(row: &Row<'_>) -> yuyue_db::Result<Refund> {
    let number = row.get("r_status")?;
    let status = RefundState::of(number).ok_or_else(|| yuyue_db::Error::Column {
        column: "r_status".into(),
        reason: format!("{number} is no status of a refund"),
    });
    Ok(Refund {
        id: row.get("r_id")?,
        order_no: row.get::<Option<i64>>("r_order_no")?.unwrap_or_default(),
        order_id: row.get("r_order_id")?,
        publisher_id: row.get("r_publisher_id")?,
        consumer_id: row.get("r_consumer_id")?,
        amount: Fen(row.get("r_amount_fen")?),
        reason: row.get("r_reason")?,
        illustration: row.get("r_illustration")?,
        status: status?,
        appeal: appeal(row)?,
        created_at: row.get("r_created_at")?,
    })
}

fn appeal(row: &Row<'_>) -> yuyue_db::Result<Option<Appeal>> {
    let Some(at) = row.get("r_appealed_at")? else { return Ok(None) };
    let decision = match row.get("r_appeal_decided_at")? {
        None => None,
        Some(at) => {
            let is_upheld = row.get::<Option<bool>>("r_appeal_upheld")?.unwrap_or_default();
            let reason = row.get::<Option<String>>("r_appeal_decision")?.unwrap_or_default();
            Some(Decision { is_upheld, reason, at })
        }
    };
    let reason = row.get::<Option<String>>("r_appeal")?.unwrap_or_default();
    Ok(Some(Appeal { reason, at, decision }))
}

fn with_its_order(row: &Row<'_>) -> yuyue_db::Result<RefundWithOrder> {
    Ok(RefundWithOrder { refund: refund(row)?, order: orders::with_parties(row)? })
}

/// Refunds with their orders.
macro_rules! shown {
    ($rest:expr) => {
        with_order!(
            concat!(columns!("r."), ", "),
            "refund r JOIN service_order o ON o.id = r.order_id",
            $rest
        )
    };
}

/// Whether an order has a refund that is not closed: neither ended nor refused, or refused and appealed
/// against.
pub fn has_open(tx: &mut Tx<'_>, order_id: i64) -> Result<bool> {
    let find = sql!(
        "SELECT id FROM refund WHERE order_id = $1
         AND (status IN (0, 1, 2) OR (appealed_at IS NOT NULL AND appeal_decided_at IS NULL)) LIMIT 1"
    );
    Ok(tx.query_opt(find, params![order_id], |_| Ok(()))?.is_some())
}

/// How many wait for the publisher, for the money, or for staff.
pub fn count_open(tx: &mut Tx<'_>) -> Result<i64> {
    let count = sql!(
        "SELECT count(*) AS total FROM refund
         WHERE status IN (0, 1) OR (status = 4 AND appealed_at IS NOT NULL AND appeal_decided_at IS NULL)"
    );
    Ok(tx.query_one(count, params![], |row| row.get("total"))?)
}

/// How many appeals wait for staff.
pub fn count_appeals(tx: &mut Tx<'_>) -> Result<i64> {
    let count = sql!(
        "SELECT count(*) AS total FROM refund WHERE appealed_at IS NOT NULL AND appeal_decided_at IS NULL"
    );
    Ok(tx.query_one(count, params![], |row| row.get("total"))?)
}

/// Since when a refund's appeal waits for staff; `None`: none waits.
pub fn appeal_waits_since(tx: &mut Tx<'_>, id: i64) -> Result<Option<Millis>> {
    let find = sql!(
        "SELECT appealed_at FROM refund
         WHERE id = $1 AND appealed_at IS NOT NULL AND appeal_decided_at IS NULL"
    );
    Ok(tx.query_opt(find, params![id], |row| row.get("appealed_at"))?)
}

/// What a refund is made of.
#[derive(Clone, Debug)]
pub struct NewRefund {
    pub order_id: i64,
    pub publisher_id: i64,
    pub consumer_id: i64,
    pub amount: Fen,
    pub reason: String,
    pub illustration: String,
}

/// Makes a refund; `None` when the order has one that is under way.
pub fn insert(tx: &mut Tx<'_>, new: &NewRefund, at: Millis) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO refund (order_id, publisher_id, consumer_id, amount_fen, reason, illustration, status, version,
                             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7)
         ON CONFLICT (order_id) WHERE status IN (0, 1, 2) DO NOTHING RETURNING id"
    );
    let values = params![
        new.order_id,
        new.publisher_id,
        new.consumer_id,
        new.amount.0,
        &new.reason,
        &new.illustration,
        at
    ];
    Ok(tx.query_opt(insert, values, |row| row.get("id"))?)
}

/// Gives a refund its number.
pub fn set_number(tx: &mut Tx<'_>, id: i64, order_no: i64) -> Result<()> {
    tx.execute(sql!("UPDATE refund SET order_no = $2 WHERE id = $1"), params![id, order_no])?;
    Ok(())
}

/// The order a refund is of; that never changes.
pub fn order_of(tx: &mut Tx<'_>, id: i64) -> Result<Option<i64>> {
    let find = sql!("SELECT order_id FROM refund WHERE id = $1");
    Ok(tx.query_opt(find, params![id], |row| row.get("order_id"))?)
}

/// Takes a refund's row: nobody else moves it until the transaction ends. Whoever also moves its order
/// takes that first.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Refund>> {
    let take =
        sql!(concat!("UPDATE refund SET version = version + 1 WHERE id = $1 RETURNING ", columns!("")));
    Ok(tx.query_opt(take, params![id], refund)?)
}

/// Saves a step of a refund that was taken.
pub fn set_status(tx: &mut Tx<'_>, id: i64, to: RefundState) -> Result<()> {
    match tx.execute(sql!("UPDATE refund SET status = $2 WHERE id = $1"), params![id, to.number()])? {
        1 => Ok(()),
        _ => Err(Error::internal(format!("refund {id} is gone"))),
    }
}

/// Saves an appeal; false when there was one.
pub fn set_appeal(tx: &mut Tx<'_>, id: i64, reason: &str, at: Millis) -> Result<bool> {
    let update =
        sql!("UPDATE refund SET appeal = $2, appealed_at = $3 WHERE id = $1 AND appealed_at IS NULL");
    Ok(tx.execute(update, params![id, reason, at])? == 1)
}

/// Saves what staff decide on an appeal; false when none waits.
pub fn set_decision(tx: &mut Tx<'_>, id: i64, decision: &Decision) -> Result<bool> {
    let update = sql!(
        "UPDATE refund SET appeal_upheld = $2, appeal_decision = $3, appeal_decided_at = $4
         WHERE id = $1 AND appealed_at IS NOT NULL AND appeal_decided_at IS NULL"
    );
    let values = params![id, decision.is_upheld, &decision.reason, decision.at];
    Ok(tx.execute(update, values)? == 1)
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<RefundWithOrder>> {
    let find = sql!(shown!("WHERE r.id = $1"));
    Ok(tx.query_opt(find, params![id], with_its_order)?)
}

/// Which refunds of one side's are asked for.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    All,
    Of(RefundState),
    /// Not closed (处理中): 0, 1 and 2.
    UnderWay,
}

/// One side's refunds, the newest first, and how many there are.
pub fn of_user(
    tx: &mut Tx<'_>,
    (user_id, role): (i64, Role),
    which: Which,
    page: Page,
) -> Result<(i64, Vec<RefundWithOrder>)> {
    // A text for each index: one for all would have no plan that is good for any.
    macro_rules! side {
        ($mine:literal) => {
            (
                sql!(concat!("SELECT count(*) AS total FROM refund r WHERE ", $mine)),
                sql!(shown!(concat!("WHERE ", $mine, " ORDER BY r.id DESC LIMIT $3 OFFSET $4"))),
            )
        };
    }
    let (count, list) = match (role, which) {
        (Role::Publisher, Which::All) => side!("r.publisher_id = $1 AND $2 < 0"),
        (Role::Publisher, Which::Of(_)) => side!("r.publisher_id = $1 AND r.status = $2"),
        (Role::Publisher, Which::UnderWay) => {
            side!("r.publisher_id = $1 AND r.status IN (0, 1, 2) AND $2 < 0")
        }
        (Role::Consumer, Which::All) => side!("r.consumer_id = $1 AND $2 < 0"),
        (Role::Consumer, Which::Of(_)) => side!("r.consumer_id = $1 AND r.status = $2"),
        (Role::Consumer, Which::UnderWay) => side!("r.consumer_id = $1 AND r.status IN (0, 1, 2) AND $2 < 0"),
    };
    let number = if let Which::Of(status) = which { status.number() } else { -1 };
    let total = tx.query_one(count, params![user_id, number], |row| row.get("total"))?;
    let values = params![user_id, number, page.size, page.offset()];
    Ok((total, tx.query(list, values, with_its_order)?))
}

/// Everybody's refunds, of a status or of all, or only those whose appeal waits; the newest first, and
/// how many there are.
pub fn search(
    tx: &mut Tx<'_>,
    status: Option<RefundState>,
    appeal_waits: bool,
    page: Page,
) -> Result<(i64, Vec<RefundWithOrder>)> {
    macro_rules! driven {
        ($by:literal) => {
            (
                sql!(concat!("SELECT count(*) AS total FROM refund r WHERE ", $by)),
                sql!(shown!(concat!("WHERE ", $by, " ORDER BY r.id DESC LIMIT $2 OFFSET $3"))),
            )
        };
    }
    let (count, list) = match (status, appeal_waits) {
        (None, false) => driven!("$1 < 0"),
        (Some(_), false) => driven!("r.status = $1"),
        (None, true) => driven!("r.appealed_at IS NOT NULL AND r.appeal_decided_at IS NULL AND $1 < 0"),
        (Some(_), true) => {
            driven!("r.appealed_at IS NOT NULL AND r.appeal_decided_at IS NULL AND r.status = $1")
        }
    };
    let number = status.map_or(-1, RefundState::number);
    let total = tx.query_one(count, params![number], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![number, page.size, page.offset()], with_its_order)?))
}
