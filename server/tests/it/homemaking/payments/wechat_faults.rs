//! WeChat Pay that fails, and what comes between a payer's phone and its order.

use futures_util::future::{join, join3};
use serde_json::json;
use yuyue::adapters::wechat_pay_simulator::Fault;

use super::wechat::Phone;
use crate::support::TestApp;

both! {
    a_fault_while_paying_begins_nothing_twice,
    an_unclear_order_is_placed_again_at_once,
    what_was_not_placed_may_be_paid_again_at_once,
    what_may_have_been_paid_is_asked_for,
    a_fault_while_paying_back_pays_back_once,
    a_report_races_cancelling_and_asking,
    a_report_races_a_second_payment,
}

async fn a_fault_while_paying_begins_nothing_twice(app: TestApp) {
    let phone = Phone::open(&app).await;
    for fault in [Fault::Down, Fault::Forged] {
        let id = phone.market.agreed().await;
        let before = phone.wechat.orders().len();
        phone.wechat.set_fault(fault);
        let body = json!({ "action": 3, "wechat_code": phone.code("wx-demo-zhangsan") });
        let unclear = phone.market.consumer.home_post(&format!("order/{id}"), body).await;
        assert_eq!(unclear.failure(), (400, 10017), "{fault:?}");
        phone.market.wait(30).await;
        assert_eq!(phone.market.status(id).await, 1, "{fault:?}");
        phone.wechat.set_fault(Fault::Ok);
        phone.wechat.pay(&phone.begin(id, "").await).unwrap();
        phone.report_last().await;
        assert_eq!(
            (phone.market.status(id).await, phone.wechat.orders().len()),
            (2, before + 1),
            "{fault:?}"
        );
    }
    phone.expect_balanced().await;
}

/// The first try is lost; the payer notices nothing.
async fn an_unclear_order_is_placed_again_at_once(app: TestApp) {
    let phone = Phone::open(&app).await;
    for (count, fault) in (1..).zip([Fault::Down, Fault::Lost, Fault::Forged, Fault::Slow]) {
        let id = phone.market.agreed().await;
        phone.wechat.set_fault_for(fault, 1);
        let parameters = phone.begin(id, "wx-demo-zhangsan").await;
        assert_eq!(phone.wechat.orders().len(), count, "{fault:?}: under the same number");
        phone.wechat.pay(&parameters).unwrap();
        phone.report_last().await;
        assert_eq!(phone.market.status(id).await, 2, "{fault:?}");
    }
    phone.expect_balanced().await;
}

async fn what_was_not_placed_may_be_paid_again_at_once(app: TestApp) {
    let phone = Phone::open(&app).await;
    for fault in [Fault::Down, Fault::Lost, Fault::Forged] {
        let id = phone.market.agreed().await;
        let before = phone.wechat.orders().len();
        phone.wechat.set_fault_for(fault, 2);
        let body = json!({ "action": 3, "wechat_code": phone.code("wx-demo-zhangsan") });
        let refused = phone.market.consumer.home_post(&format!("order/{id}"), body).await;
        assert_eq!(refused.failure(), (400, 10017), "{fault:?}");
        assert!(refused.says().contains("请重试"), "{refused:?}");
        phone.wechat.pay(&phone.begin(id, "").await).unwrap();
        phone.report_last().await;
        let ended = (phone.market.status(id).await, phone.wechat.orders().len());
        assert_eq!(ended, (2, before + 1), "{fault:?}");
    }
    phone.expect_balanced().await;
}

/// The payer has what it takes to pay: a second try that fails is no reason to doubt the first.
async fn what_may_have_been_paid_is_asked_for(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let first = phone.begin(id, "wx-demo-zhangsan").await;
    phone.wechat.set_fault_for(Fault::Down, 2);
    let refused = phone.market.pay(id).await;
    assert_eq!(refused.failure(), (400, 10017));
    assert!(refused.says().contains("请重试"), "{refused:?}");
    phone.wechat.pay(&first).unwrap();
    phone.wechat.set_fault_for(Fault::Down, 2);
    assert_eq!(phone.market.pay(id).await.ok(), json!({ "result": true }));
    assert_eq!((phone.market.status(id).await, phone.wechat.orders().len()), (2, 1));
    phone.expect_balanced().await;
}

async fn a_fault_while_paying_back_pays_back_once(app: TestApp) {
    let phone = Phone::open(&app).await;
    for (count, fault) in (1..).zip([Fault::Down, Fault::Forged, Fault::Lost]) {
        let id = phone.paid().await;
        phone.wechat.set_fault(fault);
        let refund = phone.market.refund(id).await;
        phone.market.app.drain_outbox().await;
        phone.market.wait(60).await;
        phone.wechat.set_fault(Fault::Ok);
        phone.market.wait_for_all().await;
        assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (5, 2));
        assert_eq!(phone.wechat.refunds().len(), count, "{fault:?}");
    }
    phone.expect_balanced().await;
}

/// The order is paid, or cancelled with the money on its way back.
async fn a_report_races_cancelling_and_asking(app: TestApp) {
    let phone = Phone::open(&app).await;
    let market = &phone.market;
    let (mut paid, mut cancelled) = (0, 0);
    for round in 0..10 {
        let id = market.agreed().await;
        phone.wechat.pay(&phone.begin(id, "wx-demo-zhangsan").await).unwrap();
        market.app.clock.advance(20_000);
        let report = phone.wechat.announcements().pop().unwrap();
        let told = async {
            market.report(&report).await.expect(204);
            market.app.drain_outbox().await
        };
        let answer = match round % 2 {
            0 => join3(told, market.cancel(id), market.app.drain_outbox()).await.1,
            _ => join3(market.cancel(id), told, market.app.drain_outbox()).await.0,
        };
        market.wait_for_all().await;
        match (answer.status.as_u16(), market.status(id).await) {
            (200, 5) => cancelled += 1,
            (400, 2) => paid += 1,
            other => panic!("{other:?} {answer:?}"),
        }
    }
    assert_eq!((phone.wechat.refunds().len(), paid + cancelled), (cancelled, 10));
    phone.expect_balanced().await;
}

/// Another payer begins while the first one's money arrives: the order is paid once.
async fn a_report_races_a_second_payment(app: TestApp) {
    let phone = Phone::open(&app).await;
    let market = &phone.market;
    for _ in 0..6 {
        let id = market.agreed().await;
        phone.wechat.pay(&phone.begin(id, "wx-demo-zhangsan").await).unwrap();
        let report = phone.wechat.announcements().pop().unwrap();
        let told = async {
            market.report(&report).await.expect(204);
            market.app.drain_outbox().await
        };
        let body = json!({ "action": 3, "wechat_code": phone.code("wx-demo-lisi") });
        let path = format!("order/{id}");
        let (_, answer) = join(told, market.consumer.home_post(&path, body)).await;
        // Paid already, or found out while asking; never a second order to pay.
        if answer.status == 200 {
            assert_eq!(answer.ok(), json!({ "result": true }));
        } else {
            assert_eq!(answer.failure(), (400, 10017));
        }
        market.wait_for_all().await;
        assert_eq!(market.status(id).await, 2);
    }
    assert!(phone.wechat.refunds().is_empty());
    phone.expect_balanced().await;
}
