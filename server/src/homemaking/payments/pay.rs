//! A consumer pays (支付).

use serde_json::{Map, Value};
use yuyue_db::Tx;

use super::settle::{self, Came};
use super::store::{self, Kind, NewPayment, Payment};
use super::{LEASE, LEAST_TIME_TO_PAY, TIME_TO_PAY, failed, jobs};
use crate::adapters::payment::{Charge, ChargeState, Charged, PaymentError, PaymentGateway, Settlement, Way};
use crate::adapters::wechat::{MiniProgram, WechatError};
use crate::app::App;
use crate::clock::{Millis, SECOND};
use crate::error::{self, Error};
use crate::homemaking::rules::{check_lasts, party};
use crate::homemaking::states::{ORDER, OrderAction};
use crate::homemaking::store::orders::{self as order_rows, Order};
use crate::homemaking::{User, codes};
use crate::visitors;

/// How the request wants to pay.
#[derive(Clone, Debug, Default)]
pub struct PayWish {
    pub way: Way,
    /// A code by which WeChat tells whose openid pays: of `wx.login()`, or of web authorisation in a page.
    pub wechat_code: Option<String>,
    /// The openid that WeChat vouched for when this browser came back from it.
    pub in_browser: Option<String>,
}

/// How an order is being paid.
#[derive(Clone, Debug, PartialEq)]
pub enum Paid {
    /// It is.
    Done,
    /// The payer's phone has to agree, for which its page needs these.
    Awaiting(Map<String, Value>),
}

/// An attempt, and what to do about it.
enum Attempt {
    /// Ask the gateway for it for the first time.
    New(Payment),
    /// Ask the gateway for it once more: it may have been paid since.
    Again(Payment),
    /// It is over, or another payer's: see to it that nobody pays for it, and begin anew.
    Replace(Payment),
}

/// Pays an order. Whatever happens on the way, an order is charged once.
///
/// # Errors
/// What the order's table says, 10000 for a missing or refused `wechat_code`, and 10017 with a reason
/// when the money did not come, or nobody knows yet whether it did.
pub async fn pay(app: &App, user: User, order_id: i64, wish: PayWish) -> Result<Paid, Error> {
    check(app, user, order_id).await?;
    let Some(gateway) = &app.gateway else {
        return Err(failed(
            "订单状态更新失败：未开通支付",
            "orders cannot be paid: no payment gateway is set up",
        ));
    };
    let (way, payer) = match gateway.payers() {
        Some(payers) => (wish.way, payer(app, payers, user, wish).await?),
        None => (Way::default(), String::new()),
    };
    match begin(app, user, order_id, (way, &payer)).await? {
        Attempt::New(payment) => charge(app, gateway, payment, true).await,
        Attempt::Again(payment) => charge(app, gateway, payment, false).await,
        Attempt::Replace(payment) => {
            if let Some(came) = close(app, gateway, &payment).await? {
                return told(came);
            }
            match begin(app, user, order_id, (way, &payer)).await? {
                Attempt::New(payment) => charge(app, gateway, payment, true).await,
                Attempt::Again(_) | Attempt::Replace(_) => Err(in_progress()),
            }
        }
    }
}

fn in_progress() -> Error {
    failed("订单状态更新失败：该订单正在支付中", "a payment of this order is under way")
}

fn not_known_yet() -> Error {
    failed(
        "订单状态更新失败：支付结果尚未确认，确认后订单会自动更新",
        "it is not known yet whether the payment came through; the order follows when it is",
    )
}

/// The payer was given nothing to pay with now, and can ask for it again at once.
fn not_placed() -> Error {
    failed("订单状态更新失败：支付渠道没有响应，请重试", "the payment gateway did not answer; try again")
}

/// Whether this user may pay this order now, before anything is begun or a `wechat_code` used up.
async fn check(app: &App, user: User, order_id: i64) -> Result<(), Error> {
    let found = app.db.point("homemaking.order", move |tx| order_rows::find(tx, order_id)).await?;
    may_pay(&found.ok_or(&codes::NOT_FOUND)?.order, user, app.clock.now().at)
}

/// A payment begins while the service lasts; money that comes of it a moment later is taken.
fn may_pay(order: &Order, user: User, at: Millis) -> Result<(), Error> {
    let by = party(user.id, order.publisher_id, order.consumer_id);
    ORDER.next(order.status, OrderAction::Pay, by)?;
    check_lasts(order.service_ends_at, at)
}

/// The openid that pays, in the app in which it does. Whoever scans a code may pay: nobody has to be known.
async fn payer(app: &App, payers: &MiniProgram, user: User, wish: PayWish) -> Result<String, Error> {
    match wish.way {
        Way::MiniProgram => payer_in_mini_program(app, payers, user, wish.wechat_code).await,
        Way::OfficialAccount => payer_in_page(app, wish).await,
        Way::Native => Ok(String::new()),
    }
}

/// The openid that web authorisation proves: by a `wechat_code`, else by what this browser came back with.
async fn payer_in_page(app: &App, wish: PayWish) -> Result<String, Error> {
    if app.config.wechat.app_id.is_empty() {
        let zh = "未设置公众号，请使用其他支付方式";
        return Err(Error::invalid("pay_by", zh, "no official account is set up; pay another way"));
    }
    let Some(code) = wish.wechat_code else {
        return wish.in_browser.ok_or_else(|| {
            let zh = "需要公众号网页授权的 code";
            Error::invalid("wechat_code", zh, "needs a code of the official account's web authorisation")
        });
    };
    visitors::openid_of_code(app, &code).await.map_err(|error| match error.kind {
        error::Kind::Forbidden => {
            let zh = "授权 code 无效或已使用，请重新授权";
            Error::invalid("wechat_code", zh, "WeChat does not accept this code; authorise again")
        }
        _ => error,
    })
}

/// The one a code of `wx.login()` proves, else the one that paid before.
async fn payer_in_mini_program(
    app: &App,
    payers: &MiniProgram,
    user: User,
    wechat_code: Option<String>,
) -> Result<String, Error> {
    if let Some(code) = wechat_code {
        let open_id = payers.open_id(&code).await.map_err(not_proved)?;
        let (bound, at) = (open_id.clone(), app.clock.now().at);
        app.db.write("homemaking.payer", move |tx| store::bind_payer(tx, user.id, &bound, at)).await?;
        return Ok(open_id);
    }
    let known = app.db.point("homemaking.payer_of", move |tx| store::payer_of(tx, user.id)).await?;
    known.ok_or_else(|| {
        Error::invalid(
            "wechat_code",
            "首次支付需要 wx.login 的登录凭证",
            "the first payment needs a code of wx.login()",
        )
    })
}

/// WeChat does not say who pays.
fn not_proved(error: WechatError) -> Error {
    match error {
        WechatError::GiveUp { reason } => {
            tracing::info!(reason, "WeChat refused a payer's code");
            let zh = "登录凭证无效或已使用，请重新调用 wx.login";
            Error::invalid("wechat_code", zh, "WeChat does not accept this code; call wx.login() again")
        }
        WechatError::Retry { reason, after: Some(after) } => {
            let seconds = u32::try_from(after / SECOND).unwrap_or(u32::MAX);
            Error::unavailable(reason).with_retry_after(seconds)
        }
        other => Error::unavailable(other.reason().to_owned()),
    }
}

/// Writes the attempt, or takes up the one that is there; and with a new one the job that will find
/// out what became of it, whatever becomes of us.
async fn begin(app: &App, user: User, order_id: i64, (way, payer): (Way, &str)) -> Result<Attempt, Error> {
    let (at, payer) = (app.clock.now().at, payer.to_owned());
    let out_no = app.ids.uuid().simple().to_string();
    app.db
        .write("homemaking.begin_payment", move |tx| {
            let order = order_rows::take(tx, order_id)?.ok_or(&codes::NOT_FOUND)?;
            may_pay(&order, user, at)?;
            if let Some(open) = store::open_charge(tx, order_id)? {
                let open = store::occupy(tx, open.id, at + LEASE, at)?.ok_or_else(in_progress)?;
                let fits = (open.way, &open.payer) == (way, &payer) && open.expires_at > at;
                return Ok(if fits { Attempt::Again(open) } else { Attempt::Replace(open) });
            }
            start(tx, &order, (out_no.clone(), way, payer.clone()), at).map(Attempt::New)
        })
        .await
}

fn start(
    tx: &mut Tx<'_>,
    order: &Order,
    (out_no, way, payer): (String, Way, String),
    at: Millis,
) -> Result<Payment, Error> {
    let ends_at = order.due_at.unwrap_or(Millis::MAX).min(at + TIME_TO_PAY).min(order.service_ends_at);
    let new = NewPayment {
        out_no,
        kind: Kind::Charge,
        order_id: order.id,
        charge_id: None,
        refund_id: None,
        amount: order.price,
        way,
        payer,
        busy_until: at + LEASE,
        expires_at: ends_at.max(at + LEAST_TIME_TO_PAY),
    };
    let id = store::insert(tx, &new, at)?.ok_or_else(in_progress)?;
    jobs::resolve(tx, id, at + LEASE, at)?;
    store::find(tx, id)?.ok_or_else(|| Error::internal("a payment is gone"))
}

/// What the payer is shown.
fn description(order_no: i64) -> String {
    format!("家政服务订单 {order_no}")
}

/// Asks the gateway for the money.
async fn charge(app: &App, gateway: &PaymentGateway, payment: Payment, is_new: bool) -> Result<Paid, Error> {
    let order_id = payment.order_id;
    let order = app.db.point("homemaking.order", move |tx| order_rows::find(tx, order_id)).await?;
    let order_no = order.map_or(order_id, |found| found.order.order_no);
    let charge = Charge {
        id: payment.out_no.clone(),
        amount: payment.amount.0,
        description: description(order_no),
        way: payment.way,
        payer: payment.payer.clone(),
        expires_at: payment.expires_at,
    };
    match gateway.charge(&charge, app.clock.now().at).await {
        Ok(Charged::Settled(settlement)) => settled(app, &payment, settlement).await,
        Ok(Charged::Awaiting(parameters)) => {
            release(app, &payment, "").await?;
            Ok(Paid::Awaiting(parameters))
        }
        Err(PaymentError::Refused { reason }) => refused(app, gateway, &payment, reason).await,
        // The payer agrees on the phone, with what the answer would have brought.
        Err(PaymentError::Unclear { reason }) if is_new && gateway.payers().is_some() => {
            tracing::warn!(payment = payment.id, reason, "an order was not placed");
            release(app, &payment, &reason).await?;
            Err(not_placed())
        }
        Err(PaymentError::Unclear { reason }) => ask(app, gateway, &payment, reason).await,
        Err(PaymentError::Unavailable { reason, .. }) => {
            tracing::warn!(payment = payment.id, reason, "the payment gateway cannot be used");
            release(app, &payment, &reason).await?;
            Err(failed(
                "订单状态更新失败：支付渠道暂不可用，请稍后再试",
                "the payment gateway is out of reach",
            ))
        }
    }
}

async fn settled(app: &App, payment: &Payment, settlement: Settlement) -> Result<Paid, Error> {
    told(settle::charged(app, payment.id, settlement).await?)
}

fn told(came: Came) -> Result<Paid, Error> {
    match came {
        Came::Paid => Ok(Paid::Done),
        Came::Returned => Err(failed(
            "订单状态更新失败：订单已取消，款项将原路退回",
            "the order was cancelled meanwhile; the money goes back",
        )),
        Came::Mismatch => Err(failed(
            "订单状态更新失败：到账金额不符，款项将原路退回",
            "another amount arrived than was asked for; it goes back",
        )),
    }
}

/// The answer was lost or makes no sense: the gateway is asked what it did, once; the job goes on.
async fn ask(app: &App, gateway: &PaymentGateway, payment: &Payment, reason: String) -> Result<Paid, Error> {
    tracing::warn!(payment = payment.id, reason, "a charge's outcome is not clear");
    if let Ok(ChargeState::Settled(settlement)) =
        gateway.charge_state(&payment.out_no, app.clock.now().at).await
    {
        return settled(app, payment, settlement).await;
    }
    release(app, payment, &reason).await?;
    Err(if gateway.payers().is_some() { not_placed() } else { not_known_yet() })
}

async fn refused(
    app: &App,
    gateway: &PaymentGateway,
    payment: &Payment,
    reason: String,
) -> Result<Paid, Error> {
    tracing::info!(payment = payment.id, reason, "a charge was refused");
    match close(app, gateway, payment).await? {
        Some(came) => told(came),
        None => Err(failed("订单状态更新失败：支付被拒绝", "the payment was refused")),
    }
}

/// Sees to it that nobody pays for an attempt; tells what came if somebody has. When the gateway cannot
/// say, the job goes on.
async fn close(app: &App, gateway: &PaymentGateway, payment: &Payment) -> Result<Option<Came>, Error> {
    let at = app.clock.now().at;
    let id = payment.id;
    match gateway.close(&payment.out_no, at).await {
        Ok(true) => {
            app.db.write("homemaking.close_payment", move |tx| store::close(tx, id, "")).await?;
            Ok(None)
        }
        Ok(false) => match gateway.charge_state(&payment.out_no, at).await {
            Ok(ChargeState::Settled(settlement)) => settle::charged(app, id, settlement).await.map(Some),
            _ => {
                release(app, payment, "paid, as the gateway says, but not how").await?;
                Err(not_known_yet())
            }
        },
        Err(error) => {
            release(app, payment, error.reason()).await?;
            Err(not_known_yet())
        }
    }
}

/// The talk is over, its outcome still open.
pub(super) async fn release(app: &App, payment: &Payment, error: &str) -> Result<(), Error> {
    let (payment, error) = (payment.clone(), error.to_owned());
    app.db.write("homemaking.release_payment", move |tx| store::release(tx, &payment, &error)).await
}
