//! Pictures: QR codes and employees' portraits. Their names are secrets, so nothing else is asked.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::Response;
use base64::Engine as _;

use crate::app::App;
use crate::clock::SECOND;
use crate::error::Error;
use crate::visitors::{qr, store};

/// How long a browser may keep a picture; a deleted record's must not live on for long.
const LONGEST: i64 = 300;

fn picture(media: &str, body: &str, seconds: i64) -> Result<Response, Error> {
    let fault = |error: String| Error::internal(format!("a stored picture: {error}"));
    let bytes = base64::engine::general_purpose::STANDARD.decode(body);
    let bytes = bytes.map_err(|error| fault(error.to_string()))?;
    let header = |text: &str| HeaderValue::try_from(text).map_err(|error| fault(error.to_string()));
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(CONTENT_TYPE, header(media)?);
    response.headers_mut().insert(CACHE_CONTROL, header(&format!("private, max-age={seconds}"))?);
    Ok(response)
}

/// A code's picture (访客二维码图片), until the visit ends.
#[utoipa::path(get, path = "/qrcode/{name}", tag = "visitors", security(()), params(("name" = String, Path)),
    responses((status = 200, content_type = "image/jpeg", body = Vec<u8>)))]
pub async fn qr_code(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Error> {
    let token = name.strip_suffix(".jpg").filter(|token| qr::is_token(token));
    let token = token.ok_or_else(Error::unknown_path)?.to_owned();
    let at = app.clock.now().at;
    let found = app.db.point("visitors.picture", move |tx| store::desk::picture(tx, &token, at)).await?;
    let (body, expires_at) = found.ok_or_else(Error::unknown_path)?;
    picture("image/jpeg", &body, ((expires_at - at) / SECOND).min(LONGEST))
}

/// An employee's portrait (员工头像).
#[utoipa::path(get, path = "/avatar/{name}", tag = "visitors", security(()), params(("name" = String, Path)),
    responses((status = 200, content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png")))))]
pub async fn avatar(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Error> {
    let found = app.db.point("visitors.avatar", move |tx| store::directory::picture(tx, &name)).await?;
    let found = found.ok_or_else(Error::unknown_path)?;
    picture(&found.media, &found.body, LONGEST)
}
