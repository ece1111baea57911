//! Live events: rows with ids that grow in commit order, told to every connected client on every node.

use std::sync::Arc;

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
/// A client that is this many events behind is too slow to be waited for.
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
pub fn clean_up(tx: &mut Tx<'_>, at: Millis) -> Result<(), Error> {
    tx.execute(sql!("DELETE FROM event WHERE at <= $1"), params![at - KEPT])?;
    Ok(())
}

/// This node's end of the event table.
pub struct Live(broadcast::Sender<Arc<Event>>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Live {
    /// Events from now on. A receiver that lags more than the backlog is told so.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.0.subscribe()
    }
}

/// Reads new events and hands them to this node's clients; runs for as long as the server does.
pub async fn run(app: App) {
    let mut wakes = app.db.subscribe(CHANNEL);
    let mut cursor = None;
    loop {
        match deliver(&app, cursor).await {
            Ok(last) => cursor = Some(last),
            Err(error) => tracing::warn!(cause = error.cause, "events could not be read; trying again"),
        }
        // The tick is the net under a wake that was lost with its connection.
        let _ =
            tokio::time::timeout(std::time::Duration::from_millis(SECOND.unsigned_abs()), wakes.changed())
                .await;
    }
}

/// Delivers what came after `cursor` (from the start: only what comes next) and gives the new one.
async fn deliver(app: &App, cursor: Option<i64>) -> Result<i64, Error> {
    let Some(mut cursor) = cursor else {
        let last = sql!("SELECT last FROM event_counter WHERE id = 1");
        return app
            .db
            .point("live.last", move |tx| Ok(tx.query_one(last, &[], |row| row.get("last"))?))
            .await;
    };
    loop {
        let find = sql!("SELECT id, kind, body FROM event WHERE id > $1 ORDER BY id LIMIT $2");
        let events = app
            .db
            .read("live.deliver", move |tx| Ok::<_, Error>(tx.query(find, params![cursor, BATCH], event)?));
        let events = events.await?;
        if events.is_empty() {
            return Ok(cursor);
        }
        for event in events {
            cursor = event.id;
            // No receiver is no error: nobody is connected to this node.
            let _ = app.live.0.send(Arc::new(event));
        }
    }
}
