//! Where gateways report, and the ledger as staff see it.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use yuyue_db::Tx;

use super::store::{self, Kind, Outcome};
use super::{alert, jobs, settle};
use crate::adapters::payment::{Event, Notification, RefundState, Settlement};
use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::Fen;
use crate::homemaking::ledger::{self, Totals};
use crate::homemaking::view::Form;
use crate::http::access::Auditor;
use crate::http::body;
use crate::http::envelope::Reply;
use crate::http::extract::Query;
use crate::http::page::{Page, PageQuery};

/// The longest report read, in bytes.
const REPORT_BYTES: usize = 64 * 1024;

/// Why a report was not taken, in the form gateways expect.
#[derive(Serialize, ToSchema)]
pub struct NotTaken {
    /// `FAIL` (失败).
    code: String,
    /// Why (原因).
    message: String,
}

fn not_taken(status: StatusCode, message: &str) -> Response {
    let said = NotTaken { code: "FAIL".to_owned(), message: message.to_owned() };
    (status, axum::Json(said)).into_response()
}

/// Where the payment gateway reports what happened (支付结果通知): signed, and answered in the gateway's own form.
#[utoipa::path(post, path = "/homemaking/v1/payment/notify", tag = "homemaking", security(("gateway" = [])),
    request_body = Object,
    responses((status = 204, description = "Taken"), (status = 401, body = NotTaken),
              (status = 404, body = NotTaken), (status = 409, body = NotTaken),
              (status = 413, body = NotTaken), (status = 503, body = NotTaken)))]
pub async fn notify(State(app): State<App>, headers: HeaderMap, request: Request<Body>) -> Response {
    let too_long = || not_taken(StatusCode::PAYLOAD_TOO_LARGE, "the report is too long");
    if body::expect_at_most(REPORT_BYTES, &headers).is_err() {
        return too_long();
    }
    let Ok(body) = to_bytes(request.into_body(), REPORT_BYTES).await else { return too_long() };
    let Some(gateway) = &app.gateway else {
        return not_taken(StatusCode::NOT_FOUND, "no payment gateway is set up");
    };
    let at = app.clock.now().at;
    let notification = match gateway.read_notification(&headers, &body, at) {
        Ok(Some(notification)) => notification,
        Ok(None) => return StatusCode::NO_CONTENT.into_response(),
        Err(forged) => {
            tracing::warn!(reason = forged.0, "a report that is not the payment gateway's");
            return not_taken(StatusCode::UNAUTHORIZED, "the report is not the gateway's");
        }
    };
    match app.db.write("homemaking.notified", move |tx| keep(tx, &notification, at)).await {
        Ok(Outcome::Accepted) => StatusCode::NO_CONTENT.into_response(),
        Ok(Outcome::Unknown) => not_taken(StatusCode::NOT_FOUND, "there is no such payment"),
        Ok(Outcome::Mismatch) => not_taken(StatusCode::CONFLICT, "the amount is not the one asked for"),
        Err(error) => {
            tracing::error!(cause = error.cause, "a gateway's report could not be kept");
            not_taken(StatusCode::SERVICE_UNAVAILABLE, "try again later")
        }
    }
}

/// Keeps a report and writes the job that acts on it. One that fits nothing is kept as evidence, and
/// refused, so that the gateway goes on telling.
fn keep(tx: &mut Tx<'_>, notification: &Notification, at: Millis) -> Result<Outcome, Error> {
    if !store::insert_notification(tx, &notification.id, &json!(notification).to_string(), at)? {
        return store::outcome(tx, &notification.id);
    }
    let outcome = judge(tx, &notification.event, at)?;
    match outcome {
        Outcome::Accepted => jobs::act_on(tx, &notification.id, at)?,
        other => store::set_outcome(tx, &notification.id, other)?,
    }
    Ok(outcome)
}

fn judge(tx: &mut Tx<'_>, event: &Event, at: Millis) -> Result<Outcome, Error> {
    let (kind, number, settlement): (_, _, Option<&Settlement>) = match event {
        Event::Charged { charge_id, settlement } => (Kind::Charge, charge_id, Some(settlement)),
        Event::Refunded { refund_id, state: RefundState::Settled(settlement) } => {
            (Kind::Refund, refund_id, Some(settlement))
        }
        Event::Refunded { refund_id, .. } => (Kind::Refund, refund_id, None),
    };
    let Some(payment) = store::find_by_number(tx, number, kind)? else {
        alert(tx, "payment.unknown", number, "the gateway reports a payment that is not ours", at)?;
        return Ok(Outcome::Unknown);
    };
    match settlement {
        Some(settlement) if settlement.amount != payment.amount.0 => {
            settle::mismatch(tx, &payment, settlement, at)?;
            Ok(Outcome::Mismatch)
        }
        _ => Ok(Outcome::Accepted),
    }
}

/// A movement of money at the gateway (账目).
#[derive(Serialize, ToSchema)]
pub struct LedgerItem {
    /// Grows with time (编号).
    id: i64,
    /// When, `YYYY-MM-DD HH:MM:SS` (时间).
    at: String,
    /// Whose money (订单 id).
    order_id: i64,
    /// The refund that asked for it (退款订单 id), null for a charge and for money that went back by itself.
    refund_id: Option<i64>,
    /// `charge` (收款) or `refund` (退款).
    kind: String,
    /// How much (金额).
    amount: Fen,
    /// The gateway's own id (支付渠道单号); "" for what staff have paid back outside of it.
    gateway_id: String,
}

/// Sums of all movements (合计).
#[derive(Serialize, ToSchema)]
pub struct LedgerTotals {
    /// What came in (收款总额).
    charged: Fen,
    /// What went back (退款总额).
    refunded: Fen,
    /// What came in and has not gone back (余额).
    balance: Fen,
}

/// A page of the ledger.
#[derive(Serialize, ToSchema)]
pub struct Ledger {
    /// What is on this page.
    items: Vec<LedgerItem>,
    /// How many there are on all pages.
    total: i64,
    /// The number of this page, from 1.
    page: i64,
    /// How many items a page has at most.
    size: i64,
    /// Of the whole ledger, not of this page alone (合计).
    totals: LedgerTotals,
}

/// Money that came in and went back (账本), the newest first.
#[utoipa::path(get, path = "/admin/v1/ledger", tag = "staff", security(("staff" = [])), params(PageQuery),
    responses((status = 200, body = Ledger)))]
pub async fn list_ledger(
    State(app): State<App>,
    _: Auditor,
    Query(page): Query<PageQuery>,
) -> Result<Reply, Error> {
    let page = Page::from(page);
    let found = app.db.read("homemaking.ledger", move |tx| ledger::store::movements(tx, page));
    let (total, totals, listed) = found.await?;
    let form = Form::new(&app, "");
    let items = listed.into_iter().map(|entry| LedgerItem {
        id: entry.id,
        at: form.time(entry.at),
        order_id: entry.order_id,
        refund_id: entry.refund_id,
        kind: entry.kind,
        amount: entry.amount,
        gateway_id: entry.gateway_id,
    });
    let Totals { charged, refunded } = totals;
    Reply::ok(&Ledger {
        items: items.collect(),
        total,
        page: page.number,
        size: page.size,
        totals: LedgerTotals { charged, refunded, balance: totals.balance() },
    })
}
