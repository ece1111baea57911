//! Queues are bounded, opening and closing work from anywhere, and what is queued is not forgotten.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use support::slots::{SCHEMA, add_slot, book, bookings};
use support::{Blocker, Queued, TestDb, options};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use yuyue_db::{Db, Engine, Error};

const AT_ONCE: Duration = Duration::from_millis(500);

both!(
    a_full_write_queue_refuses_at_once,
    a_full_read_queue_refuses_at_once,
    closing_finishes_what_is_waited_for,
    the_last_handle_may_be_dropped_by_its_own_thread,
    opening_and_closing_block_no_runtime,
);

async fn a_full_write_queue_refuses_at_once(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    let small = db.second_with(2, 2);
    let mut blockers = vec![Blocker::start(&small).await];
    if db.is_server() {
        blockers.push(Blocker::start(&small).await);
    }
    let first = Queued::new(small.write("book", |tx| book(tx, 1, 1))).await;
    let second = Queued::new(small.write("book", |tx| book(tx, 2, 1))).await;

    let start = Instant::now();
    let third = small.write("book", |tx| book(tx, 3, 1)).await;
    assert!(matches!(third, Err(Error::Busy)), "{third:?}");
    assert!(start.elapsed() < AT_ONCE, "refused only after {:?}", start.elapsed());

    for blocker in blockers {
        blocker.release();
        blocker.answer().await.unwrap();
    }
    assert!(first.answer().await.unwrap());
    assert!(second.answer().await.unwrap());
    assert!(small.write("book", |tx| book(tx, 4, 1)).await.unwrap());
    assert_eq!(small.read("bookings", bookings).await.unwrap(), [1, 2, 4]);
}

async fn a_full_read_queue_refuses_at_once(db: TestDb) {
    let small = db.second_with(1, 2);
    let mut readers = Vec::new();
    for _ in 0..2 {
        let (enter, mut entered) = unbounded_channel();
        let (release, released) = mpsc::channel();
        let reader = Queued::new(small.read("block", move |_| {
            enter.send(()).unwrap();
            released.recv().unwrap();
            Ok::<_, Error>(())
        }));
        readers.push((reader.await, release));
        entered.recv().await.unwrap();
    }
    let waiting = Queued::new(small.read("wait", bookings)).await;
    let start = Instant::now();
    let refused = small.read("too many", bookings).await;
    assert!(matches!(refused, Err(Error::Busy)), "{refused:?}");
    assert!(start.elapsed() < AT_ONCE, "refused only after {:?}", start.elapsed());
    for (reader, release) in readers {
        release.send(()).unwrap();
        reader.answer().await.unwrap();
    }
    assert_eq!(waiting.answer().await.unwrap(), [0; 0]);
}

/// Then the program stops: who still waits is served, and what nobody waits for is not begun.
async fn closing_finishes_what_is_waited_for(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    let closing = db.second_with(64, 2);
    let mut blockers = vec![Blocker::start(&closing).await];
    if db.is_server() {
        blockers.push(Blocker::start(&closing).await);
    }
    let mut waiting = Vec::new();
    for id in 1..=50 {
        let closing = closing.clone();
        let call = async move { closing.write("book", move |tx| book(tx, id, 1)).await };
        let call = Queued::new(call).await;
        // The others have hung up.
        if id % 2 == 1 {
            waiting.push(call);
        }
    }
    for blocker in blockers {
        blocker.release();
        // Its call holds a handle.
        blocker.answer().await.unwrap();
    }
    drop(closing);
    for call in waiting {
        assert!(call.answer().await.unwrap());
    }
    assert_eq!(db.read("bookings", bookings).await.unwrap(), Vec::from_iter((1..=50).step_by(2)));
}

/// Tells, when it is dropped, whether that happened in peace.
struct Witness(UnboundedSender<bool>);

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.send(!std::thread::panicking());
    }
}

/// Dropped in the order of the fields.
struct Owner {
    _handle: Db,
    _witness: Witness,
}

async fn the_last_handle_may_be_dropped_by_its_own_thread(db: TestDb) {
    for is_write in [true, false] {
        let lonely = db.second_with(4, 2);
        let (tell, mut told) = unbounded_channel();
        let (release, released) = mpsc::channel::<()>();
        let owner = Owner { _handle: lonely.clone(), _witness: Witness(tell) };
        let closure = move |_: &mut yuyue_db::Tx<'_>| -> Result<(), Error> {
            let _held = &owner;
            released.recv().unwrap();
            Ok(())
        };
        if is_write {
            drop(Queued::new(lonely.write("own", closure)).await);
        } else {
            drop(Queued::new(lonely.read("own", closure)).await);
        }
        drop(lonely);
        release.send(()).unwrap();
        assert_eq!(told.recv().await, Some(true));
    }
}

fn open_use_close(engine: &Engine) -> Result<(), Error> {
    let db = Db::open(&options(engine, 4, 2), SCHEMA)?;
    drop(db);
    assert_eq!(engine.refused_statements()?.len(), 0);
    assert!(!engine.describe_schema()?.is_empty());
    drop(Db::open_migrated(&options(engine, 4, 2))?);
    Ok(())
}

async fn opening_and_closing_block_no_runtime(db: TestDb) {
    open_use_close(&db.blank()).unwrap();
    let (first, second) = (db.blank(), db.blank());
    tokio::task::spawn_blocking(move || open_use_close(&first).unwrap()).await.unwrap();
    let other = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { open_use_close(&second).unwrap() });
    });
    other.join().unwrap();

    let nowhere = match &db.engine {
        Engine::Sqlite(_) => Engine::Sqlite("/nonexistent/folder/file".into()),
        Engine::Postgres(config) => {
            let mut config = config.clone();
            config.dbname("no_such_database");
            Engine::Postgres(config)
        }
    };
    let error = Db::open_migrated(&options(&nowhere, 4, 2)).map(drop).unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error}");
    // The refusal left nothing running that could not be opened again.
    db.write("go on", |tx| add_slot(tx, 9, 1)).await.unwrap();
}
