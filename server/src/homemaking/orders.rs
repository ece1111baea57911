//! Placing an order, and what its steps cause: the new status, its history, its timers, sales.

use yuyue_db::Tx;

use crate::clock::{Millis, Now};
use crate::config::Config;
use crate::error::Error;
use crate::homemaking::rules::{self, Limits, Numbered};
use crate::homemaking::states::{By, ORDER, OrderAction, OrderState, Term as _};
use crate::homemaking::store::events::{self, Event};
use crate::homemaking::store::orders::{self as rows, NewOrder, Order};
use crate::homemaking::store::services;
use crate::homemaking::view::{Form, ServiceView};
use crate::homemaking::{codes, jobs, ledger, payments, store};

/// The time limits that are set.
#[must_use]
pub fn limits(config: &Config) -> Limits {
    let settings = &config.homemaking;
    Limits {
        order_timeout: settings.order_timeout,
        confirm_after: settings.confirm_after,
        refund_timeout: settings.refund_timeout,
    }
}

/// Who wants to order what.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub consumer_id: i64,
    pub service_id: i64,
    /// JSON.
    pub address: Option<&'a str>,
}

/// Orders a service as it stands now; gives the order's id.
///
/// # Errors
/// Why the service cannot be ordered by this user.
pub fn place(
    tx: &mut Tx<'_>,
    wish: Wish<'_>,
    form: &Form,
    (now, limits): (&Now, Limits),
) -> Result<i64, Error> {
    let Wish { consumer_id, service_id, address } = wish;
    let id = loop {
        let service = services::find(tx, service_id)?.ok_or(&codes::NOT_FOUND)?;
        rules::check_order(&service.orderable(), consumer_id, address.is_some(), now.at)?;
        let service_ends_at = service.period.ends_at;
        let (service_version, publisher_id, price) = (service.version, service.publisher.id, service.price);
        let service_snap = serde_json::to_string(&ServiceView::snapshot(service, form))
            .map_err(|error| Error::internal(error.to_string()))?;
        let new = NewOrder {
            service_id,
            service_version,
            publisher_id,
            consumer_id,
            price,
            service_snap,
            address_snap: address.map(str::to_owned),
            service_ends_at,
            due_at: rules::due_at(OrderState::Unapproved, service_ends_at, now.at, limits),
        };
        // None: somebody changed the service meanwhile, so it is looked at again.
        if let Some(id) = rows::insert(tx, &new, now.at)? {
            if let Some(due_at) = new.due_at {
                jobs::wait_for_order(tx, id, due_at, now.at)?;
            }
            break id;
        }
    };
    rows::set_number(tx, id, rules::number(now.local().date(), Numbered::Order, id))?;
    let (action, to_status) = ("order", OrderState::Unapproved.number());
    let event =
        Event { order_id: id, refund_id: None, action, by: By::Consumer, from_status: None, to_status };
    events::record(tx, &event, now.at)?;
    Ok(id)
}

/// Moves an order by one step, with everything that comes of it. The caller has just taken the row
/// with [`store::orders::take`], so nobody else moves it until the transaction ends.
///
/// # Errors
/// The code of the table that refuses; [`codes::NOT_PUBLISHED`] to agree when the service is over;
/// [`codes::ORDER_FAILED`] to confirm while a refund is open.
pub fn advance(
    tx: &mut Tx<'_>,
    order: &Order,
    (action, by): (OrderAction, By),
    at: Millis,
    limits: Limits,
) -> Result<OrderState, Error> {
    let to = ORDER.next(order.status, action, by)?;
    if action == OrderAction::Agree {
        rules::check_lasts(order.service_ends_at, at)?;
    }
    if action == OrderAction::Confirm && store::refunds::has_open(tx, order.id)? {
        return Err((&codes::ORDER_FAILED).into());
    }
    let due_at = rules::due_at(to, order.service_ends_at, at, limits);
    store::orders::set_status(tx, order.id, to, due_at)?;
    let event = Event {
        order_id: order.id,
        refund_id: None,
        action: action_word(action),
        by,
        from_status: Some(order.status.number()),
        to_status: to.number(),
    };
    events::record(tx, &event, at)?;
    if let Some(due_at) = due_at {
        jobs::wait_for_order(tx, order.id, due_at, at)?;
    }
    if action == OrderAction::Confirm {
        store::services::count_sale(tx, order.service_id)?;
        ledger::confirm(tx, order, at)?;
    }
    if order.status == OrderState::Unpaid && to == OrderState::Cancelled {
        payments::withdraw(tx, order.id, at)?;
    }
    Ok(to)
}

/// Orders that came to their status when a wrong clock was past `at` have been in it since now; gives how many.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut Tx<'_>, at: Millis, limits: Limits) -> Result<u64, Error> {
    let mut rows = 0;
    for id in rows::moved_after(tx, at)? {
        let Some(order) = rows::take(tx, id)? else { continue };
        let Some(latest) = rules::due_at(order.status, order.service_ends_at, at, limits) else { continue };
        if order.due_at.is_some_and(|due_at| due_at > latest) {
            rows::set_status(tx, id, order.status, Some(latest))?;
            jobs::wait_for_order(tx, id, latest, at)?;
            rows += 1;
        }
    }
    Ok(rows)
}

/// The word for a step in an order's history.
#[must_use]
pub fn action_word(action: OrderAction) -> &'static str {
    match action {
        OrderAction::Agree => "agree",
        OrderAction::Reject => "reject",
        OrderAction::Pay => "pay",
        OrderAction::Confirm => "confirm",
        OrderAction::Rate => "rate",
        OrderAction::AskRefund => "ask_refund",
        OrderAction::Cancel => "cancel",
        OrderAction::TimeOut => "time_out",
        OrderAction::PayBack => "pay_back",
    }
}
