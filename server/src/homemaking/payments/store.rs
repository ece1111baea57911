//! The rows of payments: charges and refunds, what gateways reported, and whose openid pays.

use yuyue_db::{Row, Tx, params, sql};

use crate::adapters::payment::{Settlement, Way};
use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::homemaking::Fen;
use crate::http::page::Page;

type Result<T> = std::result::Result<T, Error>;

/// Which way the money goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Charge,
    Refund,
}

impl Kind {
    /// The word in the database and on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
        }
    }
}

/// How far a payment has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The gateway may have been asked; what came of it is not known yet.
    Started,
    /// The money has moved.
    Settled,
    /// A charge that nobody will pay.
    Closed,
}

impl State {
    pub const ALL: [Self; 3] = [Self::Started, Self::Settled, Self::Closed];

    /// The word in the database and on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Settled => "settled",
            Self::Closed => "closed",
        }
    }
}

/// One row: an attempt to move money.
#[derive(Clone, Debug)]
pub struct Payment {
    pub id: i64,
    /// What the gateway knows it by.
    pub out_no: String,
    pub order_id: i64,
    /// Of a refund: what it pays back, and the refund that asked for it.
    pub charge_id: Option<i64>,
    pub refund_id: Option<i64>,
    pub amount: Fen,
    pub state: State,
    /// A charge that the order did not want any more; it goes back by itself.
    pub is_surplus: bool,
    pub way: Way,
    /// The payer's openid, where the gateway asks a payer it has to know.
    pub payer: String,
    /// Somebody is talking to the gateway about it until then.
    pub busy_until: Millis,
    /// The gateway takes no money for it from then on.
    pub expires_at: Millis,
    /// Why the last try came to nothing; "" if none did.
    pub last_error: String,
    pub created_at: Millis,
}

/// A payment to be.
#[derive(Clone, Debug)]
pub struct NewPayment {
    pub out_no: String,
    pub kind: Kind,
    pub order_id: i64,
    pub charge_id: Option<i64>,
    pub refund_id: Option<i64>,
    pub amount: Fen,
    pub way: Way,
    pub payer: String,
    pub busy_until: Millis,
    pub expires_at: Millis,
}

impl NewPayment {
    /// The way back of a charge. Its number is made of the charge's: there is one for each.
    #[must_use]
    pub fn refund(charge: &Payment, refund_id: Option<i64>, amount: Fen) -> Self {
        Self {
            out_no: format!("{}-r", charge.out_no),
            kind: Kind::Refund,
            order_id: charge.order_id,
            charge_id: Some(charge.id),
            refund_id,
            amount,
            way: charge.way,
            payer: String::new(),
            busy_until: 0,
            expires_at: Millis::MAX,
        }
    }
}

macro_rules! columns {
    () => {
        "id, out_no, order_id, charge_id, refund_id, amount_fen, state, is_surplus, way, payer, busy_until, expires_at,
         last_error, created_at"
    };
}

fn payment(row: &Row<'_>) -> yuyue_db::Result<Payment> {
    let word: String = row.get("state")?;
    let state = State::ALL.into_iter().find(|state| state.word() == word);
    let state = state.ok_or_else(|| yuyue_db::Error::Column {
        column: "state".into(),
        reason: format!("{word} is no state of a payment"),
    })?;
    let word: String = row.get("way")?;
    let way = Way::parse(&word).ok_or_else(|| yuyue_db::Error::Column {
        column: "way".into(),
        reason: format!("{word} is no way to pay"),
    })?;
    Ok(Payment {
        id: row.get("id")?,
        out_no: row.get("out_no")?,
        order_id: row.get("order_id")?,
        charge_id: row.get("charge_id")?,
        refund_id: row.get("refund_id")?,
        amount: Fen(row.get("amount_fen")?),
        state,
        is_surplus: row.get("is_surplus")?,
        way,
        payer: row.get("payer")?,
        busy_until: row.get("busy_until")?,
        expires_at: row.get("expires_at")?,
        last_error: row.get("last_error")?,
        created_at: row.get("created_at")?,
    })
}

/// Writes a payment; `None` when the order has an open charge, or the charge a way back, already.
pub fn insert(tx: &mut Tx<'_>, new: &NewPayment, at: Millis) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO payment (out_no, kind, order_id, charge_id, refund_id, amount_fen, state, is_surplus, payer,
                              busy_until, expires_at, last_error, created_at, way)
         VALUES ($1, $2, $3, $4, $5, $6, 'started', FALSE, $7, $8, $9, '', $10, $11)
         ON CONFLICT DO NOTHING RETURNING id"
    );
    let values = params![
        &new.out_no,
        new.kind.word(),
        new.order_id,
        new.charge_id,
        new.refund_id,
        new.amount.0,
        &new.payer,
        new.busy_until,
        new.expires_at,
        at,
        new.way.as_str()
    ];
    Ok(tx.query_opt(insert, values, |row| row.get("id"))?)
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Payment>> {
    let find = sql!(concat!("SELECT ", columns!(), " FROM payment WHERE id = $1"));
    Ok(tx.query_opt(find, params![id], payment)?)
}

/// The payment the gateway knows by `out_no`.
pub fn find_by_number(tx: &mut Tx<'_>, out_no: &str, kind: Kind) -> Result<Option<Payment>> {
    let find = sql!(concat!("SELECT ", columns!(), " FROM payment WHERE out_no = $1 AND kind = $2"));
    Ok(tx.query_opt(find, params![out_no, kind.word()], payment)?)
}

/// The charge of an order whose outcome is not known yet.
pub fn open_charge(tx: &mut Tx<'_>, order_id: i64) -> Result<Option<Payment>> {
    let find = sql!(concat!(
        "SELECT ",
        columns!(),
        " FROM payment WHERE order_id = $1 AND kind = 'charge' AND state = 'started'"
    ));
    Ok(tx.query_opt(find, params![order_id], payment)?)
}

/// The charge that paid an order.
pub fn paying_charge(tx: &mut Tx<'_>, order_id: i64) -> Result<Option<Payment>> {
    let find = sql!(concat!(
        "SELECT ",
        columns!(),
        " FROM payment WHERE order_id = $1 AND kind = 'charge' AND state = 'settled' AND NOT is_surplus"
    ));
    Ok(tx.query_opt(find, params![order_id], payment)?)
}

/// Takes a payment for a talk with the gateway, until `busy_until`, and gives it as it is then. `None`
/// while somebody else talks, and for a payment whose outcome is known.
pub fn occupy(tx: &mut Tx<'_>, id: i64, busy_until: Millis, at: Millis) -> Result<Option<Payment>> {
    let update = sql!(concat!(
        "UPDATE payment SET busy_until = $2 WHERE id = $1 AND state = 'started' AND busy_until <= $3 RETURNING ",
        columns!()
    ));
    Ok(tx.query_opt(update, params![id, busy_until, at], payment)?)
}

/// The talk for which `payment` was taken is over, and the outcome still open; `error` says why, "" for no
/// reason. Whoever has taken it since, because we were too slow, keeps it.
pub fn release(tx: &mut Tx<'_>, payment: &Payment, error: &str) -> Result<()> {
    let update = sql!(
        "UPDATE payment SET busy_until = 0, last_error = $3
         WHERE id = $1 AND busy_until = $2 AND state = 'started'"
    );
    tx.execute(update, params![payment.id, payment.busy_until, error])?;
    Ok(())
}

/// Why a payment does not come to its end; false when that was known.
pub fn note_error(tx: &mut Tx<'_>, id: i64, error: &str) -> Result<bool> {
    let update =
        sql!("UPDATE payment SET last_error = $2 WHERE id = $1 AND state = 'started' AND last_error <> $2");
    Ok(tx.execute(update, params![id, error])? == 1)
}

/// Nobody will pay for this charge.
pub fn close(tx: &mut Tx<'_>, id: i64, error: &str) -> Result<()> {
    let update = sql!(
        "UPDATE payment SET state = 'closed', busy_until = 0, last_error = $2
         WHERE id = $1 AND kind = 'charge' AND state = 'started'"
    );
    tx.execute(update, params![id, error])?;
    Ok(())
}

/// The money has moved: as much as the settlement says. False when that was known.
pub fn settle(
    tx: &mut Tx<'_>,
    id: i64,
    settlement: &Settlement,
    is_surplus: bool,
    at: Millis,
) -> Result<bool> {
    let update = sql!(
        "UPDATE payment SET state = 'settled', is_surplus = $3, gateway_id = $2, amount_fen = $5, busy_until = 0,
                            last_error = '', settled_at = $4
         WHERE id = $1 AND state <> 'settled'"
    );
    let values = params![id, &settlement.gateway_id, is_surplus, at, settlement.amount];
    Ok(tx.execute(update, values)? == 1)
}

/// Staff have paid back outside of the gateway, which has no id for it. False unless `payment` is still
/// taken as it was for this.
pub fn settle_outside(tx: &mut Tx<'_>, payment: &Payment, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE payment SET state = 'settled', gateway_id = '', busy_until = 0, last_error = '', settled_at = $3
         WHERE id = $1 AND busy_until = $2 AND kind = 'refund' AND state = 'started'"
    );
    Ok(tx.execute(update, params![payment.id, payment.busy_until, at])? == 1)
}

/// A payment as staff see it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub payment: Payment,
    /// "" before it has moved, and for what staff have settled.
    pub gateway_id: String,
    pub settled_at: Option<Millis>,
}

fn listed_payment(row: &Row<'_>) -> yuyue_db::Result<Listed> {
    let gateway_id: Option<String> = row.get("gateway_id")?;
    let (payment, settled_at) = (payment(row)?, row.get("settled_at")?);
    Ok(Listed { payment, gateway_id: gateway_id.unwrap_or_default(), settled_at })
}

/// What staff look for.
#[derive(Clone, Copy, Debug)]
pub struct Search {
    pub kind: Option<Kind>,
    pub state: Option<State>,
    pub order_id: Option<i64>,
}

/// The payments of a page, newest first, and how many there are.
pub fn search(tx: &mut Tx<'_>, search: &Search, page: Page) -> Result<(i64, Vec<Listed>)> {
    macro_rules! found {
        () => {
            " FROM payment WHERE (CAST($1 AS TEXT) IS NULL OR kind = $1) AND (CAST($2 AS TEXT) IS NULL OR state = $2)
              AND (CAST($3 AS BIGINT) IS NULL OR order_id = $3) "
        };
    }
    let (kind, state) = (search.kind.map(Kind::word), search.state.map(State::word));
    let count = sql!(concat!("SELECT count(*) AS total", found!()));
    let total = tx.query_one(count, params![kind, state, search.order_id], |row| row.get("total"))?;
    let list = sql!(concat!(
        "SELECT gateway_id, settled_at, ",
        columns!(),
        found!(),
        "ORDER BY id DESC LIMIT $4 OFFSET $5"
    ));
    let values = params![kind, state, search.order_id, page.size, page.offset()];
    Ok((total, tx.query(list, values, listed_payment)?))
}

/// One payment as staff see it.
pub fn listed(tx: &mut Tx<'_>, id: i64) -> Result<Option<Listed>> {
    let find = sql!(concat!("SELECT gateway_id, settled_at, ", columns!(), " FROM payment WHERE id = $1"));
    Ok(tx.query_opt(find, params![id], listed_payment)?)
}

/// What a report of the gateway's came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Acted upon by a job.
    Accepted,
    /// It is about nothing we know.
    Unknown,
    /// Its amount is not ours.
    Mismatch,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Accepted, Self::Unknown, Self::Mismatch];

    fn word(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::Mismatch => "mismatch",
        }
    }
}

/// Keeps a report; false when it came before.
pub fn insert_notification(tx: &mut Tx<'_>, id: &str, body: &str, at: Millis) -> Result<bool> {
    let insert = sql!(
        "INSERT INTO payment_notification (id, body, outcome, received_at) VALUES ($1, $2, 'accepted', $3)
         ON CONFLICT (id) DO NOTHING"
    );
    Ok(tx.execute(insert, params![id, body, at])? == 1)
}

pub fn set_outcome(tx: &mut Tx<'_>, id: &str, outcome: Outcome) -> Result<()> {
    let update = sql!("UPDATE payment_notification SET outcome = $2 WHERE id = $1");
    tx.execute(update, params![id, outcome.word()])?;
    Ok(())
}

pub fn outcome(tx: &mut Tx<'_>, id: &str) -> Result<Outcome> {
    let find = sql!("SELECT outcome FROM payment_notification WHERE id = $1");
    let word: String = tx.query_one(find, params![id], |row| row.get("outcome"))?;
    Ok(Outcome::ALL.into_iter().find(|outcome| outcome.word() == word).unwrap_or(Outcome::Unknown))
}

/// What a kept report says.
pub fn notification(tx: &mut Tx<'_>, id: &str) -> Result<Option<String>> {
    let find = sql!("SELECT body FROM payment_notification WHERE id = $1");
    Ok(tx.query_opt(find, params![id], |row| row.get("body"))?)
}

/// Binds the openid that pays for a user; a later one takes its place.
pub fn bind_payer(tx: &mut Tx<'_>, user_id: i64, open_id: &str, at: Millis) -> Result<()> {
    let insert = sql!(
        "INSERT INTO home_payer (user_id, open_id, bound_at) VALUES ($1, $2, $3)
         ON CONFLICT (user_id) DO UPDATE SET open_id = excluded.open_id, bound_at = excluded.bound_at"
    );
    tx.execute(insert, params![user_id, open_id, at])?;
    Ok(())
}

pub fn payer_of(tx: &mut Tx<'_>, user_id: i64) -> Result<Option<String>> {
    let find = sql!("SELECT open_id FROM home_payer WHERE user_id = $1");
    Ok(tx.query_opt(find, params![user_id], |row| row.get("open_id"))?)
}

/// How long reports are kept to be looked at; the gateway repeats one for a day at most.
const REPORTS_KEPT: Millis = 90 * DAY;

/// Forgets reports that nobody needs any more.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM payment_notification WHERE id IN
             (SELECT id FROM payment_notification WHERE received_at <= $1 ORDER BY received_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - REPORTS_KEPT, most])?)
}

/// Nobody talks to the gateway for longer than `longest`; gives how many payments a wrong clock has said so of.
pub fn set_right(tx: &mut Tx<'_>, at: Millis, longest: Millis) -> Result<u64> {
    let update = sql!("UPDATE payment SET busy_until = $1 WHERE state = 'started' AND busy_until > $1");
    Ok(tx.execute(update, params![at + longest])?)
}
