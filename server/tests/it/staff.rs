//! The staff API: who may do what, what it changes, and that the audit log tells of it.

use axum::http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use yuyue::adapters::sms_simulator::Fault;
use yuyue::clock::{HOUR, MINUTE, SECOND};
use yuyue::slots::rules;
use yuyue::staff::{self, DeviceKind, Role};

use crate::support::TestApp;
use crate::support::booking::{booking, booking_on};
use crate::support::wire::Answer;

both! {
    a_login_gives_a_token_and_a_cookie,
    behind_https_the_cookie_is_secure,
    an_unknown_username_answers_like_a_wrong_password,
    ten_wrong_passwords_lock_a_username_for_their_address,
    a_hundred_wrong_passwords_lock_a_username_everywhere,
    a_new_password_unlocks_for_every_address,
    right_passwords_at_once_lock_nobody_out,
    failures_of_one_address_are_limited,
    a_console_session_changes_things_from_its_own_pages_only,
    another_sites_page_cannot_log_a_browser_in,
    each_role_may_do_what_it_is_for,
    what_is_not_there_or_not_right_is_a_problem_document,
    a_new_schedule_is_used_at_once_and_keeps_appointments,
    a_schedule_replaced_in_a_rush_of_bookings_never_oversells,
    a_place_given_back_while_the_schedule_is_replaced_is_free,
    appointments_are_found_by_day_phone_name_and_state,
    staff_cancel_for_the_holder,
    points_and_tests_reach_the_member,
    brands_and_shops_are_listed_newest_first,
    a_given_up_message_can_be_sent_again,
    the_command_line_adds_under_the_same_rules,
    staff_accounts_are_added_and_changed,
    a_change_of_an_account_ends_its_sessions,
    no_session_outlives_the_password_it_was_started_with,
    of_two_admins_who_demote_each_other_one_remains,
    a_key_is_shown_once_and_works_until_it_is_deleted,
    a_repeat_with_the_same_key_adds_nothing,
    the_audit_log_tells_every_change_and_no_secret,
    the_numbers_of_the_day,
}

both! { enforced: a_device_signs_in_until_it_is_deleted }

const PASSWORD: &str = "a long enough secret";

/// A path of the staff API.
fn path(rest: &str) -> String {
    format!("/admin/v1/{rest}")
}

impl TestApp {
    async fn account(&self, username: &str, role: Role) -> i64 {
        staff::add(self.app(), username.into(), PASSWORD.into(), role).await.unwrap()
    }

    async fn console_log_in(&self, username: &str, password: &str) -> Answer {
        self.post(&path("session"), json!({ "username": username, "password": password })).await
    }

    /// This caller with a session of `username`, as a Bearer token.
    async fn session(&self, username: &str) -> Self {
        let answer = self.console_log_in(username, PASSWORD).await.expect(200);
        self.bearer(answer.json()["token"].as_str().unwrap())
    }

    /// The items of a list.
    async fn items(&self, rest: &str) -> Vec<Value> {
        self.get(&path(rest)).await.expect(200).json()["items"].as_array().unwrap().clone()
    }

    /// The appointment ids that a search finds.
    async fn found(&self, query: &str) -> Vec<i64> {
        let items = self.items(&format!("appointments?{query}")).await;
        items.iter().map(|item| item["appointment_id"].as_i64().unwrap()).collect()
    }
}

/// The problem document's field ("" without one), after a check of its shape.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["status"]), (status, &json!(status)), "{answer:?}");
    assert!(body["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{answer:?}");
    body["field"].as_str().unwrap_or_default().to_owned()
}

async fn a_login_gives_a_token_and_a_cookie(app: TestApp) {
    app.account("lin", Role::Reception).await;
    let answer = app.console_log_in(" lin ", PASSWORD).await.expect(200);
    let token = answer.json()["token"].as_str().unwrap().to_owned();
    let expected = json!({ "token": token, "expires_in": 43_200, "username": "lin", "role": "reception" });
    assert_eq!(answer.json(), expected);
    let cookie = format!("yuyue_session={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    assert_eq!(answer.header("set-cookie"), cookie);

    let me = json!({ "username": "lin", "role": "reception" });
    let (bearer, browser) = (app.bearer(&token), app.with("cookie", &format!("a=b; yuyue_session={token}")));
    assert_eq!(bearer.get(&path("session")).await.expect(200).json(), me);
    assert_eq!(browser.get(&path("session")).await.expect(200).json(), me);
    assert_eq!(problem(&app.get(&path("session")).await, 401), "");

    let other = app.session("lin").await;
    let answer = bearer.delete(&path("session")).await.expect(204);
    assert!(answer.header("set-cookie").starts_with("yuyue_session=; "), "{answer:?}");
    assert!(answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
    assert!(answer.body.is_empty());
    for ended in [&bearer, &browser] {
        problem(&ended.get(&path("session")).await, 401);
    }
    app.clock.advance(12 * HOUR - 1);
    other.get(&path("session")).await.expect(200);
    app.clock.advance(1);
    problem(&other.get(&path("session")).await, 401);
    let key = app.staff(Role::Admin).await;
    problem(&key.delete(&path("session")).await, 409);
    key.get(&path("session")).await.expect(200);
}

async fn behind_https_the_cookie_is_secure(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let public = app.again(|config| config.server.public_url = "https://book.example.com".into()).await;
    let answer = public.console_log_in("lin", PASSWORD).await.expect(200);
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{answer:?}");
}

async fn an_unknown_username_answers_like_a_wrong_password(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let id = app.account("gone", Role::Admin).await;
    let admin = app.staff(Role::Admin).await;
    admin.patch(&path(&format!("staff/{id}")), json!({ "active": false })).await.expect(200);
    let wrong = app.console_log_in("lin", "not the secret").await.expect(401);
    for (username, password) in [("nobody", PASSWORD), ("gone", PASSWORD), ("LIN", PASSWORD)] {
        let answer = app.console_log_in(username, password).await.expect(401);
        assert_eq!(answer.body, wrong.body, "{username}");
    }
    assert_eq!(problem(&app.post(&path("session"), json!({})).await, 400), "username");
    assert_eq!(problem(&app.post(&path("session"), json!({ "username": "lin" })).await, 400), "password");
}

async fn ten_wrong_passwords_lock_a_username_for_their_address(app: TestApp) {
    app.account("lin", Role::Admin).await;
    app.account("wang", Role::Admin).await;
    for username in ["lin", "nobody"] {
        for _ in 0..10 {
            app.console_log_in(username, "wrong").await.expect(401);
        }
        let answer = app.console_log_in(username, PASSWORD).await;
        problem(&answer, 429);
        assert_eq!(answer.header("retry-after"), "900", "{username}");
    }
    app.console_log_in("wang", PASSWORD).await.expect(200);
    app.clock.advance(15 * MINUTE - SECOND);
    assert_eq!(app.console_log_in("lin", PASSWORD).await.expect(429).header("retry-after"), "1");
    app.clock.advance(SECOND);
    for _ in 0..9 {
        app.console_log_in("lin", "wrong").await.expect(401);
    }
    app.console_log_in("lin", PASSWORD).await.expect(200);
    app.console_log_in("lin", "wrong").await.expect(401);
    app.console_log_in("lin", PASSWORD).await.expect(200);

    let mut guesses = JoinSet::new();
    for _ in 0..30 {
        let app = app.clone();
        guesses.spawn(async move { app.console_log_in("wang", "wrong").await.status.as_u16() });
    }
    let statuses = guesses.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10, "{statuses:?}");
}

async fn a_hundred_wrong_passwords_lock_a_username_everywhere(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let guesser = |number: usize| app.at_address(&format!("203.0.113.{number}"));
    for _ in 0..10 {
        guesser(0).console_log_in("lin", "wrong").await.expect(401);
    }
    guesser(0).console_log_in("lin", PASSWORD).await.expect(429);
    guesser(1).console_log_in("lin", PASSWORD).await.expect(200);
    for number in 1..=10 {
        let mut guesses = JoinSet::new();
        for _ in 0..10 {
            let guesser = guesser(number);
            guesses.spawn(async move { guesser.console_log_in("lin", "wrong").await.status.as_u16() });
        }
        assert_eq!(guesses.join_all().await, [401; 10], "{number}");
    }
    let answer = guesser(11).console_log_in("lin", PASSWORD).await;
    problem(&answer, 429);
    assert_eq!(answer.header("retry-after"), "900");
    app.clock.advance(15 * MINUTE);
    guesser(11).console_log_in("lin", PASSWORD).await.expect(200);
}

async fn a_new_password_unlocks_for_every_address(app: TestApp) {
    let id = app.account("lin", Role::Admin).await;
    app.account("lin 2", Role::Admin).await;
    let elsewhere = app.at_address("203.0.113.9");
    for _ in 0..10 {
        app.console_log_in("lin", "wrong").await.expect(401);
        elsewhere.console_log_in("lin", "wrong").await.expect(401);
        app.console_log_in("lin 2", "wrong").await.expect(401);
    }
    let admin = app.staff(Role::Admin).await;
    admin.patch(&path(&format!("staff/{id}")), json!({ "password": PASSWORD })).await.expect(200);
    app.console_log_in("lin", PASSWORD).await.expect(200);
    elsewhere.console_log_in("lin", PASSWORD).await.expect(200);
    app.console_log_in("lin 2", PASSWORD).await.expect(429);
}

async fn right_passwords_at_once_lock_nobody_out(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let mut logins = JoinSet::new();
    for _ in 0..30 {
        let app = app.clone();
        logins.spawn(async move { app.console_log_in("lin", PASSWORD).await.status.as_u16() });
    }
    assert_eq!(logins.join_all().await, [200; 30]);
}

async fn failures_of_one_address_are_limited(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let guesser = app.at_address("203.0.113.9");
    for _ in 0..100 {
        let status = guesser.console_log_in("nobody", "wrong").await.status.as_u16();
        assert!(matches!(status, 401 | 429), "{status}");
    }
    let answer = guesser.console_log_in("lin", PASSWORD).await;
    problem(&answer, 429);
    assert_eq!(answer.header("retry-after"), "900");
    app.console_log_in("lin", PASSWORD).await.expect(200);
    app.clock.advance(15 * MINUTE);
    guesser.console_log_in("lin", PASSWORD).await.expect(200);
}

async fn a_console_session_changes_things_from_its_own_pages_only(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let token = app.console_log_in("lin", PASSWORD).await.json()["token"].as_str().unwrap().to_owned();
    let browser = app.with("cookie", &format!("yuyue_session={token}"));
    let brand = json!({ "name": "爱美兔" });
    problem(&browser.post(&path("brands"), brand.clone()).await, 403);
    for foreign in
        ["https://evil.example", "http://yuyue.test.evil.example", "http://yuyue.test:81", "null", ""]
    {
        let answer = browser.with("origin", foreign).post(&path("brands"), brand.clone()).await;
        problem(&answer, 403);
        problem(&browser.with("origin", foreign).delete(&path("session")).await, 403);
        browser.with("origin", foreign).get(&path("brands")).await.expect(200);
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM brand").await, 0);
    browser.with("origin", "http://yuyue.test").post(&path("brands"), brand.clone()).await.expect(201);
    let script = app.bearer(&token);
    script.post(&path("brands"), brand).await.expect(201);
    browser.with("origin", "http://yuyue.test").delete(&path("session")).await.expect(204);
}

async fn another_sites_page_cannot_log_a_browser_in(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let foreign = app.with("origin", "https://evil.example");
    let answer = foreign.console_log_in("lin", PASSWORD).await;
    problem(&answer, 403);
    assert_eq!(answer.header("set-cookie"), "");
    app.with("origin", "http://yuyue.test").console_log_in("lin", PASSWORD).await.expect(200);
    let listed =
        foreign.again(|config| config.server.cors_origins = vec!["https://evil.example".into()]).await;
    listed.console_log_in("lin", PASSWORD).await.expect(200);
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
        staff.push((role, app.staff(role).await));
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
    let admin = app.staff(Role::Admin).await.with("accept-language", "en");
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
    assert_eq!(empty.json()["detail"], "expected at least one of role, password, active");
    let active = admin.patch(&path(&format!("staff/{id}")), json!({ "active": "no" })).await;
    assert_eq!(problem(&active, 400), "active");
}

async fn a_new_schedule_is_used_at_once_and_keeps_appointments(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let id = app.booked(booking("o-1", 9, 0)).await;
    let old = admin.get(&path("schedule")).await.expect(200).json();
    assert_eq!(
        (&old["slot_minutes"], &old["capacity"], &old["days_ahead"]),
        (&json!(10), &json!(1), &json!(14))
    );
    assert_eq!(old["periods"][0], json!({ "weekday": 1, "from": "09:00", "to": "11:00" }));
    let mut new = old.clone();
    new["slot_minutes"] = json!(15);
    new["closed_dates"] = json!(["2021-10-02"]);
    new["extra_dates"] = json!([{ "date": "2021-10-03", "from": "20:00", "to": "20:30" }]);
    assert_eq!(admin.put(&path("schedule"), new.clone()).await.expect(200).json(), new);
    assert_eq!(admin.get(&path("schedule")).await.expect(200).json(), new);
    assert_eq!(app.minutes("2021-10-01", 9).await, [(0, 1), (15, 0), (30, 0), (45, 0)]);
    assert_eq!(app.book(booking("o-2", 9, 0)).await.error_no(), rules::FULL.number);
    assert_eq!(app.hours("2021-10-02").await, []);
    assert_eq!(app.hours("2021-10-03").await, [(20, 0)]);
    assert_eq!(admin.found("").await, [id]);

    let audited = &admin.items("audit?action=schedule.replace").await[0];
    assert_eq!((&audited["before"], &audited["after"]), (&old, &new));
    let period = |weekday: Value, from: &str| json!([{ "weekday": weekday, "from": from, "to": "10:00" }]);
    let wrongs = [
        ("capacity", json!(0), "capacity: expected an integer from 1 to 100000"),
        ("capacity", json!(1.0), "capacity: expected an integer from 1 to 100000"),
        ("capacity", json!(null), "capacity: is required"),
        ("slot_minutes", json!("0"), "slot_minutes: expected an integer from 1 to 1440"),
        ("days_ahead", json!(367), "days_ahead: expected an integer from 0 to 366"),
        ("min_notice_minutes", json!("x"), "min_notice_minutes: expected an integer from 0 to 527040"),
        ("periods", period(json!(8), "09:00"), "periods[0].weekday: expected an integer from 1 to 7"),
        ("periods", period(json!(1), "9"), "periods[0].from: expected a time written HH:MM"),
        ("periods", period(json!(1), "10:00"), "periods: to must be later than from"),
    ];
    let english = admin.with("accept-language", "en");
    for (field, value, detail) in wrongs {
        let mut wrong = new.clone();
        wrong[field] = value;
        let answer = english.put(&path("schedule"), wrong).await;
        assert!(problem(&answer, 400).starts_with(field), "{answer:?}");
        assert_eq!(answer.json()["detail"], detail);
    }
    let mut texts = new.clone();
    for field in ["slot_minutes", "capacity", "days_ahead", "min_notice_minutes"] {
        texts[field] = json!(format!(" {} ", new[field]));
    }
    texts["periods"][0]["weekday"] = json!("1");
    assert_eq!(admin.put(&path("schedule"), texts).await.expect(200).json(), new, "numeric text is fine");
    assert_eq!(admin.get(&path("schedule")).await.json(), new);
}

async fn a_schedule_replaced_in_a_rush_of_bookings_never_oversells(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let mut schedule = admin.get(&path("schedule")).await.json();
    let mut rush = JoinSet::new();
    for person in 0..24 {
        let app = app.clone();
        rush.spawn(async move {
            let minute = person % 6 * 10;
            for _ in 0..50 {
                let answer = app.book(booking(&format!("o-{person}"), 9, minute)).await;
                // 503: the slot was laid anew at this very moment.
                if answer.status != 503 {
                    return answer.json()["error_no"].as_i64().unwrap();
                }
            }
            panic!("the slot is never there");
        });
    }
    for days_ahead in [13, 14, 12, 14, 13, 14] {
        schedule["days_ahead"] = json!(days_ahead);
        admin.put(&path("schedule"), schedule.clone()).await.expect(200);
    }
    let numbers = rush.join_all().await;
    assert_eq!(numbers.iter().filter(|number| **number == 0).count(), 6, "{numbers:?}");
    assert_eq!(numbers.iter().filter(|number| **number == rules::FULL.number).count(), 18, "{numbers:?}");
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
}

async fn a_place_given_back_while_the_schedule_is_replaced_is_free(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let schedule = admin.get(&path("schedule")).await.json();
    let mut holders = JoinSet::new();
    for (hour, minute) in [(9, 0), (9, 10), (9, 20), (9, 30), (13, 0), (13, 10)] {
        let app = app.clone();
        holders.spawn(async move {
            for _ in 0..15 {
                let booked = app.book(booking(&format!("o-{hour}-{minute}"), hour, minute)).await;
                // 503: the slot was laid anew at this very moment.
                if booked.status != 503 {
                    let id = booked.data()["appointment_id"].as_i64().unwrap();
                    app.cancel(&format!("o-{hour}-{minute}"), id).await.data();
                }
            }
        });
    }
    while !holders.is_empty() {
        admin.put(&path("schedule"), schedule.clone()).await.expect(200);
        while let Some(ended) = holders.try_join_next() {
            ended.unwrap();
        }
    }
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
    assert_eq!(app.number("SELECT CAST(sum(taken) AS BIGINT) AS value FROM slot").await, 0);
}

async fn appointments_are_found_by_day_phone_name_and_state(app: TestApp) {
    let auditor = app.staff(Role::Auditor).await;
    let person = |mut booking: Value, name: &str, phone: &str| {
        (booking["name"], booking["phone_num"]) = (json!(name), json!(phone));
        booking
    };
    let first = app.booked(person(booking("o-1", 9, 0), "张三丰", "13811111111")).await;
    let second = app.booked(person(booking("o-2", 9, 10), "李三", "13822222222")).await;
    let third = app.booked(person(booking_on("2021-10-02", "o-1", 9, 0), "Zhang_San%", "13811111111")).await;
    app.sign_in(first).await.data();
    app.cancel("o-2", second).await.data();

    let all = auditor.get(&path("appointments")).await.expect(200).json();
    assert_eq!((&all["total"], &all["page"], &all["size"]), (&json!(3), &json!(1), &json!(20)));
    let expected = json!({ "day": "2021-10-01", "hour": 9, "minute": 0, "open_id": "o-1", "name": "张三丰",
        "phone_num": "13811111111", "status": 0, "appointment_id": first,
        "signed_in_at": "2021-10-01 08:00:00", "created_at": "2021-10-01 08:00:00" });
    assert_eq!(all["items"][2], expected);
    assert_eq!(auditor.found("").await, [third, second, first], "the latest slot first");
    for (query, expected) in [
        ("date=2021-10-01", vec![second, first]),
        ("date=2021-10-03", vec![]),
        ("phone=13811111111", vec![third, first]),
        ("phone=1381111111", vec![]),
        ("phone=13811111111&date=2021-10-02", vec![third]),
        ("name=%E4%B8%89", vec![second, first]),
        ("name=%E5%BC%A0%E4%B8%89&date=2021-10-01", vec![first]),
        ("name=San%25", vec![third]),
        ("name=san", vec![]),
        ("name=_", vec![third]),
        ("status=booked", vec![third]),
        ("status=signed_in", vec![first]),
        ("status=cancelled", vec![second]),
        ("status=cancelled&phone=13811111111", vec![]),
        ("size=1&page=2", vec![second]),
        ("page=9", vec![]),
    ] {
        assert_eq!(auditor.found(query).await, expected, "{query}");
    }
    app.clock.advance(367 * 24 * HOUR);
    assert_eq!(auditor.found("name=%E4%B8%89").await, [0; 0], "a name alone is looked for a year back");
    assert_eq!(auditor.found("name=%E4%B8%89&date=2021-10-01").await, [second, first]);
    assert_eq!(auditor.found("name=%E4%B8%89&phone=13811111111").await, [first]);
}

async fn staff_cancel_for_the_holder(app: TestApp) {
    let desk = app.staff(Role::Reception).await;
    let id = app.booked(booking("o-1", 9, 0)).await;
    let cancelled =
        desk.post(&path(&format!("appointments/{id}/cancel")), json!({})).await.expect(200).json();
    assert_eq!((&cancelled["appointment_id"], &cancelled["status"]), (&json!(id), &json!(1)));
    assert_eq!(app.minutes("2021-10-01", 9).await[0], (0, 0), "free at once");
    problem(&desk.post(&path(&format!("appointments/{id}/cancel")), json!({})).await, 409);
    let signed_in = app.booked(booking("o-1", 9, 10)).await;
    app.sign_in(signed_in).await.data();
    problem(&desk.post(&path(&format!("appointments/{signed_in}/cancel")), json!({})).await, 409);
    let audited = desk.items("audit").await;
    assert_eq!(audited.len(), 1, "what was refused is no change");
    assert_eq!(audited[0]["target"], format!("appointment {id}"));
    assert_eq!(
        (&audited[0]["before"]["status"], &audited[0]["after"]["status"]),
        (&json!("booked"), &json!("cancelled"))
    );
}

async fn points_and_tests_reach_the_member(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let member = app.member("13811111111").await;
    app.member("13822222222").await;
    let listed = admin.items("members?mobile=13811111111").await;
    let id = listed[0]["id"].as_i64().unwrap();
    assert_eq!((listed.len(), &listed[0]["point"], &listed[0]["is_testing"]), (1, &json!(10), &json!(0)));
    assert_eq!(listed[0]["created_at"], "2021-10-01 08:00:00");
    assert_eq!(admin.items("members").await.len(), 2);
    member.put("/v1/accounts/me", json!({ "nickname": "小 Li" })).await.expect(200);
    assert_eq!(admin.items("members?nickname=Li").await[0]["id"], id);
    assert_eq!(admin.items("members?nickname=li").await.len(), 0);
    assert_eq!(admin.items("members?nickname=Li&mobile=13822222222").await.len(), 0);

    let points = path(&format!("members/{id}/points"));
    let grant = |point: Value| json!({ "event_type": "COMMENT", "point": point, "reason": "好评" });
    let entry = admin.post(&points, grant(json!("25"))).await.expect(201).json();
    let of_member = member.get("/v1/accounts/me/points").await.expect(200).json();
    assert_eq!(entry, of_member[0], "the item is what the member sees");
    assert_eq!(
        (&entry["point"], &entry["event_type"], &entry["reason"]),
        (&json!(25), &json!("COMMENT"), &json!("好评"))
    );
    admin.post(&points, grant(json!(-30))).await.expect(201);
    assert_eq!(member.get("/v1/accounts/me").await.json()["point"], 5);
    for point in [json!(0), json!(1.5), json!(null)] {
        assert_eq!(problem(&admin.post(&points, grant(point)).await, 400), "point");
    }

    let brand = admin.post(&path("brands"), json!({ "name": "爱美兔" })).await.expect(201).json();
    let shop = json!({ "brand_id": brand["id"], "name": "国贸店", "street": "建国路", "contact_tel": "010", "is_exp": 1 });
    let shop = admin.post(&path("shops"), shop).await.expect(201).json();
    let tests = path(&format!("members/{id}/tests"));
    assert_eq!(problem(&admin.post(&tests, json!({ "shop_id": 77 })).await, 400), "shop_id");
    assert_eq!(member.get("/v1/accounts/me").await.json()["is_testing"], 0);
    let test = admin.post(&tests, json!({ "shop_id": shop["id"] })).await.expect(201).json();
    assert_eq!((&test["user_id"], &test["shop"]), (&json!(id), &shop));
    assert_eq!(member.get("/v1/accounts/me").await.json()["is_testing"], 1);
    assert_eq!(member.get("/v1/accounts/me/shops").await.json(), json!([shop]));
}

async fn brands_and_shops_are_listed_newest_first(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let add = json!({ "name": "爱美兔", "founder_name": "王美丽" });
    let first = admin.post(&path("brands"), add).await.expect(201).json();
    assert_eq!(first, json!({ "id": first["id"], "name": "爱美兔", "founder_name": "王美丽" }));
    let second = admin.post(&path("brands"), json!({ "name": "B" })).await.expect(201).json();
    assert_eq!(admin.items("brands").await, [second, first.clone()]);
    assert_eq!(admin.items("brands?size=1&page=2").await, std::slice::from_ref(&first));
    let add = json!({ "brand_id": first["id"], "name": "国贸店" });
    let shop = admin.post(&path("shops"), add).await.expect(201).json();
    let expected = json!({ "id": shop["id"], "brand": first, "name": "国贸店", "street": "", "contact_tel": "", "is_exp": 0 });
    assert_eq!(shop, expected);
    assert_eq!(
        admin.get(&path("shops")).await.json(),
        json!({ "items": [shop], "total": 1, "page": 1, "size": 20 })
    );
}

async fn a_given_up_message_can_be_sent_again(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    app.world().sms.set_fault(Fault::Down);
    app.post("/v1/login/sms_code", json!({ "mobile": "13811111111" })).await.expect(200);
    app.drain_outbox().await;
    let waiting = admin.items("messages?state=waiting").await;
    assert_eq!(
        (&waiting[0]["to"], &waiting[0]["kind"]),
        (&json!("13811111111"), &json!("members.login_code"))
    );
    let resend = path(&format!("messages/{}/resend", waiting[0]["id"]));
    problem(&admin.post(&resend, json!({})).await, 409);
    for _ in 0..6 {
        app.clock.advance(MINUTE);
        app.drain_outbox().await;
    }
    let given_up = admin.items("messages?state=given_up").await;
    assert_eq!((given_up.len(), &given_up[0]["id"]), (1, &waiting[0]["id"]));
    assert_ne!(given_up[0]["last_error"], "");
    assert_eq!(admin.get(&path("stats")).await.json()["messages_given_up"], 1);

    app.world().sms.set_fault(Fault::Ok);
    assert_eq!(admin.post(&resend, json!({})).await.expect(200).json()["state"], "waiting");
    problem(&admin.post(&resend, json!({})).await, 409);
    assert_eq!(admin.get(&path("stats")).await.json()["messages_waiting"], 1);
    app.drain_outbox().await;
    let again = admin.items("messages?state=given_up").await;
    assert_eq!(again[0]["last_error"], "the code was used or has expired", "an expired code is of no use");
    assert_eq!(admin.items("audit?action=message.resend").await.len(), 1);
}

async fn staff_accounts_are_added_and_changed(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let add = json!({ "username": "lin", "password": PASSWORD, "role": "reception" });
    let added = admin.post(&path("staff"), add.clone()).await.expect(201).json();
    let expected = json!({ "id": added["id"], "username": "lin", "role": "reception", "active": true,
        "created_at": "2021-10-01 08:00:00" });
    assert_eq!(added, expected);
    problem(&admin.post(&path("staff"), add).await, 409);
    assert_eq!(admin.items("staff").await, std::slice::from_ref(&added));

    let one = path(&format!("staff/{}", added["id"]));
    let changed = admin.patch(&one, json!({ "role": "auditor", "active": true })).await.expect(200).json();
    assert_eq!((&changed["role"], &changed["active"]), (&json!("auditor"), &json!(true)));
    admin.patch(&one, json!({ "role": "auditor" })).await.expect(200);
    assert_eq!(admin.items("audit?action=staff.change").await.len(), 1, "the same again is no change");
    for _ in 0..11 {
        app.console_log_in("lin", "wrong").await;
    }
    problem(&app.console_log_in("lin", PASSWORD).await, 429);
    assert_eq!(problem(&admin.patch(&one, json!({ "password": "short" })).await, 400), "password");
    admin.patch(&one, json!({ "password": "  another secret " })).await.expect(200);
    app.console_log_in("lin", PASSWORD).await.expect(401);
    app.console_log_in("lin", "  another secret ").await.expect(200);
}

async fn the_command_line_adds_under_the_same_rules(app: TestApp) {
    let add = |username: &str| staff::add(app.app(), username.into(), PASSWORD.into(), Role::Admin);
    let id = add(" lin ").await.unwrap();
    app.console_log_in("lin", PASSWORD).await.expect(200);
    let (device, key) = staff::add_device(app.app(), " 大门 ".into(), DeviceKind::Gate).await.unwrap();
    let kiosk = app.again_in(yuyue::app::Mode::Enforced, |_| ()).await.with("x-device-key", &key);
    kiosk.post("/v1/available-days/list", json!({})).await.data();

    assert_eq!(add("lin").await.unwrap_err().message.en, "this username is taken");
    for wrong in [" ", "a\nb", "x".repeat(65).as_str()] {
        assert_eq!(add(wrong).await.unwrap_err().field.as_deref(), Some("username"), "{wrong}");
        let refused = staff::add_device(app.app(), wrong.into(), DeviceKind::Gate).await.unwrap_err();
        assert_eq!(refused.field.as_deref(), Some("name"), "{wrong}");
    }
    let audited = app.staff(Role::Auditor).await.items("audit?who=cli").await;
    let told: Vec<_> =
        audited.iter().map(|item| (&item["action"], &item["target"], &item["after"])).collect();
    let gate = json!({ "name": "大门", "kind": "gate" });
    let lin = json!({ "username": "lin", "role": "admin", "active": true });
    let expected = [
        (&json!("device.add"), &json!(format!("device {device}")), &gate),
        (&json!("staff.add"), &json!(format!("staff {id}")), &lin),
    ];
    assert_eq!(told, expected);
}

async fn a_change_of_an_account_ends_its_sessions(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let id = app.account("lin", Role::Reception).await;
    app.account("wang", Role::Reception).await;
    let other = app.session("wang").await;
    let one = path(&format!("staff/{id}"));
    for change in [json!({ "role": "auditor" }), json!({ "password": PASSWORD }), json!({ "active": false })]
    {
        let sessions = [app.session("lin").await, app.session("lin").await];
        admin.patch(&one, change.clone()).await.expect(200);
        for session in &sessions {
            problem(&session.get(&path("session")).await, 401);
        }
        other.get(&path("session")).await.expect(200);
    }
    app.console_log_in("lin", PASSWORD).await.expect(401);
    admin.patch(&one, json!({ "active": true })).await.expect(200);
    app.console_log_in("lin", PASSWORD).await.expect(200);
}

async fn no_session_outlives_the_password_it_was_started_with(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let id = app.account("lin", Role::Reception).await;
    let mut password = PASSWORD.to_owned();
    for round in 0..10 {
        let new = format!("{PASSWORD} {round}");
        let (caller, change) = (app.clone(), json!({ "password": new }));
        let old = std::mem::replace(&mut password, new);
        let login = tokio::spawn(async move { caller.console_log_in("lin", &old).await });
        admin.patch(&path(&format!("staff/{id}")), change).await.expect(200);
        let login = login.await.unwrap();
        if login.status == 200 {
            let session = app.bearer(login.json()["token"].as_str().unwrap());
            problem(&session.get(&path("session")).await, 401);
        } else {
            problem(&login, 401);
        }
    }
    app.console_log_in("lin", &password).await.expect(200);
}

async fn of_two_admins_who_demote_each_other_one_remains(app: TestApp) {
    let first = app.account("lin", Role::Admin).await;
    let second = app.account("wang", Role::Admin).await;
    let root = app.staff(Role::Admin).await;
    for round in 0..10 {
        let (lin, wang) = (app.session("lin").await, app.session("wang").await);
        let (one, other) = (path(&format!("staff/{second}")), path(&format!("staff/{first}")));
        let change = if round % 2 == 0 { json!({ "role": "reception" }) } else { json!({ "active": false }) };
        let (change_one, change_other) = (change.clone(), change);
        let lin = tokio::spawn(async move { lin.patch(&one, change_one).await.status.as_u16() });
        let wang = tokio::spawn(async move { wang.patch(&other, change_other).await.status.as_u16() });
        let statuses = [lin.await.unwrap(), wang.await.unwrap()];
        // The slower one is refused, or finds that it is no administrator any more.
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        let admins = "SELECT count(*) AS value FROM staff WHERE role = 'admin' AND active";
        assert_eq!(app.number(admins).await, 1);
        for id in [first, second] {
            let restore = json!({ "role": "admin", "active": true });
            root.patch(&path(&format!("staff/{id}")), restore).await.expect(200);
        }
    }
    root.patch(&path(&format!("staff/{first}")), json!({ "role": "auditor" })).await.expect(200);
    for change in [json!({ "role": "reception" }), json!({ "active": false })] {
        problem(&root.patch(&path(&format!("staff/{second}")), change).await, 409);
    }
}

async fn a_key_is_shown_once_and_works_until_it_is_deleted(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let added =
        admin.post(&path("api-keys"), json!({ "name": "报表", "role": "auditor" })).await.expect(201).json();
    let key = added["key"].as_str().unwrap().to_owned();
    let script = app.bearer(&key);
    assert_eq!(
        script.get(&path("session")).await.expect(200).json(),
        json!({ "username": "报表", "role": "auditor" })
    );
    let listed = script.get(&path("api-keys")).await.expect(200);
    let item =
        json!({ "id": added["id"], "name": "报表", "role": "auditor", "created_at": "2021-10-01 08:00:00" });
    assert_eq!(listed.json()["items"][1], item);
    assert!(!String::from_utf8_lossy(&listed.body).contains(&key));
    admin.delete(&path(&format!("api-keys/{}", added["id"]))).await.expect(204);
    problem(&script.get(&path("session")).await, 401);
    problem(&admin.delete(&path(&format!("api-keys/{}", added["id"]))).await, 404);
}

async fn a_device_signs_in_until_it_is_deleted(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let member = app.member("13811111111").await;
    let open_id = format!("m{}", member.get("/v1/accounts/me").await.json()["id"]);
    let id = member.booked(booking(&open_id, 9, 0)).await;
    let add = json!({ "name": "大门", "kind": DeviceKind::Kiosk });
    let added = admin.post(&path("devices"), add).await.expect(201).json();
    let kiosk = app.with("x-device-key", added["key"].as_str().unwrap());
    assert_eq!(kiosk.sign_in(id).await.data()["already"], false);
    problem(&kiosk.get(&path("devices")).await, 401);
    let item =
        json!({ "id": added["id"], "name": "大门", "kind": "kiosk", "created_at": "2021-10-01 08:00:00" });
    assert_eq!(admin.items("devices").await, [item]);
    admin.delete(&path(&format!("devices/{}", added["id"]))).await.expect(204);
    kiosk.sign_in(id).await.expect(401);
    assert_eq!(admin.items("devices").await, [Value::Null; 0]);
}

async fn a_repeat_with_the_same_key_adds_nothing(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
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
    let add = json!({ "username": "wang", "password": "secret secret", "role": "auditor" });
    let wang = lin.post(&path("staff"), add).await.expect(201).json();
    let script = app.bearer(key["key"].as_str().unwrap());
    app.clock.advance(HOUR);
    let change = json!({ "password": "other secret", "role": "reception" });
    script.patch(&path(&format!("staff/{}", wang["id"])), change).await.expect(200);
    lin.delete(&path(&format!("devices/{}", device["id"]))).await.expect(204);
    lin.delete(&path(&format!("api-keys/{}", key["id"]))).await.expect(204);
    lin.delete(&path("session")).await.expect(204);

    let auditor = app.staff(Role::Auditor).await;
    let items = auditor.items("audit").await;
    let told: Vec<String> = (items.iter().rev())
        .map(|item| format!("{} {} {}", item["who"], item["action"], item["target"]).replace('"', ""))
        .collect();
    let by_key = format!("api key {} (报表)", key["id"]);
    let lin = items.last().unwrap()["target"].as_str().unwrap();
    let expected = [
        format!("cli staff.add {lin}"),
        format!("staff lin session.start {lin}"),
        format!("staff lin brand.add brand {}", brand["id"]),
        format!("staff lin device.add device {}", device["id"]),
        format!("staff lin api_key.add api key {}", key["id"]),
        format!("staff lin staff.add staff {}", wang["id"]),
        format!("{by_key} staff.change staff {}", wang["id"]),
        format!("staff lin device.delete device {}", device["id"]),
        format!("staff lin api_key.delete api key {}", key["id"]),
        format!("staff lin session.end {lin}"),
    ];
    assert_eq!(told, expected);
    let change = &items[3];
    assert_eq!(change["at"], "2021-10-01 09:00:00");
    assert_eq!(change["before"], json!({ "username": "wang", "role": "auditor", "active": true }));
    let after = json!({ "username": "wang", "role": "reception", "active": true, "password": "changed" });
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
    let secrets = [secret(&device), secret(&key), "secret secret".into(), "other secret".into()];
    for secret in secrets.iter().chain(&hashes) {
        assert!(!whole.contains(secret), "{secret} stands in the audit log");
    }

    assert_eq!(auditor.items("audit?who=staff%20lin").await.len(), 8);
    assert_eq!(auditor.items("audit?action=staff.change&target=staff%2099").await.len(), 0);
    assert_eq!(auditor.items("audit?size=1&page=9").await[0]["action"], "session.start");
    assert_eq!(auditor.items("audit?who=cli").await.len(), 1);
}

async fn the_numbers_of_the_day(app: TestApp) {
    let auditor = app.staff(Role::Auditor).await;
    let first = app.booked(booking("o-1", 9, 0)).await;
    app.booked(booking("o-2", 9, 10)).await;
    let cancelled = app.booked(booking("o-3", 9, 20)).await;
    let tomorrow = app.booked(booking_on("2021-10-02", "o-1", 9, 0)).await;
    app.cancel("o-3", cancelled).await.data();
    app.sign_in(first).await.data();
    app.sign_in(tomorrow).await.data();
    let stats = auditor.get(&path("stats")).await.expect(200).json();
    let expected = json!({ "date": "2021-10-01", "appointments_today": 2, "sign_ins_today": 2,
        "visits_today": 0, "messages_waiting": 0, "messages_given_up": 0 });
    assert_eq!(stats, expected);
    app.clock.advance(24 * HOUR);
    let stats = auditor.get(&path("stats")).await.expect(200).json();
    assert_eq!((&stats["appointments_today"], &stats["sign_ins_today"]), (&json!(1), &json!(0)));
}
