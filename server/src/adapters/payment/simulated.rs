//! The client of the simulated gateway, whose API is ours: every call and every notification is
//! signed with one shared key.

use std::fmt;

use axum::http::HeaderMap;
use reqwest::Method;
use ring::hmac;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Charge, ChargeState, Forged, Notification, PaymentError, Refund, RefundState, Settlement};
use crate::adapters::http::{AddressError, BaseUrl, Http};
use crate::clock::{MINUTE, Millis};

/// Carries `<Unix milliseconds>.<hexadecimal HMAC-SHA256>`.
pub const SIGNATURE_HEADER: &str = "x-gateway-signature";

/// How far a signature's time may be off.
const MOST_SKEW: Millis = 5 * MINUTE;

/// The account at the simulated gateway.
#[derive(Clone)]
pub struct SimulatedAccount {
    pub base_url: String,
    pub key: String,
    /// Where it reports what happened; empty for nowhere.
    pub notify_url: String,
}

impl fmt::Debug for SimulatedAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SimulatedAccount").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

fn signed_text(at: Millis, what: &str, body: &[u8]) -> Vec<u8> {
    [at.to_string().as_bytes(), b"\n", what.as_bytes(), b"\n", body].concat()
}

/// The signature header's value. `what` is the method and path of a call, or `notification`.
#[must_use]
pub fn sign(key: &str, at: Millis, what: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    format!("{at}.{}", hex::encode(hmac::sign(&key, &signed_text(at, what, body))))
}

/// Whether `signature` is the key holder's, and of now.
#[must_use]
pub fn verify(key: &str, signature: &str, what: &str, body: &[u8], now: Millis) -> bool {
    let Some((at, tag)) = signature.split_once('.') else { return false };
    let (Ok(at), Ok(tag)) = (at.parse::<Millis>(), hex::decode(tag)) else { return false };
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    now.abs_diff(at) <= MOST_SKEW.unsigned_abs()
        && hmac::verify(&key, &signed_text(at, what, body), &tag).is_ok()
}

/// What the gateway answers, refusals included.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    state: String,
    #[serde(default)]
    gateway_id: String,
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Said {
    fn settlement(self) -> Settlement {
        Settlement { gateway_id: self.gateway_id, amount: self.amount }
    }

    fn reason(&self) -> String {
        format!("{}: {}", self.code, self.message)
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct SimulatedGateway {
    http: Http,
    base: BaseUrl,
    account: SimulatedAccount,
}

impl SimulatedGateway {
    /// # Errors
    /// When the account's address breaks the rules of [`BaseUrl`].
    pub fn new(http: Http, account: SimulatedAccount) -> Result<Self, AddressError> {
        let base = BaseUrl::parse(&account.base_url, false)?;
        Ok(Self { http, base, account })
    }

    pub(super) async fn charge(&self, charge: &Charge, now: Millis) -> Result<Settlement, PaymentError> {
        let body = json!({
            "amount": charge.amount, "description": charge.description, "expires_at": charge.expires_at,
            "notify_url": self.account.notify_url,
        });
        let (status, said) =
            self.call(Method::PUT, &format!("/charges/{}", charge.id), Some(&body), now).await?;
        match (status, said.state.as_str()) {
            (200, "settled") => Ok(said.settlement()),
            // Taken, and not settled yet: asking will tell.
            (200, "pending") => Err(PaymentError::unclear("the charge is being processed")),
            _ => Err(PaymentError::refused(said.reason())),
        }
    }

    pub(super) async fn charge_state(&self, id: &str, now: Millis) -> Result<ChargeState, PaymentError> {
        let (status, said) = self.call(Method::GET, &format!("/charges/{id}"), None, now).await?;
        match (status, said.state.as_str()) {
            (200, "settled") => Ok(ChargeState::Settled(said.settlement())),
            (200, "pending") => Ok(ChargeState::Pending),
            (200, "closed") => Ok(ChargeState::Closed),
            (404, _) => Ok(ChargeState::Unknown),
            _ => Err(PaymentError::configuration(said.reason())),
        }
    }

    pub(super) async fn close(&self, id: &str, now: Millis) -> Result<bool, PaymentError> {
        let (status, said) = self.call(Method::POST, &format!("/charges/{id}/close"), None, now).await?;
        match (status, said.code.as_str()) {
            (200, _) => Ok(true),
            (409, "settled") => Ok(false),
            _ => Err(PaymentError::configuration(said.reason())),
        }
    }

    pub(super) async fn refund(&self, refund: &Refund, now: Millis) -> Result<RefundState, PaymentError> {
        let body = json!({
            "charge_id": refund.charge_id, "amount": refund.amount, "reason": refund.reason,
            "notify_url": self.account.notify_url,
        });
        let (status, said) =
            self.call(Method::PUT, &format!("/refunds/{}", refund.id), Some(&body), now).await?;
        match (status, said.state.as_str()) {
            (200, "settled") => Ok(RefundState::Settled(said.settlement())),
            (200, "pending") => Ok(RefundState::Pending),
            _ => Err(PaymentError::refused(said.reason())),
        }
    }

    pub(super) async fn refund_state(&self, id: &str, now: Millis) -> Result<RefundState, PaymentError> {
        let (status, said) = self.call(Method::GET, &format!("/refunds/{id}"), None, now).await?;
        match (status, said.state.as_str()) {
            (200, "settled") => Ok(RefundState::Settled(said.settlement())),
            (200, "pending") => Ok(RefundState::Pending),
            (404, _) => Ok(RefundState::Unknown),
            _ => Err(PaymentError::configuration(said.reason())),
        }
    }

    pub(super) fn read_notification(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<Notification, Forged> {
        let signature =
            headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !verify(&self.account.key, signature, "notification", body, now) {
            return Err(Forged("the signature is not the gateway's, or too old".into()));
        }
        serde_json::from_slice(body).map_err(|error| Forged(format!("not a notification: {error}")))
    }

    /// An answer that is neither a success nor a refusal with a code leaves the outcome open.
    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        now: Millis,
    ) -> Result<(u16, Said), PaymentError> {
        let body = body.map(ToString::to_string).unwrap_or_default();
        let what = format!("{method} {path}");
        let request = self.http.request(method, &self.base, path, None);
        let request = request
            .header(SIGNATURE_HEADER, sign(&self.account.key, now, &what, body.as_bytes()))
            .header("content-type", "application/json")
            .body(body);
        let answer = self.http.run(request).await?;
        match answer.status {
            401 | 403 => Err(PaymentError::configuration("the gateway does not accept our signature")),
            500.. => Err(PaymentError::unclear(format!("the gateway answered {}", answer.status))),
            status => {
                let said = answer.json().map_err(|error| PaymentError::unclear(error.reason))?;
                Ok((status, said))
            }
        }
    }
}
