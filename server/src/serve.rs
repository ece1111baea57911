//! Runs the application on a socket until it is told to stop.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::app::App;
use crate::{http, live, outbox, visitors};

/// Serves until `stop`, then finishes what is in flight, but waits no longer than the setting says.
///
/// # Errors
/// When the socket fails.
pub async fn run(
    app: App,
    listener: TcpListener,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    live::begin(&app).await.map_err(|error| error.cause.unwrap_or_default())?;
    let mut background = JoinSet::new();
    background.spawn(live::run(app.clone()));
    background.spawn(outbox::worker::run(app.clone()));
    background.spawn(fold_metrics(app.clone()));
    background.spawn(visitors::scans::run(app.clone()));
    let patience = app.config.server.shutdown_timeout;
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let service = http::router::build(&app).into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(async move {
        stop.await;
        tracing::info!("stopping");
        let _ = stopping.send(());
    });
    let result = tokio::select! {
        result = async { server.await } => result.map_err(|error| error.to_string()),
        () = async {
            let _ = stopped.await;
            tokio::time::sleep(patience).await;
        } => {
            tracing::warn!("some requests did not end in time and were cut off");
            Ok(())
        }
    };
    // Whatever is cut off here is a row in the database and goes on at the next start.
    background.shutdown().await;
    if let Err(error) = visitors::scans::flush(&app).await {
        tracing::error!(cause = error.cause, "the last scans could not be written");
    }
    // Closing the database waits for its threads, which must not hold up an async thread.
    let closed = tokio::task::spawn_blocking(move || drop(app)).await;
    result.and(closed.map_err(|error| error.to_string()))
}

/// Histograms keep every sample until they are folded into their buckets; without this they would
/// grow for as long as nobody scrapes them.
async fn fold_metrics(app: App) {
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(5));
    loop {
        tick.tick().await;
        app.metrics.run_upkeep();
    }
}
