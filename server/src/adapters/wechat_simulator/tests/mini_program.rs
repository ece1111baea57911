use std::time::Duration;

use jiff::tz::TimeZone;

use crate::adapters::http::{Http, HttpLimits};
use crate::adapters::wechat::{MiniProgram, MiniProgramConfig, WechatError};
use crate::adapters::wechat_simulator::{Fault, OfficialSimulator};
use crate::clock::{Clock, MINUTE};

struct Bench {
    clock: Clock,
    simulator: OfficialSimulator,
    client: MiniProgram,
}

impl Bench {
    async fn new(change: impl FnOnce(&mut MiniProgramConfig)) -> Self {
        let clock = Clock::manual(TimeZone::UTC, 1_623_232_800_000);
        let simulator = OfficialSimulator::start(clock.clone(), Vec::new()).await.unwrap();
        let mut config = simulator.mini_program();
        change(&mut config);
        let limits = HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() };
        let client = MiniProgram::new(Http::new(limits).unwrap(), config).unwrap();
        Self { clock, simulator, client }
    }

    async fn gives_up(&self, code: &str, errcode: &str) {
        let error = self.client.open_id(code).await.unwrap_err();
        assert!(matches!(&error, WechatError::GiveUp { reason } if reason.starts_with(errcode)), "{error:?}");
    }
}

#[tokio::test]
async fn a_login_tells_its_user_once_and_not_for_long() {
    let bench = Bench::new(|_| ()).await;
    let (code, late) = (bench.simulator.log_in("oUSER"), bench.simulator.log_in("oUSER"));
    assert_eq!(bench.client.open_id(&code).await.unwrap(), "oUSER");
    bench.gives_up(&code, "40163").await;
    bench.gives_up("invented", "40029").await;
    bench.gives_up("a&b=c#?%", "40029").await;
    bench.clock.advance(5 * MINUTE);
    bench.gives_up(&late, "40029").await;
}

#[tokio::test]
async fn a_wrong_account_is_for_staff() {
    type Change = fn(&mut MiniProgramConfig);
    let changes: [(Change, &str); 2] = [
        (|config| config.app_id = "wx1".into(), "40013"),
        (|config| config.app_secret = "hush".into(), "40125"),
    ];
    for (change, errcode) in changes {
        let bench = Bench::new(change).await;
        let code = bench.simulator.log_in("oUSER");
        let error = bench.client.open_id(&code).await.unwrap_err();
        let is_named =
            matches!(&error, WechatError::Configuration { reason, .. } if reason.starts_with(errcode));
        assert!(is_named, "{error:?}");
        assert!(!format!("{:?}", bench.client).contains("hush"));
    }
}

#[tokio::test]
async fn faults_are_worth_another_try_with_the_same_code() {
    let bench = Bench::new(|_| ()).await;
    let code = bench.simulator.log_in("oUSER");
    for fault in [Fault::Down, Fault::Error, Fault::Slow] {
        bench.simulator.set_fault(fault);
        let error = bench.client.open_id(&code).await.unwrap_err();
        assert!(matches!(error, WechatError::Retry { after: None, .. }), "{error:?}");
    }
    bench.simulator.set_fault(Fault::Ok);
    assert_eq!(bench.client.open_id(&code).await.unwrap(), "oUSER");
}
