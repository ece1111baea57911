//! Erasing a person by phone, in parts: a phone may stand in thousands of visits.
//!
//! The first part writes a job, the last one removes it. So whoever asked may go away, and the server may
//! stop: the job erases what is left.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use yuyue_db::{Tx, params, sql};

use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::error::Error;
use crate::http::fields::AnyPhone;
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{self, NewJob, enqueue};
use crate::parts::ROWS;
use crate::staff::record_change_by;
use crate::text::mask_phone;
use crate::visitors::store::staff::{self as rows, Erased};
use crate::visitors::{binding, hosts};
use crate::{logins, phone};

/// Erases what an interrupted request has left.
pub const ERASE: &str = "visitors.erase";
const PURPOSE: &str = "visitors.erase";
/// When the job looks whether the request has done it all; it takes no longer than any request may.
const PATIENCE: Millis = 5 * MINUTE;

/// Parts that a request waits for; the job does the rest.
const PARTS: usize = 30;
/// Parts that the job does at one go.
const PARTS_OF_JOB: usize = 200;

/// Whom to erase, and what is erased already. The phone is sealed: the row must not be one more place where
/// it stands.
#[derive(Clone, Serialize, Deserialize)]
struct Whom {
    sealed: String,
    by: String,
    erased: Erased,
}

impl Whom {
    fn payload(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::internal(error.to_string()))
    }
}

/// Erases `phone` wherever it stands, because the staff member `by` wants it.
///
/// # Errors
/// When the database refuses; the job goes on then.
pub async fn erase(app: &App, phone: &AnyPhone, by: String) -> Result<Erased, Error> {
    let at = app.clock.now().at;
    let whom = Whom { sealed: app.secrets.seal(PURPOSE, &phone.text), by, erased: Erased::default() };
    let payload = whom.payload()?;
    let begun = app.db.write("visitors.erase", move |tx| {
        let due_at = at + PATIENCE;
        enqueue(
            tx,
            &NewJob { kind: ERASE, recipient: "", payload: &payload, due_at, deadline: Millis::MAX },
            at,
        )
    });
    go_on(app, (begun.await?, at + PATIENCE), &phone.text, whom, PARTS).await
}

/// Does the job of an erasing that was interrupted, or is long.
///
/// # Errors
/// [`Failed`] says whether another try makes sense.
pub async fn run(app: &App, job: &Job) -> Result<Done, Failed> {
    let give_up = |reason: &str| Failed::GiveUp { reason: reason.into() };
    let whom: Whom = serde_json::from_str(&job.payload).map_err(|error| give_up(&error.to_string()))?;
    let phone = app.secrets.open(PURPOSE, &whom.sealed);
    let unread = || Failed::NotHere { reason: "the phone cannot be read with this key".into() };
    let phone = phone.ok_or_else(unread)?;
    let at = app.clock.now().at;
    let erased = go_on(app, (job.id, 0), &phone, whom, PARTS_OF_JOB).await?;
    Ok(if erased.complete { Done::Finished } else { Done::Again(at) })
}

/// Erases at most so many parts. A request's job, which is due at `due_at`, is told to take over.
async fn go_on(
    app: &App,
    (job_id, due_at): (i64, Millis),
    phone: &str,
    mut whom: Whom,
    parts: usize,
) -> Result<Erased, Error> {
    let at = app.clock.now().at;
    for _ in 0..parts {
        let whose = phone::key(phone);
        let part = app.db.write("visitors.erase", move |tx| {
            let (visits, koala_ids, may_be_more) = rows::erase_from_visits(tx, &whose)?;
            hosts::forget(tx, &koala_ids, at)?;
            if visits > 0 || may_be_more {
                return Ok((visits, 0));
            }
            Ok::<_, Error>((visits, rows::erase_messages(tx, &whose, ROWS)?))
        });
        let (visits, messages) = part.await?;
        whom.erased.visits += visits;
        whom.erased.messages += messages;
        if visits == 0 && messages == 0 {
            let (phone, whom) = (phone.to_owned(), whom.clone());
            return app.db.write("visitors.erase", move |tx| end(tx, job_id, &phone, &whom, at)).await;
        }
    }
    let (payload, erased) = (whom.payload()?, whom.erased);
    app.db
        .write("visitors.erase", move |tx| {
            let hand_over = sql!(
                "UPDATE outbox SET payload = $2, due_at = CASE WHEN due_at = $3 THEN $4 ELSE due_at END
                 WHERE id = $1"
            );
            tx.execute(hand_over, params![job_id, &payload, due_at, at])?;
            tx.wake(outbox::CHANNEL);
            Ok::<_, Error>(erased)
        })
        .await
}

/// The last part: bindings, the audit log's entry, and no job any more.
fn end(tx: &mut Tx<'_>, job_id: i64, phone: &str, whom: &Whom, at: Millis) -> Result<Erased, Error> {
    // Whoever removes the job tells of it: a request and its job may both come here.
    let is_ours = tx.execute(sql!("DELETE FROM outbox WHERE id = $1"), params![job_id])? == 1;
    let whose = phone::key(phone);
    let wechats = rows::erase_bindings(tx, &whose)?;
    logins::forget(tx, &logins::person(&whose))?;
    wechats.iter().try_for_each(|wechat| binding::enqueue_unbind(tx, wechat, at))?;
    let erased = Erased { bindings: wechats.len(), complete: true, ..whom.erased };
    if is_ours {
        // The log must not keep what was erased.
        let (target, after) = (mask_phone(phone), json!(erased));
        record_change_by(tx, &whom.by, "visits.erase", &target, &Value::Null, &after, at)?;
    }
    Ok(erased)
}
