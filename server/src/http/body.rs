//! Reading a body whole: never longer than it may be, and what is large within the bodies' memory.

use axum::body::Body;
use axum::extract::FromRequestParts as _;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use axum::http::request::Parts;
use http_body_util::BodyExt as _;

use crate::app::App;
use crate::error::Error;
use crate::http::body_memory::Held;
use crate::http::limits::ClientAddress;

/// What is longer is counted, and read as JSON beside the threads that serve everybody.
pub const LARGE: usize = 64 << 10;

/// A body, and the memory it takes until it is dropped.
pub struct Whole {
    pub bytes: Vec<u8>,
    _held: Held,
}

impl Whole {
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.bytes.len() > LARGE
    }
}

/// Refuses a body that announces itself longer than `limit`, before any of it is read.
///
/// # Errors
/// 413.
pub fn expect_at_most(limit: usize, headers: &HeaderMap) -> Result<(), Error> {
    match announced(headers) {
        Some(length) if length > limit => Err(Error::body_too_large(limit)),
        _ => Ok(()),
    }
}

fn announced(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Reads a body to its end.
///
/// # Errors
/// 413 over `limit` bytes, 429 or 503 when the bodies under way hold all they may.
pub async fn read(limit: usize, parts: &mut Parts, mut body: Body, app: &App) -> Result<Whole, Error> {
    expect_at_most(limit, &parts.headers)?;
    let (mut bytes, mut held) = (Vec::new(), Held::default());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::malformed("请求内容不完整", "the body did not arrive whole"))?;
        let Ok(chunk) = frame.into_data() else { continue };
        let (before, after) = (bytes.len(), bytes.len() + chunk.len());
        if after > limit {
            return Err(Error::body_too_large(limit));
        }
        if after > LARGE {
            let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
            // What it had before it was large was not counted yet.
            let new = if before > LARGE { chunk.len() } else { after };
            app.body_memory.share(address).take(new, &mut held)?;
            if before <= LARGE {
                // Once, so that growing does not hold it twice; not before so much of it has come.
                let length = announced(&parts.headers).unwrap_or_default();
                bytes.reserve_exact(length.max(after) - before);
            }
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Whole { bytes, _held: held })
}
