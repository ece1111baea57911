//! What the simulators share: a server on loopback that stops with its owner, and answers that break.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// Longer than any client waits.
pub(super) const SLOW: Duration = Duration::from_secs(60);
/// The longest request body a simulator reads.
pub(super) const BODY_BYTES: usize = 4 << 20;

/// A running server; it stops when dropped.
pub(super) struct Loopback {
    address: SocketAddr,
    /// Dropping it tells the server to stop.
    _stop: oneshot::Sender<()>,
}

impl Loopback {
    /// Serves on a free port, on the current tokio runtime.
    pub async fn start(name: &'static str, router: Router) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, name, "a simulator stopped");
            }
        });
        Ok(Self { address, _stop: stop })
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// An answer that ends in the middle: the server closes the connection when the body fails.
pub(super) fn broken() -> Response {
    let failure = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionAborted));
    Response::new(Body::from_stream(futures_util::stream::iter([failure])))
}
