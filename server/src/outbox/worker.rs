//! Does what the outbox holds: claims due rows with a lease, runs each with no transaction open,
//! and records the end only while the lease is still its own.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use yuyue_db::{Row, Tx, params, pick, sql};

use crate::app::App;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::error::Error;
use crate::outbox::CHANNEL;
use crate::sms_codes;

/// A worker that has not renewed its lease by then is taken for dead.
pub(super) const LEASE: Millis = 30 * SECOND;
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// A job that takes longer is tried again later.
const PATIENCE: Duration = Duration::from_secs(100);
/// Jobs of one kind that one node does side by side. Each kind has places of its own, so that a slow provider
/// holds up nothing but its own kind; messages have more of them, for there may be thousands.
const AT_ONCE: usize = 16;
const MESSAGES_AT_ONCE: usize = 32;
/// The net under a poke that was lost.
const POLL: Duration = Duration::from_secs(1);
/// How long a node leaves what it cannot read to others.
const NOT_HERE: Millis = 5 * SECOND;
/// The waits after each failed attempt; the last one repeats.
const BACK_OFF: [Millis; 7] = [5 * SECOND, 15 * SECOND, MINUTE, 3 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR];

/// The longest of them.
pub(super) const LONGEST_WAIT: Millis = HOUR;

/// A claimed row.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: i64,
    pub kind: String,
    pub recipient: String,
    pub payload: String,
    /// How often it was tried before.
    pub attempts: i64,
    deadline: Millis,
    lease: String,
}

fn job(row: &Row<'_>, lease: &str) -> yuyue_db::Result<Job> {
    Ok(Job {
        id: row.get("id")?,
        kind: row.get("kind")?,
        recipient: row.get("recipient")?,
        payload: row.get("payload")?,
        attempts: row.get("attempts")?,
        deadline: row.get("deadline")?,
        lease: lease.to_owned(),
    })
}

/// How a job ended well.
pub enum Done {
    Finished,
    /// A recurring job: next at this instant.
    Again(Millis),
}

/// How a job failed.
#[derive(Debug)]
pub enum Failed {
    /// May succeed later; `after` overrides the back-off.
    Retry { reason: String, after: Option<Millis> },
    /// Never will.
    GiveUp { reason: String },
    /// This node cannot, another may: it was sealed with another key. No try of the row's.
    NotHere { reason: String },
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Retry { reason: error.reason(), after: None }
    }
}

/// Works until the server stops: at once when poked by a commit, else every second. A slow job
/// holds up nobody but itself; what has begun is finished.
pub async fn run(app: App) {
    let mut wakes = app.db.subscribe(CHANNEL);
    let mut stopping = app.stopping.subscribe();
    let mut running = Running::default();
    while !*stopping.borrow() {
        if let Err(error) = crate::timing::watch(&app).await {
            tracing::warn!(cause = error.reason(), "the clock could not be looked after");
        }
        let claimed = claim(&app, &running.kinds).await.unwrap_or_else(|error| {
            tracing::warn!(cause = error.reason(), "the outbox could not be read; trying again");
            Vec::new()
        });
        let may_be_more = !claimed.is_empty();
        for job in claimed {
            running.start(&app, job);
        }
        if may_be_more {
            continue;
        }
        tokio::select! {
            true = running.ended() => {}
            _ = wakes.changed() => {}
            _ = stopping.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while running.ended().await {}
}

/// Does all that is due now and gives how much it was: how tests make the later happen.
///
/// # Errors
/// When the database refuses; claimed rows come back when their lease ends.
pub async fn work(app: &App) -> Result<usize, Error> {
    let claimed = claim(app, &HashMap::new()).await?;
    let count = claimed.len();
    let mut running = Running::default();
    for job in claimed {
        running.start(app, job);
    }
    while running.ended().await {}
    Ok(count)
}

/// What this node does now.
#[derive(Default)]
struct Running {
    jobs: JoinSet<Result<(), Error>>,
    /// The kind of each, by its task.
    tasks: HashMap<tokio::task::Id, String>,
    /// How many there are of each kind.
    kinds: HashMap<String, usize>,
}

impl Running {
    fn start(&mut self, app: &App, job: Job) {
        let (app, kind) = (app.clone(), job.kind.clone());
        let task = self.jobs.spawn(async move { run_one(&app, job).await });
        *self.kinds.entry(kind.clone()).or_default() += 1;
        self.tasks.insert(task.id(), kind);
    }

    /// Waits until one has ended; false when there is none.
    async fn ended(&mut self) -> bool {
        let Some(ended) = self.jobs.join_next_with_id().await else { return false };
        let task = match &ended {
            Ok((task, _)) => *task,
            Err(panic) => panic.id(),
        };
        if let Some(count) = self.tasks.remove(&task).and_then(|kind| self.kinds.get_mut(&kind)) {
            *count -= 1;
        }
        report(ended.map(|(_, result)| result));
        true
    }
}

fn report(ended: Result<Result<(), Error>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(cause = error.cause, "the end of a job could not be recorded"),
        Err(panic) => tracing::error!(%panic, "a job panicked; it comes back when its lease ends"),
    }
}

/// Takes what is due, codes first, as far as there are places; `running` says how many are taken.
async fn claim(app: &App, running: &HashMap<String, usize>) -> Result<Vec<Job>, Error> {
    // Asking costs nothing; only a claim has to wait for the writer.
    let (at, lease) = (app.clock.now().at, app.ids.uuid().to_string());
    // While the clock may be wrong, what erases or cancels waits.
    let held = if app.timing.is_doubtful(at) { crate::jobs::ERASING } else { "" };
    let due = app.db.read("outbox.due", move |tx| due_kinds(tx, at)).await?;
    let places = |(kind, is_message): (String, bool)| {
        let most = if is_message { MESSAGES_AT_ONCE } else { AT_ONCE };
        let free = most.saturating_sub(running.get(&kind).copied().unwrap_or(0));
        let may_run = free > 0 && !held.contains(&format!(",{kind},"));
        may_run.then(|| (kind, i64::try_from(free).unwrap_or(i64::MAX)))
    };
    let mut free: Vec<(String, i64)> = due.into_iter().filter_map(places).collect();
    if free.is_empty() {
        return Ok(Vec::new());
    }
    free.sort_by_key(|(kind, _)| kind != sms_codes::CODE);
    // Rows another node is claiming are skipped, not waited for.
    let update = pick!(
        "UPDATE outbox SET lease = $1, due_at = $2, attempts = attempts + 1
         WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' AND kind = $5 AND due_at <= $3
                       ORDER BY due_at, id LIMIT $4)
          RETURNING id, kind, recipient, payload, attempts - 1 AS attempts, deadline",
        "UPDATE outbox SET lease = $1, due_at = $2, attempts = attempts + 1
          WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' AND kind = $5 AND due_at <= $3
                       ORDER BY due_at, id LIMIT $4 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, recipient, payload, attempts - 1 AS attempts, deadline"
    );
    app.db
        .write("outbox.claim", move |tx| {
            let mut claimed = Vec::new();
            for (kind, most) in &free {
                let values = params![&lease, at + LEASE, at, *most, kind];
                claimed.extend(tx.query(update, values, |row| job(row, &lease))?);
            }
            Ok::<_, Error>(claimed)
        })
        .await
}

/// The kinds of which something is due, and whether they are messages. It steps from kind to kind, however many
/// rows wait.
fn due_kinds(tx: &mut Tx<'_>, at: Millis) -> Result<Vec<(String, bool)>, Error> {
    let list = sql!(
        "WITH RECURSIVE waiting (kind) AS (
             SELECT min(kind) FROM outbox WHERE state = 'waiting'
             UNION ALL
             SELECT (SELECT min(o.kind) FROM outbox o WHERE o.state = 'waiting' AND o.kind > w.kind)
             FROM waiting w WHERE w.kind IS NOT NULL)
         SELECT w.kind, (SELECT o.is_message FROM outbox o WHERE o.state = 'waiting' AND o.kind = w.kind
                         ORDER BY o.due_at, o.id LIMIT 1) AS is_message
         FROM waiting w
         WHERE w.kind IS NOT NULL
           AND EXISTS (SELECT 1 FROM outbox o WHERE o.state = 'waiting' AND o.kind = w.kind AND o.due_at <= $1)
         ORDER BY w.kind"
    );
    Ok(tx.query(list, params![at], |row| Ok((row.get("kind")?, row.get("is_message")?)))?)
}

async fn run_one(app: &App, job: Job) -> Result<(), Error> {
    let result = tokio::select! {
        result = tokio::time::timeout(PATIENCE, crate::jobs::run(app, &job)) => result.unwrap_or_else(|_| {
            Err(Failed::Retry { reason: "took longer than 100 s".into(), after: None })
        }),
        never = keep(app, &job) => match never {},
    };
    let at = app.clock.now().at;
    match result {
        Ok(Done::Finished) => finish(app, job, "sent", String::new(), at).await,
        Ok(Done::Again(due_at)) => postpone(app, job, due_at, String::new()).await,
        Err(Failed::NotHere { reason }) if at + NOT_HERE <= job.deadline => {
            tracing::warn!(job = job.id, kind = job.kind, reason, "left to another node");
            put_back(app, job, at + NOT_HERE, reason).await
        }
        Err(Failed::GiveUp { reason } | Failed::NotHere { reason }) => {
            tracing::warn!(job = job.id, kind = job.kind, reason, "given up");
            finish(app, job, "given_up", reason, at).await
        }
        Err(Failed::Retry { reason, after }) => {
            let due_at = at + after.unwrap_or_else(|| back_off(job.attempts));
            tracing::warn!(
                job = job.id,
                kind = job.kind,
                attempts = job.attempts + 1,
                reason,
                "will be tried again"
            );
            if due_at > job.deadline && !app.timing.is_doubtful(at) {
                finish(app, job, "given_up", reason, at).await
            } else {
                postpone(app, job, due_at, reason).await
            }
        }
    }
}

/// Renews the lease for as long as the job is at work.
async fn keep(app: &App, job: &Job) -> Infallible {
    let update = sql!("UPDATE outbox SET due_at = $3 WHERE id = $1 AND lease = $2");
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let (id, lease, due_at) = (job.id, job.lease.clone(), app.clock.now().at + LEASE);
        let renewed = app.db.write("outbox.renew", move |tx| {
            Ok::<_, Error>(tx.execute(update, params![id, &lease, due_at])?)
        });
        if let Err(error) = renewed.await {
            tracing::warn!(job = job.id, cause = error.cause, "a lease could not be renewed");
        }
    }
}

/// At the start of a node that has the database to itself: whoever held a lease is gone.
///
/// # Errors
/// When the database refuses.
pub async fn begin(app: &App) -> Result<(), Error> {
    if app.db.is_shared() {
        return Ok(());
    }
    let at = app.clock.now().at;
    let update = sql!(
        "UPDATE outbox SET due_at = $1, lease = NULL WHERE state = 'waiting' AND lease IS NOT NULL AND due_at > $1"
    );
    app.db
        .write("outbox.begin", move |tx| {
            tx.execute(update, params![at])?;
            Ok(())
        })
        .await
}

fn back_off(attempts: i64) -> Millis {
    let step = usize::try_from(attempts).unwrap_or(0).min(BACK_OFF.len() - 1);
    BACK_OFF[step]
}

async fn finish(app: &App, job: Job, state: &'static str, error: String, at: Millis) -> Result<(), Error> {
    let update = sql!(
        "UPDATE outbox SET state = $3, last_error = $4, finished_at = $5, lease = NULL WHERE id = $1 AND lease = $2"
    );
    app.db
        .write("outbox.finish", move |tx| {
            tx.execute(update, params![job.id, &job.lease, state, &error, at])?;
            Ok(())
        })
        .await
}

/// As if it had never been claimed.
async fn put_back(app: &App, job: Job, due_at: Millis, reason: String) -> Result<(), Error> {
    let update = sql!(
        "UPDATE outbox SET due_at = $3, last_error = $4, lease = NULL, attempts = attempts - 1
         WHERE id = $1 AND lease = $2"
    );
    app.db
        .write("outbox.put_back", move |tx| {
            tx.execute(update, params![job.id, &job.lease, due_at, &reason])?;
            Ok(())
        })
        .await
}

async fn postpone(app: &App, job: Job, due_at: Millis, error: String) -> Result<(), Error> {
    // A look that found nothing to do yet is no failure: the next hiccup is again the first.
    let update = sql!(
        "UPDATE outbox SET due_at = $3, last_error = $4, lease = NULL,
                           attempts = CASE WHEN $4 = '' THEN 0 ELSE attempts END
         WHERE id = $1 AND lease = $2"
    );
    app.db
        .write("outbox.postpone", move |tx| {
            tx.execute(update, params![job.id, &job.lease, due_at, &error])?;
            Ok(())
        })
        .await
}
