//! Requests without a key whose caller may not have learnt that they were done: the same body by the same caller
//! within a minute is then the same request, and gets its reply. After a reply it is another one, for who wants
//! two of a thing may ask twice.
//!
//! Who was cut off is remembered by this node at once ([`Doubts`]) and told to the others by a mark on the row
//! that the request wrote with its reply.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use serde::Serialize;
use yuyue_db::{Tx, params, sql};

use super::{Once, replay};
use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::error::{Error, Kind};
use crate::http::envelope::Reply;

const LIFETIME: Millis = MINUTE;
/// How many doubts a node remembers; more at once are left to the marks.
const MOST: usize = 10_000;
/// How often, and how long apart, a mark is tried while the database is away.
const TRIES: u32 = 60;
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Requests of this node whose callers may not know how they ended, with the instants they were made.
#[derive(Default)]
pub struct Doubts(Mutex<HashMap<(String, String), Millis>>);

impl Doubts {
    fn with<T>(&self, run: impl FnOnce(&mut HashMap<(String, String), Millis>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, request: (String, String), at: Millis) {
        self.with(|doubts| {
            if doubts.len() >= MOST {
                doubts.retain(|_, made| at - *made < LIFETIME);
            }
            if doubts.len() < MOST {
                doubts.insert(request, at);
            }
        });
    }

    fn has(&self, request: &(String, String), at: Millis) -> bool {
        self.with(|doubts| doubts.get(request).is_some_and(|made| (at - made).abs() < LIFETIME))
    }
}

/// Whether `caller` may have been left without a reply to the same request.
#[must_use]
pub fn is_doubtful(app: &App, once: &Once, caller: &str, at: Millis) -> bool {
    app.doubts.has(&(caller.to_owned(), once.fingerprint.clone()), at)
}

/// Marks the request as doubtful, unless it ends with a reply.
struct Unanswered<'a> {
    app: &'a App,
    request: Option<(String, String)>,
    at: Millis,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request.take() else { return };
        self.app.doubts.add(request.clone(), self.at);
        // Without a runtime the process is ending.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(mark(self.app.clone(), request, self.at));
        }
    }
}

/// Tells the other nodes. Should the request be under way still, this waits for its end.
async fn mark(app: App, request: (String, String), at: Millis) {
    let upsert = sql!(
        "INSERT INTO unnamed_request (caller, fingerprint, reply, is_doubtful, created_at)
         VALUES ($1, $2, '', TRUE, $3)
         ON CONFLICT (caller, fingerprint) DO UPDATE SET is_doubtful = TRUE"
    );
    for _ in 0..TRIES {
        let (caller, fingerprint) = request.clone();
        let write = app.db.write("idempotency.doubt", move |tx| {
            Ok::<_, Error>(tx.execute(upsert, params![&caller, &fingerprint, at])?)
        });
        match write.await {
            Err(error) if error.kind != Kind::Internal => tokio::time::sleep(TRY_AGAIN_AFTER).await,
            _ => return,
        }
    }
}

enum Ended {
    Failed(Error),
    /// Another node has answered the same request doubtfully.
    Repeated,
}

impl From<yuyue_db::Error> for Ended {
    fn from(error: yuyue_db::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) async fn write<T, F>(
    app: &App,
    name: &'static str,
    (once, caller, at): (Once, String, Millis),
    status: StatusCode,
    closure: F,
) -> Result<Reply, Error>
where
    T: Serialize,
    F: Fn(&mut Tx<'_>) -> Result<T, Error> + Send + 'static,
{
    let request = (caller, once.fingerprint.clone());
    let is_doubtful = app.doubts.has(&request, at);
    let mut unanswered = Unanswered { app, request: Some(request.clone()), at };
    let (secrets, wanted) = (app.secrets.clone(), request.clone());
    let ended = app.db.write(name, move |tx| {
        if is_doubtful && !take(tx, &wanted, at)? {
            return Ok(None);
        }
        let (reply, sealed) = once.reply(&closure(tx)?, status, &secrets)?;
        if keep(tx, &wanted, &sealed, at)? { Ok(Some(reply)) } else { Err(Ended::Repeated) }
    });
    let result = match ended.await {
        Ok(Some(reply)) => Ok(reply),
        Ok(None) | Err(Ended::Repeated) => first_reply(app, request).await,
        Err(Ended::Failed(error)) => Err(error),
    };
    if !result.as_ref().is_err_and(|error| error.kind == Kind::Uncertain) {
        unanswered.request = None;
    }
    result
}

/// Takes the request's place unless it was done. Waits for a transaction that is doing it.
fn take(tx: &mut Tx<'_>, (caller, fingerprint): &(String, String), at: Millis) -> Result<bool, Error> {
    let take = sql!(
        "INSERT INTO unnamed_request (caller, fingerprint, reply, is_doubtful, created_at)
         VALUES ($1, $2, '', FALSE, $3)
         ON CONFLICT (caller, fingerprint) DO UPDATE SET reply = '', is_doubtful = FALSE, created_at = $3
         WHERE unnamed_request.reply = '' OR unnamed_request.created_at <= $4"
    );
    Ok(tx.execute(take, params![caller, fingerprint, at, at - LIFETIME])? == 1)
}

/// Keeps the reply, unless that of a doubtful request stands there.
fn keep(
    tx: &mut Tx<'_>,
    (caller, fingerprint): &(String, String),
    sealed: &str,
    at: Millis,
) -> Result<bool, Error> {
    let keep = sql!(
        "INSERT INTO unnamed_request (caller, fingerprint, reply, is_doubtful, created_at)
         VALUES ($1, $2, $3, FALSE, $4)
         ON CONFLICT (caller, fingerprint) DO UPDATE SET reply = $3, is_doubtful = FALSE, created_at = $4
         WHERE unnamed_request.reply = '' OR NOT unnamed_request.is_doubtful OR unnamed_request.created_at <= $5"
    );
    Ok(tx.execute(keep, params![caller, fingerprint, sealed, at, at - LIFETIME])? == 1)
}

async fn first_reply(app: &App, (caller, fingerprint): (String, String)) -> Result<Reply, Error> {
    let find = sql!("SELECT reply FROM unnamed_request WHERE caller = $1 AND fingerprint = $2");
    let read = move |tx: &mut Tx<'_>| {
        Ok::<_, Error>(tx.query_one(find, params![&caller, &fingerprint], |row| row.get::<String>("reply"))?)
    };
    replay(app, &app.db.read("idempotency.first_reply", read).await?)
}

/// Forgets old requests.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM unnamed_request WHERE (caller, fingerprint) IN
             (SELECT caller, fingerprint FROM unnamed_request WHERE created_at <= $1 ORDER BY created_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - LIFETIME, most])?)
}
