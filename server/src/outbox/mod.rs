//! Messages and jobs as rows: written in the transaction of the change that caused them, so what
//! was acknowledged is sent, and what was undone is not. Timers are rows with a later due time.

pub mod worker;

use serde::Serialize;
use utoipa::ToSchema;
use yuyue_db::{Row, Tx, params, sql};

use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::http::choice::{Choice, choice_field};
use crate::http::page::Page;
use crate::phone;

/// The wake channel of the outbox.
pub(crate) const CHANNEL: &str = "outbox";
/// How long finished rows are kept for staff to look at.
const KEPT: Millis = 30 * DAY;

/// A message or job to be done after the commit.
#[derive(Clone, Debug)]
pub struct NewJob<'a> {
    pub kind: &'static str,
    /// Whom a message goes to; empty for a job, which staff are not shown.
    pub recipient: &'a str,
    /// JSON for the job's handler. No secrets: staff can read it.
    pub payload: &'a str,
    /// Not before this instant.
    pub due_at: Millis,
    /// Given up after this instant.
    pub deadline: Millis,
}

/// Writes the job; it runs only if the transaction commits. Its row id is its idempotency key.
///
/// # Errors
/// When the database refuses.
pub fn enqueue(tx: &mut Tx<'_>, job: &NewJob<'_>, at: Millis) -> Result<i64, Error> {
    let insert = sql!(
        "INSERT INTO outbox
             (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error, created_at,
              recipient_key)
         VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $6, '', $7, $8) RETURNING id"
    );
    let recipient_key = phone::key(job.recipient);
    let values = params![
        job.kind,
        !job.recipient.is_empty(),
        job.recipient,
        job.payload,
        job.due_at,
        job.deadline,
        at,
        &recipient_key
    ];
    let id = tx.query_one(insert, values, |row| row.get("id"))?;
    tx.wake(CHANNEL);
    Ok(id)
}

/// Makes sure that the recurring job `kind` waits once, whichever node asks first.
///
/// # Errors
/// When the database refuses.
pub fn ensure_recurring(tx: &mut Tx<'_>, kind: &'static str, at: Millis) -> Result<(), Error> {
    let insert = sql!(
        "INSERT INTO outbox (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error,
                             created_at, unique_name)
         VALUES ($1, FALSE, '', '{}', 'waiting', 0, $2, $3, '', $2, $1)
         ON CONFLICT (unique_name) WHERE state = 'waiting' DO NOTHING"
    );
    tx.execute(insert, params![kind, at, i64::MAX])?;
    Ok(())
}

/// Sets right what a wrong clock has left after `at`; gives how many rows. `periods` says how far ahead each recurring
/// job can be due; jobs of the kinds in `dated` are due at an instant that no clock has made.
///
/// # Errors
/// When the database refuses.
pub fn set_right(
    tx: &mut Tx<'_>,
    at: Millis,
    periods: &[(&'static str, Millis)],
    dated: &'static str,
) -> Result<u64, Error> {
    // Whoever holds one may be at work, but no longer than a lease from now.
    let leased =
        sql!("UPDATE outbox SET due_at = $1 WHERE state = 'waiting' AND lease IS NOT NULL AND due_at > $1");
    let mut rows = tx.execute(leased, params![at + worker::LEASE])?;
    let made = sql!(
        "UPDATE outbox SET due_at = due_at - (created_at - $1), created_at = $1,
                           deadline = CASE WHEN deadline = $3 THEN deadline ELSE deadline - (created_at - $1) END
         WHERE state = 'waiting' AND lease IS NULL AND unique_name IS NULL AND created_at - 60000 > $1
           AND replace($2, ',' || kind || ',', '') = $2"
    );
    rows += tx.execute(made, params![at, dated, Millis::MAX])?;
    let tried = sql!(
        "UPDATE outbox SET due_at = $1
         WHERE state = 'waiting' AND lease IS NULL AND unique_name IS NULL AND attempts > 0 AND due_at > $2"
    );
    rows += tx.execute(tried, params![at, at + worker::LONGEST_WAIT])?;
    let recurring = sql!(
        "UPDATE outbox SET due_at = $1
         WHERE state = 'waiting' AND lease IS NULL AND unique_name = $2
           AND due_at > CASE WHEN attempts > 0 THEN CAST($4 AS BIGINT) ELSE CAST($3 AS BIGINT) END"
    );
    for (kind, period) in periods {
        let longest = *period.max(&worker::LONGEST_WAIT);
        rows += tx.execute(recurring, params![at, *kind, at + period, at + longest])?;
    }
    let finished = sql!("UPDATE outbox SET finished_at = $1 WHERE finished_at - 60000 > $1");
    Ok(rows + tx.execute(finished, params![at])?)
}

/// Writes a job of the name `unique_name`, unless it waits already.
///
/// # Errors
/// When the database refuses.
pub fn enqueue_once(tx: &mut Tx<'_>, job: &NewJob<'_>, unique_name: &str, at: Millis) -> Result<(), Error> {
    let insert = sql!(
        "INSERT INTO outbox (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error,
                             created_at, unique_name)
         VALUES ($1, FALSE, '', $2, 'waiting', 0, $3, $4, '', $5, $6)
         ON CONFLICT (unique_name) WHERE state = 'waiting' DO NOTHING"
    );
    tx.execute(insert, params![job.kind, job.payload, job.due_at, job.deadline, at, unique_name])?;
    tx.wake(CHANNEL);
    Ok(())
}

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Waiting,
    Sent,
    GivenUp,
}

impl Choice for State {
    const ALL: &'static [Self] = &[Self::Waiting, Self::Sent, Self::GivenUp];

    fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Sent => "sent",
            Self::GivenUp => "given_up",
        }
    }
}
choice_field!(State);

/// A message as staff see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    /// Id of the message.
    pub id: i64,
    /// What it tells, such as `members.login_code`.
    pub kind: String,
    /// A phone number or a WeChat id.
    pub to: String,
    /// `waiting`, `sent` or `given_up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last attempt failed; "" if none did.
    pub last_error: String,
    /// When it was caused, `YYYY-MM-DD HH:MM:SS`.
    pub created_at: String,
    /// When it will be tried next, or was finished.
    pub at: String,
}

fn message(row: &Row<'_>, zone: &jiff::tz::TimeZone) -> yuyue_db::Result<Message> {
    let text = |at| crate::clock::text(crate::clock::local(zone, at));
    Ok(Message {
        id: row.get("id")?,
        kind: row.get("kind")?,
        to: row.get("recipient")?,
        state: row.get("state")?,
        attempts: row.get("attempts")?,
        last_error: row.get("last_error")?,
        created_at: text(row.get("created_at")?),
        at: text(row.get("at")?),
    })
}

/// Messages in `state` (all if `None`), newest first, and how many there are.
///
/// # Errors
/// When the database refuses.
pub fn messages(
    tx: &mut Tx<'_>,
    state: Option<State>,
    page: Page,
    zone: &jiff::tz::TimeZone,
) -> Result<(i64, Vec<Message>), Error> {
    let count = sql!(
        "SELECT count(*) AS total FROM outbox WHERE is_message AND (CAST($1 AS TEXT) IS NULL OR state = $1)"
    );
    let state = state.map(State::as_str);
    let total = tx.query_one(count, params![state], |row| row.get("total"))?;
    let list = sql!(
        "SELECT id, kind, recipient, state, attempts, last_error, created_at, coalesce(finished_at, due_at) AS at
         FROM outbox WHERE is_message AND (CAST($1 AS TEXT) IS NULL OR state = $1)
         ORDER BY id DESC LIMIT $2 OFFSET $3"
    );
    let items = tx.query(list, params![state, page.size, page.offset()], |row| message(row, zone))?;
    Ok((total, items))
}

/// Lets a given-up message be tried again, until `deadline`. False when it is not given up.
///
/// # Errors
/// When the database refuses.
pub fn resend(tx: &mut Tx<'_>, id: i64, at: Millis, deadline: Millis) -> Result<bool, Error> {
    let update = sql!(
        "UPDATE outbox SET state = 'waiting', due_at = $2, deadline = $3, finished_at = NULL, lease = NULL
         WHERE id = $1 AND is_message AND state = 'given_up'"
    );
    let changed = tx.execute(update, params![id, at, deadline])?;
    tx.wake(CHANNEL);
    Ok(changed == 1)
}

/// One message.
///
/// # Errors
/// When the database refuses.
pub fn find(tx: &mut Tx<'_>, id: i64, zone: &jiff::tz::TimeZone) -> Result<Option<Message>, Error> {
    let find = sql!(
        "SELECT id, kind, recipient, state, attempts, last_error, created_at, coalesce(finished_at, due_at) AS at
         FROM outbox WHERE id = $1 AND is_message"
    );
    Ok(tx.query_opt(find, params![id], |row| message(row, zone))?)
}

/// How many messages are in `state`.
///
/// # Errors
/// When the database refuses.
pub fn count(tx: &mut Tx<'_>, state: State) -> Result<i64, Error> {
    let count = sql!("SELECT count(*) AS total FROM outbox WHERE is_message AND state = $1");
    Ok(tx.query_one(count, params![state.as_str()], |row| row.get("total"))?)
}

/// Forgets what was finished long ago.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM outbox WHERE id IN
             (SELECT id FROM outbox WHERE finished_at IS NOT NULL AND finished_at <= $1 ORDER BY finished_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - KEPT, most])?)
}
