//! Numbered migrations, each applied once, in one transaction with its record.

use std::path::{Path, PathBuf};

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

const RECORDS: &str =
    "CREATE TABLE IF NOT EXISTS schema_migration (number BIGINT PRIMARY KEY, name TEXT NOT NULL)";
/// Nodes that start together migrate one after the other.
const LOCK_KEY: i64 = 0x7975_7975_6501;

/// Applies what is missing. The embedded database is copied beside itself first.
pub(crate) fn run(engine: &Engine, migrations: &[Migration]) -> Result<()> {
    match engine {
        Engine::Sqlite(path) => migrate_file(path, migrations),
        Engine::Postgres(config) => crate::postgres::runtime()?.block_on(migrate_server(config, migrations)),
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
    let mut connection = crate::sqlite::connect(path)?;
    connection.execute_batch(&format!("{RECORDS} STRICT")).map_err(failed)?;
    let newest = || -> rusqlite::Result<i64> {
        connection.query_row("SELECT coalesce(max(number), 0) FROM schema_migration", [], |row| row.get(0))
    };
    let newest = newest().map_err(failed)?;
    let pending = pending(migrations, newest)?;
    if newest > 0 && !pending.is_empty() {
        let copy = backup_path(path, newest);
        crate::backup::copy_file(path, &copy)?;
        tracing::info!(copy = %copy.display(), "backed up before migrating");
    }
    let tx =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    for migration in pending {
        let named = |error| Error::Migration(format!("{:04}_{}: {error}", migration.number, migration.name));
        tx.execute_batch(migration.sqlite).map_err(named)?;
        let record = "INSERT INTO schema_migration (number, name) VALUES (?1, ?2)";
        tx.execute(record, (migration.number, migration.name)).map_err(named)?;
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
    tx.batch_execute(RECORDS).await.map_err(describe)?;
    let newest = tx.query_one("SELECT coalesce(max(number), 0) FROM schema_migration", &[]).await;
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
