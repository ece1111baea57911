//! The outbox: what was acknowledged is sent, once, whatever the SMS gateway does meanwhile.

use serde_json::json;
use yuyue::adapters::sms_simulator::Fault;
use yuyue::clock::{DAY, HOUR, MINUTE, SECOND};
use yuyue::outbox::worker;

use crate::support::TestApp;
use crate::support::served::soon;

both! {
    a_code_arrives_once_the_gateway_is_up_again,
    a_gateway_that_reports_errors_is_tried_again,
    a_gateway_that_does_not_answer_is_not_waited_for,
    a_lost_answer_does_not_send_twice,
    tries_come_at_growing_distances_until_the_code_is_useless,
    a_code_that_was_used_meanwhile_is_not_sent,
    a_restart_loses_nothing,
    two_workers_do_not_send_twice,
    what_a_dead_worker_held_comes_back,
    a_worker_taken_for_dead_postpones_nothing,
    a_worker_taken_for_dead_gives_nothing_up,
    a_commit_wakes_the_worker,
    a_job_nobody_knows_is_given_up,
    what_is_long_finished_is_forgotten,
    the_demo_makes_the_gateway_misbehave,
    a_gateway_that_does_not_answer_holds_up_its_own_messages_only,
    codes_go_before_all_else,
}

only_sqlite!(what_the_process_before_held_is_free);

const MOBILE: &str = "13333333333";

impl TestApp {
    async fn ask(&self, mobile: &str) {
        self.post("/v1/login/sms_code", json!({ "mobile": mobile })).await.expect(200);
    }

    fn gateway(&self, fault: Fault) {
        self.world().sms.set_fault(fault);
    }

    /// State and attempts of the messages.
    async fn messages(&self) -> Vec<String> {
        self.texts(
            "SELECT state || ' ' || CAST(attempts AS TEXT) AS value FROM outbox WHERE is_message ORDER BY id",
        )
        .await
    }
}

/// The gateway fails once, then works.
async fn fails_once(app: &TestApp, fault: Fault) {
    app.ask(MOBILE).await;
    app.gateway(fault);
    assert_eq!(app.drain_outbox().await, []);
    assert_eq!(app.messages().await, ["waiting 1"]);
    let reasons = app.texts("SELECT last_error AS value FROM outbox WHERE is_message").await;
    assert!(!reasons[0].is_empty() && !reasons[0].contains(MOBILE), "{reasons:?}");
    app.gateway(Fault::Ok);
    app.clock.advance(5 * SECOND - 1);
    assert_eq!(app.drain_outbox().await, [], "not before it is due");
    app.clock.advance(1);
    assert_eq!(app.drain_outbox().await.len(), 1);
    assert_eq!(app.messages().await, ["sent 2"]);
    app.clock.advance(DAY);
    assert_eq!(app.drain_outbox().await, []);
}

async fn a_code_arrives_once_the_gateway_is_up_again(app: TestApp) {
    fails_once(&app, Fault::Down).await;
}

async fn a_gateway_that_reports_errors_is_tried_again(app: TestApp) {
    fails_once(&app, Fault::Error).await;
}

async fn a_gateway_that_does_not_answer_is_not_waited_for(app: TestApp) {
    fails_once(&app, Fault::Slow).await;
}

async fn a_lost_answer_does_not_send_twice(app: TestApp) {
    app.ask(MOBILE).await;
    app.gateway(Fault::LostAnswer);
    assert_eq!(app.drain_outbox().await.len(), 1, "it was accepted, but the server cannot know");
    assert_eq!(app.messages().await, ["waiting 1"]);
    app.gateway(Fault::Ok);
    app.clock.advance(5 * SECOND);
    assert_eq!(app.drain_outbox().await, [], "looked up, not sent again");
    assert_eq!(app.messages().await, ["sent 2"]);
}

async fn tries_come_at_growing_distances_until_the_code_is_useless(app: TestApp) {
    app.ask(MOBILE).await;
    app.gateway(Fault::Down);
    let start = app.clock.now().at;
    let mut tries = Vec::new();
    while app.messages().await[0].starts_with("waiting") {
        let due = app.number("SELECT due_at AS value FROM outbox WHERE is_message").await;
        app.clock.advance(due - app.clock.now().at);
        app.drain_outbox().await;
        tries.push((due - start) / SECOND);
    }
    assert_eq!(tries, [0, 5, 20, 80, 260], "the code is valid for 300 s, so a try at 860 s is pointless");
    assert_eq!(app.messages().await, ["given_up 5"]);
    app.gateway(Fault::Ok);
    app.clock.advance(DAY);
    assert_eq!(app.drain_outbox().await, []);
}

async fn a_code_that_was_used_meanwhile_is_not_sent(app: TestApp) {
    app.ask(MOBILE).await;
    app.drain_outbox().await;
    let digits = app.newest_code(MOBILE);
    app.post("/v1/login/sms_code", json!({ "mobile": MOBILE, "is_try": 1 })).await.expect(200);
    let login = json!({ "grant_type": "sms_code", "mobile": MOBILE, "sms_code": digits, "client_id": 44 });
    app.post("/v1/login/token", login).await.expect(200);
    assert_eq!(app.drain_outbox().await, []);
    assert_eq!(app.messages().await, ["sent 1", "given_up 1"]);
}

async fn a_restart_loses_nothing(app: TestApp) {
    app.ask(MOBILE).await;
    app.gateway(Fault::Down);
    app.drain_outbox().await;
    app.gateway(Fault::Ok);
    let restarted = app.again(|_| ()).await;
    restarted.clock.advance(5 * SECOND);
    let sent = restarted.drain_outbox().await;
    assert_eq!((sent.len(), sent[0].to.as_str()), (1, MOBILE));
    let digits = restarted.newest_code(MOBILE);
    let login = json!({ "grant_type": "sms_code", "mobile": MOBILE, "sms_code": digits, "client_id": 44 });
    restarted.post("/v1/login/token", login).await.expect(200);
    assert_eq!(app.drain_outbox().await, []);
}

async fn two_workers_do_not_send_twice(app: TestApp) {
    let other = app.again(|_| ()).await;
    let mobiles: Vec<String> = (0..40).map(|number| format!("133{number:08}")).collect();
    for mobile in &mobiles {
        app.ask(mobile).await;
    }
    let (mut here, mut there) = (1, 1);
    while here + there > 0 {
        let (one, two) = (app.app().clone(), other.app().clone());
        let both = (
            tokio::spawn(async move { worker::work(&one).await }),
            tokio::spawn(async move { worker::work(&two).await }),
        );
        (here, there) = (both.0.await.unwrap().unwrap(), both.1.await.unwrap().unwrap());
    }
    for mobile in &mobiles {
        assert_eq!(app.world().sms.received_by(mobile).len(), 1, "{mobile}");
    }
    assert_eq!(app.messages().await, ["sent 1"; 40]);
}

async fn what_a_dead_worker_held_comes_back(app: TestApp) {
    app.ask(MOBILE).await;
    let lease_end = app.clock.now().at + 2 * MINUTE;
    let claim = format!(
        "UPDATE outbox SET lease = 'of a dead worker', due_at = {lease_end}, attempts = attempts + 1 WHERE is_message"
    );
    app.execute(&claim).await;
    app.clock.advance(2 * MINUTE - 1);
    assert_eq!(app.drain_outbox().await, []);
    app.clock.advance(1);
    assert_eq!(app.drain_outbox().await.len(), 1);
    assert_eq!(app.messages().await, ["sent 2"]);
}

/// A worker hangs until its lease has ended and another one has sent the message; `late` is how long
/// after that it learns of its own failure.
async fn hangs_and_is_overtaken(app: &TestApp, late: i64) {
    app.ask(MOBILE).await;
    app.gateway(Fault::Slow);
    let first = app.app().clone();
    let first = tokio::spawn(async move { worker::work(&first).await });
    soon("the message is claimed", async {
        while app.world().sms.requests() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    app.gateway(Fault::Ok);
    app.clock.advance(30 * SECOND - 1);
    assert_eq!(app.drain_outbox().await, [], "it may be at work still");
    app.clock.advance(1);
    assert_eq!(app.drain_outbox().await.len(), 1, "another worker took over");
    let row = "SELECT state || ' ' || last_error || ' ' || CAST(due_at AS TEXT) AS value FROM outbox WHERE is_message";
    let sent = app.texts(row).await;
    assert!(sent[0].starts_with("sent  "), "{sent:?}");
    app.clock.advance(late);
    soon("the first one fails", first).await.unwrap().unwrap();
    assert_eq!(app.texts(row).await, sent, "its failure is not recorded over the other's success");
}

/// A database that only one process uses has no other worker that could hold anything.
async fn what_the_process_before_held_is_free(app: TestApp) {
    app.ask(MOBILE).await;
    let lease_end = app.clock.now().at + 30 * SECOND;
    let claim = format!(
        "UPDATE outbox SET lease = 'of the process before', due_at = {lease_end}, attempts = 1 WHERE is_message"
    );
    app.execute(&claim).await;
    let served = app.again(|_| ()).await.serve().await;
    soon("the message arrives", async {
        while app.world().sms.received_by(MOBILE).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    served.stopped().await;
}

async fn a_worker_taken_for_dead_postpones_nothing(app: TestApp) {
    hangs_and_is_overtaken(&app, 0).await;
}

async fn a_worker_taken_for_dead_gives_nothing_up(app: TestApp) {
    hangs_and_is_overtaken(&app, HOUR).await;
}

async fn a_commit_wakes_the_worker(app: TestApp) {
    let served = app.serve().await;
    for number in 0..3 {
        let mobile = format!("133{number:08}");
        app.ask(&mobile).await;
        soon("the message arrives", async {
            while app.world().sms.received_by(&mobile).is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    served.stopped().await;
    app.drain_outbox().await;
}

async fn a_job_nobody_knows_is_given_up(app: TestApp) {
    let at = app.clock.now().at;
    let insert = format!(
        "INSERT INTO outbox
             (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error, created_at)
         VALUES ('of.another_version', TRUE, 'x', '', 'waiting', 0, {at}, {at}, '', {at})"
    );
    app.execute(&insert).await;
    app.drain_outbox().await;
    assert_eq!(app.messages().await, ["given_up 1"]);
}

async fn what_is_long_finished_is_forgotten(app: TestApp) {
    app.ask(MOBILE).await;
    app.drain_outbox().await;
    app.clock.advance(30 * DAY - 1);
    app.drain_outbox().await;
    assert_eq!(app.messages().await, ["sent 1"]);
    app.clock.advance(DAY);
    app.drain_outbox().await;
    assert_eq!(app.messages().await, [""; 0]);
    assert_eq!(app.number("SELECT count(*) AS value FROM sms_code").await, 0);
    let rest = app.number("SELECT count(*) AS value FROM outbox WHERE unique_name IS NULL").await;
    assert_eq!(rest, 0, "only what recurs goes on");
}

async fn the_demo_makes_the_gateway_misbehave(app: TestApp) {
    app.post("/demo/faults", json!({ "sms": "down" })).await.expect(200);
    app.ask(MOBILE).await;
    assert_eq!(app.drain_outbox().await, []);
    app.post("/demo/faults", json!({ "sms": "ok" })).await.expect(200);
    app.clock.advance(5 * SECOND);
    assert_eq!(app.drain_outbox().await.len(), 1);
    let wrong = app.post("/demo/faults", json!({ "sms": "tired" })).await.expect(400);
    assert_eq!(wrong.json()["field"], "sms");
}

/// Writes jobs of a kind nobody knows, which end as soon as they are looked at.
async fn add_unknown(app: &TestApp, number: usize) {
    let at = app.clock.now().at;
    for _ in 0..number {
        let insert = format!(
            "INSERT INTO outbox
                 (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error, created_at)
             VALUES ('a.job_of_another_version', FALSE, '', '', 'waiting', 0, {at}, {at}, '', {at})"
        );
        app.execute(&insert).await;
    }
}

async fn a_gateway_that_does_not_answer_holds_up_its_own_messages_only(app: TestApp) {
    // Of which sixteen at a time would take a minute.
    for number in 0..200 {
        app.ask(&format!("133{number:08}")).await;
    }
    app.gateway(Fault::Slow);
    let worker = app.app().clone();
    let worker = tokio::spawn(async move { worker::run(worker).await });
    soon("as many messages are under way as have places", async {
        while app.world().sms.requests() < 32 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    add_unknown(&app, 20).await;
    let done =
        "SELECT count(*) AS value FROM outbox WHERE kind = 'a.job_of_another_version' AND state <> 'waiting'";
    soon("the jobs of another kind", async {
        while app.number(done).await < 20 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    worker.abort();
    app.gateway(Fault::Ok);
    app.leaves_messages();
}

async fn codes_go_before_all_else(app: TestApp) {
    add_unknown(&app, 3).await;
    app.ask(MOBILE).await;
    worker::work(app.app()).await.unwrap();
    assert_eq!(app.world().sms.received_by(MOBILE).len(), 1, "in the first round, whatever waits longer");
}
