//! Requests through the real router, without a socket.

use std::fmt;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::TestApp;

impl TestApp {
    /// This caller with one more header on each request.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut with = self.clone();
        with.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        with.headers.push((name.to_owned(), value.to_owned()));
        with
    }

    /// This caller with `Authorization: Bearer TOKEN`.
    pub fn bearer(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    /// This caller at another address.
    pub fn at_address(&self, ip: &str) -> Self {
        Self { address: (ip.parse::<std::net::IpAddr>().unwrap(), 40_000).into(), ..self.clone() }
    }

    /// What [`TestApp::with`] added.
    pub fn own_headers(&self) -> &[(String, String)] {
        &self.headers
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, body.to_string()).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PUT, path, body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(Method::PATCH, path, body.to_string()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "").await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "").await
    }

    /// Any method and body. A body goes out as JSON unless the caller has another Content-Type; an
    /// empty Content-Type sends none.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let headers = request.headers_ref().expect("the test's own headers and path are valid");
        let has = |name: &str| headers.contains_key(name);
        let (has_type, has_host) = (has("content-type"), has("host"));
        if !has_type {
            request = request.header("content-type", "application/json");
        }
        if !has_host {
            request = request.header("host", "yuyue.test");
        }
        self.call(request.body(body.into()).unwrap()).await
    }

    /// Exactly this request. Whatever the answer is, it must carry the request's id.
    pub async fn call(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(ConnectInfo(self.address));
        let line = format!("{} {}", request.method(), request.uri());
        let Ok(response) = self.router.clone().oneshot(request).await;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let answer = Answer { line, status: parts.status, headers: parts.headers, body };
        uuid::Uuid::parse_str(answer.header("x-request-id"))
            .unwrap_or_else(|_| panic!("no X-Request-Id: {answer:?}"));
        answer
    }
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    line: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {} {}", self.line, self.status.as_u16(), String::from_utf8_lossy(&self.body))
    }
}

impl Answer {
    /// The header's text, "" without it.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless the status is `status`.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        self
    }

    /// Slots: the data of a success.
    #[track_caller]
    pub fn data(&self) -> Value {
        let mut body = self.json();
        assert_eq!((self.status.as_u16(), &body["error_no"]), (200, &json!(0)), "{self:?}");
        assert_eq!(body["error_msg"], "success", "{self:?}");
        body["data"].take()
    }

    /// Slots: the number of a refusal, which is a 200 like a success.
    #[track_caller]
    pub fn error_no(&self) -> i64 {
        let body = self.json();
        assert_eq!((self.status.as_u16(), &body["data"]), (200, &Value::Null), "{self:?}");
        body["error_no"].as_i64().unwrap()
    }

    /// Slots: what the error says.
    #[track_caller]
    pub fn error_msg(&self) -> String {
        self.json()["error_msg"].as_str().unwrap().to_owned()
    }

    /// Members: the code and name of a refusal.
    #[track_caller]
    pub fn code(&self) -> (i64, String) {
        let body = self.json();
        assert!(self.status.is_client_error(), "{self:?}");
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{self:?}");
        assert!(body["message"].as_str().is_some_and(|message| !message.is_empty()), "{self:?}");
        (body["code"].as_i64().unwrap(), body["error"].as_str().unwrap().to_owned())
    }
}
