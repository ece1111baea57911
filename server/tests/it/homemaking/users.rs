use serde_json::{Value, json};

use crate::support::TestApp;

both! {
    a_user_says_who_they_are,
    what_is_left_out_is_kept,
}

async fn a_user_says_who_they_are(app: TestApp) {
    let user = app.user(1).await;
    let first = user.home_get("user").await.ok();
    assert_eq!(
        first,
        json!({ "id": 1, "nickname": "慕慕0001", "avatar": "http://yuyue.test/homemaking/avatar.png", "real_name": null, "gender": 0, "tel": null })
    );
    let profile = json!({
        "nickname": "沁塵", "avatar": "https://example.com/132.png", "gender": "1", "real_name": "沁塵",
        "tel": "+86-020-81167888",
    });
    let changed = user.home_put("user", profile).await.ok();
    let expected = json!({
        "id": 1, "nickname": "沁塵", "avatar": "https://example.com/132.png", "real_name": "沁塵", "gender": 1,
        "tel": "+86-020-81167888",
    });
    assert_eq!(changed, expected);
    assert_eq!(user.home_get("user").await.ok(), expected);
    assert_eq!(app.user(2).await.home_get("user").await.ok()["nickname"], "慕慕0002");
}

async fn what_is_left_out_is_kept(app: TestApp) {
    let user = app.user(1).await;
    let profile = json!({ "nickname": "一", "avatar": "http://a.example/1", "gender": 2, "tel": "10086" });
    user.home_put("user", profile).await.ok();
    for nothing in [Value::Null, json!("")] {
        let profile =
            json!({ "nickname": "二", "avatar": "http://a.example/1", "gender": 0, "tel": nothing });
        let changed = user.home_put("user", profile).await.ok();
        assert_eq!(
            (&changed["tel"], &changed["nickname"], &changed["gender"]),
            (&json!("10086"), &json!("二"), &json!(0))
        );
    }
}
