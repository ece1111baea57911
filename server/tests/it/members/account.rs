use serde_json::{Value, json};
use yuyue::clock::MINUTE;
use yuyue::error::Error;
use yuyue::members::{self, PointEvent};

use super::{MOBILE, PASSWORD, by_password, code};
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    changing_the_password_ends_every_other_token,
    a_password_is_changed_with_the_right_proof_only,
    the_account_answers_with_the_documents_fields,
    the_account_changes_field_by_field,
    a_password_is_the_same_in_every_form_of_unicode,
    a_password_from_before_is_tried_as_it_was_and_kept_anew,
    regions_are_codes_of_the_national_standard,
    a_region_that_was_one_once_is_kept,
    points_and_shops_are_newest_first,
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
        assert!(answer.json()["message"].as_str().unwrap().contains(field), "{answer:?}");
    }
    assert_eq!(app.checksums().await, before);
    change(json!({ "avatar": "/a/1.png" })).await.expect(200);
    let public = member.again(|config| config.server.public_url = "https://book.example.com".into()).await;
    assert_eq!(public.me().await["avatar"]["url"], "https://book.example.com/a/1.png");
}

/// One phrase, in letters, in letters and marks, and in full width.
const CAFE: [&str; 3] = ["café correct horse", "cafe\u{301} correct horse", "ｃａｆé\u{3000}correct horse"];

async fn a_password_is_the_same_in_every_form_of_unicode(app: TestApp) {
    for (set, mobile) in CAFE.into_iter().zip(["13300000001", "13300000002", "13300000003"]) {
        let member = app.member_with_password(mobile, set).await;
        for typed in CAFE {
            app.log_in(by_password(mobile, typed)).await.expect(200);
        }
        assert_eq!(app.log_in(by_password(mobile, "cafe correct horse")).await.code().0, 1011);
        let change = json!({ "proof_state": "password", "password": CAFE[1], "value": "naïve long phrase" });
        member.put("/v1/accounts/me/password", change).await.expect(200);
        app.log_in(by_password(mobile, "nai\u{308}ve long phrase")).await.expect(200);
    }
    let member = app.member("13300000004").await;
    let short = json!({ "proof_state": "password_is_ok", "value": "e\u{301}e\u{301}e\u{301}" });
    assert_eq!(member.put("/v1/accounts/me/password", short).await.code().0, 1012, "three characters");
}

async fn a_password_from_before_is_tried_as_it_was_and_kept_anew(app: TestApp) {
    use argon2::password_hash::PasswordHasher as _;
    let member = app.member(MOBILE).await;
    let old = argon2::Argon2::default().hash_password_with_salt(CAFE[1].as_bytes(), &[7; 16]).unwrap();
    app.execute(&format!("UPDATE account SET password_hash = '{old}'")).await;
    assert_eq!(app.log_in(by_password(MOBILE, CAFE[0])).await.code().0, 1011, "not what was hashed");
    app.log_in(by_password(MOBILE, CAFE[1])).await.expect(200);
    let kept = app.texts("SELECT password_hash AS value FROM account").await;
    assert_ne!(kept[0], old.to_string());
    for typed in CAFE {
        app.log_in(by_password(MOBILE, typed)).await.expect(200);
    }
    assert_eq!(app.texts("SELECT password_hash AS value FROM account").await, kept, "once");
    assert!(member.is_logged_in().await, "the same password: nothing ends");

    app.execute(&format!("UPDATE account SET password_hash = '{old}'")).await;
    let change = json!({ "proof_state": "password", "password": CAFE[1], "value": "another long phrase 9" });
    member.put("/v1/accounts/me/password", change).await.expect(200);
    app.log_in(by_password(MOBILE, "another long phrase 9")).await.expect(200);
}

async fn a_region_that_was_one_once_is_kept(app: TestApp) {
    let member = app.member(MOBILE).await;
    for (province, city, name) in [
        (370_000, 371_200, "莱芜市"),
        (540_000, 542_400, "那曲地区"),
        (340_000, 341_400, "巢湖市"),
        (510_000, 510_200, "重庆市"),
        (440_000, 449_001, "顺德市"),
        (420_000, 429_000, "省直辖县级行政区划"),
    ] {
        let both = json!({ "province_id": province, "city_id": city, "nickname": name });
        member.put("/v1/accounts/me", both).await.expect(200);
        member.put("/v1/accounts/me", json!({ "gender": 1 })).await.expect(200);
        let me = member.me().await;
        assert_eq!(me["location"]["city"], json!({ "id": city, "name": name }));
        assert_eq!((&me["location"]["province"]["id"], &me["nickname"]), (&json!(province), &json!(name)));
        member.put("/v1/accounts/me", json!({ "province_id": 0 })).await.expect(200);
        member.put("/v1/accounts/me", json!({ "city_id": city })).await.expect(200);
        assert_eq!(member.me().await["location"]["province"]["id"], province, "{city}");
    }
    let elsewhere = json!({ "province_id": 330_000, "city_id": 371_200 });
    member.put("/v1/accounts/me", elsewhere).await.expect(400);
    member.put("/v1/accounts/me", json!({ "city_id": 449_900 })).await.expect(400);
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
        assert!(answer.json()["message"].as_str().unwrap().contains(field), "{answer:?}");
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
