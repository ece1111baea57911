//! Every route on one screen; each handler's attribute says its method and path.

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{any, get, post};
use tower::util::MapRequest;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};
use tower_http::cors::CorsLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::error::Error;
use crate::http::envelope::{self, Product};
use crate::http::{log, made_once, openapi, ready};
use crate::{demo, homemaking, members, slots, staff, timing, visitors, web};

/// Spellings that work beside the documented one (contract, section 1).
pub const ALIASES: [(&str, &str); 4] = [
    ("/v1/available-hours/list", "/v1/avaliable-hours/list"),
    ("/v1/avaliable-minutes/list", "/avaliable-minutes/list"),
    ("/v1/available-minutes/list", "/avaliable-minutes/list"),
    ("/v1./sign-in", "/v1/sign-in"),
];

fn slots() -> OpenApiRouter<App> {
    use slots::{routes as r, socket};
    OpenApiRouter::new()
        .routes(routes!(r::days))
        .routes(routes!(r::hours))
        .routes(routes!(r::minutes))
        .routes(routes!(r::book))
        .routes(routes!(r::list))
        .routes(routes!(r::cancel))
        .routes(routes!(r::sign_in))
        .routes(routes!(r::staff_list))
        .routes(routes!(r::staff_sign_in_list))
        .routes(routes!(socket::sign_in_notify))
        .route(ALIASES[0].0, post(r::hours))
        .route(ALIASES[1].0, post(r::minutes))
        .route(ALIASES[2].0, post(r::minutes))
        .route(ALIASES[3].0, post(r::sign_in))
}

fn members() -> OpenApiRouter<App> {
    use members::routes as r;
    OpenApiRouter::new()
        .routes(routes!(r::send_code))
        .routes(routes!(r::log_in, r::log_out))
        .routes(routes!(r::me, r::change_me))
        .routes(routes!(r::change_password))
        .routes(routes!(r::shops))
        .routes(routes!(r::points))
}

fn visitors() -> OpenApiRouter<App> {
    use visitors::routes::{bindings as b, config as c, desk as d, images as i, records as r, visits as v};
    OpenApiRouter::new()
        .routes(routes!(b::employee_binding, b::bind_employee))
        .routes(routes!(b::visitor_binding, b::bind_visitor))
        .routes(routes!(b::unbind))
        .routes(routes!(b::any_binding))
        .routes(routes!(b::send_code))
        .routes(routes!(v::apply))
        .routes(routes!(v::purposes))
        .routes(routes!(r::visit_records))
        .routes(routes!(v::delete))
        .routes(routes!(r::auth_records))
        .routes(routes!(v::decide))
        .routes(routes!(d::sign_in))
        .routes(routes!(d::check_code))
        .routes(routes!(d::sign_out))
        .routes(routes!(c::servers, c::set_servers))
        .routes(routes!(c::templates, c::set_templates))
        .routes(routes!(i::qr_code))
        .routes(routes!(i::pass_page))
        .routes(routes!(i::avatar))
}

/// What visitors adds to the staff API and to logging in.
fn visitors_own() -> OpenApiRouter<App> {
    use visitors::routes::{bindings as b, config as c, notices as n, staff as s, wechat as w};
    OpenApiRouter::new()
        .routes(routes!(w::start))
        .routes(routes!(w::callback))
        .routes(routes!(w::session, w::end_session))
        .routes(routes!(w::end_sessions_of))
        .routes(routes!(s::visits))
        .routes(routes!(s::visits_file))
        .routes(routes!(s::on_site))
        .routes(routes!(s::on_site_file))
        .routes(routes!(s::scans_list))
        .routes(routes!(s::list_blocked, s::block))
        .routes(routes!(s::unblock))
        .routes(routes!(s::erase))
        .routes(routes!(b::bindings))
        .routes(routes!(b::end_binding))
        .routes(routes!(c::test_servers))
        .routes(routes!(n::show_notices, n::set_notices))
}

fn homemaking() -> OpenApiRouter<App> {
    use homemaking::payments::routes as p;
    use homemaking::routes::{
        files as f, orders as o, ratings as ra, refunds as rf, services as s, tokens as t, users as u,
    };
    OpenApiRouter::new()
        .routes(routes!(t::log_in))
        .routes(routes!(t::verify))
        .routes(routes!(t::categories))
        .routes(routes!(s::list))
        .routes(routes!(s::create))
        .routes(routes!(s::mine))
        .routes(routes!(s::count))
        .routes(routes!(s::show, s::act, s::edit))
        .routes(routes!(o::create))
        .routes(routes!(o::mine))
        .routes(routes!(o::count))
        .routes(routes!(o::show, o::act))
        .routes(routes!(o::history))
        .routes(routes!(p::notify))
        .routes(routes!(u::show, u::change))
        .routes(routes!(u::sign))
        .routes(routes!(u::default_avatar))
        .routes(routes!(f::picture))
        .routes(routes!(rf::ask, rf::mine))
        .routes(routes!(rf::under_way))
        .routes(routes!(rf::show, rf::act))
        .routes(routes!(rf::appeal))
        .routes(routes!(rf::history))
        .routes(routes!(ra::rate))
        .routes(routes!(ra::of_order))
        .routes(routes!(ra::of_service))
        .routes(routes!(ra::reply))
        // What is below it and unknown is answered as its document says.
        .route("/homemaking/{*path}", any(|| async { Error::unknown_path() }))
}

/// What takes longer than other requests, and is longer.
fn uploads() -> OpenApiRouter<App> {
    use homemaking::routes::files as f;
    OpenApiRouter::new().routes(routes!(f::upload)).layer(DefaultBodyLimit::max(f::LONGEST_BODY))
}

/// What homemaking adds to the staff API.
fn homemaking_own() -> OpenApiRouter<App> {
    use homemaking::payments::{routes as l, staff as p};
    use homemaking::routes::{moderation as m, staff as s};
    OpenApiRouter::new()
        .routes(routes!(s::list_services))
        .routes(routes!(s::review_service))
        .routes(routes!(s::list_orders))
        .routes(routes!(s::order_events))
        .routes(routes!(l::list_ledger))
        .routes(routes!(p::list_payments))
        .routes(routes!(p::settle_payment))
        .routes(routes!(s::list_enrolments, s::add_enrolment))
        .routes(routes!(s::delete_enrolment))
        .routes(routes!(m::list_refunds))
        .routes(routes!(m::decide_refund))
        .routes(routes!(m::list_ratings))
        .routes(routes!(m::review_rating))
}

fn staff() -> OpenApiRouter<App> {
    use staff::{accounts, audit, calendar, desk, members, messages, own, session, totp};
    OpenApiRouter::new()
        .routes(routes!(session::start_session, session::end_session, session::current_session))
        .routes(routes!(own::change_password))
        .routes(routes!(own::confirm))
        .routes(routes!(totp::set_up, totp::remove))
        .routes(routes!(desk::show_schedule, desk::replace_schedule))
        .routes(routes!(desk::search_appointments))
        .routes(routes!(desk::show_appointment))
        .routes(routes!(desk::cancel_for_holder))
        .routes(routes!(desk::show_stats))
        .routes(routes!(calendar::show_calendar))
        .routes(routes!(calendar::show_history))
        .routes(routes!(calendar::preview_schedule))
        .routes(routes!(members::list_members))
        .routes(routes!(members::give_points))
        .routes(routes!(members::add_test))
        .routes(routes!(members::list_brands, members::add_brand))
        .routes(routes!(members::list_shops, members::add_shop))
        .routes(routes!(messages::list_messages))
        .routes(routes!(messages::resend_message))
        .routes(routes!(accounts::list_staff, accounts::add_staff))
        .routes(routes!(accounts::change_staff))
        .routes(routes!(accounts::list_api_keys, accounts::add_api_key))
        .routes(routes!(accounts::delete_api_key))
        .routes(routes!(accounts::list_devices, accounts::add_device))
        .routes(routes!(accounts::delete_device))
        .routes(routes!(audit::list_audit))
}

fn demo() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(demo::messages)).routes(routes!(demo::faults))
}

fn operation() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(ready::readiness)).routes(routes!(metrics))
}

fn products(is_demo: bool) -> Vec<(Product, OpenApiRouter<App>)> {
    let mut products = vec![
        (Product::Slots, slots()),
        (Product::Members, members()),
        (Product::Visitors, visitors()),
        (Product::Own, visitors_own()),
        (Product::Homemaking, homemaking()),
        (Product::Own, homemaking_own()),
        (Product::Own, staff()),
    ];
    if is_demo {
        products.push((Product::Own, demo()));
    }
    products
}

/// The documentation of every route.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    let mut api = openapi::base();
    api.merge(operation().into_openapi());
    api.merge(uploads().into_openapi());
    for (_, routes) in products(true) {
        api.merge(routes.into_openapi());
    }
    openapi::complete(&mut api);
    api
}

/// Routes in the envelope of their product; whatever happens inside, a reply has its shape.
fn enveloped(product: Product, limit: Duration, routes: Router<App>) -> Router<App> {
    routes
        .method_not_allowed_fallback(|| async { Error::method_not_allowed() })
        .layer(from_fn(move |request: Request, next: Next| envelope::apply(product, limit, request, next)))
}

/// The whole service.
pub fn build(app: &App) -> Router {
    let rest = Router::from(operation()).route("/openapi.json", get(openapi::document));
    let rest = rest.fallback(|| async { Error::unknown_path() });
    let server = &app.config.server;
    let pages = openapi::viewer().merge(web::pages());
    let mut router = enveloped(Product::Own, server.request_timeout, rest.merge(pages));
    router = router.merge(enveloped(Product::Homemaking, server.upload_timeout, uploads().into()));
    for (product, routes) in products(app.demo.is_some()) {
        router = router.merge(enveloped(product, server.request_timeout, routes.into()));
    }
    let compression = CompressionLayer::new().gzip(true).br(true).compress_when(
        SizeAbove::new(1024)
            .and(NotForContentType::IMAGES)
            .and(NotForContentType::SSE)
            .and(made_once::is_not_ready),
    );
    if !app.config.server.cors_origins.is_empty() {
        router = router.layer(cors(&app.config.server.cors_origins));
    }
    let router = router
        .layer(map_response(secure))
        .layer(compression)
        .layer(from_fn_with_state(app.clone(), timing::before_request))
        .layer(from_fn_with_state(app.clone(), log::request))
        .with_state(app.clone());
    // Around the router, for its own layers only see a request whose path was found.
    Router::new().fallback_service(MapRequest::new(router, single_slashes))
}

/// Runs of slashes in a path count as one: clients join a base address that ends in one with paths that
/// begin with one.
fn single_slashes(mut request: Request) -> Request {
    let uri = request.uri();
    if !uri.path().contains("//") {
        return request;
    }
    let mut path = String::with_capacity(uri.path().len());
    for letter in uri.path().chars() {
        if letter != '/' || !path.ends_with('/') {
            path.push(letter);
        }
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    // Less of a valid path is a valid path.
    parts.path_and_query = path.parse().ok();
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request
}

/// Tells browsers what not to do with a reply, unless its handler has said otherwise.
async fn secure(mut response: Response) -> Response {
    for (name, value) in SECURITY_HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

const SECURITY_HEADERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    ),
];

fn cors(origins: &[String]) -> CorsLayer {
    let origins = origins.iter().filter_map(|origin| origin.parse().ok()).collect::<Vec<HeaderValue>>();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        // By name: browsers do not take `*` to include Authorization.
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::ACCEPT_LANGUAGE,
            header::IF_MATCH,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-device-key"),
            HeaderName::from_static(homemaking::caller::TOKEN),
        ])
        .expose_headers([HeaderName::from_static("x-request-id"), header::RETRY_AFTER, header::ETAG])
}

/// The process is up.
#[utoipa::path(get, path = "/healthz", tag = "operation", responses((status = 200, body = String)))]
async fn health() -> &'static str {
    "ok"
}

/// Metrics as Prometheus reads them.
#[utoipa::path(get, path = "/metrics", tag = "operation", responses((status = 200, body = String)))]
async fn metrics(State(app): State<App>) -> String {
    app.metrics.run_upkeep();
    app.metrics.render()
}
