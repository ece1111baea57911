//! All or nothing for every caller, whoever shares its commit, and one state for every reader.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::sync::mpsc;

use support::slots::{add_booking, add_slot, book, bookings, has_booking, inconsistent_slots};
use support::{Blocker, Queued, TestDb};
use yuyue_db::{Error, Lock, params, pick, sql};

both!(
    an_error_undoes_only_its_own_caller,
    a_panic_undoes_only_its_own_caller,
    a_failed_statement_fails_the_closure_that_swallows_it,
    nothing_works_after_a_failed_statement,
    an_answer_means_that_everybody_sees_it,
    a_read_sees_one_state,
    only_a_write_may_write,
    a_closure_without_statements_succeeds,
);
sqlite_only!(nothing_is_answered_before_the_shared_commit);

/// A product's own error beside the kernel's.
#[derive(Debug)]
enum Refusal {
    ByRule(i64),
    Database(Error),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

async fn an_error_undoes_only_its_own_caller(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let blocker = Blocker::start(&db).await;
    let mut callers = Vec::new();
    for id in 1..=50 {
        let caller = db.write("book", move |tx| {
            book(tx, id, 1)?;
            if id % 5 == 0 { Err(Refusal::ByRule(id)) } else { Ok(id) }
        });
        callers.push((id, Queued::new(caller).await));
    }
    blocker.release();
    blocker.answer().await.unwrap();
    for (id, caller) in callers {
        match caller.answer().await {
            Ok(answer) => assert!(answer == id && id % 5 != 0),
            Err(Refusal::ByRule(refused)) => assert!(refused == id && id % 5 == 0),
            Err(Refusal::Database(error)) => panic!("{error}"),
        }
    }
    let expected: Vec<i64> = (1..=50).filter(|id| id % 5 != 0).collect();
    assert_eq!(db.read("bookings", bookings).await.unwrap(), expected);
    assert_eq!(db.read("check", inconsistent_slots).await.unwrap(), [0; 0]);
}

async fn a_panic_undoes_only_its_own_caller(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let blocker = Blocker::start(&db).await;
    let mut callers = Vec::new();
    for id in 1..=50 {
        let caller = db.write("book", move |tx| {
            book(tx, id, 1)?;
            assert!(id % 7 != 0, "a bug for booking {id}");
            Ok(())
        });
        callers.push((id, Queued::new(caller).await));
    }
    blocker.release();
    blocker.answer().await.unwrap();
    for (id, caller) in callers {
        match caller.answer().await {
            Ok(()) => assert_ne!(id % 7, 0),
            Err(error) => assert!(id % 7 == 0 && matches!(error, Error::Panicked), "{id}: {error}"),
        }
    }
    let expected: Vec<i64> = (1..=50).filter(|id| id % 7 != 0).collect();
    assert_eq!(db.read("bookings", bookings).await.unwrap(), expected);

    let panics = db.read("bug", |_| -> Result<(), Error> { panic!("in a read") }).await;
    assert!(matches!(panics, Err(Error::Panicked)));
    let panics = db.point("bug", |_| -> Result<(), Error> { panic!("in a point read") }).await;
    assert!(matches!(panics, Err(Error::Panicked)));
    assert!(db.write("book", |tx| book(tx, 51, 1)).await.unwrap());
    assert!(db.point("has", |tx| has_booking(tx, 51)).await.unwrap());
}

async fn a_failed_statement_fails_the_closure_that_swallows_it(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    db.write("book", |tx| book(tx, 1, 1)).await.unwrap();
    let careless = db.write("book twice", |tx| {
        add_booking(tx, 2, 1, None)?;
        let _ = add_booking(tx, 1, 1, Some("the id is taken"));
        Ok(())
    });
    let error: Error = careless.await.unwrap_err();
    assert!(matches!(&error, Error::Statement { file, .. } if file.ends_with("slots.rs")), "{error}");
    let careless = db.write("misread", |tx| {
        add_booking(tx, 2, 1, None)?;
        let _ = tx.query(sql!("SELECT note FROM booking"), params![], |row| row.get::<String>("note"));
        Ok(())
    });
    let error: Error = careless.await.unwrap_err();
    assert!(matches!(&error, Error::Column { column, .. } if column == "note"), "{error}");
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [1]);
}

async fn nothing_works_after_a_failed_statement(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let (tell, told) = mpsc::channel();
    let careless = db.write("go on", move |tx| {
        let fails = [
            add_booking(tx, 1, 404, Some("there is no such slot")).is_err(),
            add_booking(tx, 2, 1, None).is_err(),
            tx.lock(Lock::Shared(1)).is_err(),
            bookings(tx).is_err(),
        ];
        tell.send(fails).unwrap();
        Ok::<_, Error>(())
    });
    careless.await.unwrap_err();
    assert_eq!(told.recv().unwrap(), [true; 4]);
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [0; 0]);
}

/// Two jobs hold one batch open, one at its start and one at its end: what ran between them has
/// run, but is neither answered nor visible.
async fn nothing_is_answered_before_the_shared_commit(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let other = db.second();
    let mut subscriber = db.subscribe("bookings");
    let first = Blocker::start(&db).await;
    let mut callers = Vec::new();
    for id in 1..=20 {
        let caller = db.write("book", move |tx| {
            tx.wake("bookings");
            book(tx, id, 1)
        });
        callers.push(Queued::new(caller).await);
    }
    let mut last = Blocker::queue(&db).await;
    first.release();
    last.is_running().await;

    for caller in &mut callers {
        assert!(!caller.is_answered().await);
    }
    assert!(!subscriber.has_changed().unwrap());
    assert_eq!(other.read("bookings", bookings).await.unwrap(), [0; 0]);

    last.release();
    for caller in callers {
        assert!(caller.answer().await.unwrap());
        assert_eq!(other.read("bookings", bookings).await.unwrap().len(), 20);
    }
    subscriber.changed().await.unwrap();
}

async fn an_answer_means_that_everybody_sees_it(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    let other = db.second();
    let mut callers = tokio::task::JoinSet::new();
    for id in 1..=100 {
        let (db, other) = (db.clone(), other.clone());
        callers.spawn(async move {
            assert!(db.write("book", move |tx| book(tx, id, 1)).await.unwrap());
            assert!(other.point("has", move |tx| has_booking(tx, id)).await.unwrap());
            assert!(other.read("has", move |tx| has_booking(tx, id)).await.unwrap());
        });
    }
    callers.join_all().await;
}

async fn a_read_sees_one_state(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    db.write("book", |tx| book(tx, 1, 1)).await.unwrap();
    let (tell_read, mut has_read) = tokio::sync::mpsc::unbounded_channel();
    let (tell_written, has_written) = mpsc::channel();
    let reader = Queued::new(db.read("read twice", move |tx| {
        let before = bookings(tx)?;
        tell_read.send(()).unwrap();
        has_written.recv().unwrap();
        Ok::<_, Error>((before, bookings(tx)?))
    }))
    .await;
    has_read.recv().await.unwrap();
    db.write("book", |tx| book(tx, 2, 1)).await.unwrap();
    tell_written.send(()).unwrap();
    assert_eq!(reader.answer().await.unwrap(), (vec![1], vec![1]));
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [1, 2]);
}

async fn only_a_write_may_write(db: TestDb) {
    let refused: Result<(), Error> = db.read("write", |tx| add_slot(tx, 1, 10)).await;
    assert!(matches!(refused, Err(Error::Statement { .. })), "{refused:?}");
    let refused: Result<(), Error> = db.point("write", |tx| add_slot(tx, 1, 10)).await;
    assert!(matches!(refused, Err(Error::Statement { .. })), "{refused:?}");
    let slots = db.read("slots", |tx| {
        let statement = pick!("SELECT count(*) AS n FROM slot", "SELECT count(id) AS n FROM slot");
        tx.query_one(statement, params![], |row| row.get::<i64>("n"))
    });
    assert_eq!(slots.await.map_err(|error: Error| error.to_string()), Ok(0));
}

async fn a_closure_without_statements_succeeds(db: TestDb) {
    assert_eq!(db.write("nothing", |_| Ok::<_, Error>(1)).await.unwrap(), 1);
    assert_eq!(db.read("nothing", |_| Ok::<_, Error>(2)).await.unwrap(), 2);
    assert_eq!(db.point("nothing", |_| Ok::<_, Error>(3)).await.unwrap(), 3);
}
