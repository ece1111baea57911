//! What holds for every product: health, headers, sizes, faults, and stopping.

use std::fs::File;
use std::sync::mpsc;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use yuyue::clock::SECOND;
use yuyue::error::Error;
use yuyue::secrets::KEY_FILE;

use crate::support::TestApp;
use crate::support::booking::booking;
use crate::support::database::administer;
use crate::support::program::Program;
use crate::support::served::soon;

both! {
    the_process_and_its_database_are_up,
    every_reply_has_the_headers_of_the_house,
    an_unknown_path_is_a_problem,
    a_wrong_method_is_told_in_the_products_words,
    what_is_not_json_is_refused,
    a_body_has_a_largest_size,
    a_request_that_takes_too_long_is_cut_off,
    a_panic_is_a_proper_reply,
    a_broken_database_shows_no_internals,
    large_replies_are_compressed,
    other_origins_are_let_in_by_setting_only,
    a_stop_lets_a_request_under_way_finish,
    a_stop_does_not_wait_forever,
    a_stop_does_not_wait_for_a_database_that_stands_still,
    expensive_documents_are_told_apart_by_their_tags,
    a_database_that_takes_no_writes_is_not_ready,
}

only_postgres! {
    without_its_database_the_server_is_up_but_not_ready,
    no_log_level_shows_the_parameters_of_statements,
}

fn problem(status: u16) -> Value {
    let title = axum::http::StatusCode::from_u16(status).unwrap().canonical_reason();
    json!({ "type": "about:blank", "title": title, "status": status })
}

impl crate::support::wire::Answer {
    #[track_caller]
    fn expect_problem(&self, status: u16) {
        let mut body = self.json();
        let detail = body.as_object_mut().unwrap().remove("detail").unwrap();
        assert!(detail.as_str().is_some_and(|detail| !detail.is_empty()), "{self:?}");
        assert_eq!((self.status.as_u16(), body), (status, problem(status)), "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
    }
}

async fn the_process_and_its_database_are_up(app: TestApp) {
    assert_eq!(app.get("/healthz").await.expect(200).body, "ok");
    assert_eq!(app.get("/readyz").await.expect(200).body, "ready");
    assert_eq!(app.send(Method::HEAD, "/healthz", "").await.expect(200).body, "");
    app.get("/metrics").await.expect(200);
    assert_eq!(app.get("/openapi.json").await.expect(200).json()["openapi"], "3.1.0");
}

async fn without_its_database_the_server_is_up_but_not_ready(app: TestApp) {
    let (server, name) = app.home().server();
    administer(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
    administer(server, &end);
    app.get("/healthz").await.expect(200);
    let answer = app.get("/readyz").await;
    answer.expect_problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    let answer = app.book(booking("o-1", 10, 0)).await.expect(503);
    assert_eq!((&answer.json()["error_no"], answer.header("retry-after")), (&json!(503), "1"));
    administer(server, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
    app.get("/readyz").await.expect(200);
    app.booked(booking("o-1", 10, 0)).await;
}

async fn every_reply_has_the_headers_of_the_house(app: TestApp) {
    let answers = [
        app.get("/healthz").await,
        app.get("/nowhere").await,
        app.get("/docs").await,
        app.post("/v1/available-days/list", json!({})).await,
        app.get("/v1/accounts/me").await,
        app.get("/ws/signin-notify").await,
    ];
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert!(answer.header("content-security-policy").contains("default-src 'self'"));
        assert!(!answer.header("cache-control").is_empty());
        assert_eq!(answer.header("server"), "");
    }
    let (one, two) = (app.get("/healthz").await, app.with("x-request-id", "mine").get("/healthz").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
}

async fn an_unknown_path_is_a_problem(app: TestApp) {
    for path in ["/v1", "/v1/sign-in/", "/V1/sign-in", "/v1/nothing", "/%00", "/admin/v1/nothing", "/..%2f"] {
        app.get(path).await.expect_problem(404);
        app.post(path, json!({})).await.expect_problem(404);
    }
    let english = app.with("accept-language", "en").get("/nowhere").await;
    assert_eq!(english.json()["detail"], "there is nothing at this path");
}

async fn a_wrong_method_is_told_in_the_products_words(app: TestApp) {
    let slots = app.get("/v1/make-appointment").await.expect(405);
    assert_eq!((slots.json()["error_no"].as_i64(), slots.header("allow")), (Some(405), "POST"));
    let members = app.post("/v1/accounts/me", json!({})).await.expect(405);
    assert_eq!(members.code(), (405, "Request.MethodNotAllowed".into()));
    app.post("/healthz", json!({})).await.expect_problem(405);
    app.send(Method::from_bytes(b"BREW").unwrap(), "/v1/sign-in", "").await.expect(405);
    app.send(Method::OPTIONS, "/v1/sign-in", "").await.expect(405);
}

async fn what_is_not_json_is_refused(app: TestApp) {
    for other in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "x",
        "application/jsonp",
    ] {
        let answer = app.with("content-type", other).book(booking("o-1", 10, 0)).await.expect(415);
        assert_eq!(answer.json()["error_no"], 415);
        let login = app.with("content-type", other).post("/v1/login/sms_code", json!({})).await.expect(415);
        assert_eq!(login.code().1, "Request.UnsupportedMediaType");
    }
    for json_type in ["application/json", "APPLICATION/JSON;charset=utf-8", "application/merge-patch+json"] {
        app.with("content-type", json_type).hours("2021-10-01").await;
    }
}

async fn a_body_has_a_largest_size(app: TestApp) {
    const MIB: usize = 1 << 20;
    let day = json!({ "day": "2021-10-01" }).to_string();
    let padded = |size: usize| format!("{day}{}", " ".repeat(size - day.len()));
    let path = "/v1/avaliable-hours/list";
    app.send(Method::POST, path, padded(MIB)).await.data();
    let answer = app.send(Method::POST, path, padded(MIB + 1)).await.expect(413);
    assert_eq!(answer.json()["error_no"], 413);
    let chunks = futures_util::stream::iter((0..200).map(|_| Ok::<_, std::io::Error>("x".repeat(8_192))));
    let endless = Body::from_stream(chunks);
    assert_eq!(
        app.send(Method::POST, "/v1/login/token", endless).await.expect(413).code().1,
        "Request.TooLarge"
    );
}

/// Keeps all of the database's threads busy until it is dropped.
struct Busy {
    _releases: Vec<mpsc::Sender<()>>,
}

impl Busy {
    async fn start(app: &TestApp) -> Self {
        let mut releases = Vec::new();
        for _ in 0..app.config.database.connections {
            let (release, released) = mpsc::channel::<()>();
            let (entered, enters) = tokio::sync::oneshot::channel();
            let entered = std::sync::Mutex::new(Some(entered));
            let (db, released) = (app.db.clone(), std::sync::Mutex::new(released));
            tokio::spawn(async move {
                let block = move |_: &mut yuyue_db::Tx<'_>| {
                    let _ = entered.lock().unwrap().take().map(|entered| entered.send(()));
                    let _ = released.lock().unwrap().recv();
                    Ok::<_, Error>(())
                };
                db.write("test.block", block).await
            });
            releases.push(release);
            // The embedded engine has one writer: the other blocks wait behind the first.
            if app.home().is_server() || releases.len() == 1 {
                soon("a thread is busy", enters).await.unwrap();
            }
        }
        Self { _releases: releases }
    }
}

async fn a_request_that_takes_too_long_is_cut_off(app: TestApp) {
    let hasty =
        app.again(|config| config.server.request_timeout = std::time::Duration::from_millis(50)).await;
    let busy = Busy::start(&hasty).await;
    let booking = soon("the reply", hasty.book(booking("o-1", 10, 0))).await.expect(503);
    assert_eq!((&booking.json()["error_no"], &booking.json()["data"]), (&json!(503), &Value::Null));
    assert_eq!(booking.header("retry-after"), "1");
    let wanted = json!({ "mobile": "13333333333" });
    let code = soon("the reply", hasty.post("/v1/login/sms_code", wanted)).await.expect(503);
    assert_eq!(code.json()["error"], "Server.Unavailable");
    drop(busy);
    app.leaves_messages();
}

async fn a_database_that_takes_no_writes_is_not_ready(app: TestApp) {
    let hasty =
        app.again(|config| config.server.request_timeout = std::time::Duration::from_millis(400)).await;
    hasty.get("/readyz").await.expect(200);
    let busy = Busy::start(&hasty).await;
    app.clock.advance(SECOND);
    let answer = soon("the reply", hasty.get("/readyz")).await;
    answer.expect_problem(503);
    assert_eq!(answer.header("retry-after"), "1");
    hasty.get("/healthz").await.expect(200);
    drop(busy);
    soon("it heals", async {
        while hasty.get("/readyz").await.status != 200 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// The demo writes its shops' telephone numbers as it starts.
async fn no_log_level_shows_the_parameters_of_statements(app: TestApp) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(app.config.data_dir.join(KEY_FILE), folder.path().join(KEY_FILE)).unwrap();
    let log = folder.path().join("log");
    let program = Program::start(|command| {
        command
            .args(["--database-url", &app.database_url(), "--data-dir"])
            .arg(folder.path())
            .env("YUYUE_LOG__LEVEL", "trace,tokio_postgres::query=trace")
            .stderr(File::create(&log).unwrap());
    });
    assert_eq!(program.await.stopped().await, Some(0));
    let told = std::fs::read_to_string(&log).unwrap();
    assert!(told.contains("TRACE") || told.contains("DEBUG"), "nothing was told at all: {told}");
    assert!(!told.contains("010-88880001") && !told.contains("parameters"), "{told}");
    let shops = app.number("SELECT count(*) AS value FROM shop").await;
    assert!(shops > 0);
    app.leaves_messages();
}

async fn a_panic_is_a_proper_reply(app: TestApp) {
    // The one way to make a handler of this program panic: a time that no calendar has, in a build
    // that checks arithmetic.
    if !cfg!(debug_assertions) {
        return;
    }
    let now = app.clock.now().at;
    app.clock.advance(-now);
    app.clock.advance(i64::MIN);
    let answer = app.post("/admin/appointment/list", json!({})).await.expect(500);
    let body = answer.json();
    assert_eq!((&body["error_no"], &body["data"]), (&json!(500), &Value::Null));
    assert_eq!(body["error_msg"], "服务器内部错误");
    app.clock.advance(i64::MAX);
    app.clock.advance(now + 1);
    app.post("/admin/appointment/list", json!({})).await.data();
}

async fn a_broken_database_shows_no_internals(app: TestApp) {
    app.loses_tables();
    app.execute("DROP TABLE appointment").await;
    app.execute("DROP TABLE sms_code").await;
    let answer = app.post("/v1/appointment/list", json!({ "open_id": "o-1" })).await.expect(500);
    assert_eq!(answer.json()["error_msg"], "服务器内部错误");
    assert_eq!(answer.json()["error_no"], 500);
    let wanted = json!({ "mobile": "13333333333" });
    let answer = app.with("accept-language", "en").post("/v1/login/sms_code", wanted).await.expect(500);
    let expected = json!({ "code": 500, "message": "internal error", "error": "Server.Internal" });
    assert_eq!(answer.json(), expected);
}

async fn large_replies_are_compressed(app: TestApp) {
    let plain = app.get("/openapi.json").await.expect(200);
    assert_eq!(plain.header("content-encoding"), "");
    let gzip = app.with("accept-encoding", "gzip").get("/openapi.json").await.expect(200);
    assert_eq!((gzip.header("content-encoding"), &gzip.body[..2]), ("gzip", [0x1f, 0x8b].as_slice()));
    let brotli = app.with("accept-encoding", "gzip, br").get("/openapi.json").await.expect(200);
    assert_eq!(brotli.header("content-encoding"), "br");
    assert!(brotli.body.len() * 4 < plain.body.len());
    let small = app.with("accept-encoding", "gzip, br").post("/v1/available-days/list", json!({})).await;
    assert_eq!(small.header("content-encoding"), "");
    small.data();
}

async fn other_origins_are_let_in_by_setting_only(app: TestApp) {
    let preflight = |app: &TestApp, origin: &str| {
        let app = app.with("origin", origin).with("access-control-request-method", "POST");
        async move { app.send(Method::OPTIONS, "/v1/make-appointment", "").await }
    };
    let closed = preflight(&app, "https://a.example").await;
    assert_eq!(closed.header("access-control-allow-origin"), "");
    let open = app.again(|config| config.server.cors_origins = vec!["https://a.example".into()]).await;
    let allowed = preflight(&open, "https://a.example").await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://a.example");
    let answer = open.with("origin", "https://a.example").post("/v1/available-days/list", json!({})).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://a.example");
    assert!(answer.header("access-control-expose-headers").contains("x-request-id"));
    let other = preflight(&open, "https://b.example").await;
    assert_eq!(other.header("access-control-allow-origin"), "");
    assert_eq!(other.header("access-control-allow-credentials"), "");
}

/// Sends a booking's headers over a real connection and waits until its handler asks for the body.
async fn request_under_way(address: std::net::SocketAddr, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/make-appointment HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    soon("the handler reads", stream.read_exact(&mut go_on)).await.unwrap();
    assert_eq!(go_on, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

async fn a_stop_lets_a_request_under_way_finish(app: TestApp) {
    let mut served = app.serve().await;
    let mut screen = served.screen("").await;
    let body = booking("o-1", 10, 0).to_string();
    let mut stream = request_under_way(served.address, &body).await;
    served.tell_to_stop();
    soon("new connections are refused", async {
        while TcpStream::connect(served.address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut reply = String::new();
    soon("the reply", stream.read_to_string(&mut reply)).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains(r#""error_no":0"#), "{reply}");
    served.stopped().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM appointment").await, 1);
    screen.say("still here").await;
}

async fn a_stop_does_not_wait_forever(app: TestApp) {
    let short =
        app.again(|config| config.server.shutdown_timeout = std::time::Duration::from_millis(100)).await;
    let served = short.serve().await;
    let _never_sends_its_body = request_under_way(served.address, &booking("o-1", 10, 0).to_string()).await;
    let _idle = TcpStream::connect(served.address).await.unwrap();
    served.stopped().await;
}

async fn a_stop_does_not_wait_for_a_database_that_stands_still(app: TestApp) {
    let within = std::time::Duration::from_secs(2);
    let short = app.again(|config| config.server.shutdown_timeout = within).await;
    let served = short.serve().await;
    let busy = Busy::start(&short).await;
    let scan = yuyue::visitors::scans::Scan {
        at: 0,
        device_id: None,
        device: String::new(),
        visit_id: None,
        person_id: None,
        verdict: 0,
    };
    yuyue::visitors::scans::log(&short, scan).await.unwrap();
    let begun = std::time::Instant::now();
    served.stopped().await;
    assert!(begun.elapsed() < within + std::time::Duration::from_secs(1), "{:?}", begun.elapsed());
    drop(busy);
}

async fn expensive_documents_are_told_apart_by_their_tags(app: TestApp) {
    for path in ["/openapi.json", "/docs/", "/docs/swagger-ui-bundle.js", "/docs/swagger-initializer.js"] {
        let plain = app.get(path).await.expect(200);
        assert!(
            plain.header("etag").starts_with('"') && plain.header("cache-control") == "no-cache",
            "{path}"
        );
        let zipped = app.with("accept-encoding", "gzip").get(path).await.expect(200);
        assert_eq!((zipped.header("content-encoding"), zipped.header("vary")), ("gzip", "accept-encoding"));
        assert_eq!(
            (zipped.header("etag"), zipped.header("content-type")),
            (plain.header("etag"), plain.header("content-type"))
        );
        // Nobody makes the server compress it anew.
        let any = app.with("accept-encoding", "*").get(path).await.expect(200);
        assert_eq!((any.header("content-encoding"), &any.body), ("", &plain.body));
        let known = app.with("if-none-match", plain.header("etag")).get(path).await.expect(304);
        assert!(known.body.is_empty());
    }
    assert_eq!(app.get("/docs").await.expect(303).header("location"), "/docs/");
    app.get("/docs/nothing.js").await.expect_problem(404);
}

/// The program itself, as an operator runs it.
#[tokio::test]
async fn the_demo_serves_tells_its_metrics_and_stops_when_told() {
    let program = Program::demo().await;
    let get = |path: &'static str| {
        let address = program.address.clone();
        async move {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut reply = String::new();
            soon(path, stream.read_to_string(&mut reply)).await.unwrap();
            assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
            reply
        }
    };
    get("/readyz").await;
    let metrics = get("/metrics").await;
    assert!(metrics.contains("yuyue_http_request_seconds"), "{metrics}");
    assert!(metrics.contains("yuyue_connections_refused_total 0"), "{metrics}");
    assert!(metrics.contains("\nyuyue_ledger_differences 0\n"), "from the start: {metrics}");
    assert!(metrics.contains(r#"route="/readyz""#) && metrics.contains(r#"status="2xx""#), "{metrics}");
    assert_eq!(program.stopped().await, Some(0));
}
