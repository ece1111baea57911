//! What the demo starts with.

use serde_json::{Value, json};
use yuyue::adapters::payment_simulator::Fault;

use crate::support::TestApp;

both! {
    the_demo_has_services_and_orders_to_look_at,
    a_start_that_was_interrupted_is_completed_by_the_next,
}

async fn the_demo_has_services_and_orders_to_look_at(app: TestApp) {
    app.leaves_messages();
    yuyue::demo::seed(app.app()).await.unwrap();
    let before = app.checksums().await;
    yuyue::demo::seed(app.app()).await.unwrap();
    assert_eq!(app.checksums().await, before, "a second start writes nothing");

    let list = app.home_get("service/list?page=1&count=10").await.ok();
    assert_eq!(list["total"], 7);
    let cover = list["data"][0]["cover_image"]["path"].as_str().unwrap().to_owned();
    let picture = app.get(cover.strip_prefix("http://yuyue.test").unwrap()).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/jpeg");

    let pair = |n: i64| json!({ "i_code": format!("demo-{n}"), "order_no": 1000 + n });
    let mut users = Vec::new();
    for n in 1..=5 {
        let token = app.home_post("token", pair(n)).await.ok()["token"].clone();
        users.push(app.with("token", token.as_str().unwrap()));
    }
    assert_eq!(
        users[0].home_get("order/count?role=1").await.ok(),
        json!({ "unapproved": 1, "unpaid": 1, "unconfirmed": 0, "unrated": 1 })
    );
    let own = |user: usize| {
        let user = users[user].clone();
        async move {
            let page = user.home_get("order/my?role=2&page=1&count=10").await.ok();
            page["data"]
                .as_array()
                .unwrap()
                .iter()
                .map(|order| order["status"].clone())
                .collect::<Vec<Value>>()
        }
    };
    assert_eq!(own(0).await, [json!(2), json!(2)]);
    assert_eq!(own(1).await, [json!(6), json!(0)]);
    assert_eq!(own(4).await, [json!(4)]);
    let rated = users[4].home_get("service/1").await.ok();
    assert_eq!((&rated["score"], &rated["sales_volume"]), (&json!("5"), &json!(1)));
    let report = yuyue::homemaking::ledger::check::verify(&app.db, app.clock.now().at).await.unwrap();
    assert_eq!(report.differences, [""; 0]);
}

async fn a_start_that_was_interrupted_is_completed_by_the_next(app: TestApp) {
    app.leaves_messages();
    // In the midst of paying.
    app.world().payment.set_fault(Fault::Down);
    yuyue::demo::seed(app.app()).await.unwrap_err();
    let statuses = "SELECT CAST(status AS TEXT) AS value FROM service_order ORDER BY id";
    assert_eq!(app.texts(statuses).await, ["0", "1", "1", "1", "1", "6", "1"]);
    app.world().payment.set_fault(Fault::Ok);
    yuyue::demo::seed(app.app()).await.unwrap();
    assert_eq!(app.texts(statuses).await, ["0", "1", "2", "3", "4", "6", "2"]);
    let finished = app.checksums().await;
    yuyue::demo::seed(app.app()).await.unwrap();
    assert_eq!(app.checksums().await, finished);
    // What people do to the samples stays.
    let consumer = app.user(1).await;
    let refund = app.number("SELECT id AS value FROM refund").await;
    consumer.act_on_refund(refund, 3).await.ok();
    yuyue::demo::seed(app.app()).await.unwrap();
    assert_eq!(app.refund_status(refund).await, 5);
    assert_eq!(app.number("SELECT count(*) AS value FROM refund").await, 1);
}
