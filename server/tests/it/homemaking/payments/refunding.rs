//! Paying back.

use serde_json::json;
use yuyue::adapters::payment_simulator::Fault;

use super::Market;
use crate::support::TestApp;

both! {
    a_refund_is_paid_back_and_ends_the_order,
    a_refund_is_paid_back_once_however_often_it_is_tried,
    a_refund_waits_for_a_gateway_that_refuses,
    nothing_is_paid_back_that_was_not_paid,
}

async fn a_refund_is_paid_back_and_ends_the_order(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    let refund = market.refund(id).await;
    assert_eq!(market.status(id).await, 2, "agreed to, and not paid back yet");
    assert_eq!(market.differences().await, [""; 0]);
    app.drain_outbox().await;
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2));
    let said = market.staff.get("/admin/v1/ledger").await.expect(200).json();
    assert_eq!(said["totals"], json!({ "charged": "300.00", "refunded": "300.00", "balance": "0.00" }));
    assert_eq!(said["items"][0]["kind"], "refund");
    assert_eq!(said["items"][0]["refund_id"], refund);
    assert_eq!(said["items"][0]["gateway_id"], "SIMR000000000001");
    let history = format!("SELECT action AS value FROM order_event WHERE order_id = {id} ORDER BY id");
    assert_eq!(app.texts(&history).await, ["order", "agree", "pay", "ask", "agree", "pay_back", "pay_back"]);
    market.wait(30).await;
    market.expect_balanced().await;
}

async fn a_refund_is_paid_back_once_however_often_it_is_tried(app: TestApp) {
    let market = Market::open(&app).await;
    for fault in [Fault::Lost, Fault::Slow, Fault::Down] {
        let id = market.paid().await;
        let before = market.gateway().refunded().len();
        market.gateway().set_fault(fault);
        let refund = market.refund(id).await;
        app.drain_outbox().await;
        market.wait(60).await;
        market.gateway().set_fault(Fault::Ok);
        market.wait(300).await;
        assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2), "{fault:?}");
        assert_eq!(market.gateway().refunded().len(), before + 1, "{fault:?}");
        // A second try, as by a step that was taken twice.
        assert_eq!(market.start_refund(id, refund, 30_000).await, Err(10016));
    }
    market.expect_balanced().await;
}

async fn a_refund_waits_for_a_gateway_that_refuses(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    market.gateway().set_fault(Fault::Refuse);
    let refund = market.refund(id).await;
    app.drain_outbox().await;
    market.wait(120).await;
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (2, 1));
    assert_eq!(market.differences().await, [""; 0], "on its way");
    let told = "SELECT count(*) AS value FROM audit WHERE action = 'payment.refund_refused'";
    assert_eq!(app.number(told).await, 1, "staff are told once");
    market.gateway().set_fault(Fault::Ok);
    market.wait(1_800).await;
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2));
    market.expect_balanced().await;
}

async fn nothing_is_paid_back_that_was_not_paid(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    assert_eq!(market.start_refund(id, 1, 30_000).await, Err(10016));
    let paid = market.paid().await;
    assert_eq!(market.start_refund(paid, 1, 30_001).await, Err(10016));
    assert_eq!(market.start_refund(paid, 1, 0).await, Err(10016));
    assert_eq!(app.number("SELECT count(*) AS value FROM payment WHERE kind = 'refund'").await, 0);
}
