//! Many callers at once. Each of these fails when the guard it is about is taken out.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    an_order_is_agreed_to_or_rejected,
    an_order_is_cancelled_or_agreed_to,
    an_order_is_confirmed_once,
    an_order_times_out_or_is_agreed_to,
    an_order_placed_while_a_service_is_taken_down,
    a_snapshot_is_of_one_version,
    an_order_is_of_the_version_that_was_looked_at,
    one_key_is_one_order,
    the_list_counts_right_while_many_publish,
    sales_are_counted_while_the_list_is_laid,
}

/// Which of two answers succeeded; exactly one has, and the other failed with `code`.
#[track_caller]
fn winner(one: &Answer, other: &Answer, code: i64) -> bool {
    let is_first = one.status.is_success();
    let loser = if is_first { other } else { one };
    assert!(is_first || other.status.is_success(), "{one:?} {other:?}");
    assert_eq!(loser.failure().1, code, "{one:?} {other:?}");
    is_first
}

/// Two users, and a published service of the first.
async fn market(app: &TestApp) -> (TestApp, TestApp, i64) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    (publisher, consumer, service)
}

async fn steps(app: &TestApp, order: i64) -> i64 {
    app.number(&format!("SELECT count(*) AS value FROM order_event WHERE order_id = {order}")).await
}

async fn an_order_is_agreed_to_or_rejected(app: TestApp) {
    let (publisher, consumer, service) = market(&app).await;
    for _ in 0..20 {
        let order = consumer.ordered(service).await;
        let (agreed, rejected) =
            join(publisher.act_on_order(order, 1), publisher.act_on_order(order, 2)).await;
        let status = if winner(&agreed, &rejected, 10017) { 1 } else { 6 };
        assert_eq!((app.order_status(order).await, steps(&app, order).await), (status, 2));
    }
}

async fn an_order_is_cancelled_or_agreed_to(app: TestApp) {
    let (publisher, consumer, service) = market(&app).await;
    for _ in 0..20 {
        let order = consumer.ordered(service).await;
        let (cancelled, agreed) =
            join(consumer.act_on_order(order, 7), publisher.act_on_order(order, 1)).await;
        // Agreed first, it may still be cancelled.
        cancelled.ok();
        assert_eq!(app.order_status(order).await, 5);
        let expected = if agreed.status.is_success() { 3 } else { 2 };
        assert_eq!(steps(&app, order).await, expected, "{agreed:?}");
    }
}

async fn an_order_is_confirmed_once(app: TestApp) {
    let (publisher, consumer, service) = market(&app).await;
    for sold in 1..=10 {
        let order = app.paid(&publisher, &consumer, service).await;
        let all = join_all((0..4).map(|_| consumer.act_on_order(order, 4))).await;
        assert_eq!(all.iter().filter(|answer| answer.status.is_success()).count(), 1, "{all:?}");
        assert_eq!(app.number("SELECT sales_volume AS value FROM service").await, sold);
    }
}

async fn an_order_times_out_or_is_agreed_to(app: TestApp) {
    let (publisher, consumer, service) = market(&app).await;
    for _ in 0..10 {
        let order = consumer.ordered(service).await;
        app.clock.advance(yuyue::clock::DAY);
        let (_, agreed) = join(app.drain_outbox(), publisher.act_on_order(order, 1)).await;
        let status = if agreed.status.is_success() { 1 } else { 5 };
        assert_eq!((app.order_status(order).await, steps(&app, order).await), (status, 2), "{agreed:?}");
        app.drain_outbox().await;
        // The token of a week ago would end with the tenth day.
        app.clock.advance(-yuyue::clock::DAY);
    }
}

async fn an_order_placed_while_a_service_is_taken_down(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    for _ in 0..10 {
        let service = publisher.published(&json!({})).await;
        let (down, orders) =
            join(app.review(service, "take_down"), join_all((0..4).map(|_| consumer.order(service)))).await;
        down.expect(200);
        for order in orders {
            match order.status.as_u16() {
                201 => {
                    let id = order.made()["order_id"].clone();
                    let snap = consumer.home_get(&format!("order/{id}")).await.ok()["service_snap"].clone();
                    assert_eq!(snap["status"], 2, "ordered while it was published");
                }
                _ => assert_eq!(order.failure(), (400, 10011)),
            }
        }
        assert_eq!(consumer.order(service).await.failure(), (400, 10011));
    }
}

async fn a_snapshot_is_of_one_version(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let versions = [("甲", "1.00", "一"), ("乙", "2.00", "二")];
    let fields = |version: usize| {
        let (title, price, description) = versions[version];
        json!({ "title": title, "price": price, "description": description, "type": 1 })
    };
    let service = publisher.published(&fields(0)).await;
    let drafts = [app.draft_with(&fields(0)).await, app.draft_with(&fields(1)).await];
    let mut ordered = 0;
    for round in 1..=20 {
        // The last step of a change, and orders, at once.
        let draft = drafts[round % 2].clone();
        let change = async {
            publisher.home_put(&format!("service/{service}"), draft).await.ok();
            app.review(service, "approve").await.expect(200);
            publisher.act_on_service(service, 1).await.ok();
        };
        let (orders, ()) = join(join_all((0..6).map(|_| consumer.order(service))), change).await;
        for order in orders.iter().filter(|order| order.status.is_success()) {
            ordered += 1;
            let id = order.made()["order_id"].clone();
            let order = consumer.home_get(&format!("order/{id}")).await.ok();
            let snap = &order["service_snap"];
            let seen = (snap["title"].clone(), snap["price"].clone(), snap["description"].clone());
            assert_eq!(order["price"], snap["price"]);
            let is_one = versions.iter().any(|(title, price, description)| {
                seen == (Value::from(*title), Value::from(*price), Value::from(*description))
            });
            assert!(is_one, "{order}");
        }
    }
    assert!(ordered > 0, "no order met the service published");
}

/// Between looking at a service and ordering it, it may change: then nothing is ordered.
async fn an_order_is_of_the_version_that_was_looked_at(app: TestApp) {
    use yuyue::homemaking::Fen;
    use yuyue::homemaking::store::orders::{NewOrder, insert};
    let (publisher, _, service) = market(&app).await;
    let looked_at = app.number("SELECT version AS value FROM service").await;
    publisher.act_on_service(service, 2).await.ok();
    publisher.act_on_service(service, 1).await.ok();
    for (service_version, expected) in [(looked_at, None), (looked_at + 2, Some(1))] {
        let new = NewOrder {
            service_id: service,
            service_version,
            publisher_id: 1,
            consumer_id: 2,
            price: Fen(100),
            service_snap: "{}".into(),
            address_snap: None,
            service_ends_at: 0,
            due_at: None,
        };
        let made = app.db.write("test", move |tx| insert(tx, &new, 0)).await.unwrap();
        assert_eq!(made.is_some(), expected.is_some(), "{service_version}");
    }
}

async fn one_key_is_one_order(app: TestApp) {
    let (_, consumer, service) = market(&app).await;
    for n in 1..=5 {
        let once = consumer.with("idempotency-key", &format!("key-{n}"));
        let all = join_all((0..6).map(|_| once.order(service))).await;
        let first = all[0].made();
        assert!(all.iter().all(|answer| answer.made() == first), "{all:?}");
        assert_eq!(app.number("SELECT count(*) AS value FROM service_order").await, n);
    }
}

async fn the_list_counts_right_while_many_publish(app: TestApp) {
    let publisher = app.user(1).await;
    let mut ids = Vec::new();
    for _ in 0..12 {
        ids.push(publisher.published(&json!({})).await);
    }
    let list = || async {
        let page = app.home_get("service/list?page=1&count=100").await.ok();
        assert_eq!(page["total"], page["data"].as_array().unwrap().len());
        let found = app.home_get("service/list?page=1&count=100&keyword=%E5%AE%A0").await.ok();
        assert_eq!(found["total"], found["data"].as_array().unwrap().len());
    };
    for round in 0..4 {
        let action = if round % 2 == 0 { 2 } else { 1 };
        let acts = join_all(ids.iter().map(|id| publisher.act_on_service(*id, action)));
        join(acts, join_all((0..6).map(|_| list()))).await;
    }
    assert_eq!(app.home_get("service/list?page=1&count=1").await.ok()["total"], 12);
    let totals = app.texts("SELECT CAST(total AS TEXT) AS value FROM service_listing_total").await;
    assert_eq!(totals, ["12"; 4]);
}

async fn sales_are_counted_while_the_list_is_laid(app: TestApp) {
    let (publisher, consumer, service) = market(&app).await;
    for _ in 0..8 {
        let order = app.paid(&publisher, &consumer, service).await;
        publisher.act_on_service(service, 2).await.ok();
        publisher.act_on_service(service, 1).await.ok();
        join(consumer.act_on_order(order, 4), app.home_get("service/list?page=1&count=1")).await.0.ok();
    }
    app.home_get("service/list?page=1&count=1").await.ok();
    let listed = app.texts("SELECT CAST(sales_volume AS TEXT) AS value FROM service_listing").await;
    assert_eq!(listed, ["8"; 4]);
}
