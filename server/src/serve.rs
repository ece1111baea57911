//! Runs the application on a socket until it is told to stop.

mod connections;
mod leftover;
mod stream;

use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::error::Error;
use crate::{live, outbox, visitors};

/// How long a client may keep a connection waiting.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For the whole head of a request, from when the connection was taken or the last reply went out.
    pub head: Duration,
    /// For taking anything at all of what is sent to it.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { head: Duration::from_secs(15), write: Duration::from_secs(30) }
    }
}

/// The most of a stop that is kept for writing down the last scans and closing the database.
const LONGEST_CLOSING: Duration = Duration::from_secs(5);

/// Serves until `stop`, then finishes what is in flight, but waits no longer than the setting says.
///
/// # Errors
/// When the database cannot be read at the start, or closed at the end.
pub async fn run(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), String> {
    run_with(Patience::default(), app, listener, stop).await
}

/// As [`run`], with another patience.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    patience: Patience,
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> Result<(), String> {
    tokio::pin!(stop);
    // A database that stands still from the first must not keep the server from being stopped.
    let is_stopped = tokio::select! {
        begun = begin(&app) => begun.map(|()| false)?,
        () = &mut stop => true,
    };
    let all = app.config.server.shutdown_timeout;
    if is_stopped {
        return closed_by(Instant::now() + all, app).await;
    }
    let mut background = JoinSet::new();
    background.spawn(live::run(app.clone()));
    background.spawn(fold_metrics(app.clone()));
    background.spawn(visitors::scans::run(app.clone()));
    let worker = tokio::spawn(outbox::worker::run(app.clone()));

    let connections = connections::Connections::new(&app, patience);
    tokio::select! {
        () = connections.accept(&app, &listener) => {}
        () = &mut stop => tracing::info!("stopping"),
    }
    drop(listener);
    app.stopping.send_replace(true);
    let end = Instant::now() + all;
    let finished = async {
        connections.ended().await;
        worker.await
    };
    if timeout_at(end - LONGEST_CLOSING.min(all / 4), finished).await.is_err() {
        tracing::warn!("some requests or messages did not end in time and were cut off");
    }
    // Whatever is cut off is a row in the database and goes on at the next start.
    background.shutdown().await;
    closed_by(end, app).await
}

async fn begin(app: &App) -> Result<(), String> {
    live::begin(app).await.map_err(Error::reason)?;
    outbox::worker::begin(app).await.map_err(Error::reason)
}

async fn closed_by(end: Instant, app: App) -> Result<(), String> {
    if let Ok(closed) = timeout_at(end, close(app)).await {
        return closed;
    }
    tracing::error!("the database stands still: it was left as it is, with scans that were not written yet");
    Ok(())
}

async fn close(app: App) -> Result<(), String> {
    if let Err(error) = visitors::scans::flush(&app).await {
        tracing::error!(cause = error.cause, "the last scans could not be written");
    }
    // Closing the database waits for its threads, which must not hold up an async thread.
    tokio::task::spawn_blocking(move || drop(app)).await.map_err(|error| error.to_string())
}

/// Histograms keep every sample until they are folded into their buckets; without this they would
/// grow for as long as nobody scrapes them.
async fn fold_metrics(app: App) {
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        app.metrics.run_upkeep();
    }
}
