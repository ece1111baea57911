//! `/ws/signin-notify`: tells every connected screen of every sign-in, on every node.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::response::Response;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::Deserialize;
use tokio::sync::broadcast;
use tokio::time::{Instant, interval_at, timeout};
use utoipa::IntoParams;

use crate::app::App;
use crate::error::Error;
use crate::http::access::Caller;
use crate::http::extract::Query;
use crate::http::fields::{IntIn, optional};
use crate::live::{self, Event};
use crate::slots::routes::SIGN_IN;

const PING_EVERY: Duration = Duration::from_secs(20);
/// A client that takes longer to accept a frame, or to answer a ping, is closed.
const PATIENCE: Duration = Duration::from_secs(10);
/// Clients send nothing but control frames.
const LARGEST_MESSAGE: usize = 4 << 10;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Replay {
    /// First send what came after this event id (0: all), up to 24 h back; events then carry an `event_id`.
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    after: Option<IntIn<0, { i64::MAX }>>,
}

/// Sign-ins as they happen (签到通知), as WebSocket text frames.
#[utoipa::path(get, path = "/ws/signin-notify", tag = "slots", params(Replay),
    responses((status = 101, description = "Switching to WebSocket; text frames `{\"appointment_id\":123,\"event_type\":\"1\"}`")))]
pub async fn sign_in_notify(
    State(app): State<App>,
    caller: Caller,
    Query(replay): Query<Replay>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Error> {
    caller.may_watch_sign_ins()?;
    let upgrade = upgrade.map_err(|_| Error::upgrade_required())?;
    // Before the client is told that it is connected, so that it gets whatever happens from then on.
    let events = app.live.subscribe();
    // This node may be behind the database: what was committed before the client came is not for it,
    // unless it asks.
    let newest = live::last(&app).await?;
    let (replays, last) = match replay.after {
        // An id that the database has not reached yet counts for nothing.
        Some(after) => (true, after.0.min(newest)),
        None => (false, newest),
    };
    let client = Client { caller, replays, last };
    let upgrade = upgrade.max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE);
    // By default each would hold room for much more than it will ever read.
    let upgrade = upgrade.read_buffer_size(LARGEST_MESSAGE).write_buffer_size(LARGEST_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move {
        if let Err(end) = client.serve(&app, events, socket).await {
            tracing::debug!(?end, "a sign-in screen left");
        }
    }))
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    ClosedByClient,
    TooSlow,
    /// The credential it came with was revoked or has expired.
    Unknown,
    Unavailable,
}

struct Client {
    caller: Caller,
    /// Whether it asks for what it missed, and so gets the ids to ask with.
    replays: bool,
    /// The newest event it has been sent, or needs not be sent.
    last: i64,
}

type Sender = futures_util::stream::SplitSink<WebSocket, Message>;

impl Client {
    async fn serve(
        mut self,
        app: &App,
        mut events: broadcast::Receiver<Arc<Event>>,
        socket: WebSocket,
    ) -> Result<(), End> {
        let (mut sender, mut receiver) = socket.split();
        if self.replays {
            self.catch_up(app, &mut sender).await?;
        }
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        let mut waits_for_pong = false;
        let mut stopping = app.stopping.subscribe();
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) => self.forward(&mut sender, &event).await?,
                    Err(broadcast::error::RecvError::Lagged(_)) => self.catch_up(app, &mut sender).await?,
                    Err(broadcast::error::RecvError::Closed) => return Err(End::Unavailable),
                },
                message = receiver.next() => match message {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::ClosedByClient),
                    Some(Ok(_)) => waits_for_pong = false,
                },
                () = async { let _ = stopping.wait_for(|stops| *stops).await; } => {
                    let frame = CloseFrame { code: close_code::AWAY, reason: "stopping".into() };
                    return send(&mut sender, Message::Close(Some(frame))).await;
                }
                _ = ping.tick() => {
                    if waits_for_pong {
                        return Err(End::TooSlow);
                    }
                    // While the database cannot say, there are no events either: asked again next time.
                    if self.caller.is_still_known(app).await.is_ok_and(|known| !known) {
                        return Err(End::Unknown);
                    }
                    waits_for_pong = true;
                    send(&mut sender, Message::Ping(axum::body::Bytes::new())).await?;
                }
            }
        }
    }

    /// Sends from the table what this client has not been sent.
    async fn catch_up(&mut self, app: &App, sender: &mut Sender) -> Result<(), End> {
        let at = app.clock.now().at;
        loop {
            let missed = live::missed(app, SIGN_IN, self.last, at).await.map_err(|_| End::Unavailable)?;
            if missed.is_empty() {
                return Ok(());
            }
            for event in missed {
                self.forward(sender, &event).await?;
            }
        }
    }

    async fn forward(&mut self, sender: &mut Sender, event: &Event) -> Result<(), End> {
        if event.kind != SIGN_IN || event.id <= self.last {
            return Ok(());
        }
        self.last = event.id;
        send(sender, Message::Text(self.frame(event).into())).await
    }

    /// The document's frame; clients that ask for replays get the id to ask with next time.
    fn frame(&self, event: &Event) -> String {
        match event.body.strip_suffix('}') {
            Some(body) if self.replays => format!("{body},\"event_id\":{}}}", event.id),
            _ => event.body.clone(),
        }
    }
}

async fn send(sender: &mut Sender, message: Message) -> Result<(), End> {
    match timeout(PATIENCE, sender.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(End::ClosedByClient),
        Err(_) => Err(End::TooSlow),
    }
}
