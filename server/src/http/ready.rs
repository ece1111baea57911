//! Whether this node can serve: its database takes a write and commits it in time.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::Mutex;
use yuyue_db::{params, sql, within};

use crate::app::App;
use crate::clock::{Millis, SECOND};
use crate::error::Error;
use crate::timing;

/// How long a commit may take that is worth waiting for.
const PATIENCE: Duration = Duration::from_secs(5);
/// A success is good for so long: asking often must not cost a commit each.
const FRESH: Millis = SECOND;

/// When the database last took a write; whoever asks meanwhile waits for the one who tries.
#[derive(Default)]
pub struct Readiness(Mutex<Option<Millis>>);

/// The database takes writes, and nothing stands that a wrong clock has left.
#[utoipa::path(get, path = "/readyz", tag = "operation", responses((status = 200, body = String)))]
pub async fn readiness(State(app): State<App>) -> Result<Response, Error> {
    timing::check(&app)?;
    let mut written_at = app.ready.0.lock().await;
    let at = app.clock.now().at;
    if written_at.is_none_or(|written_at| (at - written_at).abs() >= FRESH) {
        *written_at = None;
        // Half of what the request may take, so that the reply can say why.
        let patience = PATIENCE.min(app.config.server.request_timeout / 2);
        let write = app.db.write("ready.write", move |tx| beat(tx, at));
        let late = |_| Error::unavailable(format!("no write within {:.1} s", patience.as_secs_f64()));
        // Full or read-only: whatever it is, this node cannot serve.
        within(patience, write).await.map_err(late)?.map_err(|error| Error::unavailable(error.reason()))?;
        *written_at = Some(at);
    }
    Ok("ready".into_response())
}

fn beat(tx: &mut yuyue_db::Tx<'_>, at: Millis) -> Result<(), Error> {
    let upsert =
        sql!("INSERT INTO heartbeat (id, at) VALUES (1, $1) ON CONFLICT (id) DO UPDATE SET at = excluded.at");
    tx.execute(upsert, params![at])?;
    Ok(())
}
