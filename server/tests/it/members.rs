//! Members (004): accounts with login by SMS code, password or WeChat openid.

use serde_json::{Value, json};
use yuyue::adapters::sms::Channel;
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};
use yuyue::error::Error;
use yuyue::members::{self, PointEvent};

use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    a_code_of_six_digits_reaches_the_phone,
    a_code_can_be_read_out_by_a_call,
    codes_are_not_sent_too_often,
    a_retry_sends_the_same_code_at_most_three_times,
    an_address_may_ask_for_so_many_codes_an_hour,
    all_codes_of_a_day_have_a_budget,
    without_an_sms_account_no_code_can_be_sent,
    a_malformed_mobile_has_its_own_code,
    each_fault_of_a_code_has_its_own_number,
    a_code_expires_and_a_used_one_stays_used,
    a_newer_code_replaces_the_older,
    the_first_login_registers_and_grants_points,
    a_login_fills_only_what_is_empty,
    an_openid_belongs_to_one_account,
    a_code_is_used_up_only_by_a_login_that_succeeds,
    a_password_logs_in_and_ten_wrong_ones_lock,
    failures_of_one_address_are_limited,
    a_login_says_what_it_lacks,
    a_token_ends_by_logout_or_age,
    a_token_is_taken_with_or_without_bearer,
    changing_the_password_ends_every_other_token,
    a_password_is_changed_with_the_right_proof_only,
    the_account_answers_with_the_documents_fields,
    the_account_changes_field_by_field,
    regions_are_codes_of_the_national_standard,
    points_and_shops_are_newest_first,
}

const MOBILE: &str = "13333333333";
const PASSWORD: &str = "correct horse battery staple";

fn by_code(mobile: &str, code: &str) -> Value {
    json!({ "grant_type": "sms_code", "mobile": mobile, "sms_code": code, "client_id": 44 })
}

fn by_password(mobile: &str, password: &str) -> Value {
    json!({ "grant_type": "password", "mobile": mobile, "password": password, "client_id": 42 })
}

fn by_openid(openid: &str) -> Value {
    json!({ "grant_type": "openid", "openid": openid, "client_id": 44 })
}

fn with(mut login: Value, more: &Value) -> Value {
    let more = more.as_object().unwrap().clone();
    login.as_object_mut().unwrap().extend(more);
    login
}

fn code(number: i64, name: &str) -> (i64, String) {
    (number, name.to_owned())
}

impl TestApp {
    async fn ask_for_code(&self, mobile: &str) -> Answer {
        self.post("/v1/login/sms_code", json!({ "mobile": mobile })).await
    }

    async fn log_in(&self, login: Value) -> Answer {
        self.post("/v1/login/token", login).await
    }

    async fn me(&self) -> Value {
        self.get("/v1/accounts/me").await.expect(200).json()
    }

    /// A member whose account has `password`.
    async fn member_with_password(&self, mobile: &str, password: &str) -> Self {
        let login = by_code(mobile, &self.login_code(mobile).await);
        let answer = self.log_in(with(login, &json!({ "password": password }))).await.expect(200);
        self.bearer(answer.json()["access_token"].as_str().unwrap())
    }

    async fn is_logged_in(&self) -> bool {
        let answer = self.get("/v1/accounts/me").await;
        if answer.status == 401 {
            assert_eq!(answer.code(), code(1020, "Token.Invalid"));
        }
        answer.status == 200
    }
}

fn another(digits: &str) -> String {
    digits.chars().map(|digit| if digit == '9' { '0' } else { char::from(digit as u8 + 1) }).collect()
}

async fn a_code_of_six_digits_reaches_the_phone(app: TestApp) {
    let answer = app.ask_for_code(MOBILE).await.expect(200);
    assert_eq!(answer.json(), json!({ "expires_in": 300 }));
    assert_eq!(app.world().sms.received(), [], "nothing is sent before the commit");
    let sent = app.drain_outbox().await;
    assert_eq!((sent.len(), sent[0].channel, sent[0].to.as_str()), (1, Channel::Sms, MOBILE));
    let digits = sent[0].params["code"].as_str().unwrap();
    assert!(digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()), "{digits}");

    let shown = app.get(&format!("/demo/messages?phone={MOBILE}")).await.expect(200).json();
    assert_eq!(shown[0]["params"]["code"], digits);
    assert_eq!((&shown[0]["channel"], &shown[0]["to"]), (&json!("sms"), &json!(MOBILE)));
    assert_eq!(shown[0]["at"], "2021-10-01 08:00:00");
    assert_eq!(app.get("/demo/messages?phone=13900000000").await.json(), json!([]));
    let stored = app.texts("SELECT sealed_code || payload AS value FROM sms_code, outbox").await.join(" ");
    assert!(!stored.contains(digits), "the code stands nowhere in the clear");
}

async fn a_code_can_be_read_out_by_a_call(app: TestApp) {
    let wanted = json!({ "mobile": MOBILE, "is_voice": "1", "is_try": 0 });
    app.post("/v1/login/sms_code", wanted).await.expect(200);
    let sent = app.drain_outbox().await;
    assert_eq!((sent.len(), sent[0].channel), (1, Channel::Voice));
    let login = by_code(MOBILE, &app.newest_code(MOBILE));
    app.log_in(login).await.expect(200);
    for wrong in [json!(2), json!(-1), json!("yes"), json!(true)] {
        let answer = app.post("/v1/login/sms_code", json!({ "mobile": MOBILE, "is_voice": wrong })).await;
        assert_eq!(answer.code(), code(1000, "Request.Invalid"));
    }
}

async fn codes_are_not_sent_too_often(app: TestApp) {
    let too_often = code(1006, "SMS.TooOften");
    app.ask_for_code(MOBILE).await.expect(200);
    app.clock.advance(MINUTE - 1);
    assert_eq!(app.ask_for_code(MOBILE).await.code(), too_often, "within 60 s");
    app.ask_for_code("13900000000").await.expect(200);
    app.clock.advance(1);
    app.ask_for_code(MOBILE).await.expect(200);
    for _ in 0..8 {
        app.clock.advance(MINUTE);
        app.ask_for_code(MOBILE).await.expect(200);
    }
    app.clock.advance(HOUR);
    assert_eq!(app.ask_for_code(MOBILE).await.code(), too_often, "the eleventh of the day");
    app.clock.advance(DAY);
    app.ask_for_code(MOBILE).await.expect(200);
    app.leaves_messages();
}

async fn a_retry_sends_the_same_code_at_most_three_times(app: TestApp) {
    let retry = json!({ "mobile": MOBILE, "is_try": 1 });
    app.post("/v1/login/sms_code", retry.clone()).await.expect(200);
    app.drain_outbox().await;
    let first = app.newest_code(MOBILE);
    app.clock.advance(SECOND);
    for _ in 0..3 {
        let answer = app.post("/v1/login/sms_code", retry.clone()).await.expect(200);
        assert_eq!(answer.json(), json!({ "expires_in": 299 }), "it lives no longer for being sent again");
        assert_eq!(app.drain_outbox().await.len(), 1);
        assert_eq!(app.newest_code(MOBILE), first);
    }
    let answer = app.post("/v1/login/sms_code", retry.clone()).await;
    assert_eq!(answer.code(), code(1006, "SMS.TooOften"));
    app.log_in(by_code(MOBILE, &first)).await.expect(200);
    let answer = app.post("/v1/login/sms_code", retry.clone()).await;
    assert_eq!(answer.code(), code(1006, "SMS.TooOften"), "none is outstanding: a first request, too soon");
    app.clock.advance(MINUTE);
    app.post("/v1/login/sms_code", retry).await.expect(200);
    app.drain_outbox().await;
    assert_ne!(app.newest_code(MOBILE), first);
}

async fn an_address_may_ask_for_so_many_codes_an_hour(app: TestApp) {
    let app = app.again(|config| config.members.codes_per_address_per_hour = 2).await;
    let (here, there) = (app.at_address("192.0.2.1"), app.at_address("192.0.2.2"));
    here.ask_for_code("13300000001").await.expect(200);
    here.ask_for_code("13300000002").await.expect(200);
    assert_eq!(here.ask_for_code("13300000003").await.code(), code(1006, "SMS.TooOften"));
    there.ask_for_code("13300000003").await.expect(200);
    app.clock.advance(HOUR);
    here.ask_for_code("13300000004").await.expect(200);
    app.drain_outbox().await;
}

async fn all_codes_of_a_day_have_a_budget(app: TestApp) {
    let app = app.again(|config| config.members.codes_per_day = 2).await;
    app.ask_for_code("13300000001").await.expect(200);
    app.ask_for_code("13300000002").await.expect(200);
    assert_eq!(app.ask_for_code("13300000003").await.code(), code(1006, "SMS.TooOften"));
    app.clock.advance(DAY);
    app.ask_for_code("13300000003").await.expect(200);
    app.drain_outbox().await;
}

async fn without_an_sms_account_no_code_can_be_sent(app: TestApp) {
    let app = app.again(|config| config.sms.access_key_id.clear()).await;
    let answer = app.ask_for_code(MOBILE).await.expect(503);
    assert_eq!(answer.json()["error"], "Server.Unavailable");
    assert_eq!(app.number("SELECT count(*) AS value FROM sms_code").await, 0);
}

async fn a_malformed_mobile_has_its_own_code(app: TestApp) {
    let malformed = code(1013, "Mobile.Incorrect");
    for wrong in [
        json!("12333333333"),
        json!("1333333333"),
        json!("+8613333333333"),
        json!(""),
        json!(null),
        json!(MOBILE.parse::<i64>().unwrap()),
    ] {
        let answer = app.post("/v1/login/sms_code", json!({ "mobile": wrong })).await.expect(400);
        assert_eq!(answer.code(), malformed, "{wrong}");
        let answer = app.log_in(with(by_password("", PASSWORD), &json!({ "mobile": wrong }))).await;
        assert_eq!(answer.code(), malformed, "{wrong}");
    }
    assert_eq!(app.post("/v1/login/sms_code", json!({})).await.code(), malformed);
    app.post("/v1/login/sms_code", json!({ "mobile": format!(" {MOBILE} ") })).await.expect(200);
    app.drain_outbox().await;
}

async fn each_fault_of_a_code_has_its_own_number(app: TestApp) {
    let answer = app.log_in(by_code(MOBILE, "123456")).await.expect(400);
    assert_eq!(answer.code(), code(1004, "SMS.Invalid"), "none was asked for");
    assert_eq!(answer.json()["message"], "无效验证码");
    let right = app.login_code(MOBILE).await;
    let wrong = by_code(MOBILE, &another(&right));
    for _ in 0..4 {
        assert_eq!(app.log_in(wrong.clone()).await.code(), code(1005, "SMS.Incorrect"));
    }
    assert_eq!(app.log_in(wrong).await.code(), code(1001, "SMS.ErrorCountLimited"), "the fifth");
    let answer = app.log_in(by_code(MOBILE, &right)).await;
    assert_eq!(answer.code(), code(1001, "SMS.ErrorCountLimited"), "and after");
    app.clock.advance(MINUTE);
    let fresh = app.login_code(MOBILE).await;
    app.log_in(by_code(MOBILE, &fresh)).await.expect(200);
    assert_eq!(app.log_in(by_code(MOBILE, &fresh)).await.code(), code(1003, "SMS.Checked"));
    assert_eq!(app.number("SELECT count(*) AS value FROM account").await, 1);
}

async fn a_code_expires_and_a_used_one_stays_used(app: TestApp) {
    let digits = app.login_code(MOBILE).await;
    app.clock.advance(300 * SECOND - 1);
    app.log_in(by_code(MOBILE, &digits)).await.expect(200);
    app.clock.advance(HOUR);
    assert_eq!(
        app.log_in(by_code(MOBILE, &digits)).await.code(),
        code(1003, "SMS.Checked"),
        "1003 wins over 1002"
    );
    let digits = app.login_code(MOBILE).await;
    app.clock.advance(300 * SECOND);
    assert_eq!(app.log_in(by_code(MOBILE, &digits)).await.code(), code(1002, "SMS.Timeout"));
}

async fn a_newer_code_replaces_the_older(app: TestApp) {
    let older = app.login_code(MOBILE).await;
    app.clock.advance(MINUTE);
    let newer = app.login_code(MOBILE).await;
    if older != newer {
        assert_eq!(app.log_in(by_code(MOBILE, &older)).await.code(), code(1005, "SMS.Incorrect"));
    }
    app.log_in(by_code(MOBILE, &newer)).await.expect(200);
}

async fn the_first_login_registers_and_grants_points(app: TestApp) {
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    let answer = app.log_in(login).await.expect(200).json();
    assert_eq!(answer["expires_in"], 30 * 24 * 60 * 60);
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(2));
    let token = answer["access_token"].as_str().unwrap();
    let member = app.bearer(token);
    let me = member.me().await;
    assert_eq!(me["point"], 10);
    let points = member.get("/v1/accounts/me/points").await.expect(200).json();
    let id = &points[0]["id"];
    let expected = json!([{
        "create_time": 1_633_046_400, "event_id": me["id"], "event_type": "REGISTER", "id": id, "point": 10,
        "reason": "注册", "user_id": me["id"],
    }]);
    assert_eq!(points, expected);

    app.clock.advance(MINUTE);
    let again = app.member(MOBILE).await.me().await;
    assert_eq!((&again["id"], &again["point"]), (&me["id"], &json!(10)), "granted once");
    let stored = app.texts("SELECT token_hash AS value FROM access_token").await;
    assert!(stored.len() == 2 && !stored.iter().any(|stored| stored.contains(token)), "kept hashed");
}

async fn a_login_fills_only_what_is_empty(app: TestApp) {
    let wechat = json!({ "nickname": " 小明 ", "avatar_url": "https://wx.qlogo.cn/1.png", "gender": 1 });
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    let answer = app.log_in(with(login, &wechat)).await.expect(200).json();
    let member = app.bearer(answer["access_token"].as_str().unwrap());
    let me = member.me().await;
    assert_eq!((&me["nickname"], &me["gender"]), (&json!("小明"), &json!(1)));
    assert_eq!(me["avatar"]["url"], "https://wx.qlogo.cn/1.png");
    app.clock.advance(MINUTE);
    let other = json!({ "nickname": "别名", "avatar_url": "https://wx.qlogo.cn/2.png", "gender": "2" });
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    app.log_in(with(login, &other)).await.expect(200);
    assert_eq!(member.me().await, me, "only what is empty is filled");
}

async fn an_openid_belongs_to_one_account(app: TestApp) {
    assert_eq!(app.log_in(by_openid("wx-1")).await.code(), code(1010, "Account.NotFound"), "unbound");
    let bind = json!({ "openid": "wx-1" });
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    app.log_in(with(login, &bind)).await.expect(200);
    let token = app.log_in(by_openid("wx-1")).await.expect(200).json();
    let me = app.bearer(token["access_token"].as_str().unwrap()).me().await;
    assert_eq!((&me["mobile"], &me["openid"]), (&json!(MOBILE), &json!("wx-1")));

    let login = by_code("13900000000", &app.login_code("13900000000").await);
    let answer = app.log_in(with(login.clone(), &bind)).await;
    assert_eq!(answer.code(), code(1015, "Account.OpenidExist"));
    assert_eq!(app.number("SELECT count(*) AS value FROM account").await, 1, "nobody was registered by it");
    app.log_in(with(login, &json!({ "openid": "wx-2" }))).await.expect(200);

    app.clock.advance(MINUTE);
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    app.log_in(with(login, &json!({ "openid": "wx-3" }))).await.expect(200);
    assert_eq!(app.log_in(by_openid("wx-1")).await.code(), code(1010, "Account.NotFound"), "bound anew");
    app.log_in(by_openid("wx-3")).await.expect(200);
}

async fn a_code_is_used_up_only_by_a_login_that_succeeds(app: TestApp) {
    let taken = by_code("13900000000", &app.login_code("13900000000").await);
    app.log_in(with(taken, &json!({ "openid": "wx-1" }))).await.expect(200);
    let login = by_code(MOBILE, &app.login_code(MOBILE).await);
    for failing in [json!({ "password": "12345" }), json!({ "client_id": 99 }), json!({ "gender": 3 })] {
        let answer = app.log_in(with(login.clone(), &failing)).await.expect(400);
        assert_eq!(answer.code(), code(1000, "Request.Invalid"), "{failing}");
    }
    let answer = app.log_in(with(login.clone(), &json!({ "openid": "wx-1" }))).await;
    assert_eq!(answer.code(), code(1015, "Account.OpenidExist"));
    app.log_in(login).await.expect(200);
}

async fn a_password_logs_in_and_ten_wrong_ones_lock(app: TestApp) {
    let login = by_password(MOBILE, PASSWORD);
    assert_eq!(app.log_in(login.clone()).await.code(), code(1010, "Account.NotFound"));
    let member = app.member(MOBILE).await;
    let none = app.log_in(login.clone()).await.expect(400);
    assert_eq!(none.code(), code(1011, "Account.PasswordIncorrect"), "an account without a password");
    app.clock.advance(MINUTE);
    let member_again = app.member_with_password(MOBILE, PASSWORD).await;
    assert!(!member.is_logged_in().await, "a reset ends what was logged in before");
    assert!(member_again.is_logged_in().await);

    app.log_in(login.clone()).await.expect(200);
    let padded = by_password(MOBILE, &format!("{PASSWORD} "));
    assert_eq!(app.log_in(padded).await.code(), code(1011, "Account.PasswordIncorrect"), "not trimmed");
    app.log_in(login.clone()).await.expect(200);
    let wrong = by_password(MOBILE, "wrong-password");
    for _ in 0..10 {
        assert_eq!(app.log_in(wrong.clone()).await.code(), code(1011, "Account.PasswordIncorrect"));
    }
    app.clock.advance(MINUTE);
    for locked in [wrong, login.clone()] {
        let answer = app.log_in(locked).await.expect(429);
        assert_eq!(answer.code(), code(1016, "Account.Locked"));
        assert_eq!(answer.header("retry-after"), "840");
    }
    app.clock.advance(14 * MINUTE);
    app.log_in(login).await.expect(200);
}

async fn failures_of_one_address_are_limited(app: TestApp) {
    let busy = app.at_address("192.0.2.1");
    for account in 0..100 {
        let login = by_password(&format!("133{account:08}"), PASSWORD);
        assert_eq!(busy.log_in(login).await.code(), code(1010, "Account.NotFound"));
    }
    let answer = busy.log_in(by_password(MOBILE, PASSWORD)).await.expect(429);
    assert_eq!(
        (answer.json()["error"].as_str(), answer.header("retry-after")),
        (Some("Request.TooMany"), "900")
    );
    app.log_in(by_password(MOBILE, PASSWORD)).await.expect(400);
    app.clock.advance(15 * MINUTE);
    busy.log_in(by_password(MOBILE, PASSWORD)).await.expect(400);
}

async fn a_login_says_what_it_lacks(app: TestApp) {
    let invalid = code(1000, "Request.Invalid");
    let cases = [
        (json!({}), "grant_type"),
        (json!({ "grant_type": "magic", "client_id": 44 }), "grant_type"),
        (json!({ "grant_type": "openid", "openid": "wx-1" }), "client_id"),
        (json!({ "grant_type": "openid", "openid": "wx-1", "client_id": 43 }), "client_id"),
        (json!({ "grant_type": "openid", "openid": "wx-1", "client_id": "x" }), "client_id"),
        (json!({ "grant_type": "openid", "client_id": 44 }), "openid"),
        (json!({ "grant_type": "openid", "openid": 5, "client_id": 44 }), "openid"),
        (json!({ "grant_type": "password", "mobile": MOBILE, "client_id": 44 }), "password"),
        (
            json!({ "grant_type": "password", "mobile": MOBILE, "password": 123_456, "client_id": 44 }),
            "password",
        ),
        (json!({ "grant_type": "sms_code", "mobile": MOBILE, "client_id": 44 }), "sms_code"),
    ];
    for (login, field) in cases {
        let answer = app.log_in(login.clone()).await.expect(400);
        assert_eq!(answer.code(), invalid, "{login}");
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("{field}: ")), "{login} {message}");
    }
    app.member_with_password(MOBILE, PASSWORD).await;
    for client in [13, 23, 31, 32, 41, 42, 44, 53] {
        app.log_in(with(by_password(MOBILE, PASSWORD), &json!({ "client_id": client }))).await.expect(200);
    }
}

async fn a_token_ends_by_logout_or_age(app: TestApp) {
    let one = app.member_with_password(MOBILE, PASSWORD).await;
    let token = app.log_in(by_password(MOBILE, PASSWORD)).await.json()["access_token"].clone();
    let other = app.bearer(token.as_str().unwrap());
    one.delete("/v1/login/token").await.expect(200);
    assert!(!one.is_logged_in().await, "logged out");
    assert!(other.is_logged_in().await, "just the one token");
    one.delete("/v1/login/token").await.expect(401);
    app.clock.advance(30 * DAY - 1);
    assert!(other.is_logged_in().await);
    app.clock.advance(1);
    assert!(!other.is_logged_in().await, "expired");
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM access_token").await, 0, "and forgotten");
}

async fn a_token_is_taken_with_or_without_bearer(app: TestApp) {
    app.member_with_password(MOBILE, PASSWORD).await;
    let token = app.log_in(by_password(MOBILE, PASSWORD)).await.json()["access_token"].clone();
    let token = token.as_str().unwrap();
    for header in [token.to_owned(), format!("Bearer {token}"), format!("bearer  {token} ")] {
        assert!(app.with("authorization", &header).is_logged_in().await, "{header}");
    }
    for header in
        [String::new(), format!("Basic {token}"), format!("{token}0"), "Bearer".into(), "Bearer ".into()]
    {
        assert!(!app.with("authorization", &header).is_logged_in().await, "{header}");
    }
    assert!(!app.is_logged_in().await, "in documented mode, too");
    for path in ["/v1/accounts/me/points", "/v1/accounts/me/shops"] {
        assert_eq!(app.get(path).await.expect(401).code(), code(1020, "Token.Invalid"));
    }
    app.put("/v1/accounts/me", json!({})).await.expect(401);
    app.put("/v1/accounts/me/password", json!({})).await.expect(401);
}

async fn changing_the_password_ends_every_other_token(app: TestApp) {
    let member = app.member_with_password(MOBILE, PASSWORD).await;
    let token = app.log_in(by_password(MOBILE, PASSWORD)).await.json()["access_token"].clone();
    let other = app.bearer(token.as_str().unwrap());
    let change = json!({ "proof_state": "password", "password": PASSWORD, "value": "another long phrase 9" });
    member.put("/v1/accounts/me/password", change).await.expect(200);
    assert!(member.is_logged_in().await);
    assert!(!other.is_logged_in().await);
    app.log_in(by_password(MOBILE, "another long phrase 9")).await.expect(200);
    assert_eq!(
        app.log_in(by_password(MOBILE, PASSWORD)).await.code(),
        code(1011, "Account.PasswordIncorrect")
    );
    let stored = app.texts("SELECT password_hash AS value FROM account").await;
    assert!(stored[0].starts_with("$argon2id$"), "{stored:?}");
}

async fn a_password_is_changed_with_the_right_proof_only(app: TestApp) {
    let failed = code(1012, "Account.PasswordChangeFailed");
    let member = app.member(MOBILE).await;
    let change = |body: Value| {
        let member = member.clone();
        async move { member.put("/v1/accounts/me/password", body).await }
    };
    let set = |value: &str| json!({ "proof_state": "password_is_ok", "value": value });
    assert_eq!(change(set("12345")).await.code(), failed, "under 6 characters");
    change(set("123456")).await.expect(200);
    assert_eq!(member.me().await["password_is_ok"], 0, "a weak one should be changed");
    change(set(PASSWORD)).await.expect(200);
    assert_eq!(member.me().await["password_is_ok"], 1);
    assert_eq!(change(set("other phrase entirely")).await.code(), failed, "a good one needs the old one");
    let prove =
        |old: &str, value: &str| json!({ "proof_state": "password", "password": old, "value": value });
    let wrong = change(prove("wrong-password", "other phrase entirely")).await.expect(400);
    assert_eq!(wrong.code(), code(1011, "Account.PasswordIncorrect"));
    assert_eq!(change(prove(PASSWORD, "12345")).await.code(), failed);
    change(prove(PASSWORD, "密码密码密码")).await.expect(200);
    app.log_in(by_password(MOBILE, "密码密码密码")).await.expect(200);
    let invalid = code(1000, "Request.Invalid");
    for malformed in
        [json!({}), set(""), json!({ "proof_state": "x", "value": PASSWORD }), prove("", PASSWORD)]
    {
        assert_eq!(change(malformed.clone()).await.code(), invalid, "{malformed}");
    }
}

async fn the_account_answers_with_the_documents_fields(app: TestApp) {
    let member = app.member(MOBILE).await;
    let me = member.me().await;
    let nowhere = json!({ "id": 0, "name": "" });
    let expected = json!({
        "id": me["id"], "mobile": MOBILE, "password_is_ok": 0, "nickname": "", "avatar": { "src": "", "url": "" },
        "gender": 0, "point": 10, "is_testing": 0, "openid": "",
        "location": { "province": nowhere, "city": nowhere },
    });
    assert_eq!(me, expected, "unset fields keep their type, never null");
}

async fn the_account_changes_field_by_field(app: TestApp) {
    let member = app.member(MOBILE).await;
    let change = |body: Value| {
        let member = member.clone();
        async move { member.put("/v1/accounts/me", body).await }
    };
    let fields = |nickname: &str, gender: Value| {
        json!({
            "nickname": nickname, "avatar": "a/1.png", "gender": gender, "province_id": 440_000, "city_id": 440_300,
        })
    };
    let (all, kept) = (fields(" 小明 ", json!("2")), fields("小明", json!(2)));
    assert_eq!(change(all).await.expect(200).json(), kept, "the reply is the same five fields");
    assert_eq!(change(json!({})).await.expect(200).json(), kept, "each field is optional");
    let me = member.me().await;
    assert_eq!(me["avatar"], json!({ "src": "a/1.png", "url": "http://yuyue.test/a/1.png" }));
    let shenzhen = json!({ "province": { "id": 440_000, "name": "广东省" }, "city": { "id": 440_300, "name": "深圳市" } });
    assert_eq!(me["location"], shenzhen);
    let cleared = change(json!({ "nickname": "", "avatar": "https://example.com/1.png", "gender": 0 })).await;
    assert_eq!((&cleared.json()["nickname"], &cleared.json()["gender"]), (&json!(""), &json!(0)));
    assert_eq!(member.me().await["avatar"]["url"], "https://example.com/1.png");

    let before = app.checksums().await;
    let wrong = [
        (json!({ "nickname": "名".repeat(65) }), "nickname"),
        (json!({ "nickname": 5 }), "nickname"),
        (json!({ "nickname": "a\u{7}" }), "nickname"),
        (json!({ "gender": 3 }), "gender"),
        (json!({ "province_id": "x" }), "province_id"),
    ];
    for (body, field) in wrong {
        let answer = change(body.clone()).await.expect(400);
        assert_eq!(answer.code(), code(1000, "Request.Invalid"), "{body}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with(field), "{answer:?}");
    }
    assert_eq!(app.checksums().await, before);
    change(json!({ "avatar": "/a/1.png" })).await.expect(200);
    let public = member.again(|config| config.server.public_url = "https://book.example.com".into()).await;
    assert_eq!(public.me().await["avatar"]["url"], "https://book.example.com/a/1.png");
}

async fn regions_are_codes_of_the_national_standard(app: TestApp) {
    let member = app.member(MOBILE).await;
    let change = |province: Option<i64>, city: Option<i64>| {
        let member = member.clone();
        let mut body = json!({});
        if let Some(province) = province {
            body["province_id"] = json!(province);
        }
        if let Some(city) = city {
            body["city_id"] = json!(city);
        }
        async move { member.put("/v1/accounts/me", body).await }
    };
    let region = |answer: Answer| {
        let body = answer.expect(200).json();
        (body["province_id"].as_i64().unwrap(), body["city_id"].as_i64().unwrap())
    };
    assert_eq!(region(change(Some(440_000), Some(440_300)).await), (440_000, 440_300));
    assert_eq!(region(change(Some(330_000), None).await), (330_000, 0), "the city lies outside");
    assert_eq!(region(change(None, Some(330_100)).await), (330_000, 330_100));
    assert_eq!(region(change(None, Some(0)).await), (330_000, 0));
    assert_eq!(region(change(Some(0), None).await), (0, 0));
    for (province, city, field) in [
        (Some(999_999), None, "province_id"),
        (Some(440_300), None, "province_id"),
        (Some(330_000), Some(440_300), "city_id"),
        (Some(440_000), Some(440_000), "city_id"),
        (Some(440_000), Some(449_999), "city_id"),
    ] {
        let answer = change(province, city).await.expect(400);
        assert_eq!(answer.code(), code(1000, "Request.Invalid"));
        assert!(answer.json()["message"].as_str().unwrap().starts_with(field), "{answer:?}");
    }
}

async fn points_and_shops_are_newest_first(app: TestApp) {
    let member = app.member(MOBILE).await;
    let me = member.me().await;
    let id = me["id"].as_i64().unwrap();
    app.clock.advance(MINUTE);
    let at = app.clock.now().at;
    let granted = move |tx: &mut yuyue_db::Tx<'_>| {
        members::grant_points(tx, id, (PointEvent::Trial, 7), -3, "试用", at)?;
        let brand = members::store::insert_brand(tx, "爱美兔", "王美丽", at)?;
        let mut shops = Vec::new();
        for (name, is_exp) in [("国贸店", true), ("南山店", false), ("无人店", false)] {
            shops.push(members::store::insert_shop(tx, brand, (name, "建国路 88 号", "010-1"), is_exp, at)?);
        }
        Ok::<_, Error>((brand, shops))
    };
    let (brand, shops) = app.db.write("test", granted).await.unwrap();
    for shop in [shops[0], shops[1], shops[0]] {
        let insert = format!(
            "INSERT INTO completed_test (account_id, shop_id, created_at) VALUES ({id}, {shop}, {at})"
        );
        app.execute(&insert).await;
    }
    let points = member.get("/v1/accounts/me/points").await.json();
    let changes: Vec<_> =
        points.as_array().unwrap().iter().map(|entry| (&entry["event_type"], &entry["point"])).collect();
    assert_eq!(changes, [(&json!("TRIAL"), &json!(-3)), (&json!("REGISTER"), &json!(10))]);
    assert_eq!(member.me().await["point"], 7);

    let shop = |id: i64, name: &str, is_exp: i64| {
        json!({
            "brand": { "founder_name": "王美丽", "id": brand, "name": "爱美兔" },
            "id": id, "name": name, "street": "建国路 88 号", "contact_tel": "010-1", "is_exp": is_exp,
        })
    };
    let tested = member.get("/v1/accounts/me/shops").await.json();
    assert_eq!(tested, json!([shop(shops[0], "国贸店", 1), shop(shops[1], "南山店", 0)]), "each once");
    assert_eq!(app.member("13900000000").await.get("/v1/accounts/me/shops").await.json(), json!([]));
}
