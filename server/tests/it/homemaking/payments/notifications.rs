//! What the gateway reports by itself: once, twice, late, forged, or about nothing of ours.

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use yuyue::adapters::payment::{Event, Notification, RefundState, Settlement};
use yuyue::adapters::payment_simulator::{Announcement, Delivery, Fault};
use yuyue::homemaking::payments::NOTIFY_PATH;

use super::Market;
use super::paying::{begun_and_left, settle_unheard};
use crate::support::TestApp;
use crate::support::served::soon;

both! {
    a_report_pays_an_order_whose_answer_was_lost,
    a_report_that_comes_twice_or_late_changes_nothing,
    a_report_for_a_cancelled_order_sends_the_money_back,
    a_forged_report_is_not_believed,
    a_report_of_another_amount_is_refused_and_told,
    a_report_about_nothing_of_ours_is_refused_and_told,
    a_report_ends_a_refund,
    the_gateway_reports_over_the_network,
}

fn charged(id: &str, charge_id: &str, amount: i64) -> Notification {
    let settlement = Settlement { gateway_id: "SIMC000000000009".into(), amount };
    Notification { id: id.into(), event: Event::Charged { charge_id: charge_id.into(), settlement } }
}

impl Market {
    fn last_report(&self) -> Announcement {
        self.gateway().announcements().pop().unwrap()
    }

    /// What staff find in the audit log.
    async fn told(&self, action: &str) -> usize {
        let audit = self.staff.get("/admin/v1/audit?size=100").await.expect(200).json();
        let entries = audit["items"].as_array().unwrap();
        entries.iter().filter(|entry| entry["action"] == action).count()
    }
}

async fn a_report_pays_an_order_whose_answer_was_lost(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    settle_unheard(&market, &out_no).await;
    let answer = market.report(&market.last_report()).await.expect(204);
    assert!(answer.body.is_empty());
    app.drain_outbox().await;
    assert_eq!(market.status(id).await, 2, "no time has passed: it was the report");
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn a_report_that_comes_twice_or_late_changes_nothing(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    let report = market.last_report();
    for _ in 0..3 {
        market.report(&report).await.expect(204);
        app.drain_outbox().await;
    }
    assert_eq!(app.number("SELECT count(*) AS value FROM payment_notification").await, 1);
    market.act(&market.consumer, id, 4).await.ok();
    let out_no = app.texts("SELECT out_no AS value FROM payment").await.remove(0);
    let again = market.gateway().announcement(&charged("another", &out_no, 30_000));
    market.report(&again).await.expect(204);
    app.drain_outbox().await;
    assert_eq!(market.status(id).await, 3);
    assert_eq!(market.ledger().await.0.len(), 1);
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn a_report_for_a_cancelled_order_sends_the_money_back(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    settle_unheard(&market, &out_no).await;
    let report = market.last_report();
    market.cancel(id).await.ok();
    market.report(&report).await.expect(204);
    app.drain_outbox().await;
    assert_eq!(market.status(id).await, 5);
    assert_eq!(market.gateway().refunded().len(), 1);
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn a_forged_report_is_not_believed(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    let genuine = market.gateway().announcement(&charged("n1", &out_no, 30_000));
    let bare = Announcement { headers: Vec::new(), ..genuine.clone() };
    let mut changed = genuine.clone();
    changed.body = String::from_utf8(changed.body).unwrap().replace(&out_no, "other").into_bytes();
    let mut empty = genuine.clone();
    empty.body.clear();
    for forged in [bare, changed, empty] {
        let refused = market.report(&forged).await.expect(401).json();
        assert_eq!(refused["code"], "FAIL");
    }
    app.clock.advance(6 * 60_000);
    market.report(&genuine).await.expect(401);
    let long = Announcement { body: vec![b' '; 65 * 1024], ..genuine };
    market.report(&long).await.expect(413);
    app.drain_outbox().await;
    assert_eq!(market.status(id).await, 1);
    assert_eq!(app.number("SELECT count(*) AS value FROM payment_notification").await, 0);
    market.wait_for_all().await;
}

async fn a_report_of_another_amount_is_refused_and_told(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    for amount in [1, 29_999, 30_001] {
        let report = market.gateway().announcement(&charged(&format!("n{amount}"), &out_no, amount));
        for _ in 0..2 {
            let refused = market.report(&report).await.expect(409).json();
            assert_eq!(refused["code"], "FAIL");
        }
    }
    app.drain_outbox().await;
    assert_eq!(market.told("payment.mismatch").await, 3, "once each");
    assert_eq!((market.status(id).await, market.ledger().await.0.len()), (1, 0));
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn a_report_about_nothing_of_ours_is_refused_and_told(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    let out_no = app.texts("SELECT out_no AS value FROM payment").await.remove(0);
    let settlement = Settlement { gateway_id: "x".into(), amount: 30_000 };
    // A charge's number is no refund's.
    let event = Event::Refunded { refund_id: out_no, state: RefundState::Settled(settlement) };
    for notification in [charged("n1", "nobody", 30_000), Notification { id: "n2".into(), event }] {
        let report = market.gateway().announcement(&notification);
        for _ in 0..2 {
            market.report(&report).await.expect(404);
        }
    }
    assert_eq!(market.told("payment.unknown").await, 2);
    app.drain_outbox().await;
    assert_eq!(market.status(id).await, 2);
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn a_report_ends_a_refund(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    let refund = market.refund(id).await;
    market.gateway().set_fault(Fault::Slow);
    app.drain_outbox().await;
    assert_eq!(market.refund_status(refund).await, 1);
    app.clock.advance(10_000);
    // Whoever asks the gateway next makes it look at its clock; our own job gets no answer.
    let out_no = app.texts("SELECT out_no AS value FROM payment WHERE kind = 'refund'").await.remove(0);
    let gateway = app.gateway.clone().unwrap();
    gateway.refund_state(&out_no, app.clock.now().at).await.unwrap();
    market.gateway().set_fault(Fault::Down);
    market.report(&market.last_report()).await.expect(204);
    app.drain_outbox().await;
    assert_eq!((market.status(id).await, market.refund_status(refund).await), (5, 2));
    market.wait_for_all().await;
    assert_eq!(market.gateway().refunded().len(), 1);
    market.expect_balanced().await;
}

async fn the_gateway_reports_over_the_network(app: TestApp) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}{NOTIFY_PATH}", listener.local_addr().unwrap());
    let app = app.again(|config| config.homemaking.payment.notify_url = url.clone()).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(yuyue::serve::run(app.app().clone(), listener, async {
        let _ = stopped.await;
    }));
    let market = Market::open(&app).await;
    market.gateway().set_delivery(Delivery::Twice);
    let id = market.agreed().await;
    let out_no = begun_and_left(&market, id).await;
    settle_unheard(&market, &out_no).await;
    soon("the report pays the order", async {
        while market.status(id).await != 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    drop(stop);
    soon("the server stops", running).await.unwrap().unwrap();
    let market = market.at(&app.again(|_| ()).await);
    market.wait_for_all().await;
    market.expect_balanced().await;
    assert_eq!(market.staff.get("/admin/v1/ledger").await.expect(200).json()["total"], json!(1));
}
