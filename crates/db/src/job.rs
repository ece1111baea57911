//! A caller's closure on its way through a database thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Sender, TrySendError};
use tokio::sync::oneshot;

use crate::tx::Tx;
use crate::{Error, Result};

/// Longer than this and a job is worth a line in the log: others waited behind it.
const SLOW: Duration = Duration::from_millis(20);

/// What the transaction should do with a job's changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Keep,
    Undo,
}

/// How far a job has come. Its thread and its caller, who may run out of time, decide by one value whether it
/// still happens: what the caller was told did not happen, does not.
#[derive(Default)]
struct Stage(AtomicU8);

impl Stage {
    const RUNNING: u8 = 1;
    const COMMITTING: u8 = 2;
    const LEFT: u8 = 3;

    fn is_wanted(&self) -> bool {
        self.0.load(Ordering::SeqCst) != Self::LEFT
    }

    /// Whether the closure may run (again).
    fn begin(&self) -> bool {
        let running = |stage| (stage != Self::LEFT).then_some(Self::RUNNING);
        self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, running).is_ok()
    }

    /// Whether what the closure did may be committed.
    fn commit(&self) -> bool {
        let order = Ordering::SeqCst;
        self.0.compare_exchange(Self::RUNNING, Self::COMMITTING, order, order).is_ok()
    }

    /// The commit is known to have failed.
    fn has_failed(&self) {
        let order = Ordering::SeqCst;
        let _ = self.0.compare_exchange(Self::COMMITTING, Self::RUNNING, order, order);
    }

    /// The caller waits no longer; gives whether the job has happened, or still may.
    fn leave(&self) -> bool {
        self.0.swap(Self::LEFT, Ordering::SeqCst) == Self::COMMITTING
    }
}

tokio::task_local! {
    /// Whether a write of this task has happened, or may have.
    static HAS_WRITTEN: Arc<AtomicBool>;
}

/// Whether work that was cut off has changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overdue {
    /// Nothing was committed, and nothing will be.
    NothingDone,
    /// A write was committed, or its commit was under way.
    MayHaveHappened,
}

/// Runs `work` for at most `limit`, and then says whether its writes (as far as they are not in tasks of their
/// own) may have happened.
///
/// # Errors
/// [`Overdue`] when the time is over.
pub async fn within<F: Future>(limit: Duration, work: F) -> std::result::Result<F::Output, Overdue> {
    let has_written = Arc::new(AtomicBool::new(false));
    let outcome = tokio::time::timeout(limit, HAS_WRITTEN.scope(Arc::clone(&has_written), work)).await;
    // The work is dropped by now, so every job of it has been left.
    outcome.map_err(|_| {
        if has_written.load(Ordering::SeqCst) { Overdue::MayHaveHappened } else { Overdue::NothingDone }
    })
}

pub(crate) trait Job: Send {
    /// Whether somebody still waits for the answer.
    fn is_wanted(&self) -> bool;

    /// Runs the closure, catching its panic, unless its caller has left. May be called again after an undo.
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict;

    /// Answers the caller: with `fault` if there is one, else with what the last run returned.
    fn answer(self: Box<Self>, fault: Option<Error>);
}

struct TypedJob<F, T, E> {
    name: &'static str,
    closure: F,
    stage: Arc<Stage>,
    most_rows: Arc<AtomicU64>,
    result: Option<std::result::Result<T, E>>,
    reply: oneshot::Sender<std::result::Result<T, E>>,
}

/// The caller's end of a job.
pub(crate) struct Answer<T, E> {
    reply: oneshot::Receiver<std::result::Result<T, E>>,
    stage: Arc<Stage>,
    /// Where to note that a write may have happened; `None` for a read.
    has_written: Option<Arc<AtomicBool>>,
}

impl<T, E: From<Error>> Answer<T, E> {
    pub(crate) async fn wait(mut self) -> std::result::Result<T, E> {
        let gone = |_| Err(Error::Unavailable("the database thread has stopped".into()).into());
        (&mut self.reply).await.unwrap_or_else(gone)
    }

    /// The job is a write, which whoever limits this task's time wants to know of.
    pub(crate) fn of_write(mut self) -> Self {
        self.has_written = HAS_WRITTEN.try_with(Arc::clone).ok();
        self
    }
}

impl<T, E> Drop for Answer<T, E> {
    fn drop(&mut self) {
        if self.stage.leave()
            && let Some(has_written) = &self.has_written
        {
            has_written.store(true, Ordering::SeqCst);
        }
    }
}

/// Boxes `closure` for a database thread, and gives the end on which its answer arrives.
pub(crate) fn job<T, E, F>(
    name: &'static str,
    most_rows: &Arc<AtomicU64>,
    closure: F,
) -> (Box<dyn Job>, Answer<T, E>)
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let stage = Arc::new(Stage::default());
    let answer = Answer { reply: answer, stage: Arc::clone(&stage), has_written: None };
    let most_rows = Arc::clone(most_rows);
    (Box::new(TypedJob { name, closure, stage, most_rows, result: None, reply }), answer)
}

impl<T, E, F> Job for TypedJob<F, T, E>
where
    T: Send,
    E: From<Error> + Send,
    F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send,
{
    fn is_wanted(&self) -> bool {
        self.stage.is_wanted()
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict {
        if !self.stage.begin() {
            return Verdict::Undo;
        }
        let result = timed(self.name, || run_caught(&self.closure, tx));
        self.most_rows.fetch_max(tx.rows_changed(), Ordering::Relaxed);
        let verdict = if result.is_ok() && self.stage.commit() { Verdict::Keep } else { Verdict::Undo };
        self.result = Some(result);
        verdict
    }

    fn answer(self: Box<Self>, fault: Option<Error>) {
        if fault.as_ref().is_some_and(|fault| !matches!(fault, Error::CommitUnknown(_))) {
            self.stage.has_failed();
        }
        let result = match (fault, self.result) {
            (Some(fault), _) => Err(fault.into()),
            (None, Some(result)) => result,
            (None, None) => Err(Error::Unavailable("the job was never run".into()).into()),
        };
        // A caller that has gone away no longer needs its answer.
        let _ = self.reply.send(result);
    }
}

/// Runs `closure`; a panic, or a failed statement that the closure swallowed, is an error.
pub(crate) fn run_caught<T, E: From<Error>>(
    closure: impl Fn(&mut Tx<'_>) -> std::result::Result<T, E>,
    tx: &mut Tx<'_>,
) -> std::result::Result<T, E> {
    let result =
        catch_unwind(AssertUnwindSafe(|| closure(tx))).unwrap_or_else(|_| Err(Error::Panicked.into()));
    match (result, tx.failure()) {
        (Ok(_), Some(failure)) => Err(failure.into()),
        (result, _) => result,
    }
}

pub(crate) fn timed<T>(name: &'static str, run: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = run();
    record(name, start.elapsed());
    value
}

pub(crate) fn record(name: &'static str, took: Duration) {
    metrics::histogram!("yuyue_db_job_seconds", "name" => name).record(took);
    if took > SLOW {
        tracing::warn!(name, took_ms = took.as_millis(), "slow database job");
    }
}

/// Puts `job` into a bounded queue (`None` is one that has ended); full means [`Error::Busy`] at once.
pub(crate) fn send(queue: Option<&Sender<Box<dyn Job>>>, job: Box<dyn Job>) -> Result<()> {
    let ended = || Error::Unavailable("the database threads have stopped".into());
    queue.ok_or_else(ended)?.try_send(job).map_err(|refused| match refused {
        TrySendError::Full(_) => Error::Busy,
        TrySendError::Disconnected(_) => ended(),
    })
}

pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(|e| Error::Unavailable(e.to_string()))
}

/// Waits for a database thread to end, unless it is this one: a closure may own the last handle of its
/// own database.
pub(crate) fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
        tracing::error!("a database thread had panicked");
    }
}
