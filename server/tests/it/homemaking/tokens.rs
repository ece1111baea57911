use axum::http::Method;
use serde_json::json;
use yuyue::clock::{DAY, SECOND};
use yuyue::staff::Role;

use crate::support::TestApp;

both! {
    a_known_pair_gives_a_token,
    a_token_lasts_seven_days,
    a_token_dies_with_its_pair,
    a_pair_may_end_by_itself,
    guessing_pairs_is_limited,
    errors_say_what_was_asked,
    what_is_not_there_is_refused_in_the_products_envelope,
    the_categories_are_the_documents,
}

async fn a_known_pair_gives_a_token(app: TestApp) {
    app.enrolled(1).await;
    let answer = app.home_post("token", json!({ "i_code": "demo-1", "order_no": "1001" })).await.ok();
    let token = answer["token"].as_str().unwrap();
    assert!(token.len() == 32 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    let kept = app.texts("SELECT token_hash AS value FROM home_token").await;
    assert!(!kept.contains(&token.to_owned()), "tokens are kept hashed");

    assert_eq!(app.home_post("token/verify", json!({ "token": token })).await.ok(), json!({ "valid": true }));
    let other = app.home_post("token/verify", json!({ "token": "ff8b66355a5f460d4ce9524e0fbabe0f" })).await;
    assert_eq!(other.ok(), json!({ "valid": false }));

    for (i_code, order_no) in [("demo-1", 1002), ("demo-2", 1001), ("DEMO-1", 1001)] {
        let refused = app.home_post("token", json!({ "i_code": i_code, "order_no": order_no })).await;
        assert_eq!(refused.failure(), (400, 9999), "{i_code} {order_no}");
    }
    assert_eq!(app.home_get("user").await.failure(), (401, 10001));
    assert_eq!(app.with("token", "").home_get("user").await.failure(), (401, 10001));
    assert_eq!(app.with("token", "wrong").home_get("user").await.failure(), (401, 10002));
    app.with("token", token).home_get("user").await.ok();
}

async fn a_token_lasts_seven_days(app: TestApp) {
    let user = app.user(1).await;
    app.clock.advance(7 * DAY - SECOND);
    user.home_get("user").await.ok();
    app.clock.advance(SECOND);
    assert_eq!(user.home_get("user").await.failure(), (401, 10002));
    app.user(1).await.home_get("user").await.ok();
    app.drain_outbox().await;
    assert_eq!(app.number("SELECT count(*) AS value FROM home_token").await, 1, "old ones are forgotten");
}

async fn a_token_dies_with_its_pair(app: TestApp) {
    let user = app.user(1).await;
    let id = user.home_get("user").await.ok()["id"].clone();
    let admin = app.staff(Role::Admin).await;
    let listed = admin.get("/admin/v1/enrolments").await.expect(200).json();
    assert_eq!(listed["items"][0]["i_code"], "demo-1");
    let path = format!("/admin/v1/enrolments/{}", listed["items"][0]["id"]);
    admin.delete(&path).await.expect(204);
    assert_eq!(user.home_get("user").await.failure(), (401, 10002));
    let pair = json!({ "i_code": "demo-1", "order_no": 1001 });
    assert_eq!(app.home_post("token", pair).await.failure(), (400, 9999));
    admin.delete(&path).await.expect(404);
    assert_eq!(admin.get("/admin/v1/enrolments").await.json()["total"], 0);

    let again = app.user(1).await.home_get("user").await.ok();
    assert_eq!(again["id"], id, "the pair issued again is the same user");
}

async fn a_pair_may_end_by_itself(app: TestApp) {
    let admin = app.staff(Role::Admin).await;
    let pair = json!({ "i_code": "short", "order_no": 7, "expires_at": "2021-10-02 08:00:00" });
    let issued = admin.post("/admin/v1/enrolments", pair).await.expect(201).json();
    assert_eq!(issued["expires_at"], "2021-10-02 08:00:00");
    let login = json!({ "i_code": "short", "order_no": 7 });
    let token = app.home_post("token", login.clone()).await.ok();
    let user = app.with("token", token["token"].as_str().unwrap());
    app.clock.advance(DAY);
    assert_eq!(user.home_get("user").await.failure(), (401, 10002));
    assert_eq!(app.home_post("token", login).await.failure(), (400, 9999));
}

async fn guessing_pairs_is_limited(app: TestApp) {
    app.enrolled(1).await;
    for guess in 0..100 {
        let guess = json!({ "i_code": "demo-1", "order_no": 5000 + guess });
        assert_eq!(app.home_post("token", guess).await.failure(), (400, 9999));
    }
    let pair = json!({ "i_code": "demo-1", "order_no": 1001 });
    let refused = app.home_post("token", pair.clone()).await;
    assert_eq!(refused.failure(), (429, 429));
    assert!(refused.header("retry-after").parse::<u32>().unwrap() > 0);
    app.at_address("203.0.113.9").home_post("token", pair).await.ok();
}

async fn errors_say_what_was_asked(app: TestApp) {
    let refused = app.with("token", "x").put("/homemaking/v1/user?secret=1", json!({})).await;
    assert_eq!(
        refused.json(),
        json!({ "error_code": 10002, "message": "token令牌无效或已过期", "request": "PUT  /v1/user" })
    );
    let english = app.with("accept-language", "en").home_get("user").await;
    assert_eq!(english.says(), "the header token is missing");
    let missing = app.home_post("token", json!({ "order_no": 1 })).await;
    assert_eq!((missing.failure(), missing.says()), ((400, 10000), "课程验证码 i_code: 必填".into()));
}

async fn what_is_not_there_is_refused_in_the_products_envelope(app: TestApp) {
    let unknown = app.home_get("nothing/here").await;
    assert_eq!(
        (unknown.failure(), &unknown.json()["request"]),
        ((404, 10008), &json!("GET  /v1/nothing/here"))
    );
    assert_eq!(app.get("/homemaking/x").await.failure(), (404, 10008));
    assert_eq!(app.home_get("token").await.failure(), (405, 405));
    let form = app.with("content-type", "text/plain");
    assert_eq!(form.home_post("token", json!({})).await.failure(), (415, 415));
    let large = app.send(Method::POST, "/homemaking/v1/token", "x".repeat(1 << 21)).await;
    assert_eq!(large.failure(), (413, 413));
}

async fn the_categories_are_the_documents(app: TestApp) {
    let names = ["保洁", "汽修", "疏通", "在线教育", "宠物", "护理", "婚恋"];
    let expected: Vec<_> =
        names.iter().zip(1..).map(|(name, id)| json!({ "id": id, "name": name })).collect();
    assert_eq!(app.home_get("category").await.ok(), json!(expected));
}
