//! What finds out how payments ended, pays back, and acts on what gateways reported.

use serde::{Deserialize, Serialize};
use serde_json::json;
use yuyue_db::Tx;

use super::pay::release;
use super::settle::{self, Came};
use super::store::{self, Kind, Payment, State};
use super::{LEASE, alert};
use crate::adapters::payment::{
    ChargeState, Event, Notification, PaymentError, PaymentGateway, Refund, RefundState, Settlement,
};
use crate::app::App;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::error::Error;
use crate::homemaking::states::OrderState;
use crate::homemaking::store::orders as order_rows;
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{NewJob, enqueue};

/// Asks about a charge until its outcome is known.
pub const RESOLVE: &str = "homemaking.payment.resolve";
/// Pays back until it is done.
pub const PAY_BACK: &str = "homemaking.payment.pay_back";
/// Acts on a report of the gateway's.
pub const NOTIFIED: &str = "homemaking.payment.notified";

/// How long staff's work on the gateway's site is waited for before asking again.
const STAFF_WAIT: Millis = HOUR;

#[derive(Serialize, Deserialize)]
struct Of {
    payment_id: i64,
}

#[derive(Serialize, Deserialize)]
struct Notified {
    id: String,
}

fn write(
    tx: &mut Tx<'_>,
    kind: &'static str,
    payload: &str,
    due_at: Millis,
    at: Millis,
) -> Result<(), Error> {
    // Money is never given up.
    enqueue(tx, &NewJob { kind, recipient: "", payload, due_at, deadline: Millis::MAX }, at)?;
    Ok(())
}

/// Writes the job that finds out what became of a charge.
pub(super) fn resolve(tx: &mut Tx<'_>, payment_id: i64, due_at: Millis, at: Millis) -> Result<(), Error> {
    write(tx, RESOLVE, &json!(Of { payment_id }).to_string(), due_at, at)
}

/// Writes the job that pays back.
pub(super) fn pay_back(tx: &mut Tx<'_>, payment_id: i64, at: Millis) -> Result<(), Error> {
    write(tx, PAY_BACK, &json!(Of { payment_id }).to_string(), at, at)
}

/// Writes the job that acts on a kept report.
pub(super) fn act_on(tx: &mut Tx<'_>, notification: &str, at: Millis) -> Result<(), Error> {
    write(tx, NOTIFIED, &json!(Notified { id: notification.to_owned() }).to_string(), at, at)
}

/// Does one job of payments; `None` for another.
///
/// # Errors
/// [`Failed`] says whether another try makes sense.
pub async fn run(app: &App, job: &Job) -> Option<Result<Done, Failed>> {
    Some(match job.kind.as_str() {
        RESOLVE => resolve_charge(app, job).await,
        PAY_BACK => pay_back_charge(app, job).await,
        NOTIFIED => act_on_notification(app, job).await,
        _ => return None,
    })
}

fn payload<T: for<'de> Deserialize<'de>>(job: &Job) -> Result<T, Failed> {
    serde_json::from_str(&job.payload).map_err(|error| Failed::GiveUp { reason: error.to_string() })
}

/// While the gateway is taken out of the settings its payments wait.
fn gateway(app: &App) -> Result<&PaymentGateway, Failed> {
    let reason = || "homemaking.payment.gateway is not set, but a payment waits for it".to_owned();
    app.gateway.as_ref().ok_or_else(|| Failed::Retry { reason: reason(), after: Some(10 * MINUTE) })
}

impl From<PaymentError> for Failed {
    fn from(error: PaymentError) -> Self {
        match error {
            PaymentError::Unclear { reason } | PaymentError::Refused { reason } => {
                Self::Retry { reason, after: None }
            }
            PaymentError::Unavailable { reason, after } => Self::Retry { reason, after },
        }
    }
}

async fn find(app: &App, payment_id: i64) -> Result<Payment, Failed> {
    let found = app.db.point("homemaking.payment", move |tx| store::find(tx, payment_id)).await?;
    found.ok_or_else(|| Failed::GiveUp { reason: format!("payment {payment_id} is gone") })
}

/// How long a payer who has not paid yet is left alone before the gateway is asked again.
fn patience(age: Millis) -> Millis {
    match age {
        _ if age < MINUTE => 5 * SECOND,
        _ if age < 10 * MINUTE => 30 * SECOND,
        _ => 5 * MINUTE,
    }
}

/// Takes a payment for a talk with the gateway; gives when to come back if somebody else talks: when that
/// comes to an end, the next look sees it.
async fn occupy(app: &App, payment: &Payment, at: Millis) -> Result<Result<Payment, Done>, Error> {
    let id = payment.id;
    let occupied = app.db.write("homemaking.occupy_payment", move |tx| store::occupy(tx, id, at + LEASE, at));
    let later = || Done::Again((at + SECOND).max(payment.busy_until));
    Ok(occupied.await?.ok_or_else(later))
}

async fn resolve_charge(app: &App, job: &Job) -> Result<Done, Failed> {
    let Of { payment_id } = payload(job)?;
    let gateway = gateway(app)?;
    let payment = find(app, payment_id).await?;
    if payment.state != State::Started {
        return Ok(Done::Finished);
    }
    let at = app.clock.now().at;
    let is_wanted = is_wanted(app, &payment, at).await?;
    let payment = match occupy(app, &payment, at).await? {
        Ok(payment) => payment,
        Err(later) => return Ok(later),
    };
    let result = find_out(gateway, &payment.out_no, is_wanted, at).await;
    release(app, &payment, result.as_ref().err().map(PaymentError::reason).unwrap_or_default()).await?;
    match result {
        Ok(Known::Settled(settlement)) => {
            settle::charged(app, payment_id, settlement).await?;
            Ok(Done::Finished)
        }
        Ok(Known::Closed) => {
            app.db.write("homemaking.close_payment", move |tx| store::close(tx, payment_id, "")).await?;
            Ok(Done::Finished)
        }
        Ok(Known::NotYet) => Ok(Done::Again(at + patience(at - payment.created_at))),
        Err(error) => Err(error.into()),
    }
}

enum Known {
    Settled(Settlement),
    Closed,
    NotYet,
}

/// Asks, and closes what nobody should pay any more. What the gateway never heard of came to nothing.
async fn find_out(
    gateway: &PaymentGateway,
    out_no: &str,
    is_wanted: bool,
    at: Millis,
) -> Result<Known, PaymentError> {
    match gateway.charge_state(out_no, at).await? {
        ChargeState::Settled(settlement) => return Ok(Known::Settled(settlement)),
        ChargeState::Closed => return Ok(Known::Closed),
        ChargeState::Pending if is_wanted => return Ok(Known::NotYet),
        ChargeState::Pending | ChargeState::Unknown => {}
    }
    if gateway.close(out_no, at).await? {
        return Ok(Known::Closed);
    }
    match gateway.charge_state(out_no, at).await? {
        ChargeState::Settled(settlement) => Ok(Known::Settled(settlement)),
        _ => Ok(Known::NotYet),
    }
}

/// Whether the order still waits for this charge.
async fn is_wanted(app: &App, payment: &Payment, at: Millis) -> Result<bool, Error> {
    let order_id = payment.order_id;
    let order = app.db.point("homemaking.order", move |tx| order_rows::find(tx, order_id)).await?;
    let is_unpaid = order.is_some_and(|found| found.order.status == OrderState::Unpaid);
    Ok(is_unpaid && at < payment.expires_at)
}

async fn pay_back_charge(app: &App, job: &Job) -> Result<Done, Failed> {
    let Of { payment_id } = payload(job)?;
    let gateway = gateway(app)?;
    let payment = find(app, payment_id).await?;
    if payment.state != State::Started {
        return Ok(Done::Finished);
    }
    let charge = find(app, payment.charge_id.unwrap_or_default()).await?;
    let refund = Refund {
        id: payment.out_no.clone(),
        charge_id: charge.out_no,
        amount: payment.amount.0,
        charged: charge.amount.0,
        reason: if payment.refund_id.is_some() { "订单退款" } else { "订单已取消，款项退回" }.into(),
    };
    let at = app.clock.now().at;
    // Staff may be settling it just now, and then it is paid back by them.
    let payment = match occupy(app, &payment, at).await? {
        Ok(payment) => payment,
        Err(later) => return Ok(later),
    };
    let state = ask_back(gateway, &refund, job.attempts > 0, at).await;
    release(app, &payment, &payment.last_error).await?;
    match state {
        Ok(state) => proceed(app, &payment, state, at).await,
        Err(PaymentError::Unclear { reason }) => Err(Failed::Retry { reason, after: None }),
        // Only a person can repair what the gateway wants much time for: settings, or an empty account.
        Err(error @ (PaymentError::Refused { .. } | PaymentError::Unavailable { after: Some(_), .. })) => {
            tell_staff(app, &payment, "payment.refund_refused", error.reason().to_owned()).await?;
            Err(error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Where a refund stands after asking for it. A repeat looks first: that moves nothing, and sees what
/// staff have settled on the gateway's site.
async fn ask_back(
    gateway: &PaymentGateway,
    refund: &Refund,
    is_repeat: bool,
    at: Millis,
) -> Result<RefundState, PaymentError> {
    if is_repeat {
        let known = gateway.refund_state(&refund.id, at).await?;
        if known != RefundState::Unknown {
            return Ok(known);
        }
    }
    match gateway.refund(refund, at).await {
        Err(PaymentError::Unclear { reason }) => match gateway.refund_state(&refund.id, at).await {
            Ok(RefundState::Unknown) | Err(_) => Err(PaymentError::Unclear { reason }),
            known => known,
        },
        known => known,
    }
}

/// Goes on with a refund from where it stands at the gateway.
async fn proceed(app: &App, payment: &Payment, state: RefundState, at: Millis) -> Result<Done, Failed> {
    match state {
        RefundState::Settled(settlement) => match settle::refunded(app, payment.id, settlement).await? {
            true => Ok(Done::Finished),
            false => Ok(Done::Again(at + STAFF_WAIT)),
        },
        RefundState::Pending | RefundState::Unknown => {
            Ok(Done::Again(at + patience(at - payment.created_at)))
        }
        RefundState::Stuck { reason } => {
            tell_staff(app, payment, "payment.refund_stuck", reason).await?;
            Ok(Done::Again(at + STAFF_WAIT))
        }
    }
}

/// Leaves word for staff, once for each reason.
async fn tell_staff(app: &App, payment: &Payment, action: &'static str, reason: String) -> Result<(), Error> {
    let (id, at, target) = (payment.id, app.clock.now().at, format!("order {}", payment.order_id));
    app.db
        .write("homemaking.tell_staff", move |tx| match store::note_error(tx, id, &reason)? {
            true => alert(tx, action, &target, &reason, at),
            false => Ok(()),
        })
        .await
}

async fn act_on_notification(app: &App, job: &Job) -> Result<Done, Failed> {
    let Notified { id } = payload(job)?;
    let body = app.db.point("homemaking.notification", move |tx| store::notification(tx, &id)).await?;
    let body = body.ok_or_else(|| Failed::GiveUp { reason: "the notification is gone".into() })?;
    let said: Notification =
        serde_json::from_str(&body).map_err(|error| Failed::GiveUp { reason: error.to_string() })?;
    let (kind, number) = match &said.event {
        Event::Charged { charge_id, .. } => (Kind::Charge, charge_id.clone()),
        Event::Refunded { refund_id, .. } => (Kind::Refund, refund_id.clone()),
    };
    let found = move |tx: &mut Tx<'_>| store::find_by_number(tx, &number, kind);
    let Some(payment) = app.db.point("homemaking.payment_by_number", found).await? else {
        return Ok(Done::Finished);
    };
    match said.event {
        Event::Charged { settlement, .. } => {
            let came = settle::charged(app, payment.id, settlement).await?;
            if came == Came::Returned {
                tracing::warn!(
                    payment = payment.id,
                    "money came for an order that does not want it; it goes back"
                );
            }
            Ok(Done::Finished)
        }
        Event::Refunded { state: RefundState::Settled(settlement), .. } => {
            settle::refunded(app, payment.id, settlement).await?;
            Ok(Done::Finished)
        }
        // The refund's own job finds the same by asking, and goes on asking.
        Event::Refunded { .. } => Ok(Done::Finished),
    }
}
