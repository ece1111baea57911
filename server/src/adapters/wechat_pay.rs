//! WeChat Pay, API v3: JSAPI and Native orders, closing, asking, refunds, and what WeChat reports. Every request
//! is signed with the merchant's key, every success checked against WeChat's.

mod crypto;
mod notification;

use std::fmt;

use axum::http::HeaderMap;
use jiff::tz::{self, TimeZone};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::http::{AddressError, Answer, BaseUrl, CallError, Http};
use super::payment::{Charge, ChargeState, PaymentError, Refund, RefundState, Settlement, Way};
use crate::clock::{self, MINUTE, Millis, SECOND};
use crate::ids::Ids;

pub use self::crypto::{ApiKey, MerchantKey, PlatformKey, lines};

/// The name of the signature's kind, in front of the `Authorization` header.
pub const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048";

/// How far the time of a signature of WeChat's may be off.
const MOST_SKEW: Millis = 5 * MINUTE;

/// The merchant's settings, read and checked.
#[derive(Clone)]
pub struct WechatPayAccount {
    /// `https://api.mch.weixin.qq.com`
    pub base_url: String,
    /// The mini-program's.
    pub app_id: String,
    /// The official account's, in whose pages orders can be paid; "" without one.
    pub official_app_id: String,
    pub mch_id: String,
    /// The serial number of the merchant's certificate.
    pub serial: String,
    pub merchant_key: MerchantKey,
    pub api_key: ApiKey,
    pub platform_key: NamedKey,
    /// The key before or after a change: what is signed with it is believed too.
    pub second_platform_key: Option<NamedKey>,
    /// https, without a query.
    pub notify_url: String,
}

impl WechatPayAccount {
    /// Whether orders are placed under this app.
    fn has_app(&self, app_id: &str) -> bool {
        !app_id.is_empty() && [&self.app_id, &self.official_app_id].into_iter().any(|own| own == app_id)
    }
}

/// One of the keys that WeChat signs with.
#[derive(Clone)]
pub struct NamedKey {
    /// `PUB_KEY_ID_…`, or the serial number of the platform certificate.
    pub id: String,
    pub key: PlatformKey,
}

impl fmt::Debug for WechatPayAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WechatPayAccount")
            .field("base_url", &self.base_url)
            .field("mch_id", &self.mch_id)
            .finish_non_exhaustive()
    }
}

/// The client.
#[derive(Clone, Debug)]
pub struct WechatPay {
    http: Http,
    ids: Ids,
    base: BaseUrl,
    account: WechatPayAccount,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Prepaid {
    prepay_id: String,
}

#[derive(Deserialize)]
struct ToScan {
    code_url: String,
}

/// An order, as a query and a notification show it.
#[derive(Deserialize)]
struct Transaction {
    appid: String,
    mchid: String,
    out_trade_no: String,
    #[serde(default)]
    transaction_id: String,
    trade_state: String,
    /// Missing before anybody paid.
    amount: Option<Amount>,
}

#[derive(Deserialize)]
struct Amount {
    total: i64,
    #[serde(default)]
    currency: String,
}

/// A refund, as the call and a query show it.
#[derive(Deserialize)]
struct RefundSaid {
    refund_id: String,
    out_refund_no: String,
    status: String,
    amount: RefundAmount,
}

#[derive(Deserialize)]
struct RefundAmount {
    refund: i64,
}

impl Transaction {
    fn state(&self) -> Result<ChargeState, PaymentError> {
        match self.trade_state.as_str() {
            // REFUND: it was paid, and some of it has gone back since.
            "SUCCESS" | "REFUND" => match &self.amount {
                Some(amount) if amount.currency.is_empty() || amount.currency == "CNY" => {
                    let gateway_id = self.transaction_id.clone();
                    Ok(ChargeState::Settled(Settlement { gateway_id, amount: amount.total }))
                }
                _ => Err(PaymentError::configuration("a paid order without an amount in CNY")),
            },
            "NOTPAY" | "USERPAYING" | "PAYERROR" => Ok(ChargeState::Pending),
            "CLOSED" | "REVOKED" => Ok(ChargeState::Closed),
            other => Err(PaymentError::configuration(format!("unknown trade_state {}", tidy(other)))),
        }
    }
}

/// A refund's state by its name.
fn refund_state(status: &str, settlement: Settlement) -> Result<RefundState, PaymentError> {
    match status {
        "SUCCESS" => Ok(RefundState::Settled(settlement)),
        "PROCESSING" => Ok(RefundState::Pending),
        "ABNORMAL" => Ok(RefundState::Stuck {
            reason: "ABNORMAL: the money cannot reach the payer; settle it on WeChat Pay's site".into(),
        }),
        "CLOSED" => Ok(RefundState::Stuck {
            reason: "CLOSED: WeChat Pay gave the refund up; settle it on WeChat Pay's site".into(),
        }),
        other => Err(PaymentError::configuration(format!("unknown refund status {}", tidy(other)))),
    }
}

/// WeChat's words for the log: on one line, and not long.
fn tidy(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).take(160).collect()
}

impl WechatPay {
    /// # Errors
    /// When the account's address breaks the rules of [`BaseUrl`].
    pub fn new(http: Http, ids: Ids, account: WechatPayAccount) -> Result<Self, AddressError> {
        let base = BaseUrl::parse(&account.base_url, false)?;
        Ok(Self { http, ids, base, account })
    }

    /// Places an order and gives what the page needs to let its payer pay. WeChat takes the same
    /// order again, as long as nothing in it differs, so an unclear answer is followed by another try.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn order(&self, charge: &Charge, now: Millis) -> Result<Map<String, Value>, PaymentError> {
        match self.place(charge, now).await {
            Err(PaymentError::Unclear { reason }) => {
                tracing::warn!(reason, "placing an order at WeChat Pay was unclear; it is placed again");
                self.place(charge, now).await
            }
            placed => placed,
        }
    }

    async fn place(&self, charge: &Charge, now: Millis) -> Result<Map<String, Value>, PaymentError> {
        let zone = TimeZone::fixed(tz::offset(8));
        let expires = clock::local(&zone, charge.expires_at).strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string();
        let app_id = match charge.way {
            Way::MiniProgram | Way::Native => &self.account.app_id,
            Way::OfficialAccount => &self.account.official_app_id,
        };
        let mut body = json!({
            "appid": app_id,
            "mchid": self.account.mch_id,
            "description": charge.description,
            "out_trade_no": charge.id,
            "time_expire": expires,
            "notify_url": self.account.notify_url,
            "amount": { "total": charge.amount, "currency": "CNY" },
        });
        if charge.way == Way::Native {
            let answer =
                self.call(Method::POST, "/v3/pay/transactions/native", None, Some(&body), now).await?;
            let said: ToScan = self.success(&answer)?;
            return Ok(Map::from_iter([
                ("trade_type".into(), "NATIVE".into()),
                ("code_url".into(), said.code_url.into()),
            ]));
        }
        body["payer"] = json!({ "openid": charge.payer });
        let answer = self.call(Method::POST, "/v3/pay/transactions/jsapi", None, Some(&body), now).await?;
        let said: Prepaid = self.success(&answer)?;
        let mut parameters = self.pay_parameters(app_id, &said.prepay_id, now);
        if charge.way == Way::OfficialAccount {
            parameters.insert("trade_type".into(), "JSAPI".into());
        }
        Ok(parameters)
    }

    /// What `wx.requestPayment` and `getBrandWCPayRequest` take.
    fn pay_parameters(&self, app_id: &str, prepay_id: &str, now: Millis) -> Map<String, Value> {
        let time = (now / SECOND).to_string();
        let nonce = hex::encode(self.ids.bytes::<16>());
        let package = format!("prepay_id={prepay_id}");
        let text = lines(&[app_id, &time, &nonce, &package]);
        let signature = self.account.merchant_key.sign(&text);
        Map::from_iter([
            ("appId".into(), app_id.into()),
            ("timeStamp".into(), time.into()),
            ("nonceStr".into(), nonce.into()),
            ("package".into(), package.into()),
            ("signType".into(), "RSA".into()),
            ("paySign".into(), signature.into()),
        ])
    }

    /// Asks for an order by our number.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn order_state(&self, id: &str, now: Millis) -> Result<ChargeState, PaymentError> {
        let path = format!("/v3/pay/transactions/out-trade-no/{id}");
        let query = format!("mchid={}", self.account.mch_id);
        let answer = self.call(Method::GET, &path, Some(&query), None, now).await?;
        if is_unknown(&answer, "ORDER_NOT_EXIST") {
            return Ok(ChargeState::Unknown);
        }
        let said: Transaction = self.success(&answer)?;
        if said.out_trade_no != id || said.mchid != self.account.mch_id || !self.account.has_app(&said.appid)
        {
            return Err(PaymentError::unclear("WeChat Pay answered for another order"));
        }
        said.state()
    }

    /// Closes an order; false when it has been paid. An order that WeChat never saw, or closed by
    /// itself, is as good as closed: which of them it is, asking tells.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn close(&self, id: &str, now: Millis) -> Result<bool, PaymentError> {
        let path = format!("/v3/pay/transactions/out-trade-no/{id}/close");
        let body = json!({ "mchid": self.account.mch_id });
        let answer = self.call(Method::POST, &path, None, Some(&body), now).await?;
        if answer.status == 204 {
            return Ok(true);
        }
        let refusal = fault(&answer);
        match self.order_state(id, now).await? {
            ChargeState::Settled(_) => Ok(false),
            ChargeState::Closed | ChargeState::Unknown => Ok(true),
            ChargeState::Pending => Err(match refusal {
                PaymentError::Refused { reason } => PaymentError::Unavailable { reason, after: None },
                other => other,
            }),
        }
    }

    /// Asks for a refund. The same number again is the same refund.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn refund(&self, refund: &Refund, now: Millis) -> Result<RefundState, PaymentError> {
        let body = json!({
            "out_trade_no": refund.charge_id,
            "out_refund_no": refund.id,
            "reason": refund.reason,
            "notify_url": self.account.notify_url,
            "amount": { "refund": refund.amount, "total": refund.charged, "currency": "CNY" },
        });
        let answer = self.call(Method::POST, "/v3/refund/domestic/refunds", None, Some(&body), now).await?;
        self.refund_said(&refund.id, &answer)
    }

    /// Asks for a refund by our number.
    ///
    /// # Errors
    /// See [`PaymentError`].
    pub async fn refund_state(&self, id: &str, now: Millis) -> Result<RefundState, PaymentError> {
        let path = format!("/v3/refund/domestic/refunds/{id}");
        let answer = self.call(Method::GET, &path, None, None, now).await?;
        if is_unknown(&answer, "RESOURCE_NOT_EXISTS") {
            return Ok(RefundState::Unknown);
        }
        self.refund_said(id, &answer)
    }

    fn refund_said(&self, id: &str, answer: &Answer) -> Result<RefundState, PaymentError> {
        let said: RefundSaid = self.success(answer)?;
        if said.out_refund_no != id {
            return Err(PaymentError::unclear("WeChat Pay answered for another refund"));
        }
        refund_state(&said.status, Settlement { gateway_id: said.refund_id, amount: said.amount.refund })
    }

    /// Signs exactly what is sent: the path and query as they stand in the URL, and the body's bytes.
    async fn call(
        &self,
        method: Method,
        path: &str,
        query: Option<&str>,
        body: Option<&Value>,
        now: Millis,
    ) -> Result<Answer, PaymentError> {
        let url = self.base.at(path, query);
        let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let body = body.map(ToString::to_string).unwrap_or_default();
        let request = self
            .http
            .request(method.clone(), &self.base, path, query)
            .header("authorization", self.authorization(method.as_str(), &target, &body, now))
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("user-agent", concat!("yuyue/", env!("CARGO_PKG_VERSION")))
            // Which of its keys WeChat should sign the answer with.
            .header("wechatpay-serial", &self.account.platform_key.id)
            .body(body);
        let answer = self.http.run(request).await?;
        if (200..300).contains(&answer.status) {
            self.check_answer(&answer, now)?;
        }
        Ok(answer)
    }

    /// The `Authorization` header of a request.
    fn authorization(&self, method: &str, target: &str, body: &str, now: Millis) -> String {
        let time = (now / SECOND).to_string();
        let nonce = hex::encode(self.ids.bytes::<16>());
        let signature = self.account.merchant_key.sign(&lines(&[method, target, &time, &nonce, body]));
        let WechatPayAccount { mch_id, serial, .. } = &self.account;
        format!(
            "{SCHEME} mchid=\"{mch_id}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{time}\",serial_no=\"{serial}\""
        )
    }

    /// A success that WeChat did not sign was made up on the way, so nobody knows what was done.
    fn check_answer(&self, answer: &Answer, now: Millis) -> Result<(), PaymentError> {
        self.check_signature(&answer.headers, &answer.body, now)
            .map_err(|reason| PaymentError::unclear(format!("the answer is not WeChat Pay's: {reason}")))
    }

    /// Whether WeChat signed `body`, and lately.
    fn check_signature(&self, headers: &HeaderMap, body: &[u8], now: Millis) -> Result<(), &'static str> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (time, nonce) = (header("wechatpay-timestamp"), header("wechatpay-nonce"));
        let serial = header("wechatpay-serial");
        let keys = [Some(&self.account.platform_key), self.account.second_platform_key.as_ref()];
        let Some(named) = keys.into_iter().flatten().find(|named| named.id == serial) else {
            return Err("it is signed with a key that we do not have");
        };
        let at = time.parse::<i64>().ok().and_then(|time| time.checked_mul(SECOND));
        if at.is_none_or(|at| now.abs_diff(at) > MOST_SKEW.unsigned_abs()) {
            return Err("its time is off by more than five minutes");
        }
        let Ok(text) = std::str::from_utf8(body) else { return Err("it is not text") };
        let signature = header("wechatpay-signature");
        match named.key.verifies(&lines(&[time, nonce, text]), signature) {
            true => Ok(()),
            false => Err("its signature is wrong"),
        }
    }

    fn success<T: for<'de> Deserialize<'de>>(&self, answer: &Answer) -> Result<T, PaymentError> {
        if !(200..300).contains(&answer.status) {
            return Err(fault(answer));
        }
        answer.json().map_err(|CallError { reason, .. }| PaymentError::unclear(reason))
    }
}

/// Whether WeChat itself says that there is no such thing; the 404 of a proxy on the way says nothing.
fn is_unknown(answer: &Answer, code: &str) -> bool {
    answer.status == 404 && answer.json::<Refusal>().is_ok_and(|said| said.code == code)
}

/// Sorts a refusal by its code. What is not known is a refusal of this order, and staff see the code.
fn fault(answer: &Answer) -> PaymentError {
    let said: Refusal = answer.json().unwrap_or(Refusal { code: String::new(), message: String::new() });
    let reason = format!("{} {}: {}", answer.status, tidy(&said.code), tidy(&said.message));
    match (answer.status, said.code.as_str()) {
        (401, _) => PaymentError::configuration(reason),
        (_, "NO_AUTH" | "MCH_NOT_EXISTS" | "APPID_MCHID_NOT_MATCH" | "NOT_ENOUGH" | "RULE_LIMIT") => {
            PaymentError::configuration(reason)
        }
        (429, _) | (_, "FREQUENCY_LIMITED" | "RATELIMIT_EXCEEDED") => {
            PaymentError::Unavailable { reason, after: Some(MINUTE) }
        }
        // Paid while we asked to be paid.
        (_, "ORDERPAID" | "ORDER_PAID") => PaymentError::Unclear { reason },
        // A proxy on the way, not WeChat.
        (404, "") => PaymentError::Unclear { reason },
        (400..500, _) => PaymentError::Refused { reason },
        _ => PaymentError::Unclear { reason },
    }
}

#[cfg(test)]
pub(super) mod tests;
