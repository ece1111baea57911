//! A second factor at the login: an app's codes and recovery codes, each of which works once.

use serde_json::{Value, json};
use totp_rs::{Algorithm, Secret, TOTP};
use yuyue::clock::{MINUTE, SECOND};
use yuyue::staff::Role;

use super::{PASSWORD, path, problem};
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    a_second_factor_is_asked_for_once_it_is_set_up,
    each_code_works_once,
    of_two_logins_with_one_code_one_gets_in,
    wrong_codes_lock_the_account_and_count_as_failed_logins,
    it_goes_with_the_password,
    an_administrator_takes_it_from_who_has_lost_it,
    of_two_who_set_it_up_at_once_one_has,
    a_login_from_before_it_was_set_up_does_not_get_past_it,
}

both! { enforced: where_it_is_required_nothing_else_goes_without_it }

const STEP: i64 = 30 * SECOND;

/// Somebody's app.
#[derive(Clone)]
struct App(TOTP);

impl App {
    fn of(secret: &str) -> Self {
        let secret = Secret::Encoded(secret.to_owned()).to_bytes().unwrap();
        Self(TOTP::new(Algorithm::SHA1, 6, 0, 30, secret).unwrap())
    }

    /// What it shows, or will in `steps`.
    fn code(&self, app: &TestApp, steps: i64) -> String {
        self.0.generate(u64::try_from((app.clock.now().at + steps * STEP) / SECOND).unwrap())
    }

    /// What it shows at no time near.
    fn wrong(&self, app: &TestApp) -> String {
        let near: Vec<_> = (-2..3).map(|steps| self.code(app, steps)).collect();
        ["000000", "111111", "222222", "333333", "444444", "555555"]
            .into_iter()
            .find(|code| !near.iter().any(|other| other == code))
            .unwrap()
            .to_owned()
    }
}

impl TestApp {
    /// Sets up the second factor of this session's account.
    async fn second_factor(&self) -> (App, Vec<String>) {
        let offer = self.post(&path("session/totp"), json!({})).await.expect(200).json();
        let app = App::of(offer["secret"].as_str().unwrap());
        let code = app.code(self, 0);
        let done = self.post(&path("session/totp"), json!({ "code": code })).await.expect(200).json();
        let codes = done["recovery_codes"].as_array().unwrap().iter();
        (app, codes.map(|code| code.as_str().unwrap().to_owned()).collect())
    }

    async fn log_in_with(&self, more: Value) -> Answer {
        let mut login = json!({ "username": "lin", "password": PASSWORD });
        login.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post(&path("session"), login).await
    }
}

async fn a_second_factor_is_asked_for_once_it_is_set_up(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let (lin, elsewhere) = (app.session("lin").await, app.session("lin").await);
    problem(&lin.post(&path("session/totp"), json!({ "code": "123456" })).await, 409);
    let offer = lin.post(&path("session/totp"), json!({})).await.expect(200).json();
    let secret = offer["secret"].as_str().unwrap();
    let uri = offer["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/Yuyue:lin?secret="), "{uri}");
    assert!(uri.contains(secret) && uri.contains("issuer=Yuyue"), "{uri}");
    app.console_log_in("lin", PASSWORD).await.expect(200);

    let newer = lin.post(&path("session/totp"), json!({})).await.expect(200).json();
    let (old, phone) = (App::of(secret), App::of(newer["secret"].as_str().unwrap()));
    for wrong in [old.code(&app, 0), phone.code(&app, 3), "12345".into()] {
        let answer = lin.post(&path("session/totp"), json!({ "code": wrong })).await;
        assert_eq!(problem(&answer, 400), "code");
    }
    let code = phone.code(&app, 0);
    let done = lin.post(&path("session/totp"), json!({ "code": code })).await.expect(200).json();
    assert_eq!(done["recovery_codes"].as_array().unwrap().len(), 10);
    assert_eq!(lin.get(&path("session")).await.expect(200).json()["totp"], true);
    problem(&elsewhere.get(&path("session")).await, 401);
    for again in [json!({}), json!({ "code": code })] {
        problem(&lin.post(&path("session/totp"), again).await, 409);
    }

    let asked = app.console_log_in("lin", PASSWORD).await;
    assert_eq!(problem(&asked, 401), "totp");
    assert_eq!(problem(&app.console_log_in("lin", "wrong").await, 401), "");
    assert_eq!(problem(&app.log_in_with(json!({ "totp": phone.wrong(&app) })).await, 401), "totp");
    assert_eq!(
        problem(&app.log_in_with(json!({ "recovery_code": "0000-0000-0000-0000" })).await, 401),
        "totp"
    );
    let both = json!({ "totp": code, "recovery_code": "x" });
    assert_eq!(problem(&app.log_in_with(both).await, 400), "recovery_code");
    app.clock.advance(STEP);
    app.log_in_with(json!({ "totp": phone.code(&app, 0) })).await.expect(200);

    let stored = app.texts("SELECT totp_secret || totp_pending AS value FROM staff").await.concat();
    let hashes = app.texts("SELECT code_hash AS value FROM staff_recovery_code").await.concat();
    let raw = Secret::Encoded(newer["secret"].as_str().unwrap().into()).to_bytes().unwrap();
    assert!(!stored.contains(&hex::encode(raw)) && !stored.contains(newer["secret"].as_str().unwrap()));
    for code in done["recovery_codes"].as_array().unwrap() {
        let bare = code.as_str().unwrap().replace('-', "");
        assert!(bare.len() == 16 && !hashes.contains(&bare), "{code}");
    }
    let told = app.staff(Role::Auditor).await.get(&path("audit?action=staff.totp.set_up")).await.expect(200);
    assert_eq!(told.json()["items"].as_array().unwrap().len(), 1);
    assert!(!String::from_utf8_lossy(&told.body).contains("secret"));
}

async fn each_code_works_once(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let (phone, recovery) = app.session("lin").await.second_factor().await;
    // The one that set it up is used, too.
    app.log_in_with(json!({ "totp": phone.code(&app, 0) })).await.expect(401);
    app.log_in_with(json!({ "totp": phone.code(&app, -1) })).await.expect(401);
    // A phone that is half a minute ahead, or behind.
    app.log_in_with(json!({ "totp": phone.code(&app, 2) })).await.expect(401);
    let ahead = phone.code(&app, 1);
    app.log_in_with(json!({ "totp": format!("{} {}", &ahead[..3], &ahead[3..]) })).await.expect(200);
    app.log_in_with(json!({ "totp": ahead })).await.expect(401);
    app.clock.advance(3 * STEP);
    let behind = phone.code(&app, -1);
    app.log_in_with(json!({ "totp": behind })).await.expect(200);
    app.log_in_with(json!({ "totp": behind })).await.expect(401);
    app.log_in_with(json!({ "totp": phone.code(&app, 0), "recovery_code": "" })).await.expect(200);

    app.log_in_with(json!({ "recovery_code": recovery[0] })).await.expect(200);
    app.log_in_with(json!({ "recovery_code": recovery[0] })).await.expect(401);
    let typed = recovery[1].to_uppercase().replace('-', " ");
    app.log_in_with(json!({ "recovery_code": typed })).await.expect(200);
    app.log_in_with(json!({ "recovery_code": recovery[1] })).await.expect(401);
    let wrong_password = json!({ "password": "wrong", "recovery_code": recovery[2] });
    app.log_in_with(wrong_password).await.expect(401);
    app.log_in_with(json!({ "recovery_code": recovery[2] })).await.expect(200);
    assert_eq!(app.number("SELECT count(*) AS value FROM staff_recovery_code").await, 7);
}

async fn of_two_logins_with_one_code_one_gets_in(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let (phone, recovery) = app.session("lin").await.second_factor().await;
    for code in &recovery[..4] {
        app.clock.advance(STEP);
        for given in [json!({ "totp": phone.code(&app, 0) }), json!({ "recovery_code": code })] {
            let mut logins = tokio::task::JoinSet::new();
            for _ in 0..2 {
                let (app, given) = (app.clone(), given.clone());
                logins.spawn(async move { app.log_in_with(given).await.status.as_u16() });
            }
            let mut statuses = logins.join_all().await;
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 401], "{given}");
        }
    }
}

async fn wrong_codes_lock_the_account_and_count_as_failed_logins(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let (phone, recovery) = app.session("lin").await.second_factor().await;
    app.clock.advance(STEP);
    for number in 0..10 {
        let given = if number % 2 == 0 {
            json!({ "totp": phone.wrong(&app) })
        } else {
            json!({ "recovery_code": "0123-4567-89ab-cdef" })
        };
        app.at_address(&format!("203.0.113.{number}")).log_in_with(given).await.expect(401);
        // The password alone is no failure, and makes none forgotten.
        assert_eq!(problem(&app.console_log_in("lin", PASSWORD).await, 401), "totp");
    }
    let locked = app.log_in_with(json!({ "totp": phone.code(&app, 0) })).await;
    problem(&locked, 429);
    assert_eq!(locked.header("retry-after"), "900");
    app.log_in_with(json!({ "recovery_code": recovery[0] })).await.expect(429);
    app.clock.advance(15 * MINUTE);
    app.log_in_with(json!({ "totp": phone.code(&app, 0) })).await.expect(200);

    let strict =
        app.again(|config| config.server.failed_logins_per_address = 3).await.at_address("198.51.100.7");
    for _ in 0..3 {
        strict.log_in_with(json!({ "totp": phone.wrong(&app) })).await.expect(401);
    }
    problem(&strict.log_in_with(json!({ "recovery_code": recovery[0] })).await, 429);
    app.log_in_with(json!({ "recovery_code": recovery[0] })).await.expect(200);
}

async fn it_goes_with_the_password(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let lin = app.session("lin").await;
    let remove = |password: &str| json!({ "password": password }).to_string();
    let delete = |caller: &TestApp, body: String| {
        let caller = caller.clone();
        async move { caller.send(axum::http::Method::DELETE, &path("session/totp"), body).await }
    };
    problem(&delete(&lin, remove(PASSWORD)).await, 404);
    lin.second_factor().await;
    assert_eq!(problem(&delete(&lin, "{}".into()).await, 400), "password");
    assert_eq!(problem(&delete(&lin, remove("wrong")).await, 403), "password");
    assert_eq!(problem(&app.console_log_in("lin", PASSWORD).await, 401), "totp");
    delete(&lin, remove(PASSWORD)).await.expect(204);
    app.console_log_in("lin", PASSWORD).await.expect(200);
    assert_eq!(app.number("SELECT count(*) AS value FROM staff_recovery_code").await, 0);
    let (phone, _) = lin.second_factor().await;
    app.clock.advance(STEP);
    app.log_in_with(json!({ "totp": phone.code(&app, 0) })).await.expect(200);
}

async fn an_administrator_takes_it_from_who_has_lost_it(app: TestApp) {
    let id = app.account("lin", Role::Auditor).await;
    let (admin, lin) = (app.administrator().await, app.session("lin").await);
    lin.second_factor().await;
    let one = path(&format!("staff/{id}"));
    assert_eq!(problem(&admin.patch(&one, json!({ "totp": true })).await, 400), "totp");
    assert_eq!(admin.patch(&one, json!({ "totp": false })).await.expect(200).json()["totp"], false);
    problem(&lin.get(&path("session")).await, 401);
    app.console_log_in("lin", PASSWORD).await.expect(200);
    let told = admin.items("audit?action=staff.change").await;
    assert_eq!((&told[0]["before"]["totp"], &told[0]["after"]["totp"]), (&json!(true), &json!(false)));
    admin.patch(&one, json!({ "totp": false })).await.expect(200);
    assert_eq!(admin.items("audit?action=staff.change").await.len(), 1, "the same again is no change");
}

async fn of_two_who_set_it_up_at_once_one_has(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    let (one, other) = (app.session("lin").await, app.session("lin").await);
    let offer = one.post(&path("session/totp"), json!({})).await.expect(200).json();
    let code = App::of(offer["secret"].as_str().unwrap()).code(&app, 0);
    let rest = path("session/totp");
    let (left, right) =
        tokio::join!(one.post(&rest, json!({ "code": code })), other.post(&rest, json!({ "code": code })));
    let statuses = [left.status.as_u16(), right.status.as_u16()];
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(app.number("SELECT count(*) AS value FROM staff_recovery_code").await, 10);
    assert_eq!(app.number("SELECT count(*) AS value FROM staff_session").await, 1);
}

async fn a_login_from_before_it_was_set_up_does_not_get_past_it(app: TestApp) {
    app.account("lin", Role::Auditor).await;
    for _ in 0..10 {
        let lin = app.session("lin").await;
        let offer = lin.post(&path("session/totp"), json!({})).await.expect(200).json();
        let code = App::of(offer["secret"].as_str().unwrap()).code(&app, 0);
        let rest = path("session/totp");
        let (login, set_up) =
            tokio::join!(app.console_log_in("lin", PASSWORD), lin.post(&rest, json!({ "code": code })));
        set_up.expect(200);
        if login.status == 200 {
            let session = app.bearer(login.json()["token"].as_str().unwrap());
            problem(&session.get(&path("session")).await, 401);
        }
        app.execute("UPDATE staff SET totp_secret = ''").await;
        app.execute("DELETE FROM staff_recovery_code").await;
    }
}

async fn where_it_is_required_nothing_else_goes_without_it(app: TestApp) {
    app.account("lin", Role::Admin).await;
    let app = app.again(|config| config.staff.require_totp = true).await;
    let started = app.console_log_in("lin", PASSWORD).await.expect(200).json();
    assert_eq!(started["must_set_up_totp"], true);
    let lin = app.bearer(started["token"].as_str().unwrap());
    let password = json!({ "old_password": PASSWORD, "password": "seven grey herons" });
    problem(&lin.get(&path("brands")).await, 403);
    problem(&lin.post(&path("brands"), json!({ "name": "x" })).await, 403);
    problem(&lin.put(&path("session/password"), password).await, 403);
    lin.post("/admin/appointment/list", json!({})).await.expect(403);
    lin.get("/v1/config/servers").await.expect(403);
    lin.get("/ws/signin-notify").await.expect(403);
    assert_eq!(lin.get(&path("session")).await.expect(200).json()["must_set_up_totp"], true);
    app.clock.advance(20 * MINUTE);
    problem(&lin.post(&path("session/totp"), json!({})).await, 403);
    lin.post(&path("session/confirm"), json!({ "password": PASSWORD })).await.expect(204);
    let (phone, _) = lin.second_factor().await;
    lin.get(&path("brands")).await.expect(200);
    lin.post("/admin/appointment/list", json!({})).await.data();
    app.clock.advance(STEP);
    let again = app.log_in_with(json!({ "totp": phone.code(&app, 0) })).await.expect(200).json();
    assert_eq!(again["must_set_up_totp"], false);
    app.staff(Role::Admin).await.get(&path("brands")).await.expect(200);
}
