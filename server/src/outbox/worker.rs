//! Does what the outbox holds: claims due rows with a lease, runs each with no transaction open,
//! and records the end only while the lease is still its own.

use std::convert::Infallible;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use yuyue_db::{Row, params, pick, sql};

use crate::app::App;
use crate::clock::{HOUR, MINUTE, Millis, SECOND};
use crate::error::Error;
use crate::outbox::CHANNEL;

/// A worker that has not renewed its lease by then is taken for dead.
pub(super) const LEASE: Millis = 30 * SECOND;
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// A job that takes longer is tried again later.
const PATIENCE: Duration = Duration::from_secs(100);
/// Jobs that one node does side by side.
const AT_ONCE: usize = 16;
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
    let mut running = JoinSet::new();
    while !*stopping.borrow() {
        if let Err(error) = crate::timing::watch(&app).await {
            tracing::warn!(cause = error.reason(), "the clock could not be looked after");
        }
        let free = AT_ONCE - running.len();
        let claimed = if free == 0 { Ok(Vec::new()) } else { claim(&app, free).await };
        let claimed = claimed.unwrap_or_else(|error| {
            tracing::warn!(cause = error.cause, "the outbox could not be read; trying again");
            Vec::new()
        });
        let may_be_more = claimed.len() == free && free > 0;
        for job in claimed {
            let app = app.clone();
            running.spawn(async move { run_one(&app, job).await });
        }
        if may_be_more {
            continue;
        }
        tokio::select! {
            Some(ended) = running.join_next() => report(ended),
            _ = wakes.changed() => {}
            _ = stopping.changed() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
    while let Some(ended) = running.join_next().await {
        report(ended);
    }
}

/// Does all that is due now and gives how much it was: how tests make the later happen.
///
/// # Errors
/// When the database refuses; claimed rows come back when their lease ends.
pub async fn work(app: &App) -> Result<usize, Error> {
    let claimed = claim(app, AT_ONCE).await?;
    let count = claimed.len();
    let mut running = JoinSet::new();
    for job in claimed {
        let app = app.clone();
        running.spawn(async move { run_one(&app, job).await });
    }
    while let Some(ended) = running.join_next().await {
        report(ended);
    }
    Ok(count)
}

fn report(ended: Result<Result<(), Error>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(cause = error.cause, "the end of a job could not be recorded"),
        Err(panic) => tracing::error!(%panic, "a job panicked; it comes back when its lease ends"),
    }
}

async fn claim(app: &App, most: usize) -> Result<Vec<Job>, Error> {
    // Asking costs nothing; only a claim has to wait for the writer.
    let (at, lease) = (app.clock.now().at, app.ids.uuid().to_string());
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let any = sql!(
        "SELECT id FROM outbox WHERE state = 'waiting' AND due_at <= $1
                  AND replace($2, ',' || kind || ',', '') = $2 ORDER BY due_at, id LIMIT 1"
    );
    // While the clock may be wrong, what erases or cancels waits.
    let held = if app.timing.is_doubtful(at) { crate::jobs::ERASING } else { "" };
    let due = app
        .db
        .point("outbox.due", move |tx| Ok::<_, Error>(tx.query_opt(any, params![at, held], |_| Ok(()))?));
    if due.await?.is_none() {
        return Ok(Vec::new());
    }
    // Rows another node is claiming are skipped, not waited for.
    let update = pick!(
        "UPDATE outbox SET lease = $1, due_at = $2, attempts = attempts + 1
         WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' AND due_at <= $3
                        AND replace($5, ',' || kind || ',', '') = $5 ORDER BY due_at, id LIMIT $4)
         RETURNING id, kind, recipient, payload, attempts - 1 AS attempts, deadline",
        "UPDATE outbox SET lease = $1, due_at = $2, attempts = attempts + 1
         WHERE id IN (SELECT id FROM outbox WHERE state = 'waiting' AND due_at <= $3
                        AND replace($5, ',' || kind || ',', '') = $5 ORDER BY due_at, id LIMIT $4
                      FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, recipient, payload, attempts - 1 AS attempts, deadline"
    );
    app.db
        .write("outbox.claim", move |tx| {
            let values = params![&lease, at + LEASE, at, most, held];
            Ok::<_, Error>(tx.query(update, values, |row| job(row, &lease))?)
        })
        .await
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
