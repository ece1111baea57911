//! The OpenAPI 3.1 document and its viewer.

use axum::Json;
use axum::Router;
use utoipa::OpenApi as _;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, Required, ResponseBuilder, schema::Schema};

use crate::app::App;
use crate::http::envelope::{HomemakingError, MembersError, Problem, SlotsReply, VisitorsAnswer};
use crate::http::router::{self, ALIASES};

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Yuyue 预约",
        description = "Appointments (slots), members, visitors, home services, and the staff API. Every reply carries `X-Request-Id`. \
                       A POST that creates something honours `Idempotency-Key`.",
        license(name = "MIT OR Apache-2.0"),
    ),
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
    components(schemas(SlotsReply<Option<bool>>, VisitorsAnswer, MembersError, HomemakingError, Problem)),
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
    let cookie = ApiKeyValue::new(crate::http::access::SESSION_COOKIE);
    components.add_security_scheme("console", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    api
}

/// Adds what every operation has in common, and the aliases.
pub fn complete(api: &mut OpenApi) {
    for (alias, of) in ALIASES {
        let Some(item) = api.paths.paths.get(of).cloned() else { continue };
        api.paths.paths.insert(alias.to_owned(), item);
    }
    for (path, item) in &mut api.paths.paths {
        for (method, operation) in operations(item) {
            // Handlers of different products may have the same name, but an id must be unique.
            operation.operation_id = Some(format!("{method} {path}"));
            let tag = operation.tags.as_ref().and_then(|tags| tags.first()).cloned().unwrap_or_default();
            let (schema, media) = match tag.as_str() {
                "slots" => ("SlotsReply_Option_bool", "application/json"),
                "visitors" => ("VisitorsAnswer", "application/json"),
                "members" => ("MembersError", "application/json"),
                "homemaking" => ("HomemakingError", "application/json"),
                _ => ("Problem", "application/problem+json"),
            };
            let content: RefOr<Schema> = Ref::from_schema_name(schema).into();
            let content = ContentBuilder::new().schema(Some(content)).build();
            let response =
                ResponseBuilder::new().description("What went wrong").content(media, content).build();
            operation.responses.responses.insert("default".to_owned(), response.into());
            if tag == "slots" {
                operation.security = Some(any_credential());
            }
            if operation.responses.responses.contains_key("201") || CREATING.contains(&path.as_str()) {
                operation.parameters.get_or_insert_default().push(idempotency_key().into());
            }
        }
    }
}

/// Endpoints that create something, in products that answer 200 all the same.
const CREATING: [&str; 2] = ["/v1/make-appointment", "/v1/login/sms_code"];

/// None as documented; any of these with access enforced.
fn any_credential() -> Vec<SecurityRequirement> {
    let schemes = ["member", "device", "staff", "console"];
    let named = schemes.map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
    std::iter::once(SecurityRequirement::default()).chain(named).collect()
}

fn idempotency_key() -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(128));
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("A repeat with the same key and body gets the first reply again, for 24 hours"))
        .schema(Some(text))
        .build()
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem { get, post, put, delete, patch, .. } = item;
    let methods = [("get", get), ("post", post), ("put", put), ("delete", delete), ("patch", patch)];
    methods.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
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
