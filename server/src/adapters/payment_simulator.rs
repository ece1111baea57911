//! A payment gateway for the demo and the tests: a real HTTP server on loopback that checks
//! signatures, charges and pays back once per id, reports to the merchant, can be told to fail, and
//! remembers across restarts if it is given a file.

mod books;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use self::books::{Books, Moved, Refusal};
use super::http::{Http, HttpLimits};
use super::loopback::{BODY_BYTES, Loopback, SLOW, broken};
use super::notifier::Notifier;
use super::payment::{Notification, SIGNATURE_HEADER, SimulatedAccount, sign, verify};
use crate::clock::{Clock, Millis, SECOND};

pub use self::books::{Charged, Refunded};
pub use super::notifier::{Announcement, Delivery};

/// How long a slow gateway takes to settle, on the simulator's clock.
pub const SLOW_SETTLEMENT: Millis = 10 * SECOND;

/// How the simulator misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    Ok,
    /// Charges and refunds are refused; no money moves.
    Refuse,
    /// Money moves, but only after [`SLOW_SETTLEMENT`], and nobody is answered in time.
    Slow,
    /// Money moves, but the connection breaks before the client learns of it.
    Lost,
    /// Every request is turned away with 503.
    Down,
}

/// The running simulator; it stops when dropped.
pub struct PaymentSimulator {
    server: Loopback,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    key: String,
    notifier: Notifier,
    kept: Mutex<Kept>,
}

struct Kept {
    fault: Fault,
    books: Books,
    notifications: u64,
}

impl PaymentSimulator {
    /// Starts on a free loopback port, on the current tokio runtime. With a `journal` it goes on where
    /// an earlier simulator with the same file stopped.
    ///
    /// # Errors
    /// When no port can be had, or the journal cannot be read.
    pub async fn start(clock: Clock, key: &str, journal: Option<&Path>) -> io::Result<Self> {
        let http = Http::new(HttpLimits::default()).map_err(io::Error::other)?;
        let books = Books::open(journal)?;
        let shared = Arc::new(Shared {
            clock,
            key: key.to_owned(),
            notifier: Notifier::new(http),
            kept: Mutex::new(Kept { fault: Fault::Ok, books, notifications: 0 }),
        });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::start("payment gateway", router).await?, shared })
    }

    /// What a client needs to be let in.
    #[must_use]
    pub fn account(&self) -> SimulatedAccount {
        SimulatedAccount {
            base_url: self.server.base_url(),
            key: self.shared.key.clone(),
            notify_url: String::new(),
        }
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.lock().fault = fault;
    }

    /// How it reports, until told otherwise.
    pub fn set_delivery(&self, delivery: Delivery) {
        self.shared.notifier.set_delivery(delivery);
    }

    /// The charges that took money, in the order they did.
    #[must_use]
    pub fn charged(&self) -> Vec<Charged> {
        self.shared.lock().books.charged()
    }

    /// The refunds that paid back, in the order they did.
    #[must_use]
    pub fn refunded(&self) -> Vec<Refunded> {
        self.shared.lock().books.refunded()
    }

    /// All notifications there were, as they are posted.
    #[must_use]
    pub fn announcements(&self) -> Vec<Announcement> {
        self.shared.notifier.announcements()
    }

    /// A notification that `notification` happened, signed as the gateway does.
    #[must_use]
    pub fn announcement(&self, notification: &Notification) -> Announcement {
        self.shared.announcement(notification, String::new())
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (method, path) = (&parts.method, parts.uri.path());
    let signature = parts.headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let now = shared.clock.now().at;
    let what = format!("{method} {path}");
    if !verify(&shared.key, signature.unwrap_or_default(), &what, &body, now) {
        return refused(StatusCode::UNAUTHORIZED, "signature", "the signature is wrong or too old");
    }
    let (fault, outcome) = shared.serve(method, path, &body, now);
    let moves_money = method == Method::PUT;
    match (fault, outcome) {
        (Fault::Slow, Ok(_)) if moves_money => {
            tokio::time::sleep(SLOW).await;
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        (Fault::Lost, Ok(_)) if moves_money => broken(),
        (_, Ok(said)) => axum::Json(said).into_response(),
        (_, Err(Refusal { status, code, message })) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refused(status, code, message)
        }
    }
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, axum::Json(json!({ "code": code, "message": message }))).into_response()
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is asked, and reports the money that moved by it.
    fn serve(
        &self,
        method: &Method,
        path: &str,
        body: &[u8],
        now: Millis,
    ) -> (Fault, Result<Value, Refusal>) {
        let mut kept = self.lock();
        let fault = kept.fault;
        let mut moved = kept.books.settle_due(now);
        let outcome = kept.serve(method, path, body, now, &mut moved);
        for Moved { event, notify_url } in moved {
            kept.notifications += 1;
            let notification = Notification { id: format!("{now}-{}", kept.notifications), event };
            self.notifier.announce(&self.announcement(&notification, notify_url));
        }
        (fault, outcome)
    }

    fn announcement(&self, notification: &Notification, url: String) -> Announcement {
        let body = json!(notification).to_string().into_bytes();
        let signature = sign(&self.key, self.clock.now().at, "notification", &body);
        let headers = vec![("content-type", "application/json".to_owned()), (SIGNATURE_HEADER, signature)];
        Announcement { url, headers, body }
    }
}

impl Kept {
    fn serve(
        &mut self,
        method: &Method,
        path: &str,
        body: &[u8],
        now: Millis,
        moved: &mut Vec<Moved>,
    ) -> Result<Value, Refusal> {
        if self.fault == Fault::Down {
            return Err(Refusal { status: 503, code: "down", message: "the gateway is down" });
        }
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        let settles_at = if self.fault == Fault::Slow { now + SLOW_SETTLEMENT } else { now };
        match (method.as_str(), segments.as_slice()) {
            ("PUT", ["charges" | "refunds", _]) if self.fault == Fault::Refuse => {
                return Err(Refusal { status: 402, code: "refused", message: "余额不足" });
            }
            ("PUT", ["charges", id]) => self.books.charge(id, body, settles_at, now)?,
            ("PUT", ["refunds", id]) => self.books.refund(id, body, settles_at)?,
            ("POST", ["charges", id, "close"]) => self.books.close(id)?,
            ("GET", _) => {}
            _ => return Err(Refusal::UNKNOWN),
        }
        moved.append(&mut self.books.settle_due(now));
        match segments.as_slice() {
            ["charges", id, ..] => self.books.charge_said(id),
            ["refunds", id] => self.books.refund_said(id),
            _ => Err(Refusal::UNKNOWN),
        }
    }
}

#[cfg(test)]
mod tests;
