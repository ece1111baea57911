//! A caller that runs out of time is told the truth about what it asked for.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::sync::mpsc;
use std::time::Duration;

use support::slots::{add_booking, add_slot, bookings};
use support::{Held, TestDb};
use tokio::sync::mpsc::unbounded_channel;
use yuyue_db::{Db, Error, Overdue, within};

both!(
    what_was_cut_off_while_the_database_stood_still_never_happens,
    what_runs_when_its_caller_leaves_is_undone,
    what_was_committed_before_is_told,
);
postgres_only!(a_commit_under_way_is_told_apart, a_read_only_database_is_left);

/// Long enough to reach the database, and short for a test.
const SHORT: Duration = Duration::from_millis(200);

async fn booked(db: &TestDb) -> Vec<i64> {
    db.read("bookings", bookings).await.unwrap()
}

fn add(db: &Db, id: i64) -> impl Future<Output = Result<(), Error>> {
    db.write("book", move |tx| add_booking(tx, id, 1, None))
}

async fn what_was_cut_off_while_the_database_stood_still_never_happens(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let held = Held::start(&db, "LOCK TABLE booking").await;
    let mut callers = tokio::task::JoinSet::new();
    for id in 1..=40 {
        let db = Db::clone(&db);
        callers.spawn(async move { within(SHORT, add(&db, id)).await });
    }
    for told in callers.join_all().await {
        assert_eq!(told.unwrap_err(), Overdue::NothingDone);
    }
    held.release().await;
    add(&db, 100).await.unwrap();
    assert_eq!(booked(&db).await, [100]);
}

async fn what_runs_when_its_caller_leaves_is_undone(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let (enter, mut entered) = unbounded_channel();
    let (go_on, may_go_on) = mpsc::channel();
    let write = db.write("book", move |tx| {
        add_booking(tx, 1, 1, None)?;
        enter.send(()).unwrap();
        may_go_on.recv().unwrap();
        Ok::<_, Error>(())
    });
    assert_eq!(within(SHORT, write).await.unwrap_err(), Overdue::NothingDone);
    entered.recv().await.unwrap();
    go_on.send(()).unwrap();
    add(&db, 2).await.unwrap();
    assert_eq!(booked(&db).await, [2]);
}

async fn what_was_committed_before_is_told(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let refused = async {
        let refuse = |tx: &mut yuyue_db::Tx<'_>| add_booking(tx, 1, 1, None).and(Err::<(), _>(Error::Busy));
        db.write("refused", refuse).await.unwrap_err();
        db.read("bookings", bookings).await.unwrap();
        std::future::pending::<()>().await;
    };
    assert_eq!(within(SHORT, refused).await.unwrap_err(), Overdue::NothingDone);
    let done = async {
        add(&db, 2).await.unwrap();
        std::future::pending::<()>().await;
    };
    assert_eq!(within(SHORT, done).await.unwrap_err(), Overdue::MayHaveHappened);
    assert_eq!(within(SHORT, async { 7 }).await, Ok(7));
    assert_eq!(booked(&db).await, [2]);
}

async fn a_commit_under_way_is_told_apart(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    db.administer(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END';
         CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON booking DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    let held = Held::start(&db, "SELECT pg_advisory_xact_lock(1)").await;
    assert_eq!(within(SHORT, add(&db, 1)).await.unwrap_err(), Overdue::MayHaveHappened);
    held.release().await;
    db.administer("BEGIN; LOCK TABLE booking; COMMIT");
    assert_eq!(booked(&db).await, [1], "it did");
}

/// A proxy that leads to a standby, or a primary that was demoted: its sessions are of no more use.
async fn a_read_only_database_is_left(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let only = db.second_with(64, 2);
    add(&only, 1).await.unwrap();
    db.administer("ALTER TABLE booking RENAME TO real_booking");
    db.administer(
        "CREATE VIEW booking AS SELECT * FROM real_booking;
         CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN RAISE EXCEPTION USING ERRCODE = ''25006''; END';
         CREATE TRIGGER refuses INSTEAD OF INSERT ON booking FOR EACH ROW EXECUTE FUNCTION refuse()",
    );
    let refused = add(&only, 2).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused}");
    db.administer("DROP VIEW booking; ALTER TABLE real_booking RENAME TO booking");
    add(&only, 3).await.unwrap();
    assert_eq!(booked(&db).await, [1, 3]);
}
