//! The server engine: a pool of threads, each owning a connection.

mod batch;
mod connect;
mod points;
mod transaction;

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, Config};

use crate::job::{Job, join, send, spawn};
use crate::tx::{Connection as TxConnection, Tx};
use crate::wake::Wakes;
use crate::{Error, Result};

pub(crate) use batch::explain;
pub(crate) use connect::{CONNECT_WITHIN, block_on, connect, connect_for_points, on_own_thread};
pub(crate) use transaction::PgVerbs;

use connect::{Listener, connect_for_reading, runtime};
use points::Points;
use transaction::{Outcome, PgTx, Prepared};

/// How often a closure is run again after a serialization failure or a deadlock.
const ATTEMPTS: u32 = 10;

pub(crate) struct Postgres {
    config: Box<Config>,
    queues: Option<Queues<Sender<Box<dyn Job>>>>,
    points: Points,
    stop_listener: Option<tokio::sync::oneshot::Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// How a connection's thread runs the jobs of one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    /// One snapshot for all statements.
    Read,
}

impl Postgres {
    pub(crate) fn open(
        config: Box<Config>,
        connections: usize,
        queue: usize,
        wakes: Arc<Wakes>,
    ) -> Result<Self> {
        on_own_thread(|| Self::start(config, connections, queue, wakes))
    }

    fn start(config: Box<Config>, connections: usize, queue: usize, wakes: Arc<Wakes>) -> Result<Self> {
        // A wrong address or password should stop the start, not every request after it.
        let runtime = runtime()?;
        let listener = runtime.block_on(Listener::connect(&config, &wakes))?;

        let (writes, write_jobs) = bounded(queue);
        let (reads, read_jobs) = bounded(queue);
        let jobs = Queues { writes: write_jobs, reads: read_jobs };
        let mut threads = Vec::new();
        for number in 0..connections {
            let session = Session { runtime: self::runtime()?, config: (*config).clone(), live: None };
            let jobs = jobs.clone();
            threads.push(spawn(&format!("db-{number}"), move || session.run(&jobs))?);
        }
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let server = config.clone();
        threads.push(spawn("db-listen", move || runtime.block_on(listener.keep(&server, &wakes, stopped)))?);
        let points = Points::new(config.clone(), queue);
        Ok(Self {
            config,
            queues: Some(Queues { writes, reads }),
            points,
            stop_listener: Some(stop),
            threads,
        })
    }

    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    pub(crate) fn submit(&self, mode: Mode, job: Box<dyn Job>) -> Result<()> {
        let queue = self.queues.as_ref().map(|queues| match mode {
            Mode::Write => &queues.writes,
            Mode::Read => &queues.reads,
        });
        send(queue, job)
    }

    pub(crate) async fn point<T, E, F>(&self, name: &'static str, closure: F) -> std::result::Result<T, E>
    where
        E: From<Error>,
        F: Fn(&mut Tx<'_>) -> std::result::Result<T, E>,
    {
        self.points.run(name, closure).await
    }
}

impl Drop for Postgres {
    /// Finishes what is queued.
    fn drop(&mut self) {
        self.queues = None;
        self.stop_listener = None;
        self.threads.drain(..).for_each(join);
    }
}

/// One queue a mode, so that none can fill up with the jobs of another.
#[derive(Clone)]
struct Queues<End> {
    writes: End,
    reads: End,
}

impl Queues<Receiver<Box<dyn Job>>> {
    /// The next job of any queue; `None` once the pool is gone and nothing is left.
    fn next(&self) -> Option<(Mode, Box<dyn Job>)> {
        let job = crossbeam_channel::select! {
            recv(self.writes) -> job => job.ok().map(|job| (Mode::Write, job)),
            recv(self.reads) -> job => job.ok().map(|job| (Mode::Read, job)),
        };
        job.or_else(|| self.leftover())
    }

    /// An ended queue says nothing about the other, which may still hold jobs.
    fn leftover(&self) -> Option<(Mode, Box<dyn Job>)> {
        let queues = [(Mode::Write, &self.writes), (Mode::Read, &self.reads)];
        queues.into_iter().find_map(|(mode, queue)| Some((mode, queue.try_recv().ok()?)))
    }
}

/// A thread's connection, made anew when it was lost.
struct Session {
    runtime: Runtime,
    config: Config,
    live: Option<(Client, Prepared)>,
}

impl Session {
    fn run(mut self, jobs: &Queues<Receiver<Box<dyn Job>>>) {
        while let Some((mode, mut job)) = jobs.next() {
            // Whoever waited in vain while the server was away has been answered.
            if !job.is_wanted() {
                continue;
            }
            let fault = self.run_job(mode, job.as_mut()).err();
            if let Some(error) = &fault {
                tracing::warn!(%error, "a database job failed");
            }
            job.answer(fault);
        }
    }

    fn run_job(&mut self, mode: Mode, job: &mut dyn Job) -> Result<()> {
        for _ in 0..ATTEMPTS {
            match self.run_once(mode, job) {
                Outcome::Again | Outcome::Lost => {}
                Outcome::Done => return Ok(()),
                Outcome::Fault(error) => return Err(error),
            }
        }
        Err(Error::Unavailable(format!("lost {ATTEMPTS} conflicts or connections in a row")))
    }

    fn run_once(&mut self, mode: Mode, job: &mut dyn Job) -> Outcome {
        let connection = self.live.take().filter(|(client, _)| !client.is_closed());
        let (client, prepared) = match connection.map_or_else(|| self.connect(), Ok) {
            Ok(connection) => self.live.insert(connection),
            Err(error) => return Outcome::Fault(error),
        };
        let mut pg = PgTx::new(&self.runtime, client, prepared, mode);
        let (verdict, wakes) = {
            // `Tx` borrows `pg` for as long as it lives, so it gets a scope of its own.
            let mut tx = Tx::new(TxConnection::Postgres(&mut pg));
            (job.run(&mut tx), tx.take_wakes())
        };
        let outcome = pg.finish(verdict, &wakes);
        if pg.is_lost() {
            self.live = None;
        }
        outcome
    }

    fn connect(&self) -> Result<(Client, Prepared)> {
        self.runtime.block_on(async {
            // Only `BEGIN READ WRITE` may write, so that nothing is ever committed on its own by mistake.
            Ok((connect_for_reading(&self.config).await?, Prepared::default()))
        })
    }
}
