use serde_json::{Value, json};
use yuyue::clock::{DAY, MINUTE};

use super::{MOBILE, PASSWORD, by_code, by_password, code, with};
use crate::support::TestApp;

both! {
    the_first_login_registers_and_grants_points,
    a_login_fills_only_what_is_empty,
    decoration_from_wechat_never_fails_a_login,
    an_openid_belongs_to_one_account,
    a_code_is_used_up_only_by_a_login_that_succeeds,
    a_password_logs_in_and_ten_wrong_ones_lock,
    failures_of_one_address_are_limited,
    a_login_says_what_it_lacks,
    a_token_ends_by_logout_or_age,
    a_token_is_taken_with_or_without_bearer,
}

fn by_openid(openid: &str) -> Value {
    json!({ "grant_type": "openid", "openid": openid, "client_id": 44 })
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

/// What a front end hands on of WeChat's, as it stands in the body, and what is kept of it.
const DECORATION: [(&str, &str, &str); 15] = [
    (r#""nickname":"\u0014琥珀🍭""#, "nickname", "琥珀🍭"),
    (r#""nickname":"\ud83c琥珀\udf6d""#, "nickname", "琥珀"),
    (r#""nickname":"a\u0000b\u007f\u0085c""#, "nickname", "abc"),
    (r#""nickname":"\u0001""#, "nickname", ""),
    (r#""nickname":"\u200b\u3164""#, "nickname", ""),
    (r#""nickname":7"#, "nickname", ""),
    (r#""nickname":{"a":[1]}"#, "nickname", ""),
    (r#""nickname":null"#, "nickname", ""),
    (r#""avatar_url":"https://wx.qlogo.cn/\u00141\ud800.png""#, "avatar", "https://wx.qlogo.cn/1.png"),
    (r#""avatar_url":false"#, "avatar", ""),
    (r#""gender":3"#, "gender", "0"),
    (r#""gender":"女""#, "gender", "0"),
    (r#""gender":[1]"#, "gender", "0"),
    (r#""gender":"\ud800""#, "gender", "0"),
    (r#""gender":"2""#, "gender", "2"),
];

async fn decoration_from_wechat_never_fails_a_login(app: TestApp) {
    let log_in = async |number: usize, decoration: &str| {
        let mobile = format!("133{number:08}");
        let code = app.login_code(&mobile).await;
        let body = format!(
            r#"{{"grant_type":"sms_code","mobile":"{mobile}","sms_code":"{code}","client_id":44,{decoration}}}"#
        );
        let answer = app.send(axum::http::Method::POST, "/v1/login/token", body).await.expect(200).json();
        app.bearer(answer["access_token"].as_str().unwrap()).me().await
    };
    for (number, (decoration, field, kept)) in DECORATION.into_iter().enumerate() {
        let me = log_in(number, decoration).await;
        let value = if field == "avatar" { &me["avatar"]["src"] } else { &me[field] };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        assert_eq!(text, kept, "{decoration}");
    }
    let long = log_in(90, &format!(r#""nickname":"{}""#, "🍭".repeat(5_000))).await;
    assert_eq!(long["nickname"], "🍭".repeat(64), "cut to fit");
    let picture = format!("https://wx.qlogo.cn/{}", "1".repeat(480));
    assert_eq!(log_in(91, &format!(r#""avatar_url":"{picture}""#)).await["avatar"]["src"], picture);
    let long = log_in(92, &format!(r#""avatar_url":"{picture}1""#)).await;
    assert_eq!(long["avatar"]["src"], "", "a part of an address leads nowhere");
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
    for failing in [json!({ "password": "12345" }), json!({ "client_id": 99 }), json!({ "openid": 3 })] {
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
        assert!(message.contains(&format!("{field}: ")), "{login} {message}");
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
