//! Ratings: what they do to orders and services, who may give and see them, and what staff decide.

use serde_json::{Value, json};
use yuyue::clock::HOUR;
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::home::Deal;

both! {
    a_rating_completes_the_order_and_makes_the_score,
    everybody_else_is_told_why_not,
    what_is_wrong_is_named_and_changes_nothing,
    reviewed_ratings_wait_for_staff,
    a_hidden_rating_counts_no_more,
    the_publisher_answers_once,
    ratings_come_in_pages,
    a_score_is_rounded_half_up,
    a_repeat_with_a_key_is_one_rating,
    only_administrators_review,
}

impl TestApp {
    /// A paid order more that is confirmed.
    async fn confirmed(&self, deal: &Deal) -> i64 {
        let order = self.bought(&deal.publisher, &deal.consumer, deal.service).await;
        deal.consumer.act_on_order(order, 4).await.ok();
        order
    }

    /// The score of a service, on its page and on the public list.
    async fn score(&self, deal: &Deal) -> String {
        let shown = deal.publisher.home_get(&format!("service/{}", deal.service)).await.ok();
        let list = self.home_get("service/list?page=1&count=10").await.ok();
        assert_eq!(list["data"][0]["score"], shown["score"]);
        shown["score"].as_str().unwrap().to_owned()
    }
}

/// A deal whose order is confirmed.
async fn done(app: &TestApp) -> Deal {
    let deal = app.deal().await;
    deal.consumer.act_on_order(deal.order, 4).await.ok();
    deal
}

async fn a_rating_completes_the_order_and_makes_the_score(app: TestApp) {
    let deal = done(&app).await;
    let Deal { publisher, consumer, stranger, service, order } = &deal;
    assert_eq!(app.score(&deal).await, "0");
    assert_eq!(consumer.home_get(&format!("rating/order?order_id={order}")).await.failure(), (404, 10008));
    let pictures = json!(["https://img.example.com/dog.png"]);
    let rating = json!({ "order_id": order, "score": "4", "content": " 非常好 ", "illustration": pictures });
    let made = consumer.home_post("rating", rating).await.made();
    let id = made["id"].as_i64().unwrap();
    let time = "2021-10-01 08:00:00";
    let expected =
        json!({ "id": id, "score": "4", "content": "非常好", "illustration": pictures, "create_time": time });
    assert_eq!(made, expected);
    assert_eq!((app.order_status(*order).await, app.score(&deal).await), (4, "4".into()));
    let author = consumer.home_get("user").await.ok();
    let shown = json!({
        "id": id, "score": "4", "content": "非常好", "illustration": pictures, "status": 2, "create_time": time,
        "author": author, "reply": null,
    });
    for user in [consumer, publisher, stranger] {
        assert_eq!(user.home_get(&format!("rating/order?order_id={order}")).await.ok(), shown);
        let list = user.home_get(&format!("rating/service?service_id={service}&page=1&count=10")).await.ok();
        let page = json!({ "total": 1, "per_page": 10, "current_page": 1, "last_page": 1, "data": [shown] });
        assert_eq!(list, page);
    }
    let events = consumer.home_get(&format!("order/{order}/events")).await.ok();
    assert_eq!(events.as_array().unwrap().last().unwrap()["action"], "rate");
}

async fn everybody_else_is_told_why_not(app: TestApp) {
    let deal = app.deal().await;
    let Deal { publisher, consumer, stranger, order, service } = &deal;
    assert_eq!(consumer.rate(*order, 5).await.failure(), (400, 10022), "it is not confirmed");
    consumer.act_on_order(*order, 4).await.ok();
    assert_eq!(publisher.rate(*order, 5).await.failure(), (400, 10018));
    assert_eq!(stranger.rate(*order, 5).await.failure(), (400, 10019));
    assert_eq!(consumer.rate(999, 5).await.failure(), (404, 10008));
    let of_service =
        |service: i64| json!({ "order_id": order, "service_id": service, "score": 5, "content": "好" });
    assert_eq!(consumer.home_post("rating", of_service(service + 1)).await.failure(), (400, 10020));
    assert_eq!(app.home_post("rating", of_service(*service)).await.failure(), (401, 10001));
    consumer.home_post("rating", of_service(*service)).await.made();
    assert_eq!(consumer.rate(*order, 1).await.failure(), (400, 10021));
    assert_eq!(consumer.act_on_order(*order, 5).await.failure().0, 400);
    assert_eq!(app.score(&deal).await, "5");
    assert_eq!(
        consumer.home_get("rating/service?service_id=999&page=1&count=1").await.failure(),
        (404, 10008)
    );
    publisher.act_on_service(*service, 2).await.ok();
    let path = format!("rating/service?service_id={service}&page=1&count=1");
    assert_eq!(consumer.home_get(&path).await.failure(), (404, 10008), "it is hidden");
    assert_eq!(publisher.home_get(&path).await.ok()["total"], 1);
}

async fn what_is_wrong_is_named_and_changes_nothing(app: TestApp) {
    let deal = done(&app).await;
    let good = json!({ "order_id": deal.order, "score": 5, "content": "好" });
    let changed = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        (body, field.to_owned())
    };
    let mut cases = vec![
        changed("illustration", json!("x")),
        changed("illustration", json!(vec!["https://x.example/1.png"; 6])),
    ];
    for value in [Value::Null, json!(""), json!(0), json!(6), json!(4.5), json!("五"), json!([])] {
        cases.push(changed("score", value));
    }
    for value in [Value::Null, json!("  "), json!(5), json!("长".repeat(2001)), json!("a\u{7}")] {
        cases.push(changed("content", value));
    }
    for value in [Value::Null, json!("x"), json!(0), json!({})] {
        cases.push(changed("order_id", value));
    }
    cases.push(changed("service_id", json!("x")));
    let mut with_ftp = good.clone();
    with_ftp["illustration"] = json!(["ftp://x.example/1.png"]);
    cases.push((with_ftp, "illustration[0]".into()));
    for (body, field) in cases {
        let before = app.checksums().await;
        let answer = deal.consumer.home_post("rating", body.clone()).await;
        assert_eq!(answer.failure(), (400, 10000), "{body}");
        assert!(answer.says().contains(&format!("{field}: ")), "{body}: {answer:?}");
        assert_eq!(app.checksums().await, before, "{body}");
    }
    for path in [
        "rating/order",
        "rating/order?order_id=x",
        "rating/service?page=1&count=1",
        "rating/service?service_id=1",
        "rating/service?service_id=1&page=1&count=0",
    ] {
        assert_eq!(deal.consumer.home_get(path).await.failure(), (400, 10000), "{path}");
    }
}

async fn reviewed_ratings_wait_for_staff(app: TestApp) {
    let app = app.again(|config| config.homemaking.review_ratings = true).await;
    let deal = done(&app).await;
    let Deal { publisher, consumer, stranger, service, order } = &deal;
    let id = consumer.rate(*order, 3).await.made()["id"].as_i64().unwrap();
    assert_eq!((app.order_status(*order).await, app.score(&deal).await), (4, "0".into()));
    let of_order = format!("rating/order?order_id={order}");
    assert_eq!(stranger.home_get(&of_order).await.failure(), (404, 10008));
    for user in [consumer, publisher] {
        assert_eq!(user.home_get(&of_order).await.ok()["status"], 1);
    }
    let list = format!("rating/service?service_id={service}&page=1&count=10");
    assert_eq!(stranger.home_get(&list).await.ok()["total"], 0);
    let waiting = app.staff(Role::Auditor).await.get("/admin/v1/ratings?status=1").await.expect(200).json();
    assert_eq!((&waiting["total"], &waiting["items"][0]["id"]), (&json!(1), &json!(id)));
    assert_eq!(waiting["items"][0]["order_id"], *order);
    assert_eq!(waiting["items"][0]["service_id"], *service);
    assert_eq!(app.review_rating(id, "show").await.expect(200).json()["status"], 2);
    assert_eq!(app.score(&deal).await, "3");
    assert_eq!(stranger.home_get(&list).await.ok()["total"], 1);
    assert_eq!(stranger.home_get(&of_order).await.ok()["status"], 2);
    let audit = app.staff(Role::Auditor).await.get(&format!("/admin/v1/audit?target=rating%20{id}")).await;
    let entry = audit.expect(200).json()["items"][0].take();
    assert_eq!((&entry["action"], &entry["before"]), (&json!("rating.show"), &json!({ "status": 1 })));
    assert_eq!(entry["after"], json!({ "status": 2, "reason": "广告" }));
}

async fn a_hidden_rating_counts_no_more(app: TestApp) {
    let deal = done(&app).await;
    let bad = deal.consumer.rate(deal.order, 1).await.made()["id"].as_i64().unwrap();
    let order = app.confirmed(&deal).await;
    deal.consumer.rate(order, 4).await.made();
    assert_eq!(app.score(&deal).await, "2.5");
    app.review_rating(bad, "hide").await.expect(200);
    assert_eq!(app.score(&deal).await, "4");
    assert_eq!(app.review_rating(bad, "hide").await.status, 409);
    let list = format!("rating/service?service_id={}&page=1&count=10", deal.service);
    assert_eq!(deal.stranger.home_get(&list).await.ok()["total"], 1);
    assert_eq!(deal.consumer.rate(deal.order, 5).await.failure(), (400, 10021), "hidden is still rated");
    app.review_rating(bad, "show").await.expect(200);
    assert_eq!(app.score(&deal).await, "2.5");
    assert_eq!(app.review_rating(999, "hide").await.status, 404);
}

async fn the_publisher_answers_once(app: TestApp) {
    let deal = done(&app).await;
    let id = deal.consumer.rate(deal.order, 2).await.made()["id"].as_i64().unwrap();
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    let path = format!("rating/{id}/reply");
    let body = json!({ "content": "下次一定更好" });
    for other in [&deal.consumer, &deal.stranger] {
        assert_eq!(other.home_post(&path, body.clone()).await.failure(), (403, 10010));
    }
    assert_eq!(deal.publisher.home_post("rating/999/reply", body.clone()).await.failure(), (404, 10008));
    assert_eq!(deal.publisher.home_post(&path, json!({})).await.failure(), (400, 10000));
    let answered = deal.publisher.home_post(&path, body.clone()).await.ok();
    let reply = json!({ "content": "下次一定更好", "create_time": "2021-10-01 09:00:00" });
    assert_eq!((&answered["id"], &answered["reply"]), (&json!(id), &reply));
    assert_eq!(deal.publisher.home_post(&path, body).await.failure(), (400, 10009));
    let shown = deal.stranger.home_get(&format!("rating/order?order_id={}", deal.order)).await.ok();
    assert_eq!(shown["reply"], reply);
}

async fn ratings_come_in_pages(app: TestApp) {
    let deal = done(&app).await;
    let mut ids = vec![deal.consumer.rate(deal.order, 5).await.made()["id"].as_i64().unwrap()];
    for _ in 0..2 {
        let order = app.confirmed(&deal).await;
        ids.insert(0, deal.consumer.rate(order, 5).await.made()["id"].as_i64().unwrap());
    }
    let list = async |page: i64, count: i64| {
        let path = format!("rating/service?service_id={}&page={page}&count={count}", deal.service);
        let list = deal.stranger.home_get(&path).await.ok();
        let shown = list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_i64().unwrap())
            .collect::<Vec<_>>();
        (shown, list["per_page"].as_i64().unwrap(), list["last_page"].as_i64().unwrap())
    };
    assert_eq!(list(1, 2).await, (ids[..2].to_vec(), 2, 2));
    assert_eq!(list(2, 2).await, (ids[2..].to_vec(), 2, 2));
    assert_eq!(list(3, 2).await, (vec![], 2, 2));
    assert_eq!(list(1, 1_000).await, (ids, 100, 1));
}

async fn a_score_is_rounded_half_up(app: TestApp) {
    let deal = done(&app).await;
    let mut order = deal.order;
    for (score, mean) in [(5, "5"), (4, "4.5"), (4, "4.3"), (4, "4.3"), (1, "3.6")] {
        deal.consumer.rate(order, score).await.made();
        assert_eq!(app.score(&deal).await, mean);
        order = app.confirmed(&deal).await;
    }
}

async fn a_repeat_with_a_key_is_one_rating(app: TestApp) {
    let deal = done(&app).await;
    let once = deal.consumer.with("idempotency-key", "k-1");
    let first = once.rate(deal.order, 5).await.made();
    assert_eq!(once.rate(deal.order, 5).await.made(), first);
    assert_eq!(once.rate(deal.order, 4).await.failure().0, 422);
    assert_eq!(app.number("SELECT count(*) AS value FROM rating").await, 1);
}

async fn only_administrators_review(app: TestApp) {
    let deal = done(&app).await;
    let id = deal.consumer.rate(deal.order, 5).await.made()["id"].as_i64().unwrap();
    let path = format!("/admin/v1/ratings/{id}/review");
    for role in [Role::Auditor, Role::Reception] {
        app.staff(role).await.post(&path, json!({ "decision": "hide" })).await.expect(403);
    }
    deal.consumer.post(&path, json!({ "decision": "hide" })).await.expect(401);
    let staff = app.staff(Role::Admin).await;
    assert_eq!(
        staff.post(&path, json!({ "decision": "burn" })).await.expect(400).json()["field"],
        "decision"
    );
    staff.post(&path, json!({ "decision": "hide" })).await.expect(200);
    staff.get("/admin/v1/ratings?status=3").await.expect(400);
}
