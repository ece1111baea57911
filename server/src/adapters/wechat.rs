//! WeChat, in four parts: the cloud service that keeps bindings and sends messages by phone, the
//! official account that sends template messages by openid, web authorisation, and the login of a
//! mini-program.

mod cloud;
pub mod fields;
mod mini_program;
mod official;
mod web;

use std::fmt;

use reqwest::RequestBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::http::{Answer, CallError, Http};
use crate::clock::{HOUR, MINUTE, Millis};
use crate::text;

pub use self::cloud::{CloudBinding, CloudMessage, WechatCloud};
pub use self::mini_program::{MiniProgram, MiniProgramConfig};
pub use self::official::{AccessToken, OfficialAccount, OfficialConfig, TemplateMessage};
pub use self::web::{Profile, Scope, WebUser};

/// How long a fault that only a person can repair waits before the next try.
const CONFIGURATION_BACK_OFF: Millis = 30 * MINUTE;

/// Why a call failed, and what to do about it. The reasons are for staff: they hold no secret and no
/// phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WechatError {
    /// Try again, not before `after` milliseconds where WeChat made that plain.
    Retry { reason: String, after: Option<Millis> },
    /// This recipient, message or login code will never be accepted.
    GiveUp { reason: String },
    /// The access token is not valid; with one from [`OfficialAccount::renew_token`] it may work.
    TokenInvalid { reason: String },
    /// The account or our settings need a person; until then every call meets the same fault.
    Configuration { reason: String, after: Millis },
}

impl WechatError {
    fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    fn give_up(reason: impl Into<String>) -> Self {
        Self::GiveUp { reason: reason.into() }
    }

    fn configuration(reason: impl Into<String>) -> Self {
        Self::Configuration { reason: reason.into(), after: CONFIGURATION_BACK_OFF }
    }

    /// The text for staff.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Retry { reason, .. }
            | Self::GiveUp { reason }
            | Self::TokenInvalid { reason }
            | Self::Configuration { reason, .. } => reason,
        }
    }
}

impl fmt::Display for WechatError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason())
    }
}

impl std::error::Error for WechatError {}

impl From<CallError> for WechatError {
    fn from(error: CallError) -> Self {
        match error.retryable {
            true => Self::retry(error.reason),
            false => Self::configuration(error.reason),
        }
    }
}

/// Which of WeChat's calls failed: some codes mean different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Fetching the access token with the secret.
    Token,
    /// A call with that token.
    Api,
    /// Finding out who a user is, by the user's code or the user's own token.
    Web,
}

/// Sorts a refusal by its `errcode`. An unknown one counts as a fault of the configuration: the
/// message is kept, WeChat is not pressed, and staff see the code.
fn fault(step: Step, code: i64, message: &str) -> WechatError {
    let reason = format!("{code}: {}", tidy(message));
    match (code, step) {
        (-1, _) => WechatError::retry(reason),
        (40_001 | 40_014 | 41_001 | 42_001, Step::Api) => WechatError::TokenInvalid { reason },
        // The user's token or code is spent: the user has to start over, or may not come in (40226).
        (40_001 | 40_014 | 42_001 | 40_003 | 40_029 | 40_163 | 40_226 | 41_008 | 42_003, Step::Web) => {
            WechatError::GiveUp { reason }
        }
        // The recipient: unknown, no follower, refuses; or the message: malformed, breaks a rule.
        (40_003 | 43_004 | 43_101 | 47_001 | 47_003, Step::Api) => WechatError::GiveUp { reason },
        (43_117, _) => WechatError::Retry { reason, after: Some(10 * MINUTE) },
        // A day's quota comes back at midnight; asking once an hour finds that soon enough.
        (45_009, _) => WechatError::Retry { reason, after: Some(HOUR) },
        (45_011, _) => WechatError::Retry { reason, after: Some(MINUTE) },
        _ => WechatError::configuration(reason),
    }
}

/// The most characters of a nickname and of a picture's address that are kept.
const LONGEST_NICK: usize = 64;
const LONGEST_ADDRESS: usize = 500;

/// What WeChat tells of a user, cleaned: people put into their nicknames what no other text may have.
fn told(json: Option<Box<RawValue>>, most: usize) -> String {
    let text = json.and_then(|json| text::of_json(json.get()));
    text.and_then(|text| text::decoration(&text, most)).unwrap_or_default()
}

/// The address of a user's picture; a part of one leads nowhere.
fn told_address(json: Option<Box<RawValue>>) -> String {
    let address = told(json, LONGEST_ADDRESS + 1);
    if address.chars().count() > LONGEST_ADDRESS { String::new() } else { address }
}

/// A status that no part of WeChat answers on purpose: the way there is disturbed.
fn check_status(answer: &Answer) -> Result<(), WechatError> {
    let reason = || format!("WeChat answered {}", answer.status);
    match answer.status {
        200 => Ok(()),
        408 | 429 | 500.. => Err(WechatError::retry(reason())),
        _ => Err(WechatError::configuration(reason())),
    }
}

/// An answer that tells of people: what they type into their nicknames is handed on, control characters that no
/// JSON may have and all.
async fn ask(http: &Http, request: RequestBuilder) -> Result<Answer, WechatError> {
    let mut answer = http.run(request).await?;
    check_status(&answer)?;
    answer.body.retain(|byte| !byte.is_ascii_control());
    Ok(answer)
}

#[derive(Deserialize)]
struct Refusal {
    errcode: i64,
    #[serde(default)]
    errmsg: String,
}

/// A call of WeChat's API host. Refusals come with status 200 and `errcode`, which a success may carry
/// as 0.
async fn call<T: DeserializeOwned>(
    http: &Http,
    step: Step,
    request: RequestBuilder,
) -> Result<T, WechatError> {
    let answer = ask(http, request).await?;
    match answer.json::<Refusal>() {
        Ok(said) if said.errcode != 0 => Err(fault(step, said.errcode, &said.errmsg)),
        _ => Ok(answer.json()?),
    }
}

/// The other side's words on one line, with phone numbers hidden. Other numbers stay: they make up
/// the request id that WeChat's support asks for.
fn tidy(message: &str) -> String {
    let mut kept = String::new();
    let mut digits = String::new();
    for character in message.chars().take(200).chain(['\n']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        kept.push_str(if digits.len() < 11 { &digits } else { "****" });
        digits.clear();
        kept.push(if character.is_control() { ' ' } else { character });
    }
    kept.truncate(kept.trim_end().len());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_sorted_by_what_can_be_done_about_them() {
        use Step::{Api, Token, Web};
        for (step, code) in [(Api, 40_001), (Api, 40_014), (Api, 42_001), (Api, 41_001)] {
            assert!(matches!(fault(step, code, ""), WechatError::TokenInvalid { .. }), "{code}");
        }
        for (step, code) in [
            (Api, 40_003),
            (Api, 43_004),
            (Api, 43_101),
            (Api, 47_001),
            (Api, 47_003),
            (Web, 40_029),
            (Web, 40_163),
            (Web, 40_226),
            (Web, 42_001),
        ] {
            assert!(matches!(fault(step, code, ""), WechatError::GiveUp { .. }), "{code}");
        }
        for (step, code) in [
            (Token, 40_001),
            (Token, 40_013),
            (Token, 40_125),
            (Web, 40_125),
            (Api, 40_037),
            (Api, 41_028),
            (Api, 41_030),
            (Api, 48_001),
            (Api, 99_999),
        ] {
            assert!(matches!(fault(step, code, ""), WechatError::Configuration { .. }), "{code}");
        }
        for (code, expected) in
            [(-1, None), (43_117, Some(10 * MINUTE)), (45_009, Some(HOUR)), (45_011, Some(MINUTE))]
        {
            assert!(
                matches!(fault(Api, code, ""), WechatError::Retry { after, .. } if after == expected),
                "{code}"
            );
        }
    }

    #[test]
    fn reasons_keep_the_request_id_and_hide_phones() {
        let error = fault(Step::Api, 47_003, "data.thing1\n13811111111 invalid rid: 6123abcd-0012345-12");
        assert_eq!(error.reason(), "47003: data.thing1 **** invalid rid: 6123abcd-0012345-12");
    }
}
