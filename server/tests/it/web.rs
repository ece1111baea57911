//! The pages: what is cached, what is refused, and what a program without pages says.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use jiff::tz::TimeZone;
use rust_embed::RustEmbed;
use tower::ServiceExt as _;

use crate::support::TestApp;

both! {
    a_page_is_asked_for_anew_and_allows_no_inline_script,
    a_page_names_the_zone_of_its_times,
    an_asset_is_kept_forever_in_the_form_the_caller_takes,
    what_is_no_page_is_not_answered_with_one,
    without_pages_the_server_says_how_to_build_them,
    the_service_has_its_own_answers_beside_the_pages,
}

#[derive(RustEmbed)]
#[folder = "tests/fixtures/pages/"]
struct Fixture;

const CONSOLE: &str =
    r#"<!doctype html><meta name="time-zone" content="Asia/Shanghai" /><title>console</title>"#;

#[derive(RustEmbed)]
#[folder = "tests/fixtures/none/"]
#[allow_missing = true]
struct Nothing;

fn pages<Files: RustEmbed + 'static>(app: &TestApp) -> Router {
    yuyue::web::pages_of::<Files>().with_state(app.app().clone())
}

async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = Request::get(path);
    if headers.iter().all(|(name, _)| *name != "host") {
        request = request.header("host", "yuyue.test:8080");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, headers, String::from_utf8(body.into()).unwrap())
}

async fn a_page_is_asked_for_anew_and_allows_no_inline_script(app: TestApp) {
    let pages = pages::<Fixture>(&app);
    for path in ["/console/", "/console/appointments", "/console/visitors/12"] {
        let (status, headers, body) = get(&pages, path, &[]).await;
        assert_eq!((status, body.trim()), (200, CONSOLE), "{path}");
        assert_eq!(headers["content-type"], "text/html; charset=utf-8");
        assert_eq!(headers["cache-control"], "no-cache");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("script-src 'self';") && policy.contains("style-src 'self';"), "{policy}");
        assert!(
            policy.ends_with("connect-src 'self' ws://yuyue.test:8080 wss://yuyue.test:8080"),
            "{policy}"
        );
        let tag = headers["etag"].to_str().unwrap();
        let (status, _, body) = get(&pages, path, &[("if-none-match", tag)]).await;
        assert_eq!((status, body.as_str()), (304, ""));
    }
    let (status, headers, _) = get(&pages, "/console", &[]).await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (308, "/console/"));
    assert!(get(&pages, "/", &[]).await.2.contains("<title>home</title>"));
    let odd = get(&pages, "/console/", &[("host", "evil; script-src *")]).await.1;
    assert!(odd["content-security-policy"].to_str().unwrap().ends_with("connect-src 'self'"), "{odd:?}");
}

async fn a_page_names_the_zone_of_its_times(app: TestApp) {
    let here = get(&pages::<Fixture>(&app), "/console/", &[]).await.1["etag"].clone();
    let there = app.again(|config| config.timezone = TimeZone::get("America/New_York").unwrap()).await;
    let known = [("if-none-match", here.to_str().unwrap())];
    let (status, headers, body) = get(&pages::<Fixture>(&there), "/console/", &known).await;
    assert_eq!((status, body.trim()), (200, CONSOLE.replace("Asia/Shanghai", "America/New_York").as_str()));
    assert_ne!(headers["etag"], here);
}

async fn an_asset_is_kept_forever_in_the_form_the_caller_takes(app: TestApp) {
    let pages = pages::<Fixture>(&app);
    let path = "/assets/one-abc123.js";
    for accepted in ["", "identity", "gzip", "br;q=0, gzip"] {
        let (status, headers, body) = get(&pages, path, &[("accept-encoding", accepted)]).await;
        assert_eq!((status, body.trim()), (200, "export const one = 1;"), "{accepted}");
        assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(headers["cache-control"], "public, max-age=31536000, immutable");
        assert_eq!(
            (headers.get("content-encoding"), &headers["vary"]),
            (None, &"accept-encoding".parse().unwrap())
        );
    }
    for accepted in ["br", "gzip, deflate, BR", "gzip;q=0.5, br;q=1.0"] {
        let (status, headers, body) = get(&pages, path, &[("accept-encoding", accepted)]).await;
        assert_eq!((status, body.trim()), (200, "compressed"), "{accepted}");
        assert_eq!(headers["content-encoding"], "br");
    }
}

async fn what_is_no_page_is_not_answered_with_one(app: TestApp) {
    let pages = pages::<Fixture>(&app);
    for path in [
        "/assets/two.js",
        "/assets/one-abc123.js.br",
        "/assets/../index.html",
        "/assets/..%2findex.html",
        "/console/favicon.ico",
        "/console/assets/one.js",
        "/kiosk/",
    ] {
        assert_eq!(get(&pages, path, &[]).await.0, 404, "{path}");
    }
}

async fn without_pages_the_server_says_how_to_build_them(app: TestApp) {
    let pages = pages::<Nothing>(&app);
    let (status, _, body) = get(&pages, "/", &[]).await;
    assert!(status == 200 && body.contains("make web"), "{body}");
    assert_eq!(get(&pages, "/console/", &[]).await.0, 404);
}

async fn the_service_has_its_own_answers_beside_the_pages(app: TestApp) {
    app.get("/").await.expect(200);
    let missing = app.get("/assets/missing.js").await.expect(404).json();
    assert_eq!(missing["detail"], "没有这个地址");
    app.post("/", serde_json::json!({})).await.expect(405);
}
