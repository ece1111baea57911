//! Migrations run once, wholly or not at all, and never backwards.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should panic")]

#[macro_use]
mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use support::slots::{SCHEMA, add_slot, book, bookings};
use support::{TestDb, administer, options};
use yuyue_db::{Db, Engine, Error, Migration, params, sql};

both!(
    opening_again_changes_nothing,
    many_may_open_a_new_database_at_once,
    many_may_open_an_old_database_at_once,
    a_newer_schema_is_refused,
    a_failing_migration_leaves_nothing_behind,
    wrong_numbers_are_refused,
);
sqlite_only!(
    the_file_is_copied_before_it_is_migrated,
    a_table_made_anew_keeps_the_rows_that_refer_to_it,
    rows_that_refer_to_nothing_are_refused,
);

const fn migration(number: i64, name: &'static str, sql: &'static str) -> Migration {
    Migration { number, name, sqlite: sql, postgres: sql }
}

const SECOND: Migration = migration(2, "remark", "ALTER TABLE slot ADD COLUMN remark TEXT");
const BROKEN: Migration =
    migration(2, "broken", "CREATE TABLE extra (id INT PRIMARY KEY); ALTER TABLE nothing ADD COLUMN a INT;");

fn open(engine: &Engine, migrations: &[Migration]) -> Result<Db, Error> {
    Db::open(&options(engine, 16, 2), migrations)
}

fn with(extra: Migration) -> Vec<Migration> {
    [SCHEMA, &[extra]].concat()
}

async fn records(db: &Db) -> Vec<(i64, String)> {
    let records = db.read("records", |tx| {
        tx.query(sql!("SELECT number, name FROM schema_migration ORDER BY number"), params![], |row| {
            Ok((row.get("number")?, row.get("name")?))
        })
    });
    records.await.map_err(|error: Error| error.to_string()).unwrap()
}

fn numbers(records: &[(i64, String)]) -> Vec<i64> {
    records.iter().map(|(number, _)| *number).collect()
}

async fn opening_again_changes_nothing(db: TestDb) {
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    db.write("book", |tx| book(tx, 1, 1)).await.unwrap();
    let before = db.engine.describe_schema().unwrap();
    let again = open(&db.engine, SCHEMA).unwrap();
    assert_eq!(again.read("bookings", bookings).await.unwrap(), [1]);
    assert_eq!(db.engine.describe_schema().unwrap(), before);
    assert_eq!(records(&again).await, [(1, "slots".to_owned())]);
}

/// Eight nodes at once; gives what the first of them sees afterwards.
async fn open_at_once(engine: &Engine, migrations: &[Migration]) -> Vec<i64> {
    let all = Barrier::new(8);
    let results: Vec<Result<Db, Error>> = std::thread::scope(|scope| {
        let open = || {
            all.wait();
            open(engine, migrations)
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let nodes: Vec<Db> = results.into_iter().collect::<Result<_, _>>().unwrap();
    numbers(&records(&nodes[0]).await)
}

async fn many_may_open_a_new_database_at_once(db: TestDb) {
    for _ in 0..3 {
        assert_eq!(open_at_once(&db.blank(), &with(SECOND)).await, [1, 2]);
    }
}

async fn many_may_open_an_old_database_at_once(db: TestDb) {
    assert_eq!(open_at_once(&db.engine, &with(SECOND)).await, [1, 2]);
    if let Engine::Sqlite(path) = &db.engine {
        assert_eq!(copies(path).len(), 1, "only the one that migrates needs a copy");
    }
}

async fn a_newer_schema_is_refused(db: TestDb) {
    open(&db.engine, &with(SECOND)).unwrap();
    let before = db.engine.describe_schema().unwrap();
    let error = open(&db.engine, SCHEMA).map(drop).unwrap_err();
    assert_eq!(
        error.to_string(),
        "migration: the database is at version 2, this program knows versions up to 1: run a newer program"
    );
    assert_eq!(db.engine.describe_schema().unwrap(), before);
}

async fn a_failing_migration_leaves_nothing_behind(db: TestDb) {
    let blank = db.blank();
    let error = open(&blank, &with(BROKEN)).map(drop).unwrap_err();
    assert!(error.to_string().starts_with("migration: 0002_broken: "), "{error}");
    assert_eq!(blank.describe_schema().unwrap(), [""; 0]);

    let before = db.engine.describe_schema().unwrap();
    open(&db.engine, &with(BROKEN)).map(drop).unwrap_err();
    assert_eq!(db.engine.describe_schema().unwrap(), before);
    assert_eq!(numbers(&records(&db).await), [1]);
    let mended = open(&db.engine, &with(SECOND)).unwrap();
    assert_eq!(records(&mended).await[1], (2, "remark".to_owned()));
}

async fn wrong_numbers_are_refused(db: TestDb) {
    for wrong in [vec![SECOND], with(migration(3, "gap", "SELECT 1")), [SCHEMA, SCHEMA].concat()] {
        let error = open(&db.blank(), &wrong).map(drop).unwrap_err();
        assert!(matches!(error, Error::Migration(_)), "{error}");
    }
}

fn file(db: &TestDb) -> PathBuf {
    let Engine::Sqlite(path) = &db.engine else { panic!("not a file") };
    path.clone()
}

/// The copies made beside the database.
fn copies(path: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "bak")).collect()
}

async fn the_file_is_copied_before_it_is_migrated(db: TestDb) {
    let path = file(&db);
    db.write("add slot", |tx| add_slot(tx, 1, 10)).await.unwrap();
    db.write("book", |tx| book(tx, 1, 1)).await.unwrap();
    assert!(copies(&path).is_empty(), "a new file needs no copy");
    drop(open(&db.engine, &with(SECOND)).unwrap());

    let copy = path.with_extension("v1.bak");
    assert_eq!(copies(&path), std::slice::from_ref(&copy));
    assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let old = open(&Engine::Sqlite(copy), SCHEMA).unwrap();
    assert_eq!(old.read("bookings", bookings).await.unwrap(), [1]);
    assert_eq!(numbers(&records(&old).await), [1]);
}

/// The way to change a table on this engine. A foreign key that deletes its rows with their parent must
/// not do so here.
async fn a_table_made_anew_keeps_the_rows_that_refer_to_it(db: TestDb) {
    const CHILDREN: &str = "
        CREATE TABLE guest (slot_id INTEGER NOT NULL REFERENCES slot (id) ON DELETE CASCADE) STRICT;
        INSERT INTO slot VALUES (1, 10, 0); INSERT INTO guest VALUES (1);";
    const REBUILD: &str = "
        CREATE TABLE slot_new (id INTEGER PRIMARY KEY, capacity INTEGER NOT NULL, taken INTEGER) STRICT;
        INSERT INTO slot_new SELECT * FROM slot; DROP TABLE slot; ALTER TABLE slot_new RENAME TO slot;";
    administer(&db.engine, CHILDREN);
    let rebuilt = open(&db.engine, &with(migration(2, "rebuild", REBUILD))).unwrap();
    let guests = rebuilt.read("guests", |tx| {
        tx.query(sql!("SELECT slot_id FROM guest"), params![], |row| row.get::<i64>("slot_id"))
    });
    assert_eq!(guests.await.map_err(|error: Error| error.to_string()), Ok(vec![1]));
    // Foreign keys are enforced again.
    administer(&db.engine, "DELETE FROM guest");
    let orphan = rebuilt
        .write("orphan", |tx| tx.execute(sql!("INSERT INTO guest (slot_id) VALUES ($1)"), params![404]));
    assert!(matches!(orphan.await, Err(Error::Statement { .. })));
}

async fn rows_that_refer_to_nothing_are_refused(db: TestDb) {
    let orphan = migration(2, "orphan", "INSERT INTO booking VALUES (1, 404, NULL, 0)");
    let error = open(&db.engine, &with(orphan)).map(drop).unwrap_err();
    assert_eq!(error.to_string(), "migration: rows of booking would refer to nothing");
    assert_eq!(db.read("bookings", bookings).await.unwrap(), [0; 0]);
}
