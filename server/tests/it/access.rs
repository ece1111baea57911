//! Enforced mode: who may do what, told from both sides.

use axum::http::Method;
use serde_json::{Value, json};
use yuyue::app::Mode;
use yuyue::ids::fingerprint;
use yuyue::staff::{DeviceKind, Role};

use crate::support::TestApp;
use crate::support::booking::booking;
use crate::support::served::soon;
use crate::support::wire::Answer;

both! {
    enforced:
    nobody_without_a_credential,
    a_member_acts_for_itself_only,
    a_member_with_an_openid_acts_for_that,
    the_desk_is_for_devices_and_reception,
    lists_of_everybody_are_for_staff,
    staff_of_any_role_read_what_somebody_holds,
    an_openid_is_never_believed_because_it_was_sent,
    a_revoked_credential_is_none,
    a_console_cookie_needs_our_origin,
    screens_are_for_devices_and_staff,
    a_screen_is_closed_when_its_credential_ends,
}

both!(documented_mode_asks_for_nothing_but_looks_at_nothing_either);

/// Every operation of slots with a body of the right form.
fn operations() -> [(&'static str, Value); 9] {
    [
        ("/v1/available-days/list", json!({})),
        ("/v1/avaliable-hours/list", json!({ "day": "2021-10-01" })),
        ("/avaliable-minutes/list", json!({ "day": "2021-10-01", "hour": 10 })),
        ("/v1/make-appointment", booking("m1", 10, 0)),
        ("/v1/appointment/list", json!({ "open_id": "m1" })),
        ("/v1/cancel-appointment", json!({ "open_id": "m1", "appintment_id": 1 })),
        ("/v1/sign-in", json!({ "appintment_id": 1 })),
        ("/admin/appointment/list", json!({})),
        ("/admin/signin-appointment/list", json!({})),
    ]
}

/// Slots: the status is real and the envelope the document's.
#[track_caller]
fn expect_denied(answer: &Answer, status: u16) {
    let body = answer.json();
    assert_eq!((answer.status.as_u16(), &body["error_no"]), (status, &json!(status)), "{answer:?}");
    assert_eq!((&body["data"], &body["request_id"]), (&Value::Null, &json!(answer.header("x-request-id"))));
}

impl TestApp {
    /// Whose appointments this caller may touch: the member's own name for itself.
    async fn own_open_id(&self) -> String {
        let me = self.get("/v1/accounts/me").await.expect(200).json();
        let openid = me["openid"].as_str().unwrap();
        if openid.is_empty() { format!("m{}", me["id"]) } else { openid.to_owned() }
    }
}

async fn nobody_without_a_credential(app: TestApp) {
    let before = app.checksums().await;
    let strangers = [
        app.clone(),
        app.bearer("wrong"),
        app.with("x-device-key", "wrong"),
        app.with("cookie", "yuyue_session=wrong"),
        app.with("authorization", "Basic YTpi"),
    ];
    for stranger in &strangers {
        for (path, body) in operations() {
            expect_denied(&stranger.post(path, body).await, 401);
        }
        expect_denied(&stranger.get("/ws/signin-notify").await, 401);
        stranger.get("/v1/accounts/me").await.expect(401);
    }
    assert_eq!(app.checksums().await, before);
    assert_eq!(app.get("/healthz").await.status, 200);
    app.post("/v1/login/sms_code", json!({ "mobile": "13333333333" })).await.expect(200);
    app.drain_outbox().await;
}

async fn a_member_acts_for_itself_only(app: TestApp) {
    let (one, two) = (app.member("13300000001").await, app.member("13300000002").await);
    let (mine, theirs) = (one.own_open_id().await, two.own_open_id().await);
    assert!(mine.starts_with('m') && mine != theirs);
    one.post("/v1/available-days/list", json!({})).await.data();
    let id = one.booked(booking(&mine, 10, 0)).await;
    let other = two.booked(booking(&theirs, 10, 10)).await;
    for open_id in [theirs.as_str(), "o-1", "M1", "m01"] {
        expect_denied(&one.book(booking(open_id, 10, 20)).await, 403);
        expect_denied(&one.post("/v1/appointment/list", json!({ "open_id": open_id })).await, 403);
        expect_denied(&one.cancel(open_id, other).await, 403);
    }
    assert_eq!(one.cancel(&mine, other).await.error_no(), 3001, "nor by naming itself");
    expect_denied(&one.sign_in(id).await, 403);
    expect_denied(&one.post("/admin/appointment/list", json!({})).await, 403);
    expect_denied(&one.post("/admin/signin-appointment/list", json!({})).await, 403);
    let list = one.post("/v1/appointment/list", json!({ "open_id": mine })).await.data();
    assert_eq!(list[0]["appointment_id"], id);
    one.cancel(&mine, id).await.data();
}

async fn a_member_with_an_openid_acts_for_that(app: TestApp) {
    let member = app.member("13300000001").await;
    let before = member.own_open_id().await;
    app.execute("UPDATE account SET openid = 'wx-1'").await;
    member.booked(booking("wx-1", 10, 0)).await;
    member.booked(booking(&before, 10, 10)).await;
    expect_denied(&member.book(booking("wx-2", 10, 20)).await, 403);
}

async fn the_desk_is_for_devices_and_reception(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let mut callers = vec![(admin.clone(), true), (app.staff(Role::Reception).await, true)];
    callers.push((app.staff(Role::Auditor).await, false));
    callers.push((app.device(DeviceKind::Kiosk).await, true));
    callers.push((app.device(DeviceKind::Gate).await, true));
    callers.push((app.member("13300000001").await, false));
    for (number, (caller, may)) in callers.iter().enumerate() {
        let id = admin.booked(booking(&format!("o-{number}"), 10, i64::try_from(number).unwrap() * 10)).await;
        let answer = caller.sign_in(id).await;
        if *may {
            assert_eq!(answer.data()["already"], false, "{number}");
        } else {
            expect_denied(&answer, 403);
        }
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM event").await, 4);
}

async fn lists_of_everybody_are_for_staff(app: TestApp) {
    let member = app.member("13300000001").await;
    member.booked(booking(&member.own_open_id().await, 10, 0)).await;
    for role in [Role::Admin, Role::Reception, Role::Auditor] {
        let staff = app.staff(role).await;
        let list = staff.post("/admin/appointment/list", json!({})).await.data();
        assert!(!list.as_array().unwrap().is_empty(), "{role:?}");
        staff.post("/admin/signin-appointment/list", json!({})).await.data();
        let answer = staff.book(booking("o-1", 13, if role == Role::Admin { 0 } else { 10 })).await;
        if role == Role::Auditor {
            expect_denied(&answer, 403);
        } else {
            answer.data();
        }
        staff.get("/v1/accounts/me").await.expect(401);
    }
    let device = app.device(DeviceKind::Kiosk).await;
    device.post("/v1/available-days/list", json!({})).await.data();
    expect_denied(&device.post("/admin/appointment/list", json!({})).await, 403);
    expect_denied(&device.book(booking("o-1", 14, 0)).await, 403);
    expect_denied(&device.cancel("o-1", 1).await, 403);
}

async fn staff_of_any_role_read_what_somebody_holds(app: TestApp) {
    let reception = app.staff(Role::Reception).await;
    let id = reception.booked(booking("o-1", 10, 0)).await;
    for role in [Role::Admin, Role::Reception, Role::Auditor] {
        let list =
            app.staff(role).await.post("/v1/appointment/list", json!({ "open_id": "o-1" })).await.data();
        assert_eq!(list[0]["appointment_id"], id, "{role:?}");
    }
    expect_denied(&app.staff(Role::Auditor).await.cancel("o-1", id).await, 403);
    let device = app.device(DeviceKind::Kiosk).await;
    expect_denied(&device.post("/v1/appointment/list", json!({ "open_id": "o-1" })).await, 403);
}

async fn an_openid_is_never_believed_because_it_was_sent(app: TestApp) {
    let code = app.login_code("13300000001").await;
    let login = json!({
        "grant_type": "sms_code", "mobile": "13300000001", "sms_code": code, "client_id": 44, "openid": "wx-1",
    });
    let answer = app.post("/v1/login/token", login).await.expect(400);
    assert_eq!(answer.code().0, 1000);
    assert!(answer.json()["message"].as_str().unwrap().contains("openid: "), "{answer:?}");
    assert_eq!(app.number("SELECT count(*) AS value FROM account").await, 0);

    app.member("13300000002").await;
    app.execute("UPDATE account SET openid = 'wx-2'").await;
    let login = json!({ "grant_type": "openid", "openid": "wx-2", "client_id": 44 });
    app.post("/v1/login/token", login.clone()).await.expect(400);
    app.again_in(Mode::Documented, |_| ()).await.post("/v1/login/token", login).await.expect(200);
}

async fn a_revoked_credential_is_none(app: TestApp) {
    let (staff, device) = (app.staff(Role::Admin).await, app.device(DeviceKind::Gate).await);
    let member = app.member("13300000001").await;
    for caller in [&staff, &device, &member] {
        caller.post("/v1/available-days/list", json!({})).await.data();
    }
    for table in ["api_key", "device", "access_token"] {
        app.execute(&format!("DELETE FROM {table}")).await;
    }
    for caller in [&staff, &device, &member] {
        expect_denied(&caller.post("/v1/available-days/list", json!({})).await, 401);
    }
}

async fn a_console_cookie_needs_our_origin(app: TestApp) {
    let at = app.clock.now().at;
    let (token, end) = (app.ids.token(), at + 1_000);
    let staff = format!(
        "INSERT INTO staff (username, password_hash, role, active, created_at)
         VALUES ('li', '-', 'reception', TRUE, {at})"
    );
    app.execute(&staff).await;
    let session = format!(
        "INSERT INTO staff_session (token_hash, staff_id, created_at, confirmed_at, used_at, expires_at)
         SELECT '{}', id, {at}, {at}, {at}, {end} FROM staff",
        fingerprint(&token)
    );
    app.execute(&session).await;
    let browser = app.with("cookie", &format!("a=b; yuyue_session={token}; c=d"));
    let list = |browser: TestApp| async move { browser.post("/admin/appointment/list", json!({})).await };
    expect_denied(&list(browser.clone()).await, 403);
    for foreign in
        ["https://evil.example", "http://yuyue.test.evil.example", "null", "http://yuyue.test:8080"]
    {
        expect_denied(&list(browser.with("origin", foreign)).await, 403);
    }
    list(browser.with("origin", "http://yuyue.test")).await.data();
    app.with("authorization", &format!("Bearer {token}"))
        .post("/admin/appointment/list", json!({}))
        .await
        .data();

    let public = browser.again(|config| config.server.public_url = "https://book.example.com".into()).await;
    list(public.with("origin", "https://book.example.com")).await.data();
    expect_denied(&list(public.with("origin", "http://yuyue.test")).await, 403);

    app.execute("UPDATE staff SET active = FALSE").await;
    expect_denied(&list(browser.with("origin", "http://yuyue.test")).await, 401);
    app.execute("UPDATE staff SET active = TRUE").await;
    app.clock.advance(1_000);
    expect_denied(&list(browser.with("origin", "http://yuyue.test")).await, 401);
}

async fn screens_are_for_devices_and_staff(app: TestApp) {
    for caller in [app.device(DeviceKind::Kiosk).await, app.staff(Role::Auditor).await] {
        caller.get("/ws/signin-notify").await.expect(426);
    }
    expect_denied(&app.member("13300000001").await.get("/ws/signin-notify").await, 403);
    let served = app.serve().await;
    let Err(refused) = served.try_screen("", &[]).await else { panic!("a stranger was let in") };
    assert!(refused.to_string().contains("401"), "{refused}");

    let key = app.ids.token();
    let insert = format!(
        "INSERT INTO device (name, kind, key_hash, created_at) VALUES ('屏', 'kiosk', '{}', 0)",
        fingerprint(&key)
    );
    app.execute(&insert).await;
    let mut screen = served.try_screen("", &[("x-device-key", &key)]).await.unwrap();
    let reception = app.staff(Role::Reception).await;
    let id = reception.booked(booking("o-1", 10, 0)).await;
    reception.sign_in(id).await.data();
    assert_eq!(screen.frame().await, format!(r#"{{"appointment_id":{id},"event_type":"1"}}"#));
    served.stopped().await;
}

async fn a_screen_is_closed_when_its_credential_ends(app: TestApp) {
    let admin = app.administrator().await;
    let device = admin.post("/admin/v1/devices", json!({ "name": "屏", "kind": "kiosk" })).await.expect(201);
    let device = device.json();
    let mut sessions = Vec::new();
    for username in ["lin", "wang"] {
        let account = json!({ "username": username, "password": "an old harbour town", "role": "auditor" });
        let id = admin.post("/admin/v1/staff", account).await.expect(201).json()["id"].clone();
        let login = json!({ "username": username, "password": "an old harbour town" });
        let answer = app.post("/admin/v1/session", login).await.expect(200).json();
        sessions.push((id, answer["token"].as_str().unwrap().to_owned()));
    }
    let served = app.serve().await;
    let bearer = |token: &str| format!("Bearer {token}");
    let mut screens = Vec::new();
    for (name, value) in [
        ("x-device-key", device["key"].as_str().unwrap().to_owned()),
        ("authorization", bearer(&sessions[0].1)),
        ("authorization", bearer(&sessions[1].1)),
    ] {
        screens.push(served.try_screen("", &[(name, &value)]).await.unwrap());
    }
    let key = app.staff(Role::Auditor).await;
    let value = &key.own_headers().iter().find(|(name, _)| name == "authorization").unwrap().1;
    let mut good = served.try_screen("", &[("authorization", value)]).await.unwrap();

    admin.delete(&format!("/admin/v1/devices/{}", device["id"])).await.expect(204);
    app.bearer(&sessions[0].1).delete("/admin/v1/session").await.expect(204);
    let change = json!({ "active": false });
    admin.patch(&format!("/admin/v1/staff/{}", sessions[1].0), change).await.expect(200);
    // A screen reads all the time, or it would be closed for not answering.
    let closed = screens.into_iter().map(|screen| tokio::spawn(screen.frames_until_closed()));
    for frames in soon("every screen is closed", futures_util::future::join_all(closed)).await {
        assert_eq!(frames.unwrap(), 0);
    }
    let id = admin.booked(booking("o-1", 10, 0)).await;
    admin.sign_in(id).await.data();
    assert_eq!(good.frame().await, format!(r#"{{"appointment_id":{id},"event_type":"1"}}"#));
    served.stopped().await;
}

async fn documented_mode_asks_for_nothing_but_looks_at_nothing_either(app: TestApp) {
    for caller in [app.clone(), app.bearer("wrong"), app.with("x-device-key", "wrong")] {
        for (path, body) in operations() {
            let answer = caller.send(Method::POST, path, body.to_string()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        caller.get("/ws/signin-notify").await.expect(426);
        caller.get("/v1/accounts/me").await.expect(401);
    }
}
