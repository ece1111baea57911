//! Asking for a login code.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yuyue_db::Tx;

use super::Outcome;
use crate::app::App;
use crate::clock::{Millis, SECOND};
use crate::config::Members;
use crate::error::Error;
use crate::http::extract::Input;
use crate::http::fields::{Flag, IntIn, Mobile, optional};
use crate::http::idempotency;
use crate::http::limits::{self, ClientAddress};
use crate::members::{jobs, rules, store};

#[derive(Deserialize, ToSchema)]
pub struct CodeRequest {
    /// 1: by voice call (语音), 0: by text message (短信). Default 0.
    #[serde(default, deserialize_with = "optional")]
    is_voice: Option<Flag>,
    /// 1: send the outstanding code again (重试), 0: first request (首次). Default 0.
    #[serde(default, deserialize_with = "optional")]
    is_try: Option<Flag>,
    /// Mobile number (手机号).
    mobile: Mobile,
}

#[derive(Serialize, ToSchema)]
pub struct CodeSent {
    /// Seconds for which the code is valid.
    expires_in: i64,
}

/// Send a login code (获取手机验证码).
#[utoipa::path(post, path = "/v1/login/sms_code", tag = "members", request_body = CodeRequest,
    responses((status = 200, body = CodeSent)))]
pub async fn send_code(State(app): State<App>, address: ClientAddress, input: Input<CodeRequest>) -> Outcome {
    let is_voice = input.value.is_voice == Some(IntIn(1));
    let template = if is_voice { &app.config.sms.voice_template } else { &app.config.sms.login_template };
    if app.sms.is_none() || template.is_empty() {
        return Err(Error::unavailable("no SMS account or template is set"));
    }
    let now = app.clock.now();
    let wanted = Wanted {
        mobile: input.value.mobile.into(),
        is_retry: input.value.is_try == Some(IntIn(1)),
        sealed: app.secrets.seal("sms_code", &app.ids.digits(rules::CODE_DIGITS)),
        at: now.at,
    };
    let limits = app.config.members.clone();
    let once = (input.once, format!("address {}", address.0), &now);
    idempotency::write(&app, "members.send_code", once, StatusCode::OK, move |tx| {
        let (id, expires_at) = outstanding_or_new(tx, &wanted)?;
        count_message(tx, address, &limits, wanted.at)?;
        jobs::enqueue_login_code(tx, &wanted.mobile, (id, is_voice), wanted.at, expires_at)?;
        Ok(CodeSent { expires_in: (expires_at - wanted.at) / SECOND })
    })
    .await
}

struct Wanted {
    mobile: String,
    is_retry: bool,
    /// The digits of a code, should a new one be needed.
    sealed: String,
    at: Millis,
}

/// The code to send and when it expires.
fn outstanding_or_new(tx: &mut Tx<'_>, wanted: &Wanted) -> Result<(i64, Millis), Error> {
    let Wanted { mobile, is_retry, sealed, at } = wanted;
    let outstanding = store::latest_code(tx, mobile)?.filter(|code| code.is_outstanding(*at));
    if let Some(code) = outstanding.filter(|_| *is_retry) {
        let may_resend = store::count_resend(tx, code.id)?;
        return if may_resend {
            Ok((code.id, code.expires_at))
        } else {
            Err((&rules::CODE_TOO_OFTEN).into())
        };
    }
    let pause = limits::count(tx, &format!("code pause {mobile}"), *at, rules::CODE_PAUSE)?;
    let day = limits::count(tx, &format!("code day {mobile}"), *at, rules::CODE_DAY)?;
    if pause.count > 1 || day.count > rules::CODES_A_DAY {
        return Err((&rules::CODE_TOO_OFTEN).into());
    }
    Ok((store::insert_code(tx, mobile, sealed, *at)?, at + rules::CODE_LIFETIME))
}

/// Refuses a message beyond the budget of its address or of the day. What is shared by all callers is
/// counted last, because everybody waits for it until the commit.
fn count_message(tx: &mut Tx<'_>, address: ClientAddress, limits: &Members, at: Millis) -> Result<(), Error> {
    let budgets = [
        (
            format!("code address {}", address.0),
            rules::CODE_ADDRESS_WINDOW,
            limits.codes_per_address_per_hour,
        ),
        ("code all".to_owned(), rules::CODE_DAY, limits.codes_per_day),
    ];
    for (name, window, most) in budgets {
        if most > 0 && limits::count(tx, &name, at, window)?.count > most {
            return Err((&rules::CODE_TOO_OFTEN).into());
        }
    }
    Ok(())
}
