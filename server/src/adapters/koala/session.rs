//! One session at the host: logging in, and the calls that need it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{COOKIE, SET_COOKIE, USER_AGENT};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::wire::{Envelope, without_numbers};
use super::{KoalaAccount, KoalaError, KoalaErrorKind};
use crate::adapters::http::{Answer, BaseUrl, CallError, Http};
use crate::clock::{Clock, Millis, SECOND};

/// Without this the host shows a web page instead of answering.
const AGENT: &str = "Koala Admin";
const LOGIN_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection that the host had closed fails this fast; a time-out takes longer, and a second try
/// would only double the wait.
const AT_ONCE: Duration = Duration::from_secs(1);
/// How long a refused account is not tried again: the host may lock it after a few tries.
const REFUSAL_REST: Millis = 30 * SECOND;

/// The session of one account, and what was learnt about its host.
pub(super) struct Session {
    http: Http,
    clock: Clock,
    pub account: KoalaAccount,
    pub base: BaseUrl,
    login: Mutex<Login>,
    /// How many log-ins have ended; changes only while `login` is held.
    rounds: AtomicU64,
    /// The host lists subjects the way releases before 3 do.
    pub lists_the_old_way: AtomicBool,
}

enum Login {
    None,
    /// The session cookies, ready for the header.
    Open(String),
    Failed(KoalaError, Millis),
}

/// What to ask of the host.
pub(super) struct Call<'a> {
    pub method: Method,
    pub path: &'a str,
    pub query: Option<&'a str>,
    pub body: Option<&'a Value>,
}

impl<'a> Call<'a> {
    pub fn get(path: &'a str, query: Option<&'a str>) -> Self {
        Self { method: Method::GET, path, query, body: None }
    }
}

/// An answer that is no failure of the connection.
pub(super) enum Said<T> {
    Done(T),
    /// The session has ended; most likely nothing was done.
    LoggedOut,
    /// There is nothing at this path.
    Absent,
}

impl Session {
    pub fn new(http: Http, clock: Clock, account: KoalaAccount) -> Result<Self, KoalaError> {
        let base = account.base().map_err(|error| {
            KoalaError::new(KoalaErrorKind::Unreachable, format!("the Koala address is not usable: {error}"))
        })?;
        Ok(Self {
            http,
            clock,
            account,
            base,
            login: Mutex::new(Login::None),
            rounds: AtomicU64::new(0),
            lists_the_old_way: AtomicBool::new(false),
        })
    }

    /// The session's cookies, from a new log-in when there is none, or only `stale`. Callers that
    /// come while a log-in is under way wait for it and share its outcome, a failure too: a dead host
    /// costs each of them one time-out, not one after the other.
    pub async fn cookie(&self, stale: Option<&str>) -> Result<String, KoalaError> {
        let asked = self.rounds.load(Ordering::SeqCst);
        let mut login = self.login.lock().await;
        match &*login {
            Login::Open(cookie) if stale != Some(cookie) => return Ok(cookie.clone()),
            Login::Failed(error, at) => {
                let refused = error.kind == KoalaErrorKind::LoginRefused;
                let resting = refused && (0..REFUSAL_REST).contains(&(self.clock.now().at - at));
                if resting || self.rounds.load(Ordering::SeqCst) != asked {
                    return Err(error.clone());
                }
            }
            _ => {}
        }
        let outcome = self.log_in().await;
        self.rounds.fetch_add(1, Ordering::SeqCst);
        *login = match &outcome {
            Ok(cookie) => Login::Open(cookie.clone()),
            Err(error) => Login::Failed(error.clone(), self.clock.now().at),
        };
        outcome
    }

    async fn log_in(&self) -> Result<String, KoalaError> {
        let body = json!({"username": self.account.username, "password": self.account.password});
        let request = (self.http.request(Method::POST, &self.base, "/auth/login", None))
            .header(USER_AGENT, AGENT)
            .json(&body);
        let answer = tokio::time::timeout(LOGIN_TIMEOUT, self.http.run(request))
            .await
            .map_err(|_| KoalaError::new(KoalaErrorKind::Unreachable, "no answer to the login in time"))?
            .map_err(|error| KoalaError::new(KoalaErrorKind::Unreachable, error.reason))?;
        if answer.status >= 500 {
            return Err(unwell(KoalaErrorKind::Unreachable, &answer));
        }
        let said: Envelope = answer.json().map_err(|_| {
            let reason = format!("the login answer ({}) is not Koala's", answer.status);
            KoalaError::new(KoalaErrorKind::Malformed, reason)
        })?;
        if said.code != 0 {
            let desc = without_numbers(&said.desc.unwrap_or_default());
            let reason = format!("the host refuses the account ({}): {desc}", said.code);
            return Err(KoalaError::new(KoalaErrorKind::LoginRefused, reason));
        }
        let cookies: Vec<&str> = (answer.headers.get_all(SET_COOKIE).iter())
            .filter_map(|header| header.to_str().ok()?.split(';').next())
            .map(str::trim)
            .collect();
        if cookies.is_empty() {
            return Err(KoalaError::new(KoalaErrorKind::Malformed, "the login brought no session"));
        }
        Ok(cookies.join("; "))
    }

    /// Makes a call that may be made twice, with a new session where the old one has ended. `None`
    /// when there is nothing at the path.
    pub async fn call(&self, call: &Call<'_>) -> Result<Option<Envelope>, KoalaError> {
        let cookie = self.cookie(None).await?;
        let said = match self.attempt(call, &cookie).await? {
            Said::LoggedOut => {
                let cookie = self.cookie(Some(&cookie)).await?;
                self.attempt(call, &cookie).await?
            }
            said => said,
        };
        match said {
            Said::Done(envelope) => Ok(Some(envelope)),
            Said::Absent => Ok(None),
            Said::LoggedOut => Err(locked_out()),
        }
    }

    /// Makes a call with these cookies, once; reading only, twice where the connection broke.
    pub async fn attempt(&self, call: &Call<'_>, cookie: &str) -> Result<Said<Envelope>, KoalaError> {
        let is_read = call.method == Method::GET;
        let answer = self.fetch(&self.base, call, Some(cookie)).await?;
        match answer.status {
            401 | 300..=399 => return Ok(Said::LoggedOut),
            404 | 405 => return Ok(Said::Absent),
            500.. => return Err(unwell(failure_of(is_read), &answer)),
            _ => {}
        }
        if !answer.body.trim_ascii_start().starts_with(b"{") {
            return Ok(Said::LoggedOut);
        }
        let said: Envelope = answer.json().map_err(|_| {
            KoalaError::new(KoalaErrorKind::Malformed, "the answer is not complete, or not Koala's")
        })?;
        match said.code {
            0 => Ok(Said::Done(said)),
            _ if said.asks_to_log_in() => Ok(Said::LoggedOut),
            code => Err(KoalaError::rejected(code, &said.desc.unwrap_or_default())),
        }
    }

    /// Sends a call and reads the answer, whatever it says.
    pub async fn fetch(
        &self,
        base: &BaseUrl,
        call: &Call<'_>,
        cookie: Option<&str>,
    ) -> Result<Answer, KoalaError> {
        let is_read = call.method == Method::GET;
        let once = || async {
            let mut request = (self.http.request(call.method.clone(), base, call.path, call.query))
                .header(USER_AGENT, AGENT);
            if let Some(cookie) = cookie {
                request = request.header(COOKIE, cookie);
            }
            if let Some(body) = call.body {
                request = request.json(body);
            }
            self.http.run(request).await
        };
        let began = tokio::time::Instant::now();
        let outcome = match once().await {
            // The host closes idle connections, sometimes just as we use one.
            Err(error) if is_read && error.retryable && !error.not_sent && began.elapsed() < AT_ONCE => {
                once().await
            }
            outcome => outcome,
        };
        outcome.map_err(|error| {
            let kind = match error {
                CallError { retryable: false, not_sent: false, .. } => KoalaErrorKind::Malformed,
                CallError { not_sent: true, .. } => KoalaErrorKind::Unreachable,
                _ => failure_of(is_read),
            };
            KoalaError::new(kind, error.reason)
        })
    }
}

/// What a failure means when nobody knows how far the host came.
fn failure_of(is_read: bool) -> KoalaErrorKind {
    if is_read { KoalaErrorKind::Unreachable } else { KoalaErrorKind::LostAnswer }
}

fn unwell(kind: KoalaErrorKind, answer: &Answer) -> KoalaError {
    KoalaError::new(kind, format!("the host answered {}", answer.status))
}

/// The host lets us log in, and then does not know us.
pub(super) fn locked_out() -> KoalaError {
    KoalaError::new(KoalaErrorKind::Malformed, "the host shows its login page after a login")
}
