//! Lost connections are made anew, and commits wake those who wait for them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, mpsc};
use std::time::Duration;

use support::slots::{add_booking, add_slot, bookings, has_booking};
use support::{Queued, TestDb};
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::task::JoinSet;
use yuyue_db::{Engine, Error, Tx, pick};

both!(a_commit_wakes_and_an_undo_does_not, a_wake_needs_no_statement);
postgres_only!(
    a_commit_wakes_other_nodes,
    lost_connections_are_replaced,
    a_connection_lost_in_a_transaction_runs_it_again,
    a_connection_lost_at_the_commit_is_told,
    a_lost_listener_wakes_everybody_once_it_is_back,
    commits_are_as_safe_as_the_operator_wants,
);

const SOON: Duration = Duration::from_secs(10);

async fn woken(subscriber: &mut watch::Receiver<u64>) {
    tokio::time::timeout(SOON, subscriber.changed()).await.expect("nothing woke the subscriber").unwrap();
}

fn add_booking_and_wake(tx: &mut Tx<'_>, id: i64, channel: &'static str) -> Result<(), Error> {
    add_booking(tx, id, 1, None)?;
    tx.wake(channel);
    Ok(())
}

async fn a_commit_wakes_and_an_undo_does_not(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let mut kept = db.subscribe("kept");
    let undone = db.subscribe("undone");
    let refused = db.write("undo", |tx| {
        add_booking_and_wake(tx, 1, "undone")?;
        Err::<(), _>(Error::Busy)
    });
    refused.await.unwrap_err();
    db.write("keep", |tx| add_booking_and_wake(tx, 2, "kept")).await.unwrap();
    // Wakes arrive in the order of their commits, so the other would have been here by now.
    woken(&mut kept).await;
    assert!(!undone.has_changed().unwrap());
    assert!(db.point("has", |tx| has_booking(tx, 2)).await.unwrap());
}

async fn a_wake_needs_no_statement(db: TestDb) {
    let mut subscriber = db.subscribe("poke");
    let poke = db.write("poke", |tx| {
        tx.wake("poke");
        Ok::<_, Error>(())
    });
    poke.await.unwrap();
    woken(&mut subscriber).await;
}

async fn a_commit_wakes_other_nodes(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    let other = db.second();
    let mut subscriber = other.subscribe("bookings");
    for id in 1..=20 {
        db.write("book", move |tx| add_booking_and_wake(tx, id, "bookings")).await.unwrap();
        woken(&mut subscriber).await;
        // The wake came after the commit, so what it was about is there.
        assert!(other.point("has", move |tx| has_booking(tx, id)).await.unwrap());
    }
}

const TERMINATE_ALL: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

/// Has every connection of the pool run something, so that each thread owns a live one.
async fn warm_up(db: &TestDb) {
    let everyone = Arc::new(Barrier::new(4));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (db, everyone) = (yuyue_db::Db::clone(db), Arc::clone(&everyone));
        readers.spawn(async move {
            let read = db.read("warm up", move |tx| {
                everyone.wait();
                bookings(tx)
            });
            read.await.unwrap();
        });
    }
    readers.join_all().await;
}

async fn lost_connections_are_replaced(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    for round in 0..3 {
        warm_up(&db).await;
        db.administer(TERMINATE_ALL);
        let mut callers = JoinSet::new();
        for id in round * 100..round * 100 + 20 {
            let db = yuyue_db::Db::clone(&db);
            callers.spawn(async move {
                db.write("book", move |tx| add_booking(tx, id, 1, None)).await.unwrap();
                assert!(db.point("has", move |tx| has_booking(tx, id)).await.unwrap());
                assert!(db.read("has", move |tx| has_booking(tx, id)).await.unwrap());
            });
        }
        callers.join_all().await;
    }
}

async fn a_connection_lost_in_a_transaction_runs_it_again(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let (enter, mut entered) = unbounded_channel();
    let (go_on, may_go_on) = mpsc::channel();
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let caller = Queued::new(db.write("book", move |tx| {
        add_booking(tx, 1, 1, None)?;
        if counted.fetch_add(1, Ordering::Relaxed) == 0 {
            enter.send(()).unwrap();
            may_go_on.recv().unwrap();
        }
        add_booking(tx, 2, 1, None)
    }));
    let caller = caller.await;
    entered.recv().await.unwrap();
    db.administer(TERMINATE_ALL);
    go_on.send(()).unwrap();
    caller.answer().await.unwrap();
    assert_eq!(runs.load(Ordering::Relaxed), 2);
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [1, 2]);
}

/// Once the commit is on its way nobody can know, so the closure must not run again.
async fn a_connection_lost_at_the_commit_is_told(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let (enter, mut entered) = unbounded_channel();
    let (go_on, may_go_on) = mpsc::channel();
    let caller = Queued::new(db.write("book", move |tx| {
        add_booking(tx, 1, 1, None)?;
        enter.send(()).unwrap();
        may_go_on.recv().unwrap();
        Ok(())
    }));
    let caller = caller.await;
    entered.recv().await.unwrap();
    db.administer(TERMINATE_ALL);
    go_on.send(()).unwrap();
    let error: Error = caller.answer().await.unwrap_err();
    assert!(matches!(error, Error::CommitUnknown(_)), "{error}");
    assert!(!error.is_transient());
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [0; 0]);
    db.write("book", |tx| add_booking(tx, 2, 1, None)).await.unwrap();
}

async fn a_lost_listener_wakes_everybody_once_it_is_back(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let mut subscriber = db.subscribe("bookings");
    db.administer(TERMINATE_ALL);
    woken(&mut subscriber).await;
    db.write("book", |tx| add_booking_and_wake(tx, 1, "bookings")).await.unwrap();
    woken(&mut subscriber).await;
}

/// Never less than on this machine's disk.
async fn commits_are_as_safe_as_the_operator_wants(db: TestDb) {
    let setting = pick!("SELECT 'on' AS value", "SELECT current_setting('synchronous_commit') AS value");
    let Engine::Postgres(config) = &db.engine else { panic!("not a server") };
    let name = config.get_dbname().unwrap();
    for (set, used) in [("remote_apply", "remote_apply"), ("on", "on"), ("off", "on"), ("local", "on")] {
        db.administer(&format!("ALTER DATABASE {name} SET synchronous_commit = {set}"));
        let second = db.second();
        let seen = second.write("setting", |tx| tx.query_one(setting, &[], |row| row.get::<String>("value")));
        assert_eq!(seen.await.unwrap(), used, "{set}");
    }
}
