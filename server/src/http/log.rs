//! Request ids, the access log, request metrics, and the last net under panics.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use yuyue_db::Overdue;

use crate::app::App;
use crate::error::Error;

/// Names one request in its reply, in the log, and in the slots envelope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestId(uuid::Uuid);

impl RequestId {
    #[must_use]
    pub fn header(self) -> HeaderValue {
        HeaderValue::try_from(self.to_string()).unwrap_or(HeaderValue::from_static("none"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Outermost layer: gives every request its id and every reply its header and line.
pub async fn request(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = RequestId(app.ids.uuid());
    request.extensions_mut().insert(id);
    let method = request.method().clone();
    // The pattern, not the path: it bounds the number of metrics and keeps personal data out.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if !response.headers().contains_key("x-request-id") {
        response.headers_mut().insert("x-request-id", id.header());
    }
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let status = response.status();
    let took = start.elapsed();
    metrics::histogram!("yuyue_http_request_seconds", "route" => route.to_owned(), "status" => class(status.as_u16()))
        .record(took);
    if status.is_server_error() {
        tracing::warn!(request_id = %id, %method, route, status = status.as_u16(), took_us = took.as_micros(), "request");
    } else {
        tracing::debug!(request_id = %id, %method, route, status = status.as_u16(), took_us = took.as_micros(), "request");
    }
    response
}

fn class(status: u16) -> &'static str {
    match status / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// Inside a product's envelope: a panic or a request that takes too long is still a proper reply.
pub async fn guard(limit: Duration, reply: impl Future<Output = Response>) -> Response {
    let no_reply = || format!("no reply within {}", seconds(limit));
    match yuyue_db::within(limit, AssertUnwindSafe(reply).catch_unwind()).await {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => Error::internal(format!("panic: {}", words(panic.as_ref()))).into_response(),
        Err(Overdue::NothingDone) => Error::unavailable(no_reply()).into_response(),
        Err(Overdue::MayHaveHappened) => Error::uncertain(no_reply()).into_response(),
    }
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no message)")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
