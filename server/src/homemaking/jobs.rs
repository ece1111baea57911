//! What homemaking causes to happen later.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Millis, Now};
use crate::error::Error;
use crate::homemaking::states::{By, OrderAction, OrderState};
use crate::homemaking::{codes, files, ledger, orders, payments, refunds, store};
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{NewJob, enqueue, ensure_recurring};
use crate::staff::record_change_by;

/// An order that nobody has moved in time moves on by itself.
pub const ORDER_DUE: &str = "homemaking.order_due";
/// A refund that its publisher has not answered in time is agreed to.
pub const REFUND_DUE: &str = "homemaking.refund_due";
/// An appeal that staff have not decided in time is told to them, every day.
pub const APPEAL_WAITS: &str = "homemaking.appeal_waits";
/// Keeps the public list up to date when nobody looks at it.
pub const LISTING: &str = "homemaking.listing";
/// Removes pictures that nothing shows.
pub const FILES: &str = "homemaking.files";

/// How far ahead each of the recurring jobs can be due: a night may be an hour longer than others.
pub const PERIODS: [(&str, Millis); 3] =
    [(LISTING, MINUTE), (FILES, files::LOOKED_FOR), (ledger::jobs::VERIFY, 26 * HOUR)];

#[derive(Serialize, Deserialize)]
struct OrderDue {
    order_id: i64,
}

#[derive(Serialize, Deserialize)]
struct OfRefund {
    refund_id: i64,
}

/// How long an appeal may wait before staff are told.
const APPEAL_PATIENCE: Millis = 7 * DAY;

/// Makes sure that the recurring jobs wait.
///
/// # Errors
/// When the database refuses.
pub fn schedule(tx: &mut Tx<'_>, now: &Now) -> Result<(), Error> {
    ensure_recurring(tx, LISTING, now.at)?;
    ensure_recurring(tx, FILES, now.at)?;
    ledger::jobs::schedule(tx, now)
}

/// Writes the timer of an order that has come to a status it may stay in until `due_at`.
///
/// # Errors
/// When the database refuses.
pub fn wait_for_order(tx: &mut Tx<'_>, order_id: i64, due_at: Millis, at: Millis) -> Result<(), Error> {
    wait(tx, ORDER_DUE, &OrderDue { order_id }, due_at, at)
}

/// Writes the timer of a refund that waits for its publisher until `due_at`.
///
/// # Errors
/// When the database refuses.
pub fn wait_for_refund(tx: &mut Tx<'_>, refund_id: i64, due_at: Millis, at: Millis) -> Result<(), Error> {
    wait(tx, REFUND_DUE, &OfRefund { refund_id }, due_at, at)
}

/// Writes the timer of an appeal that waits for staff.
///
/// # Errors
/// When the database refuses.
pub fn wait_for_decision(tx: &mut Tx<'_>, refund_id: i64, at: Millis) -> Result<(), Error> {
    wait(tx, APPEAL_WAITS, &OfRefund { refund_id }, at + APPEAL_PATIENCE, at)
}

fn wait(
    tx: &mut Tx<'_>,
    kind: &'static str,
    of: &impl Serialize,
    due_at: Millis,
    at: Millis,
) -> Result<(), Error> {
    let payload = serde_json::to_string(of).map_err(|error| Error::internal(error.to_string()))?;
    enqueue(tx, &NewJob { kind, recipient: "", payload: &payload, due_at, deadline: Millis::MAX }, at)?;
    Ok(())
}

/// Does one job of this product; `None` for one of another.
///
/// # Errors
/// [`Failed`] says whether another try makes sense.
pub async fn run(app: &App, job: &Job) -> Option<Result<Done, Failed>> {
    if let Some(result) = payments::jobs::run(app, job).await {
        return Some(result);
    }
    Some(match job.kind.as_str() {
        ORDER_DUE => order_due(app, job).await,
        REFUND_DUE => refund_due(app, job).await,
        APPEAL_WAITS => appeal_waits(app, job).await,
        LISTING => list(app).await,
        FILES => files::clean_up(app).await,
        ledger::jobs::VERIFY => ledger::jobs::verify(app).await,
        _ => return None,
    })
}

fn payload<T: DeserializeOwned>(job: &Job) -> Result<T, Failed> {
    serde_json::from_str(&job.payload).map_err(|error| Failed::GiveUp { reason: error.to_string() })
}

async fn refund_due(app: &App, job: &Job) -> Result<Done, Failed> {
    let OfRefund { refund_id } = payload(job)?;
    let at = app.clock.now().at;
    app.db.write("homemaking.refund_due", move |tx| refunds::time_out(tx, refund_id, at)).await?;
    Ok(Done::Finished)
}

/// Tells staff once a day, by log and audit log, of an appeal that still waits for them.
async fn appeal_waits(app: &App, job: &Job) -> Result<Done, Failed> {
    let OfRefund { refund_id } = payload(job)?;
    let at = app.clock.now().at;
    let told = app.db.write("homemaking.appeal_waits", move |tx| {
        let Some(since) = store::refunds::appeal_waits_since(tx, refund_id)? else { return Ok(false) };
        let days = (at - since) / DAY;
        tracing::warn!(refund_id, days, "an appeal waits for a decision");
        let (target, nothing) = (format!("refund {refund_id}"), serde_json::Value::Null);
        let found = serde_json::json!({ "days": days });
        record_change_by(tx, "refunds", "refund.appeal_waits", &target, &nothing, &found, at)?;
        Ok::<_, Error>(true)
    });
    Ok(if told.await? { Done::Again(at + DAY) } else { Done::Finished })
}

/// Cancels an order nobody answered or paid, confirms one nobody confirmed; leaves one that has moved
/// since to its later timer. An open refund holds the confirmation up.
async fn order_due(app: &App, job: &Job) -> Result<Done, Failed> {
    let due: OrderDue = payload(job)?;
    let (at, limits) = (app.clock.now().at, orders::limits(&app.config));
    let moved = app.db.write("homemaking.order_due", move |tx| {
        let Some(order) = store::orders::take(tx, due.order_id)? else { return Ok(()) };
        if order.due_at.is_none_or(|due_at| due_at > at) {
            return Ok(());
        }
        let action =
            if order.status == OrderState::Unconfirmed { OrderAction::Confirm } else { OrderAction::TimeOut };
        orders::advance(tx, &order, (action, By::System), at, limits).map(drop)
    });
    match moved.await {
        Err(error) if error.code() == Some(&codes::ORDER_FAILED) => Ok(Done::Again(at + HOUR)),
        moved => Ok(moved.map(|()| Done::Finished)?),
    }
}

/// Batches that one run of the timer does; more than a minute's work would outlast its lease.
const BATCHES: usize = 100;

/// Brings the public list up to date: what was published, changed or begun stands on it, and what was
/// taken off or is over does not. Wakes when the next service begins or ends.
async fn list(app: &App) -> Result<Done, Failed> {
    let at = app.clock.now().at;
    for _ in 0..BATCHES {
        if app.db.point("homemaking.waiting", move |tx| store::listing::waiting(tx, at)).await? == 0 {
            let next = app.db.point("homemaking.next_turn", store::listing::next_turn).await?;
            return Ok(Done::Again(next.unwrap_or(Millis::MAX).min(at + MINUTE)));
        }
        app.db.write("homemaking.list", move |tx| store::listing::catch_up(tx, at)).await?;
    }
    Ok(Done::Again(at))
}

/// A request's share of keeping the public list: it does what is little. False when the list is not up
/// to `at`, because more waits than a request should wait for.
///
/// # Errors
/// When the database refuses.
pub async fn keep_up(app: &App, at: Millis) -> Result<bool, Error> {
    let waiting = app.db.point("homemaking.waiting", move |tx| store::listing::waiting(tx, at)).await?;
    if waiting > store::listing::BATCH {
        return Ok(false);
    }
    if waiting > 0 {
        app.db.write("homemaking.list", move |tx| store::listing::catch_up(tx, at)).await?;
    }
    Ok(true)
}
