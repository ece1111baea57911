//! WeChat's API host: the official account, the page that authorises in the browser, and the login of
//! a mini-program.

mod mini_program;
mod rules;
mod state;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::json;

use self::mini_program::Logins;
use self::state::{Account, Refusal};
use super::{Fault, Received, avatar};
use crate::adapters::loopback::{BODY_BYTES, Loopback, SLOW, broken};
use crate::adapters::wechat::{MiniProgramConfig, OfficialConfig};
use crate::clock::Clock;

const APP_ID: &str = "wx0123456789abcdef";
const APP_SECRET: &str = "demo-official-secret";
const MINI_APP_ID: &str = "wxfedcba9876543210";
const MINI_APP_SECRET: &str = "demo-mini-program-secret";
const SEND: &str = "/cgi-bin/message/template/send";

/// A WeChat user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedUser {
    pub open_id: String,
    pub nick: String,
    /// Whether the user follows the official account.
    pub follows: bool,
    /// Whether the page is open as a snapshot, for which WeChat makes up a throw-away identity.
    pub is_snapshot: bool,
}

/// The official account and web authorisation; it stops when dropped.
pub struct OfficialSimulator {
    server: Loopback,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    state: Mutex<Kept>,
}

struct Kept {
    fault: Fault,
    account: Account,
    logins: Logins,
}

impl OfficialSimulator {
    /// Starts on a free loopback port, on the current tokio runtime. Web authorisation lets in the
    /// first of `users` until [`OfficialSimulator::sign_in_as`] names another.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock, users: Vec<SimulatedUser>) -> io::Result<Self> {
        let account = Account::new(APP_ID, APP_SECRET, users);
        let logins = Logins::new(MINI_APP_ID, MINI_APP_SECRET);
        let state = Mutex::new(Kept { fault: Fault::Ok, account, logins });
        let shared = Arc::new(Shared { clock, state });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::start("wechat official account", router).await?, shared })
    }

    /// The settings a client needs to be let in.
    #[must_use]
    pub fn config(&self) -> OfficialConfig {
        OfficialConfig {
            app_id: APP_ID.into(),
            app_secret: APP_SECRET.into(),
            api_base_url: self.server.base_url(),
            open_base_url: self.server.base_url(),
        }
    }

    /// The settings a client of the mini-program needs to be let in.
    #[must_use]
    pub fn mini_program(&self) -> MiniProgramConfig {
        MiniProgramConfig {
            app_id: MINI_APP_ID.into(),
            app_secret: MINI_APP_SECRET.into(),
            api_base_url: self.server.base_url(),
        }
    }

    /// What `wx.login()` gives on the phone of a user of the mini-program.
    #[must_use]
    pub fn log_in(&self, open_id: &str) -> String {
        let now = self.shared.clock.now().at;
        self.shared.lock().logins.code(open_id, now)
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.lock().fault = fault;
    }

    /// Makes sending answer that the day's quota is used up (45009), until told otherwise.
    pub fn set_quota_used(&self, used: bool) {
        self.shared.lock().account.quota_used = used;
    }

    /// Takes every openid for a follower's: a demo binds whatever WeChat id one makes up.
    pub fn let_anybody_follow(&self) {
        self.shared.lock().account.anybody_follows = true;
    }

    /// Who is holding the phone when the authorisation page opens.
    pub fn sign_in_as(&self, open_id: &str) {
        self.shared.lock().account.visitor = open_id.to_owned();
    }

    /// The messages accepted, newest first.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.lock().account.inbox.newest_first().cloned().collect()
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
        Fault::Error => return refused(&Refusal::BUSY),
        Fault::Ok | Fault::LostAnswer => {}
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    if let Some(picture) = avatar(path) {
        return picture;
    }
    let now = shared.clock.now().at;
    let outcome = {
        let Kept { account, logins, .. } = &mut *shared.lock();
        match (&parts.method, path) {
            (&Method::POST, "/cgi-bin/stable_token") => account.token(&body, now),
            (&Method::POST, SEND) => account.send(query, &body, now),
            (&Method::GET, "/sns/oauth2/access_token") => account.exchange(query, now),
            (&Method::GET, "/sns/jscode2session") => logins.session(query, now),
            (&Method::GET, "/sns/userinfo") => account.user_info(query, &parts.headers, now),
            (&Method::GET, "/connect/oauth2/authorize") => {
                return match account.authorize(query, now) {
                    Some(url) => Redirect::to(&url).into_response(),
                    None => Html("<!DOCTYPE html>\n<title>参数错误</title>").into_response(),
                };
            }
            _ => return StatusCode::NOT_FOUND.into_response(),
        }
    };
    match outcome {
        Ok(_) if fault == Fault::LostAnswer && path == SEND => broken(),
        // The real host calls its JSON plain text in places.
        Ok(said) => ([("content-type", "text/plain")], as_typed(&said.to_string())).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

/// The real host hands on the control characters of a nickname as they were typed.
fn as_typed(json: &str) -> String {
    let controls = (1..0x20_u8).map(char::from);
    controls
        .fold(json.to_owned(), |json, c| json.replace(&format!("\\u{:04x}", u32::from(c)), &c.to_string()))
}

/// Status 200, as for everything the API says.
fn refused(Refusal(code, message): &Refusal) -> Response {
    let said = format!("{message} rid: 60c09a5c-2b1f1d2a-5a3c1b7e");
    axum::Json(json!({"errcode": code, "errmsg": said})).into_response()
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
