//! A stand-in for Aliyun's SMS and voice services: a real HTTP server on loopback that checks
//! signatures, keeps what it accepted, and can be told to fail. The demo and the tests share it.

mod gateway;

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::tz::{self, TimeZone};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::gateway::{Action, Call, Nonces, Refusal};
use super::sms::{Channel, SmsAccount};
use crate::clock::{self, Clock, DAY, HOUR, MINUTE, Millis};

/// How many messages are kept. Flow limits and look-ups see only these.
const KEPT: usize = 1_000;
/// Longer than any client waits.
const SLOW: Duration = Duration::from_secs(60);
/// The longest request body read; the services' parameters travel in the query.
const BODY_BYTES: usize = 64 * 1024;

/// The account the simulator serves.
#[derive(Clone)]
pub struct SimulatedAccount {
    pub access_key_id: String,
    pub access_key_secret: String,
    pub sign_name: String,
    /// The templates that carry codes; they have the stricter flow limits.
    pub verification_templates: Vec<String>,
    /// The templates whose variables may be addresses: promotions only.
    pub promotion_templates: Vec<String>,
    /// Whether the provider's flow limits apply. A demo switches them off: it asks for codes freely.
    pub flow_limits: bool,
}

/// How the simulator misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    Ok,
    /// Every request is turned away with 503.
    Down,
    /// No answer comes before the client loses patience; nothing is accepted.
    Slow,
    /// The service reports an internal error; nothing is accepted.
    Error,
    /// A message is accepted, but the connection breaks before the client learns of it.
    LostAnswer,
}

/// A message the simulator accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub channel: Channel,
    /// The number without country code.
    pub to: String,
    pub template: String,
    pub params: Map<String, Value>,
    /// Empty when the client gave none.
    pub out_id: String,
    pub at: Millis,
}

/// The running simulator; it stops when dropped.
pub struct SmsSimulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropping it tells the server to stop.
    _stop: oneshot::Sender<()>,
}

struct Shared {
    clock: Clock,
    account: SimulatedAccount,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    fault: Fault,
    nonces: Nonces,
    /// Oldest first.
    received: VecDeque<Received>,
    requests: u64,
    answers: u64,
}

impl SmsSimulator {
    /// Starts on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock, account: SimulatedAccount) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { clock, account, state: Mutex::default() });
        let router = axum::Router::new().fallback(handle).with_state(Arc::clone(&shared));
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the SMS simulator stopped");
            }
        });
        Ok(Self { address, shared, _stop: stop })
    }

    /// Where it listens; both services are at the same address.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The account a client needs to be let in.
    #[must_use]
    pub fn account(&self) -> SmsAccount {
        let account = &self.shared.account;
        SmsAccount {
            base_url: self.base_url(),
            voice_base_url: self.base_url(),
            access_key_id: account.access_key_id.clone(),
            access_key_secret: account.access_key_secret.clone(),
            sign_name: account.sign_name.clone(),
        }
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.lock().fault = fault;
    }

    /// How many requests have arrived, answered or not.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.lock().requests
    }

    /// The messages accepted, newest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().received.iter().rev().cloned().collect()
    }

    /// The messages accepted for one phone, newest first.
    #[must_use]
    pub fn received_by(&self, phone: &str) -> Vec<Received> {
        let kept = self.shared.lock();
        kept.received.iter().rev().filter(|message| message.to == phone).cloned().collect()
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    // In a scope of its own: the lock must not be held while waiting.
    let fault = {
        let mut kept = shared.lock();
        kept.requests += 1;
        kept.fault
    };
    if fault == Fault::Slow {
        tokio::time::sleep(SLOW).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let now = shared.clock.now().at;
    let mut kept = shared.lock();
    let answer = if matches!(fault, Fault::Down | Fault::Slow) {
        Err(Refusal::new(503, "ServiceUnavailable", "The service is temporarily unavailable."))
    } else {
        gateway::admit(&parts, &body, &shared.account, &mut kept.nonces, now)
            .and_then(|call| Ok((call.action, kept.serve(&call, fault, &shared.account, now)?)))
    };
    kept.answers += 1;
    // Counted rather than random, so that a test sees the same ids every time.
    let request_id = format!("SIMULATED-{}", kept.answers);
    match answer {
        Ok((Action::SendSms | Action::SingleCallByTts, _)) if fault == Fault::LostAnswer => broken(),
        Ok((_, mut said)) => {
            said["RequestId"] = request_id.into();
            axum::Json(said).into_response()
        }
        Err(Refusal { status, code, message }) => {
            let said =
                json!({"RequestId": request_id, "HostId": "simulator", "Code": code, "Message": message});
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, axum::Json(said)).into_response()
        }
    }
}

/// An answer that ends in the middle: the server closes the connection when the body fails.
fn broken() -> Response {
    let failure = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted));
    Response::new(Body::from_stream(futures_util::stream::iter([failure])))
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn business(code: &str, message: &str) -> Refusal {
    Refusal::new(200, code, message)
}

impl Kept {
    fn serve(
        &mut self,
        call: &Call,
        fault: Fault,
        account: &SimulatedAccount,
        now: Millis,
    ) -> Result<Value, Refusal> {
        if fault == Fault::Error {
            return Err(business("isp.SYSTEM_ERROR", "SYSTEM_ERROR"));
        }
        let id = format!("{now}^{}", self.answers);
        match call.action {
            Action::QuerySendDetails => self.details(call),
            Action::SendSms => {
                if call.required("SignName")? != account.sign_name {
                    return Err(business("isv.SMS_SIGNATURE_ILLEGAL", "短信签名不合法"));
                }
                self.accept(messages(call, Channel::Sms, &account.promotion_templates, now)?, account)?;
                Ok(json!({"Code": "OK", "Message": "OK", "BizId": id}))
            }
            Action::SingleCallByTts => {
                self.accept(messages(call, Channel::Voice, &account.promotion_templates, now)?, account)?;
                Ok(json!({"Code": "OK", "Message": "OK", "CallId": id}))
            }
        }
    }

    /// All or none: the provider answers for the request as a whole.
    fn accept(&mut self, messages: Vec<Received>, account: &SimulatedAccount) -> Result<(), Refusal> {
        if account.flow_limits {
            for message in &messages {
                self.check_flow(message, &account.verification_templates)?;
            }
        }
        self.received.extend(messages);
        let surplus = self.received.len().saturating_sub(KEPT);
        self.received.drain(..surplus);
        Ok(())
    }

    /// Codes are counted together, whatever their template; other messages per template.
    fn check_flow(&self, new: &Received, verification: &[String]) -> Result<(), Refusal> {
        const CODES: &[(Millis, usize, &str)] =
            &[(MINUTE, 1, "分钟级"), (HOUR, 5, "小时级"), (DAY, 10, "天级")];
        const OTHERS: &[(Millis, usize, &str)] = &[(DAY, 50, "天级")];
        let is_code = verification.contains(&new.template);
        let counts = |old: &&Received| {
            let same =
                if is_code { verification.contains(&old.template) } else { old.template == new.template };
            same && old.channel == new.channel && old.to == new.to
        };
        for (window, permits, level) in if is_code { CODES } else { OTHERS } {
            let within = |old: &&Received| new.at - old.at < *window;
            if self.received.iter().filter(counts).filter(within).count() >= *permits {
                let message = format!("触发{level}流控Permits:{permits}");
                return Err(business("isv.BUSINESS_LIMIT_CONTROL", &message));
            }
        }
        Ok(())
    }

    /// One page of the text messages one number got on one Chinese day, newest first.
    fn details(&self, call: &Call) -> Result<Value, Refusal> {
        let (phone, date) = (number(call.required("PhoneNumber")?)?, call.required("SendDate")?);
        let count = |name| match call.required(name)?.parse::<usize>() {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(business("isv.INVALID_PARAMETERS", "参数异常")),
        };
        let (size, page) = (count("PageSize")?.min(50), count("CurrentPage")?);
        let sent_at = |message: &Received| clock::local(&TimeZone::fixed(tz::offset(8)), message.at);
        let matching: Vec<&Received> = (self.received.iter().rev())
            .filter(|message| message.channel == Channel::Sms && message.to == phone)
            .filter(|message| sent_at(message).strftime("%Y%m%d").to_string() == date)
            .collect();
        let rows: Vec<Value> = (matching.iter().skip((page - 1).saturating_mul(size)).take(size))
            .map(|message| {
                let time = clock::text(sent_at(message));
                json!({
                    "PhoneNum": message.to, "TemplateCode": message.template, "OutId": message.out_id,
                    "SendStatus": 3, "ErrCode": "DELIVERED", "SendDate": time, "ReceiveDate": time,
                    "Content": Value::Object(message.params.clone()).to_string(),
                })
            })
            .collect();
        Ok(json!({
            "Code": "OK", "Message": "OK", "TotalCount": matching.len().to_string(),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows},
        }))
    }
}

/// The messages a request asks for: one per number.
fn messages(
    call: &Call,
    channel: Channel,
    promotions: &[String],
    at: Millis,
) -> Result<Vec<Received>, Refusal> {
    let (numbers, template, params, prefix) = match channel {
        Channel::Sms => ("PhoneNumbers", "TemplateCode", "TemplateParam", "SMS_"),
        Channel::Voice => ("CalledNumber", "TtsCode", "TtsParam", "TTS_"),
    };
    let (numbers, template) = (call.required(numbers)?, call.required(template)?);
    if template.strip_prefix(prefix).is_none_or(str::is_empty) {
        return Err(business("isv.SMS_TEMPLATE_ILLEGAL", "模版不合法(不存在或被拉黑)"));
    }
    let not_text = || business("isv.INVALID_JSON_PARAM", "JSON参数不合法，只接受字符串值");
    let params: Map<String, Value> = match call.parameters.get(params) {
        Some(text) => serde_json::from_str(text).map_err(|_| not_text())?,
        None => Map::new(),
    };
    let may_link = promotions.iter().any(|promotion| promotion == template);
    for value in params.values() {
        check_variable(value.as_str().ok_or_else(not_text)?, may_link)?;
    }
    let most = if channel == Channel::Sms { 1_000 } else { 1 };
    if numbers.split(',').count() > most {
        return Err(business("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制"));
    }
    let out_id = call.parameters.get("OutId").cloned().unwrap_or_default();
    let message = Received { channel, to: String::new(), template: template.to_owned(), params, out_id, at };
    numbers.split(',').map(|to| Ok(Received { to: number(to)?, ..message.clone() })).collect()
}

/// The most characters a variable may have.
const LONGEST_VARIABLE: usize = 35;

/// Refuses what the provider refuses of a template's variable.
fn check_variable(text: &str, may_link: bool) -> Result<(), Refusal> {
    if text.trim().is_empty() {
        return Err(business("isv.TEMPLATE_MISSING_PARAMETERS", "模板变量中存在空值"));
    }
    if text.encode_utf16().count() > LONGEST_VARIABLE {
        return Err(business("isv.PARAM_LENGTH_LIMIT", "参数超过长度限制"));
    }
    if !may_link && is_address(text) {
        return Err(business("isv.PARAM_NOT_SUPPORT_URL", "变量不支持传入URL"));
    }
    Ok(())
}

/// An address with its scheme, or a name that ends like a domain.
fn is_address(text: &str) -> bool {
    let lower = text.to_lowercase();
    let is_domain = |word: &str| {
        let end = word.rsplit_once('.').map(|(_, end)| end.split('/').next().unwrap_or_default());
        end.is_some_and(|end| end.len() >= 2 && end.bytes().all(|byte| byte.is_ascii_lowercase()))
    };
    lower.contains("://") || lower.contains("www.") || lower.split_whitespace().any(is_domain)
}

/// A mainland mobile number without its country code.
fn number(text: &str) -> Result<String, Refusal> {
    let bare = ["+86", "0086", "86"].iter().find_map(|code| text.strip_prefix(code)).unwrap_or(text);
    let mobile = bare.len() == 11
        && bare.bytes().all(|byte| byte.is_ascii_digit())
        && bare.starts_with('1')
        && bare.as_bytes()[1] >= b'3';
    match mobile {
        true => Ok(bare.to_owned()),
        false => Err(business("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误")),
    }
}

#[cfg(test)]
mod tests;
