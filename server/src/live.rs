//! Live events: rows with ids that grow in commit order, told to every connected client on every node.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::sync::broadcast;
use yuyue_db::{Row, Tx, params, sql};

use crate::app::App;
use crate::clock::{DAY, Millis, SECOND};
use crate::error::Error;

/// How long an event can be asked for again.
pub const KEPT: Millis = DAY;
/// The wake channel of the event table.
const CHANNEL: &str = "event";
const BATCH: i64 = 500;
/// Who falls further behind than this reads the table instead.
const BACKLOG: usize = 256;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub id: i64,
    pub kind: String,
    /// JSON.
    pub body: String,
}

fn event(row: &Row<'_>) -> yuyue_db::Result<Event> {
    Ok(Event { id: row.get("id")?, kind: row.get("kind")?, body: row.get("body")? })
}

/// Records an event in the transaction of what it tells. Call it last: all events wait for one
/// another from here to their commit.
///
/// # Errors
/// When the database refuses.
pub fn publish(tx: &mut Tx<'_>, kind: &str, body: &str, at: Millis) -> Result<(), Error> {
    let next = sql!("UPDATE event_counter SET last = last + 1 WHERE id = 1 RETURNING last");
    let id: i64 = tx.query_one(next, &[], |row| row.get("last"))?;
    let insert = sql!("INSERT INTO event (id, kind, body, at) VALUES ($1, $2, $3, $4)");
    tx.execute(insert, params![id, kind, body, at])?;
    tx.wake(CHANNEL);
    Ok(())
}

/// The events of `kind` after `id` that are still kept, oldest first, at most 500.
///
/// # Errors
/// When the database refuses.
pub async fn missed(app: &App, kind: &'static str, id: i64, at: Millis) -> Result<Vec<Event>, Error> {
    let find =
        sql!("SELECT id, kind, body FROM event WHERE kind = $1 AND id > $2 AND at > $3 ORDER BY id LIMIT $4");
    app.db
        .read("live.missed", move |tx| Ok(tx.query(find, params![kind, id, at - KEPT, BATCH], event)?))
        .await
}

/// Forgets events past their time.
///
/// # Errors
/// When the database refuses.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64, Error> {
    let delete = sql!(
        "DELETE FROM event WHERE id IN
             (SELECT id FROM event WHERE at <= $1 ORDER BY at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - KEPT, most])?)
}

/// Events that a wrong clock dated after `at` are as old as others; gives how many.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64, Error> {
    Ok(tx.execute(sql!("UPDATE event SET at = $1 WHERE at - 60000 > $1"), params![at])?)
}

/// This node's end of the event table.
pub struct Live {
    events: broadcast::Sender<Arc<Event>>,
    /// The id of the last event that was handed out.
    newest: AtomicI64,
}

impl Default for Live {
    fn default() -> Self {
        Self { events: broadcast::Sender::new(BACKLOG), newest: AtomicI64::new(0) }
    }
}

impl Live {
    /// What this node hands out from now on, which may have been committed before. A receiver that
    /// falls behind the backlog is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// How many clients are connected to this node.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.events.receiver_count()
    }
}

/// Takes note of the events there are, so that clients get what comes next and nothing before it.
/// Called before the first client can connect.
///
/// # Errors
/// When the database refuses.
pub async fn begin(app: &App) -> Result<(), Error> {
    app.live.newest.store(last(app).await?, Ordering::SeqCst);
    Ok(())
}

/// The id of the newest event in the database, which this node may not have handed out yet.
///
/// # Errors
/// When the database refuses.
pub async fn last(app: &App) -> Result<i64, Error> {
    let last = sql!("SELECT last FROM event_counter WHERE id = 1");
    app.db.point("live.last", move |tx| Ok(tx.query_one(last, &[], |row| row.get("last"))?)).await
}

/// Reads new events and hands them to this node's clients; runs for as long as the server does.
pub async fn run(app: App) {
    let mut wakes = app.db.subscribe(CHANNEL);
    loop {
        if let Err(error) = deliver(&app).await {
            tracing::warn!(cause = error.cause, "events could not be read; trying again");
        }
        // The tick is the net under a wake that was lost with its connection.
        let _ =
            tokio::time::timeout(std::time::Duration::from_millis(SECOND.unsigned_abs()), wakes.changed())
                .await;
    }
}

/// Hands out what came after the newest event handed out.
async fn deliver(app: &App) -> Result<(), Error> {
    loop {
        let newest = app.live.newest.load(Ordering::SeqCst);
        let find = sql!("SELECT id, kind, body FROM event WHERE id > $1 ORDER BY id LIMIT $2");
        let events = app
            .db
            .read("live.deliver", move |tx| Ok::<_, Error>(tx.query(find, params![newest, BATCH], event)?));
        let events = events.await?;
        if events.is_empty() {
            return Ok(());
        }
        for event in events {
            app.live.newest.store(event.id, Ordering::SeqCst);
            // No receiver is no error: nobody is connected to this node.
            let _ = app.live.events.send(Arc::new(event));
        }
    }
}
