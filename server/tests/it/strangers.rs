//! What a stranger may cost: memory, connections and time are bounded, and nobody else feels it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use yuyue::config::Config;
use yuyue::http::body_memory::Held;
use yuyue::serve::Patience;

use crate::support::TestApp;
use crate::support::program::Program;
use crate::support::served::{Served, soon};

both! {
    what_announces_itself_too_long_is_refused_at_once,
    large_bodies_share_a_bounded_memory,
}

both! {
    enforced:
    who_calls_is_judged_before_a_body_is_asked_for,
}

// Nothing in these depends on the engine.
only_sqlite! {
    a_client_that_is_refused_keeps_its_connection,
    a_client_that_sends_much_sees_the_refusal,
    a_silent_connection_is_cut_off,
    one_address_holds_a_tenth_of_the_connections,
    screens_are_connections_too,
    a_client_that_takes_nothing_is_cut_off,
}

const IMPATIENT: Patience = Patience { head: Duration::from_millis(300), write: Duration::from_millis(300) };
/// Waits for nobody, and counts the addresses of this machine like any other.
const PATIENT: Patience = Patience { head: Duration::from_secs(60), write: Duration::from_secs(60) };

/// Who has no credential yet, or needs none.
const PUBLIC: [&str; 16] = [
    "post /v1/login/sms_code",
    "post /v1/login/token",
    "post /admin/v1/session",
    "post /homemaking/v1/token",
    "post /homemaking/v1/token/verify",
    "post /homemaking/v1/payment/notify",
    "post /v1/binding/sms_code",
    // A code of WeChat's in the body may say who it is.
    "post /v1/subject/binding",
    "post /v1/visitor/binding",
    "post /homemaking/v1/file",
    "post /demo/faults",
    // These have no body.
    "get /auth/session",
    "delete /auth/session",
    "get /auth/wechat/start",
    "get /auth/wechat/callback",
    "get /demo/messages",
];

/// Sends no more than this, and reads the reply's status and head.
async fn answered(address: SocketAddr, request: &[u8]) -> (TcpStream, u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let (status, head) = soon("a reply", head(&mut stream)).await;
    (stream, status, head)
}

async fn head(stream: &mut TcpStream) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head)
}

fn head_of(method: &str, path: &str, length: usize, more: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nHost: yuyue.test\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n"
    )
}

async fn who_calls_is_judged_before_a_body_is_asked_for(app: TestApp) {
    let served = app.serve().await;
    let document = serde_json::to_value(yuyue::http::openapi::api()).unwrap();
    let (mut judged, mut public) = (0, 0);
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {path}");
            let is_open = operation["tags"][0] == "operation" || path.starts_with("/homemaking/storage/");
            if is_open || ["{name}", "{token}", "{file}"].iter().any(|part| path.contains(part)) {
                continue;
            }
            let path = path.replace("{id}", "1").replace("{weixinUserId}", "wx");
            let method = method.to_uppercase();
            // Eight megabytes are announced, none is sent, and none must be asked for.
            let request = head_of(&method, &path, 8 << 20, "Expect: 100-continue\r\n");
            if PUBLIC.contains(&name.as_str()) {
                public += 1;
                if name != "post /homemaking/v1/file" && method == "POST" {
                    assert_eq!(answered(served.address, request.as_bytes()).await.1, 413, "{name}");
                }
                continue;
            }
            if is_public(&app, &method, &path).await {
                assert_eq!(method, "GET", "{name} asks nobody who they are");
                continue;
            }
            let (_, status, head) = answered(served.address, request.as_bytes()).await;
            assert_eq!(status, 401, "{name}: {head}");
            assert!(head.to_lowercase().contains("connection: close"), "{name}: {head}");
            judged += 1;
        }
    }
    assert!(judged > 60 && public == PUBLIC.len(), "{judged} {public}");
    served.stopped().await;
}

/// Whether an operation that takes no body answers anybody: lists of services, pictures, documents.
async fn is_public(app: &TestApp, method: &str, path: &str) -> bool {
    method == "GET" && app.get(path).await.status != 401
}

async fn what_announces_itself_too_long_is_refused_at_once(app: TestApp) {
    let served = app.serve().await;
    for (path, length) in [
        ("/v1/subject", 24_000_000),
        ("/v1/make-appointment", (1 << 20) + 1),
        ("/v1/login/token", 24_000_000),
        ("/homemaking/v1/token", 24_000_000),
        ("/homemaking/v1/file", 60_000_000),
        ("/homemaking/v1/payment/notify", 24_000_000),
    ] {
        let mut request = head_of("POST", path, length, "").into_bytes();
        request.extend_from_slice(&[b' '; 1_000]);
        let (_, status, head) = answered(served.address, &request).await;
        assert_eq!(status, 413, "{path}: {head}");
        assert!(head.to_lowercase().contains("connection: close"), "{path}: {head}");
    }
    served.stopped().await;
}

async fn large_bodies_share_a_bounded_memory(app: TestApp) {
    let all = app.body_memory.free();
    let take = |host: &str, bytes: usize| {
        let mut held = Held::default();
        app.body_memory.share(host.parse().unwrap()).take(bytes, &mut held).unwrap();
        held
    };
    let apply = |app: &TestApp, padding: usize| {
        let (app, body) = (app.clone(), format!("{{\"photo\":\"{}\"}}", "x".repeat(padding)));
        async move { app.send(Method::POST, "/v1/subject", body).await }
    };
    let first = take("127.0.0.1", (64 << 20) - 100_000);
    assert_eq!(apply(&app, 60_000).await.expect(200).json()["code"], 400, "a small one is not counted");
    let refused = apply(&app, 200_000).await.expect(429);
    assert_eq!(refused.header("retry-after"), "1");
    let other = app.at_address("192.0.2.9");
    assert_eq!(apply(&other, 200_000).await.expect(200).json()["code"], 400);
    let others = ["192.0.2.1", "192.0.2.2", "192.0.2.3"].map(|host| take(host, 64 << 20));
    assert_eq!(apply(&other, 200_000).await.expect(503).header("retry-after"), "1");
    drop((first, others));
    assert_eq!(apply(&app, 200_000).await.expect(200).json()["code"], 400);
    // One that breaks off gives back what it held.
    let broken = futures_util::stream::iter([Ok(vec![b'x'; 100_000]), Err(std::io::Error::other("gone"))]);
    let broken = app.send(Method::POST, "/v1/subject", Body::from_stream(broken)).await;
    assert_eq!(broken.json()["code"], 400, "{broken:?}");
    assert_eq!(app.body_memory.free(), all);
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().pool_max_idle_per_host(1).tls_certs_only([]).build().unwrap()
}

async fn a_client_that_is_refused_keeps_its_connection(app: TestApp) {
    const CALLS: usize = 2_000;
    let app = app.again_in(yuyue::app::Mode::Enforced, |_| ()).await;
    let served = app.serve().await;
    let (client, url) = (client(), format!("http://{}/v1/subject", served.address));
    let body = json!({ "photo": "x".repeat(40_000) }).to_string();
    for call in 0..CALLS {
        let post = client.post(&url).header("content-type", "application/json").body(body.clone());
        let reply =
            soon("a reply", post.send()).await.unwrap_or_else(|error| panic!("call {call}: {error:?}"));
        assert_eq!(reply.status(), 401);
        assert_eq!(soon("its body", reply.json::<Value>()).await.unwrap()["code"], 401);
    }
    served.stopped().await;
}

async fn a_client_that_sends_much_sees_the_refusal(app: TestApp) {
    let app = app.again_in(yuyue::app::Mode::Enforced, |_| ()).await;
    let served = app.serve().await;
    let (client, url) = (client(), format!("http://{}/v1/subject", served.address));
    for _ in 0..50 {
        let post = client.post(&url).body(vec![b' '; 6 << 20]);
        let reply = soon("a reply", post.send()).await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), &reply.headers()["connection"]),
            (401, &"close".parse().unwrap())
        );
    }
    served.stopped().await;
}

async fn a_silent_connection_is_cut_off(app: TestApp) {
    let served = app.serve_with(IMPATIENT).await;
    let mut silent = TcpStream::connect(served.address).await.unwrap();
    let mut halting = TcpStream::connect(served.address).await.unwrap();
    halting.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").await.unwrap();
    for stream in [&mut silent, &mut halting] {
        let mut rest = Vec::new();
        let _ = soon("it is closed", stream.read_to_end(&mut rest)).await;
        assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
    }
    served.stopped().await;
}

/// Whether the server answers a call from this address; it does not when it closes the connection.
async fn is_served(served: &Served, host: &str) -> bool {
    let Ok(mut stream) = served.connect_from(host).await else { return false };
    let call = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let mut reply = Vec::new();
    let answered = async {
        stream.write_all(call).await?;
        stream.read_to_end(&mut reply).await
    };
    soon("an answer or the end", answered).await.is_ok() && reply.starts_with(b"HTTP/1.1 200")
}

/// Until the server has noticed that somebody is gone.
async fn becomes_served(served: &Served, host: &str) {
    soon("it is served", async {
        while !is_served(served, host).await {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Takes few connections, and counts those of this machine like any other's.
fn small(config: &mut Config, most: usize) {
    config.server.max_connections = most;
    config.server.trusted_proxies.clear();
}

async fn one_address_holds_a_tenth_of_the_connections(app: TestApp) {
    let served = app.again(|config| small(config, 200)).await.serve_with(PATIENT).await;
    let mut silent = Vec::new();
    for _ in 0..2_000 {
        let mut stream = served.connect_from("127.0.0.2").await.unwrap();
        // The first twenty stay; the others are closed at once, which is waited for to save files.
        if silent.len() < 20 {
            silent.push(stream);
        } else {
            let _ = soon("it is closed at once", stream.read(&mut [0])).await;
        }
    }
    assert!(!is_served(&served, "127.0.0.2").await);
    assert!(is_served(&served, "127.0.0.3").await, "others do not feel it");
    silent.truncate(10);
    becomes_served(&served, "127.0.0.2").await;
    served.stopped().await;

    // This machine's own connections, such as its proxy's, are nobody's in particular.
    let small = app.again(|config| config.server.max_connections = 200).await;
    let served = small.serve().await;
    let mut own = Vec::new();
    for _ in 0..100 {
        own.push(served.connect_from("127.0.0.2").await.unwrap());
    }
    assert!(is_served(&served, "127.0.0.2").await);
    served.stopped().await;
    let proxied = app.again(|config| {
        config.server.max_connections = 20;
        config.server.trusted_proxies = vec!["127.0.0.2/32".parse().unwrap()];
    });
    let served = proxied.await.serve_with(PATIENT).await;
    let mut own = Vec::new();
    for _ in 0..10 {
        own.push(served.connect_from("127.0.0.2").await.unwrap());
    }
    assert!(is_served(&served, "127.0.0.2").await);
    served.stopped().await;
}

async fn screens_are_connections_too(app: TestApp) {
    let served = app.again(|config| small(config, 20)).await.serve_with(PATIENT).await;
    let first = served.screen_at("127.0.0.2").await.unwrap();
    let _second = served.screen_at("127.0.0.2").await.unwrap();
    assert!(served.screen_at("127.0.0.2").await.is_err());
    assert!(!is_served(&served, "127.0.0.2").await);
    let _other = served.screen_at("127.0.0.3").await.unwrap();
    drop(first);
    becomes_served(&served, "127.0.0.2").await;
    served.stopped().await;
}

async fn a_client_that_takes_nothing_is_cut_off(app: TestApp) {
    let patience = Patience { head: PATIENT.head, ..IMPATIENT };
    let served = app.again(|config| small(config, 10)).await.serve_with(patience).await;
    let mut greedy = served.connect_from("127.0.0.2").await.unwrap();
    let call = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    greedy.write_all(&call).await.unwrap();
    assert!(!is_served(&served, "127.0.0.2").await, "its only place is taken");
    becomes_served(&served, "127.0.0.2").await;
    served.stopped().await;
}

const MIB: usize = 1 << 20;

/// Bodies as large as they may be, of what takes the most room when it is read.
fn hostile_bodies() -> Vec<(&'static str, &'static str, String)> {
    let filled = |start: &str, part: &str, end: &str, size: usize| {
        format!("{start}{}{end}", part.repeat((size - start.len() - end.len()) / part.len()))
    };
    let apply = "/v1/subject";
    let scan = "/v1/visit/qrcode";
    vec![
        (apply, "objects", filled("{\"group_ids\":[0", ",{\"a\":{}}", "]}", 8 * MIB)),
        (apply, "depth", filled("{\"group_ids\":", "[", "", 8 * MIB)),
        (
            apply,
            "companions",
            filled("{\"retinues\":[{}", ",{\"name\":\"a\",\"phone\":\"12345\"}", "]}", 8 * MIB),
        ),
        (apply, "escapes", filled("{\"name\":\"", "\\n", "\"}", 8 * MIB)),
        (apply, "text", filled("{\"name\":\"", "xyz\\t", "\"}", 8 * MIB)),
        (apply, "ignored", filled("{\"a\":1", ",\"b\":[[],{}]", "}", 8 * MIB)),
        (apply, "ignored depth", filled("{\"a\":", "{\"a\":", "", 8 * MIB)),
        (apply, "name of a field", filled("{\"", "\\t\\n", "\":1}", 8 * MIB)),
        (scan, "objects", filled("{\"qrcode\":[0", ",{\"a\":{}}", "]}", MIB)),
        (scan, "text", filled("{\"qrcode\":\"", "\\n", "\"}", MIB)),
    ]
}

fn in_chunks(path: &str, body: &str) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    for start in (0..body.len()).step_by(100_000) {
        let chunk = &body[start..body.len().min(start + 100_000)];
        request += &format!("{:x}\r\n{chunk}\r\n", chunk.len());
    }
    (request + "0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn no_request_takes_more_than_three_times_its_body() {
    let program = Program::demo().await;
    let address = program.address.parse().unwrap();
    let send = |request: Vec<u8>| async move {
        let (_, status, head) = answered(address, &request).await;
        assert!(status == 200 || status == 404, "{head}");
    };
    // What any large request leaves behind once, such as threads.
    send(in_chunks("/v1/subject", &format!("{{\"a\":\"{}\"}}", "x".repeat(7 * MIB)))).await;
    for (path, what, body) in hostile_bodies() {
        let whole = (head_of("POST", path, body.len(), "") + &body).into_bytes();
        for (how, request) in [("whole", whole), ("in chunks", in_chunks(path, &body))] {
            program.forget_peak();
            let (before, _) = program.memory();
            send(request).await;
            let (_, peak) = program.memory();
            let more = peak.saturating_sub(before);
            println!("{path} {what} {how}: {} KiB", more >> 10);
            assert!(more <= 3 * body.len() + MIB, "{path}, {what} {how}: {more} bytes for {}", body.len());
        }
    }
    assert_eq!(program.stopped().await, Some(0));
}

#[tokio::test]
async fn a_screen_takes_little_memory() {
    const SCREENS: usize = 400;
    let program = Program::demo().await;
    let url = format!("ws://{}/ws/signin-notify", program.address);
    let mut screens = Vec::new();
    let mut before = 0;
    for number in 0..SCREENS + 20 {
        if number == 20 {
            (before, _) = program.memory();
        }
        let connected = soon("the handshake", tokio_tungstenite::connect_async(&url)).await;
        screens.push(connected.unwrap());
    }
    let (after, _) = program.memory();
    let each = after.saturating_sub(before) / SCREENS;
    println!("{each} bytes a screen");
    assert!(each < 48 << 10, "{each} bytes");
    assert_eq!(program.stopped().await, Some(0));
}
