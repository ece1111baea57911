//! A slot is never oversold, and these tests would see it if it were.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use support::TestDb;
use support::slots::{add_slot, book, bookings, has_seat, inconsistent_slots, take_seat_unguarded};
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use yuyue_db::{Db, Error, Lock, params, sql};

const RACERS: usize = 64;
const SEATS: i64 = 5;

both!(
    exactly_as_many_win_as_there_are_seats,
    exactly_as_many_win_on_two_nodes,
    a_read_before_the_write_oversells,
    a_lock_makes_a_read_before_the_write_safe,
    opposite_orders_of_locking_both_succeed,
);
postgres_only!(a_read_in_the_same_transaction_oversells);

async fn add_contested_slot(db: &Db) {
    db.write("add slot", |tx| add_slot(tx, 1, SEATS)).await.unwrap();
}

/// One racer for each number, spread over `nodes`; gives the numbers of the winners, in order.
async fn race(nodes: &[&Db]) -> Vec<i64> {
    let mut racers = JoinSet::new();
    for (number, node) in (1..).zip(nodes.iter().cycle().take(RACERS)) {
        let node = Db::clone(node);
        racers.spawn(async move {
            let has_won = node.write("book", move |tx| book(tx, number, 1)).await.unwrap();
            has_won.then_some(number)
        });
    }
    let mut winners: Vec<i64> = racers.join_all().await.into_iter().flatten().collect();
    winners.sort_unstable();
    winners
}

async fn exactly_as_many_win_as_there_are_seats(db: TestDb) {
    add_contested_slot(&db).await;
    let winners = race(&[&db]).await;
    assert_eq!(winners.len(), 5);
    assert_eq!(db.read("bookings", bookings).await.unwrap(), winners);
    assert_eq!(db.read("check", inconsistent_slots).await.unwrap(), [0; 0]);
}

async fn exactly_as_many_win_on_two_nodes(db: TestDb) {
    add_contested_slot(&db).await;
    let other = db.second();
    let winners = race(&[&db, &other]).await;
    assert_eq!(winners.len(), 5);
    assert_eq!(db.read("bookings", bookings).await.unwrap(), winners);
}

/// The control: the same race without the guard sells every racer a seat.
async fn a_read_before_the_write_oversells(db: TestDb) {
    add_contested_slot(&db).await;
    let everyone_has_read = Arc::new(Barrier::new(RACERS));
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let (db, everyone_has_read) = (db.clone(), Arc::clone(&everyone_has_read));
        racers.spawn(async move {
            let has_seat = db.read("look", |tx| has_seat(tx, 1)).await.unwrap();
            everyone_has_read.wait().await;
            if has_seat {
                db.write("take", |tx| take_seat_unguarded(tx, 1)).await.unwrap();
            }
        });
    }
    racers.join_all().await;
    assert_eq!(taken(&db, 1).await, 64);
}

/// READ COMMITTED does not help: the guard has to be in the statement that writes.
async fn a_read_in_the_same_transaction_oversells(db: TestDb) {
    add_contested_slot(&db).await;
    let db = db.second_with(64, 8);
    let everyone_has_read = Arc::new(std::sync::Barrier::new(8));
    let mut racers = JoinSet::new();
    for _ in 0..8 {
        let (db, everyone_has_read) = (db.clone(), Arc::clone(&everyone_has_read));
        racers.spawn(async move {
            db.write("look and take", move |tx| {
                let has_seat = has_seat(tx, 1)?;
                everyone_has_read.wait();
                if has_seat { take_seat_unguarded(tx, 1) } else { Ok(()) }
            })
            .await
            .unwrap();
        });
    }
    racers.join_all().await;
    assert_eq!(taken(&db, 1).await, 8);
}

async fn a_lock_makes_a_read_before_the_write_safe(db: TestDb) {
    add_contested_slot(&db).await;
    let mut racers = JoinSet::new();
    for _ in 0..RACERS {
        let db = db.clone();
        racers.spawn(async move {
            db.write("lock, look and take", |tx| {
                tx.lock(Lock::Exclusive(7))?;
                if has_seat(tx, 1)? { take_seat_unguarded(tx, 1) } else { Ok(()) }
            })
            .await
            .unwrap();
        });
    }
    racers.join_all().await;
    assert_eq!(taken(&db, 1).await, 5);
}

/// Each of two writers holds the row that the other wants next: the server undoes one of them, and the
/// kernel runs it again. With one writer at a time that cannot happen, but the result is the same.
async fn opposite_orders_of_locking_both_succeed(db: TestDb) {
    db.write("add slots", |tx| add_slot(tx, 1, 10).and_then(|()| add_slot(tx, 2, 10))).await.unwrap();
    let is_concurrent = db.is_server();
    let both_hold_one = Arc::new(std::sync::Barrier::new(2));
    let runs = Arc::new(AtomicU32::new(0));
    let mut writers = JoinSet::new();
    for order in [[1, 2], [2, 1]] {
        let (db, both_hold_one, runs) = (db.clone(), Arc::clone(&both_hold_one), Arc::clone(&runs));
        let is_first_run = AtomicBool::new(true);
        writers.spawn(async move {
            db.write("take both", move |tx| {
                runs.fetch_add(1, Ordering::Relaxed);
                take_seat_unguarded(tx, order[0])?;
                if is_first_run.swap(false, Ordering::Relaxed) && is_concurrent {
                    both_hold_one.wait();
                }
                take_seat_unguarded(tx, order[1])
            })
            .await
        });
    }
    let results = writers.join_all().await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!((taken(&db, 1).await, taken(&db, 2).await), (2, 2));
    let least = if is_concurrent { 3 } else { 2 };
    assert!(runs.load(Ordering::Relaxed) >= least, "there was no deadlock to survive");
}

async fn taken(db: &Db, slot: i64) -> i64 {
    let taken = db.read("taken", move |tx| {
        let statement = sql!("SELECT taken FROM slot WHERE id = $1");
        tx.query_one(statement, params![slot], |row| row.get::<i64>("taken"))
    });
    taken.await.map_err(|error: Error| error.to_string()).unwrap()
}
