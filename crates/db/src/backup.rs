//! Copies of a running database. A copy has its name only once it is whole, on disk and checked.

use std::fs::File;
use std::path::Path;
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use crate::{Error, Result};

type Step = std::result::Result<(), String>;

/// Writes the database at `from` to the new file `to`, readable by its owner only.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let connection = crate::sqlite::connect(from)?;
    write_whole(to, |draft| {
        let path = draft.to_str().ok_or_else(|| format!("{} is not UTF-8", draft.display()))?;
        connection.execute("VACUUM INTO ?1", [path]).map_err(|e| e.to_string())?;
        check_file(draft)
    })
}

/// Reads every page of a copy.
fn check_file(path: &Path) -> Step {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| e.to_string())?;
    let check = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match check.map_err(|e| e.to_string())?.as_str() {
        "ok" => Ok(()),
        damage => Err(format!("the database is damaged, and so is its copy: {damage}")),
    }
}

/// Has `pg_dump` write its custom format (restore it with `pg_restore`).
pub(crate) fn dump(config: &tokio_postgres::Config, to: &Path) -> Result<()> {
    write_whole(to, |draft| {
        let mut dump = Command::new("pg_dump");
        dump.args(["--format=custom", "--no-password", "--file"]).arg(draft);
        // By environment, because arguments are visible to every user of the machine.
        dump.envs(connection_environment(config));
        run(dump)?;
        let mut list = Command::new("pg_restore");
        list.arg("--list").arg(draft);
        run(list)
    })
}

fn run(mut command: Command) -> Step {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|e| format!("{program} could not be started: {e}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// Has `fill` write a draft beside `path`, for its owner only, and gives it its name. Whatever stops this in
/// between leaves nothing under that name; a draft that a kill leaves ends in `.part`.
fn write_whole(path: &Path, fill: impl FnOnce(&Path) -> Step) -> Result<()> {
    let failed = |reason: String| Error::Backup(reason);
    let named = |error: std::io::Error| Error::Backup(format!("{}: {error}", path.display()));
    if path.try_exists().map_err(named)? {
        return Err(named(std::io::ErrorKind::AlreadyExists.into()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().ok_or_else(|| failed(format!("{} names no file", path.display())))?);
    name.push(".");
    let draft = tempfile::Builder::new().prefix(&name).suffix(".part").tempfile_in(folder).map_err(named)?;
    fill(draft.path()).map_err(failed)?;
    draft.as_file().sync_all().map_err(named)?;
    draft.persist_noclobber(path).map_err(|refused| named(refused.error))?;
    // The name itself is part of the folder.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(named)
}

/// As the client library reads it: of several hosts it takes the first that answers, a standby too.
fn connection_environment(config: &tokio_postgres::Config) -> Vec<(&'static str, String)> {
    use tokio_postgres::config::{Host, SslMode};
    let list = |items: Vec<String>| (!items.is_empty()).then(|| items.join(","));
    let hosts = config.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    });
    let password = config.get_password().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let encryption = match config.get_ssl_mode() {
        SslMode::Disable => "disable",
        SslMode::Require => "require",
        _ => "prefer",
    };
    let connect_within = config.get_connect_timeout().copied().unwrap_or(crate::postgres::CONNECT_WITHIN);
    let values = [
        ("PGHOST", list(hosts.collect())),
        ("PGHOSTADDR", list(config.get_hostaddrs().iter().map(ToString::to_string).collect())),
        ("PGPORT", list(config.get_ports().iter().map(ToString::to_string).collect())),
        ("PGUSER", config.get_user().map(str::to_owned)),
        ("PGPASSWORD", password),
        ("PGDATABASE", config.get_dbname().map(str::to_owned)),
        ("PGSSLMODE", Some(encryption.to_owned())),
        ("PGCONNECT_TIMEOUT", Some(connect_within.as_secs().max(1).to_string())),
    ];
    values.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect()
}
