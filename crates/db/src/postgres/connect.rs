//! Making connections, and blocking on them from anywhere.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::wake::Wakes;
use crate::{Error, Result};

/// A host that does not answer is given up for the next one, unless the address says otherwise.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// A peer that vanished without a word is given up so long after what it does not acknowledge, not after
/// minutes, unless the address says otherwise.
const SILENCE: Duration = Duration::from_secs(5);
/// When a connection that has nothing to say asks whether the peer is still there.
const IDLE: Duration = Duration::from_secs(30);
const RECONNECT_AFTER: Duration = Duration::from_millis(200);
/// PostgreSQL's channel names are global to a database; every wake travels on this one.
pub(crate) const CHANNEL: &str = "yuyue_wake";

pub(crate) fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::Unavailable(e.to_string()))
}

/// Runs `work` on a thread of its own and waits: blocking on a runtime, or dropping one, panics on a
/// thread that already drives another, and callers may well be async.
pub(crate) fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("db-setup".into()).spawn_scoped(scope, work);
        let thread = thread.map_err(|e| Error::Unavailable(e.to_string()))?;
        thread.join().unwrap_or(Err(Error::Panicked))
    })
}

/// Waits for `future`, whatever thread this is.
pub(crate) fn block_on<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    on_own_thread(|| runtime()?.block_on(future))
}

pub(crate) fn unavailable(error: &tokio_postgres::Error) -> Error {
    Error::Unavailable(describe(error))
}

/// The server's own words, or else the cause: the driver's `Display` leaves both out.
pub(crate) fn describe(error: &tokio_postgres::Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(e), _) => format!("{} ({})", e.message(), e.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

/// Reading the machine's certificates takes longer than connecting, so it is done once.
fn tls() -> Result<MakeRustlsConnect> {
    use rustls_platform_verifier::BuilderVerifierExt;
    static TLS: OnceLock<MakeRustlsConnect> = OnceLock::new();
    if let Some(tls) = TLS.get() {
        return Ok(tls.clone());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(|e| Error::Unavailable(e.to_string()))?;
    Ok(TLS.get_or_init(|| MakeRustlsConnect::new(config.with_no_client_auth())).clone())
}

/// Whether a connection could be encrypted at all; if not, missing certificates must not matter.
fn may_use_tls(config: &Config) -> bool {
    let is_remote = |host: &Host| matches!(host, Host::Tcp(_));
    config.get_ssl_mode() != SslMode::Disable && config.get_hosts().iter().any(is_remote)
}

fn with_limits(config: &Config) -> Config {
    let mut config = config.clone();
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_WITHIN);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives_idle(IDLE);
    config
}

/// Passes the server's messages on for as long as the connection lives.
async fn drive<S, T>(mut connection: Connection<S, T>, mut on_message: impl FnMut(&AsyncMessage))
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        on_message(&message);
    }
}

/// Connects and prepares the session; messages of the server go to `on_message`.
async fn connect_with(
    config: &Config,
    on_message: impl FnMut(&AsyncMessage) + Send + 'static,
) -> Result<Client> {
    let limited = with_limits(config);
    let client = if may_use_tls(config) {
        let (client, connection) = limited.connect(tls()?).await.map_err(|e| unavailable(&e))?;
        tokio::spawn(drive(connection, on_message));
        client
    } else {
        let (client, connection) = limited.connect(NoTls).await.map_err(|e| unavailable(&e))?;
        tokio::spawn(drive(connection, on_message));
        client
    };
    client
        .batch_execute(
            // Compiling a plan takes longer than every plan of ours. What is acknowledged is on disk; whether it
            // must be on a standby too is the operator's decision.
            "SET jit = off; SET statement_timeout = '15s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s';
             SET default_transaction_isolation = 'read committed'; SET client_min_messages = warning;
             SELECT set_config('synchronous_commit', 'on', false)
             WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')",
        )
        .await
        .map_err(|e| unavailable(&e))?;
    Ok(client)
}

pub(crate) async fn connect(config: &Config) -> Result<Client> {
    connect_with(config, |_| {}).await
}

/// A connection that only writes where a transaction says so.
pub(crate) async fn connect_for_reading(config: &Config) -> Result<Client> {
    let client = connect(config).await?;
    let read_only = "SET default_transaction_read_only = on";
    client.batch_execute(read_only).await.map_err(|e| unavailable(&e))?;
    Ok(client)
}

/// A connection whose statements are always planned alike: a list of two callers would otherwise seem so
/// much cheaper than the average one that each is planned anew, which takes longer than reading.
pub(crate) async fn connect_for_points(config: &Config) -> Result<Client> {
    let client = connect_for_reading(config).await?;
    // Each statement is planned once, so the plan must be the one for the tables when they have grown.
    let plan_once = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;
                     SET enable_hashjoin = off; SET enable_mergejoin = off";
    client.batch_execute(plan_once).await.map_err(|e| unavailable(&e))?;
    Ok(client)
}

/// A connection on which the server's notifications arrive.
pub(crate) struct Listener {
    _client: Client,
    /// Closed when the connection is gone; nothing is ever sent.
    is_lost: mpsc::Receiver<()>,
}

impl Listener {
    pub(crate) async fn connect(config: &Config, wakes: &Arc<Wakes>) -> Result<Self> {
        let (alive, is_lost) = mpsc::channel::<()>(1);
        let heard = Arc::clone(wakes);
        let client = connect_with(config, move |message| {
            let _alive = &alive;
            if let AsyncMessage::Notification(note) = message {
                heard.wake(note.payload());
            }
        })
        .await?;
        client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(|e| unavailable(&e))?;
        Ok(Self { _client: client, is_lost })
    }

    /// Listens until `stopped`, on a new connection whenever the last one was lost.
    pub(crate) async fn keep(self, config: &Config, wakes: &Arc<Wakes>, stopped: oneshot::Receiver<()>) {
        let mut listener = self;
        let listening = async {
            loop {
                listener.is_lost.recv().await;
                tracing::warn!("the listening connection was lost; connecting again");
                listener = loop {
                    tokio::time::sleep(RECONNECT_AFTER).await;
                    match Self::connect(config, wakes).await {
                        Ok(listener) => break listener,
                        Err(error) => tracing::debug!(%error, "no listening connection yet"),
                    }
                };
                // Nobody knows what was missed in between.
                wakes.wake_all();
            }
        };
        tokio::select! {
            () = listening => {}
            _ = stopped => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_say_how_long_to_wait() {
        let limited = |url: &str| with_limits(&url.parse().unwrap());
        let usual = limited("postgres://u@a,b/d");
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(usual.get_connect_timeout().copied(), seconds(2));
        assert_eq!(usual.get_tcp_user_timeout().copied(), seconds(5));
        let told = limited("postgres://u@a,b/d?connect_timeout=7&tcp_user_timeout=9");
        assert_eq!(told.get_connect_timeout().copied(), seconds(7));
        assert_eq!(told.get_tcp_user_timeout().copied(), seconds(9));
    }
}
