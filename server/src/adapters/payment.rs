//! The payment gateway: charges and refunds, each under an id of ours that was written down before
//! the call, so that a repeat is the same charge and a lost answer can be asked for.

mod simulated;

use std::fmt;

use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::http::CallError;
use super::wechat::MiniProgram;
use super::wechat_pay::WechatPay;
use crate::clock::{MINUTE, Millis};

pub use self::simulated::{SIGNATURE_HEADER, SimulatedAccount, SimulatedGateway, sign, verify};

/// How long a fault that only a person can repair waits before the next try.
const CONFIGURATION_BACK_OFF: Millis = 30 * MINUTE;

/// Where the payer agrees, where the gateway asks the payer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// In the mini-program (小程序支付).
    #[default]
    MiniProgram,
    /// In a page that WeChat's browser shows (公众号支付).
    OfficialAccount,
    /// By a code that any WeChat scans (扫码支付).
    Native,
}

/// What is to be paid.
#[derive(Clone, PartialEq, Eq)]
pub struct Charge {
    /// Ours, 6 to 32 letters, digits, `_` and `-`: the gateway charges once for it.
    pub id: String,
    /// In fen.
    pub amount: i64,
    /// What the payer is shown, at most 127 characters.
    pub description: String,
    pub way: Way,
    /// The payer's openid, where the gateway asks a payer it has to know; else empty.
    pub payer: String,
    /// After this instant the gateway takes no money for it.
    pub expires_at: Millis,
}

impl fmt::Debug for Charge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Charge")
            .field("id", &self.id)
            .field("amount", &self.amount)
            .finish_non_exhaustive()
    }
}

/// Money to be paid back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refund {
    /// Ours: the gateway pays back once for it.
    pub id: String,
    pub charge_id: String,
    /// In fen.
    pub amount: i64,
    /// What the charge was, in fen.
    pub charged: i64,
    /// What the payer is shown, at most 80 characters.
    pub reason: String,
}

/// Money that has moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The gateway's own id of it.
    pub gateway_id: String,
    /// In fen.
    pub amount: i64,
}

/// How a charge was taken.
#[derive(Clone, Debug, PartialEq)]
pub enum Charged {
    Settled(Settlement),
    /// The payer has to agree with WeChat, which needs these parameters for it.
    Awaiting(Map<String, Value>),
}

/// Where a charge stands at the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeState {
    Settled(Settlement),
    /// The payer may still pay.
    Pending,
    /// Nobody will pay for it any more.
    Closed,
    /// The gateway never heard of it.
    Unknown,
}

/// Where a refund stands at the gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    Settled(Settlement),
    /// Taken, and on its way.
    Pending,
    /// It cannot reach the payer; a person has to look at it on the gateway's site.
    Stuck {
        reason: String,
    },
    /// The gateway never heard of it, or gave it up: asking for it again is right.
    Unknown,
}

/// What the gateway tells by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notification {
    /// The gateway's id of the message; a repeat has the same.
    pub id: String,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    Charged { charge_id: String, settlement: Settlement },
    Refunded { refund_id: String, state: RefundState },
}

/// A message that is not the gateway's, or not for us. The reason is for staff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forged(pub String);

impl fmt::Display for Forged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Forged {}

/// Why a call failed. The reasons are for staff: they hold no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PaymentError {
    /// Nobody knows whether it was done: ask, or repeat it under the same id.
    Unclear { reason: String },
    /// The gateway says no, and nothing was done.
    Refused { reason: String },
    /// Nothing was done, and the request was not at fault: it may work after this many milliseconds.
    Unavailable { reason: String, after: Option<Millis> },
}

impl PaymentError {
    pub(super) fn unclear(reason: impl Into<String>) -> Self {
        Self::Unclear { reason: reason.into() }
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused { reason: reason.into() }
    }

    pub(super) fn configuration(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), after: Some(CONFIGURATION_BACK_OFF) }
    }

    /// The text for staff.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Unclear { reason } | Self::Refused { reason } | Self::Unavailable { reason, .. } => reason,
        }
    }
}

impl fmt::Display for PaymentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for PaymentError {}

impl From<CallError> for PaymentError {
    fn from(error: CallError) -> Self {
        match error.not_sent {
            true => Self::Unavailable { reason: error.reason, after: None },
            false => Self::Unclear { reason: error.reason },
        }
    }
}

/// The gateway the settings name.
#[derive(Clone, Debug)]
pub enum PaymentGateway {
    Simulated(SimulatedGateway),
    /// The payer agrees with WeChat. The mini-program proves its user by a code.
    WechatPay {
        pay: Box<WechatPay>,
        payers: MiniProgram,
    },
}

impl PaymentGateway {
    /// Who tells the payer's openid, if a charge needs it.
    #[must_use]
    pub fn payers(&self) -> Option<&MiniProgram> {
        match self {
            Self::Simulated(_) => None,
            Self::WechatPay { payers, .. } => Some(payers),
        }
    }

    /// Charges, or lets the payer pay, at most once for the charge's id.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn charge(&self, charge: &Charge, now: Millis) -> Result<Charged, PaymentError> {
        match self {
            Self::Simulated(gateway) => gateway.charge(charge, now).await.map(Charged::Settled),
            Self::WechatPay { pay, .. } => pay.order(charge, now).await.map(Charged::Awaiting),
        }
    }

    /// Asks where a charge stands.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn charge_state(&self, id: &str, now: Millis) -> Result<ChargeState, PaymentError> {
        match self {
            Self::Simulated(gateway) => gateway.charge_state(id, now).await,
            Self::WechatPay { pay, .. } => pay.order_state(id, now).await,
        }
    }

    /// Sees to it that nobody pays for this charge any more. False when somebody has.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn close(&self, id: &str, now: Millis) -> Result<bool, PaymentError> {
        match self {
            Self::Simulated(gateway) => gateway.close(id, now).await,
            Self::WechatPay { pay, .. } => pay.close(id, now).await,
        }
    }

    /// Pays back, at most once for the refund's id.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn refund(&self, refund: &Refund, now: Millis) -> Result<RefundState, PaymentError> {
        match self {
            Self::Simulated(gateway) => gateway.refund(refund, now).await,
            Self::WechatPay { pay, .. } => pay.refund(refund, now).await,
        }
    }

    /// Asks where a refund stands.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn refund_state(&self, id: &str, now: Millis) -> Result<RefundState, PaymentError> {
        match self {
            Self::Simulated(gateway) => gateway.refund_state(id, now).await,
            Self::WechatPay { pay, .. } => pay.refund_state(id, now).await,
        }
    }

    /// What a request to our notification address says; `None` for an event that changes nothing.
    ///
    /// # Errors
    /// When it is not the gateway's, or not for this account.
    pub fn read_notification(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<Option<Notification>, Forged> {
        match self {
            Self::Simulated(gateway) => gateway.read_notification(headers, body, now).map(Some),
            Self::WechatPay { pay, .. } => pay.read_notification(headers, body, now),
        }
    }
}
