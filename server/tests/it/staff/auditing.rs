//! The audit log misses nothing that staff change or take away, and shows nobody a pass.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use yuyue::staff::Role;

use super::{PASSWORD, path};
use crate::support::TestApp;
use crate::support::booking::booking;
use crate::support::home::Deal;
use crate::support::wire::Answer;

both! { enforced:
    every_change_of_staff_is_audited,
    what_others_do_is_not,
    an_auditor_sees_no_pass,
}

const LI_SI: &str = "13811111111";
const ZHANG_SAN: &str = "13900000001";

/// What staff can call that leaves no row, and why.
const NOT_AUDITED: [(&str, &str); 13] = [
    ("POST /v1/available-days/list", "reads"),
    ("POST /v1/avaliable-hours/list", "reads"),
    ("POST /v1/available-hours/list", "reads"),
    ("POST /avaliable-minutes/list", "reads"),
    ("POST /v1/avaliable-minutes/list", "reads"),
    ("POST /v1/available-minutes/list", "reads"),
    ("POST /v1/appointment/list", "reads a list"),
    ("POST /admin/appointment/list", "reads a list"),
    ("POST /admin/signin-appointment/list", "reads a list"),
    ("POST /admin/v1/schedule/preview", "reads"),
    ("POST /v1/binding/sms_code", "staff bind without a code, and anybody may ask for one"),
    ("POST /v1/visit/qrcode", "the scan's own row names who checked"),
    ("POST /admin/v1/session/confirm", "changes nothing but for how long this session may change things"),
];

/// What staff cannot call as staff: members and users have tokens of their own, and WeChat users their session.
const NOT_FOR_STAFF: [&str; 3] = ["members", "homemaking", "demo"];
const OF_A_BROWSER: &str = "DELETE /auth/session";

/// Every operation that changes something or gives a file, by method and path, with its tag.
fn operations() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(yuyue::http::openapi::api()).unwrap();
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_file = operation["responses"].as_object().unwrap().values().any(|response| {
                let types = response["content"].as_object().into_iter().flatten();
                types.into_iter().any(|(media, _)| media.contains("csv") || media.contains("sheet"))
            });
            if method != "get" || is_file {
                let tag = operation["tags"][0].as_str().unwrap().to_owned();
                found.insert((format!("{} {path}", method.to_uppercase()), tag));
            }
        }
    }
    found
}

/// A member of staff whose every change must leave a row.
struct Watched {
    app: TestApp,
    staff: TestApp,
    seen: BTreeSet<String>,
}

impl Watched {
    /// Does it, by the operation's path with what stands for its parameters, and finds it in the log.
    async fn does(&mut self, operation: &str, values: &[&dyn std::fmt::Display], body: Value) -> Answer {
        let (method, pattern) = operation.split_once(' ').unwrap();
        let mut path = pattern.to_owned();
        for value in values {
            let (from, to) = (path.find('{').unwrap(), path.find('}').unwrap());
            path.replace_range(from..=to, &value.to_string());
        }
        self.asks(operation, method, &path, body).await
    }

    async fn asks(&mut self, operation: &str, method: &str, path: &str, body: Value) -> Answer {
        let count = "SELECT count(*) AS value FROM audit WHERE who LIKE 'staff %'";
        let before = self.app.number(count).await;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let method: Method = method.parse().unwrap();
        let answer = self.staff.send(method, path, body).await;
        let is_refused = ["code", "error_no"].iter().any(|name| {
            answer.header("content-type") == "application/json"
                && serde_json::from_slice::<Value>(&answer.body)
                    .is_ok_and(|body| body[name].as_i64().unwrap_or(0) != 0)
        });
        assert!(answer.status.is_success() && !is_refused, "{answer:?}");
        assert!(self.app.number(count).await > before, "nothing in the audit log: {answer:?}");
        self.seen.insert(operation.to_owned());
        answer
    }
}

async fn every_change_of_staff_is_audited(app: TestApp) {
    app.leaves_messages();
    let mut watched = Watched { app: app.clone(), staff: app.administrator().await, seen: BTreeSet::new() };
    appointments(&mut watched).await;
    visits(&mut watched).await;
    members(&mut watched).await;
    home_services(&mut watched).await;
    access(&mut watched).await;

    let known: BTreeSet<&str> = NOT_AUDITED.iter().map(|(operation, _)| *operation).collect();
    let missed: Vec<_> = operations()
        .into_iter()
        .filter(|(_, tag)| !NOT_FOR_STAFF.contains(&tag.as_str()))
        .map(|(operation, _)| operation)
        .filter(|operation| {
            !known.contains(operation.as_str())
                && !watched.seen.contains(operation)
                && operation != OF_A_BROWSER
        })
        .collect();
    assert_eq!(missed, [""; 0], "neither audited nor told why not");
    let every: BTreeSet<String> = operations().into_iter().map(|(operation, _)| operation).collect();
    let stale: Vec<_> = known.iter().filter(|operation| !every.contains(**operation)).collect();
    assert!(stale.is_empty(), "{stale:?} is no operation");
    let log =
        app.texts("SELECT coalesce(before, '') || coalesce(after, '') || target AS value FROM audit").await;
    let log = log.concat();
    for secret in app.texts("SELECT token AS value FROM pass").await {
        assert!(!log.contains(&secret), "a pass stands in the audit log");
    }
}

async fn appointments(watched: &mut Watched) {
    let booked = watched.does("POST /v1/make-appointment", &[], booking("o-1", 10, 0)).await;
    let id = booked.data()["appointment_id"].clone();
    watched.does("POST /v1/sign-in", &[], json!({ "appintment_id": id })).await;
    for (minute, path) in
        [(10, "POST /v1/cancel-appointment"), (20, "POST /admin/v1/appointments/{id}/cancel")]
    {
        let booked = watched.does("POST /v1/make-appointment", &[], booking("o-1", 10, minute)).await;
        let id = booked.data()["appointment_id"].as_i64().unwrap();
        if path.contains('{') {
            watched.does(path, &[&id], Value::Null).await;
        } else {
            watched.does(path, &[], json!({ "open_id": "o-1", "appintment_id": id })).await;
        }
    }
    let booked = watched.does("POST /v1/make-appointment", &[], booking("o-1", 10, 30)).await;
    let id = booked.data()["appointment_id"].clone();
    watched.does("POST /v1./sign-in", &[], json!({ "appintment_id": id })).await;
    let schedule = watched.staff.get("/admin/v1/schedule").await.expect(200).json();
    watched.does("PUT /admin/v1/schedule", &[], schedule).await;
}

fn application(app: &TestApp, proposer: &str) -> Value {
    let now = app.clock.now().at / 1000;
    json!({
        "subject_type": 1, "name": "张三", "phone": ZHANG_SAN, "purpose": 2, "come_from": "ZY", "proposer": proposer,
        "interviewee": "李四", "interviewee_phone": LI_SI, "start_time": now, "end_time": now + 7200, "retinues": [],
    })
}

async fn visits(watched: &mut Watched) {
    let app = watched.app.clone();
    let applied = watched.does("POST /v1/subject", &[], application(&app, ZHANG_SAN)).await;
    let id = applied.json()["data"]["id"].as_i64().unwrap();
    watched.does("PUT /v1/auth/{id}", &[&id], json!({})).await;
    watched.does("POST /v1/visit/signin", &[], json!({ "phone": ZHANG_SAN })).await;
    watched.asks("GET /admin/v1/visits.csv", "GET", "/admin/v1/visits.csv", Value::Null).await;
    watched
        .asks("GET /admin/v1/visits/on-site.csv", "GET", "/admin/v1/visits/on-site.csv", Value::Null)
        .await;
    watched.does("POST /v1/visit/signout", &[], json!({ "phone": ZHANG_SAN })).await;
    watched.does("POST /v1/visit/signin", &[], json!({ "phone": ZHANG_SAN })).await;
    let invited = watched.does("POST /v1/subject", &[], application(&app, LI_SI)).await;
    let id = invited.json()["data"]["id"].as_i64().unwrap();
    watched.does("DELETE /v1/visit/records/{id}", &[&id], Value::Null).await;

    let employee = json!({ "weixinUserId": "wx-1", "name": "李四", "phone": LI_SI });
    watched.does("POST /v1/subject/binding", &[], employee).await;
    watched.does("DELETE /v1/subject/binding/{weixinUserId}", &[&"wx-1"], Value::Null).await;
    let visitor = json!({ "weixinUserId": "wx-2", "phone": ZHANG_SAN });
    watched.does("POST /v1/visitor/binding", &[], visitor).await;
    let bindings = watched.staff.get("/admin/v1/bindings").await.expect(200).json();
    watched.does("DELETE /admin/v1/bindings/{id}", &[&bindings["items"][0]["id"]], Value::Null).await;
    app.execute(
        "INSERT INTO wechat_session (token_hash, weixin_user_id, nick, avatar, created_at, expires_at)
         VALUES ('x', 'wx-2', '', '', 0, 0)",
    )
    .await;
    let path = "/admin/v1/wechat-sessions?openid=wx-2";
    watched.asks("DELETE /admin/v1/wechat-sessions", "DELETE", path, Value::Null).await;

    let blocked = watched.does("POST /admin/v1/blocklist", &[], json!({ "phone": "13700000001" })).await;
    watched.does("DELETE /admin/v1/blocklist/{id}", &[&blocked.json()["id"]], Value::Null).await;
    let servers = watched.staff.get("/v1/config/servers").await.json()["data"].clone();
    watched.does("POST /admin/v1/visitors/servers/test", &[], servers.clone()).await;
    watched.does("PUT /v1/config/servers", &[], servers).await;
    let templates = watched.staff.get("/v1/config/templates").await.json()["data"].clone();
    watched.does("PUT /v1/config/templates", &[], templates).await;
    let mut notices = watched.staff.get("/admin/v1/notices").await.expect(200).json();
    notices["items"][0]["wechat_fields"] = json!({ "thing1": "name" });
    let notices = json!({ "items": [notices["items"][0]] });
    watched.does("PUT /admin/v1/notices", &[], notices).await;
    watched.does("POST /admin/v1/visits/erase", &[], json!({ "phone": ZHANG_SAN })).await;
}

async fn members(watched: &mut Watched) {
    let app = watched.app.clone();
    let member = app.member("13300000001").await;
    let id = member.get("/v1/accounts/me").await.json()["id"].as_i64().unwrap();
    let brand = watched.does("POST /admin/v1/brands", &[], json!({ "name": "b" })).await.json()["id"].clone();
    let shop = json!({ "brand_id": brand, "name": "s" });
    let shop = watched.does("POST /admin/v1/shops", &[], shop).await.json()["id"].clone();
    let points = json!({ "event_type": "TRIAL", "point": 1, "reason": "x" });
    watched.does("POST /admin/v1/members/{id}/points", &[&id], points).await;
    watched.does("POST /admin/v1/members/{id}/tests", &[&id], json!({ "shop_id": shop })).await;
    let message = app.number("SELECT min(id) AS value FROM outbox WHERE is_message").await;
    app.execute(&format!("UPDATE outbox SET state = 'given_up', finished_at = 1 WHERE id = {message}")).await;
    watched.does("POST /admin/v1/messages/{id}/resend", &[&message], Value::Null).await;
}

async fn home_services(watched: &mut Watched) {
    let app = watched.app.clone();
    let Deal { publisher, consumer, service, order, .. } = app.deal().await;
    let review = json!({ "decision": "take_down", "reason": "x" });
    watched.does("POST /admin/v1/services/{id}/review", &[&service], review).await;
    let refund = consumer.asked(order).await;
    publisher.act_on_refund(refund, 2).await.ok();
    consumer.appeal(refund).await.ok();
    let decision = json!({ "decision": "agree", "reason": "x" });
    watched.does("POST /admin/v1/refunds/{id}/decision", &[&refund], decision).await;
    let payment = app.number("SELECT max(id) AS value FROM payment WHERE kind = 'refund'").await;
    watched.does("POST /admin/v1/payments/{id}/settle", &[&payment], json!({ "note": "x" })).await;

    let service = publisher.published(&json!({})).await;
    let order = app.bought(&publisher, &consumer, service).await;
    consumer.act_on_order(order, 4).await.ok();
    let rating = consumer.rate(order, 3).await.made()["id"].as_i64().unwrap();
    let review = json!({ "decision": "hide", "reason": "x" });
    watched.does("POST /admin/v1/ratings/{id}/review", &[&rating], review).await;
    let pair = json!({ "i_code": "x", "order_no": 77 });
    let pair = watched.does("POST /admin/v1/enrolments", &[], pair).await.json()["id"].clone();
    watched.does("DELETE /admin/v1/enrolments/{id}", &[&pair], Value::Null).await;
}

async fn access(watched: &mut Watched) {
    let app = watched.app.clone();
    let device = json!({ "name": "x", "kind": "gate" });
    let device = watched.does("POST /admin/v1/devices", &[], device).await.json()["id"].clone();
    watched.does("DELETE /admin/v1/devices/{id}", &[&device], Value::Null).await;
    let key = json!({ "name": "x", "role": "auditor" });
    let key = watched.does("POST /admin/v1/api-keys", &[], key).await.json()["id"].clone();
    watched.does("DELETE /admin/v1/api-keys/{id}", &[&key], Value::Null).await;
    let account = json!({ "username": "lin", "password": PASSWORD, "role": "admin" });
    let account = watched.does("POST /admin/v1/staff", &[], account).await.json()["id"].clone();
    watched.does("PATCH /admin/v1/staff/{id}", &[&account], json!({ "role": "auditor" })).await;

    let login = json!({ "username": "lin", "password": PASSWORD });
    let session = watched.does("POST /admin/v1/session", &[], login).await.json();
    watched.staff = app.bearer(session["token"].as_str().unwrap());
    let password = json!({ "old_password": PASSWORD, "password": "seven grey herons" });
    watched.does("PUT /admin/v1/session/password", &[], password).await;
    let offer = watched.staff.post(&path("session/totp"), json!({})).await.expect(200).json();
    let secret = totp_rs::Secret::Encoded(offer["secret"].as_str().unwrap().into()).to_bytes().unwrap();
    let phone = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 0, 30, secret).unwrap();
    let code = phone.generate(u64::try_from(app.clock.now().at / 1000).unwrap());
    watched.does("POST /admin/v1/session/totp", &[], json!({ "code": code })).await;
    watched.does("DELETE /admin/v1/session/totp", &[], json!({ "password": "seven grey herons" })).await;
    watched.does("DELETE /admin/v1/session", &[], Value::Null).await;
}

/// The log is of staff: a member's own booking is none of it, nor a look at a list, nor a repeat that changes nothing.
async fn what_others_do_is_not(app: TestApp) {
    let member = app.member("13300000001").await;
    let open_id = format!("m{}", member.get("/v1/accounts/me").await.json()["id"]);
    let id = member.booked(booking(&open_id, 10, 0)).await;
    let reception = app.staff(Role::Reception).await;
    let before = app.number("SELECT count(*) AS value FROM audit").await;
    member.cancel(&open_id, member.booked(booking(&open_id, 10, 10)).await).await.data();
    app.device(yuyue::staff::DeviceKind::Kiosk).await.sign_in(id).await.data();
    assert_eq!(reception.sign_in(id).await.data()["already"], true);
    reception.post("/admin/appointment/list", json!({})).await.data();
    for list in ["appointments", "visits", "members", "orders", "audit", "staff"] {
        reception.get(&path(list)).await.expect(200);
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM audit").await, before);
}

async fn an_auditor_sees_no_pass(app: TestApp) {
    app.leaves_messages();
    let (reception, auditor) = (app.staff(Role::Reception).await, app.staff(Role::Auditor).await);
    let applied = reception.post("/v1/subject", application(&app, LI_SI)).await.json();
    assert_eq!(applied["code"], 0, "{applied}");
    let signed_in = reception.post("/v1/visit/signin", json!({ "phone": ZHANG_SAN })).await.json();
    assert!(signed_in["data"]["qrcode"].as_str().is_some_and(|code| !code.is_empty()), "{signed_in}");
    let tokens = app.texts("SELECT token AS value FROM pass").await;
    assert_eq!(tokens.len(), 1);

    let documented = "/v1/visit/records?type=web";
    for list in [documented, "/admin/v1/visits"] {
        let seen = |answer: &Answer| String::from_utf8_lossy(&answer.body).contains(&tokens[0]);
        assert!(seen(&reception.get(list).await.expect(200)), "{list}");
        let answer = auditor.get(list).await.expect(200);
        assert!(!seen(&answer), "{answer:?}");
        let body = answer.json();
        let record = if list == documented { &body["data"][0] } else { &body["items"][0] };
        assert_eq!((&record["qrcode"], &record["qrcode_img_url"]), (&json!(""), &json!("")), "{record}");
        assert_ne!(record["signin_time"], json!(0), "{record}");
    }
    // Whatever else an auditor can read.
    let document = serde_json::to_value(yuyue::http::openapi::api()).unwrap();
    for (path, item) in document["paths"].as_object().unwrap() {
        if item.get("get").is_none()
            || path.contains('{')
            || path.starts_with("/demo")
            || path.starts_with("/ws")
        {
            continue;
        }
        let answer = auditor.get(path).await;
        assert!(!String::from_utf8_lossy(&answer.body).contains(&tokens[0]), "{answer:?}");
    }
}
