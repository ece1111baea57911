//! The OpenAPI 3.1 document and its viewer.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::app::App;
use crate::http::access::SESSION_COOKIE;
use crate::http::envelope::{HomemakingError, MembersError, Problem, SlotsError, VisitorsError};
use crate::http::made_once::Document;
use crate::http::router;
use crate::visitors::caller::WECHAT_COOKIE;

mod complete;
mod names;

pub use complete::complete;

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Yuyue 预约",
        description = "Appointments (slots), members, visitors, home services, and the staff API. Every reply carries `X-Request-Id`. \
                       A POST that creates something honours `Idempotency-Key`.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/")),
    tags(
        (name = "slots", description = "Time-slot appointments with live sign-in (时段预约与签到)"),
        (name = "members", description = "Consumer accounts (会员帐号)"),
        (name = "visitors", description = "Company visitors: bindings, applications, sign-in, gates (访客预约)"),
        (name = "homemaking", description = "Home-service marketplace: services, orders, refunds, ratings (家政服务)"),
        (name = "login", description = "Proving who one is to WeChat (微信网页授权)"),
        (name = "staff", description = "The staff API (管理接口)"),
        (name = "operation", description = "For operators (运维)"),
        (name = "demo", description = "The demo's simulators (演示)"),
    ),
    components(schemas(SlotsError, VisitorsError, MembersError, HomemakingError, Problem)),
)]
struct Base;

/// The document without its paths.
#[must_use]
pub fn base() -> OpenApi {
    let mut api = Base::openapi();
    let components = api.components.get_or_insert_default();
    let bearer = || SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let header = |name| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
    components.add_security_scheme("member", bearer());
    components.add_security_scheme("staff", bearer());
    components.add_security_scheme("device", header("X-Device-Key"));
    components.add_security_scheme("user", header("token"));
    // Over the whole report: no value that could be kept. The demo's gateway calls it X-Gateway-Signature.
    components.add_security_scheme("gateway", header("Wechatpay-Signature"));
    let cookie = |name| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(name)));
    components.add_security_scheme("console", cookie(SESSION_COOKIE));
    components.add_security_scheme("wechat", cookie(WECHAT_COOKIE));
    api
}

/// The whole document.
#[must_use]
pub fn api() -> OpenApi {
    router::document()
}

static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let json = serde_json::to_vec(&api()).expect("the document can be written");
    Document::new(HeaderValue::from_static("application/json"), json)
});

pub(crate) async fn document(headers: HeaderMap) -> Response {
    DOCUMENT.reply(&headers)
}

/// `/docs`: a viewer that is part of this program and loads nothing from elsewhere.
pub(crate) fn viewer() -> Router<App> {
    Router::new()
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(|headers: HeaderMap| async move { part_of_viewer("", &headers) }))
        .route(
            "/docs/{*file}",
            get(
                |Path(file): Path<String>, headers: HeaderMap| async move { part_of_viewer(&file, &headers) },
            ),
        )
}

/// The files of the viewer that were asked for so far; it has few.
static VIEWER: Mutex<BTreeMap<String, Arc<Document>>> = Mutex::new(BTreeMap::new());

fn part_of_viewer(file: &str, headers: &HeaderMap) -> Response {
    let mut known = VIEWER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(document) = known.get(file) {
        return document.reply(headers);
    }
    let config = utoipa_swagger_ui::Config::new(["/openapi.json"]);
    let Ok(Some(found)) = utoipa_swagger_ui::serve(file, Arc::new(config)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let content_type = HeaderValue::try_from(found.content_type).ok();
    let content = if found.gzpipped { unzipped(&found.bytes) } else { Ok(found.bytes.into_owned()) };
    let (Some(content_type), Ok(content)) = (content_type, content) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let document = Arc::new(Document::new(content_type, content));
    known.insert(file.to_owned(), Arc::clone(&document));
    document.reply(headers)
}

fn unzipped(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut content)?;
    Ok(content)
}
