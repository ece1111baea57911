use std::time::Duration;

use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Map, Value, json};

use crate::adapters::http::{BaseUrl, Http, HttpLimits};
use crate::adapters::wechat::{CloudBinding, CloudMessage, WechatCloud, WechatError};
use crate::adapters::wechat_simulator::{CloudSimulator, Fault, Received};
use crate::clock::Clock;

const START: i64 = 1_623_232_800_000;
const PHONE: &str = "13811111111";
const USER: &str = "oTEST/user 1_a";

struct Bench {
    simulator: CloudSimulator,
    cloud: WechatCloud,
    url: String,
}

impl Bench {
    async fn new() -> Self {
        Self::with(HttpLimits::default()).await
    }

    async fn with(limits: HttpLimits) -> Self {
        let clock = Clock::manual(TimeZone::UTC, START);
        let simulator = CloudSimulator::start(clock).await.unwrap();
        let url = simulator.base_url();
        Self { simulator, cloud: WechatCloud::new(Http::new(limits).unwrap()), url }
    }

    async fn bind(&self) -> Result<CloudBinding, WechatError> {
        self.cloud.bind(&self.url, USER, PHONE).await
    }

    async fn send(&self) -> Result<(), WechatError> {
        self.cloud.send(&self.url, &message()).await
    }
}

fn message() -> CloudMessage {
    let params = json!({"first": "您好，\"张三\"", "keyword1": "2021年6月9日 18:30", "remark": ""});
    CloudMessage {
        phone: PHONE.into(),
        template: "399LquLmEmb7-h-_Zu1n6EEjBf0qhgjS3Dn2M2FWRmQ".into(),
        url: Some("https://example.com/v/1?a=b&c=d".into()),
        params: params.as_object().unwrap().clone(),
        out_id: "7".into(),
    }
}

#[tokio::test]
async fn bindings_come_and_go() {
    let bench = Bench::new().await;
    let read = async || bench.cloud.binding(&bench.url, USER).await.unwrap();
    assert_eq!(read().await, None);
    assert!(!bench.cloud.unbind(&bench.url, USER).await.unwrap());
    let binding = bench.bind().await.unwrap();
    assert_eq!((binding.phone.as_str(), binding.nick.as_str()), (PHONE, "微信用户 1_a"));
    assert_eq!(bench.bind().await.unwrap(), binding, "binding again changes nothing");
    assert_eq!(read().await.as_ref(), Some(&binding));
    assert_eq!(bench.simulator.bindings(), std::slice::from_ref(&binding));
    let other = bench.cloud.bind(&bench.url, USER, "13822222222").await.unwrap_err();
    assert_eq!(
        other,
        WechatError::GiveUp {
            reason: "the cloud service refused (-102): 该微信已绑定其他手机号码".into()
        }
    );
    assert!(matches!(bench.cloud.bind(&bench.url, "", PHONE).await, Err(WechatError::GiveUp { .. })));

    let http = Http::new(HttpLimits::default()).unwrap();
    let base = BaseUrl::parse(&bench.url, false).unwrap();
    let path = binding.avatar.strip_prefix(&bench.url).unwrap();
    let picture = http.run(http.request(Method::GET, &base, path, None)).await.unwrap();
    assert!(picture.body.starts_with(&[0xff, 0xd8, 0xff]));

    assert!(bench.cloud.unbind(&bench.url, USER).await.unwrap());
    assert_eq!(read().await, None);
}

#[tokio::test]
async fn a_message_reaches_everybody_who_bound_the_phone() {
    let bench = Bench::new().await;
    let unbound = bench.send().await.unwrap_err();
    assert_eq!(
        unbound,
        WechatError::GiveUp {
            reason: "the cloud service refused (-103): 该手机号码未绑定微信".into()
        }
    );
    bench.bind().await.unwrap();
    bench.cloud.bind(&bench.url, "o2", PHONE).await.unwrap();
    bench.cloud.bind(&bench.url, "o3", "13822222222").await.unwrap();
    bench.send().await.unwrap();
    let CloudMessage { phone, template, url, params, .. } = message();
    let second = Received { phone, open_id: "o2".into(), template, params, url, at: START };
    let first = Received { open_id: USER.into(), ..second.clone() };
    assert_eq!(bench.simulator.received(), [second, first]);
    assert_eq!(bench.simulator.received_by(PHONE).len(), 2);
    assert!(bench.simulator.received_by("13822222222").is_empty());
}

#[tokio::test]
async fn faults_are_told_apart() {
    let bench = Bench::new().await;
    bench.bind().await.unwrap();
    for (fault, expected) in [(Fault::Down, "WeChat answered 503"), (Fault::Error, "WeChat answered 500")] {
        bench.simulator.set_fault(fault);
        let retry = WechatError::Retry { reason: expected.into(), after: None };
        assert_eq!(bench.send().await.unwrap_err(), retry);
        assert_eq!(bench.cloud.binding(&bench.url, USER).await.unwrap_err(), retry, "not taken for unbound");
        assert_eq!(bench.cloud.unbind(&bench.url, USER).await.unwrap_err(), retry);
    }
    bench.simulator.set_fault(Fault::LostAnswer);
    let lost = bench.send().await.unwrap_err();
    assert!(matches!(&lost, WechatError::Retry { reason, .. } if reason.starts_with("the answer was lost")));
    assert_eq!(bench.simulator.received().len(), 1);
    bench.simulator.set_fault(Fault::Ok);
    bench.send().await.unwrap();
    assert_eq!(bench.simulator.received().len(), 2, "the service does not tell repeats apart");
}

#[tokio::test]
async fn a_slow_service_runs_into_the_time_out() {
    let bench = Bench::with(HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() }).await;
    bench.simulator.set_fault(Fault::Slow);
    assert_eq!(
        bench.send().await.unwrap_err(),
        WechatError::Retry { reason: "no answer in time".into(), after: None }
    );
    assert!(bench.simulator.received().is_empty());
}

#[tokio::test]
async fn a_wrong_address_is_for_staff() {
    let bench = Bench::new().await;
    for url in ["", "cloud.example", "ftp://host", &format!("{}/elsewhere", bench.url)] {
        let error = bench.cloud.send(url, &message()).await.unwrap_err();
        assert!(matches!(error, WechatError::Configuration { .. }), "{url}: {error:?}");
    }
    assert!(!format!("{:?}", message()).contains("张三"));
}

/// What no call of the client shows.
#[tokio::test]
async fn the_service_takes_forms_and_text_that_holds_json() {
    let bench = Bench::new().await;
    bench.bind().await.unwrap();
    let http = Http::new(HttpLimits::default()).unwrap();
    let base = BaseUrl::parse(&bench.url, false).unwrap();
    let post = async |path: &str, body: Value| {
        let request = http.request(Method::POST, &base, path, None);
        let request = request.header(CONTENT_TYPE, "application/json").body(body.to_string());
        http.run(request).await.unwrap().json::<Value>().unwrap()["code"].clone()
    };
    assert_eq!(post("/v2/wechat/binding", json!({"weixinUserId": "o9", "phone": PHONE})).await, -100);
    let send = |data: Value| json!({"phone": PHONE, "tplMessageId": "t", "data": data});
    assert_eq!(post("/v2/message", send(json!({"first": "x"}))).await, -100, "an object is refused");
    assert_eq!(post("/v2/message", send("no json".into())).await, -100);
    assert_eq!(post("/v2/message", send("{\"first\":\"x\"}".into())).await, 0);
    let params = Map::from_iter([("first".to_owned(), "x".into())]);
    assert_eq!(bench.simulator.received()[0].params, params);
}
