//! A stand-in for WeChat Pay, API v3: a real HTTP server on loopback that checks the merchant's
//! signatures, keeps orders and refunds, signs its answers, encrypts what it reports, and can be told
//! to fail.

mod admission;
mod merchant;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use self::admission::Nonces;
use self::merchant::Books;
use super::http::{Http, HttpLimits};
use super::loopback::{BODY_BYTES, Loopback, SLOW, broken};
use super::notifier::{Announcement, Delivery, Notifier};
use super::wechat_pay::{ApiKey, MerchantKey, PlatformKey, lines};
use crate::clock::{Clock, Millis, SECOND};
use crate::ids::Ids;

pub use self::merchant::{RefundOutcome, SimulatedOrder, SimulatedRefund};

/// Both sides' keys: what the merchant and WeChat exchanged beforehand.
#[derive(Clone)]
pub struct SimulatedMerchant {
    pub app_id: String,
    pub mch_id: String,
    /// The serial number of the merchant's certificate, and its public key.
    pub serial: String,
    pub merchant_public_key: PlatformKey,
    pub api_key: ApiKey,
    /// The id of WeChat's key, and WeChat's private key.
    pub platform_key_id: String,
    pub platform_private_key: MerchantKey,
}

/// How the simulator misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    Ok,
    /// Every request is answered with a system error; nothing is done.
    Down,
    /// Whatever moves something is done, but nobody is answered in time.
    Slow,
    /// Whatever moves something is done, but the connection breaks before the client learns of it.
    Lost,
    /// Answers carry the signature of another text.
    Forged,
}

/// The running simulator; it stops when dropped.
pub struct WechatPaySimulator {
    server: Loopback,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    ids: Ids,
    merchant: SimulatedMerchant,
    notifier: Notifier,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    fault: Fault,
    /// How many more requests the fault is for; `None`: all.
    faults_left: Option<u32>,
    /// The key it signs with since a change, and its id.
    key: Option<(String, MerchantKey)>,
    nonces: Nonces,
    books: Books,
    notifications: u64,
}

/// An answer other than a success.
struct Refusal(u16, &'static str, &'static str);

/// An event to be reported: its type, the resource's type and content, and where.
struct Report {
    event_type: &'static str,
    original_type: &'static str,
    content: Value,
    notify_url: String,
}

impl WechatPaySimulator {
    /// Starts on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock, merchant: SimulatedMerchant) -> io::Result<Self> {
        let http = Http::new(HttpLimits::default()).map_err(io::Error::other)?;
        let shared = Arc::new(Shared {
            clock,
            ids: Ids::default(),
            merchant,
            notifier: Notifier::new(http),
            kept: Mutex::default(),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::start("wechat pay", router).await?, shared })
    }

    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        self.misbehave(fault, None);
    }

    /// Makes the simulator misbehave for the next `times` requests that move something.
    pub fn set_fault_for(&self, fault: Fault, times: u32) {
        self.misbehave(fault, Some(times));
    }

    fn misbehave(&self, fault: Fault, times: Option<u32>) {
        let mut kept = self.shared.lock();
        (kept.fault, kept.faults_left) = (fault, times);
    }

    /// Signs with another key from now on, as WeChat does when a certificate ends.
    pub fn change_key(&self, id: &str, key: MerchantKey) {
        self.shared.lock().key = Some((id.to_owned(), key));
    }

    /// How it reports, until told otherwise.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.shared.notifier.set_delivery(delivery);
    }

    /// What becomes of refunds from now on.
    pub fn set_refund_outcome(&self, outcome: RefundOutcome) {
        self.shared.lock().books.refund_outcome = outcome;
    }

    /// Binds one more app to the merchant.
    pub fn bind_app(&self, app_id: &str) {
        self.shared.lock().books.more_apps.push(app_id.to_owned());
    }

    /// A phone that scans the code of a Native order, and pays.
    ///
    /// # Errors
    /// What the phone would say.
    pub fn scan(&self, code_url: &str) -> Result<(), &'static str> {
        if !code_url.starts_with("weixin://wxpay/") {
            return Err("the code is none of WeChat Pay's");
        }
        self.settle(code_url)
    }

    fn settle(&self, prepay_id: &str) -> Result<(), &'static str> {
        let now = self.shared.clock.now().at;
        let report = self.shared.lock().books.pay(prepay_id, &self.shared.merchant, now)?;
        self.shared.report(report);
        Ok(())
    }

    /// The payer's phone: checks what the page passed to `wx.requestPayment` or `getBrandWCPayRequest`, and
    /// pays.
    ///
    /// # Errors
    /// What the phone would say.
    pub fn pay(&self, parameters: &Map<String, Value>) -> Result<(), &'static str> {
        let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
        let signed = lines(&[text("appId"), text("timeStamp"), text("nonceStr"), text("package")]);
        let merchant = &self.shared.merchant;
        let prepay_id = text("package").strip_prefix("prepay_id=").ok_or("the parameters are wrong")?;
        let app_id = self.shared.lock().books.app_of(prepay_id);
        if app_id.as_deref().is_some_and(|app_id| app_id != text("appId")) || text("signType") != "RSA" {
            return Err("the parameters are wrong");
        }
        if !merchant.merchant_public_key.verifies(&signed, text("paySign")) {
            return Err("支付验证签名失败");
        }
        self.settle(prepay_id)
    }

    /// Makes an order come to another amount than was asked for.
    pub fn set_total(&self, out_trade_no: &str, total: i64) {
        let orders = &mut self.shared.lock().books.orders;
        orders
            .iter_mut()
            .filter(|order| order.out_trade_no == out_trade_no)
            .for_each(|order| order.total = total);
    }

    /// Brings the refunds that are under way to their end.
    pub fn finish_refunds(&self) {
        let reports = self.shared.lock().books.finish_refunds(&self.shared.merchant);
        for report in reports {
            self.shared.report(report);
        }
    }

    /// All orders, in the order they came.
    #[must_use]
    pub fn orders(&self) -> Vec<SimulatedOrder> {
        self.shared.lock().books.orders.clone()
    }

    /// All refunds, in the order they came.
    #[must_use]
    pub fn refunds(&self) -> Vec<SimulatedRefund> {
        self.shared.lock().books.refunds.clone()
    }

    /// All notifications there were, as they are posted.
    #[must_use]
    pub fn announcements(&self) -> Vec<Announcement> {
        self.shared.notifier.announcements()
    }

    /// A notification with any content, signed and encrypted as WeChat does.
    #[must_use]
    pub fn announcement(&self, event_type: &'static str, content: Value) -> Announcement {
        let original_type = if event_type.starts_with("REFUND") { "refund" } else { "transaction" };
        self.shared.announcement(Report { event_type, original_type, content, notify_url: String::new() })
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let now = shared.clock.now().at;
    let moves = parts.method == Method::POST;
    let (fault, outcome, reports) = {
        let mut kept = shared.lock();
        let mut reports = Vec::new();
        let merchant = &shared.merchant;
        let fault = kept.take_fault(moves);
        let outcome = match admission::admit(&parts, &body, merchant, &mut kept.nonces, now) {
            Ok(()) if fault == Fault::Down => Err(Refusal(500, "SYSTEM_ERROR", "系统异常，请稍后重试")),
            Ok(()) => kept.books.serve(&parts, &body, merchant, now, &mut reports),
            Err(refusal) => Err(refusal),
        };
        (fault, outcome, reports)
    };
    for report in reports {
        shared.report(report);
    }
    match (fault, outcome) {
        (Fault::Slow, Ok(_)) if moves => {
            tokio::time::sleep(SLOW).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        (Fault::Lost, Ok(_)) if moves => broken(),
        (_, Ok(Some(said))) => shared.signed(StatusCode::OK, &said.to_string(), fault),
        (_, Ok(None)) => shared.signed(StatusCode::NO_CONTENT, "", fault),
        (_, Err(Refusal(status, code, message))) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            shared.signed(status, &json!({ "code": code, "message": message }).to_string(), fault)
        }
    }
}

impl Kept {
    fn take_fault(&mut self, moves: bool) -> Fault {
        match &mut self.faults_left {
            None => self.fault,
            Some(left) if *left > 0 && moves => {
                *left -= 1;
                self.fault
            }
            Some(_) => Fault::Ok,
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The headers that prove a body WeChat's.
    fn signature(&self, body: &str, now: Millis) -> Vec<(&'static str, String)> {
        let (time, nonce) = ((now / SECOND).to_string(), hex::encode(self.ids.bytes::<16>()));
        let SimulatedMerchant { platform_key_id, platform_private_key, .. } = &self.merchant;
        let changed = self.lock().key.clone();
        let (id, key) = changed.unwrap_or_else(|| (platform_key_id.clone(), platform_private_key.clone()));
        let signature = key.sign(&lines(&[&time, &nonce, body]));
        vec![
            ("wechatpay-timestamp", time),
            ("wechatpay-nonce", nonce),
            ("wechatpay-signature", signature),
            ("wechatpay-serial", id),
        ]
    }

    fn signed(&self, status: StatusCode, body: &str, fault: Fault) -> Response {
        let said = if fault == Fault::Forged { "another text" } else { body };
        let mut response = Response::builder().status(status).header("content-type", "application/json");
        for (name, value) in self.signature(said, self.clock.now().at) {
            response = response.header(name, value);
        }
        response.body(Body::from(body.to_owned())).unwrap_or_else(|_| broken())
    }

    fn report(&self, report: Report) {
        self.notifier.announce(&self.announcement(report));
    }

    fn announcement(&self, report: Report) -> Announcement {
        let now = self.clock.now().at;
        let number = {
            let mut kept = self.lock();
            kept.notifications += 1;
            kept.notifications
        };
        // Twelve letters, as WeChat's are.
        let nonce = hex::encode(self.ids.bytes::<6>());
        let mut bytes = [0; 12];
        bytes.copy_from_slice(nonce.as_bytes());
        let plain = report.content.to_string();
        let ciphertext = self.merchant.api_key.seal(bytes, report.original_type, plain.as_bytes());
        let body = json!({
            "id": format!("EV-{now}-{number}"),
            "create_time": merchant::time(now),
            "resource_type": "encrypt-resource",
            "event_type": report.event_type,
            "summary": "simulated",
            "resource": {
                "original_type": report.original_type, "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": ciphertext, "associated_data": report.original_type, "nonce": nonce,
            },
        })
        .to_string();
        let mut headers = self.signature(&body, now);
        headers.push(("content-type", "application/json".to_owned()));
        Announcement { url: report.notify_url, headers, body: body.into_bytes() }
    }
}

#[cfg(test)]
mod tests;
