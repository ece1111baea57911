//! The embedded engine: one writer with shared commits, read-only readers, checkpoints beside them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::job::{Job, Verdict, join, run_caught, send, spawn, timed};
use crate::row::{Row, RowOf};
use crate::statement::Statement;
use crate::tx::{Connection as TxConnection, Tx, refused};
use crate::value::Value;
use crate::wake::Wakes;
use crate::{Error, Result};

/// The most callers that share one commit: keeps the wait of the first bounded.
const BATCH: usize = 256;
const CHECKPOINT_EVERY: Duration = Duration::from_millis(200);
/// Above this size the writer itself empties the log, between two batches: beside a busy writer the
/// checkpointer never sees the end of it.
const LOG_BOUND_BYTES: u64 = 64 << 20;
/// How long, and how often, the writer waits for readers of the log when it empties it. A long report
/// must not stop the bookings; the log then grows until the report is done.
const WAIT_FOR_READERS: Duration = Duration::from_millis(100);
const WAIT_AGAIN_AFTER: Duration = Duration::from_secs(1);
const WAIT_FOR_LOCKS: Duration = Duration::from_secs(5);
const STATEMENTS_PER_CONNECTION: usize = 512;
const PARAMETERS: [&str; 32] = [
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16",
    "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28", "$29", "$30", "$31",
    "$32",
];

pub(crate) struct Sqlite {
    path: PathBuf,
    writes: Option<Sender<Box<dyn Job>>>,
    reads: Option<Sender<Box<dyn Job>>>,
    /// Connections for point reads on the caller's own thread.
    inline: Vec<Mutex<Connection>>,
    stop_checkpoints: Option<Sender<()>>,
    writer: Option<JoinHandle<()>>,
    helpers: Vec<JoinHandle<()>>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, queue: usize, readers: usize, wakes: Arc<Wakes>) -> Result<Self> {
        let (writes, write_jobs) = bounded(queue);
        let (reads, read_jobs) = bounded(queue);
        let (stop, stopped) = bounded(0);
        let log = Arc::new(Log::of(path));

        let writer = Writer { connection: connect(path)?, wakes, log: Arc::clone(&log) };
        let writer = spawn("db-write", move || writer.run(&write_jobs))?;
        let mut helpers = Vec::new();
        for _ in 0..readers {
            let (connection, jobs) = (connect_reader(path)?, Receiver::clone(&read_jobs));
            helpers.push(spawn("db-read", move || run_reader(&connection, &jobs))?);
        }
        let checkpointer = connect(path)?;
        helpers.push(spawn("db-checkpoint", move || run_checkpoints(&checkpointer, &log, &stopped))?);
        let inline = (0..readers).map(|_| connect_reader(path).map(Mutex::new)).collect::<Result<_>>()?;
        Ok(Self {
            path: path.to_owned(),
            writes: Some(writes),
            reads: Some(reads),
            inline,
            stop_checkpoints: Some(stop),
            writer: Some(writer),
            helpers,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&self, job: Box<dyn Job>) -> Result<()> {
        send(self.writes.as_ref(), job)
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) -> Result<()> {
        send(self.reads.as_ref(), job)
    }

    /// Runs a point read here and now: at some microseconds each, the hop to another thread and
    /// back would cost more than the read.
    pub(crate) fn point<T, E: From<Error>>(
        &self,
        name: &'static str,
        closure: impl Fn(&mut Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let connection = self.inline_connection();
        timed(name, || run_caught(closure, &mut Tx::single(TxConnection::Sqlite(&connection))))
    }

    /// The first free connection, so that few callers meet few, warm caches.
    fn inline_connection(&self) -> MutexGuard<'_, Connection> {
        let free = self.inline.iter().find_map(|connection| connection.try_lock().ok());
        free.unwrap_or_else(|| self.inline[0].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Sqlite {
    /// Finishes what is queued, then empties the log into the database file: the writer goes last,
    /// because readers and the checkpointer would keep it from doing so.
    fn drop(&mut self) {
        self.reads = None;
        self.stop_checkpoints = None;
        self.inline.clear();
        self.helpers.drain(..).for_each(join);
        self.writes = None;
        self.writer.take().into_iter().for_each(join);
    }
}

/// A connection that may write, with the durability every commit is promised.
pub(crate) fn connect(path: &Path) -> Result<Connection> {
    refuse_empty(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        let mode = use_log(&connection)?;
        Ok((connection, mode))
    };
    let (connection, mode) = open().map_err(|error| cannot_open(path, &error))?;
    if mode != "wal" {
        return Err(Error::Unavailable(format!("no write-ahead log on this file system (mode {mode})")));
    }
    let connection = set_up(connection)?;
    connection.execute_batch("PRAGMA synchronous = FULL").map_err(unavailable)?;
    Ok(connection)
}

/// Makes an empty database, for its owner only, unless there is a file; the engine gives its log the same mode.
/// It has its name only once its head is on disk, so that a file of no bytes is never one of ours.
pub(crate) fn create_if_missing(path: &Path) -> Result<()> {
    let named = |error: std::io::Error| Error::Unavailable(format!("{}: {error}", path.display()));
    if path.try_exists().map_err(named)? {
        return Ok(());
    }
    let log = Log::of(path).path;
    // Looked for once more: a program that was quicker has made both.
    if std::fs::metadata(&log).is_ok_and(|log| log.len() > 0) && !path.exists() {
        let (path, log) = (path.display(), log.display());
        let reason = format!(
            "{path} is missing, but its log {log} is there: put the file back, or remove the log too"
        );
        return Err(Error::Unavailable(reason));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft =
        tempfile::Builder::new().prefix(".new-").suffix(".part").tempfile_in(folder).map_err(named)?;
    let connection = Connection::open(draft.path()).map_err(unavailable)?;
    use_log(&connection).map_err(unavailable)?;
    connection.close().map_err(|(_, error)| unavailable(error))?;
    draft.as_file().sync_all().map_err(named)?;
    match draft.persist_noclobber(path) {
        // Another program was quicker.
        Err(refused) if refused.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(refused) => Err(named(refused.error)),
        Ok(_) => std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(named),
    }
}

/// To the engine a file of no bytes is a new database; to its owner it is what a failed copy left.
fn refuse_empty(path: &Path) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() == 0) {
        let reason =
            "is empty (0 bytes), which is no database: put a backup in its place, or remove it to begin anew";
        return Err(Error::Unavailable(format!("{} {reason}", path.display())));
    }
    Ok(())
}

/// Which file, and the reason, which the engine keeps to itself.
fn cannot_open(path: &Path, error: &rusqlite::Error) -> Error {
    let path_is = |reason: &dyn std::fmt::Display| Error::Unavailable(format!("{} {reason}", path.display()));
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => path_is(&"is no database file: put a backup in its place"),
        Some(ErrorCode::DatabaseCorrupt) => {
            path_is(&format!("is damaged or not whole ({error}): put a backup in its place"))
        }
        _ => match std::fs::OpenOptions::new().read(true).write(true).open(path) {
            Err(reason) => path_is(&format!("cannot be opened: {reason}")),
            Ok(_) => path_is(&format!("cannot be opened: {error}")),
        },
    }
}

/// The journal mode from now on. Another program that does the same to a new file at this moment is waited
/// for: here the engine itself does not.
fn use_log(connection: &Connection) -> rusqlite::Result<String> {
    let start = Instant::now();
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0));
        match &mode {
            Err(error) if is_busy(error) && start.elapsed() < WAIT_FOR_LOCKS => {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "nothing tells when the other program is done"
                )]
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => return mode,
        }
    }
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn connect_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    set_up(Connection::open_with_flags(path, flags).map_err(unavailable)?)
}

fn set_up(connection: Connection) -> Result<Connection> {
    connection
        .execute_batch(
            "PRAGMA foreign_keys = ON; PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8000;
             PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;",
        )
        .map_err(unavailable)?;
    connection.busy_timeout(WAIT_FOR_LOCKS).map_err(unavailable)?;
    // Otherwise some plans look at bound values, and the statement is planned anew at every call.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(unavailable)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_PER_CONNECTION);
    Ok(connection)
}

pub(crate) fn unavailable(error: impl std::fmt::Display) -> Error {
    Error::Unavailable(error.to_string())
}

/// The write-ahead log, which the writer fills and the checkpointer copies into the database file.
struct Log {
    path: PathBuf,
    has_new_pages: AtomicBool,
    /// The engine refuses a second checkpoint at the same time instead of waiting for the first.
    checkpoint: Mutex<()>,
}

impl Log {
    fn of(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), has_new_pages: AtomicBool::new(false), checkpoint: Mutex::default() }
    }

    fn is_over_bound(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.len() > LOG_BOUND_BYTES)
    }

    /// Copies what it can without waiting for anybody; gives whether that was all.
    fn copy(&self, connection: &Connection) -> bool {
        self.run(connection, "PASSIVE")
    }

    /// Copies everything and gives the space back; gives whether readers let it.
    fn empty(&self, connection: &Connection) -> bool {
        self.run(connection, "TRUNCATE")
    }

    fn run(&self, connection: &Connection, mode: &str) -> bool {
        let _alone = self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner);
        let is_complete = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?)
        });
        is_complete.unwrap_or_else(|error| {
            tracing::warn!(%error, mode, "checkpoint failed; it will be tried again");
            false
        })
    }
}

struct Writer {
    connection: Connection,
    wakes: Arc<Wakes>,
    log: Arc<Log>,
}

impl Writer {
    fn run(self, jobs: &Receiver<Box<dyn Job>>) {
        let mut may_wait_from = Instant::now();
        while let Ok(first) = jobs.recv() {
            // Whoever waited in vain while the file was locked has been answered.
            if !first.is_wanted() {
                continue;
            }
            self.commit_batch(first, jobs);
            if self.log.is_over_bound() && Instant::now() >= may_wait_from {
                let _ = self.connection.busy_timeout(WAIT_FOR_READERS);
                if !self.log.empty(&self.connection) {
                    may_wait_from = Instant::now() + WAIT_AGAIN_AFTER;
                }
                let _ = self.connection.busy_timeout(WAIT_FOR_LOCKS);
            }
        }
        self.log.empty(&self.connection);
    }

    /// Runs `first` and everything that is waiting behind it as one transaction; answers after it.
    fn commit_batch(&self, first: Box<dyn Job>, jobs: &Receiver<Box<dyn Job>>) {
        if let Err(error) = self.connection.execute_batch("BEGIN IMMEDIATE") {
            return first.answer(Some(unavailable(error)));
        }
        let mut done = Vec::new();
        let mut wakes = Vec::new();
        let mut next = Some(first);
        while let Some(mut job) = next {
            let outcome = self.run_in_savepoint(job.as_mut(), &mut wakes);
            done.push(job);
            if let Err(error) = outcome {
                return self.abandon(done, &error);
            }
            next = if done.len() < BATCH { jobs.try_recv().ok() } else { None };
        }
        if let Err(error) = self.connection.execute_batch("COMMIT") {
            return self.abandon(done, &unavailable(error));
        }
        metrics::histogram!("yuyue_db_batch_size").record(u32::try_from(done.len()).unwrap_or(u32::MAX));
        self.log.has_new_pages.store(true, Ordering::Relaxed);
        for job in done {
            job.answer(None);
        }
        for channel in wakes {
            self.wakes.wake(channel);
        }
    }

    /// An error here means that the transaction as a whole is gone, not just this job's part.
    fn run_in_savepoint(&self, job: &mut dyn Job, wakes: &mut Vec<&'static str>) -> Result<()> {
        let run = |sql| self.cached(sql);
        run("SAVEPOINT job")?;
        let mut tx = Tx::new(TxConnection::Sqlite(&self.connection));
        let verdict = job.run(&mut tx);
        let job_wakes = tx.take_wakes();
        // A full disk makes the engine roll back everything, savepoints included.
        if self.connection.is_autocommit() {
            let reason = tx.failure().map_or_else(String::new, |error| error.to_string());
            return Err(Error::Unavailable(format!("the engine gave up the transaction: {reason}")));
        }
        match verdict {
            Verdict::Keep => wakes.extend(job_wakes),
            Verdict::Undo => run("ROLLBACK TO job")?,
        }
        run("RELEASE job")
    }

    fn cached(&self, sql: &str) -> Result<()> {
        let mut statement = self.connection.prepare_cached(sql).map_err(unavailable)?;
        statement.execute([]).map(drop).map_err(unavailable)
    }

    fn abandon(&self, jobs: Vec<Box<dyn Job>>, error: &Error) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("ROLLBACK");
        }
        tracing::error!(%error, callers = jobs.len(), "a shared commit failed");
        for job in jobs {
            job.answer(Some(error.clone()));
        }
    }
}

fn run_reader(connection: &Connection, jobs: &Receiver<Box<dyn Job>>) {
    while let Ok(mut job) = jobs.recv() {
        if !job.is_wanted() {
            continue;
        }
        if let Err(error) = connection.execute_batch("BEGIN") {
            job.answer(Some(unavailable(error)));
            continue;
        }
        job.run(&mut Tx::new(TxConnection::Sqlite(connection)));
        let _ = connection.execute_batch("ROLLBACK");
        job.answer(None);
    }
}

fn run_checkpoints(connection: &Connection, log: &Log, stopped: &Receiver<()>) {
    while stopped.recv_timeout(CHECKPOINT_EVERY) == Err(RecvTimeoutError::Timeout) {
        if log.has_new_pages.swap(false, Ordering::Relaxed) && !log.copy(connection) {
            log.has_new_pages.store(true, Ordering::Relaxed);
        }
    }
}

pub(crate) fn execute(connection: &Connection, statement: &Statement, params: &[Value<'_>]) -> Result<u64> {
    let mut prepared = prepare(connection, statement, params)?;
    prepared.raw_execute().map(|rows| rows as u64).map_err(|e| failed(statement, &e))
}

pub(crate) fn query<T>(
    connection: &Connection,
    statement: &Statement,
    params: &[Value<'_>],
    map: &mut dyn FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut prepared = prepare(connection, statement, params)?;
    let mut rows = prepared.raw_query();
    let mut mapped = Vec::new();
    while let Some(row) = rows.next().map_err(|e| failed(statement, &e))? {
        mapped.push(map(&Row(RowOf::Sqlite(row)))?);
    }
    Ok(mapped)
}

/// Binds by name: the engine numbers `$2` before `$1` when it stands first in the text.
fn prepare<'c>(
    connection: &'c Connection,
    statement: &Statement,
    params: &[Value<'_>],
) -> Result<rusqlite::CachedStatement<'c>> {
    let mut prepared =
        connection.prepare_cached(statement.sqlite()).map_err(|error| failed(statement, &error))?;
    if prepared.parameter_count() != params.len() {
        let reason = format!("takes {} parameters, got {}", prepared.parameter_count(), params.len());
        return Err(refused(statement, reason));
    }
    if params.len() > PARAMETERS.len() {
        return Err(refused(statement, format!("takes more than {} parameters", PARAMETERS.len())));
    }
    for (value, name) in params.iter().zip(PARAMETERS) {
        let index = prepared.parameter_index(name).map_err(|error| failed(statement, &error))?;
        let index = index.ok_or_else(|| refused(statement, format!("has no parameter {name}")))?;
        prepared.raw_bind_parameter(index, value).map_err(|error| failed(statement, &error))?;
    }
    Ok(prepared)
}

fn failed(statement: &Statement, error: &rusqlite::Error) -> Error {
    let lacks_space_or_disk = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::DiskFull
                | ErrorCode::SystemIoFailure
                | ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
        )
    );
    if lacks_space_or_disk { Error::Unavailable(error.to_string()) } else { refused(statement, error) }
}
