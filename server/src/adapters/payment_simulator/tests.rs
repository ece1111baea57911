use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::tz::TimeZone;

use super::*;
use crate::adapters::payment::{
    Charge, ChargeState, Charged as Outcome, Event, PaymentError, PaymentGateway, Refund, RefundState,
    Settlement, SimulatedGateway, Way,
};
use crate::clock::{HOUR, MINUTE};

const START: Millis = 1_623_234_600_000;

struct Bench {
    clock: Clock,
    simulator: PaymentSimulator,
    gateway: PaymentGateway,
}

fn gateway(limits: HttpLimits, account: SimulatedAccount) -> PaymentGateway {
    PaymentGateway::Simulated(SimulatedGateway::new(Http::new(limits).unwrap(), account).unwrap())
}

impl Bench {
    async fn new() -> Self {
        Self::with(HttpLimits::default(), None).await
    }

    async fn with(limits: HttpLimits, journal: Option<&Path>) -> Self {
        let clock = Clock::manual(TimeZone::UTC, START);
        let simulator = PaymentSimulator::start(clock.clone(), "key", journal).await.unwrap();
        let gateway = gateway(limits, simulator.account());
        Self { clock, simulator, gateway }
    }

    async fn charge(&self, id: &str, amount: i64) -> Result<Outcome, PaymentError> {
        self.gateway.charge(&charge(id, amount), self.clock.now().at).await
    }

    async fn state(&self, id: &str) -> ChargeState {
        self.gateway.charge_state(id, self.clock.now().at).await.unwrap()
    }

    async fn refund(&self, id: &str, amount: i64) -> Result<RefundState, PaymentError> {
        self.gateway.refund(&refund(id, amount), self.clock.now().at).await
    }

    async fn refund_state(&self, id: &str) -> RefundState {
        self.gateway.refund_state(id, self.clock.now().at).await.unwrap()
    }
}

fn charge(id: &str, amount: i64) -> Charge {
    let (id, description, payer) = (id.into(), "宠物寄养".into(), String::new());
    Charge { id, amount, description, way: Way::default(), payer, expires_at: START + HOUR }
}

fn refund(id: &str, amount: i64) -> Refund {
    Refund { id: id.into(), charge_id: "c1".into(), amount, charged: 30_000, reason: "退款".into() }
}

fn settled(gateway_id: &str, amount: i64) -> Settlement {
    Settlement { gateway_id: gateway_id.into(), amount }
}

fn headers(announcement: &Announcement) -> HeaderMap {
    let header = |(name, value): &(&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    announcement.headers.iter().map(header).collect()
}

#[tokio::test]
async fn a_charge_settles_once_for_its_id() {
    let bench = Bench::new().await;
    for _ in 0..2 {
        let outcome = bench.charge("c1", 30_000).await.unwrap();
        assert_eq!(outcome, Outcome::Settled(settled("SIMC000000000001", 30_000)));
    }
    assert_eq!(bench.simulator.charged().len(), 1);
    assert!(matches!(bench.charge("c1", 1).await, Err(PaymentError::Refused { .. })), "another amount");
    assert_eq!(bench.state("c1").await, ChargeState::Settled(settled("SIMC000000000001", 30_000)));
    assert_eq!(bench.state("c2").await, ChargeState::Unknown);
    bench.clock.advance(HOUR);
    assert!(matches!(bench.charge("c2", 1).await, Err(PaymentError::Refused { .. })), "too late");
}

#[tokio::test]
async fn a_closed_charge_takes_no_money_even_if_it_comes_later() {
    let bench = Bench::new().await;
    assert!(bench.gateway.close("c1", START).await.unwrap());
    assert!(bench.gateway.close("c1", START).await.unwrap());
    assert!(matches!(bench.charge("c1", 30_000).await, Err(PaymentError::Refused { .. })));
    assert_eq!(bench.state("c1").await, ChargeState::Closed);
    bench.charge("c2", 30_000).await.unwrap();
    assert!(!bench.gateway.close("c2", START).await.unwrap());
    assert_eq!(bench.simulator.charged().len(), 1);
}

#[tokio::test]
async fn a_refund_pays_back_once_and_never_more_than_was_charged() {
    let bench = Bench::new().await;
    assert!(matches!(bench.refund("r1", 30_000).await, Err(PaymentError::Refused { .. })), "no charge");
    bench.charge("c1", 30_000).await.unwrap();
    assert_eq!(bench.refund_state("r1").await, RefundState::Unknown);
    for _ in 0..2 {
        let state = bench.refund("r1", 20_000).await.unwrap();
        assert_eq!(state, RefundState::Settled(settled("SIMR000000000001", 20_000)));
    }
    assert!(matches!(bench.refund("r1", 10_000).await, Err(PaymentError::Refused { .. })), "the same id");
    assert!(matches!(bench.refund("r2", 10_001).await, Err(PaymentError::Refused { .. })), "too much");
    bench.refund("r2", 10_000).await.unwrap();
    assert_eq!(bench.simulator.refunded().iter().map(|refund| refund.amount).sum::<i64>(), 30_000);
}

#[tokio::test]
async fn refused_money_does_not_move() {
    let bench = Bench::new().await;
    bench.charge("c1", 30_000).await.unwrap();
    bench.simulator.set_fault(Fault::Refuse);
    let refused = bench.charge("c2", 30_000).await;
    assert_eq!(refused, Err(PaymentError::Refused { reason: "refused: 余额不足".into() }));
    assert!(matches!(bench.refund("r1", 30_000).await, Err(PaymentError::Refused { .. })));
    assert_eq!(bench.state("c2").await, ChargeState::Unknown);
    assert!(bench.simulator.refunded().is_empty());
}

#[tokio::test]
async fn a_lost_answer_can_be_asked_for() {
    let bench = Bench::new().await;
    bench.simulator.set_fault(Fault::Lost);
    assert!(matches!(bench.charge("c1", 30_000).await, Err(PaymentError::Unclear { .. })));
    assert_eq!(bench.state("c1").await, ChargeState::Settled(settled("SIMC000000000001", 30_000)));
    assert!(matches!(bench.refund("r1", 30_000).await, Err(PaymentError::Unclear { .. })));
    assert_eq!(bench.refund_state("r1").await, RefundState::Settled(settled("SIMR000000000001", 30_000)));
}

#[tokio::test]
async fn a_slow_charge_settles_later() {
    let limits = HttpLimits { total: Duration::from_millis(300), ..HttpLimits::default() };
    let bench = Bench::with(limits, None).await;
    bench.simulator.set_fault(Fault::Slow);
    assert!(matches!(bench.charge("c1", 30_000).await, Err(PaymentError::Unclear { .. })));
    assert_eq!(bench.state("c1").await, ChargeState::Pending);
    assert!(bench.simulator.charged().is_empty());
    bench.clock.advance(SLOW_SETTLEMENT);
    assert_eq!(bench.state("c1").await, ChargeState::Settled(settled("SIMC000000000001", 30_000)));
    assert_eq!(bench.simulator.announcements().len(), 1);
}

#[tokio::test]
async fn calls_without_the_key_are_not_heard() {
    let bench = Bench::new().await;
    let account = SimulatedAccount { key: "guess".into(), ..bench.simulator.account() };
    let stranger = gateway(HttpLimits::default(), account);
    for at in [START, START + 6 * MINUTE] {
        let said = stranger.charge(&charge("c1", 1), at).await;
        assert!(matches!(said, Err(PaymentError::Unavailable { after: Some(_), .. })), "{said:?}");
    }
    let late = bench.gateway.charge(&charge("c1", 1), START + 6 * MINUTE).await;
    assert!(matches!(late, Err(PaymentError::Unavailable { .. })));
    bench.simulator.set_fault(Fault::Down);
    assert!(matches!(bench.charge("c1", 1).await, Err(PaymentError::Unclear { .. })));
    assert!(bench.simulator.charged().is_empty());
}

#[tokio::test]
async fn notifications_are_signed_and_say_what_happened() {
    let bench = Bench::new().await;
    bench.charge("c1", 30_000).await.unwrap();
    bench.refund("r1", 30_000).await.unwrap();
    let announcements = bench.simulator.announcements();
    let read = |announcement: &Announcement, at| {
        bench.gateway.read_notification(&headers(announcement), &announcement.body, at)
    };
    let events: Vec<Event> =
        announcements.iter().map(|one| read(one, START).unwrap().unwrap().event).collect();
    let refunded = RefundState::Settled(settled("SIMR000000000001", 30_000));
    assert_eq!(
        events,
        [
            Event::Charged { charge_id: "c1".into(), settlement: settled("SIMC000000000001", 30_000) },
            Event::Refunded { refund_id: "r1".into(), state: refunded },
        ]
    );
    assert!(read(&announcements[0], START + 6 * MINUTE).is_err(), "too old");
    let mut changed = announcements[0].clone();
    changed.body = String::from_utf8(changed.body).unwrap().replace("30000", "1").into_bytes();
    assert!(read(&changed, START).is_err());
    let bare = Announcement { headers: Vec::new(), ..announcements[0].clone() };
    assert!(read(&bare, START).is_err());
}

#[tokio::test]
async fn a_journal_outlives_its_simulator() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("gateway.jsonl");
    {
        let bench = Bench::with(HttpLimits::default(), Some(&journal)).await;
        bench.charge("c1", 30_000).await.unwrap();
        assert!(bench.gateway.close("c3", START).await.unwrap());
    }
    // A crash in the middle of a line.
    let mut torn = std::fs::OpenOptions::new().append(true).open(&journal).unwrap();
    std::io::Write::write_all(&mut torn, b"\n{\"charge\":{\"id\":\"c9\"").unwrap();
    for _ in 0..2 {
        let bench = Bench::with(HttpLimits::default(), Some(&journal)).await;
        assert_eq!(bench.state("c1").await, ChargeState::Settled(settled("SIMC000000000001", 30_000)));
        assert_eq!(bench.state("c3").await, ChargeState::Closed);
        assert_eq!(bench.state("c9").await, ChargeState::Unknown);
        bench.refund("r1", 30_000).await.unwrap();
        assert_eq!(bench.simulator.refunded().len(), 1);
    }
}
