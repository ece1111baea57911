//! What WeChat Pay reports by itself: signed, and encrypted with the API v3 key.

use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{RefundAmount, Transaction, WechatPay, refund_state, tidy};
use crate::adapters::payment::{ChargeState, Event, Forged, Notification, RefundState, Settlement};
use crate::clock::Millis;

#[derive(Deserialize)]
struct Envelope {
    id: String,
    event_type: String,
    resource: Resource,
}

#[derive(Deserialize)]
struct Resource {
    algorithm: String,
    ciphertext: String,
    #[serde(default)]
    associated_data: String,
    nonce: String,
}

/// A refund, as a notification shows it: its fields are named unlike the query's.
#[derive(Deserialize)]
struct RefundNotice {
    mchid: String,
    out_refund_no: String,
    refund_id: String,
    refund_status: String,
    amount: RefundAmount,
}

fn forged(reason: impl Into<String>) -> Forged {
    Forged(reason.into())
}

impl WechatPay {
    /// Checks and decrypts a notification; `None` for events that are of no use to us.
    ///
    /// # Errors
    /// When it is not from WeChat, or not for this merchant and app.
    pub fn read_notification(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        now: Millis,
    ) -> Result<Option<Notification>, Forged> {
        self.check_signature(headers, body, now).map_err(forged)?;
        let envelope: Envelope = parse(body)?;
        let event = match envelope.event_type.as_str() {
            "TRANSACTION.SUCCESS" => self.charged(&envelope.resource)?,
            "REFUND.SUCCESS" | "REFUND.ABNORMAL" | "REFUND.CLOSED" => {
                Some(self.refunded(&envelope.resource)?)
            }
            _ => None,
        };
        Ok(event.map(|event| Notification { id: envelope.id, event }))
    }

    fn charged(&self, resource: &Resource) -> Result<Option<Event>, Forged> {
        let said: Transaction = self.open(resource)?;
        if said.mchid != self.account.mch_id || !self.account.has_app(&said.appid) {
            return Err(forged(format!(
                "it is for merchant {}, app {}",
                tidy(&said.mchid),
                tidy(&said.appid)
            )));
        }
        match said.state() {
            Ok(ChargeState::Settled(settlement)) => {
                Ok(Some(Event::Charged { charge_id: said.out_trade_no, settlement }))
            }
            Ok(_) => Ok(None),
            Err(error) => Err(forged(error.reason())),
        }
    }

    fn refunded(&self, resource: &Resource) -> Result<Event, Forged> {
        let said: RefundNotice = self.open(resource)?;
        if said.mchid != self.account.mch_id {
            return Err(forged(format!("it is for merchant {}", tidy(&said.mchid))));
        }
        let settlement = Settlement { gateway_id: said.refund_id, amount: said.amount.refund };
        let state: RefundState =
            refund_state(&said.refund_status, settlement).map_err(|error| forged(error.reason()))?;
        Ok(Event::Refunded { refund_id: said.out_refund_no, state })
    }

    fn open<T: DeserializeOwned>(&self, resource: &Resource) -> Result<T, Forged> {
        if resource.algorithm != "AEAD_AES_256_GCM" {
            return Err(forged(format!("unknown algorithm {}", tidy(&resource.algorithm))));
        }
        let key = &self.account.api_key;
        let plain = key.open(&resource.nonce, &resource.associated_data, &resource.ciphertext);
        parse(&plain.ok_or_else(|| forged("it is not encrypted with our API v3 key"))?)
    }
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Forged> {
    serde_json::from_slice(text).map_err(|error| forged(format!("it is not as agreed: {error}")))
}
