use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use reqwest::Method;
use reqwest::header::LOCATION;
use serde_json::{Map, json};
use url::Url;

use crate::adapters::http::{BaseUrl, Http, HttpLimits};
use crate::adapters::wechat::{
    AccessToken, OfficialAccount, OfficialConfig, Scope, TemplateMessage, WebUser, WechatError,
};
use crate::adapters::wechat_simulator::{Fault, OfficialSimulator, Received, SimulatedUser};
use crate::clock::{Clock, DAY, HOUR, MINUTE, SECOND};

const START: i64 = 1_623_232_800_000;
const TEMPLATE: &str = "399LquLmEmb7-h-_Zu1n6EEjBf0qhgjS3Dn2M2FWRmQ";
const FOLLOWER: &str = "oFOLLOWER0000000000000000001";

struct Bench {
    clock: Clock,
    simulator: OfficialSimulator,
    account: OfficialAccount,
}

impl Bench {
    async fn new() -> Self {
        Self::with(HttpLimits::default(), |_| ()).await
    }

    async fn with(limits: HttpLimits, change: impl FnOnce(&mut OfficialConfig)) -> Self {
        let clock = Clock::manual(TimeZone::UTC, START);
        let user = |open_id: &str, follows, is_snapshot| SimulatedUser {
            open_id: open_id.into(),
            nick: "小\u{14}𠮷\u{7f}".into(),
            follows,
            is_snapshot,
        };
        let users =
            vec![user(FOLLOWER, true, false), user("oSTRANGER", false, false), user("oSNAPSHOT", true, true)];
        let simulator = OfficialSimulator::start(clock.clone(), users).await.unwrap();
        let mut config = simulator.config();
        change(&mut config);
        let account = OfficialAccount::new(Http::new(limits).unwrap(), config).unwrap();
        Self { clock, simulator, account }
    }

    async fn fetch(&self, force: bool) -> Result<AccessToken, WechatError> {
        self.account.fetch_token(force, self.clock.now().at).await
    }

    async fn send(&self, token: &AccessToken, out_id: &str) -> Result<i64, WechatError> {
        let message = TemplateMessage { out_id: out_id.into(), ..message() };
        self.account.send_template(token, &message).await
    }

    /// What the browser brings back from the authorisation page.
    async fn browse(&self, url: &str) -> Option<HashMap<String, String>> {
        let url = Url::parse(url).unwrap();
        assert_eq!(url.fragment(), Some("wechat_redirect"));
        let base = BaseUrl::parse(&url.origin().ascii_serialization(), false).unwrap();
        let http = Http::new(HttpLimits::default()).unwrap();
        let answer = http.run(http.request(Method::GET, &base, url.path(), url.query())).await.unwrap();
        let back = Url::parse(answer.headers.get(LOCATION)?.to_str().unwrap()).unwrap();
        assert!(back.as_str().starts_with("https://example.com/auth/wechat/callback?next=%2Fme&code="));
        Some(back.query_pairs().into_owned().collect())
    }

    async fn code(&self, scope: Scope) -> String {
        let url = self.account.authorize_url(BACK, scope, "abc123");
        let mut brought = self.browse(&url).await.unwrap();
        assert_eq!(brought["state"], "abc123");
        brought.remove("code").unwrap()
    }

    async fn log_in(&self, scope: Scope) -> Result<WebUser, WechatError> {
        self.account.exchange_code(&self.code(scope).await).await
    }
}

const BACK: &str = "https://example.com/auth/wechat/callback?next=%2Fme";

fn message() -> TemplateMessage {
    TemplateMessage {
        open_id: FOLLOWER.into(),
        template: TEMPLATE.into(),
        url: None,
        params: Map::from_iter([("keyword1".to_owned(), "张三\n等 2 人".into())]),
        out_id: "1".into(),
    }
}

fn gives_up<T: std::fmt::Debug>(outcome: Result<T, WechatError>, code: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, WechatError::GiveUp { reason } if reason.starts_with(code)), "{error:?}");
}

fn is_invalid(outcome: Result<i64, WechatError>, code: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(&error, WechatError::TokenInvalid { reason } if reason.starts_with(code)), "{error:?}");
}

#[tokio::test]
async fn tokens_roll_over_while_both_work() {
    let bench = Bench::new().await;
    let first = bench.fetch(false).await.unwrap();
    assert_eq!(first.expires_at, START + 2 * HOUR);
    assert!(!first.is_due(bench.clock.now().at));
    bench.clock.advance(2 * HOUR - 5 * MINUTE - SECOND);
    assert_eq!(bench.fetch(false).await.unwrap(), first);
    assert!(!first.is_due(bench.clock.now().at), "WeChat would give the same one");
    bench.clock.advance(MINUTE + SECOND);
    assert!(first.is_due(bench.clock.now().at));
    let second = bench.fetch(false).await.unwrap();
    assert_ne!(second, first);
    bench.send(&first, "1").await.unwrap();
    bench.send(&second, "2").await.unwrap();
    bench.clock.advance(4 * MINUTE);
    is_invalid(bench.send(&first, "3").await, "42001");
    bench.send(&second, "3").await.unwrap();
    assert_eq!(bench.simulator.received().len(), 3);
}

#[tokio::test]
async fn a_refused_token_is_renewed_gently() {
    let bench = Bench::new().await;
    let first = bench.fetch(false).await.unwrap();
    let renew =
        async |token: &AccessToken| bench.account.renew_token(&token.value, bench.clock.now().at).await;
    let forced = renew(&first).await.unwrap();
    assert_ne!(forced, first);
    is_invalid(bench.send(&first, "1").await, "42001");
    assert_eq!(renew(&first).await.unwrap(), forced, "another node has renewed it already");
    let limit = renew(&forced).await.unwrap_err();
    assert!(
        matches!(&limit, WechatError::Retry { reason, after: Some(MINUTE) } if reason.starts_with("45011"))
    );
    for _ in 1..20 {
        bench.clock.advance(30 * SECOND);
        bench.fetch(true).await.unwrap();
    }
    bench.clock.advance(MINUTE);
    let limit = bench.fetch(true).await.unwrap_err();
    assert!(
        matches!(&limit, WechatError::Retry { reason, after: Some(HOUR) } if reason.starts_with("45009"))
    );
    bench.clock.advance(DAY);
    bench.fetch(true).await.unwrap();
    let invented = AccessToken { value: "x&y".into(), ..first };
    is_invalid(bench.send(&invented, "1").await, "40001");
    assert!(bench.simulator.received().is_empty());
}

#[tokio::test]
async fn a_message_arrives_once_for_its_id() {
    let bench = Bench::new().await;
    let token = bench.fetch(false).await.unwrap();
    bench.simulator.set_fault(Fault::LostAnswer);
    let lost = bench.send(&token, "7").await.unwrap_err();
    assert!(matches!(&lost, WechatError::Retry { reason, .. } if reason.starts_with("the answer was lost")));
    bench.simulator.set_fault(Fault::Ok);
    let id = bench.send(&token, "7").await.unwrap();
    let expected = Received {
        phone: String::new(),
        open_id: FOLLOWER.into(),
        template: TEMPLATE.into(),
        params: Map::from_iter([("keyword1".to_owned(), "张三 等 2 人".into())]),
        url: None,
        at: START,
    };
    assert_eq!(bench.simulator.received(), std::slice::from_ref(&expected));
    let message =
        TemplateMessage { url: Some("https://example.com/?a=b".into()), out_id: "8".into(), ..message() };
    assert_ne!(bench.account.send_template(&token, &message).await.unwrap(), id);
    assert_eq!(bench.simulator.received()[0], Received { url: message.url, ..expected });
    bench.clock.advance(10 * MINUTE);
    bench.send(&token, "7").await.unwrap();
    assert_eq!(bench.simulator.received().len(), 3, "WeChat forgets ids after ten minutes");
}

#[tokio::test]
async fn refusals_say_what_to_do() {
    let bench = Bench::new().await;
    let token = bench.fetch(false).await.unwrap();
    let to = async |open_id: &str, template: &str| {
        let message = TemplateMessage { open_id: open_id.into(), template: template.into(), ..message() };
        bench.account.send_template(&token, &message).await
    };
    gives_up(to("oNOBODY", TEMPLATE).await, "40003");
    gives_up(to("oSTRANGER", TEMPLATE).await, "43004: require subscribe rid: ");
    let unknown = to(FOLLOWER, "SMS_1").await.unwrap_err();
    assert!(matches!(&unknown, WechatError::Configuration { reason, .. } if reason.starts_with("40037")));
    bench.simulator.set_quota_used(true);
    let quota = to(FOLLOWER, TEMPLATE).await.unwrap_err();
    assert!(
        matches!(&quota, WechatError::Retry { reason, after: Some(HOUR) } if reason.starts_with("45009"))
    );
    assert!(bench.simulator.received().is_empty());
    bench.simulator.set_quota_used(false);
    to(FOLLOWER, TEMPLATE).await.unwrap();
}

#[tokio::test]
async fn a_wrong_account_is_for_staff() {
    type Change = fn(&mut OfficialConfig);
    let changes: [(Change, &str); 2] = [
        (|config| config.app_id = "wx1".into(), "40013"),
        (|config| config.app_secret = "hush".into(), "40125"),
    ];
    for (change, code) in changes {
        let bench = Bench::with(HttpLimits::default(), change).await;
        for outcome in [bench.fetch(false).await.map(drop), bench.account.exchange_code("x").await.map(drop)]
        {
            let error = outcome.unwrap_err();
            assert!(
                matches!(&error, WechatError::Configuration { reason, .. } if reason.starts_with(code)),
                "{error:?}"
            );
        }
        assert!(!format!("{:?}", bench.account).contains("hush"));
    }
    let config =
        OfficialConfig { api_base_url: "http://10.0.0.1".into(), ..Bench::new().await.simulator.config() };
    assert!(OfficialAccount::new(Http::new(HttpLimits::default()).unwrap(), config).is_err());
}

#[tokio::test]
async fn faults_are_worth_another_try() {
    let bench =
        Bench::with(HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() }, |_| ()).await;
    let token = bench.fetch(false).await.unwrap();
    for (fault, expected) in [
        (Fault::Down, "WeChat answered 503"),
        (Fault::Error, "-1: system error"),
        (Fault::Slow, "no answer in time"),
    ] {
        bench.simulator.set_fault(fault);
        for outcome in [
            bench.send(&token, "1").await.map(drop),
            bench.fetch(false).await.map(drop),
            bench.account.exchange_code("x").await.map(drop),
            bench.account.user_info("x", "y").await.map(drop),
        ] {
            let error = outcome.unwrap_err();
            assert!(
                matches!(&error, WechatError::Retry { reason, after: None } if reason.starts_with(expected)),
                "{error:?}"
            );
        }
    }
    assert!(bench.simulator.received().is_empty());
}

#[tokio::test]
async fn the_authorisation_address_is_as_printed() {
    let bench = Bench::with(HttpLimits::default(), |config| {
        config.open_base_url = "https://open.weixin.qq.com".into();
    })
    .await;
    let url = bench.account.authorize_url(BACK, Scope::UserInfo, "abc123");
    assert_eq!(
        url,
        "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx0123456789abcdef\
         &redirect_uri=https%3A%2F%2Fexample.com%2Fauth%2Fwechat%2Fcallback%3Fnext%3D%252Fme\
         &response_type=code&scope=snsapi_userinfo&state=abc123#wechat_redirect"
    );
}

#[tokio::test]
async fn a_browser_brings_its_user() {
    let bench = Bench::new().await;
    let user = bench.log_in(Scope::UserInfo).await.unwrap();
    assert_eq!(user.open_id, FOLLOWER);
    let profile = bench.account.user_info(&user.access_token, &user.open_id).await.unwrap();
    assert_eq!(profile.nick, "小𠮷");
    assert!(profile.avatar.starts_with("http://127.0.0.1:"), "{profile:?}");
    gives_up(bench.account.user_info(&user.access_token, "oSTRANGER").await, "40003");
    gives_up(bench.account.user_info("invented", FOLLOWER).await, "40001");
    bench.clock.advance(2 * HOUR);
    gives_up(bench.account.user_info(&user.access_token, FOLLOWER).await, "42001");

    bench.simulator.sign_in_as("oSTRANGER");
    let user = bench.log_in(Scope::Base).await.unwrap();
    assert_eq!(user.open_id, "oSTRANGER");
    let unasked = bench.account.user_info(&user.access_token, &user.open_id).await.unwrap_err();
    assert!(matches!(&unasked, WechatError::Configuration { reason, .. } if reason.starts_with("48001")));
    bench.simulator.sign_in_as("oSNAPSHOT");
    gives_up(bench.log_in(Scope::Base).await, "WeChat shows a snapshot");
}

#[tokio::test]
async fn a_code_works_once_and_not_for_long() {
    let bench = Bench::new().await;
    let code = bench.code(Scope::Base).await;
    bench.account.exchange_code(&code).await.unwrap();
    gives_up(bench.account.exchange_code(&code).await, "40163");
    gives_up(bench.account.exchange_code("invented").await, "40029");
    gives_up(bench.account.exchange_code("").await, "41008");
    let late = bench.code(Scope::Base).await;
    bench.clock.advance(5 * MINUTE);
    gives_up(bench.account.exchange_code(&late).await, "40029");
}

/// What no call of the client shows.
#[tokio::test]
async fn the_authorisation_page_is_particular() {
    let bench = Bench::new().await;
    let good = bench.account.authorize_url(BACK, Scope::Base, "abc123");
    assert!(bench.browse(&good).await.is_some());
    for (from, to) in [
        ("state=abc123", "state=abc-123"),
        ("appid=wx0123456789abcdef", "appid=wx1"),
        ("snsapi_base", "snsapi_all"),
        ("redirect_uri=https", "redirect_uri=javascript"),
        ("response_type=code&scope=snsapi_base", "scope=snsapi_base&response_type=code"),
    ] {
        assert!(good.contains(from));
        assert!(bench.browse(&good.replace(from, to)).await.is_none(), "{to}");
    }
}

#[tokio::test]
async fn the_api_refuses_what_the_client_never_sends() {
    let bench = Bench::new().await;
    let token = bench.fetch(false).await.unwrap();
    let http = Http::new(HttpLimits::default()).unwrap();
    let base = BaseUrl::parse(&bench.simulator.config().api_base_url, false).unwrap();
    let post = async |query: &str, body: String| {
        let path = "/cgi-bin/message/template/send";
        let request = http.request(Method::POST, &base, path, Some(query)).body(body);
        http.run(request).await.unwrap().json::<serde_json::Value>().unwrap()["errcode"].clone()
    };
    let query = format!("access_token={}", token.value);
    let body = |value: &str| {
        let data = json!({"keyword1": {"value": value}});
        json!({"touser": FOLLOWER, "template_id": TEMPLATE, "data": data}).to_string()
    };
    assert_eq!(post("", body("x")).await, 41_001);
    assert_eq!(post(&query, "{".into()).await, 47_001);
    assert_eq!(post(&query, body("a\nb")).await, 47_003);
    for _ in 0..2 {
        assert_eq!(post(&query, body("x")).await, 0);
    }
    assert_eq!(bench.simulator.received().len(), 2, "without an id there are no repeats");
}
