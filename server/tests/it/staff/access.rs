use axum::http::Method;
use serde_json::{Value, json};
use yuyue::clock::MINUTE;
use yuyue::staff::Role;

use super::{PASSWORD, path, problem};
use crate::support::TestApp;

both! {
    each_role_may_do_what_it_is_for,
    what_is_not_there_or_not_right_is_a_problem_document,
    a_repeat_with_the_same_key_adds_nothing,
    the_audit_log_tells_every_change_and_no_secret,
}

async fn each_role_may_do_what_it_is_for(app: TestApp) {
    use Role::{Admin, Auditor, Reception};
    let schedule = serde_json::to_string(&yuyue::slots::schedule::Schedule::default()).unwrap();
    let endpoints: &[(Role, Method, &str, &str)] = &[
        (Auditor, Method::GET, "session", ""),
        (Auditor, Method::GET, "schedule", ""),
        (Auditor, Method::GET, "appointments", ""),
        (Auditor, Method::GET, "members", ""),
        (Auditor, Method::GET, "brands", ""),
        (Auditor, Method::GET, "shops", ""),
        (Auditor, Method::GET, "messages", ""),
        (Auditor, Method::GET, "devices", ""),
        (Auditor, Method::GET, "staff", ""),
        (Auditor, Method::GET, "api-keys", ""),
        (Auditor, Method::GET, "audit", ""),
        (Auditor, Method::GET, "stats", ""),
        (Auditor, Method::GET, "stats/history", ""),
        (Auditor, Method::GET, "calendar", ""),
        (Auditor, Method::GET, "appointments/77", ""),
        (Auditor, Method::POST, "schedule/preview", &schedule),
        (Reception, Method::POST, "appointments/77/cancel", ""),
        (Admin, Method::PUT, "schedule", &schedule),
        (Admin, Method::POST, "members/77/points", r#"{"event_type":"TRIAL","point":1,"reason":"x"}"#),
        (Admin, Method::POST, "members/77/tests", r#"{"shop_id":1}"#),
        (Admin, Method::POST, "brands", r#"{"name":"x"}"#),
        (Admin, Method::POST, "shops", r#"{"brand_id":77,"name":"x"}"#),
        (Admin, Method::POST, "messages/77/resend", ""),
        (Admin, Method::POST, "devices", r#"{"name":"x","kind":"gate"}"#),
        (Admin, Method::DELETE, "devices/77", ""),
        (Admin, Method::POST, "staff", r#"{"username":"x","password":"12345678","role":"auditor"}"#),
        (Admin, Method::PATCH, "staff/77", r#"{"active":false}"#),
        (Admin, Method::POST, "api-keys", r#"{"name":"x","role":"auditor"}"#),
        (Admin, Method::DELETE, "api-keys/77", ""),
    ];
    let member = app.member("13811111111").await;
    let mut staff = Vec::new();
    for role in [Auditor, Reception, Admin] {
        staff.push((role, app.in_person(role).await));
    }
    for (needed, method, rest, body) in endpoints {
        for nobody in [&app, &app.bearer("not a token"), &member] {
            problem(&nobody.send(method.clone(), &path(rest), body.to_string()).await, 401);
        }
        for (role, caller) in &staff {
            let answer = caller.send(method.clone(), &path(rest), body.to_string()).await;
            let status = answer.status.as_u16();
            assert_eq!(status == 403, role < needed, "{role:?}: {answer:?}");
            assert!(matches!(status, 200 | 201 | 400 | 403 | 404), "{role:?}: {answer:?}");
        }
    }
}

async fn what_is_not_there_or_not_right_is_a_problem_document(app: TestApp) {
    let admin = app.administrator().await.with("accept-language", "en");
    for rest in ["appointments/77/cancel", "messages/77/resend"] {
        assert_eq!(problem(&admin.post(&path(rest), json!({})).await, 404), "", "{rest}");
    }
    for rest in ["devices/77", "api-keys/77"] {
        problem(&admin.delete(&path(rest)).await, 404);
    }
    let points = json!({ "event_type": "TRIAL", "point": 1, "reason": "x" });
    problem(&admin.post(&path("members/77/points"), points).await, 404);
    problem(&admin.post(&path("members/77/tests"), json!({ "shop_id": 1 })).await, 404);
    problem(&admin.patch(&path("staff/77"), json!({ "active": true })).await, 404);
    assert_eq!(problem(&admin.delete(&path("devices/x")).await, 400), "id");
    let wrong = [
        ("brands", json!({ "name": " " }), "name"),
        ("shops", json!({ "brand_id": 77, "name": "x" }), "brand_id"),
        ("devices", json!({ "name": "x", "kind": "door" }), "kind"),
        ("staff", json!({ "username": "x", "password": "1234567", "role": "admin" }), "password"),
        ("staff", json!({ "username": "x", "password": PASSWORD, "role": "root" }), "role"),
        ("api-keys", json!({ "name": "x" }), "role"),
    ];
    for (rest, body, field) in wrong {
        let answer = admin.post(&path(rest), body).await;
        assert_eq!(problem(&answer, 400), field);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(field), "{answer:?}");
    }
    let choice = admin.get(&path("appointments?status=lost")).await;
    assert_eq!(problem(&choice, 400), "status");
    assert_eq!(choice.json()["detail"], "status: expected one of booked, signed_in, cancelled");
    for (rest, field) in [("audit?page=0", "page"), ("messages?state=x", "state"), ("staff?size=-1", "size")]
    {
        assert_eq!(problem(&admin.get(&path(rest)).await, 400), field, "{rest}");
    }
    assert_eq!(admin.get(&path("audit?size=1000")).await.expect(200).json()["size"], 100);
    let id = app.account("lin", Role::Auditor).await;
    let empty = admin.patch(&path(&format!("staff/{id}")), json!({ "other": 1 })).await;
    assert_eq!(problem(&empty, 400), "");
    assert_eq!(empty.json()["detail"], "expected at least one of role, password, active, totp");
    let active = admin.patch(&path(&format!("staff/{id}")), json!({ "active": "no" })).await;
    assert_eq!(problem(&active, 400), "active");
}

async fn a_repeat_with_the_same_key_adds_nothing(app: TestApp) {
    let admin = app.administrator().await;
    let member = app.member("13811111111").await;
    let id = member.get("/v1/accounts/me").await.json()["id"].clone();
    let brand = admin.post(&path("brands"), json!({ "name": "b" })).await.json()["id"].clone();
    let shop =
        admin.post(&path("shops"), json!({ "brand_id": brand, "name": "s" })).await.json()["id"].clone();
    let posts = [
        ("brands".to_owned(), json!({ "name": "x" })),
        ("shops".to_owned(), json!({ "brand_id": brand, "name": "x" })),
        (format!("members/{id}/points"), json!({ "event_type": "TRIAL", "point": 1, "reason": "x" })),
        (format!("members/{id}/tests"), json!({ "shop_id": shop })),
        ("devices".to_owned(), json!({ "name": "x", "kind": "gate" })),
        ("api-keys".to_owned(), json!({ "name": "x", "role": "admin" })),
        ("staff".to_owned(), json!({ "username": "x", "password": PASSWORD, "role": "admin" })),
    ];
    let before = app.number("SELECT count(*) AS value FROM audit").await;
    for (index, (rest, body)) in posts.iter().enumerate() {
        let once = admin.with("idempotency-key", &format!("key-{index}"));
        let first = once.post(&path(rest), body.clone()).await.expect(201);
        let again = once.post(&path(rest), body.clone()).await.expect(201);
        assert_eq!(again.body, first.body, "{rest}");
        let mut other = body.clone();
        other["more"] = json!(1);
        assert_eq!(problem(&once.post(&path(rest), other).await, 422), "Idempotency-Key");
    }
    let added = app.number("SELECT count(*) AS value FROM audit").await - before;
    assert_eq!(added, i64::try_from(posts.len()).unwrap());
}

async fn the_audit_log_tells_every_change_and_no_secret(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let lin = app.session("lin").await;
    let brand = lin.post(&path("brands"), json!({ "name": "爱美兔" })).await.expect(201).json();
    let device = lin.post(&path("devices"), json!({ "name": "门", "kind": "gate" })).await.expect(201).json();
    let key =
        lin.post(&path("api-keys"), json!({ "name": "报表", "role": "admin" })).await.expect(201).json();
    let add = json!({ "username": "wang", "password": "wang's first secret", "role": "auditor" });
    let wang = lin.post(&path("staff"), add).await.expect(201).json();
    let script = app.bearer(key["key"].as_str().unwrap());
    app.clock.advance(20 * MINUTE);
    let change = json!({ "password": "wang's other secret", "role": "reception" });
    lin.post(&path("session/confirm"), json!({ "password": PASSWORD })).await.expect(204);
    problem(&script.patch(&path(&format!("staff/{}", wang["id"])), change.clone()).await, 403);
    lin.patch(&path(&format!("staff/{}", wang["id"])), change).await.expect(200);
    lin.delete(&path(&format!("devices/{}", device["id"]))).await.expect(204);
    lin.delete(&path(&format!("api-keys/{}", key["id"]))).await.expect(204);
    lin.delete(&path("session")).await.expect(204);

    let auditor = app.staff(Role::Auditor).await;
    let items = auditor.items("audit").await;
    let told: Vec<String> = (items.iter().rev())
        .map(|item| format!("{} {} {}", item["who"], item["action"], item["target"]).replace('"', ""))
        .collect();
    let lin = items.last().unwrap()["target"].as_str().unwrap();
    let expected = [
        format!("cli staff.add {lin}"),
        format!("staff lin session.start {lin}"),
        format!("staff lin brand.add brand {}", brand["id"]),
        format!("staff lin device.add device {}", device["id"]),
        format!("staff lin api_key.add api key {}", key["id"]),
        format!("staff lin staff.add staff {}", wang["id"]),
        format!("staff lin staff.change staff {}", wang["id"]),
        format!("staff lin device.delete device {}", device["id"]),
        format!("staff lin api_key.delete api key {}", key["id"]),
        format!("staff lin session.end {lin}"),
    ];
    assert_eq!(told, expected);
    let change = &items[3];
    assert_eq!(change["at"], "2021-10-01 08:20:00");
    assert_eq!(
        change["before"],
        json!({ "username": "wang", "role": "auditor", "active": true, "totp": false })
    );
    let after = json!({ "username": "wang", "role": "reception", "active": true, "totp": false,
        "password": "changed" });
    assert_eq!(change["after"], after);
    assert_eq!(
        (&items[2]["before"], &items[2]["after"]),
        (&json!({ "name": "门", "kind": "gate" }), &Value::Null)
    );

    let whole =
        app.texts("SELECT coalesce(before, '') || coalesce(after, '') AS value FROM audit").await.concat();
    let secret = |item: &Value| item["key"].as_str().unwrap().to_owned();
    let hashes =
        app.texts("SELECT password_hash AS value FROM staff UNION ALL SELECT key_hash FROM api_key").await;
    let secrets = [secret(&device), secret(&key), "wang's first secret".into(), "wang's other secret".into()];
    for secret in secrets.iter().chain(&hashes) {
        assert!(!whole.contains(secret), "{secret} stands in the audit log");
    }

    assert_eq!(auditor.items("audit?who=staff%20lin").await.len(), 9);
    assert_eq!(auditor.items("audit?action=staff.change&target=staff%2099").await.len(), 0);
    assert_eq!(auditor.items("audit?size=1&page=9").await[0]["action"], "session.start");
    assert_eq!(auditor.items("audit?who=cli").await.len(), 1);
}
