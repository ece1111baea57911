//! Runs the application on a socket until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::app::App;
use crate::{http, live, outbox, visitors};

/// A client that takes longer to send a request's head is cut off.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// What running out of file descriptors needs to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop`, then finishes what is in flight, but waits no longer than the setting says.
///
/// # Errors
/// When the database cannot be read at the start, or closed at the end.
pub async fn run(app: App, listener: TcpListener, stop: impl Future<Output = ()>) -> Result<(), String> {
    live::begin(&app).await.map_err(|error| error.cause.unwrap_or_default())?;
    let mut background = JoinSet::new();
    background.spawn(live::run(app.clone()));
    background.spawn(fold_metrics(app.clone()));
    background.spawn(visitors::scans::run(app.clone()));
    let worker = tokio::spawn(outbox::worker::run(app.clone()));

    let graceful = GracefulShutdown::new();
    tokio::select! {
        () = accept(&app, &listener, &graceful) => {}
        () = stop => tracing::info!("stopping"),
    }
    drop(listener);
    app.stopping.send_replace(true);
    let finished = async {
        graceful.shutdown().await;
        worker.await
    };
    if tokio::time::timeout(app.config.server.shutdown_timeout, finished).await.is_err() {
        tracing::warn!("some requests or messages did not end in time and were cut off");
    }
    // Whatever is cut off is a row in the database and goes on at the next start.
    background.shutdown().await;
    if let Err(error) = visitors::scans::flush(&app).await {
        tracing::error!(cause = error.cause, "the last scans could not be written");
    }
    // Closing the database waits for its threads, which must not hold up an async thread.
    tokio::task::spawn_blocking(move || drop(app)).await.map_err(|error| error.to_string())
}

/// Takes connections, as many at once as the setting says.
async fn accept(app: &App, listener: &TcpListener, graceful: &GracefulShutdown) {
    let router = http::router::build(app);
    let mut protocol = auto::Builder::new(TokioExecutor::new()).http1_only();
    protocol.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let places = Arc::new(Semaphore::new(app.config.server.max_connections));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Replies are small and whole: waiting for more to send with them only delays them.
        let _ = stream.set_nodelay(true);
        let service = router.clone().map_request(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request
        });
        let connection =
            protocol.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
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
