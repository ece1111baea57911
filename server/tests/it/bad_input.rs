//! Whatever is sent to any operation, the reply is a proper one and a refusal changes nothing.
//!
//! Requests are built from the OpenAPI document: mostly right, with something wrong somewhere, so
//! that they get past the first check of a handler.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{HeaderName, HeaderValue};
use axum::http::{Method, Request, Uri};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any};
use proptest::sample::{Index, select};
use proptest::strategy::BoxedStrategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};
use yuyue::app::Mode;
use yuyue::ids::fingerprint;
use yuyue::slots::schedule::{ExtraDate, TimeOfDay};
use yuyue::staff::{DeviceKind, Role};

use crate::support::TestApp;
use crate::support::booking::booking;
use crate::support::served::soon;
use crate::support::wire::Answer;

both! {
    anything_at_all_gets_a_proper_reply,
    every_operation_refuses_the_usual_nonsense,
    nul_and_broken_unicode_are_refused_wherever_they_stand,
}

both! {
    enforced:
    anything_at_all_gets_a_proper_reply_in_enforced_mode,
}

/// Enough for each operation to be met by each kind of fault, few enough for every run of the suite.
const CASES: u32 = 400;

/// One operation of the OpenAPI document.
#[derive(Clone, Debug)]
struct Operation {
    method: Method,
    path: String,
    tag: String,
    /// Names and right values of the body's fields; none without a body.
    fields: Vec<(String, Value)>,
    query: Vec<String>,
}

fn operations() -> Vec<Operation> {
    let document = serde_json::to_value(yuyue::http::openapi::api()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // These answer machines with plain text and take nothing that could be wrong.
            if operation["tags"][0] == "operation" {
                continue;
            }
            let body = resolve(&operation["requestBody"]["content"]["application/json"]["schema"], &document);
            let field =
                |(name, schema): (&String, &Value)| (name.clone(), right(name, resolve(schema, &document)));
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            operations.push(Operation {
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                tag: operation["tags"][0].as_str().unwrap().to_owned(),
                fields: body["properties"].as_object().into_iter().flatten().map(field).collect(),
                query: parameters
                    .filter(|parameter| parameter["in"] == "query")
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                    .collect(),
            });
        }
    }
    operations
}

/// Follows references and leaves "or null" aside.
fn resolve<'d>(schema: &'d Value, document: &'d Value) -> &'d Value {
    let alternative = schema["oneOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"));
    let schema = alternative.unwrap_or(schema);
    match schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        Some(name) => &document["components"]["schemas"][name],
        None => schema,
    }
}

/// A value that such a field takes.
fn right(name: &str, schema: &Value) -> Value {
    match name {
        "day" | "date" => json!("2021-10-01"),
        "hour" => json!(10),
        "open_id" | "openid" => json!("o-1"),
        "client_id" => json!(44),
        "grant_type" => json!("password"),
        "proof_state" => json!("password"),
        "province_id" => json!(440_000),
        "city_id" => json!(440_300),
        "slot_minutes" | "capacity" => json!(10),
        "periods" => json!([{ "weekday": 5, "from": "09:00", "to": "11:00" }]),
        "sms" | "koala" | "wechat" => json!("ok"),
        "begin_date" => json!("2021-10-01"),
        "end_date" => json!("2021-10-07"),
        "avatar" => json!("https://example.com/a.png"),
        "expires_at" => json!("2031-10-01 09:00:00"),
        "start_time" => json!("2021-10-01 09:00:00"),
        "end_time" => json!("2021-10-01 10:00:00"),
        _ => match (schema["type"].as_str(), schema["enum"].as_array(), schema["pattern"].as_str()) {
            (_, Some(values), _) => values[0].clone(),
            (Some("integer"), ..) => schema["minimum"].as_i64().unwrap_or(1).max(1).into(),
            (Some("boolean"), ..) => json!(true),
            (Some("array"), ..) => json!([]),
            (_, _, Some(_)) => json!("13333333333"),
            _ => json!("正常的文本"),
        },
    }
}

/// Values that few fields take.
fn wrong() -> BoxedStrategy<Value> {
    let odd = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(1e300),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(""),
        json!(" \t\n"),
        json!("\u{0}"),
        json!("a\u{7}b"),
        json!("\u{1b}[31m"),
        json!("\u{feff}x"),
        json!("'; DROP TABLE appointment; --"),
        json!("$1 OR 1=1"),
        json!("%' OR '1'='1"),
        json!("\\"),
        json!("𠮷野家😀👩‍👩‍👧"),
        json!("\u{202e}abc"),
        json!("é\u{301}"),
        json!("１２３"),
        json!("0x10"),
        json!("1e3"),
        json!("9223372036854775808"),
        json!("-0"),
        json!("2021-02-30"),
        json!("0000-00-00"),
        json!("+099999-01-01"),
        json!("24:01"),
        json!([]),
        json!({}),
        json!([null]),
        json!({ "a": { "b": [1, "2"] } }),
        json!("x".repeat(10_000)),
        json!("长".repeat(3_000)),
        json!(vec!["x"; 2_000]),
        json!([{ "weekday": 9, "from": "x" }]),
        json!([{ "date": "2021-10-01", "from": "23:00", "to": "22:00" }]),
    ];
    proptest::prop_oneof![
        4 => select(odd),
        1 => any::<i64>().prop_map(Value::from),
        1 => ".{0,80}".prop_map(Value::from),
    ]
    .boxed()
}

/// What replaces `{id}` in a path.
fn path_part() -> BoxedStrategy<String> {
    let odd = [
        "1",
        "2",
        "999999",
        "0",
        "-1",
        "abc",
        "9223372036854775808",
        "%00",
        "%F0%A0%AE%B7",
        "%FF",
        "..",
        "1%2F2",
        "'%20OR%201=1",
        "%E4%BD%A0",
        "1.0",
        "+1",
    ];
    proptest::prop_oneof![
        3 => Just("1".to_owned()),
        3 => select(odd.to_vec()).prop_map(str::to_owned),
        1 => "[a-z0-9%25]{1,40}".prop_map(|text| text.replace('%', "%25")),
    ]
    .boxed()
}

/// A body as it goes over the wire.
fn body(fields: Vec<(String, Value)>) -> BoxedStrategy<Vec<u8>> {
    let count = fields.len();
    let changes = vec((any::<Index>(), wrong(), 0..3_u8), 0..3);
    let object = changes.prop_map(move |changes| {
        let mut object: serde_json::Map<String, Value> = fields.iter().cloned().collect();
        for (at, value, how) in changes {
            if count == 0 {
                object.insert("extra".into(), value);
                continue;
            }
            let (name, _) = &fields[at.index(count)];
            match how {
                0 => drop(object.remove(name)),
                1 => drop(object.insert(name.clone(), value)),
                _ => drop(object.insert(format!("{name}x"), value)),
            }
        }
        Value::Object(object).to_string().into_bytes()
    });
    let malformed: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{\"day\":".to_vec(),
        b"{}{}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{\"open_id\":\"\xff\xfe\"}".to_vec(),
        b"{\"open_id\":\"\\ud800\"}".to_vec(),
        b"{\"day\":1,\"day\":2}".to_vec(),
        b"{'day':1}".to_vec(),
        b"{\"day\":NaN}".to_vec(),
        b"{\"hour\":1e999}".to_vec(),
        "[".repeat(10_000).into_bytes(),
        format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500)).into_bytes(),
    ];
    proptest::prop_oneof![
        12 => object,
        2 => select(malformed),
        1 => vec(any::<u8>(), 0..200),
    ]
    .boxed()
}

/// Headers that are odd, but that HTTP allows.
fn headers() -> BoxedStrategy<Vec<(&'static str, Vec<u8>)>> {
    let odd: Vec<(&'static str, Vec<u8>)> = vec![
        ("content-type", b"text/plain".to_vec()),
        ("content-type", b"\xff".to_vec()),
        ("content-type", b"application/json; charset=gbk".to_vec()),
        ("idempotency-key", b"".to_vec()),
        ("idempotency-key", b"same".to_vec()),
        ("idempotency-key", b"\xe9".to_vec()),
        ("idempotency-key", vec![b'k'; 1_000]),
        ("accept-language", b"en, \xff".to_vec()),
        ("accept-encoding", b"zip, br;q=x".to_vec()),
        ("authorization", b"Bearer \xff\xfe".to_vec()),
        ("authorization", vec![b'a'; 5_000]),
        ("x-device-key", b"' OR 1=1".to_vec()),
        ("cookie", b"yuyue_session=\"; a=%; =;;".to_vec()),
        ("origin", b"null".to_vec()),
        ("host", b"\xff".to_vec()),
        ("x-forwarded-for", b"1.1.1.1, garbage".to_vec()),
        ("upgrade", b"websocket".to_vec()),
        ("x-request-id", b"mine".to_vec()),
    ];
    proptest::prop_oneof![3 => Just(Vec::new()), 2 => vec(select(odd), 1..3)].boxed()
}

#[derive(Clone, Debug)]
struct Case {
    operation: Operation,
    method: Method,
    uri: String,
    body: Vec<u8>,
    headers: Vec<(&'static str, Vec<u8>)>,
    caller: Index,
}

fn case(operations: Vec<Operation>) -> impl Strategy<Value = Case> {
    select(operations).prop_flat_map(|operation| {
        let parts = (method(&operation), path_part(), query(&operation), body(operation.fields.clone()));
        (Just(operation), parts, headers(), any::<Index>()).prop_map(|(operation, parts, headers, caller)| {
            let (method, part, query, body) = parts;
            let path = operation.path.replace("{id}", &part);
            Case { operation, method, uri: format!("{path}{query}"), body, headers, caller }
        })
    })
}

fn method(operation: &Operation) -> impl Strategy<Value = Method> + use<> {
    let others = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "BREW"];
    let others = others.map(|name| Method::from_bytes(name.as_bytes()).unwrap());
    proptest::prop_oneof![9 => Just(operation.method.clone()), 1 => select(others.to_vec())]
}

fn query(operation: &Operation) -> impl Strategy<Value = String> + use<> {
    let mut names = operation.query.clone();
    names.push("x".into());
    let values = proptest::prop_oneof![
        2 => Just("1".to_owned()),
        5 => "[ -~]{0,20}",
        1 => Just("\u{0}𠮷".to_owned()),
        1 => Just("9".repeat(30)),
    ];
    vec((select(names), values), 0..3).prop_map(|pairs| {
        let written = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        if pairs.is_empty() { String::new() } else { format!("?{written}") }
    })
}

/// Everybody who may call, and what they may call about.
struct Callers {
    app: TestApp,
    all: Vec<TestApp>,
}

impl Callers {
    async fn new(app: &TestApp) -> Self {
        // Few rows, because they are all read after each request.
        app.schedule(|schedule| {
            let from = TimeOfDay(10 * 60);
            schedule.periods.clear();
            schedule.extra_dates = vec![ExtraDate {
                date: yuyue::http::fields::Day(jiff::civil::date(2021, 10, 1)),
                from,
                to: TimeOfDay(from.0 + 30),
            }];
            schedule.capacity = 100;
        })
        .await;
        let member = app.member("13333333333").await;
        let id = app.staff(Role::Admin).await.booked(booking("o-1", 10, 10)).await;
        assert_eq!(id, 1);
        let (admin, auditor) = (app.administrator().await, app.staff(Role::Auditor).await);
        let device = app.device(DeviceKind::Kiosk).await;
        let user = app.user(1).await;
        let service = user.published(&json!({})).await;
        assert_eq!((service, app.user(2).await.ordered(service).await), (1, 1));
        app.home_get("service/list?page=1&count=1").await.ok();
        Self { app: app.clone(), all: vec![admin, member, user, auditor, device, app.clone()] }
    }

    /// Mostly one who may do it.
    fn pick(&self, case: &Case) -> &TestApp {
        let right = match case.operation.tag.as_str() {
            "members" => 1,
            "homemaking" => 2,
            _ => 0,
        };
        self.all.get(case.caller.index(12)).unwrap_or(&self.all[right])
    }

    /// New credentials, should the last request have ended the old ones.
    async fn refresh(&mut self) {
        self.all[0] = self.app.administrator().await;
        let (token, at) = (self.app.ids.token(), self.app.clock.now().at);
        let insert = format!(
            "INSERT INTO access_token (token_hash, account_id, client_id, created_at, expires_at)
             SELECT '{}', id, 44, {at}, {at} + 1000 FROM account WHERE mobile = '13333333333'",
            fingerprint(&token)
        );
        self.app.execute(&insert).await;
        self.all[1] = self.app.bearer(&token);
        self.all[2] = self.app.user(1).await;
    }
}

/// The rows that a refused request must not change. It may count failures, and learn who works here.
async fn rows(app: &TestApp) -> std::collections::BTreeMap<String, u64> {
    let mut sums = app.checksums().await;
    for learnt in ["rate", "directory", "employee"] {
        sums.remove(learnt);
    }
    sums
}

/// Checks the reply; gives whether it is a success.
fn judge(operation: &Operation, answer: &Answer) -> bool {
    let status = answer.status.as_u16();
    // Settings that lead nowhere are taken, and then a neighbour does not answer.
    assert!(status < 500 || (operation.tag == "visitors" && status == 503), "{answer:?}");
    if status == 101 || answer.body.is_empty() {
        return answer.status.is_success() || answer.status.is_redirection();
    }
    assert!(
        !answer.body.windows(6).any(|part| part == b"sqlite" || part == b"Statem"),
        "internals: {answer:?}"
    );
    let is_file = ["text/csv", "image/"].iter().any(|kind| answer.header("content-type").starts_with(kind));
    if answer.status.is_redirection() || is_file {
        return true;
    }
    // What a person opens from a message says in a page that it is over.
    if answer.header("content-type").starts_with("text/html") {
        assert!(answer.status.is_success() || status == 404, "{answer:?}");
        return answer.status.is_success();
    }
    let body = answer.json();
    let has = |fields: &[&str]| {
        let names: BTreeSet<&str> =
            body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        fields.iter().all(|field| names.contains(field))
    };
    // A path whose parameter is odd enough is no path of the product any more.
    let is_problem = answer.header("content-type") == "application/problem+json";
    match operation.tag.as_str() {
        _ if is_problem => {
            assert!(has(&["type", "title", "status", "detail"]) && body["status"] == status, "{answer:?}");
            assert!(
                !answer.status.is_success()
                    && (["staff", "demo", "login"].contains(&&*operation.tag) || status == 404)
            );
            false
        }
        "slots" => {
            assert!(has(&["data", "error_msg", "error_no", "request_id"]), "{answer:?}");
            assert_eq!(body.as_object().map(serde_json::Map::len), Some(4), "{answer:?}");
            assert_eq!(body["request_id"], answer.header("x-request-id"), "{answer:?}");
            let is_success = body["error_no"] == 0;
            assert!(is_success || body["data"].is_null(), "{answer:?}");
            assert!(!is_success || status == 200, "{answer:?}");
            is_success
        }
        "visitors" => {
            assert!(has(&["code", "err_msg"]), "{answer:?}");
            let is_success = body["code"] == 0;
            assert_eq!(is_success, body["err_msg"] == "", "{answer:?}");
            assert!(is_success || body.get("data").is_none(), "{answer:?}");
            assert!(!is_success || status == 200, "{answer:?}");
            is_success
        }
        // What a gateway is answered has the gateway's form.
        "homemaking" if operation.path.ends_with("/payment/notify") && body["code"] == "FAIL" => {
            assert!(has(&["code", "message"]) && !answer.status.is_success(), "{answer:?}");
            false
        }
        "homemaking" => {
            let is_success = body["error_code"] == 0;
            assert_eq!(is_success, answer.status.is_success(), "{answer:?}");
            let third = if is_success { "data" } else { "request" };
            assert!(has(&["error_code", "message", third]), "{answer:?}");
            assert_eq!(body.as_object().map(serde_json::Map::len), Some(3), "{answer:?}");
            is_success
        }
        "members" if !answer.status.is_success() => {
            assert!(has(&["code", "message", "error"]), "{answer:?}");
            assert!(body["code"].as_i64().is_some_and(|code| code >= 400), "{answer:?}");
            false
        }
        _ => {
            assert!(answer.status.is_success(), "an error without an envelope: {answer:?}");
            true
        }
    }
}

async fn send(caller: &TestApp, case: &Case) -> Option<Answer> {
    // Not every text is an address: what no HTTP client can send is not our business.
    let uri: Uri = case.uri.parse().ok()?;
    let mut request =
        Request::builder().method(case.method.clone()).uri(uri).body(Body::from(case.body.clone())).ok()?;
    for (name, value) in caller.own_headers() {
        request.headers_mut().insert(HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    for (name, value) in &case.headers {
        request.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    }
    Some(soon(&case.uri, caller.call(request)).await)
}

async fn try_everything(app: TestApp) {
    app.leaves_messages();
    let callers = Arc::new(tokio::sync::Mutex::new((Callers::new(&app).await, rows(&app).await)));
    let handle = tokio::runtime::Handle::current();
    let run = move || {
        let config = Config { failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
        // The same cases each time, because a build must not fail by chance; PROPTEST_CASES=10000
        // looks further, at others each time.
        let mut runner = if std::env::var_os("PROPTEST_CASES").is_some() {
            TestRunner::new(config)
        } else {
            let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
            TestRunner::new_with_rng(Config { cases: CASES, ..config }, rng)
        };
        let outcome = runner.run(&case(operations()), |case| {
            handle.block_on(async {
                let mut guard = callers.lock().await;
                let (callers, before) = &mut *guard;
                let caller = callers.pick(&case).clone();
                let Some(answer) = send(&caller, &case).await else { return };
                let is_success = judge(&case.operation, &answer);
                let after = rows(&callers.app).await;
                assert!(is_success || after == *before, "a refusal changed something: {answer:?}");
                *before = after;
                if is_success
                    && ["staff", "members"].contains(&case.operation.tag.as_str())
                    && case.method != Method::GET
                {
                    callers.refresh().await;
                    *before = rows(&callers.app).await;
                }
            });
            Ok(())
        });
        outcome.unwrap_or_else(|failure| panic!("{failure}"));
    };
    tokio::task::spawn_blocking(run).await.unwrap();
}

async fn anything_at_all_gets_a_proper_reply(app: TestApp) {
    assert_eq!(app.mode, Mode::Documented);
    try_everything(app).await;
}

async fn anything_at_all_gets_a_proper_reply_in_enforced_mode(app: TestApp) {
    assert_eq!(app.mode, Mode::Enforced);
    try_everything(app).await;
}

/// What chance may leave out: each operation gets each of these once.
async fn every_operation_refuses_the_usual_nonsense(app: TestApp) {
    app.leaves_messages();
    let callers = Callers::new(&app).await;
    let before = rows(&app).await;
    let admin = &callers.all[0];
    for operation in operations() {
        let path = operation.path.replace("{id}", "1");
        let product_answers = |answer: Answer| assert!(!judge(&operation, &answer), "{answer:?}");
        if operation.fields.is_empty() {
            continue;
        }
        for malformed in ["[]", "{", "7", "{\"a\":\u{1}}"] {
            product_answers(admin.send(operation.method.clone(), &path, malformed).await);
        }
        let oversized = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
        let answer = admin.send(operation.method.clone(), &path, oversized).await;
        let expected = match path.as_str() {
            _ if operation.tag == "members" && path.contains("/accounts/") => 401,
            _ if operation.tag == "homemaking" && !path.contains("/token") => 401,
            // Brings photos, and so may be larger.
            "/v1/subject" => 200,
            _ => 413,
        };
        assert_eq!(answer.status.as_u16(), expected, "{answer:?}");
        product_answers(answer);
        let form = admin.with("content-type", "application/x-www-form-urlencoded");
        product_answers(form.send(operation.method.clone(), &path, "a=b").await);
        let everything_wrong: serde_json::Map<_, _> =
            operation.fields.iter().map(|(name, _)| (name.clone(), json!({ "wrong": true }))).collect();
        product_answers(
            admin.send(operation.method.clone(), &path, Value::from(everything_wrong).to_string()).await,
        );
    }
    assert_eq!(rows(&app).await, before);
}

/// Each as it stands in an address, and as it stands in a JSON text.
const UNREADABLE: [(&str, &[u8]); 5] = [
    ("%00", b"\\u0000"),
    ("a%00b", b"a\\u0000b"),
    ("%ED%A0%80", b"\\ud800"),
    ("%FF", b"\xff"),
    ("x%C0%80", b"x\\udc00\\ud800"),
];

/// What WeChat tells of a person is cleaned, not refused.
const DECORATION: [&str; 3] = ["nickname", "avatar_url", "gender"];

async fn nul_and_broken_unicode_are_refused_wherever_they_stand(app: TestApp) {
    app.leaves_messages();
    let callers = Callers::new(&app).await;
    let before = rows(&app).await;
    for operation in operations() {
        let caller = match operation.tag.as_str() {
            "members" => &callers.all[1],
            "homemaking" => &callers.all[2],
            _ => &callers.all[0],
        };
        let refuses = |answer: Answer| {
            assert!(!judge(&operation, &answer), "{answer:?}");
            let is_by_status = answer.status.is_client_error();
            let is_by_body = ["slots", "visitors"].contains(&&*operation.tag) && answer.status == 200;
            assert!(is_by_status || is_by_body, "{answer:?}");
        };
        let right = |path: &str| {
            let parts = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
            parts.collect::<Vec<_>>().join("/")
        };
        for (address, text) in UNREADABLE {
            // Every parameter of the path, also where it is not called an id.
            for part in operation.path.split('/').filter(|part| part.starts_with('{')) {
                let path = right(&operation.path.replace(part, address));
                let answer = caller.send(operation.method.clone(), &path, "{}").await;
                assert!(answer.status.is_client_error(), "{answer:?}");
                refuses(answer);
            }
            let names = operation.query.iter().map(String::as_str).chain(["unknown"]);
            for name in names {
                let path = format!("{}?page=1&{name}={address}", right(&operation.path));
                refuses(caller.send(operation.method.clone(), &path, "{}").await);
                if name == "unknown" {
                    let path = format!("{}?{address}=1", right(&operation.path));
                    refuses(caller.send(operation.method.clone(), &path, "{}").await);
                }
            }
            let of_fields = operation.fields.iter().map(|(name, _)| name.as_str());
            let of_fields = of_fields.filter(|name| !DECORATION.contains(name));
            let has_body = !operation.fields.is_empty();
            for name in of_fields.chain(has_body.then_some("unknown")) {
                let body = unreadable_body(&operation, name, text);
                refuses(caller.send(operation.method.clone(), &right(&operation.path), body).await);
            }
        }
        assert_eq!(rows(&app).await, before, "{} {}", operation.method, operation.path);
    }
}

/// A body that is right but for this field.
fn unreadable_body(operation: &Operation, name: &str, text: &[u8]) -> Vec<u8> {
    let mut fields: serde_json::Map<String, Value> = operation.fields.iter().cloned().collect();
    fields.insert(name.to_owned(), json!("@@"));
    let body = Value::Object(fields).to_string();
    let (start, end) = body.split_once("@@").unwrap();
    [start.as_bytes(), text, end.as_bytes()].concat()
}
