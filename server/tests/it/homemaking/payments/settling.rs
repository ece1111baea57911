//! What the gateway does not bring to an end: staff do, once, and money of another amount goes back.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use yuyue::adapters::payment_simulator::Fault;
use yuyue::adapters::wechat_pay_simulator::{Fault as WechatFault, RefundOutcome};
use yuyue::clock::HOUR;
use yuyue::homemaking::payments::store;
use yuyue::staff::Role;

use super::Market;
use super::wechat::Phone;
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    a_refund_that_wechat_gave_up_is_settled_by_staff,
    money_that_nobody_wanted_is_settled_by_staff,
    staff_do_not_settle_what_the_gateway_pays_back,
    only_what_is_to_be_paid_back_is_settled,
    a_refund_is_settled_by_staff_or_by_the_gateway,
    money_of_another_amount_goes_back,
    a_lease_is_given_back_by_whose_it_is,
}

impl Market {
    /// Id of the newest way back.
    async fn way_back(&self) -> i64 {
        self.app.number("SELECT max(id) AS value FROM payment WHERE kind = 'refund'").await
    }

    async fn settle(&self, payment: i64) -> Answer {
        let body = json!({ "note": "已银行转账，凭证 0042" });
        self.staff.post(&format!("/admin/v1/payments/{payment}/settle"), body).await
    }

    async fn payments(&self, query: &str) -> Vec<Value> {
        let said = self.staff.get(&format!("/admin/v1/payments?size=100{query}")).await.expect(200).json();
        assert_eq!(said["total"], said["items"].as_array().unwrap().len());
        said["items"].as_array().unwrap().clone()
    }
}

async fn a_refund_that_wechat_gave_up_is_settled_by_staff(app: TestApp) {
    let phone = Phone::open(&app).await;
    let market = &phone.market;
    let id = phone.paid().await;
    phone.wechat.set_refund_outcome(RefundOutcome::Closed);
    let refund = market.refund(id).await;
    market.app.drain_outbox().await;
    market.wait(60).await;
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (2, 1));
    let stuck = market.payments("&kind=refund&state=started").await;
    assert_eq!(
        (stuck.len(), &stuck[0]["refund_id"], &stuck[0]["amount"]),
        (1, &json!(refund), &json!("300.00"))
    );
    assert!(stuck[0]["last_error"].as_str().unwrap().starts_with("CLOSED"), "{stuck:?}");
    let payment = stuck[0]["id"].as_i64().unwrap();
    let auditor = app.staff(Role::Auditor).await;
    let path = format!("/admin/v1/payments/{payment}/settle");
    auditor.post(&path, json!({ "note": "x" })).await.expect(403);
    for wrong in [json!({}), json!({ "note": "  " }), json!({ "note": 7 })] {
        market.staff.post(&path, wrong).await.expect(400);
    }
    let settled = market.settle(payment).await.expect(200).json();
    assert_eq!((&settled["state"], &settled["gateway_id"]), (&json!("settled"), &json!("")));
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2));
    let lines = vec![format!("charge {id} 300.00"), format!("refund {id} 300.00")];
    assert_eq!(market.ledger().await, (lines, "0.00".into()));
    let held = "SELECT debit AS value FROM ledger_entry WHERE credit = 'outside'";
    assert_eq!(app.texts(held).await, ["held"], "WeChat still has the money");
    let told = "SELECT after AS value FROM audit WHERE action = 'payment.settle'";
    assert!(app.texts(told).await[0].contains("凭证 0042"));
    let history = market.consumer.home_get(&format!("order/{id}/events")).await.ok();
    let steps: Vec<String> = (history.as_array().unwrap().iter())
        .map(|step| format!("{} {}", step["by"].as_str().unwrap(), step["action"].as_str().unwrap()))
        .collect();
    assert_eq!(steps[steps.len() - 2..], ["staff settle", "system pay_back"]);
    market.settle(payment).await.expect(409);
    market.consumer.home_post(&format!("refund/{refund}"), json!({ "action": 4 })).await.ok();
    market.app.clock.advance(25 * HOUR);
    market.app.drain_outbox().await;
    assert_eq!(phone.wechat.refunds().len(), 1);
    assert_eq!(market.differences().await, [""; 0]);
}

async fn money_that_nobody_wanted_is_settled_by_staff(app: TestApp) {
    let phone = Phone::open(&app).await;
    let market = &phone.market;
    let id = market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    market.cancel(id).await.ok();
    phone.wechat.pay(&parameters).unwrap();
    phone.wechat.set_refund_outcome(RefundOutcome::Abnormal);
    phone.report_last().await;
    market.wait(60).await;
    let stuck = market.payments(&format!("&state=started&order_id={id}")).await;
    assert_eq!((stuck.len(), &stuck[0]["kind"], &stuck[0]["refund_id"]), (1, &json!("refund"), &json!(null)));
    market.settle(stuck[0]["id"].as_i64().unwrap()).await.expect(200);
    assert_eq!((market.status(id).await, market.ledger().await.1), (5, "0.00".into()));
    market.wait_for_all().await;
    assert_eq!(market.differences().await, [""; 0]);
}

async fn staff_do_not_settle_what_the_gateway_pays_back(app: TestApp) {
    let phone = Phone::open(&app).await;
    let market = &phone.market;
    let id = phone.paid().await;
    phone.wechat.set_refund_outcome(RefundOutcome::Later);
    let refund = market.refund(id).await;
    market.app.drain_outbox().await;
    let payment = market.way_back().await;
    market.settle(payment).await.expect(409);
    phone.wechat.set_fault(WechatFault::Down);
    market.settle(payment).await.expect(503);
    phone.wechat.set_fault(WechatFault::Ok);
    assert_eq!(market.refund_status(refund).await, 1);
    phone.wechat.finish_refunds();
    // Nobody has told us yet: asking before settling finds out.
    market.settle(payment).await.expect(409);
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2));
    let settled = market.payments("&state=settled&kind=refund").await;
    assert_eq!(settled[0]["gateway_id"], phone.wechat.refunds()[0].refund_id);
    phone.expect_balanced().await;
}

async fn only_what_is_to_be_paid_back_is_settled(app: TestApp) {
    let market = Market::open(&app).await;
    market.paid().await;
    let charge = market.payments("").await[0]["id"].as_i64().unwrap();
    market.settle(charge).await.expect(409);
    market.settle(charge + 1).await.expect(404);
    market.staff.get("/admin/v1/payments?state=lost").await.expect(400);
    app.get("/admin/v1/payments").await.expect(401);
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn a_refund_is_settled_by_staff_or_by_the_gateway(app: TestApp) {
    let market = Market::open(&app).await;
    let (mut by_staff, mut by_gateway) = (0, 0);
    for round in 0..10 {
        let id = market.paid().await;
        market.gateway().set_fault(Fault::Refuse);
        let refund = market.refund(id).await;
        app.drain_outbox().await;
        market.gateway().set_fault(Fault::Ok);
        app.clock.advance(HOUR);
        let payment = market.way_back().await;
        let before = market.gateway().refunded().len();
        let settles = join_all((0..3).map(|_| market.settle(payment)));
        let settled = match round % 2 {
            0 => join(settles, app.drain_outbox()).await.0,
            _ => join(app.drain_outbox(), settles).await.1,
        };
        app.clock.advance(HOUR);
        app.drain_outbox().await;
        let settled = settled.iter().filter(|answer| answer.status == 200).count();
        let paid_back = market.gateway().refunded().len() - before;
        assert_eq!(settled + paid_back, 1, "round {round}");
        assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2));
        by_staff += settled;
        by_gateway += paid_back;
    }
    assert_eq!(market.differences().await, [""; 0]);
    assert_eq!(by_staff + by_gateway, 10);
    let entries = "SELECT count(*) AS value FROM ledger_entry WHERE kind IN ('refund', 'refund_outside')";
    assert_eq!(app.number(entries).await, 10);
}

async fn money_of_another_amount_goes_back(app: TestApp) {
    let phone = Phone::open(&app).await;
    let market = &phone.market;
    let id = market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    phone.wechat.set_total(&phone.wechat.orders()[0].out_trade_no, 20_000);
    phone.wechat.pay(&parameters).unwrap();
    // The report alone is not believed; what WeChat answers when asked is.
    market.report(&phone.wechat.announcements().pop().unwrap()).await.expect(409);
    market.wait(30).await;
    market.wait_for_all().await;
    assert_eq!(market.status(id).await, 1);
    let lines = vec![format!("charge {id} 200.00"), format!("refund {id} 200.00")];
    assert_eq!(market.ledger().await, (lines, "0.00".into()));
    assert_eq!(phone.wechat.refunds()[0].refund, 20_000);
    let told = "SELECT count(*) AS value FROM audit WHERE action = 'payment.mismatch'";
    assert_eq!(app.number(told).await, 2, "by the report, and by asking");
    // The order still waits, and can be paid.
    phone.wechat.pay(&phone.begin(id, "").await).unwrap();
    phone.report_last().await;
    assert_eq!((market.status(id).await, market.ledger().await.1), (2, "300.00".into()));
    market.wait_for_all().await;
    assert_eq!(market.differences().await, [""; 0]);
}

async fn a_lease_is_given_back_by_whose_it_is(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    market.gateway().set_fault(Fault::Down);
    market.pay(id).await.failure();
    let at = app.clock.now().at;
    let payment = app.number("SELECT id AS value FROM payment").await;
    let occupy = |at: i64| {
        let app = app.clone();
        async move {
            let occupy = move |tx: &mut yuyue_db::Tx<'_>| store::occupy(tx, payment, at + 15_000, at);
            app.db.write("test", occupy).await.unwrap()
        }
    };
    let release = |payment: store::Payment| {
        let release = move |tx: &mut yuyue_db::Tx<'_>| store::release(tx, &payment, "");
        let app = app.clone();
        async move { app.db.write("test", release).await.unwrap() }
    };
    let slow = occupy(at).await.unwrap();
    assert!(occupy(at + 14_999).await.is_none());
    let next = occupy(at + 15_000).await.unwrap();
    release(slow).await;
    assert!(occupy(at + 15_001).await.is_none(), "it is the other's by now");
    release(next).await;
    assert!(occupy(at + 15_001).await.is_some());
    market.gateway().set_fault(Fault::Ok);
    market.wait_for_all().await;
    market.expect_balanced().await;
}
