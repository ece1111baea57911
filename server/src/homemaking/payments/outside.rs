//! Staff settle a pay-back that the gateway does not do (线下退款): it gave the refund up, cannot reach the
//! payer, or refuses, so the money went back some other way.

use serde_json::json;
use yuyue_db::Tx;

use super::pay::release;
use super::store::{self, Payment, State};
use super::{LEASE, settle};
use crate::adapters::payment::RefundState;
use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::rules::Limits;
use crate::homemaking::states::{By, RefundAction};
use crate::homemaking::store::orders as order_rows;
use crate::homemaking::{ledger, orders, refunds};
use crate::staff::{StaffMember, record_change};

/// Records that staff have paid back, so that the gateway never will: whoever talks to it about this
/// payment is waited out, and it is asked before.
///
/// # Errors
/// A conflict when there is nothing to pay back, or the gateway has done so or is about to; 503 when it
/// cannot be asked.
pub async fn settle(app: &App, staff: StaffMember, id: i64, note: String) -> Result<(), Error> {
    let (at, limits) = (app.clock.now().at, orders::limits(&app.config));
    let payment = app.db.write("homemaking.occupy_payment", move |tx| occupy(tx, id, at)).await?;
    let standing = match &app.gateway {
        Some(gateway) => gateway.refund_state(&payment.out_no, at).await,
        None => Ok(RefundState::Unknown),
    };
    let refusal = match standing {
        Ok(RefundState::Unknown | RefundState::Stuck { .. }) => {
            let book = move |tx: &mut Tx<'_>| book(tx, &payment, (&staff, &note), (at, limits));
            return app.db.write("homemaking.settle_outside", book).await;
        }
        Ok(RefundState::Settled(settlement)) => {
            settle::refunded(app, id, settlement).await?;
            Error::conflict("支付渠道已完成退款", "the gateway has paid it back meanwhile")
        }
        Ok(RefundState::Pending) => Error::conflict(
            "支付渠道正在退款，请等待结果",
            "the gateway is paying it back; wait for the outcome",
        ),
        Err(error) => Error::unavailable(error.reason().to_owned()),
    };
    release(app, &payment, &payment.last_error).await?;
    Err(refusal)
}

/// Takes a pay-back whose outcome is open.
fn occupy(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<Payment, Error> {
    let none = || Error::not_found("没有这笔支付", "there is no such payment");
    let found = store::find(tx, id)?.ok_or_else(none)?;
    if found.charge_id.is_none() || found.state != State::Started {
        return Err(Error::conflict("这笔支付没有待退的款项", "this payment has nothing to pay back"));
    }
    let busy =
        || Error::conflict("支付渠道正在处理，请稍后再试", "the gateway is being asked about it; try again");
    store::occupy(tx, id, at + LEASE, at)?.ok_or_else(busy)
}

fn book(
    tx: &mut Tx<'_>,
    payment: &Payment,
    (staff, note): (&StaffMember, &str),
    (at, limits): (Millis, Limits),
) -> Result<(), Error> {
    let gone = || Error::internal(format!("order {} is gone", payment.order_id));
    let order = order_rows::take(tx, payment.order_id)?.ok_or_else(gone)?;
    if !store::settle_outside(tx, payment, at)? {
        return Err(Error::conflict("这笔退款刚刚有了结果", "something came of it meanwhile"));
    }
    ledger::refund_outside(tx, payment, at)?;
    if let Some(refund_id) = payment.refund_id {
        refunds::paid_back(tx, &order, refund_id, (RefundAction::Settle, By::Staff), (at, limits))?;
    }
    let before = json!({ "state": "started", "last_error": payment.last_error });
    let after = json!({ "state": "settled", "note": note });
    record_change(tx, staff, "payment.settle", &format!("payment {}", payment.id), &before, &after, at)
}
