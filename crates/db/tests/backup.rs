//! A backup of a running database is whole, private, and never overwrites anything.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use support::slots::{SCHEMA, add_booking, add_slot, book, bookings, inconsistent_slots};
use support::{TestDb, options};
use yuyue_db::{Db, Engine, Error};

both!(
    a_backup_is_private_and_overwrites_nothing,
    a_backup_can_be_restored,
    a_killed_backup_leaves_nothing_under_its_name,
);
sqlite_only!(a_damaged_database_is_not_backed_up);
postgres_only!(a_backup_asks_every_host);

const DATABASE: &str = "YUYUE_BACKUP_TEST_DATABASE";
const COPY: &str = "YUYUE_BACKUP_TEST_COPY";

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
        let again = db.backup(&copy);
        assert!(matches!(again, Err(Error::Backup(_))), "{again:?}");
        let left: Vec<_> = std::fs::read_dir(copy.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 2, "{left:?}");
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

/// Something that is no text to compress.
fn noise(id: i64) -> String {
    (0..500).map(|part| format!("{:016x}", RandomState::new().hash_one((id, part)))).collect()
}

/// This same program is the victim: it is killed when its copy, under whatever name, has grown so far.
async fn a_killed_backup_leaves_nothing_under_its_name(db: TestDb) {
    if !can_back_up(&db) {
        return;
    }
    db.write("add slot", |tx| add_slot(tx, 1, 1000)).await.unwrap();
    for id in 0..500 {
        db.write("book", move |tx| add_booking(tx, id, 1, Some(&noise(id)))).await.unwrap();
    }
    let (folder, path) = db.scratch();
    db.backup(&path).unwrap();
    let whole = path.metadata().unwrap().len();
    std::fs::remove_file(&path).unwrap();
    let mut killed = 0;
    // The other engine's program takes a hundred times as long to start.
    let moments = if db.is_server() { 6 } else { 20 };
    for moment in (0..moments).map(|step| whole * step / moments * 5 / 4) {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["victim", "--exact"])
            .env(DATABASE, database(&db.engine))
            .env(COPY, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let ended = loop {
            let written = std::fs::read_dir(&folder).unwrap().filter_map(|entry| entry.ok()?.metadata().ok());
            if written.map(|file| file.len()).max().is_some_and(|size| size >= moment) {
                victim.kill().unwrap();
                break victim.wait().unwrap();
            }
            if let Some(ended) = victim.try_wait().unwrap() {
                break ended;
            }
        };
        killed += u64::from(!ended.success());
        if path.exists() {
            assert_eq!(stored_in(&db, &path).await, Vec::from_iter(0..500), "killed at {moment} of {whole}");
        }
        for left in std::fs::read_dir(&folder).unwrap() {
            let left = left.unwrap().path();
            let name = left.file_name().unwrap().to_str().unwrap();
            assert!(left == path || (name.starts_with(".file.") && name.contains(".part")), "{left:?}");
            std::fs::remove_file(left).unwrap();
        }
    }
    assert!(killed > moments / 2, "that was no killing: {killed}");
}

/// What a copy that has its name holds.
async fn stored_in(db: &TestDb, copy: &Path) -> Vec<i64> {
    let restored = match &db.engine {
        Engine::Sqlite(_) => Engine::Sqlite(copy.to_owned()),
        Engine::Postgres(_) => restore(db, copy),
    };
    let restored = Db::open_migrated(&options(&restored, 16, 2)).unwrap();
    restored.read("bookings", bookings).await.unwrap()
}

fn database(engine: &Engine) -> String {
    match engine {
        Engine::Sqlite(path) => format!("sqlite://{}", path.display()),
        Engine::Postgres(config) => config.get_dbname().unwrap().to_owned(),
    }
}

/// No test by itself: the other half of the one above.
#[test]
fn victim() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let engine = if database.starts_with("sqlite:") {
        Engine::parse(&database).unwrap()
    } else {
        let engine = Engine::parse(&std::env::var("YUYUE_TEST_POSTGRES").unwrap()).unwrap();
        let Engine::Postgres(mut config) = engine else { panic!("not a server") };
        config.dbname(&database);
        Engine::Postgres(config)
    };
    let db = Db::open_migrated(&options(&engine, 16, 2)).unwrap();
    db.backup(Path::new(&std::env::var(COPY).unwrap())).unwrap();
}

async fn a_damaged_database_is_not_backed_up(db: TestDb) {
    add_bookings(&db).await;
    let (_folder, path) = db.scratch();
    db.administer("PRAGMA wal_checkpoint(TRUNCATE)");
    // A row that its index does not know.
    db.administer(
        "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'booking_by_slot';
         INSERT INTO sqlite_schema SELECT 'index', 'other', 'booking',
             (SELECT rootpage FROM sqlite_schema WHERE name = 'slot'), 'CREATE INDEX other ON booking (note)'",
    );
    let refused = db.second_with(16, 2).backup(&path);
    assert!(matches!(refused, Err(Error::Backup(_))), "{refused:?}");
    assert!(!path.exists());
}

async fn a_backup_asks_every_host(db: TestDb) {
    if !can_back_up(&db) {
        return;
    }
    let Engine::Postgres(real) = &db.engine else { panic!("not a server") };
    let Some(tokio_postgres::config::Host::Unix(socket)) = real.get_hosts().first() else {
        panic!("the tests' server listens on a socket")
    };
    let mut config = tokio_postgres::Config::new();
    config.host_path("/nonexistent").host_path(socket);
    config.user(real.get_user().unwrap()).dbname(real.get_dbname().unwrap());
    let (_folder, path) = db.scratch();
    let second = Db::open_migrated(&options(&Engine::Postgres(Box::new(config)), 16, 2)).unwrap();
    second.backup(&path).unwrap();
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
