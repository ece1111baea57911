//! A caller's closure on its way through a database thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
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

pub(crate) trait Job: Send {
    /// Runs the closure, catching its panic. May be called again after an undo.
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict;

    /// Answers the caller: with `fault` if there is one, else with what the last run returned.
    fn answer(self: Box<Self>, fault: Option<Error>);
}

struct TypedJob<F, T, E> {
    name: &'static str,
    closure: F,
    result: Option<std::result::Result<T, E>>,
    reply: oneshot::Sender<std::result::Result<T, E>>,
}

type Answer<T, E> = oneshot::Receiver<std::result::Result<T, E>>;

/// Boxes `closure` for a database thread, and gives the end on which its answer arrives.
pub(crate) fn job<T, E, F>(name: &'static str, closure: F) -> (Box<dyn Job>, Answer<T, E>)
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(TypedJob { name, closure, result: None, reply }), answer)
}

impl<T, E, F> Job for TypedJob<F, T, E>
where
    T: Send,
    E: From<Error> + Send,
    F: Fn(&mut Tx<'_>) -> std::result::Result<T, E> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Verdict {
        let result = timed(self.name, || run_caught(&self.closure, tx));
        let verdict = if result.is_ok() { Verdict::Keep } else { Verdict::Undo };
        self.result = Some(result);
        verdict
    }

    fn answer(self: Box<Self>, fault: Option<Error>) {
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
