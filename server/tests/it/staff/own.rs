//! One's own account: passwords, idle sessions, the password given again, and what keys may not.

use axum::http::Method;
use serde_json::json;
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};
use yuyue::staff::{self, Role};

use super::{PASSWORD, path, problem};
use crate::support::TestApp;

both! {
    a_guessable_password_is_refused_at_every_door,
    one_changes_ones_own_password,
    of_two_changes_of_a_password_one_counts,
    a_session_that_nobody_uses_ends_after_an_hour,
    an_old_login_is_asked_for_the_password_again,
    wrong_passwords_given_again_are_counted,
    a_key_manages_no_accounts_and_no_keys,
    a_key_has_an_end_and_shows_its_last_use,
}

both! { enforced: the_set_up_of_visitors_needs_a_recent_login }

const NEW: &str = "seven grey herons";

async fn a_guessable_password_is_refused_at_every_door(app: TestApp) {
    let admin = app.administrator().await;
    let id = app.account("lin.xiaoyu", Role::Reception).await;
    let lin = app.session("lin.xiaoyu").await;
    for weak in ["short", "password1234", "12345678901", "aaaaaaaaaaaa", "demo-admin", "qwertyuiop"] {
        let add = json!({ "username": "lin.xiaoyu 2", "password": weak, "role": "admin" });
        assert_eq!(problem(&admin.post(&path("staff"), add).await, 400), "password", "{weak}");
        let change = admin.patch(&path(&format!("staff/{id}")), json!({ "password": weak })).await;
        assert_eq!(problem(&change, 400), "password", "{weak}");
        let own = json!({ "old_password": PASSWORD, "password": weak });
        assert_eq!(problem(&lin.put(&path("session/password"), own).await, 400), "password", "{weak}");
        let cli = staff::add(app.app(), "lin.xiaoyu 3".into(), weak.into(), Role::Admin).await;
        assert_eq!(cli.unwrap_err().field.as_deref(), Some("password"), "{weak}");
    }
    let named = json!({ "old_password": PASSWORD, "password": "lin.xiaoyu1" });
    assert_eq!(problem(&lin.put(&path("session/password"), named).await, 400), "password");
    let long = json!({ "old_password": PASSWORD, "password": "x1".repeat(65) });
    assert_eq!(problem(&lin.put(&path("session/password"), long).await, 400), "password");
    assert_eq!(app.number("SELECT count(*) AS value FROM staff").await, 2);
    app.console_log_in("lin.xiaoyu", PASSWORD).await.expect(200);
}

async fn one_changes_ones_own_password(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    app.account("wang", Role::Auditor).await;
    let (lin, elsewhere, wang) =
        (app.session("lin").await, app.session("lin").await, app.session("wang").await);
    let change = |old: &str| json!({ "old_password": old, "password": NEW });
    let wrong = lin.put(&path("session/password"), change("not it at all")).await;
    assert_eq!(problem(&wrong, 403), "old_password");
    assert!(wrong.json().get("step_up").is_none(), "{wrong:?}");
    let missing = lin.put(&path("session/password"), json!({ "password": NEW })).await;
    assert_eq!(problem(&missing, 400), "old_password");
    elsewhere.get(&path("session")).await.expect(200);

    lin.put(&path("session/password"), change(PASSWORD)).await.expect(204);
    lin.get(&path("session")).await.expect(200);
    wang.get(&path("session")).await.expect(200);
    problem(&elsewhere.get(&path("session")).await, 401);
    app.console_log_in("lin", PASSWORD).await.expect(401);
    app.console_log_in("lin", NEW).await.expect(200);

    problem(&app.put(&path("session/password"), change(NEW)).await, 401);
    problem(&app.staff(Role::Admin).await.put(&path("session/password"), change(NEW)).await, 409);
    let told = app.staff(Role::Auditor).await.items("audit?action=staff.password").await;
    assert_eq!(
        (told.len(), &told[0]["who"], &told[0]["after"]),
        (1, &json!("staff lin"), &json!({ "password": "changed" }))
    );
}

async fn of_two_changes_of_a_password_one_counts(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let (one, other) = (app.session("lin").await, app.session("lin").await);
    let change = |password: &str| json!({ "old_password": PASSWORD, "password": password });
    let (first, second) = (path("session/password"), path("session/password"));
    let (left, right) = tokio::join!(
        one.put(&first, change("seven grey herons")),
        other.put(&second, change("eleven blue kettles"))
    );
    let statuses = [left.status.as_u16(), right.status.as_u16()];
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    let winner = if statuses[0] == 204 { "seven grey herons" } else { "eleven blue kettles" };
    app.console_log_in("lin", winner).await.expect(200);
    assert_eq!(app.number("SELECT count(*) AS value FROM audit WHERE action = 'staff.password'").await, 1);
}

async fn a_session_that_nobody_uses_ends_after_an_hour(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let token = app.console_log_in("lin", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let (script, browser) = (app.bearer(&token), app.with("cookie", &format!("yuyue_session={token}")));
    for caller in [&browser, &script, &browser, &script] {
        app.clock.advance(HOUR - MINUTE);
        caller.get(&path("brands")).await.expect(200);
    }
    let idle = app.session("lin").await;
    app.clock.advance(HOUR - SECOND);
    idle.get(&path("session")).await.expect(200);
    app.clock.advance(HOUR);
    problem(&script.get(&path("brands")).await, 401);
    problem(&idle.get(&path("brands")).await, 401);
    assert_eq!(app.number("SELECT count(*) AS value FROM staff_session").await, 2);
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM staff_session").await, 0, "cleaned up");
}

async fn an_old_login_is_asked_for_the_password_again(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let other = app.account("wang", Role::Reception).await;
    let lin = app.session("lin").await;
    let device = lin.post(&path("devices"), json!({ "name": "门", "kind": "gate" })).await.expect(201).json();
    let key = lin.post(&path("api-keys"), json!({ "name": "k", "role": "admin" })).await.expect(201).json();
    let (device, key) = (format!("devices/{}", device["id"]), format!("api-keys/{}", key["id"]));
    let account = format!("staff/{other}");
    let changes: [(Method, &str, String); 7] = [
        (Method::POST, "staff", json!({ "username": "x", "password": NEW, "role": "auditor" }).to_string()),
        (Method::PATCH, &account, json!({ "role": "auditor" }).to_string()),
        (Method::POST, "api-keys", json!({ "name": "x", "role": "auditor" }).to_string()),
        (Method::DELETE, &key, String::new()),
        (Method::POST, "devices", json!({ "name": "x", "kind": "gate" }).to_string()),
        (Method::DELETE, &device, String::new()),
        (Method::POST, "session/totp", "{}".into()),
    ];
    app.clock.advance(15 * MINUTE);
    lin.get(&path("session")).await.expect(200);
    let before = app.checksums().await;
    for (method, rest, body) in &changes {
        let answer = lin.send(method.clone(), &path(rest), body.clone()).await;
        problem(&answer, 403);
        assert_eq!(answer.json()["step_up"], true, "{answer:?}");
    }
    assert_eq!(app.checksums().await, before);
    lin.post(&path("brands"), json!({ "name": "x" })).await.expect(201);
    for rest in ["staff", "api-keys", "devices"] {
        lin.get(&path(rest)).await.expect(200);
    }

    lin.post(&path("session/confirm"), json!({ "password": PASSWORD })).await.expect(204);
    app.clock.advance(15 * MINUTE - 1);
    for (method, rest, body) in &changes {
        let answer = lin.send(method.clone(), &path(rest), body.clone()).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
    // Another session of the same account has not given it.
    let elsewhere = app.session("lin").await;
    app.clock.advance(15 * MINUTE);
    lin.post(&path("session/confirm"), json!({ "password": PASSWORD })).await.expect(204);
    problem(&elsewhere.post(&path("devices"), json!({ "name": "x", "kind": "gate" })).await, 403);
}

async fn wrong_passwords_given_again_are_counted(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let lin = app.session("lin").await;
    app.clock.advance(15 * MINUTE);
    for _ in 0..10 {
        let wrong = lin.post(&path("session/confirm"), json!({ "password": "wrong" })).await;
        assert_eq!(problem(&wrong, 403), "password");
        assert!(wrong.json().get("step_up").is_none(), "{wrong:?}");
    }
    problem(&lin.post(&path("session/confirm"), json!({ "password": PASSWORD })).await, 429);
    problem(&lin.post(&path("devices"), json!({ "name": "x", "kind": "gate" })).await, 403);
    app.clock.advance(15 * MINUTE);
    lin.post(&path("session/confirm"), json!({ "password": PASSWORD })).await.expect(204);
    problem(&app.post(&path("session/confirm"), json!({ "password": PASSWORD })).await, 401);
}

async fn a_key_manages_no_accounts_and_no_keys(app: TestApp) {
    let id = app.account("lin", Role::Auditor).await;
    let admin = app.administrator().await;
    let other = admin.post(&path("api-keys"), json!({ "name": "k", "role": "auditor" })).await.expect(201);
    let key = app.staff(Role::Admin).await;
    let before = app.checksums().await;
    let changes = [
        (Method::POST, "staff".to_owned(), json!({ "username": "x", "password": NEW, "role": "admin" })),
        (Method::PATCH, format!("staff/{id}"), json!({ "role": "admin" })),
        (Method::POST, "api-keys".to_owned(), json!({ "name": "x", "role": "admin" })),
        (Method::DELETE, format!("api-keys/{}", other.json()["id"]), json!({})),
    ];
    for (method, rest, body) in changes {
        let answer = key.send(method, &path(&rest), body.to_string()).await;
        problem(&answer, 403);
        assert!(answer.json().get("step_up").is_none(), "{answer:?}");
    }
    for (method, rest) in [(Method::POST, "session/totp"), (Method::POST, "session/confirm")] {
        problem(&key.send(method, &path(rest), r#"{"password":"x"}"#).await, 409);
    }
    assert_eq!(app.checksums().await, before);
    app.clock.advance(DAY);
    key.post(&path("devices"), json!({ "name": "x", "kind": "gate" })).await.expect(201);
}

async fn a_key_has_an_end_and_shows_its_last_use(app: TestApp) {
    let admin = app.administrator().await;
    let add = |expires_at: &str| json!({ "name": "k", "role": "auditor", "expires_at": expires_at });
    for past in ["2021-10-01 08:00:00", "2020-01-01 00:00:00"] {
        assert_eq!(problem(&admin.post(&path("api-keys"), add(past)).await, 400), "expires_at");
    }
    assert_eq!(problem(&admin.post(&path("api-keys"), add("soon")).await, 400), "expires_at");
    let added = admin.post(&path("api-keys"), add("2021-10-01 10:00:00")).await.expect(201).json();
    assert_eq!((&added["expires_at"], &added["last_used_at"]), (&json!("2021-10-01 10:00:00"), &json!(null)));
    let yearly = admin.post(&path("api-keys"), json!({ "name": "k", "role": "auditor" })).await.expect(201);
    assert_eq!(yearly.json()["expires_at"], "2022-10-01 08:00:00");
    let key = app.bearer(added["key"].as_str().unwrap());
    app.clock.advance(HOUR);
    key.get(&path("brands")).await.expect(200);
    let listed = app.administrator().await.items("api-keys").await;
    assert_eq!(listed[0]["last_used_at"], "2021-10-01 09:00:00");
    assert_eq!(listed[1]["last_used_at"], json!(null));
    app.clock.advance(HOUR - 1);
    key.get(&path("brands")).await.expect(200);
    app.clock.advance(1);
    problem(&key.get(&path("brands")).await, 401);
    assert_eq!(app.staff(Role::Auditor).await.items("api-keys").await.len(), 3, "it stays to be seen");
}

async fn the_set_up_of_visitors_needs_a_recent_login(app: TestApp) {
    let (person, key) = (app.administrator().await, app.staff(Role::Admin).await);
    let servers = person.get("/v1/config/servers").await.json()["data"].clone();
    let templates = person.get("/v1/config/templates").await.json()["data"].clone();
    app.clock.advance(15 * MINUTE);
    for (rest, body) in [("servers", servers), ("templates", templates)] {
        let path = format!("/v1/config/{rest}");
        let answer = person.put(&path, body.clone()).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_i64()), (403, Some(403)), "{answer:?}");
        assert_eq!(answer.json()["step_up"], true, "{answer:?}");
        let answer = key.put(&path, body).await;
        assert_eq!(answer.json()["code"], 0, "{answer:?}");
    }
}
