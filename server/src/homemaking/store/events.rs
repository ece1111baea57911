//! What happened to orders and their refunds.

use yuyue_db::{Row, Tx, params, sql};

use super::Result;
use crate::clock::Millis;
use crate::homemaking::states::By;

/// One step.
#[derive(Clone, Debug)]
pub struct Event {
    pub order_id: i64,
    /// The refund it happened to; `None`: the order itself.
    pub refund_id: Option<i64>,
    pub action: &'static str,
    pub by: By,
    /// `None` for what was made by this.
    pub from_status: Option<i64>,
    pub to_status: i64,
}

pub fn record(tx: &mut Tx<'_>, event: &Event, at: Millis) -> Result<()> {
    let insert = sql!(
        "INSERT INTO order_event (order_id, refund_id, action, by_role, from_status, to_status, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)"
    );
    let values = params![
        event.order_id,
        event.refund_id,
        event.action,
        event.by.word(),
        event.from_status,
        event.to_status,
        at
    ];
    tx.execute(insert, values)?;
    Ok(())
}

/// A step as it was recorded.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub id: i64,
    pub refund_id: Option<i64>,
    pub action: String,
    pub by: String,
    pub from_status: Option<i64>,
    pub to_status: i64,
    pub at: Millis,
}

fn recorded(row: &Row<'_>) -> yuyue_db::Result<Recorded> {
    Ok(Recorded {
        id: row.get("id")?,
        refund_id: row.get("refund_id")?,
        action: row.get("action")?,
        by: row.get("by_role")?,
        from_status: row.get("from_status")?,
        to_status: row.get("to_status")?,
        at: row.get("at")?,
    })
}

/// Everything that happened to an order, oldest first.
pub fn of_order(tx: &mut Tx<'_>, order_id: i64) -> Result<Vec<Recorded>> {
    let list = sql!(
        "SELECT id, refund_id, action, by_role, from_status, to_status, at FROM order_event
         WHERE order_id = $1 ORDER BY id LIMIT 1000"
    );
    Ok(tx.query(list, params![order_id], recorded)?)
}

/// Everything that happened to one refund of an order, oldest first.
pub fn of_refund(tx: &mut Tx<'_>, order_id: i64, refund_id: i64) -> Result<Vec<Recorded>> {
    let list = sql!(
        "SELECT id, refund_id, action, by_role, from_status, to_status, at FROM order_event
         WHERE order_id = $1 AND refund_id = $2 ORDER BY id LIMIT 1000"
    );
    Ok(tx.query(list, params![order_id, refund_id], recorded)?)
}
