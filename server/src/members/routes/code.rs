//! Asking for a login code.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Outcome;
use crate::app::App;
use crate::http::extract::Input;
use crate::http::fields::{Flag, IntIn, Mobile, optional};
use crate::http::idempotency;
use crate::http::limits::ClientAddress;
use crate::members::rules;
use crate::sms_codes::{self, Purpose, Wanted};

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
    /// Seconds for which the code is valid (有效期).
    expires_in: i64,
}

/// Send a login code (获取手机验证码).
#[utoipa::path(post, path = "/v1/login/sms_code", tag = "members", request_body = CodeRequest,
    responses((status = 200, body = CodeSent)))]
pub async fn send_code(State(app): State<App>, address: ClientAddress, input: Input<CodeRequest>) -> Outcome {
    let is_set = |flag: Option<Flag>| flag == Some(IntIn(1));
    let CodeRequest { is_voice, is_try, mobile } = input.value;
    let (now, kind) = (app.clock.now(), (is_set(is_voice), is_set(is_try)));
    let wanted = Wanted::new(&app, (Purpose::Login, mobile.into()), kind, address, now.at)?;
    let app_too = app.clone();
    let once = (input.once, format!("address {}", address.0), &now);
    idempotency::write(&app, "members.send_code", once, StatusCode::OK, move |tx| {
        let sent = sms_codes::send(&app_too, tx, &wanted)?;
        Ok(CodeSent { expires_in: sent.map_err(|_| &rules::CODE_TOO_OFTEN)? })
    })
    .await
}
