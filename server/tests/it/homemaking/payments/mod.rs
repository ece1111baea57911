//! Money: paying, paying back, what gateways report, and the ledger that has to fit it all.

mod crash;
mod ledger;
mod notifications;
mod payers;
mod paying;
mod refunding;
mod settling;
mod ways;
mod wechat;
mod wechat_faults;

use axum::http::Method;
use serde_json::{Value, json};
use yuyue::adapters::payment_simulator::{Announcement, PaymentSimulator};
use yuyue::homemaking::Fen;
use yuyue::homemaking::ledger::check;
use yuyue::homemaking::payments;
use yuyue::staff::Role;

use crate::support::TestApp;
use crate::support::wire::Answer;

/// A marketplace with a service of 300.00, its publisher, and a consumer.
struct Market {
    app: TestApp,
    staff: TestApp,
    publisher: TestApp,
    consumer: TestApp,
    service_id: i64,
}

impl Market {
    async fn open(app: &TestApp) -> Self {
        let (staff, publisher, consumer) =
            (app.staff(Role::Admin).await, app.user(1).await, app.user(2).await);
        let service_id = publisher.published(&json!({})).await;
        Self { app: app.clone(), staff, publisher, consumer, service_id }
    }

    /// The same people at another node, or after a restart.
    fn at(&self, app: &TestApp) -> Self {
        let move_to = |caller: &TestApp| {
            let headers = caller.own_headers().to_vec();
            headers.iter().fold(app.clone(), |app, (name, value)| app.with(name, value))
        };
        Self {
            app: app.clone(),
            staff: move_to(&self.staff),
            publisher: move_to(&self.publisher),
            consumer: move_to(&self.consumer),
            service_id: self.service_id,
        }
    }

    fn gateway(&self) -> &PaymentSimulator {
        &self.app.world().payment
    }

    /// A new order that the publisher has agreed to.
    async fn agreed(&self) -> i64 {
        let id = self.consumer.ordered(self.service_id).await;
        self.publisher.act_on_order(id, 1).await.ok();
        id
    }

    async fn paid(&self) -> i64 {
        let id = self.agreed().await;
        assert_eq!(self.pay(id).await.ok(), json!({ "result": true }));
        id
    }

    fn act(&self, who: &TestApp, id: i64, action: i64) -> impl Future<Output = Answer> + Send + use<> {
        let who = who.clone();
        async move { who.act_on_order(id, action).await }
    }

    fn pay(&self, id: i64) -> impl Future<Output = Answer> + Send + use<> {
        self.act(&self.consumer, id, 3)
    }

    fn cancel(&self, id: i64) -> impl Future<Output = Answer> + Send + use<> {
        self.act(&self.consumer, id, 7)
    }

    async fn status(&self, id: i64) -> i64 {
        self.app.order_status(id).await
    }

    /// A refund that the publisher has agreed to, so that its pay-back has begun.
    async fn refund(&self, order_id: i64) -> i64 {
        let ask = json!({ "order_id": order_id, "reason": "不想要了" });
        self.consumer.home_post("refund", ask).await.made();
        let id = self.app.number("SELECT max(id) AS value FROM refund").await;
        self.publisher.home_post(&format!("refund/{id}"), json!({ "action": 1 })).await.ok();
        id
    }

    async fn start_refund(&self, order_id: i64, refund_id: i64, fen: i64) -> Result<(), i64> {
        let at = self.app.clock.now().at;
        let start = self
            .app
            .db
            .write("test", move |tx| payments::start_refund(tx, order_id, refund_id, Fen(fen), at));
        start.await.map_err(|error| error.code().unwrap().number)
    }

    /// Until every payment has come to its end.
    async fn wait_for_all(&self) {
        let open = "SELECT count(*) AS value FROM payment WHERE state = 'started'";
        self.app.drain_outbox().await;
        for _ in 0..500 {
            if self.app.number(open).await == 0 && self.app.due_messages().await.is_empty() {
                return;
            }
            self.app.clock.advance(60_000);
            self.app.drain_outbox().await;
        }
        panic!("payments are still open");
    }

    /// Brings a report to our address, as the gateway does.
    async fn report(&self, announcement: &Announcement) -> Answer {
        let caller =
            (announcement.headers.iter()).fold(self.app.clone(), |app, (name, value)| app.with(name, value));
        caller.send(Method::POST, payments::NOTIFY_PATH, announcement.body.clone()).await
    }

    async fn refund_status(&self, id: i64) -> i64 {
        self.app.number(&format!("SELECT status AS value FROM refund WHERE id = {id}")).await
    }

    /// Lets time pass, and what is due in it happen, in steps shorter than any wait.
    async fn wait(&self, seconds: i64) {
        for _ in 0..seconds.div_euclid(5) {
            self.app.clock.advance(5_000);
            self.app.drain_outbox().await;
        }
    }

    async fn differences(&self) -> Vec<String> {
        check::verify(&self.app.db, self.app.clock.now().at).await.unwrap().differences
    }

    /// Kind, order, amount and gateway id of each movement, oldest first; and the balance.
    async fn ledger(&self) -> (Vec<String>, String) {
        let said = self.staff.get("/admin/v1/ledger?size=100").await.expect(200).json();
        let line = |item: &Value| {
            let text = |name: &str| item[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("kind"), item["order_id"], text("amount"))
        };
        let mut lines: Vec<String> = said["items"].as_array().unwrap().iter().map(line).collect();
        lines.reverse();
        (lines, said["totals"]["balance"].as_str().unwrap().to_owned())
    }

    /// All is settled: the ledger fits the orders, and the gateway holds what the ledger says.
    async fn expect_balanced(&self) {
        assert_eq!(self.differences().await, [""; 0]);
        let charged: i64 = self.gateway().charged().iter().map(|charge| charge.amount).sum();
        let refunded: i64 = self.gateway().refunded().iter().map(|refund| refund.amount).sum();
        assert_eq!(self.ledger().await.1, Fen(charged - refunded).to_string());
        let open = "SELECT count(*) AS value FROM payment WHERE state = 'started'";
        assert_eq!(self.app.number(open).await, 0);
    }
}
