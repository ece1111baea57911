use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::home::address;

both! {
    an_order_keeps_the_service_as_it_stood,
    an_address_is_an_object_or_its_text,
    what_cannot_be_ordered,
    publisher_and_consumer_move_an_order,
    the_wrong_party_is_told_before_the_wrong_state,
    one_finds_ones_own_orders,
    an_order_remembers_what_happened,
    an_order_sent_twice_is_one,
}

async fn an_order_keeps_the_service_as_it_stood(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let before = publisher.home_get(&format!("service/{service}")).await.ok();
    let ordered = consumer.order(service).await.made();
    assert_eq!(ordered, json!({ "order_id": 1 }));
    let edit = app.draft_with(&json!({ "title": "另一个", "price": "1.00" })).await;
    publisher.home_put(&format!("service/{service}"), edit).await.ok();
    let person = |id: i64| {
        let nickname = format!("慕慕000{id}");
        json!({ "id": id, "nickname": nickname, "avatar": "http://yuyue.test/homemaking/avatar.png", "real_name": null, "gender": 0, "tel": null })
    };
    let expected = json!({
        "id": 1, "order_no": 2_021_100_100_000_001_i64, "price": "300.00", "service_snap": before,
        "address_snap": address(), "status": 0, "create_time": "2021-10-01 08:00:00", "publisher": person(1),
        "consumer": person(2),
    });
    assert_eq!(consumer.home_get("order/1").await.ok(), expected);
    assert_eq!(publisher.home_get("order/1").await.ok(), expected);
    assert_eq!(app.user(3).await.home_get("order/1").await.failure(), (404, 10008));
    assert_eq!(app.home_get("order/1").await.failure(), (401, 10001));
    let moved = consumer.again(|config| config.server.public_url = "https://home.example".into()).await;
    let picture = moved.home_get("order/1").await.ok()["service_snap"]["cover_image"]["path"].clone();
    assert!(
        picture.as_str().unwrap().starts_with("https://home.example/homemaking/storage/20211001/"),
        "{picture}"
    );
}

async fn an_address_is_an_object_or_its_text(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    for given in [address(), Value::from(address().to_string())] {
        let order = json!({ "service_id": service.to_string(), "address": given });
        let id = consumer.home_post("order", order).await.made()["order_id"].as_i64().unwrap();
        assert_eq!(consumer.home_get(&format!("order/{id}")).await.ok()["address_snap"], address());
    }
    for nothing in [Value::Null, json!(""), json!({}), json!("{}")] {
        let order = json!({ "service_id": service, "address": nothing });
        let refused = consumer.home_post("order", order).await;
        assert_eq!(refused.failure(), (400, 10000), "{nothing}");
        assert!(refused.says().contains("address"), "{refused:?}");
    }
    for wrong in [json!(7), json!([]), json!("新港中路397号"), json!({ "a": { "b": 1 } })] {
        let order = json!({ "service_id": service, "address": wrong });
        assert_eq!(consumer.home_post("order", order).await.failure(), (400, 10000), "{wrong}");
    }
    let online = publisher.published(&json!({ "designated_place": 0 })).await;
    let id = consumer.home_post("order", json!({ "service_id": online })).await.made()["order_id"].clone();
    assert_eq!(consumer.home_get(&format!("order/{id}")).await.ok()["address_snap"], Value::Null);
}

async fn what_cannot_be_ordered(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    assert_eq!(publisher.order(service).await.failure(), (400, 10009), "one's own");
    let wanted = publisher.published(&json!({ "type": 2 })).await;
    assert_eq!(consumer.order(wanted).await.failure(), (400, 10009), "wanted");
    publisher.act_on_service(wanted, 2).await.ok();
    assert_eq!(consumer.order(wanted).await.failure(), (400, 10009), "wanted, whatever its state");
    assert_eq!(consumer.order(99).await.failure(), (404, 10008), "nothing");
    let dates = [("2021-09-01", "2021-09-30"), ("2021-10-02", "2021-10-03")];
    for (begin, end) in dates {
        let id = publisher.published(&json!({ "begin_date": begin, "end_date": end })).await;
        assert_eq!(consumer.order(id).await.failure(), (400, 10011), "{begin} to {end}");
    }
    publisher.act_on_service(service, 2).await.ok();
    assert_eq!(consumer.order(service).await.failure(), (400, 10011), "paused");
    publisher.act_on_service(service, 1).await.ok();
    consumer.ordered(service).await;
    app.review(service, "take_down").await.expect(200);
    assert_eq!(consumer.order(service).await.failure(), (400, 10011), "taken down");
}

async fn publisher_and_consumer_move_an_order(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let order = consumer.ordered(service).await;
    assert_eq!(publisher.act_on_order(order, 1).await.ok(), json!({ "result": true }));
    assert_eq!(app.order_status(order).await, 1);
    assert_eq!(publisher.act_on_order(order, 1).await.failure(), (400, 10017), "twice");
    assert_eq!(publisher.act_on_order(order, 2).await.failure(), (400, 10017), "agreed already");
    consumer.act_on_order(order, 7).await.ok();
    assert_eq!(app.order_status(order).await, 5);
    assert_eq!(consumer.act_on_order(order, 7).await.failure(), (400, 10017));
    assert_eq!(consumer.act_on_order(order, 3).await.failure(), (400, 10017));

    let rejected = consumer.ordered(service).await;
    publisher.act_on_order(rejected, 2).await.ok();
    assert_eq!(app.order_status(rejected).await, 6);

    let order = app.paid(&publisher, &consumer, service).await;
    assert_eq!(consumer.act_on_order(order, 7).await.failure(), (400, 10017), "paid");
    assert_eq!(consumer.act_on_order(order, 5).await.failure(), (400, 10017), "not confirmed");
    consumer.act_on_order(order, 4).await.ok();
    assert_eq!(app.order_status(order).await, 3);
    assert_eq!(publisher.home_get(&format!("service/{service}")).await.ok()["sales_volume"], 1);
    let rate = consumer.act_on_order(order, 5).await;
    assert_eq!((rate.failure(), app.order_status(order).await), ((400, 10022), 3));
    assert!(rate.says().contains("v1/rating"));
    let refund = consumer.act_on_order(order, 6).await;
    assert_eq!(refund.failure(), (400, 10000));
    assert!(refund.says().contains("v1/refund"));
    for action in [json!(0), json!(8), json!("x"), Value::Null] {
        let answer = consumer.home_post(&format!("order/{order}"), json!({ "action": action })).await;
        assert_eq!(answer.failure(), (400, 10000), "{action}");
    }
    assert_eq!(consumer.act_on_order(99, 1).await.failure(), (404, 10008));
}

async fn the_wrong_party_is_told_before_the_wrong_state(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let stranger = app.user(3).await;
    let order = consumer.ordered(publisher.published(&json!({})).await).await;
    for action in [1, 2] {
        assert_eq!(consumer.act_on_order(order, action).await.failure(), (403, 10012), "{action}");
    }
    for action in [3, 4, 5, 6, 7] {
        assert_eq!(publisher.act_on_order(order, action).await.failure(), (403, 10012), "{action}");
    }
    for action in 1..=7 {
        assert_eq!(stranger.act_on_order(order, action).await.failure(), (403, 10012), "{action}");
    }
    assert_eq!(app.order_status(order).await, 0);
}

async fn one_finds_ones_own_orders(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(consumer.ordered(service).await);
    }
    publisher.act_on_order(ids[1], 1).await.ok();
    let found = |page: &Value| {
        page["data"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let page = consumer.home_get("order/my?role=2&page=1&count=2").await.ok();
    assert_eq!(
        (found(&page), &page["total"], &page["last_page"]),
        (vec![ids[2], ids[1]], &json!(3), &json!(2))
    );
    assert_eq!(found(&publisher.home_get("order/my?role=1&page=1&count=9").await.ok()).len(), 3);
    assert_eq!(found(&publisher.home_get("order/my?role=2&page=1&count=9").await.ok()), [0; 0]);
    let unpaid = publisher.home_get("order/my?role=1&status=1&page=1&count=9").await.ok();
    assert_eq!((found(&unpaid), &unpaid["total"]), (vec![ids[1]], &json!(1)));
    let counts = json!({ "unapproved": 2, "unpaid": 1, "unconfirmed": 0, "unrated": 0 });
    assert_eq!(publisher.home_get("order/count?role=1").await.ok(), counts);
    assert_eq!(consumer.home_get("order/count?role=2").await.ok(), counts);
    for wrong in [
        "order/my?page=1&count=1",
        "order/my?role=3&page=1&count=1",
        "order/my?role=1&status=7&page=1&count=1",
    ] {
        assert_eq!(consumer.home_get(wrong).await.failure(), (400, 10000), "{wrong}");
    }
    assert_eq!(consumer.home_get("order/count").await.failure(), (400, 10000));
}

async fn an_order_remembers_what_happened(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let order = consumer.ordered(publisher.published(&json!({})).await).await;
    app.clock.advance(60_000);
    publisher.act_on_order(order, 1).await.ok();
    consumer.act_on_order(order, 7).await.ok();
    let path = format!("order/{order}/events");
    let event = |id: i64, action: &str, by: &str, from: Value, to: i64, at: &str| {
        json!({ "id": id, "action": action, "by": by, "refund_id": null, "from_status": from, "to_status": to,
                "create_time": at })
    };
    let expected = json!([
        event(1, "order", "consumer", Value::Null, 0, "2021-10-01 08:00:00"),
        event(2, "agree", "publisher", json!(0), 1, "2021-10-01 08:01:00"),
        event(3, "cancel", "consumer", json!(1), 5, "2021-10-01 08:01:00"),
    ]);
    assert_eq!(consumer.home_get(&path).await.ok(), expected);
    assert_eq!(publisher.home_get(&path).await.ok(), expected);
    assert_eq!(app.user(3).await.home_get(&path).await.failure(), (404, 10008));
    app.drain_outbox().await;
}

async fn an_order_sent_twice_is_one(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let once = consumer.with("idempotency-key", "o1");
    let (first, again) = (once.order(service).await, once.order(service).await);
    assert_eq!(first.made(), again.made());
    assert_eq!(app.number("SELECT count(*) AS value FROM service_order").await, 1);
}
