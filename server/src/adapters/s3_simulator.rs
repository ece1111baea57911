//! An S3-compatible store on loopback: one bucket in memory. It computes each request's signature
//! (version 4) anew from what arrived, and refuses what differs.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, LAST_MODIFIED};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use ring::{digest, hmac};

use super::loopback::Loopback;
use super::storage::Bucket;

const BUCKET: &str = "yuyue-files";
const REGION: &str = "cn-shanghai";
const ACCESS_KEY_ID: &str = "simulated-key-id";
const SECRET: &str = "simulated/secret+key";
/// Larger than any file that is kept.
const BODY_BYTES: usize = 16 << 20;

#[derive(Default)]
struct Store {
    objects: BTreeMap<String, Bytes>,
    failures: u32,
}

/// The running store; it stops when the last clone is dropped.
#[derive(Clone)]
pub struct S3Simulator {
    server: Arc<Loopback>,
    store: Arc<Mutex<Store>>,
}

impl S3Simulator {
    /// Starts with an empty bucket.
    ///
    /// # Errors
    /// When no port of loopback can be had.
    pub async fn start() -> io::Result<Self> {
        let store = Arc::new(Mutex::new(Store::default()));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&store));
        Ok(Self { server: Arc::new(Loopback::start("s3", router).await?), store })
    }

    /// The account to use it with.
    #[must_use]
    pub fn bucket(&self) -> Bucket {
        Bucket {
            name: BUCKET.into(),
            endpoint: self.server.base_url(),
            region: REGION.into(),
            in_path: true,
            access_key_id: ACCESS_KEY_ID.into(),
            secret_access_key: SECRET.into(),
        }
    }

    /// The next `requests` are answered 503.
    pub fn fail(&self, requests: u32) {
        locked(&self.store).failures = requests;
    }

    /// The names of what is kept, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        locked(&self.store).objects.keys().cloned().collect()
    }
}

fn locked(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn answer(State(store): State<Arc<Mutex<Store>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = http_body_util::Limited::new(body, BODY_BYTES).collect().await else {
        return failure(StatusCode::BAD_REQUEST, "EntityTooLarge");
    };
    let body = body.to_bytes();
    let mut store = locked(&store);
    if store.failures > 0 {
        store.failures -= 1;
        return failure(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    let target = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    if let Err(code) = check_signature(&parts.method, &target, &parts.headers, &body) {
        return failure(StatusCode::FORBIDDEN, code);
    }
    let path = parts.uri.path().trim_start_matches('/');
    let Some((BUCKET, name)) = path.split_once('/') else {
        return failure(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    match parts.method {
        Method::PUT => {
            let tag = tag(&body);
            store.objects.insert(name.to_owned(), body);
            [(ETAG, tag)].into_response()
        }
        Method::DELETE => {
            store.objects.remove(name);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET | Method::HEAD => match store.objects.get(name) {
            Some(object) => read(&parts.method, object),
            None => failure(StatusCode::NOT_FOUND, "NoSuchKey"),
        },
        _ => failure(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}

fn read(method: &Method, object: &Bytes) -> Response {
    let headers = [
        (ETAG, tag(object)),
        (LAST_MODIFIED, "Fri, 01 Oct 2021 00:00:00 GMT".to_owned()),
        (CONTENT_LENGTH, object.len().to_string()),
    ];
    let body = if method == Method::HEAD { Body::empty() } else { Body::from(object.clone()) };
    (headers, body).into_response()
}

fn failure(status: StatusCode, code: &str) -> Response {
    (status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>")).into_response()
}

fn tag(object: &[u8]) -> String {
    format!("\"{}\"", &sha256(object)[..32])
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// What the `Authorization` header says.
struct Claim<'h> {
    /// `KEY_ID/DATE/REGION/s3/aws4_request`
    credential: &'h str,
    signed_headers: &'h str,
    signature: &'h str,
}

impl<'h> Claim<'h> {
    fn read(header: &'h str) -> Option<Self> {
        let mut parts = header.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',').map(str::trim);
        let mut part = |name: &str| parts.next()?.strip_prefix(name);
        Some(Self {
            credential: part("Credential=")?,
            signed_headers: part("SignedHeaders=")?,
            signature: part("Signature=")?,
        })
    }
}

/// Judges a request as the store does; an error is the store's own word for it.
fn check_signature(
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let claim = Claim::read(text(AUTHORIZATION.as_str())).ok_or("AccessDenied")?;
    let at = text("x-amz-date");
    let date = at.get(..8).ok_or("AccessDenied")?;
    let scope = format!("{date}/{REGION}/s3/aws4_request");
    if claim.credential != format!("{ACCESS_KEY_ID}/{scope}") {
        return Err("InvalidAccessKeyId");
    }
    let hash = text("x-amz-content-sha256");
    if hash != sha256(body) {
        return Err("XAmzContentSHA256Mismatch");
    }
    let names: Vec<&str> = claim.signed_headers.split(';').collect();
    let must_be_signed =
        headers.keys().map(axum::http::HeaderName::as_str).filter(|name| name.starts_with("x-amz-"));
    if !must_be_signed.chain(["host"]).all(|name| names.contains(&name)) {
        return Err("AccessDenied");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut pairs: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty()).collect();
    pairs.sort_unstable();
    let lines: String = names.iter().map(|name| format!("{name}:{}\n", text(name).trim())).collect();
    let canonical =
        format!("{method}\n{path}\n{}\n{lines}\n{}\n{hash}", pairs.join("&"), claim.signed_headers);
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let key = [date, REGION, "s3", "aws4_request"]
        .into_iter()
        .fold(format!("AWS4{SECRET}").into_bytes(), |key, part| keyed(&key, part).as_ref().to_vec());
    let is_right = hex::encode(keyed(&key, &to_sign)) == claim.signature;
    if is_right { Ok(()) } else { Err("SignatureDoesNotMatch") }
}

fn keyed(key: &[u8], text: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes())
}
