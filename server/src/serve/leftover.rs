//! Replies that are ready before their request's body was read. A client that is still sending would find
//! its connection closed under it, and often not see the reply: a short rest is read and forgotten, and a
//! long one announced to be the end of the connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::{CONNECTION, EXPECT};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use tower::ServiceExt as _;

/// A rest of at most so many bytes does not end its connection.
const SHORT: u64 = 256 << 10;
/// The most that is read of a longer one, for the client to look up from sending.
const LONGEST: u64 = 32 << 20;
const WITHIN: Duration = Duration::from_secs(5);

/// What a handler has left.
#[derive(Default)]
struct Rest {
    body: Option<Incoming>,
    /// Whether the client was told to go on, had it asked.
    is_awaited: bool,
}

/// The router's reply to a request.
pub async fn answer(router: Router, request: Request<Incoming>) -> Result<Response, Infallible> {
    if request.body().is_end_stream() {
        return router.oneshot(request.map(|_| Body::empty())).await;
    }
    let expects = request.headers().contains_key(EXPECT);
    let rest = Arc::new(Mutex::new(Rest::default()));
    let given = Arc::clone(&rest);
    let request = request.map(|body| Body::new(Watched { body: Some(body), is_awaited: false, rest: given }));
    let mut response = router.oneshot(request).await?;
    let Rest { body, is_awaited } = std::mem::take(&mut *rest.lock().unwrap_or_else(PoisonError::into_inner));
    let Some(body) = body else { return Ok(response) };
    let will_come = is_awaited || !expects;
    if !will_come || body.size_hint().upper().is_none_or(|length| length > SHORT) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if will_come {
        tokio::spawn(tokio::time::timeout(WITHIN, forget(body)));
    }
    Ok(response)
}

async fn forget(mut body: Incoming) {
    let mut left = LONGEST;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length as u64) {
            Some(less) => left = less,
            None => return,
        }
    }
}

/// A body that gives back what was not read of it.
struct Watched {
    body: Option<Incoming>,
    is_awaited: bool,
    rest: Arc<Mutex<Rest>>,
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_awaited = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) {
            self.body = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(hyper::body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), hyper::body::Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let body = self.body.take().filter(|body| !body.is_end_stream());
        if body.is_some() {
            let mut rest = self.rest.lock().unwrap_or_else(PoisonError::into_inner);
            *rest = Rest { body, is_awaited: self.is_awaited };
        }
    }
}
