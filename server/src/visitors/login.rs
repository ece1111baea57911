//! Asking WeChat who somebody is (微信网页授权).

use crate::adapters::wechat::{OfficialAccount, Profile, Scope, WebUser, WechatError};
use crate::app::App;
use crate::error::Error;
use crate::visitors::caller::WechatUser;

fn official(app: &App) -> Result<&OfficialAccount, Error> {
    app.visitors.official.as_ref().ok_or_else(|| Error::unavailable("no official account is set"))
}

/// WeChat's page, which sends the browser to `back` with a code and `state`.
///
/// # Errors
/// 503 without an official account.
pub fn page(app: &App, back: &str, state: &str) -> Result<String, Error> {
    Ok(official(app)?.authorize_url(back, Scope::UserInfo, state))
}

/// Whom WeChat vouches for by a code that a browser brought.
///
/// # Errors
/// 403 when the code is used up, 503 when WeChat does not answer.
pub async fn user_of_code(app: &App, code: &str) -> Result<WechatUser, Error> {
    let official = official(app)?;
    let fault = |error: WechatError| match error {
        WechatError::GiveUp { reason } => {
            tracing::info!(reason, "WeChat refused a login");
            Error::forbidden("微信授权已失效，请重新进入", "WeChat does not accept this code")
        }
        other => Error::unavailable(other.reason().to_owned()),
    };
    let WebUser { open_id, access_token } = official.exchange_code(code).await.map_err(fault)?;
    // The name and picture are a courtesy: a code for the openid alone brings none.
    let profile = official.user_info(&access_token, &open_id).await;
    let profile = profile.unwrap_or_else(|error| {
        tracing::debug!(reason = error.reason(), "WeChat tells no name and picture");
        Profile { nick: String::new(), avatar: String::new() }
    });
    Ok(WechatUser { id: open_id, nick: profile.nick, avatar: profile.avatar, bound: None })
}
