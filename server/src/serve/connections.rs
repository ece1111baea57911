//! Taking connections: so many at once, of one address a tenth of them.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::Patience;
use super::leftover;
use super::stream::Stream;
use crate::app::App;
use crate::http;
use crate::http::limits::counted_as_one;
use crate::http::shares::Shares;

/// What running out of file descriptors needs to pass.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The most that is read ahead of a connection, a request's head included.
const READ_AHEAD: usize = 64 << 10;
/// One address holds at most this part of all connections.
const PART_OF_ONE: usize = 10;
/// How often at most the log says that connections are refused, or that there are no places left.
const SAY_AGAIN_AFTER: Duration = Duration::from_secs(60);

const REFUSED: &str = "yuyue_connections_refused_total";

/// A connection counts for as long as its stream is open, also when it has become a WebSocket.
pub struct Place {
    _any: OwnedSemaphorePermit,
    /// `None` for who is trusted with any number.
    _own: Option<OwnedSemaphorePermit>,
}

pub struct Connections {
    places: Arc<Semaphore>,
    shares: Shares,
    patience: Patience,
    stopping: watch::Receiver<bool>,
    /// Closed when the last connection has ended; nothing is ever sent.
    alive: mpsc::Sender<()>,
    all_ended: mpsc::Receiver<()>,
}

impl Connections {
    pub fn new(app: &App, patience: Patience) -> Self {
        let most = app.config.server.max_connections;
        let (alive, all_ended) = mpsc::channel(1);
        // Known to whoever scrapes before anything was refused.
        metrics::counter!(REFUSED).increment(0);
        Self {
            places: Arc::new(Semaphore::new(most)),
            shares: Shares::of((most / PART_OF_ONE).max(1)),
            patience,
            stopping: app.stopping.subscribe(),
            alive,
            all_ended,
        }
    }

    /// Takes connections until it is dropped.
    pub async fn accept(&self, app: &App, listener: &TcpListener) {
        let router = http::router::build(app);
        let (mut full, mut refused) = (Complaint::default(), Complaint::default());
        loop {
            let place = Arc::clone(&self.places);
            if place.available_permits() == 0 {
                full.say("all connections that server.max_connections allows are taken: more wait");
            }
            let Ok(any) = place.acquire_owned().await else { return };
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let own = match self.own_place(app, peer.ip()) {
                Ok(own) => own,
                Err(()) => {
                    metrics::counter!(REFUSED).increment(1);
                    refused.say("an address holds its share of the connections: more of them are refused");
                    continue;
                }
            };
            self.serve(&router, stream, peer, Place { _any: any, _own: own });
        }
    }

    /// A place in the share of an address, if its connections are counted at all; an error when it has
    /// none left.
    fn own_place(&self, app: &App, address: IpAddr) -> Result<Option<OwnedSemaphorePermit>, ()> {
        let address = address.to_canonical();
        // The connections of a proxy are nobody's in particular.
        if app.config.server.trusted_proxies.iter().any(|network| network.contains(&address)) {
            return Ok(None);
        }
        let share = self.shares.share(counted_as_one(address));
        share.try_acquire_owned().map(Some).map_err(|_| ())
    }

    fn serve(&self, router: &Router, stream: TcpStream, peer: SocketAddr, place: Place) {
        // Replies are small and whole: waiting for more to send with them only delays them.
        let _ = stream.set_nodelay(true);
        let stream = Stream::new(stream, place, self.patience.write);
        let router = router.clone();
        let service = tower::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            leftover::answer(router.clone(), request)
        });
        // The head's time begins with the connection: hyper-util's builder, which would first look for
        // the version of the protocol, waits for that without an end.
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.head)
            .max_buf_size(READ_AHEAD)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
            .with_upgrades();
        let (mut stopping, alive) = (self.stopping.clone(), self.alive.clone());
        tokio::spawn(async move {
            let _alive = alive;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = async { let _ = stopping.wait_for(|stops| *stops).await; } => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }

    /// Until every connection has ended that is no WebSocket.
    pub async fn ended(self) {
        let Self { alive, mut all_ended, .. } = self;
        drop(alive);
        all_ended.recv().await;
    }
}

/// Something that happens often, and is told from time to time.
#[derive(Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn say(&mut self, what: &str) {
        if self.0.is_none_or(|last| last.elapsed() >= SAY_AGAIN_AFTER) {
            self.0 = Some(Instant::now());
            tracing::warn!("{what}");
        }
    }
}
