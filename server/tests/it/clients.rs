//! What published front ends send that a strict reader of the documents would not.

use std::collections::BTreeSet;

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use yuyue::http::envelope::Product;

use crate::support::TestApp;
use crate::support::booking::booking;

both! {
    runs_of_slashes_count_as_one,
    a_switch_is_a_flag,
    a_user_may_send_any_part_of_themselves,
    a_service_may_be_edited_in_part,
    no_token_is_a_bad_token_and_no_error,
    guests_read_what_is_published,
    guests_may_be_shut_out,
    whoever_has_no_picture_is_shown_with_one,
    a_filter_of_0_is_no_filter,
    what_a_client_does_not_have_is_left_out_of_a_query,
    nothing_is_an_empty_object_whatever_its_type,
    an_error_names_its_field_in_the_documents_words,
}

async fn runs_of_slashes_count_as_one(app: TestApp) {
    app.get("/homemaking//v1/category").await.ok();
    app.get("//homemaking///v1//category").await.ok();
    let user = app.user(1).await;
    user.send(Method::POST, "/homemaking//v1/service", "{}").await.expect(400);
    let unknown = user.get("/homemaking//v1//nothing?a=//b").await;
    assert_eq!((unknown.failure(), &unknown.json()["request"]), ((404, 10008), &json!("GET  /v1/nothing")));
    app.post("//v1//make-appointment", booking("o-1", 10, 0)).await.data();
    app.post("//v1//login//sms_code", json!({ "mobile": "13811111111" })).await.expect(200);
    app.drain_outbox().await;
    assert_eq!(app.get("//v1//subject/purpose").await.expect(200).json()["code"], 0);
    app.get("//admin//v1/session").await.expect(401);
    assert_eq!(app.get("//healthz").await.expect(200).body, "ok");
    app.get("//h5//").await.expect(app.get("/h5/").await.status.as_u16());
    assert_eq!(app.get("//").await.status, app.get("/").await.status);
    let twice = app.home_get("service/list?page=1&count=10&keyword=a//b").await.ok();
    assert_eq!(twice["total"], 0, "a query is left as it is");
}

async fn a_switch_is_a_flag(app: TestApp) {
    let publisher = app.user(1).await;
    for (sent, kept) in [(json!(true), 1), (json!(false), 0), (json!("true"), 1), (json!("false"), 0)] {
        let id = publisher.service(app.draft_with(&json!({ "designated_place": sent })).await).await;
        let shown = publisher.home_get(&format!("service/{id}")).await.ok();
        assert_eq!(shown["designated_place"], kept, "{sent}");
        let opposite = json!({ "designated_place": kept == 0 });
        let edited = publisher.home_put(&format!("service/{id}"), opposite).await.ok();
        assert_eq!(edited["designated_place"], 1 - kept, "{sent}");
    }
    for wrong in [json!("yes"), json!(2), json!([true]), json!({})] {
        let draft = app.draft_with(&json!({ "designated_place": wrong })).await;
        assert_eq!(publisher.home_post("service", draft).await.failure(), (400, 10000), "{wrong}");
    }
    let draft = app.draft_with(&json!({ "category_id": true })).await;
    assert_eq!(publisher.home_post("service", draft).await.failure(), (400, 10000), "only a flag is a flag");

    let code = json!({ "mobile": "13811111111", "is_voice": true, "is_try": false });
    app.post("/v1/login/sms_code", code).await.expect(200);
    let sent = app.drain_outbox().await;
    assert!(sent.len() == 1 && format!("{:?}", sent[0]).to_lowercase().contains("voice"), "{sent:?}");
    for is_auth in ["true", "false", "1", "0"] {
        let records = app.get(&format!("/v1/visit/records?type=web&is_auth={is_auth}")).await;
        assert_eq!(records.json()["code"], 0, "{records:?}");
    }
}

async fn a_user_may_send_any_part_of_themselves(app: TestApp) {
    let user = app.user(1).await;
    let face = json!({ "nickname": "沁塵", "avatar": "https://example.com/132.png" });
    user.home_put("user", face).await.ok();
    user.home_put("user", json!({ "gender": 1 })).await.ok();
    user.home_put("user", json!({ "tel": "10086", "nickname": null, "avatar": "" })).await.ok();
    let expected = json!({
        "id": 1, "nickname": "沁塵", "avatar": "https://example.com/132.png", "real_name": null, "gender": 1,
        "tel": "10086",
    });
    assert_eq!(user.home_put("user", json!({})).await.ok(), expected);
    assert_eq!(user.home_put("user", json!({ "gender": 3 })).await.failure(), (400, 10000));
    assert_eq!(
        user.home_put("user", json!({ "nickname": "另", "avatar": "/a.png" })).await.failure(),
        (400, 10000)
    );
    assert_eq!(user.home_get("user").await.ok(), expected, "a refusal changes nothing");
}

async fn a_service_may_be_edited_in_part(app: TestApp) {
    let publisher = app.user(1).await;
    let id = publisher.published(&json!({})).await;
    let path = format!("service/{id}");
    let before = publisher.home_get(&path).await.ok();
    let edited = publisher.home_put(&path, json!({ "price": "9.90", "description": null })).await.ok();
    let mut expected = before.clone();
    (expected["price"], expected["status"]) = (json!("9.90"), json!(0));
    assert_eq!(edited, expected);
    for (change, field) in [
        (json!({ "title": "" }), "title"),
        (json!({ "end_date": "2021-09-01" }), "end_date"),
        (json!({ "begin_date": "2021-12-01" }), "end_date"),
        (json!({ "category_id": 8 }), "category_id"),
        (json!({ "cover_image_id": 12345 }), "cover_image_id"),
    ] {
        let refused = publisher.home_put(&path, change.clone()).await;
        assert_eq!(refused.failure(), (400, 10000), "{change}");
        assert!(refused.says().contains(&format!("{field}: ")), "{refused:?}");
    }
    assert_eq!(publisher.home_get(&path).await.ok(), expected, "a refusal changes nothing");
}

async fn no_token_is_a_bad_token_and_no_error(app: TestApp) {
    for nothing in [json!({ "token": "" }), json!({ "token": null }), json!({}), json!({ "token": "  " })] {
        let answer = app.home_post("token/verify", nothing.clone()).await;
        assert_eq!(answer.ok(), json!({ "valid": false }), "{nothing}");
    }
    assert_eq!(
        app.send(Method::POST, "/homemaking/v1/token/verify", "").await.ok(),
        json!({ "valid": false })
    );
    assert_eq!(app.home_post("token/verify", json!({ "token": 7 })).await.failure(), (400, 10000));
}

async fn guests_read_what_is_published(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let known = json!({ "nickname": "沁塵", "real_name": "黄老师", "tel": "13811111111" });
    for user in [&publisher, &consumer] {
        user.home_put("user", known.clone()).await.ok();
    }
    let id = publisher.published(&json!({ "designated_place": 0 })).await;
    let order = consumer.ordered(id).await;
    publisher.act_on_order(order, 1).await.ok();
    consumer.act_on_order(order, 3).await.ok();
    consumer.act_on_order(order, 4).await.ok();
    let rating = json!({ "order_id": order, "score": 5, "content": "好" });
    consumer.home_post("rating", rating).await.made();
    app.drain_outbox().await;

    let (path, ratings) =
        (format!("service/{id}"), format!("rating/service?service_id={id}&page=1&count=10"));
    for guest in [app.clone(), app.with("token", ""), app.with("token", " ")] {
        let shown = guest.home_get(&path).await.ok();
        assert_eq!(shown["publisher"]["nickname"], "沁塵");
        let read = guest.home_get(&ratings).await.ok();
        assert_eq!(read["data"][0]["author"]["nickname"], "沁塵");
        for person in [&shown["publisher"], &read["data"][0]["author"]] {
            assert_eq!((&person["real_name"], &person["tel"]), (&Value::Null, &Value::Null));
        }
    }
    let known_to = |answer: &Value| answer["publisher"]["tel"].clone();
    assert_eq!(known_to(&consumer.home_get(&path).await.ok()), "13811111111");
    for path in [&path, &ratings] {
        assert_eq!(app.with("token", "wrong").home_get(path).await.failure(), (401, 10002));
    }
    publisher.act_on_service(id, 2).await.ok();
    for path in [&path, &ratings] {
        assert_eq!(app.home_get(path).await.failure(), (404, 10008), "not published any more");
    }
    for path in ["service/my?type=1&page=1&count=10", "order/my?role=1&page=1&count=10", "user", "user/sign"]
    {
        assert_eq!(app.home_get(path).await.failure(), (401, 10001), "{path}");
    }
    assert_eq!(app.home_get(&format!("rating/order?order_id={order}")).await.failure(), (401, 10001));
    assert_eq!(app.home_post(&path, json!({ "action": 3 })).await.failure(), (401, 10001));
}

async fn guests_may_be_shut_out(app: TestApp) {
    let id = app.user(1).await.published(&json!({})).await;
    let closed = app.again(|config| config.homemaking.guests_read = false).await;
    for path in [format!("service/{id}"), format!("rating/service?service_id={id}&page=1&count=10")] {
        assert_eq!(closed.home_get(&path).await.failure(), (401, 10001), "{path}");
        closed.user(2).await.home_get(&path).await.ok();
    }
}

const PLAIN: &str = "http://yuyue.test/homemaking/avatar.png";

async fn whoever_has_no_picture_is_shown_with_one(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let id = publisher.published(&json!({ "designated_place": 0 })).await;
    let order = consumer.ordered(id).await;
    let shown = publisher.home_get(&format!("order/{order}")).await.ok();
    for avatar in ["/publisher/avatar", "/consumer/avatar", "/service_snap/publisher/avatar"] {
        assert_eq!(shown.pointer(avatar).unwrap(), PLAIN, "{avatar}");
    }
    let listed = app.home_get("service/list?page=1&count=10").await.ok();
    assert_eq!(listed["data"][0]["publisher"]["avatar"], PLAIN);
    let picture = app.get("/homemaking/avatar.png").await.expect(200);
    assert_eq!(picture.header("content-type"), "image/png");
    assert!(picture.body.starts_with(b"\x89PNG\r\n\x1a\n"));

    // A form sends back what it was given; at another address of the server the picture is still none.
    assert_eq!(publisher.home_put("user", json!({ "avatar": PLAIN })).await.ok()["avatar"], PLAIN);
    let elsewhere = publisher.with("host", "other.test").home_get("user").await.ok();
    assert_eq!(elsewhere["avatar"], "http://other.test/homemaking/avatar.png");
}

async fn a_filter_of_0_is_no_filter(app: TestApp) {
    let publisher = app.user(1).await;
    publisher.published(&json!({ "category_id": 5, "type": 1 })).await;
    publisher.published(&json!({ "category_id": 1, "type": 2 })).await;
    for (query, total) in [
        ("category_id=0&type=0", 2),
        ("category_id=0", 2),
        ("type=0", 2),
        ("category_id=&type=", 2),
        ("category_id=5&type=0", 1),
        ("category_id=0&type=2", 1),
    ] {
        let list = app.home_get(&format!("service/list?page=1&count=10&{query}")).await.ok();
        assert_eq!(list["total"], total, "{query}");
    }
    for wrong in ["category_id=-1", "category_id=8", "type=3", "type=x"] {
        let answer = app.home_get(&format!("service/list?count=10&{wrong}&page=1")).await;
        assert_eq!(answer.failure(), (400, 10000), "{wrong}");
    }
    let admin = app.staff(yuyue::staff::Role::Admin).await;
    assert_eq!(admin.get("/admin/v1/orders?user_id=0&order_no=0").await.expect(200).json()["total"], 0);
    admin.get("/admin/v1/scans?visit_id=0").await.expect(200);
    admin.get("/admin/v1/payments?order_id=0").await.expect(200);
}

async fn what_a_client_does_not_have_is_left_out_of_a_query(app: TestApp) {
    app.user(1).await.published(&json!({})).await;
    for nothing in ["null", "undefined"] {
        let query = format!("page=1&count=10&category_id={nothing}&type={nothing}&keyword={nothing}");
        assert_eq!(app.home_get(&format!("service/list?{query}")).await.ok()["total"], 1, "{nothing}");
        let missing = app.home_get(&format!("service/list?page={nothing}&count=10")).await;
        assert_eq!((missing.failure(), missing.says()), ((400, 10000), "页码 page: 必填".into()));
        let records = app.get(&format!("/v1/visit/records?type=web&name={nothing}&is_auth={nothing}")).await;
        assert_eq!(records.json()["code"], 0, "{records:?}");
        let binding = app.get(&format!("/v1/visitor/binding?weixinUserId={nothing}")).await;
        assert_eq!(binding.json()["err_msg"], "微信账号 weixinUserId: 必填");
    }
}

async fn nothing_is_an_empty_object_whatever_its_type(app: TestApp) {
    for kind in
        ["application/x-www-form-urlencoded", "text/plain;charset=UTF-8", "multipart/form-data; boundary=x"]
    {
        let client = app.with("content-type", kind);
        let days = client.send(Method::POST, "/v1/available-days/list", "").await;
        assert!(days.data()["days"].is_array(), "{kind}: {days:?}");
        let verified = client.send(Method::POST, "/homemaking/v1/token/verify", "").await;
        assert_eq!(verified.ok(), json!({ "valid": false }), "{kind}");
        client.send(Method::PUT, "/v1/auth/1", "").await.expect(200);
        let missing = client.send(Method::POST, "/v1/login/sms_code", "").await;
        assert_eq!(missing.code().0, 1013, "{kind}");
        for body in ["a=b", "{}", " "] {
            let refused = client.send(Method::POST, "/v1/available-days/list", body).await;
            assert_eq!(refused.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind} {body:?}");
        }
    }
}

async fn an_error_names_its_field_in_the_documents_words(app: TestApp) {
    let publisher = app.user(1).await;
    let draft = app.draft_with(&json!({ "designated_place": 2 })).await;
    assert_eq!(publisher.home_post("service", draft).await.says(), "服务地点 designated_place: 应为 0 或 1");
    let english = publisher.with("accept-language", "en");
    let draft = app.draft_with(&json!({ "designated_place": 2 })).await;
    assert_eq!(english.home_post("service", draft).await.says(), "designated_place: expected 0 or 1");
    let booking = app.post("/v1/make-appointment", json!({ "day": "2021-10-01" })).await;
    assert_eq!(booking.error_msg(), "小时 hour: 必填");
    let visit = json!({ "retinues": [{ "name": "王某", "phone": "1" }] });
    let visit = app.post("/v1/subject", visit).await.json();
    assert!(visit["err_msg"].as_str().unwrap().starts_with("手机号码 retinues[0].phone: "), "{visit}");
    let login = app.post("/v1/login/token", json!({ "grant_type": "x", "client_id": 44 })).await.json();
    assert!(login["message"].as_str().unwrap().starts_with("登录方式 grant_type: "), "{login}");
}

/// Fields of a document's requests that have no name in words.
fn unnamed(document: &Value, schema: &Value, named: &BTreeSet<&str>, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
        return unnamed(document, &document["components"]["schemas"][name], named, found);
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        if !named.contains(name.as_str()) {
            found.insert(name.clone());
        }
        unnamed(document, property, named, found);
    }
    for kind in ["oneOf", "anyOf", "allOf"] {
        schema[kind].as_array().into_iter().flatten().for_each(|one| unnamed(document, one, named, found));
    }
    if schema["items"].is_object() {
        unnamed(document, &schema["items"], named, found);
    }
}

#[test]
fn every_field_of_a_documents_requests_has_a_name_in_words() {
    let document = serde_json::to_value(yuyue::http::openapi::api()).unwrap();
    for (tag, product) in [
        ("slots", Product::Slots),
        ("members", Product::Members),
        ("visitors", Product::Visitors),
        ("homemaking", Product::Homemaking),
    ] {
        let named: BTreeSet<_> = product.labels().iter().map(|(field, _)| *field).collect();
        let mut found = BTreeSet::new();
        let items =
            document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap());
        for (_, operation) in items.filter(|(_, operation)| operation["tags"][0] == tag) {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let name = parameter["name"].as_str().unwrap();
                // The socket answers by closing, and a picture's path is no form.
                let is_asked_in_words = parameter["in"] == "query" && name != "after";
                if is_asked_in_words && !named.contains(name) {
                    found.insert(name.to_owned());
                }
            }
            for content in operation["requestBody"]["content"].as_object().into_iter().flatten() {
                unnamed(&document, &content.1["schema"], &named, &mut found);
            }
        }
        assert_eq!(found, BTreeSet::new(), "{tag}");
    }
}
