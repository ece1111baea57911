//! What was acknowledged is there, however the program ended.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use support::slots::{add_slot, book, bookings, inconsistent_slots};
use support::{TestDb, options};
use yuyue_db::{Db, Engine};

both!(acknowledged_bookings_survive_ten_kills_under_load);

const DATABASE: &str = "YUYUE_CRASH_TEST_DATABASE";
const FIRST_ID: &str = "YUYUE_CRASH_TEST_FIRST_ID";
const ATTEMPTS_PER_SLOT: i64 = 32;
const SEATS: i64 = 25;

/// This same program is the victim: it books as fast as it can until it is killed.
async fn acknowledged_bookings_survive_ten_kills_under_load(db: TestDb) {
    let mut acknowledged = BTreeSet::new();
    for round in 0..10 {
        // From the very first commit to well into the load.
        let kill_after = 1 + usize::try_from(round * round).unwrap() * 12;
        acknowledged.extend(book_until_killed(&db.engine, round * 1_000_000, kill_after));
        let stored = db.read("bookings", bookings).await.unwrap();
        let stored = BTreeSet::from_iter(stored);
        let lost: Vec<&i64> = acknowledged.difference(&stored).collect();
        assert!(lost.is_empty(), "round {round} lost {lost:?}");
        assert_eq!(db.read("check", inconsistent_slots).await.unwrap(), [0; 0]);
    }
    assert!(acknowledged.len() > 3_000, "that was no load: {}", acknowledged.len());
}

/// Starts the victim, kills it after so many acknowledgements, and gives all it managed to make.
fn book_until_killed(engine: &Engine, first_id: i64, kill_after: usize) -> Vec<i64> {
    let database = match engine {
        Engine::Sqlite(path) => format!("sqlite://{}", path.display()),
        Engine::Postgres(config) => config.get_dbname().unwrap().to_owned(),
    };
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["victim", "--exact", "--nocapture"])
        .env(DATABASE, database)
        .env(FIRST_ID, first_id.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(victim.stdout.take().unwrap());
    let mut acknowledged = Vec::new();
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // A line that was cut off in the middle says nothing.
        let booking = line.strip_prefix("booked ").and_then(|rest| rest.strip_suffix('\n'));
        acknowledged.extend(booking.map(|id| id.parse::<i64>().unwrap()));
        if acknowledged.len() == kill_after {
            victim.kill().unwrap();
        }
        line.clear();
    }
    let status = victim.wait().unwrap();
    assert!(!status.success() && status.code().is_none(), "the victim ended by itself: {status}");
    acknowledged
}

/// No test by itself: the other half of the one above.
#[tokio::test(flavor = "multi_thread")]
async fn victim() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let engine = if database.starts_with("sqlite:") {
        Engine::parse(&database).unwrap()
    } else {
        let engine = Engine::parse(&std::env::var("YUYUE_TEST_POSTGRES").unwrap()).unwrap();
        let Engine::Postgres(mut config) = engine else { panic!("not a server") };
        config.dbname(&database);
        Engine::Postgres(config)
    };
    let db = Db::open_migrated(&options(&engine, 1024, 8)).unwrap();
    let next = Arc::new(AtomicI64::new(std::env::var(FIRST_ID).unwrap().parse().unwrap()));
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let (db, next) = (db.clone(), Arc::clone(&next));
        callers.spawn(async move {
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                let slot = id / ATTEMPTS_PER_SLOT;
                let booked = db.write("book", move |tx| {
                    add_slot(tx, slot, SEATS)?;
                    book(tx, id, slot)
                });
                if booked.await.unwrap() {
                    println!("booked {id}");
                }
            }
        });
    }
    callers.join_all().await;
}
