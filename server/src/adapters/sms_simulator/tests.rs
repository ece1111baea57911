use reqwest::Method;

use super::*;
use crate::adapters::http::{BaseUrl, Http, HttpLimits};
use crate::adapters::sms::{CanonicalRequest, SmsClient, SmsError, SmsMessage, SmsReceipt, sha256, sign_v3};
use crate::ids::Ids;

/// 2021-06-09 18:30:00 in China.
const START: Millis = 1_623_234_600_000;
const PHONE: &str = "13811111111";

struct Bench {
    clock: Clock,
    simulator: SmsSimulator,
    client: SmsClient,
}

impl Bench {
    async fn new() -> Self {
        Self::with(HttpLimits::default(), |_| ()).await
    }

    /// `change` edits the account the client uses, not the simulator's.
    async fn with(limits: HttpLimits, change: impl FnOnce(&mut SmsAccount)) -> Self {
        let clock = Clock::manual(TimeZone::UTC, START);
        let account = SimulatedAccount {
            access_key_id: "key".into(),
            access_key_secret: "secret".into(),
            sign_name: "云 约+约*~".into(),
            verification_templates: vec!["SMS_1".into()],
            promotion_templates: vec!["SMS_3".into()],
            flow_limits: true,
        };
        let simulator = SmsSimulator::start(clock.clone(), account).await.unwrap();
        let mut account = simulator.account();
        change(&mut account);
        let client = SmsClient::new(Http::new(limits).unwrap(), Ids::default(), account).unwrap();
        Self { clock, simulator, client }
    }

    async fn send(&self, message: &SmsMessage) -> Result<SmsReceipt, SmsError> {
        self.client.send(message, self.clock.now().at).await
    }

    async fn again(&self, message: &SmsMessage) -> Result<SmsReceipt, SmsError> {
        self.client.send_once(message, true, self.clock.now().at).await
    }
}

fn notice(out_id: &str) -> SmsMessage {
    SmsMessage {
        channel: Channel::Sms,
        to: PHONE.into(),
        template: "SMS_2".into(),
        params: Map::from_iter([("name".into(), "张三 & 李+四".into()), ("time".into(), "18:30".into())]),
        out_id: out_id.into(),
    }
}

fn code() -> SmsMessage {
    let params = Map::from_iter([("code".into(), "4821".into())]);
    SmsMessage { template: "SMS_1".into(), params, ..notice("1") }
}

fn account_fault(result: Result<SmsReceipt, SmsError>) -> String {
    match result {
        Err(SmsError::Account { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_sent() {
    let bench = Bench::new().await;
    assert!(bench.send(&notice("7")).await.unwrap().provider_id.is_some());
    bench.clock.advance(MINUTE);
    bench.send(&SmsMessage { to: "+8613900001111".into(), ..notice("8") }).await.unwrap();
    let SmsMessage { channel, to, template, params, out_id } = notice("7");
    let first = Received { channel, to, template, params, out_id, at: START };
    assert_eq!(bench.simulator.received_by(PHONE), [first]);
    let order: Vec<String> = bench.simulator.received().into_iter().map(|message| message.out_id).collect();
    assert_eq!(order, ["8", "7"]);
    assert_eq!(bench.simulator.received()[0].to, "13900001111");
}

#[tokio::test]
async fn a_voice_call_arrives_and_long_ids_stay_home() {
    let bench = Bench::new().await;
    let call = SmsMessage { channel: Channel::Voice, template: "TTS_9".into(), ..code() };
    assert!(bench.send(&call).await.unwrap().provider_id.is_some());
    bench.send(&SmsMessage { out_id: "x".repeat(16), ..call }).await.unwrap();
    let received = bench.simulator.received_by(PHONE);
    assert_eq!(received.len(), 2);
    assert_eq!((received[0].channel, received[0].out_id.as_str()), (Channel::Voice, ""));
    assert_eq!((received[1].params["code"].as_str(), received[1].out_id.as_str()), (Some("4821"), "1"));
}

#[tokio::test]
async fn the_account_is_checked() {
    let secret =
        Bench::with(HttpLimits::default(), |account| account.access_key_secret = "guess".into()).await;
    let reason = account_fault(secret.send(&notice("7")).await);
    assert_eq!(reason, "SignatureDoesNotMatch: the access key secret is wrong");
    let key = Bench::with(HttpLimits::default(), |account| account.access_key_id = "other".into()).await;
    assert!(account_fault(key.send(&notice("7")).await).starts_with("InvalidAccessKeyId.NotFound"));
    let sign = Bench::with(HttpLimits::default(), |account| account.sign_name = "别家".into()).await;
    assert!(account_fault(sign.send(&notice("7")).await).starts_with("isv.SMS_SIGNATURE_ILLEGAL"));
    assert!(secret.simulator.received().is_empty() && sign.simulator.received().is_empty());
}

#[tokio::test]
async fn a_stale_or_early_date_is_refused() {
    let bench = Bench::new().await;
    for skew in [-16 * MINUTE, 16 * MINUTE] {
        let reason = account_fault(bench.client.send(&notice("7"), START + skew).await);
        assert!(reason.starts_with("InvalidTimeStamp.Expired"), "{reason}");
    }
    bench.client.send(&notice("7"), START + 15 * MINUTE).await.unwrap();
}

#[tokio::test]
async fn bad_data_is_given_up() {
    let bench = Bench::new().await;
    for to in ["1381111111", "12811111111", "85212345678", "1381111111x"] {
        let result = bench.send(&SmsMessage { to: to.into(), ..notice("7") }).await;
        assert!(matches!(&result, Err(SmsError::GiveUp { reason }) if !reason.contains(to)), "{result:?}");
    }
    let nobody = bench.send(&SmsMessage { to: String::new(), ..notice("7") }).await;
    assert!(matches!(&nobody, Err(SmsError::GiveUp { reason }) if reason.starts_with("MissingPhoneNumbers")));
    let template = bench.send(&SmsMessage { template: "TTS_1".into(), ..notice("7") }).await;
    assert!(account_fault(template).starts_with("isv.SMS_TEMPLATE_ILLEGAL"));
}

#[tokio::test]
async fn codes_are_limited_per_minute_hour_and_day() {
    let bench = Bench::new().await;
    let after = |result| match result {
        Ok(_) => None,
        Err(SmsError::Retry { after, .. }) => after,
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(after(bench.send(&code()).await), None);
    assert_eq!(after(bench.send(&code()).await), Some(MINUTE));
    bench.send(&SmsMessage { to: "13900001111".into(), ..code() }).await.unwrap();
    for _ in 0..4 {
        bench.clock.advance(MINUTE);
        bench.send(&code()).await.unwrap();
    }
    bench.clock.advance(MINUTE);
    assert_eq!(after(bench.send(&code()).await), Some(15 * MINUTE));
    for _ in 0..5 {
        bench.clock.advance(HOUR);
        bench.send(&code()).await.unwrap();
    }
    bench.clock.advance(HOUR);
    assert_eq!(after(bench.send(&code()).await), Some(6 * HOUR));
    for out_id in 0..50 {
        bench.send(&notice(&out_id.to_string())).await.unwrap();
    }
    assert_eq!(after(bench.send(&notice("50")).await), Some(6 * HOUR));
    bench.clock.advance(DAY);
    bench.send(&code()).await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_is_looked_up_and_not_sent_twice() {
    let bench = Bench::new().await;
    bench.simulator.set_fault(Fault::LostAnswer);
    let lost = bench.send(&notice("7")).await;
    assert!(
        matches!(&lost, Err(SmsError::Retry { reason, .. }) if reason.starts_with("the answer was lost")),
        "{lost:?}"
    );
    bench.simulator.set_fault(Fault::Ok);
    // Past midnight in China: the look-up must reach back to the day before.
    bench.clock.advance(6 * HOUR);
    let now = bench.clock.now().at;
    assert!(bench.client.was_accepted(PHONE, "7", now).await.unwrap());
    assert!(!bench.client.was_accepted(PHONE, "8", now).await.unwrap());
    assert_eq!(bench.again(&notice("7")).await.unwrap(), SmsReceipt { provider_id: None });
    assert_eq!(bench.simulator.received().len(), 1);
    assert!(bench.again(&notice("8")).await.unwrap().provider_id.is_some());
    assert_eq!(bench.simulator.received().len(), 2);
}

#[tokio::test]
async fn the_look_up_turns_pages() {
    let bench = Bench::new().await;
    let one = |out_id: usize, template: &str| SmsMessage {
        template: template.into(),
        ..notice(&out_id.to_string())
    };
    for out_id in 0..60 {
        bench.send(&one(out_id, if out_id % 2 == 0 { "SMS_2" } else { "SMS_3" })).await.unwrap();
    }
    assert!(bench.client.was_accepted(PHONE, "0", START).await.unwrap());
}

#[tokio::test]
async fn faults_are_worth_another_try_and_accept_nothing() {
    let bench = Bench::new().await;
    for (fault, expected) in [(Fault::Down, "ServiceUnavailable"), (Fault::Error, "isp.SYSTEM_ERROR")] {
        bench.simulator.set_fault(fault);
        let result = bench.send(&notice("7")).await;
        assert!(
            matches!(&result, Err(SmsError::Retry { reason, .. }) if reason.starts_with(expected)),
            "{result:?}"
        );
    }
    assert!(bench.simulator.received().is_empty());
}

#[tokio::test]
async fn a_slow_provider_runs_into_the_time_out() {
    let limits = HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() };
    let bench = Bench::with(limits, |_| ()).await;
    bench.simulator.set_fault(Fault::Slow);
    let result = bench.send(&notice("7")).await;
    assert!(
        matches!(&result, Err(SmsError::Retry { reason, .. }) if reason == "no answer in time"),
        "{result:?}"
    );
    assert!(bench.simulator.received().is_empty());
}

#[tokio::test]
async fn a_stopped_simulator_is_out_of_reach() {
    let Bench { clock, simulator, client } = Bench::new().await;
    drop(simulator);
    // The server stops on its own task; until it has, it may still answer.
    let unreachable = async {
        loop {
            let result = client.was_accepted(PHONE, "7", clock.now().at).await;
            if matches!(&result, Err(SmsError::Retry { reason, .. }) if reason.starts_with("no connection")) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), unreachable).await.unwrap();
}

/// A request put together by hand, to say what the client never would.
struct ByHand {
    action: &'static str,
    date: &'static str,
    nonce: Option<&'static str>,
    query: &'static str,
}

const QUERY: ByHand = ByHand {
    action: "QuerySendDetails",
    date: "2021-06-09T10:30:00Z",
    nonce: Some("n1"),
    query: "CurrentPage=1&PageSize=50&PhoneNumber=13811111111&SendDate=20210609",
};

impl ByHand {
    /// The status and the code it is answered with.
    async fn answer(&self, bench: &Bench) -> (u16, String) {
        let base = BaseUrl::parse(&bench.simulator.base_url(), false).unwrap();
        let (host, hash) = (base.host_header(), sha256(b""));
        let mut headers = vec![
            ("host", host.as_str()),
            ("x-acs-action", self.action),
            ("x-acs-content-sha256", &hash),
            ("x-acs-date", self.date),
            ("x-acs-version", "2017-05-25"),
        ];
        headers.extend(self.nonce.map(|nonce| ("x-acs-signature-nonce", nonce)));
        let query: Vec<(&str, &str)> =
            self.query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let canonical =
            CanonicalRequest { method: "POST", path: "/", query: &query, headers: &headers, body: b"" };
        let authorization = sign_v3(&canonical, "secret").authorization("key");
        let http = Http::new(HttpLimits::default()).unwrap();
        let mut request = http.request(Method::POST, &base, "/", Some(self.query));
        for (name, value) in &headers[1..] {
            request = request.header(*name, *value);
        }
        let answer = http.run(request.header("authorization", authorization)).await.unwrap();
        let said: Value = answer.json().unwrap();
        (answer.status, said["Code"].as_str().unwrap().to_owned())
    }
}

#[tokio::test]
async fn the_gateway_answers_what_the_provider_would() {
    let bench = Bench::new().await;
    let refused = |status, code: &str| (status, code.to_owned());
    assert_eq!(QUERY.answer(&bench).await, refused(200, "OK"));
    assert_eq!(QUERY.answer(&bench).await, refused(400, "SignatureNonceUsed"));
    let action = ByHand { action: "SendFax", ..QUERY };
    assert_eq!(action.answer(&bench).await, refused(404, "InvalidApi.NotFound"));
    let date = ByHand { date: "2021-06-09 10:30:00", ..QUERY };
    assert_eq!(date.answer(&bench).await, refused(400, "InvalidTimeStamp.Format"));
    let nonce = ByHand { nonce: None, ..QUERY };
    assert_eq!(nonce.answer(&bench).await, refused(400, "MissingSignatureNonce"));
    let phone = ByHand { nonce: Some("n2"), query: "CurrentPage=1&PageSize=50&SendDate=20210609", ..QUERY };
    assert_eq!(phone.answer(&bench).await, refused(400, "MissingPhoneNumber"));
    let json = ByHand {
        action: "SingleCallByTts",
        nonce: Some("n3"),
        query: "CalledNumber=13811111111&TtsCode=TTS_1&TtsParam=[1]",
        ..QUERY
    };
    assert_eq!(json.answer(&bench).await, refused(200, "isv.INVALID_JSON_PARAM"));
    // A nonce is remembered for as long as its date could pass.
    bench.clock.advance(15 * MINUTE);
    assert_eq!(QUERY.answer(&bench).await, refused(400, "SignatureNonceUsed"));
}

#[tokio::test]
async fn variables_that_the_provider_refuses_are_refused() {
    let bench = Bench::new().await;
    let send = async |template: &str, value: Value| {
        let message = SmsMessage { template: template.into(), ..notice("7") };
        let params = Map::from_iter([("name".to_owned(), value)]);
        bench.client.send_as_is(&message, &params, bench.clock.now().at).await
    };
    for (value, code) in [
        (Value::Null, "isv.INVALID_JSON_PARAM"),
        (7.into(), "isv.INVALID_JSON_PARAM"),
        ("".into(), "isv.TEMPLATE_MISSING_PARAMETERS"),
        (" \u{3000}".into(), "isv.TEMPLATE_MISSING_PARAMETERS"),
        ("一".repeat(36).into(), "isv.PARAM_LENGTH_LIMIT"),
        ("http://127.0.0.1/q/1".into(), "isv.PARAM_NOT_SUPPORT_URL"),
        ("见 example.com/x".into(), "isv.PARAM_NOT_SUPPORT_URL"),
    ] {
        let refused = send("SMS_2", value.clone()).await;
        assert!(
            matches!(&refused, Err(SmsError::GiveUp { reason }) if reason.starts_with(code)),
            "{value} {refused:?}"
        );
    }
    assert_eq!(bench.simulator.received(), []);
    for (template, value) in
        [("SMS_2", "一".repeat(35)), ("SMS_2", "11-26 23:50".into()), ("SMS_3", "https://a.example".into())]
    {
        send(template, value.into()).await.unwrap();
    }
}
