//! Paying with WeChat Pay outside of the mini-program: in a page of the official account, and by a code.

use serde_json::{Value, json};

use super::wechat::Phone;
use crate::support::TestApp;
use crate::support::wire::Answer;

both! {
    enforced:
    a_page_pays_by_the_official_account,
    a_browser_that_came_back_from_wechat_needs_no_code,
    a_code_that_is_scanned_pays,
    another_way_is_another_payment,
    what_a_page_may_not_or_cannot_is_told,
    a_way_counts_with_wechat_pay_only,
}

const ZHANG_SAN: &str = "wx-demo-zhangsan";

impl Phone {
    /// As [`Phone::open`], with the official account bound to the merchant.
    async fn open_pages(app: &TestApp) -> Self {
        let phone = Self::open(app).await;
        phone.wechat.bind_app(&phone.market.app.config.wechat.app_id);
        app.leaves_messages();
        phone
    }

    async fn ask(&self, order: i64, more: Value) -> Answer {
        let mut body = json!({ "action": 3 });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.market.consumer.home_post(&format!("order/{order}"), body).await
    }

    async fn page_code(&self) -> String {
        self.market.app.wechat_code(ZHANG_SAN).await
    }
}

async fn a_page_pays_by_the_official_account(app: TestApp) {
    let phone = Phone::open_pages(&app).await;
    let id = phone.market.agreed().await;
    let code = phone.page_code().await;
    let data = phone.ask(id, json!({ "pay_by": "official_account", "wechat_code": code })).await.ok();
    let payment = data["payment"].as_object().unwrap();
    let names: Vec<&str> = payment.keys().map(String::as_str).collect();
    assert_eq!(names, ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp", "trade_type"]);
    assert_eq!(payment["trade_type"], "JSAPI");
    assert_eq!(payment["appId"], app.config.wechat.app_id);
    let order = phone.wechat.orders().remove(0);
    assert_eq!((order.trade_type, order.openid.as_str(), order.total), ("JSAPI", ZHANG_SAN, 30_000));
    assert_eq!(order.app_id, app.config.wechat.app_id);
    assert_eq!(phone.market.status(id).await, 1, "not before the phone agrees");
    phone.wechat.pay(payment).unwrap();
    phone.report_last().await;
    assert_eq!(phone.market.status(id).await, 2);
    let refund = phone.market.refund(id).await;
    phone.expect_balanced().await;
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (5, 2));
}

async fn a_browser_that_came_back_from_wechat_needs_no_code(app: TestApp) {
    let phone = Phone::open_pages(&app).await;
    let id = phone.market.agreed().await;
    let wish = json!({ "action": 3, "pay_by": "official_account" });
    let path = format!("order/{id}");
    let refused = phone.market.consumer.home_post(&path, wish.clone()).await;
    assert_eq!(refused.failure(), (400, 10000));
    assert!(refused.says().contains("wechat_code: "), "{refused:?}");
    let browser = phone.market.app.wechat(ZHANG_SAN).await;
    let (_, cookie) = browser.own_headers().last().unwrap().clone();
    let consumer = phone.market.consumer.with("cookie", &cookie);
    let data = consumer.home_post(&path, wish.clone()).await.ok();
    assert_eq!(phone.wechat.orders()[0].openid, ZHANG_SAN);
    let again = consumer.home_post(&path, wish.clone()).await.ok();
    assert_eq!(again["payment"]["package"], data["payment"]["package"], "the same payment");
    let foreign = consumer.with("origin", "https://evil.example");
    assert_eq!(foreign.home_post(&path, wish).await.status, 403);
    phone.wechat.pay(data["payment"].as_object().unwrap()).unwrap();
    phone.market.wait(30).await;
    assert_eq!(phone.market.status(id).await, 2, "though nothing was reported");
    phone.expect_balanced().await;
}

async fn a_code_that_is_scanned_pays(app: TestApp) {
    let phone = Phone::open_pages(&app).await;
    let id = phone.market.agreed().await;
    let data = phone.ask(id, json!({ "pay_by": "native" })).await.ok();
    let url = data["payment"]["code_url"].as_str().unwrap();
    assert!(url.starts_with("weixin://wxpay/bizpayurl?"), "{url}");
    assert_eq!(data, json!({ "result": true, "payment": { "trade_type": "NATIVE", "code_url": url } }));
    let order = phone.wechat.orders().remove(0);
    assert_eq!((order.trade_type, order.openid.as_str(), order.total), ("NATIVE", "", 30_000));
    let again = phone.ask(id, json!({ "pay_by": "native" })).await.ok();
    assert_eq!(again["payment"]["code_url"], url, "the same code as long as it is good");
    phone.wechat.scan(url).unwrap();
    phone.report_last().await;
    assert_eq!(phone.market.status(id).await, 2);
    assert_eq!(phone.wechat.scan(url), Err("该订单已支付"));
    phone.expect_balanced().await;
}

async fn another_way_is_another_payment(app: TestApp) {
    let phone = Phone::open_pages(&app).await;
    let id = phone.market.agreed().await;
    let scanned = phone.ask(id, json!({ "pay_by": "native" })).await.ok();
    let code = phone.page_code().await;
    let in_page = phone.ask(id, json!({ "pay_by": "official_account", "wechat_code": code })).await.ok();
    let in_program = phone.begin(id, ZHANG_SAN).await;
    let states: Vec<_> = phone.wechat.orders().iter().map(|order| order.trade_state).collect();
    assert_eq!(states, ["CLOSED", "CLOSED", "NOTPAY"], "one at a time, whoever pays");
    assert!(phone.wechat.scan(scanned["payment"]["code_url"].as_str().unwrap()).is_err());
    assert!(phone.wechat.pay(in_page["payment"].as_object().unwrap()).is_err());
    phone.wechat.pay(&in_program).unwrap();
    // Paid, though we have not heard of it: asking for another way finds out.
    assert_eq!(phone.ask(id, json!({ "pay_by": "native" })).await.ok(), json!({ "result": true }));
    assert_eq!(phone.market.status(id).await, 2);
    phone.expect_balanced().await;
}

async fn what_a_page_may_not_or_cannot_is_told(app: TestApp) {
    let phone = Phone::open_pages(&app).await;
    let id = phone.market.agreed().await;
    let used = phone.page_code().await;
    app.post("/v1/login/token", json!({ "grant_type": "openid", "client_id": 44, "wechat_code": used }))
        .await;
    let in_program = phone.code(ZHANG_SAN);
    for (wish, field) in [
        (json!({ "pay_by": "official_account", "wechat_code": used }), "wechat_code"),
        (json!({ "pay_by": "official_account", "wechat_code": "invented" }), "wechat_code"),
        (json!({ "pay_by": "official_account", "wechat_code": in_program }), "wechat_code"),
        (json!({ "pay_by": "card" }), "pay_by"),
        (json!({ "pay_by": 1 }), "pay_by"),
    ] {
        let refused = phone.ask(id, wish.clone()).await;
        assert_eq!(refused.failure(), (400, 10000), "{wish}");
        assert!(refused.says().contains(&format!("{field}: ")), "{refused:?}");
    }
    let stranger = json!({ "action": 3, "pay_by": "native" });
    let answer = phone.market.publisher.home_post(&format!("order/{id}"), stranger).await;
    answer.failure();
    let without = phone.market.app.again(|config| config.wechat.app_id.clear()).await;
    let consumer = phone.market.at(&without).consumer;
    let wish = json!({ "action": 3, "pay_by": "official_account", "wechat_code": "x" });
    let refused = consumer.home_post(&format!("order/{id}"), wish).await;
    assert_eq!(refused.failure(), (400, 10000));
    assert!(refused.says().contains("pay_by: "), "{refused:?}");
    assert!(phone.wechat.orders().is_empty());
    phone.expect_balanced().await;
}

async fn a_way_counts_with_wechat_pay_only(app: TestApp) {
    let market = super::Market::open(&app).await;
    for pay_by in ["native", "official_account", "mini_program", ""] {
        let id = market.agreed().await;
        let body = json!({ "action": 3, "pay_by": pay_by });
        let paid = market.consumer.home_post(&format!("order/{id}"), body).await.ok();
        assert_eq!(paid, json!({ "result": true }), "{pay_by}");
    }
}
