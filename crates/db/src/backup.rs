//! Copies of a running database.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::{Error, Result};

/// Writes the database at `from` to the new file `to`, readable by its owner only.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    create_private(to)?;
    let connection = crate::sqlite::connect(from)?;
    let path = to.to_str().ok_or_else(|| Error::Backup(format!("{} is not UTF-8", to.display())))?;
    connection.execute("VACUUM INTO ?1", [path]).map(drop).map_err(|e| Error::Backup(e.to_string()))
}

/// Has `pg_dump` write its custom format (restore it with `pg_restore`).
pub(crate) fn dump(config: &tokio_postgres::Config, to: &Path) -> Result<()> {
    create_private(to)?;
    let mut command = Command::new("pg_dump");
    command.arg("--format=custom").arg("--file").arg(to);
    // By environment, because arguments are visible to every user of the machine.
    for (name, value) in connection_environment(config) {
        command.env(name, value);
    }
    let output = command.output().map_err(|e| Error::Backup(format!("pg_dump could not be started: {e}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Backup(format!("pg_dump: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn create_private(path: &Path) -> Result<()> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map(drop).map_err(|e| Error::Backup(format!("{}: {e}", path.display())))
}

fn connection_environment(config: &tokio_postgres::Config) -> Vec<(&'static str, String)> {
    use tokio_postgres::config::Host;
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let values = [
        ("PGHOST", host),
        ("PGPORT", config.get_ports().first().map(ToString::to_string)),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
    ];
    values.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}
