//! Orders, bookings and applications without a key: once in doubt, the same again is the same one.

use std::sync::{Mutex, mpsc};

use serde_json::{Value, json};
use yuyue::clock::MINUTE;
use yuyue::error::Error;

use crate::support::TestApp;
use crate::support::booking::booking;
use crate::support::database::Holder;
use crate::support::served::soon;
use crate::support::wire::Answer;

both! {
    a_booking_in_doubt_is_not_made_twice,
    an_order_in_doubt_is_not_made_twice,
    an_application_in_doubt_is_not_made_twice,
    what_was_answered_may_be_asked_for_again,
    what_never_happened_is_done_by_the_repeat,
}

only_postgres! {
    what_may_have_happened_is_told_apart,
    other_nodes_know_of_the_doubt,
}

/// A caller, what it asks, and the table that grows by it.
struct Wish {
    caller: TestApp,
    path: &'static str,
    body: Value,
    table: &'static str,
}

impl Wish {
    async fn ask(&self) -> Answer {
        self.caller.post(self.path, self.body.clone()).await
    }

    async fn made(&self) -> i64 {
        self.caller.number(&format!("SELECT count(*) AS value FROM {}", self.table)).await
    }

    /// Asks in such a way that it is done, but nobody learns it.
    async fn ask_in_doubt(&self) {
        if self.caller.home().is_server() {
            let answer = self.with_its_commit_held(|| self.ask()).await.expect(503);
            assert_eq!(answer.header("retry-after"), "", "{answer:?}");
        } else {
            self.hang_up_after_the_commit().await;
        }
    }

    /// Commits that add to the table wait until `ask` is over.
    async fn with_its_commit_held<F: Future<Output = Answer>>(&self, ask: impl FnOnce() -> F) -> Answer {
        let (server, name) = self.caller.home().server();
        let trigger = format!(
            "CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
                 'BEGIN PERFORM pg_advisory_xact_lock(77); RETURN NULL; END';
             CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON {} DEFERRABLE INITIALLY DEFERRED
                 FOR EACH ROW EXECUTE FUNCTION wait()",
            self.table
        );
        let holder = Holder::start(server, name, &trigger, "SELECT pg_advisory_xact_lock(77)").await;
        let answer = soon("the reply", ask()).await;
        holder.release().await;
        answer
    }

    /// The writer is busy when the request's job comes, then does both; the request is not polled again.
    async fn hang_up_after_the_commit(&self) {
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let (enter, entered) = tokio::sync::oneshot::channel();
        let (enter, may_go_on) = (Mutex::new(Some(enter)), Mutex::new(may_go_on));
        let db = self.caller.db.clone();
        let busy = tokio::spawn(async move {
            let wait = move |_: &mut yuyue_db::Tx<'_>| {
                let _ = enter.lock().unwrap().take().map(|enter| enter.send(()));
                let _ = may_go_on.lock().unwrap().recv();
                Ok::<_, Error>(())
            };
            db.write("test.busy", wait).await
        });
        soon("the writer is busy", entered).await.unwrap();
        let before = self.made().await;
        let mut asked = Box::pin(self.ask());
        assert!(futures_util::poll!(&mut asked).is_pending());
        drop(go_on);
        busy.await.unwrap().unwrap();
        self.are_made(before + 1).await;
        drop(asked);
    }

    /// This wish of a caller who waits only a moment: long enough to reach the commit, and short for a test.
    async fn hasty(self) -> Self {
        let moment = std::time::Duration::from_millis(1_500);
        let caller = self.caller.again(|config| config.server.request_timeout = moment).await;
        Self { caller, ..self }
    }

    /// Until so many were made.
    async fn are_made(&self, many: i64) {
        soon("it is done", async {
            while self.made().await < many {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The repeat is answered with what was done, which is not done again; another body is another request.
    async fn is_made_once(&self) {
        self.ask_in_doubt().await;
        let repeat = self.ask().await;
        assert!(repeat.status.is_success(), "{repeat:?}");
        assert_eq!(self.ask().await.body, repeat.body);
        assert_eq!(self.made().await, 1, "{repeat:?}");
    }
}

fn booking_of(caller: TestApp) -> Wish {
    let body = booking("o-1", 10, 0);
    Wish { caller, path: "/v1/make-appointment", body, table: "appointment" }
}

async fn a_booking_in_doubt_is_not_made_twice(app: TestApp) {
    let booking = booking_of(app.clone()).hasty().await;
    booking.is_made_once().await;
    assert_eq!(booking.ask().await.data()["appointment_id"], 1);
    assert_eq!(app.wrong_slots(false).await, [""; 0]);
    app.clock.advance(MINUTE);
    assert_ne!(booking.ask().await.error_no(), 0, "a minute later it is another booking of the same slot");
}

async fn order_of(app: &TestApp) -> Wish {
    let (publisher, consumer) = (app.user(1).await, app.user(2).await);
    let service = publisher.published(&json!({})).await;
    let body = json!({ "service_id": service, "address": crate::support::home::address() });
    Wish { caller: consumer, path: "/homemaking/v1/order", body, table: "service_order" }
}

async fn an_order_in_doubt_is_not_made_twice(app: TestApp) {
    let order = order_of(&app).await.hasty().await;
    order.is_made_once().await;
    app.clock.advance(MINUTE);
    assert_eq!(order.ask().await.made()["order_id"], 2, "a minute later it is another order");
}

async fn an_application_in_doubt_is_not_made_twice(app: TestApp) {
    let starts = app.clock.now().at / 1_000;
    let body = json!({
        "subject_type": 1, "name": "张三", "phone": "13911111111", "proposer": "13911111111", "interviewee": "李四",
        "interviewee_phone": "13811111111", "start_time": starts, "end_time": starts + 7_200,
    });
    let application = Wish { caller: app.clone(), path: "/v1/subject", body, table: "visit" };
    application.hasty().await.is_made_once().await;
    app.drain_outbox().await;
}

/// Who orders two of a thing, or books again what was cancelled, learnt that the first was done.
async fn what_was_answered_may_be_asked_for_again(app: TestApp) {
    let order = order_of(&app).await;
    let (one, two) = (order.ask().await.made(), order.ask().await.made());
    assert_ne!(one, two);
    let booking = booking_of(app.clone());
    let first = app.booked(booking.body.clone()).await;
    app.cancel("o-1", first).await.data();
    assert_ne!(app.booked(booking.body.clone()).await, first);
    let other_caller = order_of(&app).await;
    assert_ne!(other_caller.ask().await.made(), two);
}

/// The caller hung up before its turn came.
async fn what_never_happened_is_done_by_the_repeat(app: TestApp) {
    let order = order_of(&app).await;
    let mut asked = Box::pin(order.ask());
    let _ = futures_util::poll!(&mut asked);
    drop(asked);
    order.ask().await.made();
    assert_eq!(order.made().await, 1);
}

async fn what_may_have_happened_is_told_apart(app: TestApp) {
    let booking = booking_of(app.with("accept-language", "en")).hasty().await;
    let answer = booking.with_its_commit_held(|| booking.ask()).await.expect(503);
    assert_eq!((answer.json()["error_no"].as_i64(), answer.header("retry-after")), (Some(503), ""));
    assert!(answer.error_msg().contains("may have been done"), "{answer:?}");
    booking.are_made(1).await;
}

async fn other_nodes_know_of_the_doubt(app: TestApp) {
    let order = order_of(&app).await.hasty().await;
    order.ask_in_doubt().await;
    soon("the mark", async {
        let marks = "SELECT count(*) AS value FROM unnamed_request WHERE is_doubtful AND reply <> ''";
        while app.number(marks).await == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let elsewhere = Wish { caller: order.caller.again(|_| ()).await, ..order };
    let repeat = elsewhere.ask().await.made();
    assert_eq!((&repeat["order_id"], elsewhere.made().await), (&json!(1), 1));
}
