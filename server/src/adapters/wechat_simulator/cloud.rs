//! The cloud service: bindings of phones, and messages addressed to a phone.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{Fault, Inbox, Received, avatar, avatar_url};
use crate::adapters::loopback::{BODY_BYTES, Loopback, SLOW, broken};
use crate::adapters::wechat::CloudBinding;
use crate::clock::{Clock, Millis};

/// The cloud service; it stops when dropped.
pub struct CloudSimulator {
    server: Loopback,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    state: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    fault: Fault,
    /// Oldest first.
    bindings: Vec<CloudBinding>,
    inbox: Inbox,
}

/// A refusal, always with HTTP status 200.
struct Refusal(i64, &'static str);

const MALFORMED: Refusal = Refusal(-100, "参数错误");
const UNBOUND: Refusal = Refusal(-101, "该微信未绑定");
const BOUND_OTHERWISE: Refusal = Refusal(-102, "该微信已绑定其他手机号码");
const NOBODY: Refusal = Refusal(-103, "该手机号码未绑定微信");

impl CloudSimulator {
    /// Starts on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock) -> io::Result<Self> {
        let shared = Arc::new(Shared { clock, state: Mutex::default() });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::start("wechat cloud", router).await?, shared })
    }

    /// What `cloud_url` has to be.
    #[must_use]
    pub fn base_url(&self) -> String {
        self.server.base_url()
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.lock().fault = fault;
    }

    /// The bindings, newest first.
    #[must_use]
    pub fn bindings(&self) -> Vec<CloudBinding> {
        self.shared.lock().bindings.iter().rev().cloned().collect()
    }

    /// The messages accepted, newest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().inbox.newest_first().cloned().collect()
    }

    /// The messages accepted for one phone, newest first.
    #[must_use]
    pub fn received_by(&self, phone: &str) -> Vec<Received> {
        let kept = self.shared.lock();
        kept.inbox.newest_first().filter(|message| message.phone == phone).cloned().collect()
    }
}

async fn handle(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    // Read in its own statement: the lock must not be held while waiting.
    let fault = shared.lock().fault;
    match fault {
        Fault::Slow => {
            tokio::time::sleep(SLOW).await;
            return StatusCode::GATEWAY_TIMEOUT.into_response();
        }
        Fault::Down => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Fault::Error => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::Ok | Fault::LostAnswer => {}
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    if let Some(picture) = avatar(parts.uri.path()) {
        return picture;
    }
    let now = shared.clock.now().at;
    let Some(outcome) = shared.lock().serve(&parts, &body, now) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match outcome {
        _ if fault == Fault::LostAnswer && parts.method != Method::GET => broken(),
        Ok(data) => axum::Json(json!({"code": 0, "err_msg": "", "data": data})).into_response(),
        Err(Refusal(code, said)) => {
            axum::Json(json!({"code": code, "err_msg": said, "data": {}})).into_response()
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// `None` for an address the service does not have.
    fn serve(&mut self, parts: &Parts, body: &Bytes, now: Millis) -> Option<Result<Value, Refusal>> {
        let path = parts.uri.path();
        Some(match (&parts.method, path) {
            (&Method::GET, "/v2/wechat/binding") => self.read(parts.uri.query().unwrap_or_default()),
            (&Method::POST, "/v2/wechat/binding") => self.bind(parts, body),
            (&Method::DELETE, path) => {
                let id = path.strip_prefix("/v2/wechat/binding/")?;
                self.unbind(&percent_decode_str(id).decode_utf8_lossy())
            }
            (&Method::POST, "/v2/message") => self.send(body, now),
            _ => return None,
        })
    }

    fn find(&self, id: &str) -> Option<&CloudBinding> {
        self.bindings.iter().find(|binding| binding.weixin_user_id == id)
    }

    fn read(&self, query: &str) -> Result<Value, Refusal> {
        let query: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let id = query.get("weixinUserId").filter(|id| !id.is_empty()).ok_or(MALFORMED)?;
        self.find(id).map(shown).ok_or(UNBOUND)
    }

    fn bind(&mut self, parts: &Parts, body: &Bytes) -> Result<Value, Refusal> {
        let is_form = (parts.headers.get(CONTENT_TYPE))
            .is_some_and(|content| content.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
        if !is_form {
            return Err(MALFORMED);
        }
        let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
        let id = form.get("weixinUserId").filter(|id| !id.is_empty()).ok_or(MALFORMED)?;
        let is_phone = |phone: &&String| {
            let digits = phone.strip_prefix('+').unwrap_or(phone);
            (5..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
        };
        let phone = form.get("phone").filter(is_phone).ok_or(MALFORMED)?;
        if let Some(binding) = self.find(id) {
            return if binding.phone == *phone { Ok(shown(binding)) } else { Err(BOUND_OTHERWISE) };
        }
        let tail: String = id.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
        let binding = CloudBinding {
            weixin_user_id: id.clone(),
            phone: phone.clone(),
            nick: format!("微信用户{tail}"),
            avatar: avatar_url(&parts.headers, id),
        };
        let said = shown(&binding);
        self.bindings.push(binding);
        Ok(said)
    }

    fn unbind(&mut self, id: &str) -> Result<Value, Refusal> {
        let before = self.bindings.len();
        self.bindings.retain(|binding| binding.weixin_user_id != id);
        if self.bindings.len() < before { Ok(json!({})) } else { Err(UNBOUND) }
    }

    /// Everybody who bound the phone gets the message: an employee may be somebody's visitor, too.
    fn send(&mut self, body: &Bytes, at: Millis) -> Result<Value, Refusal> {
        let given: Map<String, Value> = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        let text = |name: &str| given.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let (phone, template) = text("phone").zip(text("tplMessageId")).ok_or(MALFORMED)?;
        // The variables travel as text that holds JSON; an object is refused.
        let params: Map<String, Value> =
            text("data").and_then(|data| serde_json::from_str(data).ok()).ok_or(MALFORMED)?;
        let url = text("url").map(str::to_owned);
        let readers: Vec<&CloudBinding> =
            self.bindings.iter().filter(|binding| binding.phone == phone).collect();
        if readers.is_empty() {
            return Err(NOBODY);
        }
        for reader in readers {
            self.inbox.push(Received {
                phone: phone.to_owned(),
                open_id: reader.weixin_user_id.clone(),
                template: template.to_owned(),
                params: params.clone(),
                url: url.clone(),
                at,
            });
        }
        Ok(json!({}))
    }
}

fn shown(binding: &CloudBinding) -> Value {
    json!({
        "weixinUserId": binding.weixin_user_id, "phone": binding.phone, "nick": binding.nick,
        "avatar": binding.avatar,
    })
}
