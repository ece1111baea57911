//! Writing the people of a visit to Koala (访客写入考拉), at once if it answers and later if it does not.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use yuyue_db::Tx;

use crate::adapters::koala::{KoalaAccount, KoalaError, NewVisitor};
use crate::app::App;
use crate::clock::{DAY, HOUR, Millis, SECOND};
use crate::error::Error;
use crate::outbox::{NewJob, enqueue};
use crate::visitors::store::desk::{self, KoalaPerson};
use crate::visitors::{jobs, store};

/// How long a sign-in waits for Koala.
const PATIENCE: Duration = Duration::from_secs(3);
/// When the background takes over what the sign-in could not finish: surely after it has stopped.
const TAKE_OVER: Millis = 8 * SECOND;
/// How long after the visit Koala forgets the visitor.
const GRACE: Millis = HOUR;

/// A person to be written.
#[derive(Serialize, Deserialize)]
pub struct Create {
    pub person_id: i64,
}

/// A subject to be deleted.
#[derive(Serialize, Deserialize)]
pub struct Delete {
    pub koala_id: i64,
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::internal(error.to_string()))
}

/// Writes the job that makes sure a person gets to Koala; useless after the visit.
///
/// # Errors
/// When the database refuses.
pub fn enqueue_create(tx: &mut Tx<'_>, person_id: i64, ends_at: Millis, at: Millis) -> Result<(), Error> {
    let payload = json(&Create { person_id })?;
    let job = NewJob {
        kind: jobs::KOALA_CREATE,
        recipient: "",
        payload: &payload,
        due_at: at + TAKE_OVER,
        deadline: ends_at,
    };
    enqueue(tx, &job, at)?;
    Ok(())
}

/// Writes the job that takes a person out of Koala.
///
/// # Errors
/// When the database refuses.
pub fn enqueue_delete(tx: &mut Tx<'_>, koala_id: i64, due_at: Millis, at: Millis) -> Result<(), Error> {
    let payload = json(&Delete { koala_id })?;
    let job = NewJob {
        kind: jobs::KOALA_DELETE,
        recipient: "",
        payload: &payload,
        due_at,
        deadline: due_at + 7 * DAY,
    };
    enqueue(tx, &job, at)?;
    Ok(())
}

/// Writes people to Koala side by side, as far as it answers in time.
pub async fn try_now(app: &App, account: &KoalaAccount, people: &[i64]) {
    let writing = people.iter().map(|person_id| write(app, account, *person_id, false));
    let all = futures_util::future::join_all(writing);
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(results) => {
            for reason in results.into_iter().filter_map(Result::err) {
                tracing::warn!(?reason, "a visitor is not in Koala yet; the background will try again");
            }
        }
        Err(_) => tracing::warn!("Koala does not answer a sign-in in time; the background will try again"),
    }
}

/// Why a person was not written.
#[derive(Debug)]
pub enum Fault {
    Koala(KoalaError),
    Ours(Error),
}

/// Writes one person, unless that is done already or no longer wanted.
///
/// # Errors
/// What Koala or the database says.
pub async fn write(
    app: &App,
    account: &KoalaAccount,
    person_id: i64,
    earlier_attempt: bool,
) -> Result<(), Fault> {
    let at = app.clock.now().at;
    let person = app.db.point("visitors.koala_person", move |tx| desk::koala_person(tx, person_id));
    let Some(person) = person.await.map_err(Fault::Ours)? else { return Ok(()) };
    if person.koala_id.is_some() || person.ends_at <= at {
        return Ok(());
    }
    let ends_at = person.ends_at;
    let created = app.visitors.koala.create_visitor(account, &subject(person), earlier_attempt).await;
    let koala_id = created.map_err(Fault::Koala)?;
    let kept = app.db.write("visitors.set_koala_id", move |tx| {
        if desk::set_koala_id(tx, person_id, koala_id)? {
            return enqueue_delete(tx, koala_id, ends_at + GRACE, at);
        }
        // Deleted or erased meanwhile, or written twice: nobody knows this subject but us.
        let is_known =
            desk::koala_person(tx, person_id)?.is_some_and(|person| person.koala_id == Some(koala_id));
        if is_known { Ok(()) } else { enqueue_delete(tx, koala_id, at, at) }
    });
    kept.await.map_err(Fault::Ours)
}

fn subject(person: KoalaPerson) -> NewVisitor {
    NewVisitor {
        name: person.name,
        phone: person.phone,
        purpose: person.purpose,
        interviewee: person.interviewee,
        come_from: person.come_from,
        remark: person.remark,
        group_ids: group_ids(&person.group_ids),
        start_time: person.starts_at,
        end_time: person.ends_at,
    }
}

/// Koala's groups are numbers; other texts were meant for people.
fn group_ids(json: &str) -> Vec<i64> {
    match serde_json::from_str(json) {
        Ok(serde_json::Value::Number(number)) => number.as_i64().into_iter().collect(),
        Ok(serde_json::Value::Array(items)) => items.iter().filter_map(serde_json::Value::as_i64).collect(),
        _ => Vec::new(),
    }
}

/// Whether the people of a visit are to be written to Koala at all.
///
/// # Errors
/// When the database refuses.
pub async fn account(app: &App) -> Result<Option<KoalaAccount>, Error> {
    Ok(crate::visitors::settings::servers(app).await?.koala())
}

/// Ends what Koala knows of deleted or erased people.
///
/// # Errors
/// When the database refuses.
pub fn forget(tx: &mut Tx<'_>, koala_ids: &[i64], at: Millis) -> Result<(), Error> {
    koala_ids.iter().try_for_each(|koala_id| enqueue_delete(tx, *koala_id, at, at))
}

pub use store::desk::Inside;
