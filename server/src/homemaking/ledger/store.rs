//! The ledger's rows, and what is read of orders and payments to compare them with.

use yuyue_db::{Row, Tx, params, sql};

use super::check::{Charged, Entry, OrderBooks, Returned};
use super::{Movement, Totals};
use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::Fen;
use crate::homemaking::states::{OrderState, Term as _};
use crate::http::page::Page;

type Result<T> = std::result::Result<T, Error>;

/// An entry to be.
#[derive(Clone, Copy, Debug)]
pub struct NewEntry {
    pub movement: Movement,
    pub order_id: i64,
    /// `None` where nothing moves at the gateway.
    pub payment_id: Option<i64>,
    pub refund_id: Option<i64>,
    pub amount: Fen,
}

pub fn insert(tx: &mut Tx<'_>, new: &NewEntry, at: Millis) -> Result<()> {
    let insert = sql!(
        "INSERT INTO ledger_entry (kind, order_id, payment_id, refund_id, debit, credit, amount_fen, at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    );
    let (debit, credit) = new.movement.accounts();
    let values = params![
        new.movement.word(),
        new.order_id,
        new.payment_id,
        new.refund_id,
        debit.word(),
        credit.word(),
        new.amount.0,
        at
    ];
    tx.execute(insert, values)?;
    Ok(())
}

/// A movement of a payer's money, as staff see it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub id: i64,
    pub at: Millis,
    pub order_id: i64,
    pub refund_id: Option<i64>,
    pub kind: String,
    pub amount: Fen,
    pub gateway_id: String,
}

/// What came in and went back, newest first, how many movements there are, and their totals. What staff
/// have paid back is a refund like the others, without an id of the gateway's.
pub fn movements(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Totals, Vec<Listed>)> {
    let sums = sql!(
        "SELECT kind, count(*) AS entries, CAST(sum(amount_fen) AS BIGINT) AS amount FROM ledger_entry
         WHERE kind IN ('charge', 'refund', 'refund_outside') GROUP BY kind"
    );
    let sums = tx.query(sums, params![], |row| {
        Ok((row.get::<String>("kind")?, row.get::<i64>("entries")?, Fen(row.get("amount")?)))
    })?;
    let of = |movement: Movement| {
        let sum = sums.iter().find(|(kind, ..)| kind == movement.word());
        sum.map_or((0, Fen(0)), |(_, entries, amount)| (*entries, *amount))
    };
    let ((charges, charged), (refunds, refunded)) = (of(Movement::Charge), of(Movement::Refund));
    let (outside, refunded_outside) = of(Movement::RefundOutside);
    let totals = Totals { charged, refunded: Fen(refunded.0 + refunded_outside.0) };
    let list = sql!(
        "SELECT e.id, e.at, e.order_id, e.refund_id, e.amount_fen,
                CASE e.kind WHEN 'charge' THEN 'charge' ELSE 'refund' END AS kind, coalesce(p.gateway_id, '') AS gateway_id
         FROM ledger_entry e LEFT JOIN payment p ON p.id = e.payment_id
         WHERE e.kind IN ('charge', 'refund', 'refund_outside') ORDER BY e.id DESC LIMIT $1 OFFSET $2"
    );
    let listed = tx.query(list, params![page.size, page.offset()], |row| {
        Ok(Listed {
            id: row.get("id")?,
            at: row.get("at")?,
            order_id: row.get("order_id")?,
            refund_id: row.get("refund_id")?,
            kind: row.get("kind")?,
            amount: Fen(row.get("amount_fen")?),
            gateway_id: row.get("gateway_id")?,
        })
    })?;
    Ok((charges + refunds + outside, totals, listed))
}

/// The last id there is of what the ledger is about.
pub fn last_order(tx: &mut Tx<'_>) -> Result<i64> {
    let last = sql!("SELECT coalesce(max(id), 0) AS last FROM service_order");
    Ok(tx.query_one(last, params![], |row| row.get("last"))?)
}

fn status(row: &Row<'_>) -> yuyue_db::Result<OrderState> {
    let number: i64 = row.get("status")?;
    OrderState::of(number).ok_or_else(|| yuyue_db::Error::Column {
        column: "status".into(),
        reason: format!("{number} is no status of an order"),
    })
}

/// The orders with ids above `after`, up to `to`, each with its payments and entries.
pub fn books(tx: &mut Tx<'_>, after: i64, to: i64) -> Result<Vec<OrderBooks>> {
    let orders =
        sql!("SELECT id, status, price_fen FROM service_order WHERE id > $1 AND id <= $2 ORDER BY id");
    let mut books = tx.query(orders, params![after, to], |row| {
        Ok(OrderBooks {
            order_id: row.get("id")?,
            status: status(row)?,
            price: Fen(row.get("price_fen")?),
            charges: Vec::new(),
            entries: Vec::new(),
        })
    })?;
    let charges = sql!(
        "SELECT c.id, c.order_id, c.amount_fen, c.is_surplus, r.id AS back_id, r.amount_fen AS back_amount,
                r.created_at AS back_since, coalesce(r.state = 'settled', FALSE) AS back_settled,
                coalesce(r.gateway_id = '', FALSE) AS back_outside
         FROM payment c LEFT JOIN payment r ON r.charge_id = c.id
         WHERE c.kind = 'charge' AND c.state = 'settled' AND c.order_id > $1 AND c.order_id <= $2 ORDER BY c.id"
    );
    let charges = tx.query(charges, params![after, to], |row| {
        let back_id: Option<i64> = row.get("back_id")?;
        let back = match back_id {
            Some(payment_id) => Some(Returned {
                payment_id,
                amount: Fen(row.get("back_amount")?),
                is_settled: row.get("back_settled")?,
                is_outside: row.get("back_outside")?,
                since: row.get("back_since")?,
            }),
            None => None,
        };
        let charged = Charged {
            payment_id: row.get("id")?,
            amount: Fen(row.get("amount_fen")?),
            is_surplus: row.get("is_surplus")?,
            back,
        };
        Ok((row.get::<i64>("order_id")?, charged))
    })?;
    for (order_id, charged) in charges {
        if let Ok(place) = books.binary_search_by_key(&order_id, |book| book.order_id) {
            books[place].charges.push(charged);
        }
    }
    let entries = sql!(
        "SELECT id, order_id, kind, payment_id, debit, credit, amount_fen FROM ledger_entry
         WHERE order_id > $1 AND order_id <= $2 ORDER BY id"
    );
    let entries = tx.query(entries, params![after, to], |row| {
        let entry = Entry {
            id: row.get("id")?,
            kind: row.get("kind")?,
            payment_id: row.get("payment_id")?,
            debit: row.get("debit")?,
            credit: row.get("credit")?,
            amount: Fen(row.get("amount_fen")?),
        };
        Ok((row.get::<i64>("order_id")?, entry))
    })?;
    for (order_id, entry) in entries {
        if let Ok(place) = books.binary_search_by_key(&order_id, |book| book.order_id) {
            books[place].entries.push(entry);
        }
    }
    Ok(books)
}
