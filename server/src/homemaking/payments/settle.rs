//! What the transactions do when money has moved: payment, order, refund and ledger together.

use yuyue_db::Tx;

use super::store::{self, NewPayment, Payment, State};
use super::{alert, jobs};
use crate::adapters::payment::Settlement;
use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::rules::Limits;
use crate::homemaking::states::{By, ORDER, OrderAction, RefundAction};
use crate::homemaking::store::orders as order_rows;
use crate::homemaking::{Fen, ledger, orders, refunds};

/// What came of a charge's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The order is paid by it.
    Paid,
    /// The order did not want it (any more): it goes back.
    Returned,
    /// It is another amount than was asked for: staff are told, and it goes back.
    Mismatch,
}

/// Records that a charge has settled, and pays its order with it, or sends it back.
///
/// # Errors
/// When the database refuses.
pub async fn charged(app: &App, payment_id: i64, settlement: Settlement) -> Result<Came, Error> {
    let (at, limits) = (app.clock.now().at, orders::limits(&app.config));
    app.db
        .write("homemaking.charged", move |tx| charge_settled(tx, payment_id, &settlement, at, limits))
        .await
}

/// As [`charged`]. The order's row is taken first, as everywhere: who cancels it comes before or after.
fn charge_settled(
    tx: &mut Tx<'_>,
    payment_id: i64,
    settlement: &Settlement,
    at: Millis,
    limits: Limits,
) -> Result<Came, Error> {
    let unknown = || Error::internal(format!("payment {payment_id} is gone"));
    let order_id = store::find(tx, payment_id)?.ok_or_else(unknown)?.order_id;
    let order = order_rows::take(tx, order_id)?.ok_or_else(unknown)?;
    let payment = store::find(tx, payment_id)?.ok_or_else(unknown)?;
    if payment.state == State::Settled {
        return Ok(if payment.is_surplus { Came::Returned } else { Came::Paid });
    }
    if settlement.amount != payment.amount.0 {
        mismatch(tx, &payment, settlement, at)?;
        send_back(tx, payment, settlement, at)?;
        return Ok(Came::Mismatch);
    }
    if ORDER.next(order.status, OrderAction::Pay, By::Consumer).is_err() {
        send_back(tx, payment, settlement, at)?;
        return Ok(Came::Returned);
    }
    store::settle(tx, payment_id, settlement, false, at)?;
    ledger::charge(tx, &payment, at)?;
    orders::advance(tx, &order, (OrderAction::Pay, By::Consumer), at, limits)?;
    Ok(Came::Paid)
}

/// Takes in money that no order wants, as much as there came, and starts to pay it back.
fn send_back(tx: &mut Tx<'_>, payment: Payment, settlement: &Settlement, at: Millis) -> Result<(), Error> {
    if settlement.amount <= 0 {
        return store::close(tx, payment.id, "settled without money");
    }
    store::settle(tx, payment.id, settlement, true, at)?;
    let payment = Payment { amount: Fen(settlement.amount), ..payment };
    ledger::charge(tx, &payment, at)?;
    if let Some(id) = store::insert(tx, &NewPayment::refund(&payment, None, payment.amount), at)? {
        jobs::pay_back(tx, id, at)?;
    }
    Ok(())
}

fn mismatch_reason(payment: &Payment, settlement: &Settlement) -> String {
    format!(
        "the gateway moved {} fen as {}, {} were asked for as {}",
        settlement.amount, settlement.gateway_id, payment.amount.0, payment.out_no
    )
}

/// Tells staff of money that is not what was asked for.
///
/// # Errors
/// When the database refuses.
pub fn mismatch(
    tx: &mut Tx<'_>,
    payment: &Payment,
    settlement: &Settlement,
    at: Millis,
) -> Result<(), Error> {
    let reason = mismatch_reason(payment, settlement);
    alert(tx, "payment.mismatch", &format!("order {}", payment.order_id), &reason, at)
}

/// Records that a refund has been paid back, and ends its order by it. False when it is another
/// amount, which staff are told.
///
/// # Errors
/// When the database refuses.
pub async fn refunded(app: &App, payment_id: i64, settlement: Settlement) -> Result<bool, Error> {
    let (at, limits) = (app.clock.now().at, orders::limits(&app.config));
    app.db
        .write("homemaking.refunded", move |tx| refund_settled(tx, payment_id, &settlement, at, limits))
        .await
}

fn refund_settled(
    tx: &mut Tx<'_>,
    payment_id: i64,
    settlement: &Settlement,
    at: Millis,
    limits: Limits,
) -> Result<bool, Error> {
    let unknown = || Error::internal(format!("payment {payment_id} is gone"));
    let order_id = store::find(tx, payment_id)?.ok_or_else(unknown)?.order_id;
    let order = order_rows::take(tx, order_id)?.ok_or_else(unknown)?;
    let payment = store::find(tx, payment_id)?.ok_or_else(unknown)?;
    if payment.state == State::Settled {
        return Ok(true);
    }
    if settlement.amount != payment.amount.0 {
        if store::note_error(tx, payment_id, &mismatch_reason(&payment, settlement))? {
            mismatch(tx, &payment, settlement, at)?;
        }
        return Ok(false);
    }
    store::settle(tx, payment_id, settlement, false, at)?;
    ledger::refund(tx, &payment, at)?;
    if let Some(refund_id) = payment.refund_id {
        refunds::paid_back(tx, &order, refund_id, (RefundAction::PayBack, By::System), (at, limits))?;
    }
    Ok(true)
}
