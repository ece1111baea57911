//! The ledger: only added to, always fitting, and the look that finds where it does not.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::json;
use yuyue::adapters::payment_simulator::Fault;
use yuyue::clock::{DAY, HOUR};
use yuyue::staff::Role;

use super::Market;
use crate::support::TestApp;

both! {
    an_entry_is_never_changed_or_removed,
    planted_damage_is_found,
    every_night_staff_are_told_what_differs,
    the_ledger_is_listed_for_staff,
    whatever_happens_the_money_fits,
}

async fn an_entry_is_never_changed_or_removed(app: TestApp) {
    let market = Market::open(&app).await;
    market.paid().await;
    for sql in ["UPDATE ledger_entry SET amount_fen = 1", "DELETE FROM ledger_entry"] {
        let refused = app.try_execute(sql).await.unwrap_err();
        assert!(refused.contains("the ledger is only added to"), "{refused}");
    }
    let wrong = "INSERT INTO ledger_entry (kind, order_id, debit, credit, amount_fen, at)
                 VALUES ('charge', 1, 'gateway', 'held', 0, 0)";
    assert!(app.try_execute(wrong).await.is_err(), "nothing is moved");
    market.wait_for_all().await;
    market.expect_balanced().await;
}

async fn planted_damage_is_found(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    market.wait_for_all().await;
    assert_eq!(market.differences().await, [""; 0]);
    let order = |set: &str| format!("UPDATE service_order SET {set} WHERE id = {id}");
    let payment = |set: &str| format!("UPDATE payment SET {set}");
    let damages = [
        (order("status = 5"), order("status = 2"), "in state Cancelled the account gateway should hold 0.00"),
        (order("price_fen = 1"), order("price_fen = 30000"), "should hold 0.01, and holds 300.00"),
        (payment("state = 'started'"), payment("state = 'settled'"), "is of no payment that settled"),
        (
            payment("amount_fen = 1"),
            payment("amount_fen = 30000"),
            "is a charge of 0.01, entry 1 a charge of 300.00",
        ),
        (payment("is_surplus = TRUE"), payment("is_surplus = FALSE"), "was not wanted, and does not go back"),
        (
            format!(
                "INSERT INTO ledger_entry (kind, order_id, debit, credit, amount_fen, at)
                 VALUES ('confirm', {id}, 'held', 'publisher', 30000, 0)"
            ),
            "UPDATE service_order SET status = 3".to_owned(),
            "in state Unconfirmed the account held should hold -300.00, and holds 0.00",
        ),
    ];
    for (damage, repair, expected) in damages {
        app.execute(&damage).await;
        let found = market.differences().await;
        assert!(found.iter().any(|found| found.contains(expected)), "{damage}: {found:?}");
        assert!(found.iter().all(|found| found.starts_with(&format!("order {id}: "))), "{found:?}");
        app.execute(&repair).await;
        assert_eq!(market.differences().await, [""; 0], "{repair}");
    }
}

async fn every_night_staff_are_told_what_differs(app: TestApp) {
    let market = Market::open(&app).await;
    let id = market.paid().await;
    let told = "SELECT after AS value FROM audit WHERE action = 'ledger.verify'";
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!(app.texts(told).await, [""; 0], "nothing differs");
    app.execute(&format!("UPDATE service_order SET status = 6 WHERE id = {id}")).await;
    app.clock.advance(18 * HOUR);
    app.drain_outbox().await;
    assert_eq!(app.texts(told).await, [""; 0], "two in the morning");
    app.clock.advance(HOUR);
    app.drain_outbox().await;
    let found = app.texts(told).await;
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("in state Rejected the account gateway should hold 0.00"), "{found:?}");
}

async fn the_ledger_is_listed_for_staff(app: TestApp) {
    let market = Market::open(&app).await;
    app.get("/admin/v1/ledger").await.expect(401);
    let empty = market.staff.get("/admin/v1/ledger").await.expect(200).json();
    let totals = json!({ "charged": "0.00", "refunded": "0.00", "balance": "0.00" });
    assert_eq!(empty, json!({ "items": [], "total": 0, "page": 1, "size": 20, "totals": totals }));
    for _ in 0..3 {
        let id = market.paid().await;
        market.act(&market.consumer, id, 4).await.ok();
    }
    let returned = market.paid().await;
    market.refund(returned).await;
    app.drain_outbox().await;
    let auditor = app.staff(Role::Auditor).await;
    let second = auditor.get("/admin/v1/ledger?page=2&size=2").await.expect(200).json();
    let totals = json!({ "charged": "1200.00", "refunded": "300.00", "balance": "900.00" });
    assert_eq!((&second["total"], &second["totals"]), (&json!(5), &totals));
    let orders: Vec<_> =
        second["items"].as_array().unwrap().iter().map(|item| item["order_id"].clone()).collect();
    assert_eq!(orders, [json!(3), json!(2)], "a confirmation moves nothing at the gateway");
    app.get("/admin/v1/ledger?size=0").await.expect(401);
    market.staff.get("/admin/v1/ledger?size=0").await.expect(400);
    market.wait_for_all().await;
    market.expect_balanced().await;
}

/// What may happen in a market of three orders.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pay(usize),
    Cancel(usize),
    Confirm(usize),
    Refund(usize),
    /// The gateway's fault from here on.
    Fault(Fault),
    /// Some old report comes once more.
    Report(usize),
    Wait(i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let order = 0..3_usize;
    let step = prop_oneof![
        4 => order.clone().prop_map(Step::Pay),
        1 => order.clone().prop_map(Step::Cancel),
        1 => order.clone().prop_map(Step::Confirm),
        2 => order.prop_map(Step::Refund),
        2 => proptest::sample::select(vec![Fault::Ok, Fault::Lost, Fault::Refuse, Fault::Down]).prop_map(Step::Fault),
        1 => (0..20_usize).prop_map(Step::Report),
        1 => (1..60_i64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 10..30)
}

impl Market {
    /// Takes a step; whether it was allowed does not matter, only that it never fails badly.
    async fn step(&self, orders: &[i64], step: Step) {
        let answer = match step {
            Step::Pay(at) => self.pay(orders[at]).await,
            Step::Cancel(at) => self.cancel(orders[at]).await,
            Step::Confirm(at) => self.act(&self.consumer, orders[at], 4).await,
            Step::Refund(at) => {
                let ask = json!({ "order_id": orders[at], "reason": "不想要了" });
                let asked = self.consumer.home_post("refund", ask).await;
                if !asked.status.is_success() {
                    return;
                }
                let id = self.app.number("SELECT max(id) AS value FROM refund").await;
                self.publisher.home_post(&format!("refund/{id}"), json!({ "action": 1 })).await
            }
            Step::Fault(fault) => return self.gateway().set_fault(fault),
            Step::Report(at) => match self.gateway().announcements().get(at) {
                Some(report) => self.report(report).await,
                None => return,
            },
            Step::Wait(seconds) => {
                self.app.clock.advance(seconds * 1_000);
                self.app.drain_outbox().await;
                return;
            }
        };
        assert!(answer.status.as_u16() < 500, "{step:?}: {answer:?}");
    }
}

async fn whatever_happens_the_money_fits(app: TestApp) {
    let market = Market::open(&app).await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..12 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut orders = Vec::new();
        for _ in 0..3 {
            orders.push(market.agreed().await);
        }
        for step in &steps {
            market.step(&orders, *step).await;
            // At no moment do the books differ.
            assert_eq!(market.differences().await, [""; 0], "{step:?} in {steps:?}");
        }
        market.gateway().set_fault(Fault::Ok);
        market.wait_for_all().await;
        market.expect_balanced().await;
    }
}
