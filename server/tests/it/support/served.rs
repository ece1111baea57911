//! The application on a real socket: WebSocket, and stopping while requests are under way.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use yuyue::serve::Patience;

use super::TestApp;

/// Longer than anything takes that works; a WebSocket is pinged every 20 s.
pub const SOON: Duration = Duration::from_secs(30);

/// Fails the test when `what` takes too long.
pub async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    match tokio::time::timeout(SOON, future).await {
        Ok(output) => output,
        Err(_) => panic!("{what}: nothing within {SOON:?}"),
    }
}

/// A running server.
pub struct Served {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<(), String>>,
}

impl TestApp {
    /// Serves this application on loopback, with its outbox and live events at work.
    pub async fn serve(&self) -> Served {
        self.serve_with(Patience::default()).await
    }

    /// As [`TestApp::serve`], with clients that are waited for less, or trusted less.
    pub async fn serve_with(&self, patience: Patience) -> Served {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let running = tokio::spawn(yuyue::serve::run_with(patience, self.app().clone(), listener, stopped));
        Served { address, stop: Some(stop), running }
    }
}

impl Served {
    /// Tells the server to stop, as SIGTERM does.
    pub fn tell_to_stop(&mut self) {
        self.stop.take();
    }

    /// Until it has stopped.
    pub async fn stopped(mut self) {
        self.tell_to_stop();
        soon("the server stops", self.running).await.unwrap().unwrap();
    }

    /// Connects a sign-in screen; `query` is "" or such as "?after=0".
    pub async fn screen(&self, query: &str) -> Screen {
        self.try_screen(query, &[]).await.unwrap()
    }

    /// A connection from another address of this machine.
    pub async fn connect_from(&self, host: &str) -> std::io::Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(format!("{host}:0").parse().unwrap())?;
        soon("the connection", socket.connect(self.address)).await
    }

    /// A screen at another address of this machine.
    pub async fn screen_at(&self, host: &str) -> Result<Screen, Box<tungstenite::Error>> {
        let stream = self.connect_from(host).await.map_err(tungstenite::Error::from)?;
        let url = format!("ws://{}/ws/signin-notify", self.address);
        let handshake = tokio_tungstenite::client_async(url, MaybeTlsStream::Plain(stream));
        Ok(Screen(soon("the handshake", handshake).await?.0))
    }

    /// A screen whose buffer is small and which does not read by itself.
    pub async fn slow_screen(&self) -> Screen {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream = soon("the connection", socket.connect(self.address)).await.unwrap();
        let url = format!("ws://{}/ws/signin-notify", self.address);
        let handshake = tokio_tungstenite::client_async(url, MaybeTlsStream::Plain(stream));
        Screen(soon("the handshake", handshake).await.unwrap().0)
    }

    pub async fn try_screen(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Screen, Box<tungstenite::Error>> {
        let url = format!("ws://{}/ws/signin-notify{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let (socket, _) = soon("the handshake", tokio_tungstenite::connect_async(request)).await?;
        Ok(Screen(socket))
    }
}

/// A connected WebSocket client.
pub struct Screen(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Screen {
    /// The next text frame, exactly.
    pub async fn frame(&mut self) -> String {
        loop {
            match soon("a frame", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a text frame, got {other:?}"),
            }
        }
    }

    pub async fn say(&mut self, text: &str) {
        soon("the frame goes out", self.0.send(Message::text(text))).await.unwrap();
    }

    /// Reads until the server ends the connection; gives how many text frames came before.
    pub async fn frames_until_closed(mut self) -> usize {
        let mut frames = 0;
        loop {
            match soon("the server closes", self.0.next()).await {
                Some(Ok(Message::Text(_))) => frames += 1,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_)) | Err(_)) | None => return frames,
                Some(Ok(other)) => panic!("an unexpected frame: {other:?}"),
            }
        }
    }
}
