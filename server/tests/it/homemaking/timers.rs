//! What happens when nobody does anything.

use serde_json::json;
use yuyue::clock::{DAY, HOUR, SECOND};

use crate::support::TestApp;

both! {
    an_order_nobody_answers_cancels_itself,
    an_order_nobody_pays_cancels_itself,
    an_order_nobody_confirms_confirms_itself,
    an_open_refund_holds_the_confirmation_up,
    the_limits_are_settings,
}

async fn an_order_nobody_answers_cancels_itself(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let order = consumer.ordered(service).await;
    app.clock.advance(DAY - SECOND);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 0);
    app.clock.advance(SECOND);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 5);
    assert_eq!(publisher.act_on_order(order, 1).await.failure(), (400, 10017));
    let events = consumer.home_get(&format!("order/{order}/events")).await.ok();
    assert_eq!((&events[1]["action"], &events[1]["by"]), (&json!("time_out"), &json!("system")));
}

async fn an_order_nobody_pays_cancels_itself(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let order = consumer.ordered(publisher.published(&json!({})).await).await;
    app.clock.advance(20 * HOUR);
    publisher.act_on_order(order, 1).await.ok();
    app.clock.advance(20 * HOUR);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 1, "there is a day to pay, too");
    app.clock.advance(4 * HOUR);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 5);
}

async fn an_order_nobody_confirms_confirms_itself(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({ "end_date": "2021-10-03" })).await;
    let order = app.paid(&publisher, &consumer, service).await;
    app.at(jiff::civil::date(2021, 10, 10).at(23, 59, 59, 0));
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 2);
    app.clock.advance(SECOND);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 3);
    assert_eq!(app.number("SELECT sales_volume AS value FROM service").await, 1);
}

async fn an_open_refund_holds_the_confirmation_up(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({ "end_date": "2021-10-03" })).await;
    let order = app.paid(&publisher, &consumer, service).await;
    let at = app.clock.now().at;
    app.execute(&format!(
        "INSERT INTO refund (order_id, publisher_id, consumer_id, amount_fen, reason, illustration, status, version,
                             created_at)
         VALUES ({order}, 1, 2, 30000, '不满意', '[]', 0, 0, {at})"
    ))
    .await;
    assert_eq!(consumer.act_on_order(order, 4).await.failure(), (400, 10017));
    app.clock.advance(10 * DAY);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 2);
    app.execute("UPDATE refund SET status = 4").await;
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 3);
}

async fn the_limits_are_settings(app: TestApp) {
    let app = app.again(|config| config.homemaking.order_timeout = 2 * SECOND).await;
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let order = consumer.ordered(publisher.published(&json!({})).await).await;
    app.clock.advance(2 * SECOND);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 5);
}
