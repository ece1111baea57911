use serde_json::{Value, json};
use yuyue::clock::HOUR;

use crate::support::TestApp;

both! {
    a_service_is_created_reviewed_and_published,
    every_step_of_a_service,
    others_services_are_hidden_until_published,
    an_edit_is_reviewed_anew,
    one_finds_ones_own_services,
    a_creation_sent_twice_is_one,
}

async fn a_service_is_created_reviewed_and_published(app: TestApp) {
    let publisher = app.user(1).await;
    let draft = app.draft().await;
    let picture = draft["cover_image_id"].clone();
    let path = app.texts("SELECT path AS value FROM home_file").await.remove(0);
    let created = publisher.home_post("service", draft).await.made();
    assert_eq!(created, json!({ "service_id": 1 }));
    let whole = json!({
        "id": 1, "type": 1, "designated_place": 1, "title": "节假日宠物寄养",
        "description": "五一劳动节三天假期宠物寄养服务，代溜（一天之少一次），代喂食，狗粮需自备。",
        "price": "300.00", "begin_date": "2021-09-30", "end_date": "2021-10-07", "score": "0", "sales_volume": 0,
        "status": 0, "create_time": "2021-10-01 08:00:00",
        "publisher":
            { "id": 1, "nickname": "慕慕0001", "avatar": "http://yuyue.test/homemaking/avatar.png", "real_name": null, "gender": 0, "tel": null },
        "category": { "id": 5, "name": "宠物" },
        "cover_image": { "id": picture, "path": format!("http://yuyue.test/homemaking/storage/{path}") },
    });
    assert_eq!(publisher.home_get("service/1").await.ok(), whole);
    assert_eq!(app.home_get("service/list?page=1&count=10").await.ok()["total"], 0);

    app.review(1, "approve").await.expect(200);
    assert_eq!(publisher.home_get("service/1").await.ok()["status"], 1);
    assert_eq!(publisher.act_on_service(1, 1).await.ok(), json!({ "result": true }));
    let mut listed = whole;
    for only_ones_own in ["begin_date", "end_date", "status"] {
        listed.as_object_mut().unwrap().remove(only_ones_own);
    }
    assert_eq!(
        app.home_get("service/list?page=1&count=10").await.ok(),
        json!({ "total": 1, "per_page": 10, "current_page": 1, "last_page": 1, "data": [listed] })
    );
}

async fn every_step_of_a_service(app: TestApp) {
    let publisher = app.user(1).await;
    let id = publisher.service(app.draft().await).await;
    let act = |action| publisher.act_on_service(id, action);
    let status = || async { publisher.home_get(&format!("service/{id}")).await.ok()["status"].clone() };
    assert_eq!(act(1).await.failure(), (400, 10009), "not reviewed");
    app.review(id, "refuse").await.expect(200);
    let refused = publisher.home_get(&format!("service/{id}")).await.ok();
    assert_eq!((&refused["status"], &refused["refuse_reason"]), (&json!(5), &json!("照片不清楚")));
    assert_eq!(act(1).await.failure(), (400, 10009), "refused");
    publisher.home_put(&format!("service/{id}"), app.draft().await).await.ok();
    app.review(id, "approve").await.expect(200);
    assert_eq!(act(2).await.failure(), (400, 10009), "not published");
    act(1).await.ok();
    assert_eq!(act(1).await.failure(), (400, 10009), "published already");
    act(2).await.ok();
    assert_eq!(status().await, 1);
    act(1).await.ok();
    act(3).await.ok();
    assert_eq!(status().await, 4);
    for action in 1..=3 {
        assert_eq!(act(action).await.failure(), (400, 10009), "cancelled");
    }
    let edit = publisher.home_put(&format!("service/{id}"), app.draft().await).await;
    assert_eq!(edit.failure(), (400, 10009));
    for action in [json!(0), json!(4), json!("x"), Value::Null] {
        let answer = publisher.home_post(&format!("service/{id}"), json!({ "action": action })).await;
        assert_eq!(answer.failure(), (400, 10000), "{action}");
    }
}

async fn others_services_are_hidden_until_published(app: TestApp) {
    let (publisher, other) = (app.user(1).await, app.user(2).await);
    let id = publisher.service(app.draft().await).await;
    let path = format!("service/{id}");
    assert_eq!(other.home_get(&path).await.failure(), (404, 10008));
    assert_eq!(other.act_on_service(id, 3).await.failure(), (404, 10008));
    assert_eq!(other.home_put(&path, app.draft().await).await.failure(), (404, 10008));
    app.review(id, "approve").await.expect(200);
    publisher.act_on_service(id, 1).await.ok();
    other.home_get(&path).await.ok();
    assert_eq!(other.act_on_service(id, 3).await.failure(), (403, 10010));
    assert_eq!(other.home_put(&path, app.draft().await).await.failure(), (403, 10010));
    app.review(id, "take_down").await.expect(200);
    assert_eq!(other.home_get(&path).await.failure(), (404, 10008));
    let own = publisher.home_get(&path).await.ok();
    assert_eq!((&own["status"], &own["refuse_reason"]), (&json!(3), &json!("照片不清楚")));
    assert_eq!(publisher.home_put(&path, app.draft().await).await.failure(), (400, 10009));
    for nothing in ["service/99", "service/9223372036854775807"] {
        assert_eq!(other.home_get(nothing).await.failure(), (404, 10008), "{nothing}");
        assert_eq!(other.home_post(nothing, json!({ "action": 1 })).await.failure(), (404, 10008));
    }
    assert_eq!(other.home_get("service/abc").await.failure(), (400, 10000));
}

async fn an_edit_is_reviewed_anew(app: TestApp) {
    let publisher = app.user(1).await;
    let id = publisher.published(&json!({})).await;
    assert_eq!(app.home_get("service/list?page=1&count=10&category_id=5").await.ok()["total"], 1);
    let changes = json!({
        "title": "陪笑服务Plus", "type": 2, "category_id": 1, "designated_place": 0, "price": 666,
        "end_date": "2021-12-31",
    });
    let edit = app.draft_with(&changes).await;
    let edited = publisher.home_put(&format!("service/{id}"), edit).await.ok();
    assert_eq!(
        (&edited["status"], &edited["title"], &edited["price"], &edited["category"]["name"]),
        (&json!(0), &json!("陪笑服务Plus"), &json!("666.00"), &json!("保洁"))
    );
    assert_eq!(app.home_get("service/list?page=1&count=10").await.ok()["total"], 0);
    app.review(id, "approve").await.expect(200);
    publisher.act_on_service(id, 1).await.ok();
    for (query, total) in [("", 1), ("&category_id=5", 0), ("&category_id=1&type=2", 1), ("&type=1", 0)] {
        let page = app.home_get(&format!("service/list?page=1&count=10{query}")).await.ok();
        assert_eq!(page["total"], total, "{query}");
    }
}

async fn one_finds_ones_own_services(app: TestApp) {
    let (publisher, other) = (app.user(1).await, app.user(2).await);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(publisher.service(app.draft().await).await);
    }
    let wanted = publisher.service(app.draft_with(&json!({ "type": 2 })).await).await;
    other.service(app.draft().await).await;
    app.review(ids[0], "approve").await.expect(200);
    app.review(ids[1], "take_down").await.expect(200);
    let page = publisher.home_get("service/my?type=1&page=1&count=2").await.ok();
    let found = |page: &Value| {
        page["data"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(found(&page), [ids[2], ids[1]], "newest first");
    assert_eq!((&page["total"], &page["last_page"], &page["per_page"]), (&json!(3), &json!(2), &json!(2)));
    let second = publisher.home_get("service/my?type=1&page=2&count=2").await.ok();
    assert_eq!((found(&second), &second["current_page"]), (vec![ids[0]], &json!(2)));
    assert_eq!(found(&publisher.home_get("service/my?type=2&page=1&count=9").await.ok()), [wanted]);
    let approved = publisher.home_get("service/my?type=1&status=1&page=1&count=9").await.ok();
    assert_eq!((found(&approved), &approved["total"]), (vec![ids[0]], &json!(1)));
    assert_eq!(
        publisher.home_get("service/count?type=1").await.ok(),
        json!({ "pending": 1, "unpublished": 1, "published": 0, "off_shelves": 1 })
    );
    assert_eq!(
        other.home_get("service/count?type=2").await.ok(),
        json!({ "pending": 0, "unpublished": 0, "published": 0, "off_shelves": 0 })
    );
}

async fn a_creation_sent_twice_is_one(app: TestApp) {
    let once = app.user(1).await.with("idempotency-key", "k1");
    let draft = app.draft().await;
    let first = once.home_post("service", draft.clone()).await;
    app.clock.advance(HOUR);
    let again = once.home_post("service", draft).await;
    assert_eq!((first.made(), first.status), (again.made(), again.status));
    assert_eq!(once.home_post("service", app.draft().await).await.failure(), (422, 422));
    assert_eq!(app.number("SELECT count(*) AS value FROM service").await, 1);
}
