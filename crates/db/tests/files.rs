//! What the embedded engine takes for a database, and what not.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use support::slots::{SCHEMA, add_booking, add_slot, bookings};
use support::{TestDb, options};
use yuyue_db::{Db, Engine, Error};

sqlite_only!(
    an_empty_file_is_no_database,
    what_is_no_database_is_named,
    a_log_without_its_database_is_not_read,
    a_new_database_is_private_and_whole,
    what_cannot_be_opened_is_named_with_the_reason,
);

fn open(path: &Path) -> Result<Db, Error> {
    Db::open(&options(&Engine::Sqlite(path.to_owned()), 16, 2), SCHEMA)
}

/// Why it is refused, in every way in which it can be opened; what is there stays as it is.
fn refusal(path: &Path) -> String {
    let before = std::fs::read(path).ok();
    let reason = open(path).map(drop).unwrap_err();
    assert!(matches!(reason, Error::Unavailable(_)), "{reason}");
    let as_it_is = Db::open_migrated(&options(&Engine::Sqlite(path.to_owned()), 16, 2));
    assert!(as_it_is.is_err());
    assert_eq!(std::fs::read(path).ok(), before);
    let reason = reason.to_string();
    assert!(reason.contains(path.to_str().unwrap()), "{reason}");
    reason
}

async fn an_empty_file_is_no_database(db: TestDb) {
    let (_folder, path) = db.scratch();
    std::fs::write(&path, "").unwrap();
    assert!(refusal(&path).contains("0 bytes"));
}

async fn what_is_no_database_is_named(db: TestDb) {
    let (_folder, path) = db.scratch();
    for other in ["PGDMP and so on".repeat(100), "\0".repeat(8192)] {
        std::fs::write(&path, other).unwrap();
        assert!(refusal(&path).contains("no database file"));
    }

    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    for id in 0..100 {
        db.write("book", move |tx| add_booking(tx, id, 1, Some(&"注".repeat(1000)))).await.unwrap();
    }
    let copy = path.with_extension("copy");
    db.backup(&copy).unwrap();
    let whole = std::fs::read(&copy).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2 / 4096 * 4096]).unwrap();
    let reason = refusal(&path);
    assert!(reason.contains("not whole") && reason.contains("backup"), "{reason}");
}

/// It would be written into whatever stands in its place.
async fn a_log_without_its_database_is_not_read(db: TestDb) {
    let (_folder, path) = db.scratch();
    let log = path.with_file_name("file-wal");
    std::fs::write(&log, "of another database").unwrap();
    assert!(refusal(&path).contains("file-wal"));
    assert!(!path.exists());
    std::fs::remove_file(&log).unwrap();
    open(&path).unwrap();
}

async fn a_new_database_is_private_and_whole(db: TestDb) {
    let (folder, path) = db.scratch();
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let path = path.clone();
            std::thread::spawn(move || drop(open(&path).unwrap()))
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let opened = open(&path).unwrap();
    assert_eq!(opened.read("bookings", bookings).await.unwrap(), [0; 0]);
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_str().unwrap().starts_with("file")), "{left:?}");
    for name in left {
        let mode = folder.path().join(&name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name:?}");
    }
}

async fn what_cannot_be_opened_is_named_with_the_reason(db: TestDb) {
    let (folder, _) = db.scratch();
    assert!(refusal(folder.path()).contains("directory"));
    let nowhere = folder.path().join("no such folder").join("file");
    assert!(refusal(&nowhere).contains("No such file"));
}
