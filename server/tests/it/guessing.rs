//! Guesses are counted before they are judged, and nobody can lock somebody else out.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use yuyue::clock::MINUTE;
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    many_guesses_at_once_pass_no_limit,
    a_full_hashing_queue_refuses_and_staff_do_not_wait_in_it,
    a_stranger_does_not_lock_the_owner_out,
    a_code_works_from_any_address,
    strangers_have_a_hundred_failures_together,
    refusals_are_in_the_audit_log,
}
both! { enforced:
    a_stranger_does_not_lock_the_owner_out_of_a_real_server,
    a_known_address_is_always_served,
}

const MOBILE: &str = "13333333333";
const PASSWORD: &str = "correct horse battery staple";
const STRANGER: &str = "203.0.113.9";

async fn at_once(calls: impl Iterator<Item = impl Future<Output = Answer> + Send + 'static>) -> Vec<u16> {
    calls.collect::<JoinSet<_>>().join_all().await.iter().map(|answer| answer.status.as_u16()).collect()
}

fn by_code(code: &str) -> Value {
    json!({ "grant_type": "sms_code", "mobile": MOBILE, "sms_code": code, "client_id": 44 })
}

fn by_password(password: &str) -> Value {
    json!({ "grant_type": "password", "mobile": MOBILE, "password": password, "client_id": 44 })
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

impl TestApp {
    async fn token(&self, login: Value) -> Answer {
        self.post("/v1/login/token", login).await
    }

    /// A member with a password who logged in from this caller's address.
    async fn owner(&self) {
        let mut login = by_code(&self.login_code(MOBILE).await);
        login["password"] = PASSWORD.into();
        self.token(login).await.expect(200);
        self.clock.advance(MINUTE);
    }
}

async fn many_guesses_at_once_pass_no_limit(app: TestApp) {
    let guess = |number: usize| {
        let app = app.clone();
        async move { app.post("/homemaking/v1/token", json!({ "i_code": "guess", "order_no": number + 1 })).await }
    };
    let statuses = at_once((0..400).map(guess)).await;
    assert_eq!(statuses.iter().filter(|status| **status != 429).count(), 100, "{statuses:?}");
    app.clock.advance(15 * MINUTE);
    app.enrolled(1).await;
    for _ in 0..200 {
        app.post("/homemaking/v1/token", json!({ "i_code": "demo-1", "order_no": 1001 })).await.expect(200);
    }
}

async fn a_full_hashing_queue_refuses_and_staff_do_not_wait_in_it(app: TestApp) {
    app.owner().await;
    let hash = yuyue::passwords::hash(app.app(), PASSWORD.to_owned()).await.unwrap();
    let at = app.clock.now().at;
    let add = move |tx: &mut yuyue_db::Tx<'_>| {
        yuyue::staff::store::insert_staff(tx, "lin", &hash, Role::Admin, at).map(drop)
    };
    app.db.write("test", add).await.unwrap();
    let target = app.clone();
    let guess = move |number: usize| {
        let guesser = target.at_address(&format!("198.51.{}.{}", number / 200, number % 200));
        async move { guesser.token(by_password("wrong")).await }
    };
    let guesses = tokio::spawn(at_once((0..217).map(guess)));
    while app.number("SELECT count(*) AS value FROM rate WHERE name LIKE 'login account%'").await == 0 {
        tokio::task::yield_now().await;
    }
    let staff = json!({ "username": "lin", "password": PASSWORD });
    app.post("/admin/v1/session", staff).await.expect(200);
    let statuses = guesses.await.unwrap();
    let refused = statuses.iter().filter(|status| **status == 503).count();
    assert!(refused > 100, "{statuses:?}");
    app.token(by_password(PASSWORD)).await.expect(200);
}

/// What one who knows the mobile can do from one address: codes, wrong tries, wrong passwords.
async fn is_attacked(app: &TestApp) {
    let stranger = app.at_address(STRANGER);
    for _ in 0..9 {
        let code = stranger.login_code(MOBILE).await;
        for _ in 0..5 {
            stranger.token(by_code(wrong(&code))).await.expect(400);
        }
        app.clock.advance(MINUTE);
    }
    for _ in 0..10 {
        stranger.token(by_password("wrong")).await.expect(400);
    }
    stranger.token(by_password("wrong")).await.expect(429);
    stranger.ask_for_code(MOBILE).await;
    app.drain_outbox().await;
}

async fn the_owner_gets_in(app: &TestApp) {
    app.owner().await;
    is_attacked(app).await;
    let elsewhere = app.at_address("192.0.2.77");
    elsewhere.token(by_password(PASSWORD)).await.expect(200);
    let code = elsewhere.login_code(MOBILE).await;
    elsewhere.token(by_code(&code)).await.expect(200);
    app.token(by_password(PASSWORD)).await.expect(200);
    let code = app.login_code(MOBILE).await;
    app.token(by_code(&code)).await.expect(200);
}

async fn a_stranger_does_not_lock_the_owner_out(app: TestApp) {
    the_owner_gets_in(&app).await;
}

async fn a_stranger_does_not_lock_the_owner_out_of_a_real_server(app: TestApp) {
    the_owner_gets_in(&app).await;
}

async fn a_code_works_from_any_address(app: TestApp) {
    let (stranger, elsewhere) = (app.at_address(STRANGER), app.at_address("192.0.2.77"));
    let code = app.login_code(MOBILE).await;
    let newer = stranger.login_code(MOBILE).await;
    for _ in 0..5 {
        stranger
            .token(by_code(if newer == "000000" || code == "000000" { "000001" } else { "000000" }))
            .await;
    }
    assert_eq!(stranger.token(by_code(&newer)).await.json()["code"], 1001, "locked for the stranger");
    elsewhere.token(by_code(&code)).await.expect(200);
    assert_eq!(app.token(by_code(&code)).await.json()["code"], 1003, "once");
}

async fn strangers_have_a_hundred_failures_together(app: TestApp) {
    app.owner().await;
    for number in 0..10 {
        let stranger = app.at_address(&format!("203.0.113.{number}"));
        for _ in 0..10 {
            stranger.token(by_password("wrong")).await.expect(400);
        }
    }
    let new = app.at_address("203.0.113.200");
    new.token(by_password(PASSWORD)).await.expect(429);
    let code = new.login_code(MOBILE).await;
    assert_eq!(new.token(by_code(&code)).await.json()["code"], 1001, "strangers wait");
    app.token(by_password(PASSWORD)).await.expect(200);
    app.token(by_code(&code)).await.expect(200);
}

async fn a_known_address_is_always_served(app: TestApp) {
    app.owner().await;
    for number in [1, 2] {
        let stranger = app.at_address(&format!("203.0.113.{number}"));
        for _ in 0..10 {
            stranger.ask_for_code(MOBILE).await;
            app.clock.advance(MINUTE);
        }
    }
    let asked_for = app.number("SELECT count(*) AS value FROM sms_code").await;
    assert_eq!(asked_for, 11, "one by the owner, ten by strangers");
    let new = app.at_address("203.0.113.3");
    assert_eq!(new.ask_for_code(MOBILE).await.json()["code"], 1006);
    // The first one registered.
    for _ in 0..9 {
        app.ask_for_code(MOBILE).await.expect(200);
        app.drain_outbox().await;
        app.clock.advance(MINUTE);
    }
    assert_eq!(app.ask_for_code(MOBILE).await.json()["code"], 1006, "its own ten");
    let code = app.newest_code_sent(MOBILE).await;
    new.token(by_code(&code)).await.expect(200);
}

impl TestApp {
    async fn newest_code_sent(&self, mobile: &str) -> String {
        self.drain_outbox().await;
        self.newest_code(mobile)
    }
}

async fn refusals_are_in_the_audit_log(app: TestApp) {
    app.owner().await;
    let stranger = app.at_address(STRANGER);
    for _ in 0..200 {
        stranger.token(by_password("wrong")).await;
    }
    stranger.post("/admin/v1/session", json!({ "username": "lin", "password": "wrong" })).await.expect(401);
    stranger.bearer("no token").get("/admin/v1/stats").await.expect(401);
    stranger.bearer("no token").get("/v1/accounts/me").await.expect(401);
    let auditor = app.staff(Role::Auditor).await;
    let log = auditor.get("/admin/v1/audit?size=100").await.expect(200).json();
    let items = log["items"].as_array().unwrap();
    let of = |action: &str, kind: &str| {
        let is_it = |item: &&Value| item["action"] == action && item["after"]["kind"] == kind;
        items.iter().filter(is_it).cloned().collect::<Vec<_>>()
    };
    let refused = of("session.refused", "member_password");
    let locked = of("session.locked", "member_password");
    assert_eq!((refused.len(), refused.len() + locked.len()), (10, 20), "bounded: {log}");
    assert_eq!(refused[0]["after"]["address"], STRANGER);
    assert_eq!(refused[0]["after"]["name"], "133****3333");
    assert_eq!(of("session.refused", "staff")[0]["after"]["name"], "l***");
    assert_eq!(of("session.refused", "staff_session").len(), 1);
    assert_eq!(of("session.refused", "member_session").len(), 1);
    assert!(!log.to_string().contains(MOBILE), "{log}");
}
