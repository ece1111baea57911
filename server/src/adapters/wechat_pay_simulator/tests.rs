use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::tz::TimeZone;

use super::*;
use crate::adapters::http::BaseUrl;
use crate::adapters::payment::{
    Charge, ChargeState, Event, PaymentError, Refund, RefundState, Settlement, Way,
};
use crate::adapters::wechat_pay::tests::test_keys::{merchant, next_platform, platform};
use crate::adapters::wechat_pay::{NamedKey, SCHEME, WechatPay, WechatPayAccount};
use crate::clock::{HOUR, MINUTE};

const START: Millis = 1_623_234_600_000;
const API_KEY: &str = "0123456789abcdefghijklmnopqrstuv";
const OPENID: &str = "oTEST0000000000000000000000A";

struct Bench {
    clock: Clock,
    simulator: WechatPaySimulator,
    client: WechatPay,
}

fn simulated() -> SimulatedMerchant {
    SimulatedMerchant {
        app_id: "wx0123456789abcdef".into(),
        mch_id: "1900000001".into(),
        serial: "7775B6A45ACD588826D15E583A95F5DD00000000".into(),
        merchant_public_key: PlatformKey::from_pem(&merchant().public).unwrap(),
        api_key: ApiKey::new(API_KEY).unwrap(),
        platform_key_id: "PUB_KEY_ID_0119000000012021060900000001".into(),
        platform_private_key: MerchantKey::from_pem(&platform().private).unwrap(),
    }
}

impl Bench {
    async fn new() -> Self {
        Self::with(HttpLimits::default(), |_| ()).await
    }

    /// `change` edits what the client knows, not the simulator.
    async fn with(limits: HttpLimits, change: impl FnOnce(&mut WechatPayAccount)) -> Self {
        let clock = Clock::manual(TimeZone::UTC, START);
        let known = simulated();
        let simulator = WechatPaySimulator::start(clock.clone(), known.clone()).await.unwrap();
        let mut account = WechatPayAccount {
            base_url: simulator.base_url(),
            app_id: known.app_id,
            official_app_id: "wxofficial0000001".into(),
            mch_id: known.mch_id,
            serial: known.serial,
            merchant_key: MerchantKey::from_pem(&merchant().private).unwrap(),
            api_key: known.api_key,
            platform_key: NamedKey {
                id: known.platform_key_id,
                key: PlatformKey::from_pem(&platform().public).unwrap(),
            },
            second_platform_key: None,
            notify_url: "https://book.example.com/homemaking/v1/payment/notify".into(),
        };
        change(&mut account);
        // The address is nobody's: notifications are looked at here.
        simulator.set_delivery(Delivery::Held);
        let client = WechatPay::new(Http::new(limits).unwrap(), Ids::default(), account).unwrap();
        Self { clock, simulator, client }
    }

    fn now(&self) -> Millis {
        self.clock.now().at
    }

    async fn order(&self, charge: &Charge) -> Result<Map<String, Value>, PaymentError> {
        self.client.order(charge, self.now()).await
    }

    async fn state(&self, id: &str) -> ChargeState {
        self.client.order_state(id, self.now()).await.unwrap()
    }

    /// A paid order of 300.00.
    async fn paid(&self) -> Settlement {
        let parameters = self.order(&charge()).await.unwrap();
        self.simulator.pay(&parameters).unwrap();
        match self.state("y1000001").await {
            ChargeState::Settled(settlement) => settlement,
            other => panic!("{other:?}"),
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<RefundState, PaymentError> {
        self.client.refund(refund, self.now()).await
    }

    fn read(&self, announcement: &Announcement) -> Result<Event, String> {
        let header = |(name, value): &(&'static str, String)| {
            (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        };
        let headers: HeaderMap = announcement.headers.iter().map(header).collect();
        let read = self.client.read_notification(&headers, &announcement.body, self.now());
        read.map(|read| read.expect("an event of use").event).map_err(|forged| forged.0)
    }
}

fn charge() -> Charge {
    Charge {
        id: "y1000001".into(),
        amount: 30_000,
        description: "节假日宠物寄养".into(),
        way: Way::default(),
        payer: OPENID.into(),
        expires_at: START + HOUR,
    }
}

fn refund() -> Refund {
    Refund {
        id: "y1000002".into(),
        charge_id: "y1000001".into(),
        amount: 30_000,
        charged: 30_000,
        reason: "订单退款".into(),
    }
}

fn is_settled(state: &RefundState) -> bool {
    matches!(state, RefundState::Settled(settlement) if settlement.amount == 30_000)
}

#[tokio::test]
async fn an_order_is_placed_paid_and_found() {
    let bench = Bench::new().await;
    assert_eq!(bench.state("y1000001").await, ChargeState::Unknown);
    let parameters = bench.order(&charge()).await.unwrap();
    assert_eq!(bench.state("y1000001").await, ChargeState::Pending);
    let order = &bench.simulator.orders()[0];
    assert_eq!((order.total, order.openid.as_str()), (30_000, OPENID));
    assert_eq!(order.time_expire, "2021-06-09T19:30:00+08:00");
    assert_eq!(parameters["package"], format!("prepay_id={}", order.prepay_id));
    bench.simulator.pay(&parameters).unwrap();
    assert_eq!(bench.simulator.pay(&parameters), Err("该订单已支付"));
    let ChargeState::Settled(settlement) = bench.state("y1000001").await else { panic!("it was paid") };
    assert_eq!(settlement.amount, 30_000);
    assert_eq!(settlement.gateway_id, bench.simulator.orders()[0].transaction_id);
}

#[tokio::test]
async fn the_phone_refuses_parameters_that_were_changed() {
    let bench = Bench::new().await;
    let parameters = bench.order(&charge()).await.unwrap();
    for (name, value) in [("nonceStr", "other"), ("timeStamp", "1"), ("package", "prepay_id=other")] {
        let mut changed = parameters.clone();
        changed[name] = value.into();
        assert_eq!(bench.simulator.pay(&changed), Err("支付验证签名失败"), "{name}");
    }
    assert_eq!(bench.state("y1000001").await, ChargeState::Pending);
}

#[tokio::test]
async fn the_same_order_again_is_the_same_and_another_is_refused() {
    let bench = Bench::new().await;
    let first = bench.order(&charge()).await.unwrap();
    assert_eq!(bench.order(&charge()).await.unwrap()["package"], first["package"]);
    for changed in [
        Charge { amount: 1, ..charge() },
        Charge { payer: "oOTHER".into(), ..charge() },
        Charge { expires_at: START + 2 * HOUR, ..charge() },
    ] {
        let refused = bench.order(&changed).await.unwrap_err();
        assert!(refused.reason().starts_with("400 INVALID_REQUEST"), "{refused}");
    }
    assert_eq!(bench.simulator.orders().len(), 1);
    bench.simulator.pay(&first).unwrap();
    // Whoever asks to be paid again is sent to ask what was paid.
    assert!(matches!(bench.order(&charge()).await, Err(PaymentError::Unclear { .. })));
}

#[tokio::test]
async fn an_order_is_closed_unless_it_is_paid() {
    let bench = Bench::new().await;
    assert!(bench.client.close("y1000001", START).await.unwrap(), "nobody can pay what was never placed");
    let parameters = bench.order(&charge()).await.unwrap();
    assert!(bench.client.close("y1000001", START).await.unwrap());
    assert_eq!(bench.state("y1000001").await, ChargeState::Closed);
    assert!(bench.client.close("y1000001", START).await.unwrap());
    assert_eq!(bench.simulator.pay(&parameters), Err("该订单已关闭"));
    assert!(matches!(bench.order(&charge()).await, Err(PaymentError::Refused { .. })));
    let other = Charge { id: "y1000009".into(), ..charge() };
    bench.simulator.pay(&bench.order(&other).await.unwrap()).unwrap();
    assert!(!bench.client.close("y1000009", START).await.unwrap());
}

#[tokio::test]
async fn an_order_ends_at_its_time() {
    let bench = Bench::new().await;
    let parameters = bench.order(&charge()).await.unwrap();
    bench.clock.advance(HOUR);
    assert_eq!(bench.simulator.pay(&parameters), Err("该订单已关闭"));
    assert_eq!(bench.state("y1000001").await, ChargeState::Closed);
}

#[tokio::test]
async fn a_refund_is_taken_once_and_asked_for() {
    let bench = Bench::new().await;
    bench.paid().await;
    assert_eq!(bench.client.refund_state("y1000002", START).await.unwrap(), RefundState::Unknown);
    assert_eq!(bench.refund(&refund()).await.unwrap(), RefundState::Pending);
    assert!(is_settled(&bench.refund(&refund()).await.unwrap()));
    assert!(is_settled(&bench.client.refund_state("y1000002", START).await.unwrap()));
    assert_eq!(bench.simulator.refunds().len(), 1);
    let more = Refund { id: "y1000003".into(), amount: 1, ..refund() };
    assert!(matches!(bench.refund(&more).await, Err(PaymentError::Refused { .. })));
    assert!(matches!(bench.state("y1000001").await, ChargeState::Settled(_)), "it was paid all the same");
}

#[tokio::test]
async fn a_refund_may_take_its_time_or_fail() {
    let bench = Bench::new().await;
    bench.paid().await;
    bench.simulator.set_refund_outcome(RefundOutcome::NotEnough);
    assert!(matches!(bench.refund(&refund()).await, Err(PaymentError::Unavailable { after: Some(_), .. })));
    assert!(bench.simulator.refunds().is_empty());
    bench.simulator.set_refund_outcome(RefundOutcome::Later);
    for _ in 0..2 {
        assert_eq!(bench.refund(&refund()).await.unwrap(), RefundState::Pending);
    }
    bench.simulator.set_refund_outcome(RefundOutcome::Abnormal);
    bench.simulator.finish_refunds();
    assert!(matches!(bench.refund(&refund()).await.unwrap(), RefundState::Stuck { .. }));
    let announcements = bench.simulator.announcements();
    let event = bench.read(announcements.last().unwrap()).unwrap();
    assert!(matches!(event, Event::Refunded { state: RefundState::Stuck { .. }, .. }), "{event:?}");
}

#[tokio::test]
async fn a_lost_or_forged_answer_leaves_the_outcome_open() {
    let bench = Bench::new().await;
    for fault in [Fault::Lost, Fault::Forged, Fault::Down] {
        bench.simulator.set_fault(fault);
        assert!(matches!(bench.order(&charge()).await, Err(PaymentError::Unclear { .. })), "{fault:?}");
    }
    let forged = bench.client.order_state("y1000001", START).await;
    bench.simulator.set_fault(Fault::Ok);
    assert!(matches!(forged, Err(PaymentError::Unclear { .. })));
    assert_eq!(bench.state("y1000001").await, ChargeState::Pending);
    bench.paid().await;
    bench.simulator.set_fault(Fault::Lost);
    assert!(matches!(bench.refund(&refund()).await, Err(PaymentError::Unclear { .. })));
    bench.simulator.set_fault(Fault::Ok);
    assert!(is_settled(&bench.refund(&refund()).await.unwrap()));
    assert_eq!(bench.simulator.refunds().len(), 1);
}

#[tokio::test]
async fn a_slow_answer_runs_into_the_time_out() {
    let limits = HttpLimits { total: Duration::from_millis(500), ..HttpLimits::default() };
    let bench = Bench::with(limits, |_| ()).await;
    bench.simulator.set_fault(Fault::Slow);
    assert!(matches!(bench.order(&charge()).await, Err(PaymentError::Unclear { .. })));
    assert_eq!(bench.simulator.orders().len(), 1);
}

#[tokio::test]
async fn only_the_merchant_is_heard() {
    let changes: [fn(&mut WechatPayAccount); 3] = [
        |account| account.merchant_key = MerchantKey::from_pem(&platform().private).unwrap(),
        |account| account.mch_id = "1900000002".into(),
        |account| account.serial = "0".into(),
    ];
    for change in changes {
        let bench = Bench::with(HttpLimits::default(), change).await;
        let refused = bench.order(&charge()).await.unwrap_err();
        assert!(refused.reason().starts_with("401 SIGN_ERROR"), "{refused}");
        assert!(matches!(refused, PaymentError::Unavailable { after: Some(_), .. }));
    }
    let bench = Bench::new().await;
    for skew in [-6 * MINUTE, 6 * MINUTE] {
        let refused = bench.client.order(&charge(), START + skew).await.unwrap_err();
        assert!(refused.reason().starts_with("401 SIGN_ERROR"), "{refused}");
    }
    assert!(bench.simulator.orders().is_empty());
}

/// A query put together by hand, to say what the client never would.
#[tokio::test]
async fn a_nonce_is_good_for_one_request_and_a_signature_for_one_path() {
    let bench = Bench::new().await;
    bench.order(&charge()).await.unwrap();
    let (path, query) = ("/v3/pay/transactions/out-trade-no/y1000001", "mchid=1900000001");
    let time = (START / SECOND).to_string();
    let signed = lines(&["GET", &format!("{path}?{query}"), &time, "n1", ""]);
    let signature = MerchantKey::from_pem(&merchant().private).unwrap().sign(&signed);
    let serial = simulated().serial;
    let authorization = format!(
        "{SCHEME} mchid=\"1900000001\",serial_no=\"{serial}\",nonce_str=\"n1\",timestamp=\"{time}\",signature=\"{signature}\""
    );
    let base = BaseUrl::parse(&bench.simulator.base_url(), false).unwrap();
    let http = Http::new(HttpLimits::default()).unwrap();
    let ask = async |path: &str| {
        let request = http.request(reqwest::Method::GET, &base, path, Some(query));
        let request = request.header("authorization", &authorization);
        let request = request.header("accept", "application/json").header("user-agent", "test");
        http.run(request).await.unwrap().status
    };
    assert_eq!(ask("/v3/pay/transactions/out-trade-no/y1000002").await, 401, "another path");
    assert_eq!(ask(path).await, 200);
    assert_eq!(ask(path).await, 401, "the same nonce");
}

#[tokio::test]
async fn a_notification_is_read() {
    let bench = Bench::new().await;
    let settlement = bench.paid().await;
    bench.refund(&refund()).await.unwrap();
    let announcements = bench.simulator.announcements();
    assert_eq!(announcements[0].url, "https://book.example.com/homemaking/v1/payment/notify");
    let charged = Event::Charged { charge_id: "y1000001".into(), settlement };
    assert_eq!(bench.read(&announcements[0]).unwrap(), charged);
    let event = bench.read(&announcements[1]).unwrap();
    let is_refunded = |event: &Event| matches!(event, Event::Refunded { refund_id, state } if refund_id == "y1000002" && is_settled(state));
    assert!(is_refunded(&event), "{event:?}");
}

#[tokio::test]
async fn a_notification_of_somebody_else_is_refused() {
    let bench = Bench::new().await;
    bench.paid().await;
    let genuine = bench.simulator.announcements().remove(0);
    let refused = |announcement: &Announcement| bench.read(announcement).unwrap_err();

    let mut changed = genuine.clone();
    changed.body.push(b' ');
    assert_eq!(refused(&changed), "its signature is wrong");
    let mut unknown = genuine.clone();
    unknown.headers[3].1 = "PUB_KEY_ID_OTHER".into();
    assert_eq!(refused(&unknown), "it is signed with a key that we do not have");
    let mut bare = genuine.clone();
    bare.headers.clear();
    assert!(refused(&bare).starts_with("it is signed"));

    let content = |mchid: &str, appid: &str, currency: &str| {
        json!({
            "mchid": mchid, "appid": appid, "out_trade_no": "y1000001", "transaction_id": "42",
            "trade_state": "SUCCESS", "amount": { "total": 30_000, "currency": currency },
        })
    };
    let signed = |content: Value| bench.simulator.announcement("TRANSACTION.SUCCESS", content);
    let merchant = signed(content("1900000002", "wx0123456789abcdef", "CNY"));
    assert_eq!(refused(&merchant), "it is for merchant 1900000002, app wx0123456789abcdef");
    let app = signed(content("1900000001", "wxother", "CNY"));
    assert_eq!(refused(&app), "it is for merchant 1900000001, app wxother");
    let dollars = signed(content("1900000001", "wx0123456789abcdef", "USD"));
    assert_eq!(refused(&dollars), "a paid order without an amount in CNY");

    bench.clock.advance(6 * MINUTE);
    assert_eq!(refused(&genuine), "its time is off by more than five minutes");
}

#[tokio::test]
async fn a_notification_under_another_key_does_not_open() {
    let other = |account: &mut WechatPayAccount| {
        account.api_key = ApiKey::new("vutsrqponmlkjihgfedcba9876543210").unwrap();
    };
    let bench = Bench::with(HttpLimits::default(), other).await;
    let parameters = bench.order(&charge()).await.unwrap();
    bench.simulator.pay(&parameters).unwrap();
    let announcement = bench.simulator.announcements().remove(0);
    assert_eq!(bench.read(&announcement).unwrap_err(), "it is not encrypted with our API v3 key");
}

/// Before, during and after a change of WeChat's key.
#[tokio::test]
async fn an_answer_under_the_second_key_is_believed() {
    let next =
        || NamedKey { id: "NEXT".into(), key: PlatformKey::from_pem(&next_platform().public).unwrap() };
    for has_second in [true, false] {
        let change = |account: &mut WechatPayAccount| account.second_platform_key = has_second.then(next);
        let bench = Bench::with(HttpLimits::default(), change).await;
        bench.order(&charge()).await.unwrap();
        bench.simulator.change_key("NEXT", MerchantKey::from_pem(&next_platform().private).unwrap());
        match (has_second, bench.client.order_state("y1000001", START).await) {
            (true, Ok(ChargeState::Pending)) | (false, Err(PaymentError::Unclear { .. })) => {}
            (_, other) => panic!("{has_second}: {other:?}"),
        }
    }
}
