//! Which handler a row of the outbox belongs to.

use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{HOUR, Millis};
use crate::error::Error;
use crate::outbox::worker::{Done, Failed, Job};
use crate::parts::{CleanUp, Left, ROWS, in_parts};
use crate::{homemaking, http, live, logins, members, outbox, slots, sms_codes, staff, visitors};

const CLEAN_UP: &str = "core.clean_up";

/// The kinds that erase or cancel: none of them is done while the clock may be wrong.
pub const ERASING: &str = ",core.clean_up,visitors.retention,visitors.koala_delete,homemaking.order_due,\
                           homemaking.refund_due,homemaking.files,";
/// The kinds that are due at an instant of the calendar, not some time after their cause.
pub const DATED: &str = ",visitors.koala_delete,visitors.overdue,homemaking.order_due,";

/// How far ahead each recurring job can be due.
#[must_use]
pub fn periods(app: &App) -> Vec<(&'static str, Millis)> {
    let mut periods = vec![(CLEAN_UP, HOUR)];
    periods.extend(visitors::jobs::periods(&app.config.visitors));
    periods.extend(homemaking::jobs::PERIODS);
    periods
}

/// Writes the recurring jobs, unless they wait already.
///
/// # Errors
/// When the database refuses.
pub async fn schedule(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    let at = now.at;
    app.db
        .write("jobs.schedule", move |tx| {
            outbox::ensure_recurring(tx, CLEAN_UP, at)?;
            visitors::jobs::schedule(tx, at)?;
            homemaking::jobs::schedule(tx, &now)
        })
        .await
}

/// Does one job. It may run more than once, so each handler must bear a repeat.
///
/// # Errors
/// [`Failed`] says whether another try makes sense.
pub async fn run(app: &App, job: &Job) -> Result<Done, Failed> {
    if let Some(result) = visitors::jobs::run(app, job).await {
        return result;
    }
    if let Some(result) = homemaking::jobs::run(app, job).await {
        return result;
    }
    match job.kind.as_str() {
        sms_codes::CODE => sms_codes::deliver(app, job).await,
        CLEAN_UP => clean_up(app).await,
        other => Err(Failed::GiveUp { reason: format!("this program does not know jobs of kind {other}") }),
    }
}

/// What the server's own parts forget.
const CLEAN_UPS: [CleanUp; 11] = [
    http::idempotency::clean_up,
    http::idempotency::clean_up_unnamed,
    http::limits::clean_up,
    logins::clean_up,
    live::clean_up,
    outbox::clean_up,
    members::forget_tokens,
    sms_codes::clean_up,
    staff::forget_idle_sessions,
    staff::forget_sessions,
    slots::clean_up,
];

/// Forgets, every hour, what has passed its time.
async fn clean_up(app: &App) -> Result<Done, Failed> {
    let at = app.clock.now().at;
    let products = visitors::CLEAN_UPS.iter().chain(homemaking::CLEAN_UPS);
    let expired = CLEAN_UPS.iter().chain(products).map(|clean_up| (*clean_up, 0));
    let audit = (staff::forget_audit as CleanUp, app.config.staff.audit_retention);
    let scans = (visitors::forget_scans as CleanUp, app.config.visitors.scan_retention);
    let mut left = Left::Nothing;
    for (clean_up, kept) in expired.chain([audit, scans]) {
        let part = move |tx: &mut Tx<'_>| Ok(Left::after(clean_up(tx, at - kept, ROWS)?, ROWS));
        if in_parts(&app.db, "jobs.clean_up", part).await? == Left::More {
            left = Left::More;
        }
    }
    Ok(Done::Again(if left == Left::More { at } else { at + HOUR }))
}
