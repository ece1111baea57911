//! The pages: console, H5, kiosk and gate, built from `web/` and part of this program.
//!
//! A release holds them; a debug build reads them from `web/dist` at each request, so that a page
//! can be built anew without building the server.

use std::fmt::Write as _;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::app::App;
use crate::http::access::BaseUrl;

/// What `make web` built; nothing in a program that was built without it.
#[derive(RustEmbed)]
#[folder = "../web/dist/pages/"]
#[allow_missing = true]
struct Built;

/// Each has its pages below its own path; paths that are no files are the application's own.
pub const APPS: [&str; 4] = ["console", "h5", "kiosk", "gate"];

/// The zone that the pages name as they are built.
const WRITTEN_ZONE: &str = "Asia/Shanghai";

/// Shown where there are no pages.
const NOT_BUILT: &str = "\
预约服务正在运行，但此程序不含网页。安装 Node.js 18.19 或更新版本后运行 make web，再重新编译即可。接口文档：/docs

Yuyue is running, but this program was built without its web pages.
Install Node.js 18.19 or newer, run `make web`, and build it again. The API is described at /docs.
";

/// The routes of the pages.
pub fn pages() -> Router<App> {
    pages_of::<Built>()
}

/// The routes of other pages than those that are part of this program.
pub fn pages_of<Files: RustEmbed + 'static>() -> Router<App> {
    let mut router =
        Router::new().route("/", get(home::<Files>)).route("/assets/{file}", get(asset::<Files>));
    for app in APPS {
        let page = move |state: State<App>, base: BaseUrl, headers: HeaderMap| async move {
            page::<Files>(&format!("{app}/index.html"), &state, &base, &headers)
        };
        router = router
            .route(&format!("/{app}"), get(move || async move { Redirect::permanent(&format!("/{app}/")) }))
            .route(&format!("/{app}/"), get(page))
            .route(
                &format!("/{app}/{{*path}}"),
                get(move |Path(path): Path<String>, state, base, headers| async move {
                    if looks_like_a_file(&path) { missing() } else { page(state, base, headers).await }
                }),
            );
    }
    router
}

/// Links to the applications, or how to build them.
async fn home<Files: RustEmbed>(state: State<App>, base: BaseUrl, headers: HeaderMap) -> Response {
    if Files::get("index.html").is_some() {
        return page::<Files>("index.html", &state, &base, &headers);
    }
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], NOT_BUILT).into_response()
}

/// A page: always asked for anew, because it names the assets of one build. It tells the scripts in
/// which zone the times are that they get and send.
fn page<Files: RustEmbed>(name: &str, app: &App, base: &BaseUrl, headers: &HeaderMap) -> Response {
    let Some(file) = Files::get(name) else { return missing() };
    let zone = app.config.timezone.iana_name().unwrap_or(WRITTEN_ZONE);
    let tag = format!("\"{}-{zone}\"", hash(&file));
    let mut response = if has_already(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(String::from_utf8_lossy(&file.data).replace(WRITTEN_ZONE, zone)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(ETAG, tag);
    }
    if let Ok(policy) = HeaderValue::try_from(content_policy(&base.0)) {
        headers.insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Scripts, styles and images carry the hash of their content in their names.
async fn asset<Files: RustEmbed>(Path(name): Path<String>, headers: HeaderMap) -> Response {
    // The compressed forms have no names of their own.
    let is_asset = !name.contains('/') && !name.ends_with(".br") && !name.ends_with(".gz");
    let found = is_asset.then(|| file::<Files>(&format!("assets/{name}"), &headers)).flatten();
    let Some(mut response) = found else { return missing() };
    let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, forever);
    response
}

/// The file as the caller takes it: compressed ahead where that made it smaller, or 304.
fn file<Files: RustEmbed>(name: &str, headers: &HeaderMap) -> Option<Response> {
    let (file, encoding) = variant::<Files>(name, headers)?;
    let tag = format!("\"{}\"", hash(&file));
    let mut response = if has_already(headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(ETAG, HeaderValue::try_from(tag).ok()?);
    if let Some(encoding) = encoding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Some(response)
}

fn variant<Files: RustEmbed>(
    name: &str,
    headers: &HeaderMap,
) -> Option<(EmbeddedFile, Option<&'static str>)> {
    for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
        if takes(headers, encoding)
            && let Some(file) = Files::get(&format!("{name}.{ending}"))
        {
            return Some((file, Some(encoding)));
        }
    }
    Files::get(name).map(|file| (file, None))
}

/// Whether `encoding` is among those the caller takes, and not ruled out by `q=0`.
pub(crate) fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let lists = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|item| {
        let (name, quality) = item.split_once(';').unwrap_or((item, ""));
        let quality = quality.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case(encoding) && quality.is_ok_and(|quality| quality > 0.0)
    })
}

fn hash(file: &EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..16])
}

/// Whether the caller has what `tag` names.
pub(crate) fn has_already(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    tags.split(',').any(|other| other.trim().trim_start_matches("W/") == tag)
}

/// Pages have no dot in their paths; a missing file must not be answered with a page.
fn looks_like_a_file(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|last| last.contains('.'))
}

fn missing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}

/// Everything comes from this server, but for pictures that users name by their addresses. Charts
/// and components place elements by style attributes; style sheets are files, scripts too.
fn content_policy(base: &str) -> String {
    let mut policy = String::from(
        "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; \
         img-src 'self' data: blob: https:; font-src 'self' data:; media-src 'self' blob:; \
         manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         connect-src 'self'",
    );
    // Older browsers do not take 'self' to include WebSockets.
    let host = base.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".:-[]".contains(&byte);
    if !host.is_empty() && host.bytes().all(is_host) {
        let _ = write!(policy, " ws://{host} wss://{host}");
    }
    policy
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
