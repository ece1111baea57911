//! The server engine: a pool of threads, each owning a connection.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::runtime::Runtime;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Row};

use crate::job::{Job, Verdict};
use crate::statement::Statement;
use crate::tx::{Connection as TxConnection, Lock, Tx, refused};
use crate::value::Value;
use crate::wake::Wakes;
use crate::{Error, Result};

/// How often a closure is run again after a serialization failure or a deadlock.
const ATTEMPTS: u32 = 10;
const RECONNECT_AFTER: Duration = Duration::from_millis(200);
/// PostgreSQL's channel names are global to a database; every wake travels on this one.
const CHANNEL: &str = "yuyue_wake";

pub(crate) struct Postgres {
    config: Config,
    writes: Sender<Box<dyn Job>>,
    reads: Sender<Box<dyn Job>>,
    points: Sender<Box<dyn Job>>,
    /// Held only to end the listener with the pool.
    _stop_listener: tokio::sync::oneshot::Sender<()>,
}

/// How a connection's thread runs the jobs of one queue.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Write,
    /// One snapshot for all statements.
    Read,
    /// One statement outside a transaction.
    Point,
}

impl Postgres {
    pub(crate) fn open(config: Config, connections: usize, queue: usize, wakes: Arc<Wakes>) -> Result<Self> {
        let runtime = runtime()?;
        // A wrong address or password should stop the start, not every request after it.
        drop(runtime.block_on(connect(&config))?);
        let (writes, write_jobs) = bounded(queue);
        let (reads, read_jobs) = bounded(queue);
        let (points, point_jobs) = bounded(queue);
        for number in 0..connections {
            let session = Session { runtime: self::runtime()?, config: config.clone(), live: None };
            let jobs = Queues {
                writes: Receiver::clone(&write_jobs),
                reads: Receiver::clone(&read_jobs),
                points: Receiver::clone(&point_jobs),
            };
            spawn(&format!("db-{number}"), move || session.run(&jobs))?;
        }
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let listening = config.clone();
        spawn("db-listen", move || runtime.block_on(listen(&listening, &wakes, stopped)))?;
        Ok(Self { config, writes, reads, points, _stop_listener: stop })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn write(&self, job: Box<dyn Job>) -> Result<()> {
        crate::job::send(&self.writes, job)
    }

    pub(crate) fn read(&self, job: Box<dyn Job>) -> Result<()> {
        crate::job::send(&self.reads, job)
    }

    pub(crate) fn point(&self, job: Box<dyn Job>) -> Result<()> {
        crate::job::send(&self.points, job)
    }
}

struct Queues {
    writes: Receiver<Box<dyn Job>>,
    reads: Receiver<Box<dyn Job>>,
    points: Receiver<Box<dyn Job>>,
}

impl Queues {
    /// The next job of any queue; `None` once the pool is gone.
    fn next(&self) -> Option<(Mode, Box<dyn Job>)> {
        crossbeam_channel::select! {
            recv(self.writes) -> job => job.ok().map(|job| (Mode::Write, job)),
            recv(self.reads) -> job => job.ok().map(|job| (Mode::Read, job)),
            recv(self.points) -> job => job.ok().map(|job| (Mode::Point, job)),
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|e| Error::Unavailable(e.to_string()))
}

pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Unavailable(e.to_string()))
}

fn unavailable(error: &tokio_postgres::Error) -> Error {
    Error::Unavailable(describe(error))
}

/// The server's own words, which the driver's `Display` leaves out.
fn describe(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |e| format!("{} ({})", e.message(), e.code().code()))
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

fn tls() -> Result<tokio_postgres_rustls::MakeRustlsConnect> {
    use rustls_platform_verifier::BuilderVerifierExt;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|e| Error::Unavailable(e.to_string()))?;
    Ok(tokio_postgres_rustls::MakeRustlsConnect::new(config.with_no_client_auth()))
}

/// Connects and prepares the session; messages of the server go to `on_message`.
async fn connect_with(
    config: &Config,
    mut on_message: impl FnMut(&AsyncMessage) + Send + 'static,
) -> Result<Client> {
    let (client, mut connection) = config.connect(tls()?).await.map_err(|e| unavailable(&e))?;
    let driver: Driver = Box::pin(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            on_message(&message);
        }
    });
    tokio::spawn(driver);
    client
        .batch_execute(
            "SET statement_timeout = '15s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s';
             SET default_transaction_isolation = 'read committed'; SET synchronous_commit = on;
             SET client_min_messages = warning;",
        )
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(client)
}

pub(crate) async fn connect(config: &Config) -> Result<Client> {
    connect_with(config, |_| {}).await
}

/// Passes the server's notifications on to this node's subscribers, for as long as the pool lives.
async fn listen(config: &Config, wakes: &Arc<Wakes>, mut stopped: tokio::sync::oneshot::Receiver<()>) {
    loop {
        let (lost, mut is_lost) = tokio::sync::mpsc::channel::<()>(1);
        let heard = Arc::clone(wakes);
        let client = connect_with(config, move |message| {
            let _alive = &lost;
            if let AsyncMessage::Notification(note) = message {
                heard.wake(note.payload());
            }
        })
        .await;
        if let Ok(client) = client
            && client.batch_execute(&format!("LISTEN {CHANNEL}")).await.is_ok()
        {
            wakes.wake_all();
            tokio::select! {
                _ = is_lost.recv() => tracing::warn!("the listening connection was lost; connecting again"),
                _ = &mut stopped => return,
            }
        }
        tokio::select! {
            () = tokio::time::sleep(RECONNECT_AFTER) => {}
            _ = &mut stopped => return,
        }
    }
}

/// Prepared statements by the address of their text.
type Prepared = HashMap<usize, tokio_postgres::Statement>;

/// A thread's connection, made anew when it was lost.
struct Session {
    runtime: Runtime,
    config: Config,
    live: Option<(Client, Prepared)>,
}

impl Session {
    fn run(mut self, jobs: &Queues) {
        while let Some((mode, mut job)) = jobs.next() {
            let fault = self.run_job(mode, job.as_mut()).err();
            if let Some(error) = &fault {
                tracing::warn!(%error, "a database job failed");
            }
            job.answer(fault);
        }
    }

    fn run_job(&mut self, mode: Mode, job: &mut dyn Job) -> Result<()> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.run_once(mode, job) {
                // Lost before the commit was sent: nothing happened, so a new connection may try.
                Outcome::Again | Outcome::Lost if attempt < ATTEMPTS => {}
                Outcome::Again => return Err(Error::Unavailable("too many conflicting transactions".into())),
                Outcome::Lost => return Err(Error::Unavailable("the connection was lost".into())),
                Outcome::Done => return Ok(()),
                Outcome::Fault(error) => return Err(error),
            }
        }
    }

    fn run_once(&mut self, mode: Mode, job: &mut dyn Job) -> Outcome {
        if self.live.as_ref().is_none_or(|(client, _)| client.is_closed()) {
            match self.runtime.block_on(connect(&self.config)) {
                Ok(client) => self.live = Some((client, Prepared::new())),
                Err(error) => return Outcome::Fault(error),
            }
        }
        let Some((client, prepared)) = &mut self.live else { return Outcome::Lost };
        let mut pg = PgTx { runtime: &self.runtime, client, prepared, mode, has_begun: false, state: None };
        let (verdict, failed, wakes) = {
            // The transaction borrows `pg` for as long as it lives, so it gets a scope of its own.
            let mut tx = Tx::new_for(mode == Mode::Point, &mut pg);
            let verdict = job.run(&mut tx);
            (verdict, tx.failure().is_some(), tx.take_wakes())
        };
        pg.finish(verdict, failed, &wakes)
    }
}

enum Outcome {
    Done,
    /// A serialization failure or deadlock: the closure may run again.
    Again,
    Lost,
    Fault(Error),
}

impl<'c> Tx<'c> {
    fn new_for(is_point: bool, pg: &'c mut PgTx<'_>) -> Self {
        let connection = TxConnection::Postgres(pg);
        if is_point { Self::single(connection) } else { Self::new(connection) }
    }
}

/// A transaction on one connection. `BEGIN` travels with the first statement, not before it.
pub(crate) struct PgTx<'c> {
    runtime: &'c Runtime,
    client: &'c Client,
    prepared: &'c mut Prepared,
    mode: Mode,
    has_begun: bool,
    /// Why a statement failed, as the server told it.
    state: Option<SqlState>,
}

/// The verbs of a transaction, free of its lifetimes.
pub(crate) trait PgVerbs {
    fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64>;
    fn query(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>>;
    fn lock(&mut self, lock: Lock) -> Result<()>;
}

impl PgVerbs for PgTx<'_> {
    fn execute(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<u64> {
        let prepared = self.prepare(statement)?;
        let params = references(params);
        let begin = self.begin();
        let result = self.runtime.block_on(async {
            let run = self.client.execute(&prepared, &params);
            match begin {
                None => run.await,
                Some(begin) => {
                    let (begun, result) = tokio::join!(self.client.batch_execute(begin), run);
                    begun.and(result)
                }
            }
        });
        result.map_err(|error| self.failed(statement, &error))
    }

    fn query(&mut self, statement: &'static Statement, params: &[Value<'_>]) -> Result<Vec<Row>> {
        let prepared = self.prepare(statement)?;
        let params = references(params);
        let begin = self.begin();
        let result = self.runtime.block_on(async {
            let run = self.client.query(&prepared, &params);
            match begin {
                None => run.await,
                Some(begin) => {
                    let (begun, result) = tokio::join!(self.client.batch_execute(begin), run);
                    begun.and(result)
                }
            }
        });
        result.map_err(|error| self.failed(statement, &error))
    }

    fn lock(&mut self, lock: Lock) -> Result<()> {
        let sql = match lock {
            Lock::Shared(key) => format!("SELECT pg_advisory_xact_lock_shared({key})"),
            Lock::Exclusive(key) => format!("SELECT pg_advisory_xact_lock({key})"),
        };
        let begin = self.begin().unwrap_or_default();
        let result = self.runtime.block_on(self.client.batch_execute(&format!("{begin};{sql}")));
        result.map_err(|error| {
            self.state = error.code().cloned();
            unavailable(&error)
        })
    }
}

impl PgTx<'_> {
    /// The statement that opens the transaction, unless it is open or there shall be none.
    fn begin(&mut self) -> Option<&'static str> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        match self.mode {
            Mode::Write if is_first => Some("BEGIN"),
            Mode::Read if is_first => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            _ => None,
        }
    }

    fn prepare(&mut self, statement: &'static Statement) -> Result<tokio_postgres::Statement> {
        let key = std::ptr::from_ref(statement).addr();
        if let Some(prepared) = self.prepared.get(&key) {
            return Ok(prepared.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(statement.postgres()));
        let prepared = prepared.map_err(|error| self.failed(statement, &error))?;
        self.prepared.insert(key, prepared.clone());
        Ok(prepared)
    }

    fn failed(&mut self, statement: &Statement, error: &tokio_postgres::Error) -> Error {
        self.state = error.code().cloned();
        if error.is_closed() || self.client.is_closed() {
            return Error::Unavailable("the connection was lost".into());
        }
        match error.code() {
            Some(
                &SqlState::DISK_FULL
                | &SqlState::OUT_OF_MEMORY
                | &SqlState::QUERY_CANCELED
                | &SqlState::LOCK_NOT_AVAILABLE
                | &SqlState::ADMIN_SHUTDOWN
                | &SqlState::CANNOT_CONNECT_NOW,
            ) => unavailable(error),
            _ => refused(statement, describe(error)),
        }
    }

    fn is_conflict(&self) -> bool {
        matches!(self.state, Some(SqlState::T_R_SERIALIZATION_FAILURE | SqlState::T_R_DEADLOCK_DETECTED))
    }

    fn finish(mut self, verdict: Verdict, failed: bool, wakes: &[&'static str]) -> Outcome {
        if failed && self.client.is_closed() {
            return Outcome::Lost;
        }
        if verdict == Verdict::Undo || self.mode != Mode::Write {
            if self.has_begun && self.mode != Mode::Point {
                let _ = self.runtime.block_on(self.client.batch_execute("ROLLBACK"));
            }
            return if self.is_conflict() { Outcome::Again } else { Outcome::Done };
        }
        if !self.has_begun {
            return Outcome::Done;
        }
        match self.runtime.block_on(self.client.batch_execute(&commit(wakes))) {
            Ok(()) => Outcome::Done,
            Err(error) if error.is_closed() || self.client.is_closed() => {
                Outcome::Fault(Error::CommitUnknown(describe(&error)))
            }
            Err(error) => {
                self.state = error.code().cloned();
                let _ = self.runtime.block_on(self.client.batch_execute("ROLLBACK"));
                if self.is_conflict() { Outcome::Again } else { Outcome::Fault(unavailable(&error)) }
            }
        }
    }
}

/// Notifications are part of the transaction: they are delivered when it commits, or never.
fn commit(wakes: &[&'static str]) -> String {
    let mut sql = String::new();
    for channel in wakes {
        sql.push_str(&format!("NOTIFY {CHANNEL}, '{channel}';"));
    }
    sql.push_str("COMMIT");
    sql
}

fn references<'v>(params: &'v [Value<'_>]) -> Vec<&'v (dyn ToSql + Sync)> {
    params.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}
