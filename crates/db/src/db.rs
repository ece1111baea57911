//! The way in: an engine, its queues, and three verbs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::job::job;
use crate::migrate::{self, Migration};
use crate::postgres::{Mode, Postgres};
use crate::sqlite::Sqlite;
use crate::tx::Tx;
use crate::wake::Wakes;
use crate::{Error, Result};

/// Where the data lives and how much of the machine the database may use.
#[derive(Clone, Debug)]
pub struct Options {
    pub engine: Engine,
    /// How many jobs may wait in each queue before callers are refused.
    pub queue: usize,
    /// Server engine: connections of this node; one more listens, and two more are shared by point reads. Embedded engine: reader threads, at most 8.
    pub connections: usize,
}

/// Which engine, and where.
#[derive(Clone)]
pub enum Engine {
    Sqlite(PathBuf),
    Postgres(Box<tokio_postgres::Config>),
}

impl Engine {
    /// Reads `sqlite://PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`.
    ///
    /// # Errors
    /// A text that says what is wrong, without repeating the address (it may hold a password).
    pub fn parse(url: &str) -> std::result::Result<Self, String> {
        if let Some(path) = url.strip_prefix("sqlite://") {
            let is_file = !path.is_empty() && !path.contains('?');
            return if is_file {
                Ok(Self::Sqlite(PathBuf::from(path)))
            } else {
                Err("expected sqlite://PATH with the path of a file".into())
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let config = url.parse().map_err(|error: tokio_postgres::Error| {
                let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                format!("not a valid postgres:// address: {cause}")
            })?;
            return Ok(Self::Postgres(Box::new(config)));
        }
        Err("expected sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE".into())
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Self::Postgres(config) => f.debug_tuple("Postgres").field(&config.get_dbname()).finish(),
        }
    }
}

/// A database, opened once and cloned cheaply.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Running,
    wakes: Arc<Wakes>,
    most_rows: Arc<AtomicU64>,
}

enum Running {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Db {
    /// Brings the schema up to date and starts the database threads.
    ///
    /// # Errors
    /// [`Error::Migration`] when the schema is newer than this program or a migration fails,
    /// [`Error::Unavailable`] when the database cannot be opened.
    pub fn open(options: &Options, migrations: &[Migration]) -> Result<Self> {
        migrate::run(&options.engine, migrations)?;
        Self::open_migrated(options)
    }

    /// Starts the database threads over a schema that is up to date.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be opened.
    pub fn open_migrated(options: &Options) -> Result<Self> {
        let wakes = Arc::new(Wakes::default());
        let queue = options.queue.max(1);
        let engine = match &options.engine {
            Engine::Sqlite(path) => {
                let readers = options.connections.clamp(1, 8);
                Running::Sqlite(Sqlite::open(path, queue, readers, Arc::clone(&wakes))?)
            }
            Engine::Postgres(config) => {
                let connections = options.connections.max(2);
                Running::Postgres(Postgres::open(config.clone(), connections, queue, Arc::clone(&wakes))?)
            }
        };
        Ok(Self(Arc::new(Inner { engine, wakes, most_rows: Arc::default() })))
    }

    /// Runs `closure` in a transaction and commits it if it returns `Ok`; the answer comes after
    /// the commit is on disk. `name` stands in metrics and in the log of slow jobs.
    ///
    /// The closure may run more than once, so it must not have effects outside its `Tx`. Once this future is
    /// dropped the closure is not begun any more, and what it has done is undone unless its commit is under way.
    ///
    /// # Errors
    /// What the closure returns, or [`Error`] turned into it.
    pub async fn write<T, E, F>(&self, name: &'static str, closure: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let (job, answer) = job(name, &self.0.most_rows, closure);
        match &self.0.engine {
            Running::Sqlite(engine) => engine.write(job)?,
            Running::Postgres(engine) => engine.submit(Mode::Write, job)?,
        }
        answer.of_write().wait().await
    }

    /// Runs `closure` over one consistent snapshot. It must not write.
    ///
    /// # Errors
    /// What the closure returns, or [`Error`] turned into it.
    pub async fn read<T, E, F>(&self, name: &'static str, closure: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        let (job, answer) = job(name, &self.0.most_rows, closure);
        match &self.0.engine {
            Running::Sqlite(engine) => engine.read(job)?,
            Running::Postgres(engine) => engine.submit(Mode::Read, job)?,
        }
        answer.wait().await
    }

    /// Runs one statement that reads few rows by an index, at the least possible cost: on the
    /// embedded engine on the calling thread, on the other outside a transaction and together with others.
    ///
    /// The closure may run more than once.
    ///
    /// # Errors
    /// What the closure returns, [`Error`] turned into it, [`Error::NotAPoint`] at a second statement.
    pub async fn point<T, E, F>(&self, name: &'static str, closure: F) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
    {
        match &self.0.engine {
            Running::Sqlite(engine) => engine.point(name, closure),
            Running::Postgres(engine) => engine.point(name, closure).await,
        }
    }

    /// Whether other nodes may be at work on the same data.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.0.engine, Running::Postgres(_))
    }

    /// A counter that grows after every commit, on any node, that called [`Tx::wake`] with `channel`.
    #[must_use]
    pub fn subscribe(&self, channel: &'static str) -> watch::Receiver<u64> {
        self.0.wakes.subscribe(channel)
    }

    /// The most rows that one transaction has changed since this was last asked: how tests see that long
    /// work lets others have a turn.
    #[must_use]
    pub fn most_rows_changed(&self) -> u64 {
        self.0.most_rows.swap(0, Ordering::Relaxed)
    }

    /// Writes a consistent copy of the running database to `file`, which must not exist yet.
    ///
    /// # Errors
    /// [`Error::Backup`] when the file exists, cannot be written, or the server engine's own dump
    /// program is missing.
    pub fn backup(&self, file: &Path) -> Result<()> {
        match &self.0.engine {
            Running::Sqlite(engine) => crate::backup::copy_file(engine.path(), file),
            Running::Postgres(engine) => crate::backup::dump(engine.config(), file),
        }
    }
}
