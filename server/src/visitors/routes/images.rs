//! Pictures: QR codes and employees' portraits. Their names are secrets, so nothing else is asked.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
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

/// The page of a code, which the link in a text message opens; it names nobody.
#[utoipa::path(get, path = "/q/{code}", tag = "visitors", security(()), params(("code" = String, Path)),
    responses(
        (status = 200, content_type = "text/html", body = String),
        (status = 404, description = "The pass has ended", content_type = "text/html", body = String)
    ))]
pub async fn pass_page(State(app): State<App>, Path(code): Path<String>) -> Result<Response, Error> {
    let token = qr::token_of_page(&code);
    let at = app.clock.now().at;
    let wanted = token.clone().unwrap_or_default();
    let found = app.db.point("visitors.picture", move |tx| store::desk::picture(tx, &wanted, at)).await?;
    let Some(token) = token.filter(|_| found.is_some()) else {
        let over = "<p>通行码已失效，或者链接不完整。</p><p lang=\"en\">This pass has ended, or the link is incomplete.</p>";
        return Ok((StatusCode::NOT_FOUND, Html(page(over))).into_response());
    };
    let shown = format!(
        "<img src=\"../qrcode/{token}.jpg\" alt=\"访客二维码\"><p>请在入口出示此二维码。</p>\
         <p lang=\"en\">Please show this code at the entrance.</p>"
    );
    Ok(Html(page(&shown)).into_response())
}

fn page(content: &str) -> String {
    format!(
        "<!DOCTYPE html><html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>访客通行码</title><style>\
         body{{margin:0;background:#fff;color:#111;font:1.1rem/1.6 system-ui,sans-serif;text-align:center}}\
         main{{max-width:26rem;margin:0 auto;padding:1rem}}img{{width:100%;image-rendering:pixelated}}\
         </style></head><body><main><h1>访客通行码</h1>{content}</main></body></html>"
    )
}

/// An employee's portrait (员工头像).
#[utoipa::path(get, path = "/avatar/{name}", tag = "visitors", security(()), params(("name" = String, Path)),
    responses((status = 200, content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png")))))]
pub async fn avatar(State(app): State<App>, Path(name): Path<String>) -> Result<Response, Error> {
    let found = app.db.point("visitors.avatar", move |tx| store::directory::picture(tx, &name)).await?;
    let found = found.ok_or_else(Error::unknown_path)?;
    picture(&found.media, &found.body, LONGEST)
}
