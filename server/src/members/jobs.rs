//! What members causes to happen later.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use yuyue_db::Tx;

use crate::adapters::sms::{Channel, SmsError, SmsMessage};
use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::members::store;
use crate::outbox::worker::{Done, Failed, Job};
use crate::outbox::{NewJob, enqueue};

/// Sends a login code (登录验证码) by text or voice call.
pub const LOGIN_CODE: &str = "members.login_code";

/// The code itself stays sealed in its own table.
#[derive(Serialize, Deserialize)]
struct LoginCode {
    sms_code_id: i64,
    is_voice: bool,
}

/// Writes the message of a code that is useless after `expires_at`.
///
/// # Errors
/// When the database refuses.
pub fn enqueue_login_code(
    tx: &mut Tx<'_>,
    mobile: &str,
    (sms_code_id, is_voice): (i64, bool),
    at: Millis,
    expires_at: Millis,
) -> Result<(), Error> {
    let payload = serde_json::to_string(&LoginCode { sms_code_id, is_voice });
    let payload = payload.map_err(|error| Error::internal(error.to_string()))?;
    let job =
        NewJob { kind: LOGIN_CODE, recipient: mobile, payload: &payload, due_at: at, deadline: expires_at };
    enqueue(tx, &job, at)?;
    Ok(())
}

/// # Errors
/// As the SMS provider answers; gives up once the code is used or expired.
pub async fn send_login_code(app: &App, job: &Job) -> Result<Done, Failed> {
    let give_up = |reason: &str| Failed::GiveUp { reason: reason.into() };
    let code: LoginCode = serde_json::from_str(&job.payload).map_err(|error| give_up(&error.to_string()))?;
    let sms = app
        .sms
        .as_ref()
        .ok_or_else(|| Failed::Retry { reason: "no SMS account is set".into(), after: None })?;
    let at = app.clock.now().at;
    let id = code.sms_code_id;
    let sealed = app.db.point("members.code", move |tx| store::usable_code(tx, id, at)).await?;
    let sealed = sealed.ok_or_else(|| give_up("the code was used or has expired"))?;
    let digits = app
        .secrets
        .open("sms_code", &sealed)
        .ok_or_else(|| give_up("the code cannot be read with this key"))?;
    let settings = &app.config.sms;
    let (channel, template) = if code.is_voice {
        (Channel::Voice, &settings.voice_template)
    } else {
        (Channel::Sms, &settings.login_template)
    };
    let message = SmsMessage {
        channel,
        to: job.recipient.clone(),
        template: template.clone(),
        params: Map::from_iter([("code".to_owned(), Value::from(digits))]),
        out_id: job.id.to_string(),
    };
    match sms.send_once(&message, job.attempts > 0, at).await {
        Ok(_) => Ok(Done::Finished),
        Err(SmsError::GiveUp { reason }) => Err(Failed::GiveUp { reason }),
        Err(SmsError::Retry { reason, after }) => Err(Failed::Retry { reason, after }),
        Err(SmsError::Account { reason, after }) => Err(Failed::Retry { reason, after: Some(after) }),
    }
}
