//! A stand-in for the face-recognition host: a real HTTP server on loopback with sessions, subjects
//! and pictures, that can be told to fail. The demo and the tests share it.

mod host;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, Multipart, Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::{Value, json};

use self::host::{Host, Reply};
use super::koala::KoalaAccount;
use super::loopback::{BODY_BYTES, Loopback, SLOW, broken};
use super::portrait::portrait;
use crate::clock::{Clock, HOUR, Millis};

/// An employee the host knows from the start.
#[derive(Clone, Debug)]
pub struct SimulatedEmployee {
    pub id: i64,
    pub name: String,
    pub phone: String,
    pub department: String,
    /// The picture, a JPEG or PNG; empty for an employee without one.
    pub avatar: Vec<u8>,
}

impl SimulatedEmployee {
    /// An employee with a drawn picture.
    #[must_use]
    pub fn new(id: i64, name: &str, phone: &str, department: &str) -> Self {
        let avatar = portrait(id);
        Self { id, name: name.into(), phone: phone.into(), department: department.into(), avatar }
    }
}

/// How the host tells that a session has ended; releases differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LoggedOut {
    /// It sends to the login page.
    #[default]
    Redirect,
    /// It answers 401.
    Unauthorized,
    /// It shows the login page, with status 200.
    Page,
    /// It says so in JSON, with status 200.
    Json,
}

/// The host that is simulated.
#[derive(Clone, Debug)]
pub struct SimulatedHost {
    pub username: String,
    pub password: String,
    pub employees: Vec<SimulatedEmployee>,
    /// How long a session lasts after the login.
    pub session_life: Millis,
    /// Whether `/subject/list` exists; releases before 3 have `/mobile-admin/subjects/list` instead.
    pub release_3: bool,
    pub logged_out: LoggedOut,
}

impl SimulatedHost {
    /// A host of release 3 with these employees.
    #[must_use]
    pub fn new(employees: Vec<SimulatedEmployee>) -> Self {
        Self {
            username: "yuyue@example.com".into(),
            password: "koala-demo".into(),
            employees,
            session_life: HOUR,
            release_3: true,
            logged_out: LoggedOut::Redirect,
        }
    }
}

/// How the simulator misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// It does not.
    #[default]
    Ok,
    /// Every request is turned away with 503.
    Down,
    /// No answer comes before the client loses patience; nothing is done.
    Slow,
    /// Every request ends in 500; nothing is done.
    Error,
    /// Every request is answered with 200 and a web page; nothing is done.
    Html,
    /// The request is done, but the JSON of the answer stops in the middle; logging in works.
    Truncated,
    /// A change is made, but the connection breaks before the client learns of it.
    LostAnswer,
    /// Lists have phones as numbers, and begin with a row whose phone is neither text nor number.
    OddRows,
}

/// A visitor the host was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimulatedSubject {
    pub id: i64,
    /// 1 visitor, 2 important visitor.
    pub subject_type: i64,
    pub name: String,
    pub phone: String,
    pub purpose: i64,
    pub interviewee: String,
    pub come_from: String,
    pub remark: String,
    pub group_ids: Vec<i64>,
    /// Unix seconds, as on the wire.
    pub start_time: i64,
    pub end_time: i64,
}

/// The running simulator; it stops when dropped.
pub struct KoalaSimulator {
    server: Loopback,
    shared: Arc<Shared>,
}

struct Shared {
    clock: Clock,
    state: Mutex<Kept>,
}

struct Kept {
    fault: Fault,
    host: Host,
}

impl KoalaSimulator {
    /// Starts on a free loopback port, on the current tokio runtime.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(clock: Clock, host: SimulatedHost) -> io::Result<Self> {
        let host = Host::new(host, clock.now().at);
        let state = Mutex::new(Kept { fault: Fault::Ok, host });
        let shared = Arc::new(Shared { clock, state });
        let router = Router::new().fallback(handle).with_state(Arc::clone(&shared));
        Ok(Self { server: Loopback::start("koala", router).await?, shared })
    }

    /// The account a client needs to be let in.
    #[must_use]
    pub fn account(&self) -> KoalaAccount {
        let kept = self.shared.lock();
        let (username, password) = kept.host.account();
        KoalaAccount { address: self.server.base_url(), username, password }
    }

    /// Makes the simulator misbehave, until told otherwise.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.lock().fault = fault;
    }

    /// Replaces the directory of employees.
    pub fn set_employees(&self, employees: Vec<SimulatedEmployee>) {
        let now = self.shared.clock.now().at;
        self.shared.lock().host.set_employees(employees, now);
    }

    /// The visitors, newest first.
    #[must_use]
    pub fn subjects(&self) -> Vec<SimulatedSubject> {
        self.shared.lock().host.visitors()
    }

    /// How often somebody was let in.
    #[must_use]
    pub fn logins(&self) -> usize {
        self.shared.lock().host.logins()
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
        Fault::Down => return (StatusCode::SERVICE_UNAVAILABLE, page("维护中")).into_response(),
        Fault::Error => return (StatusCode::INTERNAL_SERVER_ERROR, page("Server Error")).into_response(),
        Fault::Html => return page("考拉").into_response(),
        Fault::Ok | Fault::Truncated | Fault::LostAnswer | Fault::OddRows => {}
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let is_login = parts.uri.path() == "/auth/login";
    let is_change = parts.method != Method::GET && !is_login;
    let photo = match parts.uri.path() {
        "/subject/photo" if parts.method == Method::POST => {
            photo(Request::from_parts(parts.clone(), Body::from(body.clone()))).await
        }
        _ => None,
    };
    let now = shared.clock.now().at;
    let reply = shared.lock().host.serve(&parts, &body, photo, now);
    match reply {
        _ if is_change && fault == Fault::LostAnswer => broken(),
        Reply::Json(said) if fault == Fault::Truncated && !is_login => truncated(&said),
        Reply::Json(said) if fault == Fault::OddRows => axum::Json(with_odd_rows(said)).into_response(),
        Reply::Json(said) => axum::Json(said).into_response(),
        Reply::Welcome(cookie, said) => {
            ([("set-cookie", format!("session={cookie}; HttpOnly; Path=/"))], axum::Json(said))
                .into_response()
        }
        Reply::Picture(bytes) => bytes.into_response(),
        Reply::LoginPage => page("考拉 - 登录").into_response(),
        Reply::LoggedOut(LoggedOut::Redirect) => Redirect::to("/login").into_response(),
        Reply::LoggedOut(LoggedOut::Unauthorized) => StatusCode::UNAUTHORIZED.into_response(),
        Reply::LoggedOut(LoggedOut::Page) => page("考拉 - 登录").into_response(),
        Reply::LoggedOut(LoggedOut::Json) => {
            axum::Json(json!({"code": -1000, "desc": "请先登录"})).into_response()
        }
        Reply::Nothing => (StatusCode::NOT_FOUND, page("404")).into_response(),
    }
}

/// The file part of an upload.
async fn photo(request: Request) -> Option<Bytes> {
    let mut form = Multipart::from_request(request, &()).await.ok()?;
    while let Some(part) = form.next_field().await.ok()? {
        if part.name() == Some("photo") {
            return part.bytes().await.ok();
        }
    }
    None
}

fn page(title: &str) -> Html<String> {
    Html(format!("<!DOCTYPE html>\n<html><head><title>{title}</title></head><body></body></html>"))
}

/// A list as a spreadsheet import may have left it: phones as numbers, and a first row with none that can be read.
fn with_odd_rows(mut said: Value) -> Value {
    let Some(rows) = said["data"].as_array_mut() else { return said };
    for row in rows.iter_mut() {
        if let Some(number) = row["phone"].as_str().and_then(|phone| phone.parse::<u64>().ok()) {
            row["phone"] = number.into();
        }
    }
    if let Some(mut odd) = rows.first().cloned() {
        (odd["id"], odd["phone"]) = (json!(99_999), json!(["13899999999"]));
        rows.insert(0, odd);
        said["page"]["count"] = json!(said["page"]["count"].as_u64().unwrap_or_default() + 1);
    }
    said
}

/// A complete HTTP answer whose JSON is not.
fn truncated(said: &Value) -> Response {
    let mut text = said.to_string().into_bytes();
    text.truncate(text.len() / 2);
    ([("content-type", "application/json")], text).into_response()
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
