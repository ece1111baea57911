//! Paying, and everything that can come between.

use std::collections::BTreeMap;

use serde_json::json;
use yuyue::adapters::payment_simulator::Fault;
use yuyue::clock::HOUR;
use yuyue::config::Gateway;

use super::Market;
use crate::support::TestApp;
use crate::support::served::soon;
use crate::support::wire::Answer;

both! {
    a_consumer_pays,
    only_the_consumer_pays_and_only_what_is_agreed_to,
    a_refused_payment_leaves_the_order_and_may_be_tried_again,
    a_lost_answer_is_asked_for_at_once,
    a_slow_charge_pays_the_order_when_it_settles,
    a_slow_charge_for_a_cancelled_order_is_closed,
    a_gateway_that_is_down_charges_nothing,
    a_charge_whose_answer_nobody_heard_pays_the_order_later,
    money_for_a_cancelled_order_goes_back,
    money_for_an_order_that_timed_out_goes_back,
    without_a_gateway_paying_says_so,
    of_many_pays_at_once_one_is_done,
    paying_races_cancelling,
    paying_races_the_time_out,
}

async fn a_consumer_pays(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    assert_eq!(market.pay(id).await.ok(), json!({ "result": true }));
    assert_eq!(market.status(id).await, 2);
    assert_eq!(market.pay(id).await.failure(), (400, 10017));
    let said = market.staff.get("/admin/v1/ledger").await.expect(200).json();
    assert_eq!(
        said,
        json!({
            "items": [{
                "id": 1, "at": "2021-10-01 08:00:00", "order_id": id, "refund_id": null, "kind": "charge",
                "amount": "300.00", "gateway_id": "SIMC000000000001",
            }],
            "total": 1, "page": 1, "size": 20,
            "totals": { "charged": "300.00", "refunded": "0.00", "balance": "300.00" },
        })
    );
    market.act(&market.consumer, id, 4).await.ok();
    assert_eq!(market.ledger().await, (vec![format!("charge {id} 300.00")], "300.00".into()));
    market.wait(30).await;
    market.expect_balanced().await;
}

async fn only_the_consumer_pays_and_only_what_is_agreed_to(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.consumer.ordered(market.service_id).await;
    assert_eq!(market.pay(id).await.failure(), (400, 10017), "not agreed to");
    assert_eq!(market.act(&market.publisher, id, 3).await.failure(), (403, 10012));
    let stranger = app.user(3).await;
    assert_eq!(market.act(&stranger, id, 3).await.failure(), (403, 10012));
    assert_eq!(market.pay(id + 1).await.failure(), (404, 10008));
    market.cancel(id).await.ok();
    assert_eq!(market.pay(id).await.failure(), (400, 10017), "cancelled");
    assert!(market.gateway().charged().is_empty());
    assert_eq!(app.number("SELECT count(*) AS value FROM payment").await, 0);
}

async fn a_refused_payment_leaves_the_order_and_may_be_tried_again(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    app.post("/demo/faults", json!({ "payment": "refuse" })).await.expect(200);
    let refused = market.pay(id).await.expect(400);
    assert_eq!(refused.failure(), (400, 10017));
    assert!(refused.says().contains("支付被拒绝"), "{refused:?}");
    assert_eq!(market.status(id).await, 1);
    app.post("/demo/faults", json!({ "payment": "ok" })).await.expect(200);
    market.pay(id).await.ok();
    assert_eq!(market.status(id).await, 2);
    market.wait(30).await;
    assert_eq!(market.gateway().charged().len(), 1);
    market.expect_balanced().await;
    let wrong = app.post("/demo/faults", json!({ "payment": "down" })).await.expect(400);
    assert!(wrong.json()["detail"].as_str().unwrap().starts_with("payment: "), "{wrong:?}");
}

async fn a_lost_answer_is_asked_for_at_once(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    app.post("/demo/faults", json!({ "payment": "lost" })).await.expect(200);
    assert_eq!(market.pay(id).await.ok(), json!({ "result": true }));
    assert_eq!(market.status(id).await, 2);
    market.wait(30).await;
    assert_eq!(market.gateway().charged().len(), 1);
    market.expect_balanced().await;
}

async fn a_slow_charge_pays_the_order_when_it_settles(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    app.post("/demo/faults", json!({ "payment": "slow" })).await.expect(200);
    let unclear = market.pay(id).await.expect(400);
    assert_eq!(unclear.failure(), (400, 10017));
    assert!(unclear.says().contains("尚未确认"), "{unclear:?}");
    assert_eq!(market.status(id).await, 1);
    market.wait(30).await;
    assert_eq!(market.status(id).await, 2);
    assert_eq!(market.gateway().charged().len(), 1);
    market.expect_balanced().await;
}

async fn a_slow_charge_for_a_cancelled_order_is_closed(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    market.gateway().set_fault(Fault::Slow);
    assert_eq!(market.pay(id).await.failure(), (400, 10017));
    market.cancel(id).await.ok();
    app.drain_outbox().await;
    market.wait(30).await;
    assert_eq!(market.status(id).await, 5);
    assert!(market.gateway().charged().is_empty(), "closed before it settled");
    market.expect_balanced().await;
}

async fn a_gateway_that_is_down_charges_nothing(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    market.gateway().set_fault(Fault::Down);
    assert_eq!(market.pay(id).await.failure(), (400, 10017));
    assert_eq!(market.status(id).await, 1);
    market.wait(60).await;
    assert_eq!(market.status(id).await, 1);
    market.gateway().set_fault(Fault::Ok);
    market.pay(id).await.ok();
    market.wait(600).await;
    assert_eq!(market.gateway().charged().len(), 1);
    market.expect_balanced().await;
}

/// The server went away in the middle of the call: its row is there, and nobody is talking any more.
pub(super) async fn begun_and_left(market: &Market, id: i64) -> String {
    market.gateway().set_fault(Fault::Down);
    assert_eq!(market.pay(id).await.failure(), (400, 10017));
    market.gateway().set_fault(Fault::Ok);
    let number = format!("SELECT out_no AS value FROM payment WHERE order_id = {id}");
    market.app.texts(&number).await.remove(0)
}

/// What the gateway did while nobody listened.
pub(super) async fn settle_unheard(market: &Market, out_no: &str) {
    use yuyue::adapters::payment::{Charge, Charged, Way};
    let charge = Charge {
        id: out_no.to_owned(),
        amount: 30_000,
        description: "订单".into(),
        way: Way::default(),
        payer: String::new(),
        expires_at: i64::MAX,
    };
    let gateway = market.app.gateway.clone().unwrap();
    let charged = gateway.charge(&charge, market.app.clock.now().at).await.unwrap();
    assert!(matches!(charged, Charged::Settled(_)));
}

async fn a_charge_whose_answer_nobody_heard_pays_the_order_later(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    settle_unheard(&market, &out_no).await;
    assert_eq!(market.status(id).await, 1);
    market.wait(30).await;
    assert_eq!(market.status(id).await, 2);
    market.expect_balanced().await;
}

async fn money_for_a_cancelled_order_goes_back(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    settle_unheard(&market, &out_no).await;
    market.cancel(id).await.ok();
    app.drain_outbox().await;
    market.wait(60).await;
    assert_eq!(market.status(id).await, 5);
    let moved = vec![format!("charge {id} 300.00"), format!("refund {id} 300.00")];
    assert_eq!(market.ledger().await, (moved, "0.00".into()));
    assert_eq!(market.gateway().refunded().len(), 1);
    market.expect_balanced().await;
}

async fn money_for_an_order_that_timed_out_goes_back(app: TestApp) {
    let app = app.again(|config| config.homemaking.order_timeout = 20_000).await;
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    market.gateway().set_fault(Fault::Slow);
    app.clock.advance(15_000);
    assert_eq!(market.pay(id).await.failure(), (400, 10017));
    // It settles while the order ends, and the gateway tells nobody before that.
    market.gateway().set_fault(Fault::Down);
    market.wait(30).await;
    assert_eq!(market.status(id).await, 5);
    market.gateway().set_fault(Fault::Ok);
    market.wait(600).await;
    let moved = vec![format!("charge {id} 300.00"), format!("refund {id} 300.00")];
    assert_eq!(market.ledger().await, (moved, "0.00".into()));
    market.expect_balanced().await;
}

async fn without_a_gateway_paying_says_so(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let without = app.again(|config| config.homemaking.payment.gateway = Gateway::None).await;
    let market = market.at(&without);
    let said = market.pay(id).await.expect(400);
    assert_eq!(said.failure(), (400, 10017));
    assert!(said.says().contains("未开通支付"), "{said:?}");
    assert_eq!(market.status(id).await, 1);
    without.post("/homemaking/v1/payment/notify", json!({})).await.expect(404);
}

/// Sends all at once and gives how often each code came; 0 is success.
pub(super) async fn at_once<F>(calls: impl IntoIterator<Item = F>) -> BTreeMap<i64, usize>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let running: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut counts = BTreeMap::new();
    for call in running {
        let answer = soon("an answer", call).await.unwrap();
        let code = if answer.status.is_success() { 0 } else { answer.failure().1 };
        *counts.entry(code).or_default() += 1;
    }
    counts
}

async fn of_many_pays_at_once_one_is_done(app: TestApp) {
    let market = Market::open(&app).await;
    for fault in [Fault::Ok, Fault::Lost] {
        market.gateway().set_fault(fault);
        let id = market.agreed().await;
        let counts = at_once((0..16).map(|_| market.pay(id))).await;
        assert_eq!(counts, BTreeMap::from([(0, 1), (10017, 15)]), "{fault:?}");
        let charges = format!("SELECT count(*) AS value FROM payment WHERE order_id = {id}");
        assert_eq!(app.number(&charges).await, 1);
    }
    market.wait(30).await;
    assert_eq!(market.gateway().charged().len(), 2);
    market.expect_balanced().await;
}

async fn paying_races_cancelling(app: TestApp) {
    let market = Market::open(&app).await;
    for round in 0..12 {
        let id = market.agreed().await;
        let (pay, cancel) = (market.pay(id), market.cancel(id));
        // Who is sent first has the better chance, so they take turns.
        let calls: [std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>; 2] = if round % 2 == 0 {
            [Box::pin(pay), Box::pin(cancel)]
        } else {
            [Box::pin(cancel), Box::pin(pay)]
        };
        let counts = at_once(calls).await;
        assert_eq!(counts, BTreeMap::from([(0, 1), (10017, 1)]));
    }
    app.drain_outbox().await;
    market.wait(60).await;
    let paid = app.number("SELECT count(*) AS value FROM service_order WHERE status = 2").await;
    let (charged, refunded) = (market.gateway().charged().len(), market.gateway().refunded().len());
    assert_eq!(charged - refunded, usize::try_from(paid).unwrap());
    market.expect_balanced().await;
}

async fn paying_races_the_time_out(app: TestApp) {
    let app = app.again(|config| config.homemaking.order_timeout = HOUR).await;
    let market = Market::open(&app).await;
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(market.agreed().await);
    }
    app.clock.advance(HOUR);
    let pays: Vec<_> = orders.iter().map(|id| tokio::spawn(market.pay(*id))).collect();
    app.drain_outbox().await;
    for (pay, id) in pays.into_iter().zip(&orders) {
        let answer = soon("an answer", pay).await.unwrap();
        let expected = if answer.status.is_success() { 2 } else { 5 };
        assert_eq!(market.status(*id).await, expected, "{answer:?}");
    }
    app.drain_outbox().await;
    market.wait(60).await;
    market.expect_balanced().await;
}
