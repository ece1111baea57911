//! A clock that was wrong and is set right.
//!
//! A step back of over a minute means that the clock was wrong before: what stands further ahead than its own period
//! can be is set right by the next request or the worker's next look, and the server is not ready until then. A step
//! ahead of over an hour may be wrong: until the clock has stood for ten minutes, nothing is erased or cancelled.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use yuyue_db::{Tx, params, sql};

use crate::app::App;
use crate::clock::{HOUR, MINUTE, Millis};
use crate::error::Error;
use crate::{homemaking, http, jobs, live, members, outbox, staff, visitors};

/// Clocks of several nodes, and of one that is corrected all the time, differ by less.
const STEP_BACK: Millis = MINUTE;
const JUMP_AHEAD: Millis = HOUR;
/// How long a clock that has jumped ahead must stand before it is believed.
const STANDS_FOR: Millis = 10 * MINUTE;

/// What this node knows of its clock.
#[derive(Default)]
pub struct Timing {
    /// The latest time it has shown.
    seen: AtomicI64,
    /// When the worker last looked at it; 0: not yet.
    watched: AtomicI64,
    /// When the database was last told.
    kept: AtomicI64,
    /// Until then it may be wrong.
    doubtful_until: AtomicI64,
    /// It was wrong, and what it left has not been set right yet.
    was_wrong: AtomicBool,
    mending: tokio::sync::Mutex<()>,
}

impl Timing {
    /// Whether the clock has been found wrong and what it left still stands.
    #[must_use]
    pub fn is_unmended(&self, at: Millis) -> bool {
        let seen = self.seen.fetch_max(at, Ordering::SeqCst);
        if at < seen.saturating_sub(STEP_BACK) {
            self.was_wrong.store(true, Ordering::SeqCst);
        }
        self.was_wrong.load(Ordering::SeqCst)
    }

    /// Whether the clock has jumped ahead and not stood long enough to be believed.
    #[must_use]
    pub fn is_doubtful(&self, at: Millis) -> bool {
        let watched = self.watched.load(Ordering::SeqCst);
        let stands_at = self.doubtful_until.load(Ordering::SeqCst);
        // Further ahead than it can be: the clock has been set back since.
        let is_waiting = at < stands_at && stands_at <= at.saturating_add(STANDS_FOR);
        is_waiting || (watched > 0 && at > watched.saturating_add(JUMP_AHEAD))
    }

    fn doubt(&self, at: Millis, since: Millis) {
        self.doubtful_until.store(at + STANDS_FOR, Ordering::SeqCst);
        let hours = (at - since) / HOUR;
        tracing::warn!(
            hours,
            "the clock is far ahead of where it was last seen; nothing is erased for 10 minutes"
        );
    }
}

/// Looks at the clock before anything is done by it: what a wrong one has left is set right, and one that stands
/// far ahead of where it was last seen is doubted.
///
/// # Errors
/// When the database refuses.
pub async fn start(app: &App) -> Result<(), Error> {
    let at = app.clock.now().at;
    let find = sql!("SELECT seen_at FROM clock_mark WHERE id = 1");
    let seen = app.db.read("timing.mark", move |tx| {
        Ok::<_, Error>(tx.query_opt(find, &[], |row| row.get::<Millis>("seen_at"))?)
    });
    if let Some(seen) = seen.await?.filter(|seen| at > seen + JUMP_AHEAD) {
        app.timing.doubt(at, seen);
    }
    let rows = mend(app, at).await?;
    if rows > 0 {
        say(rows);
    }
    Ok(())
}

fn say(rows: u64) {
    tracing::warn!(
        rows,
        "the clock was wrong and has been set right; what it had left ahead of time is set right too"
    );
}

/// Looks at the clock once more; the worker does it every second.
///
/// # Errors
/// When the database refuses.
pub async fn watch(app: &App) -> Result<(), Error> {
    let (at, timing) = (app.clock.now().at, &app.timing);
    set_right(app, at).await?;
    let watched = timing.watched.swap(at, Ordering::SeqCst);
    if watched > 0 && at > watched + JUMP_AHEAD {
        timing.doubt(at, watched);
    }
    // A doubtful time must not be what the next start compares its clock with.
    if !timing.is_doubtful(at) && at >= timing.kept.load(Ordering::SeqCst) + MINUTE {
        app.db.write("timing.keep", move |tx| keep(tx, at)).await?;
        timing.kept.store(at, Ordering::SeqCst);
    }
    Ok(())
}

/// Sets right what a wrong clock has left, if it has been found wrong.
///
/// # Errors
/// When the database refuses.
async fn set_right(app: &App, at: Millis) -> Result<(), Error> {
    let timing = &app.timing;
    if !timing.is_unmended(at) {
        return Ok(());
    }
    let _mending = timing.mending.lock().await;
    if timing.was_wrong.load(Ordering::SeqCst) {
        say(mend(app, at).await?);
        timing.was_wrong.store(false, Ordering::SeqCst);
    }
    Ok(())
}

async fn mend(app: &App, at: Millis) -> Result<u64, Error> {
    let (periods, limits) = (jobs::periods(app), homemaking::orders::limits(&app.config));
    let rows = app.db.write("timing.mend", move |tx| {
        let mut rows = http::limits::set_right(tx, at)? + http::idempotency::set_right(tx, at)?;
        rows += live::set_right(tx, at)? + staff::store::set_right(tx, at)?;
        rows += members::set_right(tx, at)? + visitors::set_right(tx, at)?;
        rows += outbox::set_right(tx, at, &periods, jobs::DATED)?;
        rows += homemaking::set_right(tx, at, limits)?;
        keep(tx, at)?;
        Ok::<_, Error>(rows)
    });
    let rows = rows.await?;
    app.visitors.directory.reset();
    let timing = &app.timing;
    timing.seen.store(at, Ordering::SeqCst);
    timing.kept.store(at, Ordering::SeqCst);
    timing.watched.fetch_min(at, Ordering::SeqCst);
    Ok(rows)
}

fn keep(tx: &mut Tx<'_>, at: Millis) -> Result<(), Error> {
    let upsert = sql!(
        "INSERT INTO clock_mark (id, seen_at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at"
    );
    tx.execute(upsert, params![at])?;
    Ok(())
}

/// Whether the clock and what stands by it can be relied on.
///
/// # Errors
/// 503 until what a wrong clock has left is set right.
pub fn check(app: &App) -> Result<(), Error> {
    if app.timing.is_unmended(app.clock.now().at) {
        return Err(Error::unavailable("the clock was set back, and what it left is not set right yet"));
    }
    Ok(())
}

/// Sets right what a wrong clock has left before a request is judged by it. Those that ask how the server is only
/// look.
pub async fn before_request(State(app): State<App>, request: Request, next: Next) -> Response {
    let only_looks = matches!(request.uri().path(), "/readyz" | "/healthz" | "/metrics");
    if !only_looks && let Err(error) = set_right(&app, app.clock.now().at).await {
        // The request finds the same database, and answers as its product does.
        tracing::warn!(cause = error.reason(), "what a wrong clock has left could not be set right");
    }
    next.run(request).await
}
