//! A backup of a running database is whole, private, and never overwrites anything.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use support::slots::{SCHEMA, add_slot, book, bookings, inconsistent_slots};
use support::{TestDb, options};
use yuyue_db::{Db, Engine, Error};

both!(a_backup_is_private_and_overwrites_nothing, a_backup_can_be_restored);

/// Like the skip of a whole engine: silent nowhere, and an error in CI.
fn can_back_up(db: &TestDb) -> bool {
    let can = !db.is_server() || Command::new("pg_dump").arg("--version").output().is_ok();
    if !can {
        assert!(std::env::var_os("CI").is_none(), "pg_dump is missing");
        eprintln!("##### SKIPPED on PostgreSQL: pg_dump is missing #####");
    }
    can
}

async fn add_bookings(db: &TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 100)).await.unwrap();
    for id in 1..=20 {
        assert!(db.write("book", move |tx| book(tx, id, 1)).await.unwrap());
    }
}

async fn a_backup_is_private_and_overwrites_nothing(db: TestDb) {
    let (_folder, path) = db.scratch();
    std::fs::write(&path, "somebody's only copy").unwrap();
    let refused = db.backup(&path);
    assert!(matches!(refused, Err(Error::Backup(_))), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "somebody's only copy");
    assert!(matches!(db.backup(Path::new("/nonexistent/folder/copy")), Err(Error::Backup(_))));

    if can_back_up(&db) {
        let copy = path.with_extension("copy");
        db.backup(&copy).unwrap();
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// While others write: the copy is one state of the data, with at least what was there at its start.
async fn a_backup_can_be_restored(db: TestDb) {
    if !can_back_up(&db) {
        return;
    }
    add_bookings(&db).await;
    let (_folder, path) = db.scratch();
    let writer = Db::clone(&db);
    let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
    let writes = tokio::spawn(async move {
        for id in 21.. {
            writer.write("book", move |tx| book(tx, id, 1)).await.unwrap();
            if stopped.try_recv().is_ok() {
                break;
            }
        }
    });
    let (backed_up, copy) = (Db::clone(&db), path.clone());
    tokio::task::spawn_blocking(move || backed_up.backup(&copy).unwrap()).await.unwrap();
    stop.send(()).unwrap();
    writes.await.unwrap();

    let restored = match &db.engine {
        Engine::Sqlite(_) => Engine::Sqlite(path),
        Engine::Postgres(_) => restore(&db, &path),
    };
    let copy = Db::open(&options(&restored, 16, 2), SCHEMA).unwrap();
    let stored = copy.read("bookings", bookings).await.unwrap();
    assert!(stored.len() >= 20, "{stored:?}");
    assert_eq!(copy.read("check", inconsistent_slots).await.unwrap(), [0; 0]);
    assert_eq!(restored.describe_schema().unwrap(), db.engine.describe_schema().unwrap());
}

fn restore(db: &TestDb, dump: &Path) -> Engine {
    let blank = db.blank();
    let Engine::Postgres(config) = &blank else { panic!("not a server") };
    let Some(tokio_postgres::config::Host::Unix(socket)) = config.get_hosts().first() else {
        panic!("the tests' server listens on a socket")
    };
    let restore = Command::new("pg_restore")
        .arg("--host")
        .arg(socket)
        .args(["--username", config.get_user().unwrap(), "--dbname", config.get_dbname().unwrap()])
        .arg(dump)
        .output()
        .unwrap();
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    blank
}
