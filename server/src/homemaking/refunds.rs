//! What a refund's steps cause: the new status, the order's, history, money.
//!
//! Whoever moves a refund takes its order's row first and then its own, so the two never move apart
//! and nobody waits for somebody who waits.

use yuyue_db::Tx;

use crate::clock::{Millis, Now};
use crate::error::Error;
use crate::homemaking::rules::{self, Limits, Numbered, party};
use crate::homemaking::states::{By, OrderAction, OrderState, REFUND, RefundAction, RefundState, Term as _};
use crate::homemaking::store::events::{self, Event};
use crate::homemaking::store::orders::Order;
use crate::homemaking::store::refunds::{self as rows, Decision, NewRefund, Refund};
use crate::homemaking::{User, codes, jobs, orders, payments, store};

fn not_found() -> Error {
    (&codes::NOT_FOUND).into()
}

/// What the consumer says.
#[derive(Clone, Debug)]
pub struct Ask {
    pub order_id: i64,
    pub reason: String,
    /// A JSON array of addresses.
    pub illustration: String,
}

/// Asks for an order's money back; gives the id and the number of the refund.
///
/// # Errors
/// Says why not: whose order it is first, then its state, then an open refund.
pub fn ask(
    tx: &mut Tx<'_>,
    user: User,
    ask: &Ask,
    (now, limits): (&Now, Limits),
) -> Result<(i64, i64), Error> {
    let order = store::orders::take(tx, ask.order_id)?.ok_or_else(not_found)?;
    if user.id != order.consumer_id {
        return Err((&codes::REFUND_NOT_CONSUMER).into());
    }
    check_refundable(tx, &order)?;
    let new = NewRefund {
        order_id: order.id,
        publisher_id: order.publisher_id,
        consumer_id: order.consumer_id,
        amount: order.price,
        reason: ask.reason.clone(),
        illustration: ask.illustration.clone(),
    };
    let id = rows::insert(tx, &new, now.at)?.ok_or(&codes::REFUND_OPEN)?;
    let number = rules::number(now.local().date(), Numbered::Refund, id);
    rows::set_number(tx, id, number)?;
    let (by, to_status) = (By::Consumer, RefundState::Unapproved.number());
    let event =
        Event { order_id: order.id, refund_id: Some(id), action: "ask", by, from_status: None, to_status };
    events::record(tx, &event, now.at)?;
    jobs::wait_for_refund(tx, id, now.at.saturating_add(limits.refund_timeout), now.at)?;
    Ok((id, number))
}

/// An order that is paid and not confirmed, without a refund that is not closed.
fn check_refundable(tx: &mut Tx<'_>, order: &Order) -> Result<(), Error> {
    if order.status != OrderState::Unconfirmed {
        return Err((&codes::NOT_REFUNDABLE).into());
    }
    if rows::has_open(tx, order.id)? {
        return Err((&codes::REFUND_OPEN).into());
    }
    Ok(())
}

/// Takes a refund and its order.
fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<(Order, Refund)>, Error> {
    let Some(order_id) = rows::order_of(tx, id)? else { return Ok(None) };
    let order = store::orders::take(tx, order_id)?;
    Ok(order.zip(rows::take(tx, id)?))
}

/// Moves a refund that was taken by one step.
fn advance(
    tx: &mut Tx<'_>,
    (order, refund): (&Order, &Refund),
    (action, by): (RefundAction, By),
    at: Millis,
) -> Result<RefundState, Error> {
    let to = REFUND.next(refund.status, action, by)?;
    rows::set_status(tx, refund.id, to)?;
    let event = Event {
        order_id: order.id,
        refund_id: Some(refund.id),
        action: action_word(action),
        by,
        from_status: Some(refund.status.number()),
        to_status: to.number(),
    };
    events::record(tx, &event, at)?;
    if to == RefundState::Agreed {
        payments::start_refund(tx, order.id, refund.id, refund.amount, at)?;
    }
    Ok(to)
}

/// Does what one of its two sides, or a stranger, asks for.
///
/// # Errors
/// The code of the table that refuses.
pub fn act(tx: &mut Tx<'_>, id: i64, user: User, action: RefundAction, at: Millis) -> Result<(), Error> {
    let (order, refund) = take(tx, id)?.ok_or_else(not_found)?;
    let by = party(user.id, refund.publisher_id, refund.consumer_id);
    advance(tx, (&order, &refund), (action, by), at).map(drop)
}

/// Agrees for a publisher who has not answered in time; leaves a refund that has moved since.
///
/// # Errors
/// [`codes::REFUND_FAILED`] when there is nothing to pay back.
pub fn time_out(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<(), Error> {
    match take(tx, id)? {
        Some((order, refund)) if refund.status == RefundState::Unapproved => {
            advance(tx, (&order, &refund), (RefundAction::Agree, By::System), at).map(drop)
        }
        _ => Ok(()),
    }
}

/// Appeals to staff against a refusal, once.
///
/// # Errors
/// The code of the table that refuses; [`codes::REFUND_FAILED`] the second time; what [`ask`] says of an
/// order that has gone on since.
pub fn appeal(tx: &mut Tx<'_>, id: i64, user: User, reason: &str, at: Millis) -> Result<(), Error> {
    let (order, refund) = take(tx, id)?.ok_or_else(not_found)?;
    let by = party(user.id, refund.publisher_id, refund.consumer_id);
    REFUND.next(refund.status, RefundAction::Appeal, by)?;
    if refund.appeal.is_some() {
        return Err((&codes::REFUND_FAILED).into());
    }
    check_refundable(tx, &order)?;
    if !rows::set_appeal(tx, id, reason, at)? {
        return Err((&codes::REFUND_FAILED).into());
    }
    advance(tx, (&order, &refund), (RefundAction::Appeal, by), at)?;
    jobs::wait_for_decision(tx, id, at)
}

/// Decides as staff on an appeal; gives the refund's status before and after.
///
/// # Errors
/// A conflict when no appeal waits.
pub fn decide(tx: &mut Tx<'_>, id: i64, decision: &Decision) -> Result<(RefundState, RefundState), Error> {
    let nothing_waits = || Error::conflict("没有待处理的申诉", "no appeal waits for a decision");
    let none = || Error::not_found("没有这个退款订单", "there is no such refund");
    let (order, refund) = take(tx, id)?.ok_or_else(none)?;
    if !rows::set_decision(tx, id, decision)? {
        return Err(nothing_waits());
    }
    let action = if decision.is_upheld { RefundAction::Uphold } else { RefundAction::Dismiss };
    let to = advance(tx, (&order, &refund), (action, By::Staff), decision.at)?;
    Ok((refund.status, to))
}

/// The money of an agreed refund is back: the refund goes on by `step`, and its order, which was taken,
/// ends.
///
/// # Errors
/// The code of the table that refuses, when the refund was never agreed or is paid back already.
pub fn paid_back(
    tx: &mut Tx<'_>,
    order: &Order,
    id: i64,
    step: (RefundAction, By),
    (at, limits): (Millis, Limits),
) -> Result<(), Error> {
    let refund = rows::take(tx, id)?.ok_or_else(not_found)?;
    advance(tx, (order, &refund), step, at)?;
    orders::advance(tx, order, (OrderAction::PayBack, By::System), at, limits).map(drop)
}

/// The word for a step in the history.
fn action_word(action: RefundAction) -> &'static str {
    match action {
        RefundAction::Agree => "agree",
        RefundAction::Reject => "reject",
        RefundAction::Cancel => "cancel",
        RefundAction::Confirm => "confirm",
        RefundAction::PayBack => "pay_back",
        RefundAction::Settle => "settle",
        RefundAction::Appeal => "appeal",
        RefundAction::Uphold => "uphold",
        RefundAction::Dismiss => "dismiss",
    }
}
