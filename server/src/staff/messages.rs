//! The messages the outbox has sent, will send, or has given up.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

use crate::app::App;
use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::http::access::{Admin, Auditor};
use crate::http::envelope::Reply;
use crate::http::extract::{PathId, Query};
use crate::http::fields::optional;
use crate::http::page::{Items, Page, PageQuery};
use crate::outbox::{self, Message};
use crate::staff::audit;

/// How long a message that is sent again is tried.
const RESENT_FOR: Millis = DAY;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MessagesQuery {
    #[serde(default, deserialize_with = "optional")]
    #[param(inline)]
    state: Option<outbox::State>,
}

/// The messages, the newest first.
#[utoipa::path(get, path = "/admin/v1/messages", tag = "staff", security(("staff" = [])),
    params(MessagesQuery, PageQuery), responses((status = 200, body = Items<Message>)))]
pub async fn list_messages(
    State(app): State<App>,
    _: Auditor,
    Query(query): Query<MessagesQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Reply, Error> {
    let (page, zone) = (Page::from(page), app.clock.zone().clone());
    let found = app.db.read("staff.messages", move |tx| outbox::messages(tx, query.state, page, &zone));
    let (total, items) = found.await?;
    Reply::ok(&Items::new(page, total, items))
}

/// Send a message again that was given up. One that has lost its sense, such as an expired login
/// code, is given up again.
#[utoipa::path(post, path = "/admin/v1/messages/{id}/resend", tag = "staff", security(("staff" = [])),
    params(("id" = i64, Path)), responses((status = 200, body = Message)))]
pub async fn resend_message(
    State(app): State<App>,
    Admin(staff): Admin,
    PathId(id): PathId,
) -> Result<Reply, Error> {
    let (at, zone) = (app.clock.now().at, app.clock.zone().clone());
    let message = app.db.write("staff.resend", move |tx| {
        let is_resent = outbox::resend(tx, id, at, at + RESENT_FOR)?;
        let message = outbox::find(tx, id, &zone)?;
        let message = message.ok_or_else(|| Error::not_found("没有这条消息", "there is no such message"))?;
        if !is_resent {
            let (zh, en) = ("只能重发已放弃的消息", "only a message that was given up can be sent again");
            return Err(Error::conflict(zh, en));
        }
        let (before, after) = (json!({ "state": "given_up" }), json!({ "state": message.state }));
        audit::record(tx, &staff, "message.resend", &format!("message {id}"), &before, &after, at)?;
        Ok(message)
    });
    Reply::ok(&message.await?)
}
