//! Copies of a running database.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::{Error, Result};

/// Writes the database at `from` to the new file `to`, readable by its owner only.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let path = to.to_str().ok_or_else(|| Error::Backup(format!("{} is not UTF-8", to.display())))?;
    let connection = crate::sqlite::connect(from)?;
    into_private_file(to, |file| {
        connection.execute("VACUUM INTO ?1", [path]).map_err(|e| e.to_string())?;
        // The engine does not sync a copy; a backup that a power cut empties is none.
        file.sync_all().map_err(|e| e.to_string())
    })
}

/// Has `pg_dump` write its custom format (restore it with `pg_restore`).
pub(crate) fn dump(config: &tokio_postgres::Config, to: &Path) -> Result<()> {
    into_private_file(to, |file| {
        let mut command = Command::new("pg_dump");
        command.args(["--format=custom", "--no-password", "--file"]).arg(to);
        // By environment, because arguments are visible to every user of the machine.
        command.envs(connection_environment(config));
        let output = command.output().map_err(|e| format!("pg_dump could not be started: {e}"))?;
        if !output.status.success() {
            return Err(format!("pg_dump: {}", String::from_utf8_lossy(&output.stderr).trim()));
        }
        file.sync_all().map_err(|e| e.to_string())
    })
}

/// Makes `path` for its owner only and has `fill` write it; a failure leaves no file behind that could
/// be taken for a backup.
fn into_private_file(path: &Path, fill: impl FnOnce(&File) -> std::result::Result<(), String>) -> Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| Error::Backup(format!("{}: {e}", path.display())))?;
    fill(&file).map_err(|reason| {
        let _ = std::fs::remove_file(path);
        Error::Backup(reason)
    })
}

fn connection_environment(config: &tokio_postgres::Config) -> Vec<(&'static str, String)> {
    use tokio_postgres::config::{Host, SslMode};
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let encryption = match config.get_ssl_mode() {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        _ => "prefer",
    };
    let values = [
        ("PGHOST", host),
        ("PGPORT", config.get_ports().first().map(ToString::to_string)),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
        ("PGSSLMODE", Some(encryption.to_owned())),
    ];
    values.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}
