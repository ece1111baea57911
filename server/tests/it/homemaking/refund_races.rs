//! Refunds and ratings asked for by many at once. Each of these fails when the guard it is about is
//! taken out.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};
use serde_json::json;

use crate::support::TestApp;
use crate::support::home::Deal;
use crate::support::wire::Answer;

both! {
    an_order_has_one_refund,
    an_order_is_confirmed_or_refunded,
    a_refund_is_agreed_to_or_cancelled,
    a_refund_is_appealed_against_once,
    an_appeal_is_decided_once,
    an_upheld_appeal_and_a_new_refund_are_one,
    an_order_is_rated_once,
    a_score_counts_every_rating,
    a_rating_is_hidden_once,
    a_rating_is_answered_once,
}

/// How often each error_code came; 0 is success.
fn codes(answers: &[Answer]) -> BTreeMap<i64, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        let code = if answer.status.is_success() { 0 } else { answer.failure().1 };
        *counts.entry(code).or_default() += 1;
    }
    counts
}

fn statuses(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status.as_u16()).or_default() += 1;
    }
    counts
}

/// An order more of the same deal.
async fn another(app: &TestApp, deal: &Deal) -> i64 {
    app.bought(&deal.publisher, &deal.consumer, deal.service).await
}

async fn an_order_has_one_refund(app: TestApp) {
    let deal = app.deal().await;
    for _ in 0..5 {
        let order = another(&app, &deal).await;
        let answers = join_all((0..8).map(|_| deal.consumer.ask_refund(order))).await;
        assert_eq!(codes(&answers), BTreeMap::from([(0, 1), (10013, 7)]));
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM refund").await, 5);
}

async fn an_order_is_confirmed_or_refunded(app: TestApp) {
    let deal = app.deal().await;
    for round in 0..15 {
        let order = another(&app, &deal).await;
        let (confirm, ask) = (deal.consumer.act_on_order(order, 4), deal.consumer.ask_refund(order));
        let (confirmed, asked) = match round % 2 {
            0 => join(confirm, ask).await,
            _ => {
                let (asked, confirmed) = join(ask, confirm).await;
                (confirmed, asked)
            }
        };
        match (confirmed.status.is_success(), asked.status.is_success()) {
            (true, false) => assert_eq!(asked.failure(), (400, 10023)),
            (false, true) => assert_eq!(confirmed.failure(), (400, 10017)),
            _ => panic!("{confirmed:?} {asked:?}"),
        }
    }
    let both =
        "SELECT count(*) AS value FROM service_order o JOIN refund r ON r.order_id = o.id WHERE o.status = 3";
    assert_eq!(app.number(both).await, 0);
}

async fn a_refund_is_agreed_to_or_cancelled(app: TestApp) {
    let deal = app.deal().await;
    for _ in 0..10 {
        let order = another(&app, &deal).await;
        let refund = deal.consumer.asked(order).await;
        let (agreed, cancelled) =
            join(deal.publisher.act_on_refund(refund, 1), deal.consumer.act_on_refund(refund, 3)).await;
        let is_agreed = agreed.status.is_success();
        assert_ne!(is_agreed, cancelled.status.is_success(), "{agreed:?} {cancelled:?}");
        let loser = if is_agreed { cancelled } else { agreed };
        assert_eq!(loser.failure(), (400, 10016));
        app.drain_outbox().await;
        let ends = (app.refund_status(refund).await, app.order_status(order).await);
        assert_eq!(ends, if is_agreed { (2, 5) } else { (5, 2) });
    }
}

/// A refund that was refused, of a new order.
async fn refused(app: &TestApp, deal: &Deal) -> (i64, i64) {
    let order = another(app, deal).await;
    let refund = deal.consumer.asked(order).await;
    deal.publisher.act_on_refund(refund, 2).await.ok();
    (order, refund)
}

async fn a_refund_is_appealed_against_once(app: TestApp) {
    let deal = app.deal().await;
    let (_, refund) = refused(&app, &deal).await;
    let answers = join_all((0..8).map(|_| deal.consumer.appeal(refund))).await;
    assert_eq!(codes(&answers), BTreeMap::from([(0, 1), (10016, 7)]));
    let events = "SELECT count(*) AS value FROM order_event WHERE action = 'appeal'";
    assert_eq!(app.number(events).await, 1);
}

async fn an_appeal_is_decided_once(app: TestApp) {
    let deal = app.deal().await;
    for _ in 0..5 {
        let (order, refund) = refused(&app, &deal).await;
        deal.consumer.appeal(refund).await.ok();
        let words = ["agree", "reject", "agree", "reject"];
        let answers = join_all(words.map(|word| app.decide(refund, word))).await;
        assert_eq!(statuses(&answers), BTreeMap::from([(200, 1), (409, 3)]));
        let agreed = answers.iter().position(|answer| answer.status == 200).unwrap() % 2 == 0;
        app.drain_outbox().await;
        let ends = (app.refund_status(refund).await, app.order_status(order).await);
        assert_eq!(ends, if agreed { (2, 5) } else { (4, 2) });
    }
    let twice = "SELECT count(*) AS value FROM (SELECT order_id FROM payment WHERE kind = 'refund'
                 GROUP BY order_id HAVING count(*) > 1) p";
    assert_eq!(app.number(twice).await, 0);
}

async fn an_upheld_appeal_and_a_new_refund_are_one(app: TestApp) {
    let deal = app.deal().await;
    for _ in 0..5 {
        let (order, refund) = refused(&app, &deal).await;
        let (appealed, asked) = join(deal.consumer.appeal(refund), deal.consumer.ask_refund(order)).await;
        assert_ne!(appealed.status.is_success(), asked.status.is_success(), "{appealed:?} {asked:?}");
        let loser = if appealed.status.is_success() { asked } else { appealed };
        assert_eq!(loser.failure(), (400, 10013));
    }
}

async fn an_order_is_rated_once(app: TestApp) {
    let deal = app.deal().await;
    for _ in 0..5 {
        let order = another(&app, &deal).await;
        deal.consumer.act_on_order(order, 4).await.ok();
        let answers = join_all((0..8).map(|_| deal.consumer.rate(order, 5))).await;
        assert_eq!(codes(&answers), BTreeMap::from([(0, 1), (10021, 7)]));
    }
    let counts = "SELECT score_count * 100 + score_sum AS value FROM service";
    assert_eq!(app.number(counts).await, 525);
}

async fn a_score_counts_every_rating(app: TestApp) {
    let deal = app.deal().await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        let order = another(&app, &deal).await;
        deal.consumer.act_on_order(order, 4).await.ok();
        orders.push(order);
    }
    let scores = [5, 4, 4, 3, 1, 5, 5, 2];
    let rate = orders.iter().zip(scores).map(|(order, score)| deal.consumer.rate(*order, score));
    let answers = join_all(rate).await;
    assert_eq!(codes(&answers), BTreeMap::from([(0, 8)]));
    let service = deal.publisher.home_get(&format!("service/{}", deal.service)).await.ok();
    assert_eq!(service["score"], "3.6", "29 by 8 is 3.625");
}

async fn a_rating_is_hidden_once(app: TestApp) {
    let deal = app.deal().await;
    deal.consumer.act_on_order(deal.order, 4).await.ok();
    let rating = deal.consumer.rate(deal.order, 4).await.made()["id"].as_i64().unwrap();
    for (word, score) in [("hide", "0"), ("show", "4"), ("hide", "0")] {
        let answers = join_all((0..4).map(|_| app.review_rating(rating, word))).await;
        assert_eq!(statuses(&answers), BTreeMap::from([(200, 1), (409, 3)]));
        let service = deal.publisher.home_get(&format!("service/{}", deal.service)).await.ok();
        assert_eq!(service["score"], score);
    }
}

async fn a_rating_is_answered_once(app: TestApp) {
    let deal = app.deal().await;
    deal.consumer.act_on_order(deal.order, 4).await.ok();
    let rating = deal.consumer.rate(deal.order, 4).await.made()["id"].as_i64().unwrap();
    let path = format!("rating/{rating}/reply");
    let replies =
        (0..8).map(|number| deal.publisher.home_post(&path, json!({ "content": format!("谢谢 {number}") })));
    let replies = replies.collect::<Vec<_>>();
    assert_eq!(codes(&join_all(replies).await), BTreeMap::from([(0, 1), (10009, 7)]));
}
