//! Paying with WeChat Pay: the payer's phone agrees, and WeChat tells.

use serde_json::{Map, Value, json};
use yuyue::adapters::payment::PaymentGateway;
use yuyue::adapters::payment_simulator::{Announcement, Delivery};
use yuyue::adapters::wechat_pay::{ApiKey, MerchantKey, PlatformKey};
use yuyue::adapters::wechat_pay_simulator::{Fault, RefundOutcome, SimulatedMerchant, WechatPaySimulator};
use yuyue::clock::{HOUR, MINUTE};
use yuyue::config::Gateway;

use super::Market;
use crate::support::TestApp;

#[path = "../../../../src/adapters/wechat_pay/test_keys.rs"]
mod test_keys;

both! {
    an_order_is_paid_by_phone_and_report,
    an_order_is_paid_by_phone_and_query,
    paying_again_is_the_same_payment,
    another_payer_gets_another_payment,
    a_cancelled_order_cannot_be_paid_by_phone,
    money_paid_while_the_order_is_cancelled_goes_back,
    a_payment_that_nobody_made_ends,
    a_refund_is_paid_back_and_told,
    a_refund_that_cannot_reach_the_payer_is_told_to_staff,
    a_refund_waits_for_money_in_the_account,
    a_lost_answer_begins_nothing_twice,
    a_report_of_another_amount_merchant_or_key_is_refused,
    money_that_comes_a_moment_after_the_service_is_taken,
    a_key_may_change,
}

const NEXT_KEY_ID: &str = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1";
const API_KEY: &str = "0123456789abcdefghijklmnopqrstuv";

/// A market whose money is WeChat Pay's.
pub(super) struct Phone {
    pub market: Market,
    pub wechat: WechatPaySimulator,
}

impl Phone {
    pub async fn open(app: &TestApp) -> Self {
        let (merchant, platform) = (test_keys::merchant(), test_keys::platform());
        let mini_program = app.world().official.mini_program();
        let known = SimulatedMerchant {
            app_id: mini_program.app_id.clone(),
            mch_id: "1900000001".into(),
            serial: "7775B6A45ACD588826D15E583A95F5DD00000000".into(),
            merchant_public_key: PlatformKey::from_pem(&merchant.public).unwrap(),
            api_key: ApiKey::new(API_KEY).unwrap(),
            platform_key_id: "PUB_KEY_ID_0119000000012021060900000001".into(),
            platform_private_key: MerchantKey::from_pem(&platform.private).unwrap(),
        };
        let wechat = WechatPaySimulator::start(app.clock.clone(), known.clone()).await.unwrap();
        // Its reports are brought by hand: the address is nobody's.
        wechat.set_delivery(Delivery::Held);
        let key_file = app.config.data_dir.join("apiclient_key.pem");
        std::fs::write(&key_file, &merchant.private).unwrap();
        let app = app
            .again(|config| {
                let payment = &mut config.homemaking.payment;
                payment.gateway = Gateway::WechatPay;
                payment.base_url = wechat.base_url();
                payment.app_id = mini_program.app_id;
                payment.app_secret = mini_program.app_secret;
                payment.mch_id = known.mch_id;
                payment.serial = known.serial;
                payment.private_key_file = key_file;
                payment.api_v3_key = API_KEY.into();
                payment.platform_key_id = known.platform_key_id;
                payment.platform_key = platform.public.clone();
                payment.second_platform_key_id = NEXT_KEY_ID.into();
                payment.second_platform_key = test_keys::next_platform().public.clone();
                payment.notify_url = "https://book.example.com/homemaking/v1/payment/notify".into();
            })
            .await;
        assert!(matches!(app.gateway, Some(PaymentGateway::WechatPay { .. })));
        Self { market: Market::open(&app).await, wechat }
    }

    /// What `wx.login()` gives on the phone of `open_id`.
    pub fn code(&self, open_id: &str) -> String {
        self.market.app.world().official.log_in(open_id)
    }

    /// What the page is given to pay an order with; `open_id` proves itself, "" for who paid before.
    pub async fn begin(&self, order: i64, open_id: &str) -> Map<String, Value> {
        let mut body = json!({ "action": 3 });
        if !open_id.is_empty() {
            body["wechat_code"] = self.code(open_id).into();
        }
        let data = self.market.consumer.home_post(&format!("order/{order}"), body).await.ok();
        assert_eq!(data["result"], true);
        data["payment"].as_object().unwrap().clone()
    }

    pub async fn paid(&self) -> i64 {
        let id = self.market.agreed().await;
        self.wechat.pay(&self.begin(id, "wx-demo-zhangsan").await).unwrap();
        self.report_last().await;
        assert_eq!(self.market.status(id).await, 2);
        id
    }

    fn last_report(&self) -> Announcement {
        self.wechat.announcements().pop().unwrap()
    }

    pub async fn report_last(&self) {
        self.market.report(&self.last_report()).await.expect(204);
        self.market.app.drain_outbox().await;
    }

    fn trade_states(&self) -> Vec<&'static str> {
        self.wechat.orders().iter().map(|order| order.trade_state).collect()
    }

    pub async fn expect_balanced(&self) {
        self.market.wait_for_all().await;
        assert_eq!(self.market.differences().await, [""; 0]);
        let paid = |state: &&str| ["SUCCESS", "REFUND"].contains(state);
        let charged = self.trade_states().iter().filter(|state| paid(state)).count();
        let refunded = self.wechat.refunds().iter().filter(|refund| refund.status == "SUCCESS").count();
        let balance = format!("{}.00", 300 * (charged - refunded));
        assert_eq!(self.market.ledger().await.1, balance);
    }
}

async fn an_order_is_paid_by_phone_and_report(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    let names: Vec<&str> = parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"]);
    assert_eq!(phone.market.status(id).await, 1, "not before the phone agrees");
    let order = phone.wechat.orders().remove(0);
    assert_eq!((order.total, order.openid.as_str()), (30_000, "wx-demo-zhangsan"));
    phone.wechat.pay(&parameters).unwrap();
    for _ in 0..2 {
        phone.report_last().await;
        assert_eq!(phone.market.status(id).await, 2);
    }
    let said = phone.market.staff.get("/admin/v1/ledger").await.expect(200).json();
    assert_eq!(said["items"][0]["gateway_id"], phone.wechat.orders()[0].transaction_id);
    phone.expect_balanced().await;
}

async fn an_order_is_paid_by_phone_and_query(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    phone.wechat.pay(&phone.begin(id, "wx-demo-zhangsan").await).unwrap();
    phone.market.wait(30).await;
    assert_eq!(phone.market.status(id).await, 2, "though nothing was reported");
    phone.report_last().await;
    phone.expect_balanced().await;
}

async fn paying_again_is_the_same_payment(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let first = phone.begin(id, "wx-demo-zhangsan").await;
    phone.market.app.clock.advance(MINUTE);
    let second = phone.begin(id, "").await;
    assert_eq!(first["package"], second["package"]);
    assert_eq!(phone.wechat.orders().len(), 1);
    phone.wechat.pay(&first).unwrap();
    assert_eq!(phone.wechat.pay(&second), Err("该订单已支付"));
    // Paid, though we have not heard of it: asking to pay once more finds out.
    assert_eq!(phone.market.pay(id).await.ok(), json!({ "result": true }));
    assert_eq!(phone.market.status(id).await, 2);
    phone.expect_balanced().await;
}

async fn another_payer_gets_another_payment(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let first = phone.begin(id, "wx-demo-zhangsan").await;
    let second = phone.begin(id, "wx-demo-lisi").await;
    assert_eq!(phone.trade_states(), ["CLOSED", "NOTPAY"]);
    assert_eq!(phone.wechat.pay(&first), Err("该订单已关闭"));
    phone.wechat.pay(&second).unwrap();
    phone.report_last().await;
    assert_eq!(phone.market.status(id).await, 2);
    phone.expect_balanced().await;
}

async fn a_cancelled_order_cannot_be_paid_by_phone(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    phone.market.cancel(id).await.ok();
    phone.market.app.drain_outbox().await;
    assert_eq!(phone.trade_states(), ["CLOSED"], "at once");
    assert_eq!(phone.wechat.pay(&parameters), Err("该订单已关闭"));
    phone.expect_balanced().await;
}

async fn money_paid_while_the_order_is_cancelled_goes_back(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    phone.market.cancel(id).await.ok();
    phone.wechat.pay(&parameters).unwrap();
    phone.report_last().await;
    phone.expect_balanced().await;
    assert_eq!(phone.market.status(id).await, 5);
    assert_eq!(phone.wechat.refunds().len(), 1);
    assert_eq!(phone.wechat.refunds()[0].reason, "订单已取消，款项退回");
}

async fn a_payment_that_nobody_made_ends(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    phone.market.app.clock.advance(2 * HOUR);
    phone.market.wait_for_all().await;
    assert_eq!((phone.market.status(id).await, phone.trade_states()), (1, vec!["CLOSED"]));
    assert_eq!(phone.wechat.pay(&parameters), Err("该订单已关闭"));
    let again = phone.begin(id, "").await;
    assert_ne!(again["package"], parameters["package"]);
    phone.wechat.pay(&again).unwrap();
    phone.report_last().await;
    assert_eq!(phone.market.status(id).await, 2);
    phone.expect_balanced().await;
}

async fn a_refund_is_paid_back_and_told(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.paid().await;
    phone.wechat.set_refund_outcome(RefundOutcome::Later);
    let refund = phone.market.refund(id).await;
    phone.market.app.drain_outbox().await;
    phone.market.wait(60).await;
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (2, 1));
    phone.wechat.finish_refunds();
    phone.report_last().await;
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (5, 2));
    assert_eq!(phone.wechat.refunds().len(), 1);
    phone.expect_balanced().await;
}

async fn a_refund_that_cannot_reach_the_payer_is_told_to_staff(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.paid().await;
    phone.wechat.set_refund_outcome(RefundOutcome::Abnormal);
    let refund = phone.market.refund(id).await;
    phone.market.app.drain_outbox().await;
    phone.market.wait(60).await;
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (2, 1));
    let told = "SELECT count(*) AS value FROM audit WHERE action = 'payment.refund_stuck'";
    assert_eq!(phone.market.app.number(told).await, 1);
    assert_eq!(phone.market.differences().await, [""; 0]);
    phone.market.app.clock.advance(25 * HOUR);
    let found = phone.market.differences().await;
    assert!(found[0].contains("has not been paid back for more than a day"), "{found:?}");
    phone.market.app.leaves_messages();
}

async fn a_refund_waits_for_money_in_the_account(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.paid().await;
    phone.wechat.set_refund_outcome(RefundOutcome::NotEnough);
    let refund = phone.market.refund(id).await;
    phone.market.app.drain_outbox().await;
    phone.market.app.clock.advance(HOUR);
    phone.market.app.drain_outbox().await;
    let told = "SELECT count(*) AS value FROM audit WHERE action = 'payment.refund_refused'";
    assert_eq!(phone.market.app.number(told).await, 1, "once, though tried twice");
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (2, 1));
    phone.wechat.set_refund_outcome(RefundOutcome::Success);
    phone.expect_balanced().await;
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (5, 2));
}

async fn a_lost_answer_begins_nothing_twice(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let code = phone.code("wx-demo-zhangsan");
    phone.wechat.set_fault(Fault::Lost);
    let body = json!({ "action": 3, "wechat_code": code });
    let unclear = phone.market.consumer.home_post(&format!("order/{id}"), body).await;
    assert_eq!(unclear.failure(), (400, 10017));
    phone.wechat.set_fault(Fault::Ok);
    phone.wechat.pay(&phone.begin(id, "").await).unwrap();
    assert_eq!(phone.wechat.orders().len(), 1);
    phone.report_last().await;
    phone.wechat.set_fault(Fault::Lost);
    let refund = phone.market.refund(id).await;
    phone.market.app.drain_outbox().await;
    phone.wechat.set_fault(Fault::Ok);
    phone.expect_balanced().await;
    assert_eq!((phone.market.status(id).await, phone.market.refund_status(refund).await), (5, 2));
    assert_eq!(phone.wechat.refunds().len(), 1);
}

async fn a_report_of_another_amount_merchant_or_key_is_refused(app: TestApp) {
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    phone.begin(id, "wx-demo-zhangsan").await;
    let out_no = phone.wechat.orders()[0].out_trade_no.clone();
    let content = |mchid: &str, total: i64| {
        json!({
            "mchid": mchid, "appid": app.world().official.mini_program().app_id, "out_trade_no": out_no, "transaction_id": "42",
            "trade_state": "SUCCESS", "amount": { "total": total, "currency": "CNY" },
        })
    };
    let report = |content| phone.wechat.announcement("TRANSACTION.SUCCESS", content);
    phone.market.report(&report(content("1900000001", 1))).await.expect(409);
    phone.market.report(&report(content("1900000002", 30_000))).await.expect(401);
    let mut forged = report(content("1900000001", 30_000));
    forged.headers[2].1 = "AAAA".into();
    let refused = phone.market.report(&forged).await.expect(401).json();
    assert_eq!(refused["code"], "FAIL");
    // Of no use to us, and no reason to repeat it.
    let other = phone.wechat.announcement("PAYSCORE.USER_OPEN_SERVICE", json!({}));
    phone.market.report(&other).await.expect(204);
    phone.market.app.drain_outbox().await;
    assert_eq!((phone.market.status(id).await, phone.market.ledger().await.0.len()), (1, 0));
    phone.market.cancel(id).await.ok();
    phone.expect_balanced().await;
}

async fn money_that_comes_a_moment_after_the_service_is_taken(app: TestApp) {
    app.at(jiff::civil::date(2021, 10, 7).at(23, 59, 50, 0));
    let phone = Phone::open(&app).await;
    let id = phone.market.agreed().await;
    let parameters = phone.begin(id, "wx-demo-zhangsan").await;
    phone.wechat.pay(&parameters).unwrap();
    app.clock.advance(20_000);
    assert_eq!(phone.market.pay(id).await.failure(), (400, 10011), "it was not begun anew");
    phone.report_last().await;
    assert_eq!(phone.market.status(id).await, 2);
    phone.expect_balanced().await;
}

/// Reports and answers are believed with either key, and with no third one.
async fn a_key_may_change(app: TestApp) {
    let phone = Phone::open(&app).await;
    phone.paid().await;
    let next = MerchantKey::from_pem(&test_keys::next_platform().private).unwrap();
    phone.wechat.change_key(NEXT_KEY_ID, next.clone());
    let id = phone.paid().await;
    let refund = phone.market.refund(id).await;
    phone.expect_balanced().await;
    assert_eq!(phone.market.refund_status(refund).await, 2);
    // The id of one key under a text that the other signed.
    let report = |id: &str, key: &str| {
        phone.wechat.change_key(id, MerchantKey::from_pem(key).unwrap());
        phone.wechat.announcement("PAYSCORE.USER_OPEN_SERVICE", json!({}))
    };
    let (next, merchant) = (&test_keys::next_platform().private, &test_keys::merchant().private);
    phone.market.report(&report(NEXT_KEY_ID, next)).await.expect(204);
    phone.market.report(&report("PUB_KEY_ID_0119000000012021060900000001", next)).await.expect(401);
    phone.market.report(&report(NEXT_KEY_ID, merchant)).await.expect(401);
    phone.market.report(&report("PUB_KEY_ID_OTHER", next)).await.expect(401);
}
