//! What visitors causes to happen later.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use yuyue_db::Tx;

use crate::adapters::koala::{KoalaError, KoalaErrorKind};
use crate::adapters::sms::{Channel, SmsError, SmsMessage};
use crate::adapters::wechat::{AccessToken, CloudMessage, TemplateMessage, WechatError};
use crate::app::App;
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::error::Error;
use crate::notices;
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{self, NewJob, ensure_recurring};
use crate::parts::{Left, in_parts};
use crate::visitors::messages::{self, Content, Event, Payload, SMS, Teller, WECHAT};
use crate::visitors::{binding, directory, erasing, hosts, overdue, settings, store};

pub const KOALA_CREATE: &str = "visitors.koala_create";
pub const KOALA_DELETE: &str = "visitors.koala_delete";
pub const UNBIND: &str = "visitors.unbind";
pub const BINDINGS: &str = "visitors.bindings";
pub const DIRECTORY: &str = "visitors.directory";
pub const INDEX: &str = "visitors.index";
pub const RETENTION: &str = "visitors.retention";
const MORE_WAITING: &str = "visitors.more_waiting";
pub const OVERDUE: &str = "visitors.overdue";

/// How long a fault that only a person can repair waits before the next try.
const BACK_OFF: Millis = 5 * MINUTE;
const TOKEN: &str = "visitors.wechat_token";

/// Makes sure that the recurring jobs wait.
///
/// # Errors
/// When the database refuses.
pub fn schedule(tx: &mut Tx<'_>, at: Millis) -> Result<(), Error> {
    for kind in [DIRECTORY, BINDINGS, INDEX, RETENTION] {
        ensure_recurring(tx, kind, at)?;
    }
    Ok(())
}

/// How far ahead each of the recurring jobs can be due.
#[must_use]
pub fn periods(settings: &crate::config::Visitors) -> [(&'static str, Millis); 4] {
    let directory = directory_pause(settings.directory_ttl);
    [(DIRECTORY, directory), (BINDINGS, MINUTE), (INDEX, MINUTE), (RETENTION, DAY)]
}

/// The directory is read again before it is too old to be believed.
fn directory_pause(ttl: Millis) -> Millis {
    (ttl / 2).max(SECOND)
}

fn give_up(reason: impl Into<String>) -> Failed {
    Failed::GiveUp { reason: reason.into() }
}

fn read<T: DeserializeOwned>(job: &Job) -> Result<T, Failed> {
    serde_json::from_str(&job.payload).map_err(|error| give_up(error.to_string()))
}

/// An employee who was told of an application lately and will be told at the end of the hour of what came since.
#[derive(Serialize, Deserialize)]
struct MoreWaiting {
    phone_key: String,
    since: Millis,
}

/// Writes the job that tells an employee at `due_at` of what waits by then; one is enough.
///
/// # Errors
/// When the database refuses.
pub fn enqueue_more_waiting(
    tx: &mut Tx<'_>,
    phone_key: &str,
    due_at: Millis,
    at: Millis,
) -> Result<(), Error> {
    let payload = MoreWaiting { phone_key: phone_key.to_owned(), since: at };
    let payload = serde_json::to_string(&payload).map_err(|error| Error::internal(error.to_string()))?;
    let job = NewJob { kind: MORE_WAITING, recipient: "", payload: &payload, due_at, deadline: due_at + DAY };
    outbox::enqueue_once(tx, &job, &format!("{MORE_WAITING} {phone_key}"), at)
}

/// Tells an employee of the newest application that waits and that they were not told of, if there is one.
async fn tell_of_more(app: &App, job: &Job) -> Result<Done, Failed> {
    let MoreWaiting { phone_key, since } = read(job)?;
    let (app_too, now) = (app.clone(), app.clock.now());
    app.db
        .write("visitors.tell_of_more", move |tx| {
            let newest = store::visits::newest_waiting(tx, &phone_key, since, now.at)?;
            let Some(visit) = newest else { return Ok(()) };
            let people = store::visits::people(tx, visit.id)?;
            let base = app_too.config.server.public_url.as_str();
            let teller =
                Teller { app: &app_too, visit: &visit, people: &people, now: &now, base, is_budgeted: true };
            teller.tell_employee(tx, Event::ApprovalReminder)
        })
        .await?;
    Ok(Done::Finished)
}

/// Does one job of this product; `None` for one of another.
///
/// # Errors
/// [`Failed`] says whether another try makes sense.
pub async fn run(app: &App, job: &Job) -> Option<Result<Done, Failed>> {
    Some(match job.kind.as_str() {
        WECHAT => send_wechat(app, job).await,
        SMS => send_sms(app, job).await,
        KOALA_CREATE => create_in_koala(app, job).await,
        KOALA_DELETE => delete_in_koala(app, job).await,
        UNBIND => unbind(app, job).await,
        BINDINGS => settle_bindings(app).await,
        DIRECTORY => refresh_directory(app).await,
        INDEX => index(app).await,
        RETENTION => erase_old(app).await,
        MORE_WAITING => tell_of_more(app, job).await,
        OVERDUE => overdue::look(app, job).await,
        erasing::ERASE => erasing::run(app, job).await,
        _ => return None,
    })
}

/// The message, and the template that staff have set for it by now.
async fn message(app: &App, job: &Job) -> Result<(Content, String), Failed> {
    let payload: Payload = read(job)?;
    let (app_too, asked, phone) = (app.clone(), payload.clone(), job.recipient.clone());
    let obstacle =
        app.db.read("visitors.obstacle", move |tx| messages::obstacle(&app_too, tx, &asked, &phone)).await?;
    if let Some(reason) = obstacle {
        return Err(give_up(reason));
    }
    let content = payload.open(&app.secrets);
    let unreadable = || Failed::NotHere { reason: "the message cannot be read with this key".into() };
    let mut content = content.ok_or_else(unreadable)?;
    let configured = app.config.visitors.templates.clone();
    let templates =
        app.db.point("visitors.templates", move |tx| settings::templates(tx, &configured)).await?;
    let (wechat, sms) = payload.event.templates(&templates);
    let template = if job.kind == WECHAT { wechat } else { sms };
    if template.is_empty() {
        let reason = "no template is set for this message".to_owned();
        return Err(Failed::Retry { reason, after: Some(BACK_OFF) });
    }
    if job.kind == WECHAT {
        let kind = payload.event.kind().name;
        let fields = app.db.point("visitors.fields", move |tx| notices::fields(tx, kind)).await?;
        content.params = content.in_fields(&fields, app.clock.zone());
    }
    Ok((content, template.to_owned()))
}

async fn send_sms(app: &App, job: &Job) -> Result<Done, Failed> {
    let (content, template) = message(app, job).await?;
    let none = || Failed::Retry { reason: "no SMS account is set".into(), after: Some(BACK_OFF) };
    let sms = app.sms.as_ref().ok_or_else(none)?;
    let message = SmsMessage {
        channel: Channel::Sms,
        to: job.recipient.clone(),
        template,
        params: content.params,
        out_id: job.id.to_string(),
    };
    match sms.send_once(&message, job.attempts > 0, app.clock.now().at).await {
        Ok(_) => Ok(Done::Finished),
        Err(SmsError::GiveUp { reason }) => Err(Failed::GiveUp { reason }),
        Err(SmsError::Retry { reason, after }) => Err(Failed::Retry { reason, after }),
        Err(SmsError::Account { reason, after }) => Err(Failed::Retry { reason, after: Some(after) }),
    }
}

async fn send_wechat(app: &App, job: &Job) -> Result<Done, Failed> {
    let (content, template) = message(app, job).await?;
    let servers = settings::servers(app).await?;
    let sent = if let Some(cloud_url) = servers.cloud() {
        let message = CloudMessage {
            phone: job.recipient.clone(),
            template,
            url: content.url,
            params: content.params,
            out_id: job.id.to_string(),
        };
        app.visitors.cloud.send(cloud_url, &message).await
    } else {
        let open_id = content.weixin_user_id.unwrap_or_default();
        let message = TemplateMessage {
            open_id,
            template,
            url: content.url,
            params: content.params,
            out_id: job.id.to_string(),
        };
        send_by_account(app, &message).await?
    };
    sent.map(|()| Done::Finished).map_err(Failed::from)
}

impl From<WechatError> for Failed {
    fn from(error: WechatError) -> Self {
        match error {
            WechatError::GiveUp { reason } => Self::GiveUp { reason },
            WechatError::Retry { reason, after } => Self::Retry { reason, after },
            WechatError::TokenInvalid { reason } => Self::Retry { reason, after: None },
            WechatError::Configuration { reason, after } => Self::Retry { reason, after: Some(after) },
        }
    }
}

/// Sends through the official account; a token that WeChat does not take is renewed once.
async fn send_by_account(app: &App, message: &TemplateMessage) -> Result<Result<(), WechatError>, Failed> {
    let none = || Failed::Retry { reason: "no official account is set".into(), after: Some(BACK_OFF) };
    let account = app.visitors.official.as_ref().ok_or_else(none)?;
    let token = match stored_token(app).await? {
        Some(token) => token,
        None => keep_token(app, account.fetch_token(false, app.clock.now().at).await?).await?,
    };
    match account.send_template(&token, message).await {
        Err(WechatError::TokenInvalid { .. }) => {
            // Another node may have renewed it meanwhile.
            let token = match stored_token(app).await?.filter(|stored| *stored != token) {
                Some(renewed) => renewed,
                None => {
                    let renewed = account.renew_token(&token.value, app.clock.now().at).await?;
                    keep_token(app, renewed).await?
                }
            };
            Ok(account.send_template(&token, message).await.map(drop))
        }
        sent => Ok(sent.map(drop)),
    }
}

/// The token all nodes share, while it is good.
async fn stored_token(app: &App) -> Result<Option<AccessToken>, Failed> {
    let stored = app.db.point("visitors.wechat_token", store::sessions::access_token).await?;
    let at = app.clock.now().at;
    Ok(stored
        .and_then(|(sealed, expires_at)| Some((app.secrets.open(TOKEN, &sealed)?, expires_at)))
        .map(|(value, expires_at)| AccessToken { value, expires_at })
        .filter(|token| !token.is_due(at)))
}

async fn keep_token(app: &App, token: AccessToken) -> Result<AccessToken, Failed> {
    let (sealed, expires_at) = (app.secrets.seal(TOKEN, &token.value), token.expires_at);
    app.db
        .write("visitors.wechat_token", move |tx| store::sessions::save_access_token(tx, &sealed, expires_at))
        .await?;
    Ok(token)
}

impl From<KoalaError> for Failed {
    fn from(error: KoalaError) -> Self {
        match error.kind {
            KoalaErrorKind::LoginRefused => Self::Retry { reason: error.reason, after: Some(BACK_OFF) },
            _ if error.retryable => Self::Retry { reason: error.reason, after: None },
            _ => Self::GiveUp { reason: error.reason },
        }
    }
}

async fn create_in_koala(app: &App, job: &Job) -> Result<Done, Failed> {
    let create: hosts::Create = read(job)?;
    let none = || Failed::Retry { reason: "no Koala host is set".into(), after: Some(BACK_OFF) };
    let account = hosts::account(app).await?.ok_or_else(none)?;
    // The sign-in has tried already, and nobody knows what became of it.
    match hosts::write(app, &account, create.person_id, true).await {
        Ok(()) => Ok(Done::Finished),
        Err(hosts::Fault::Koala(error)) => Err(error.into()),
        Err(hosts::Fault::Ours(error)) => Err(error.into()),
    }
}

async fn delete_in_koala(app: &App, job: &Job) -> Result<Done, Failed> {
    let delete: hosts::Delete = read(job)?;
    let none = || Failed::Retry { reason: "no Koala host is set".into(), after: Some(HOUR) };
    let account = hosts::account(app).await?.ok_or_else(none)?;
    app.visitors.koala.delete_subject(&account, delete.koala_id).await?;
    Ok(Done::Finished)
}

/// Reads the directory before it is too old to be believed, so that no caller has to wait for it.
async fn refresh_directory(app: &App) -> Result<Done, Failed> {
    let at = app.clock.now().at;
    let ttl = app.config.visitors.directory_ttl;
    if hosts::account(app).await?.is_some()
        && let Err(error) = directory::refresh(app).await
    {
        tracing::warn!(cause = error.cause, "the employee directory could not be read; trying again");
    }
    Ok(Done::Again(at + directory_pause(ttl)))
}

async fn unbind(app: &App, job: &Job) -> Result<Done, Failed> {
    binding::unbind_at_cloud(app, &read(job)?).await?;
    Ok(Done::Finished)
}

async fn settle_bindings(app: &App) -> Result<Done, Failed> {
    binding::settle_left_over(app).await?;
    Ok(Done::Again(app.clock.now().at + MINUTE))
}

async fn index(app: &App) -> Result<Done, Failed> {
    catch_up(app).await?;
    Ok(Done::Again(app.clock.now().at + MINUTE))
}

/// Writes the parts of all names that have none yet.
///
/// # Errors
/// When the database refuses.
pub async fn catch_up(app: &App) -> Result<(), Error> {
    while app.db.point("visitors.is_behind", store::grams::is_behind).await? {
        app.db.write("visitors.index", store::grams::catch_up).await?;
    }
    Ok(())
}

/// Erases the people of old visits, a few at a time so that nobody waits behind it.
async fn erase_old(app: &App) -> Result<Done, Failed> {
    let at = app.clock.now().at;
    let before = at - app.config.visitors.retention;
    let part = move |tx: &mut Tx<'_>| {
        Ok(if store::staff::erase_old(tx, before, at)? { Left::More } else { Left::Nothing })
    };
    let left = in_parts(&app.db, "visitors.retention", part).await?;
    Ok(Done::Again(if left == Left::More { at } else { at + DAY }))
}
