//! Nobody keeps money by saying nothing: refunds that are not answered, appeals that are not decided,
//! orders that nobody confirms or that outlast their service.

use futures_util::future::join;
use jiff::civil::date;
use serde_json::{Value, json};
use yuyue::clock::{DAY, HOUR, SECOND};
use yuyue::staff::Role;

use crate::support::TestApp;

both! {
    a_refund_nobody_answers_is_agreed_to,
    an_answer_in_time_is_the_answer,
    a_refund_that_is_over_is_left_alone,
    the_limit_is_a_setting,
    an_answer_races_the_limit,
    an_appeal_is_counted_and_told,
    a_long_service_is_paid_out_a_month_after_the_payment,
    an_order_is_agreed_to_and_paid_while_its_service_lasts,
    a_restart_keeps_the_limits,
    what_waited_before_there_were_limits_gets_them,
}

async fn events(app: &TestApp, order: i64) -> Vec<(String, String, i64)> {
    let data = app.home_get(&format!("order/{order}/events")).await.ok();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let event =
        |event: &Value| (text(&event["action"]), text(&event["by"]), event["to_status"].as_i64().unwrap());
    data.as_array().unwrap().iter().map(event).collect()
}

fn event(action: &str, by: &str, to: i64) -> (String, String, i64) {
    (action.to_owned(), by.to_owned(), to)
}

async fn a_refund_nobody_answers_is_agreed_to(app: TestApp) {
    let deal = app.deal().await;
    let refund = deal.consumer.asked(deal.order).await;
    app.clock.advance(3 * DAY - SECOND);
    app.drain_outbox().await;
    assert_eq!(app.refund_status(refund).await, 0);
    app.clock.advance(SECOND);
    app.drain_outbox().await;
    assert_eq!((app.refund_status(refund).await, app.order_status(deal.order).await), (2, 5), "paid back");
    let told = events(&deal.publisher, deal.order).await;
    let agreed = told.iter().position(|told| *told == event("agree", "system", 1));
    assert!(agreed.is_some_and(|at| told[at + 1] == event("pay_back", "system", 2)), "{told:?}");
    assert_eq!(deal.publisher.act_on_refund(refund, 2).await.failure(), (400, 10016));
    deal.consumer.act_on_refund(refund, 4).await.ok();
}

async fn an_answer_in_time_is_the_answer(app: TestApp) {
    let deal = app.deal().await;
    let refund = deal.consumer.asked(deal.order).await;
    app.clock.advance(3 * DAY - SECOND);
    deal.publisher.act_on_refund(refund, 2).await.ok();
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!((app.refund_status(refund).await, app.order_status(deal.order).await), (4, 2));
    // An appeal is staff's to decide, and the time they take agrees to nothing.
    deal.consumer.appeal(refund).await.ok();
    app.clock.advance(4 * DAY);
    app.drain_outbox().await;
    assert_eq!((app.refund_status(refund).await, app.order_status(deal.order).await), (4, 2));
    // The next refund has its own three days.
    app.decide(refund, "reject").await.expect(200);
    let second = app.user(2).await.asked(deal.order).await;
    app.clock.advance(2 * DAY);
    app.drain_outbox().await;
    assert_eq!(app.refund_status(second).await, 0);
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!((app.refund_status(second).await, app.order_status(deal.order).await), (2, 5));
}

async fn a_refund_that_is_over_is_left_alone(app: TestApp) {
    let deal = app.deal().await;
    let cancelled = deal.consumer.asked(deal.order).await;
    deal.consumer.act_on_refund(cancelled, 3).await.ok();
    app.clock.advance(4 * DAY);
    app.drain_outbox().await;
    assert_eq!((app.refund_status(cancelled).await, app.order_status(deal.order).await), (5, 2));
    assert!(events(&deal.consumer, deal.order).await.iter().all(|(_, by, _)| by != "system"));
}

async fn the_limit_is_a_setting(app: TestApp) {
    let app = app.again(|config| config.homemaking.refund_timeout = 2 * SECOND).await;
    let deal = app.deal().await;
    let refund = deal.consumer.asked(deal.order).await;
    app.clock.advance(2 * SECOND);
    app.drain_outbox().await;
    assert_eq!(app.refund_status(refund).await, 2);
}

/// The publisher refuses or the system agrees, never both.
async fn an_answer_races_the_limit(app: TestApp) {
    let deal = app.deal().await;
    for round in 0..6 {
        let order = app.bought(&deal.publisher, &deal.consumer, deal.service).await;
        let refund = deal.consumer.asked(order).await;
        app.execute(&format!(
            "UPDATE outbox SET due_at = 0 WHERE kind = 'homemaking.refund_due' AND state = 'waiting' AND payload LIKE '%:{refund}}}'"
        ))
        .await;
        let refuse = deal.publisher.act_on_refund(refund, 2);
        let refused = match round % 2 {
            0 => join(refuse, app.drain_outbox()).await.0,
            _ => join(app.drain_outbox(), refuse).await.1,
        };
        app.drain_outbox().await;
        let ended = (app.refund_status(refund).await, app.order_status(order).await);
        assert_eq!(ended, if refused.status == 200 { (4, 2) } else { (2, 5) }, "{refused:?}");
    }
}

async fn appeals_waiting(app: &TestApp) -> i64 {
    let stats = app.staff(Role::Admin).await.get("/admin/v1/stats").await.expect(200).json();
    stats["appeals_waiting"].as_i64().unwrap()
}

/// What staff were told of appeals that wait: the newest first, the refund and for how many days.
async fn told(app: &TestApp) -> Vec<(Value, Value)> {
    let path = "/admin/v1/audit?action=refund.appeal_waits";
    let mut audit = app.staff(Role::Admin).await.get(path).await.expect(200).json();
    let told = |entry: &mut Value| (entry["target"].take(), entry["after"]["days"].take());
    audit["items"].as_array_mut().unwrap().iter_mut().map(told).collect()
}

async fn an_appeal_is_counted_and_told(app: TestApp) {
    let deal = app.deal().await;
    let refund = deal.consumer.asked(deal.order).await;
    deal.publisher.act_on_refund(refund, 2).await.ok();
    assert_eq!(appeals_waiting(&app).await, 0);
    deal.consumer.appeal(refund).await.ok();
    assert_eq!(appeals_waiting(&app).await, 1);
    app.clock.advance(7 * DAY - SECOND);
    app.drain_outbox().await;
    assert_eq!(told(&app).await, []);
    let of = |days: i64| (json!(format!("refund {refund}")), json!(days));
    for (later, expected) in [(SECOND, vec![of(7)]), (HOUR, vec![of(7)]), (DAY - HOUR, vec![of(8), of(7)])] {
        app.clock.advance(later);
        app.drain_outbox().await;
        assert_eq!(told(&app).await, expected);
    }
    app.decide(refund, "reject").await.expect(200);
    app.clock.advance(2 * DAY);
    app.drain_outbox().await;
    assert_eq!((appeals_waiting(&app).await, told(&app).await.len()), (0, 2));
}

async fn a_long_service_is_paid_out_a_month_after_the_payment(app: TestApp) {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let mut orders = Vec::new();
    for end_date in ["2021-10-22", "2021-10-24", "2022-09-30"] {
        let service = publisher.published(&json!({ "end_date": end_date })).await;
        orders.push(app.paid(&publisher, &consumer, service).await);
    }
    // Midnight after the 22nd and a week; 30 days to the second.
    for (at, confirmed) in [
        (date(2021, 10, 29).at(23, 59, 59, 0), 0),
        (date(2021, 10, 30).at(0, 0, 0, 0), 1),
        (date(2021, 10, 31).at(7, 59, 59, 0), 1),
        (date(2021, 10, 31).at(8, 0, 0, 0), 3),
    ] {
        app.at(at);
        app.drain_outbox().await;
        for (order, expected) in orders.iter().zip((0..3).map(|nth| if nth < confirmed { 3 } else { 2 })) {
            assert_eq!(app.order_status(*order).await, expected, "{at}");
        }
    }
    // A refund that is open holds the payment up, and its silence ends it.
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({ "begin_date": "2021-10-31", "end_date": "2022-09-30" })).await;
    let order = app.paid(&publisher, &consumer, service).await;
    app.clock.advance(30 * DAY - HOUR);
    app.user(2).await.asked(order).await;
    app.clock.advance(2 * DAY);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 2);
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!(app.order_status(order).await, 5);
}

async fn an_order_is_agreed_to_and_paid_while_its_service_lasts(app: TestApp) {
    let (publisher, consumer, stranger) = (app.user(1).await, app.user(2).await, app.user(3).await);
    let service = publisher.published(&json!({ "end_date": "2021-10-01" })).await;
    app.at(date(2021, 10, 1).at(23, 59, 59, 0));
    let (late, agreed, paid) =
        (consumer.ordered(service).await, consumer.ordered(service).await, consumer.ordered(service).await);
    publisher.act_on_order(agreed, 1).await.ok();
    publisher.act_on_order(paid, 1).await.ok();
    consumer.act_on_order(paid, 3).await.ok();
    app.clock.advance(SECOND);
    assert_eq!(publisher.act_on_order(late, 1).await.failure(), (400, 10011));
    for _ in 0..2 {
        let pay = consumer.with("idempotency-key", "p-1").act_on_order(agreed, 3).await;
        assert_eq!(pay.failure(), (400, 10011));
    }
    // Whose order it is comes first, and what else may be done with it stays.
    assert_eq!(stranger.act_on_order(late, 1).await.failure(), (403, 10012));
    assert_eq!(stranger.act_on_order(agreed, 3).await.failure(), (403, 10012));
    assert_eq!(consumer.act_on_order(late, 3).await.failure(), (400, 10017));
    consumer.act_on_order(agreed, 7).await.ok();
    consumer.act_on_order(paid, 4).await.ok();
    publisher.act_on_order(late, 2).await.ok();
    assert_eq!(app.world().payment.charged().len(), 1);
}

/// What waits stands in the database.
async fn a_restart_keeps_the_limits(app: TestApp) {
    let deal = app.deal().await;
    let refund = deal.consumer.asked(deal.order).await;
    let app = app.again(|_| ()).await;
    app.clock.advance(3 * DAY);
    app.drain_outbox().await;
    assert_eq!(app.refund_status(refund).await, 2);
}

/// Runs what the step of the schema does to rows that are there.
async fn bring_up_to_date(app: &TestApp) {
    let step = yuyue::migrations::ALL.iter().find(|step| step.name == "silence").unwrap();
    let text = if app.home().url().starts_with("postgres") { step.postgres } else { step.sqlite };
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    for statement in lines.join("\n").split(';').map(str::trim) {
        if statement.starts_with("INSERT") || statement.starts_with("UPDATE") {
            app.execute(statement).await;
        }
    }
}

async fn what_waited_before_there_were_limits_gets_them(app: TestApp) {
    let deal = app.deal().await;
    let bought = async || app.bought(&deal.publisher, &deal.consumer, deal.service).await;
    let (refused, paid) = (bought().await, bought().await);
    let silent = deal.consumer.asked(deal.order).await;
    let appealed = deal.consumer.asked(refused).await;
    deal.publisher.act_on_refund(appealed, 2).await.ok();
    deal.consumer.appeal(appealed).await.ok();
    app.execute("DELETE FROM outbox WHERE unique_name IS NULL").await;
    let years_later = app.clock.now().at + 20 * 365 * DAY;
    app.execute(&format!("UPDATE service_order SET due_at = {years_later} WHERE status = 2")).await;
    bring_up_to_date(&app).await;

    let due = async |kind: &str| {
        app.number(&format!("SELECT max(due_at) AS value FROM outbox WHERE kind = 'homemaking.{kind}'")).await
    };
    assert_eq!(due("appeal_waits").await, app.clock.now().at + 7 * DAY);
    // The other two have a time from the day on which the program came, which is not the story's.
    let (refund_due, order_due) = (due("refund_due").await, due("order_due").await);
    assert!((4 * DAY - 1000..=4 * DAY + 1000).contains(&(order_due - refund_due)), "a week, and three days");
    assert!(order_due < years_later);
    app.clock.advance(refund_due - app.clock.now().at);
    app.drain_outbox().await;
    assert_eq!((app.refund_status(silent).await, app.order_status(deal.order).await), (2, 5));
    assert_eq!((told(&app).await.len(), app.order_status(paid).await), (1, 2));
    app.clock.advance(order_due - refund_due);
    app.drain_outbox().await;
    assert_eq!((app.order_status(paid).await, app.order_status(refused).await), (3, 2));
}
