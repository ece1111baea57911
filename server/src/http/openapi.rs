//! The OpenAPI 3.1 document and its viewer.

use axum::Json;
use axum::Router;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::app::App;
use crate::http::access::SESSION_COOKIE;
use crate::http::envelope::{HomemakingError, MembersError, Problem, SlotsError, VisitorsError};
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

pub(crate) async fn document() -> Json<OpenApi> {
    Json(api())
}

/// `/docs`: a viewer that is part of this program and loads nothing from elsewhere.
pub(crate) fn viewer() -> Router<App> {
    let config = utoipa_swagger_ui::Config::new(["/openapi.json"]);
    utoipa_swagger_ui::SwaggerUi::new("/docs").config(config).into()
}
