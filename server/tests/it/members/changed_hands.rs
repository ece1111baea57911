//! A mobile number that nobody used for long may be another person's by now.

use std::sync::Arc;

use serde_json::{Value, json};
use yuyue::clock::{DAY, HOUR, MINUTE};
use yuyue::staff::Role;

use super::{MOBILE, PASSWORD, by_code, by_password, code, with};
use crate::support::TestApp;
use crate::support::booking::booking;

both! {
    a_code_alone_opens_a_new_account_after_half_a_year,
    the_password_beside_the_code_continues_the_old_account,
    an_account_that_only_the_number_proves_goes_on,
    any_use_of_a_token_keeps_the_number,
    many_codes_at_once_open_one_account,
    a_login_by_other_means_keeps_the_number,
}

both! {
    enforced:
    the_wechat_beside_the_code_continues_the_old_account,
    the_new_holder_gets_nothing_of_the_old_ones,
}

const ZHANG_SAN: &str = "wx-demo-zhangsan";
const LI_SI: &str = "wx-demo-lisi";

impl TestApp {
    /// Logs in by a new code, with what more is given.
    async fn by_new_code(&self, more: Value) -> Self {
        let login = by_code(MOBILE, &self.login_code(MOBILE).await);
        let answer = self.log_in(with(login, &more)).await.expect(200).json();
        self.bearer(answer["access_token"].as_str().unwrap())
    }

    async fn id(&self) -> i64 {
        self.me().await["id"].as_i64().unwrap()
    }
}

async fn a_code_alone_opens_a_new_account_after_half_a_year(app: TestApp) {
    let old =
        app.by_new_code(json!({ "password": PASSWORD, "openid": "wx-1", "nickname": "甲" })).await.id().await;
    app.clock.advance(180 * DAY - 1);
    assert_eq!(app.by_new_code(json!({})).await.id().await, old, "a moment too early");
    app.clock.advance(180 * DAY);
    let new = app.by_new_code(json!({})).await;
    let me = new.me().await;
    assert_ne!(me["id"], old);
    assert_eq!(
        (&me["mobile"], &me["nickname"], &me["openid"], &me["point"], &me["password_is_ok"]),
        (&json!(MOBILE), &json!(""), &json!(""), &json!(10), &json!(0))
    );
    let refused = app.log_in(by_password(MOBILE, PASSWORD)).await;
    assert_eq!(refused.code(), code(1011, "Account.PasswordIncorrect"), "the number is the new one's");
    let by_openid = json!({ "grant_type": "openid", "openid": "wx-1", "client_id": 44 });
    let token = app.log_in(by_openid).await.expect(200).json();
    let former = app.bearer(token["access_token"].as_str().unwrap()).me().await;
    assert_eq!(
        (&former["id"], &former["mobile"], &former["nickname"]),
        (&json!(old), &json!(""), &json!("甲"))
    );
    app.clock.advance(MINUTE);
    assert_eq!(app.by_new_code(json!({ "password": "another long phrase 9" })).await.id().await, me["id"]);
    let token = app.log_in(by_password(MOBILE, "another long phrase 9")).await.expect(200).json();
    assert_eq!(app.bearer(token["access_token"].as_str().unwrap()).id().await, me["id"]);

    let staff = app.staff(Role::Auditor).await;
    let found = staff.get(&format!("/admin/v1/members?mobile={MOBILE}")).await.expect(200).json();
    assert_eq!((&found["total"], &found["items"][0]["id"]), (&json!(1), &me["id"]));
    let noted =
        app.texts("SELECT target AS value FROM audit WHERE action = 'member.number_changed_hands'").await;
    assert_eq!(noted, [format!("member {old}")]);
}

async fn the_password_beside_the_code_continues_the_old_account(app: TestApp) {
    let old = app.by_new_code(json!({ "password": "café correct horse" })).await.id().await;
    app.clock.advance(181 * DAY);
    let continued = app.by_new_code(json!({ "password": "cafe\u{301} correct horse" })).await;
    assert_eq!(continued.id().await, old);
    app.log_in(by_password(MOBILE, "café correct horse")).await.expect(200);
    app.clock.advance(181 * DAY);
    let new = app.by_new_code(json!({ "password": "what the new holder likes" })).await;
    assert_ne!(new.id().await, old, "another password proves nothing");
    let token = app.log_in(by_password(MOBILE, "what the new holder likes")).await.expect(200).json();
    assert_eq!(app.bearer(token["access_token"].as_str().unwrap()).id().await, new.id().await);
    let hashes = app.number("SELECT count(DISTINCT password_hash) AS value FROM account").await;
    assert_eq!(hashes, 2, "the old one keeps its own");
}

async fn an_account_that_only_the_number_proves_goes_on(app: TestApp) {
    let old = app.member(MOBILE).await.id().await;
    app.clock.advance(1_000 * DAY);
    assert_eq!(app.by_new_code(json!({ "password": PASSWORD })).await.id().await, old);
}

async fn any_use_of_a_token_keeps_the_number(app: TestApp) {
    let app = app.again(|config| config.members.token_lifetime = 1_000 * DAY).await;
    let member = app.by_new_code(json!({ "password": PASSWORD })).await;
    let old = member.id().await;
    app.clock.advance(150 * DAY);
    member.get("/v1/accounts/me/points").await.expect(200);
    app.clock.advance(180 * DAY - HOUR);
    assert_eq!(app.by_new_code(json!({})).await.id().await, old);
    app.clock.advance(179 * DAY);
    app.get("/v1/accounts/me").await.expect(401);
    app.bearer("wrong").get("/v1/accounts/me").await.expect(401);
    app.clock.advance(DAY);
    assert_ne!(app.by_new_code(json!({})).await.id().await, old, "a wrong token is no use of one");
}

async fn a_login_by_other_means_keeps_the_number(app: TestApp) {
    let old = app.by_new_code(json!({ "password": PASSWORD, "openid": "wx-1" })).await.id().await;
    for login in
        [by_password(MOBILE, PASSWORD), json!({ "grant_type": "openid", "openid": "wx-1", "client_id": 44 })]
    {
        app.clock.advance(170 * DAY);
        app.log_in(login).await.expect(200);
    }
    app.clock.advance(170 * DAY);
    assert_eq!(app.by_new_code(json!({})).await.id().await, old);
    app.clock.advance(200 * DAY);
    app.log_in(by_password(MOBILE, PASSWORD)).await.expect(200);
    assert_eq!(app.by_new_code(json!({})).await.id().await, old, "the password proved whose it is");
}

async fn many_codes_at_once_open_one_account(app: TestApp) {
    app.by_new_code(json!({ "password": PASSWORD })).await;
    app.clock.advance(181 * DAY);
    let mut codes = Vec::new();
    for number in 1..5 {
        let there = app.at_address(&format!("192.0.2.{number}"));
        codes.push((there.clone(), there.login_code(MOBILE).await));
    }
    let gate = Arc::new(tokio::sync::Barrier::new(codes.len()));
    let logins = codes.into_iter().map(|(there, code)| {
        let gate = gate.clone();
        tokio::spawn(async move {
            gate.wait().await;
            there.log_in(by_code(MOBILE, &code)).await.expect(200);
        })
    });
    for login in logins.collect::<Vec<_>>() {
        login.await.unwrap();
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM account").await, 2);
    let count = "SELECT count(*) AS value FROM audit WHERE action = 'member.number_changed_hands'";
    assert_eq!(app.number(count).await, 1);
}

async fn the_wechat_beside_the_code_continues_the_old_account(app: TestApp) {
    app.leaves_messages();
    let old = app.by_new_code(json!({ "wechat_code": app.wechat_code(ZHANG_SAN).await })).await.id().await;
    app.clock.advance(181 * DAY);
    let continued = json!({ "wechat_code": app.wechat_code(ZHANG_SAN).await, "password": PASSWORD });
    assert_eq!(app.by_new_code(continued).await.id().await, old);
    app.clock.advance(181 * DAY);
    let new = app.by_new_code(json!({ "wechat_code": app.wechat_code(LI_SI).await })).await.me().await;
    assert_ne!(new["id"], old);
    assert_eq!(new["openid"], LI_SI);
    let by_wechat =
        json!({ "grant_type": "openid", "client_id": 44, "wechat_code": app.wechat_code(ZHANG_SAN).await });
    let token = app.log_in(by_wechat).await.expect(200).json();
    let former = app.bearer(token["access_token"].as_str().unwrap());
    assert_eq!((former.id().await, former.me().await["mobile"].as_str()), (old, Some("")));
    let change = json!({ "proof_state": "password", "password": PASSWORD, "value": "another long phrase 9" });
    former.put("/v1/accounts/me/password", change).await.expect(200);
}

async fn the_new_holder_gets_nothing_of_the_old_ones(app: TestApp) {
    app.leaves_messages();
    let old = app.by_new_code(json!({ "password": PASSWORD })).await;
    let name = format!("m{}", old.id().await);
    old.booked(booking(&name, 10, 0)).await;
    app.clock.advance(181 * DAY);
    let new = app.by_new_code(json!({})).await;
    let own = format!("m{}", new.id().await);
    let list = new.post("/v1/appointment/list", json!({ "open_id": own })).await.data();
    assert_eq!(list, json!([]));
    new.post("/v1/appointment/list", json!({ "open_id": name })).await.expect(403);
    assert_eq!(new.get("/v1/accounts/me/points").await.expect(200).json().as_array().map(Vec::len), Some(1));
}
