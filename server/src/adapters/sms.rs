//! Text messages and voice calls through Aliyun: SMS (`dysmsapi`) and voice (`dyvmsapi`), both of
//! version 2017-05-25 and signed the same way.
//!
//! Sending is not idempotent at the provider. A message carries its outbox id as `OutId`, and after
//! an earlier attempt [`SmsClient::send_once`] asks whether that id arrived before it sends again.

mod sign;
pub mod variables;

use std::fmt;

use jiff::tz::{self, TimeZone};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

pub use self::sign::{ALGORITHM, CanonicalRequest, SignatureV3, sha256, sign_v3};
use super::http::{AddressError, BaseUrl, CallError, Http};
use crate::clock::{self, DAY, HOUR, MINUTE, Millis};
use crate::ids::Ids;
use crate::text::mask_phone;

/// The API version both services answer to.
pub const VERSION: &str = "2017-05-25";

/// How long a fault that only a person can repair waits before the next try.
const ACCOUNT_BACK_OFF: Millis = 30 * MINUTE;
/// The most rows `QuerySendDetails` gives at once.
const PAGE_SIZE: usize = 50;
/// Far more than the provider lets one number receive in a day.
const MOST_PAGES: usize = 20;

/// The account at the provider.
#[derive(Clone)]
pub struct SmsAccount {
    /// The SMS service, `https://dysmsapi.aliyuncs.com`.
    pub base_url: String,
    /// The voice service, `https://dyvmsapi.aliyuncs.com`.
    pub voice_base_url: String,
    pub access_key_id: String,
    pub access_key_secret: String,
    /// The approved signature shown in front of every text.
    pub sign_name: String,
}

impl fmt::Debug for SmsAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SmsAccount")
            .field("base_url", &self.base_url)
            .field("voice_base_url", &self.voice_base_url)
            .field("access_key_id", &self.access_key_id)
            .field("sign_name", &self.sign_name)
            .finish_non_exhaustive()
    }
}

/// How a message reaches the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A text message.
    Sms,
    /// A call that reads the template aloud.
    Voice,
}

/// One message to one phone.
#[derive(Clone, PartialEq)]
pub struct SmsMessage {
    pub channel: Channel,
    pub to: String,
    /// The approved template's code, `SMS_…` or `TTS_…`.
    pub template: String,
    /// The template's variables as their sender knows them; they are made to fit when they are sent.
    pub params: Map<String, Value>,
    /// The outbox row's id: what makes a repeat recognisable.
    pub out_id: String,
}

impl fmt::Debug for SmsMessage {
    /// Leaves the variables' values out: among them are codes that log people in.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SmsMessage")
            .field("channel", &self.channel)
            .field("to", &mask_phone(&self.to))
            .field("template", &self.template)
            .field("params", &self.params.keys().collect::<Vec<_>>())
            .field("out_id", &self.out_id)
            .finish()
    }
}

/// The provider took the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmsReceipt {
    /// The provider's own id (`BizId`, `CallId`); unknown when an earlier attempt turned out to
    /// have been accepted.
    pub provider_id: Option<String>,
}

/// Why a message was not sent, and what to do about it. The reasons are for staff: they hold no
/// secret, no code and no phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SmsError {
    /// Try again, not before `after` milliseconds where the provider made that plain.
    Retry { reason: String, after: Option<Millis> },
    /// This message will never be taken.
    GiveUp { reason: String },
    /// The account or our settings need a person; until then every message meets the same fault.
    Account { reason: String, after: Millis },
}

impl SmsError {
    /// The text for staff.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. } | Self::GiveUp { reason } | Self::Account { reason, .. } => reason,
        }
    }
}

impl fmt::Display for SmsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for SmsError {}

impl From<CallError> for SmsError {
    fn from(error: CallError) -> Self {
        match error.retryable {
            true => Self::Retry { reason: error.reason, after: None },
            false => Self::Account { reason: error.reason, after: ACCOUNT_BACK_OFF },
        }
    }
}

/// What either service answers, refusals of the gateway included.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiAnswer {
    code: String,
    #[serde(default)]
    message: String,
    biz_id: Option<String>,
    call_id: Option<String>,
    #[serde(rename = "SmsSendDetailDTOs")]
    details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(rename = "SmsSendDetailDTO", default)]
    rows: Vec<Detail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Detail {
    out_id: Option<String>,
}

/// The real client; pointed at the simulator's address it is the client of the tests, too.
#[derive(Clone, Debug)]
pub struct SmsClient {
    http: Http,
    ids: Ids,
    account: SmsAccount,
    sms: BaseUrl,
    voice: BaseUrl,
}

impl SmsClient {
    /// # Errors
    /// When one of the account's addresses breaks the rules of [`BaseUrl`].
    pub fn new(http: Http, ids: Ids, account: SmsAccount) -> Result<Self, AddressError> {
        let sms = BaseUrl::parse(&account.base_url, false)?;
        let voice = BaseUrl::parse(&account.voice_base_url, false)?;
        Ok(Self { http, ids, account, sms, voice })
    }

    /// Sends `message` unless an earlier attempt already got through.
    ///
    /// The voice service offers no look-up by our id, so a call whose answer was lost is made again:
    /// hearing the same code twice is a nuisance, never hearing it locks somebody out.
    ///
    /// # Errors
    /// See [`SmsError`].
    pub async fn send_once(
        &self,
        message: &SmsMessage,
        earlier_attempt: bool,
        now: Millis,
    ) -> Result<SmsReceipt, SmsError> {
        if earlier_attempt
            && message.channel == Channel::Sms
            && self.was_accepted(&message.to, &message.out_id, now).await?
        {
            return Ok(SmsReceipt { provider_id: None });
        }
        self.send(message, now).await
    }

    /// Sends `message`, whatever happened before.
    ///
    /// # Errors
    /// See [`SmsError`]. After a [`SmsError::Retry`] the message may still have been accepted.
    pub async fn send(&self, message: &SmsMessage, now: Millis) -> Result<SmsReceipt, SmsError> {
        // The one door for every variable of every product's texts.
        self.send_as_is(message, &variables::fit(&message.params), now).await
    }

    /// Sends `message` with variables that may not fit.
    pub(super) async fn send_as_is(
        &self,
        message: &SmsMessage,
        params: &Map<String, Value>,
        now: Millis,
    ) -> Result<SmsReceipt, SmsError> {
        let params = Value::Object(params.clone()).to_string();
        let answer = match message.channel {
            Channel::Sms => {
                let parameters = [
                    ("PhoneNumbers", message.to.as_str()),
                    ("SignName", &self.account.sign_name),
                    ("TemplateCode", &message.template),
                    ("TemplateParam", &params),
                    ("OutId", &message.out_id),
                ];
                self.call(&self.sms, "SendSms", &parameters, now).await?
            }
            Channel::Voice => {
                let mut parameters = vec![
                    ("CalledNumber", message.to.as_str()),
                    ("TtsCode", &message.template),
                    ("TtsParam", &params),
                ];
                // The voice service takes at most 15 bytes, and only echoes them in receipts.
                if message.out_id.len() <= 15 {
                    parameters.push(("OutId", &message.out_id));
                }
                self.call(&self.voice, "SingleCallByTts", &parameters, now).await?
            }
        };
        Ok(SmsReceipt { provider_id: answer.biz_id.or(answer.call_id) })
    }

    /// Whether the SMS service accepted a message to `to` under `out_id` today or yesterday. The
    /// provider files by the Chinese date, and the earlier attempt may lie before midnight.
    ///
    /// # Errors
    /// See [`SmsError`].
    pub async fn was_accepted(&self, to: &str, out_id: &str, now: Millis) -> Result<bool, SmsError> {
        for day in [now, now - DAY] {
            if self.was_accepted_on(to, out_id, day, now).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn was_accepted_on(
        &self,
        to: &str,
        out_id: &str,
        day: Millis,
        now: Millis,
    ) -> Result<bool, SmsError> {
        let date = clock::local(&TimeZone::fixed(tz::offset(8)), day).strftime("%Y%m%d").to_string();
        let size = PAGE_SIZE.to_string();
        for page in 1..=MOST_PAGES {
            let page = page.to_string();
            let parameters =
                [("PhoneNumber", to), ("SendDate", &date), ("PageSize", &size), ("CurrentPage", &page)];
            let answer = self.call(&self.sms, "QuerySendDetails", &parameters, now).await?;
            let rows = answer.details.map(|details| details.rows).unwrap_or_default();
            if rows.iter().any(|row| row.out_id.as_deref() == Some(out_id)) {
                return Ok(true);
            }
            if rows.len() < PAGE_SIZE {
                break;
            }
        }
        Ok(false)
    }

    async fn call(
        &self,
        base: &BaseUrl,
        action: &str,
        parameters: &[(&str, &str)],
        now: Millis,
    ) -> Result<ApiAnswer, SmsError> {
        let host = base.host_header();
        let date = clock::local(&TimeZone::UTC, now).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let nonce = hex::encode(self.ids.bytes::<16>());
        let body_hash = sha256(b"");
        let headers = [
            ("host", host.as_str()),
            ("x-acs-action", action),
            ("x-acs-content-sha256", &body_hash),
            ("x-acs-date", &date),
            ("x-acs-signature-nonce", &nonce),
            ("x-acs-version", VERSION),
        ];
        let url = base.at("/", None);
        let canonical = CanonicalRequest {
            method: "POST",
            path: url.path(),
            query: parameters,
            headers: &headers,
            body: b"",
        };
        let signature = sign_v3(&canonical, &self.account.access_key_secret);
        let mut request = self.http.request(Method::POST, base, "/", Some(&canonical.query_text()));
        // The Host header is the connection's business; it says what was signed.
        for (name, value) in &headers[1..] {
            request = request.header(*name, *value);
        }
        let request = request.header("authorization", signature.authorization(&self.account.access_key_id));
        let answer = self.http.run(request).await?;
        match answer.json::<ApiAnswer>() {
            Ok(said) if answer.status == 200 && said.code == "OK" => Ok(said),
            Ok(said) => Err(fault(answer.status, &said.code, &said.message, &signature)),
            Err(_) if answer.status >= 500 => Err(SmsError::Retry {
                reason: format!("the provider answered {}", answer.status),
                after: None,
            }),
            Err(unreadable) => Err(unreadable.into()),
        }
    }
}

/// Sorts a refusal. An unknown code counts as a fault of the account: the message is kept, the
/// provider is not pressed, and staff see the code.
fn fault(status: u16, code: &str, message: &str, signature: &SignatureV3) -> SmsError {
    if code == "SignatureDoesNotMatch" {
        // The provider says what it signed. The same text with another result is the wrong secret.
        let reason = match message.contains(&signature.canonical_hash) {
            true => "SignatureDoesNotMatch: the access key secret is wrong",
            false => "SignatureDoesNotMatch: the request was changed on its way",
        };
        return SmsError::Account { reason: reason.to_owned(), after: ACCOUNT_BACK_OFF };
    }
    let reason = format!("{code}: {}", without_numbers(message));
    match code {
        "isv.BUSINESS_LIMIT_CONTROL" => SmsError::Retry { reason, after: Some(limit_back_off(message)) },
        "isp.SYSTEM_ERROR" | "SignatureNonceUsed" => SmsError::Retry { reason, after: None },
        _ if status >= 500 || code.starts_with("Throttling") => SmsError::Retry { reason, after: None },
        "isv.MOBILE_NUMBER_ILLEGAL"
        | "isv.MOBILE_COUNT_OVER_LIMIT"
        | "isv.TEMPLATE_MISSING_PARAMETERS"
        | "isv.INVALID_JSON_PARAM"
        | "isv.INVALID_PARAMETERS"
        | "isv.PARAM_LENGTH_LIMIT"
        | "isv.PARAM_NOT_SUPPORT_URL"
        | "isv.BLACK_KEY_CONTROL_LIMIT"
        | "isv.SMS_CONTENT_ILLEGAL"
        | "isv.DENY_IP_RANGE"
        | "isv.DOMESTIC_NUMBER_NOT_SUPPORTED" => SmsError::GiveUp { reason },
        _ if code.starts_with("Missing") => SmsError::GiveUp { reason },
        _ => SmsError::Account { reason, after: ACCOUNT_BACK_OFF },
    }
}

/// How long a number that had too many messages is left alone. The windows roll, so a place comes
/// free before the whole window has passed; asking early costs nothing but a refusal.
fn limit_back_off(message: &str) -> Millis {
    match message {
        _ if message.contains('天') || message.contains("day") => 6 * HOUR,
        _ if message.contains("小时") || message.contains("hour") => 15 * MINUTE,
        _ => MINUTE,
    }
}

/// The provider's words with every longer number hidden, for they may repeat phones and codes.
fn without_numbers(message: &str) -> String {
    let mut kept = String::new();
    let mut digits = String::new();
    for character in message.chars().take(160).chain(['\n']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        kept.push_str(if digits.len() < 4 { &digits } else { "****" });
        digits.clear();
        kept.push(character);
    }
    kept.truncate(kept.trim_end().len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(status: u16, code: &str, message: &str) -> SmsError {
        let request = CanonicalRequest { method: "POST", path: "/", query: &[], headers: &[], body: b"" };
        fault(status, code, message, &sign_v3(&request, "secret"))
    }

    #[test]
    fn refusals_are_sorted_by_what_can_be_done_about_them() {
        let limit = |message| sorted(200, "isv.BUSINESS_LIMIT_CONTROL", message);
        let after = |error| match error {
            SmsError::Retry { after, .. } => after,
            other => panic!("{other:?}"),
        };
        assert_eq!(after(limit("触发分钟级流控Permits:1")), Some(MINUTE));
        assert_eq!(after(limit("触发小时级流控Permits:5")), Some(15 * MINUTE));
        assert_eq!(after(limit("触发天级流控Permits:10")), Some(6 * HOUR));
        for (status, code) in [
            (200, "isp.SYSTEM_ERROR"),
            (400, "Throttling.User"),
            (503, "ServiceUnavailable"),
            (400, "SignatureNonceUsed"),
        ] {
            assert_eq!(after(sorted(status, code, "")), None, "{code}");
        }
        for code in ["isv.MOBILE_NUMBER_ILLEGAL", "isv.BLACK_KEY_CONTROL_LIMIT", "isv.SMS_CONTENT_ILLEGAL"] {
            assert!(matches!(sorted(200, code, ""), SmsError::GiveUp { .. }), "{code}");
        }
        for code in
            ["isv.AMOUNT_NOT_ENOUGH", "isv.SMS_TEMPLATE_ILLEGAL", "isp.RAM_PERMISSION_DENY", "isv.NEW"]
        {
            assert!(matches!(sorted(200, code, ""), SmsError::Account { .. }), "{code}");
        }
    }

    #[test]
    fn reasons_and_debug_texts_hide_phones_codes_and_secrets() {
        let error = sorted(200, "isv.MOBILE_NUMBER_ILLEGAL", "13811111111不合法 code=4821, Permits:10\n");
        assert_eq!(error.reason(), "isv.MOBILE_NUMBER_ILLEGAL: ****不合法 code=****, Permits:10");
        let account = SmsAccount {
            base_url: "https://dysmsapi.aliyuncs.com".into(),
            voice_base_url: "https://dyvmsapi.aliyuncs.com".into(),
            access_key_id: "id".into(),
            access_key_secret: "hush".into(),
            sign_name: "甲".into(),
        };
        assert!(!format!("{account:?}").contains("hush"));
        let message = SmsMessage {
            channel: Channel::Sms,
            to: "13811111111".into(),
            template: "SMS_1".into(),
            params: Map::from_iter([("code".into(), "4821".into())]),
            out_id: "7".into(),
        };
        let shown = format!("{message:?}");
        assert!(shown.contains("138****1111") && !shown.contains("4821"), "{shown}");
    }
}
