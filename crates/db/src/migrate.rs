//! Numbered migrations, each applied once, in one transaction with its record.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{OptionalExtension as _, TransactionBehavior};

use crate::db::Engine;
use crate::{Error, Result};

/// One step of the schema, in the words of both engines.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Consecutive from 1.
    pub number: i64,
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

const FILE_RECORDS: &str =
    "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT";
const SERVER_RECORDS: &str =
    "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL)";
const NEWEST: &str = "SELECT coalesce(max(number), 0) FROM schema_migration";
/// How long a start waits for another program that is migrating the same file.
const WAIT: Duration = Duration::from_secs(60);
/// Nodes that start together migrate one after the other.
const LOCK_KEY: i64 = 0x7975_7975_6501;

/// Applies what is missing. The embedded database is copied beside itself first.
pub(crate) fn run(engine: &Engine, migrations: &[Migration]) -> Result<()> {
    if !migrations.iter().zip(1..).all(|(migration, number)| migration.number == number) {
        return Err(Error::Migration("the migrations are not numbered 1, 2, 3 and so on".into()));
    }
    match engine {
        Engine::Sqlite(path) => migrate_file(path, migrations),
        Engine::Postgres(config) => crate::postgres::block_on(migrate_server(config, migrations)),
    }
}

/// The migrations still to apply, given the newest recorded one.
fn pending(migrations: &[Migration], newest: i64) -> Result<&[Migration]> {
    let known = migrations.last().map_or(0, |migration| migration.number);
    if newest > known {
        let reason = format!(
            "the database is at version {newest}, this program knows versions up to {known}: run a newer program"
        );
        return Err(Error::Migration(reason));
    }
    let first = migrations.partition_point(|migration| migration.number <= newest);
    Ok(&migrations[first..])
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Migration(error.to_string())
}

fn migrate_file(path: &Path, migrations: &[Migration]) -> Result<()> {
    crate::sqlite::create_if_missing(path)?;
    let mut connection = crate::sqlite::connect(path)?;
    connection.busy_timeout(WAIT).map_err(failed)?;
    // The way to change a table is to make it anew and drop the old one. With foreign keys on, the drop
    // would delete the rows that refer to it; they are checked before the commit instead.
    connection.execute_batch("PRAGMA foreign_keys = OFF").map_err(failed)?;
    // Only what is read under the write lock is still true when the migrations run.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    tx.execute_batch(FILE_RECORDS).map_err(failed)?;
    let newest = tx.query_row(NEWEST, [], |row| row.get(0)).map_err(failed)?;
    let pending = pending(migrations, newest)?;
    if pending.is_empty() {
        return Ok(());
    }
    if newest > 0 {
        let copy = backup_path(path, newest);
        crate::backup::copy_file(path, &copy)?;
        tracing::info!(copy = %copy.display(), "backed up before migrating");
    }
    for migration in pending {
        let named = |error| Error::Migration(format!("{:04}_{}: {error}", migration.number, migration.name));
        tx.execute_batch(migration.sqlite).map_err(named)?;
        let record = "INSERT INTO schema_migration (number, name) VALUES (?1, ?2)";
        tx.execute(record, (migration.number, migration.name)).map_err(named)?;
    }
    let orphan = tx.query_row("PRAGMA foreign_key_check", [], |row| row.get::<_, String>(0)).optional();
    if let Some(table) = orphan.map_err(failed)? {
        return Err(Error::Migration(format!("rows of {table} would refer to nothing")));
    }
    tx.commit().map_err(failed)
}

/// A name beside the database that is not taken yet.
fn backup_path(path: &Path, version: i64) -> PathBuf {
    let name = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".v{version}{suffix}.bak"));
        PathBuf::from(name)
    };
    let plain = name("");
    if !plain.exists() {
        return plain;
    }
    (2..).map(|number| name(&format!("-{number}"))).find(|path| !path.exists()).unwrap_or(plain)
}

async fn migrate_server(config: &tokio_postgres::Config, migrations: &[Migration]) -> Result<()> {
    let mut client = crate::postgres::connect(config).await?;
    let describe = |error: tokio_postgres::Error| {
        failed(error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
    };
    let tx = client.transaction().await.map_err(describe)?;
    // Waiting for another node's migration is what this start should do, however long it takes.
    tx.batch_execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        .await
        .map_err(describe)?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK_KEY]).await.map_err(describe)?;
    tx.batch_execute(SERVER_RECORDS).await.map_err(describe)?;
    let newest = tx.query_one(NEWEST, &[]).await;
    for migration in pending(migrations, newest.map_err(describe)?.get(0))? {
        let named = |error: tokio_postgres::Error| {
            let error = error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string);
            Error::Migration(format!("{:04}_{}: {error}", migration.number, migration.name))
        };
        tx.batch_execute(migration.postgres).await.map_err(named)?;
        let record = "INSERT INTO schema_migration (number, name) VALUES ($1, $2)";
        tx.execute(record, &[&migration.number, &migration.name]).await.map_err(named)?;
    }
    tx.commit().await.map_err(describe)
}
