//! Who pays in the mini-program: WeChat tells by a code of `wx.login()`.

use serde_json::{Value, json};
use yuyue::adapters::wechat_simulator::Fault;
use yuyue::config::Payment;
use yuyue::homemaking::payments::gateway;

use super::wechat::Phone;
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    the_first_payment_needs_to_know_who_pays,
    a_code_that_wechat_refuses_is_named,
    a_code_is_not_used_up_for_what_cannot_be_paid,
    wechat_out_of_reach_is_no_fault_of_the_payer,
}

only_sqlite! { the_start_names_a_setting_that_is_missing_or_wrong }

impl Phone {
    async fn pay_with(&self, order: i64, code: &str) -> Answer {
        let body = json!({ "action": 3, "wechat_code": code });
        self.market.consumer.home_post(&format!("order/{order}"), body).await
    }
}

async fn the_first_payment_needs_to_know_who_pays(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let refused = phone.market.pay(id).await;
    assert_eq!(refused.failure(), (400, 10000));
    assert!(refused.says().contains("wechat_code: "), "{refused:?}");
    assert!(phone.wechat.orders().is_empty());
    phone.paid().await;
    // From now on it is known.
    phone.wechat.pay(&phone.begin(id, "").await).unwrap();
    assert_eq!(phone.wechat.orders()[1].openid, "wx-demo-zhangsan");
    phone.report_last().await;
    assert_eq!(phone.market.status(id).await, 2);
    phone.expect_balanced().await;
}

async fn a_code_that_wechat_refuses_is_named(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let used = phone.code("wx-demo-zhangsan");
    let payers = phone.market.app.gateway.clone().unwrap();
    payers.payers().unwrap().open_id(&used).await.unwrap();
    let expired = phone.code("wx-demo-zhangsan");
    app.clock.advance(300_000);
    for code in [used.as_str(), &expired, "invented", "0&secret=x"] {
        let refused = phone.pay_with(id, code).await;
        assert_eq!(refused.failure(), (400, 10000), "{code}");
        assert!(refused.says().contains("wechat_code: "), "{refused:?}");
    }
    // The code of an official account's page is another app's.
    let page = app.wechat_code("wx-demo-zhangsan").await;
    assert_eq!(phone.pay_with(id, &page).await.failure(), (400, 10000));
    for wrong in [json!(7), json!("x".repeat(513))] {
        let body = json!({ "action": 3, "wechat_code": wrong });
        let refused = phone.market.consumer.home_post(&format!("order/{id}"), body).await;
        assert_eq!(refused.failure(), (400, 10000));
    }
    assert!(phone.wechat.orders().is_empty());
    assert_eq!(app.number("SELECT count(*) AS value FROM home_payer").await, 0);
    phone.wechat.pay(&phone.begin(id, "wx-demo-zhangsan").await).unwrap();
    phone.report_last().await;
    phone.expect_balanced().await;
}

async fn a_code_is_not_used_up_for_what_cannot_be_paid(app: TestApp) {
    let phone = Phone::open(&app).await;
    let waiting = phone.market.consumer.ordered(phone.market.service_id).await;
    let code = phone.code("wx-demo-zhangsan");
    assert_eq!(phone.pay_with(waiting, &code).await.failure(), (400, 10017));
    phone.market.publisher.act_on_order(waiting, 1).await.ok();
    let parameters = phone.pay_with(waiting, &code).await.ok()["payment"].take();
    phone.wechat.pay(parameters.as_object().unwrap()).unwrap();
    phone.report_last().await;
    assert_eq!(phone.market.status(waiting).await, 2);
    phone.expect_balanced().await;
}

async fn wechat_out_of_reach_is_no_fault_of_the_payer(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let code = phone.code("wx-demo-zhangsan");
    for fault in [Fault::Down, Fault::Error] {
        app.world().official.set_fault(fault);
        let refused = phone.pay_with(id, &code).await.expect(503);
        refused.failure();
        assert!(!refused.header("retry-after").is_empty());
    }
    app.world().official.set_fault(Fault::Ok);
    // A wrong secret is a matter for staff.
    let wrong = phone.market.app.again(|config| config.homemaking.payment.app_secret = "old".into()).await;
    let body = json!({ "action": 3, "wechat_code": code });
    let consumer = phone.market.at(&wrong).consumer;
    consumer.home_post(&format!("order/{id}"), body).await.expect(503).failure();
    assert!(phone.wechat.orders().is_empty());
    let parameters: Value = phone.pay_with(id, &code).await.ok()["payment"].take();
    phone.wechat.pay(parameters.as_object().unwrap()).unwrap();
    phone.report_last().await;
    phone.expect_balanced().await;
}

async fn the_start_names_a_setting_that_is_missing_or_wrong(app: TestApp) {
    type Change = fn(&mut Payment);
    let changes: [(Change, &str); 9] = [
        (|payment| payment.app_id.clear(), "homemaking.payment.app_id: is needed"),
        (|payment| payment.app_secret.clear(), "homemaking.payment.app_secret: is needed"),
        (|payment| payment.mch_id.clear(), "homemaking.payment.mch_id: is needed"),
        (|payment| payment.notify_url.clear(), "homemaking.payment.notify_url: is needed"),
        (
            |payment| payment.notify_url = "http://example.com/pay".into(),
            "homemaking.payment.notify_url: WeChat",
        ),
        (
            |payment| payment.notify_url = "https://example.com/?a=1".into(),
            "homemaking.payment.notify_url: WeChat",
        ),
        (|payment| payment.platform_key = "none".into(), "homemaking.payment.platform_key: "),
        (
            |payment| payment.second_platform_key_id.clear(),
            "homemaking.payment.second_platform_key_id: is needed",
        ),
        (|payment| payment.second_platform_key.clear(), "homemaking.payment.second_platform_key: is needed"),
    ];
    let phone = Phone::open(&app).await;
    let app = &phone.market.app;
    for (change, expected) in changes {
        let mut config = app.config.clone();
        change(&mut config.homemaking.payment);
        let said = gateway(&config, &app.ids, None).unwrap_err();
        assert!(said.starts_with(expected), "{said}");
    }
    let mut config = app.config.clone();
    config.homemaking.payment.notify_url.clear();
    config.server.public_url = "https://book.example.com".into();
    gateway(&config, &app.ids, None).unwrap();
}
