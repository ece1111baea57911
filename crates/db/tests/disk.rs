//! The embedded engine's file and log: full disks, and a log that does not grow without bound.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use support::slots::{SCHEMA, add_booking, add_slot, bookings, inconsistent_slots, take_seat};
use support::{Blocker, Queued, TestDb, options};
use tempfile::TempDir;
use yuyue_db::{Db, Engine, Error};

sqlite_only!(the_log_is_copied_when_writes_pause, the_log_stays_bounded, a_long_read_delays_only_the_log);

/// A file system of four megabytes, unmounted at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, and a loud line, where mounting is not allowed.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path()).output();
        if mount.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("##### SKIPPED: a full disk needs root to mount a small one ({mount:?}) #####");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Leaves not one free block.
    fn fill(&self) {
        let mut ballast = std::fs::File::create(self.path("ballast")).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while ballast.write_all(&vec![1; size]).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.path("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// Takes a seat and stores `kilobytes` with it.
async fn book_large(db: &Db, id: i64, kilobytes: usize) -> Result<bool, Error> {
    let note = "注".repeat(kilobytes * 1024 / 3);
    db.write("book", move |tx| {
        if !take_seat(tx, 1)? {
            return Ok(false);
        }
        add_booking(tx, id, 1, Some(&note))?;
        Ok(true)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_batch_and_nothing_else() {
    let Some(disk) = SmallDisk::mount() else { return };
    let engine = Engine::Sqlite(disk.path("data"));
    let db = Db::open(&options(&engine, 64, 2), SCHEMA).unwrap();
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    for id in 1..=5 {
        assert!(book_large(&db, id, 4).await.unwrap());
    }

    // The second batch is larger than the page cache, so the disk runs full in the middle of it.
    for (first_id, callers, kilobytes) in [(100, 20, 40), (200, 12, 1024)] {
        disk.fill();
        let blocker = Blocker::start(&db).await;
        let mut batch = Vec::new();
        for id in first_id..first_id + callers {
            batch.push(Queued::new(book_large(&db, id, kilobytes)).await);
        }
        blocker.release();
        let mut answers = vec![blocker.answer().await.map(|()| true)];
        for caller in batch {
            answers.push(caller.answer().await);
        }
        for answer in answers {
            assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
        }
        assert_eq!(db.read("bookings", bookings).await.unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(db.point("bookings", bookings).await.unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(db.read("check", inconsistent_slots).await.unwrap(), [0; 0]);
        disk.free();
    }

    assert!(book_large(&db, 6, 40).await.unwrap());
    drop(db);
    let db = Db::open(&options(&engine, 64, 2), SCHEMA).unwrap();
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [1, 2, 3, 4, 5, 6]);
    assert_eq!(integrity(&disk.path("data")), "ok");
}

fn integrity(path: &Path) -> String {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

fn file(db: &TestDb) -> PathBuf {
    let Engine::Sqlite(path) = &db.engine else { panic!("not a file") };
    path.clone()
}

fn log(path: &Path) -> PathBuf {
    path.with_file_name(format!("{}-wal", path.file_name().unwrap().display()))
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |file| file.len())
}

/// The bookings in the database file itself, as if the log had been lost.
fn bookings_without_log(path: &Path) -> i64 {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    std::fs::copy(path, &copy).unwrap();
    let connection = rusqlite::Connection::open(copy).unwrap();
    connection.query_row("SELECT count(*) FROM booking", [], |row| row.get(0)).unwrap()
}

async fn wait_until(what: &str, mut is_true: impl FnMut() -> bool) {
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..40 {
        ticks.tick().await;
        if is_true() {
            return;
        }
    }
    panic!("not within two seconds: {what}");
}

async fn the_log_is_copied_when_writes_pause(db: TestDb) {
    let path = file(&db);
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    for id in 1..=200 {
        assert!(book_large(&db, id, 8).await.unwrap());
    }
    wait_until("the rows are in the file itself", || bookings_without_log(&path) == 200).await;
    let (engine, home) = db.close();
    assert_eq!(size(&log(&path)), 0);
    assert_eq!(bookings_without_log(&path), 200);
    drop((engine, home));
}

const BOUND: u64 = 64 << 20;

/// Three times the bound, from callers that leave the checkpointer no pause.
async fn the_log_stays_bounded(db: TestDb) {
    let path = file(&db);
    db.write("add slot", |tx| add_slot(tx, 1, 100_000)).await.unwrap();
    let mut callers = tokio::task::JoinSet::new();
    for caller in 0..4 {
        let (db, log) = (Db::clone(&db), log(&path));
        callers.spawn(async move {
            let mut largest = 0;
            for number in 0..50 {
                assert!(book_large(&db, caller * 1000 + number, 1000).await.unwrap());
                largest = largest.max(size(&log));
            }
            largest
        });
    }
    let largest = callers.join_all().await.into_iter().max().unwrap();
    // The batch that crosses the bound comes on top, and a margin for the frames around the rows.
    assert!(largest < BOUND + (8 << 20), "the log grew to {largest} bytes");
}

/// A reader of an old state keeps the log from being copied; it stops neither writes nor, once it is
/// done, the copying, though nothing is written any more.
async fn a_long_read_delays_only_the_log(db: TestDb) {
    let path = file(&db);
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    let (enter, mut entered) = tokio::sync::mpsc::unbounded_channel();
    let (release, released) = mpsc::channel::<()>();
    let report = Queued::new(db.read("report", move |tx| {
        let before = bookings(tx)?;
        enter.send(()).unwrap();
        released.recv().unwrap();
        Ok::<_, Error>(before)
    }))
    .await;
    entered.recv().await.unwrap();
    for id in 1..=50 {
        assert!(book_large(&db, id, 8).await.unwrap());
    }
    // Longer than the checkpointer's rhythm, so that it has tried and could not finish.
    tokio::time::sleep(Duration::from_millis(500)).await;
    release.send(()).unwrap();
    assert_eq!(report.answer().await.unwrap(), [0; 0]);
    wait_until("the rows are in the file itself", || bookings_without_log(&path) == 50).await;
}
