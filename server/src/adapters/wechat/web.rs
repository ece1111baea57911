//! Web authorisation: a browser inside WeChat tells who its user is.

use std::fmt;

use serde::Deserialize;
use serde_json::value::RawValue;
use url::form_urlencoded::Serializer;

use super::{LONGEST_NICK, OfficialAccount, WechatError, told, told_address};

/// What web authorisation asks the user for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The openid only, without asking.
    Base,
    /// Name and picture, too.
    UserInfo,
}

impl Scope {
    fn name(self) -> &'static str {
        match self {
            Self::Base => "snsapi_base",
            Self::UserInfo => "snsapi_userinfo",
        }
    }
}

/// Who came back from web authorisation.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUser {
    pub open_id: String,
    /// For [`OfficialAccount::user_info`]; the API's token is another.
    pub access_token: String,
}

impl fmt::Debug for WebUser {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebUser { .. }")
    }
}

/// A user's name and picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub nick: String,
    /// An address; empty for a user without a picture.
    pub avatar: String,
}

#[derive(Deserialize)]
struct ExchangeAnswer {
    access_token: String,
    openid: String,
    #[serde(default)]
    is_snapshotuser: i64,
}

#[derive(Deserialize)]
struct InfoAnswer {
    openid: String,
    nickname: Option<Box<RawValue>>,
    headimgurl: Option<Box<RawValue>>,
}

impl OfficialAccount {
    /// Where to send the browser; WeChat sends it back to `redirect_uri` with `code` and `state`.
    ///
    /// WeChat takes at most 128 letters and digits as `state`.
    #[must_use]
    pub fn authorize_url(&self, redirect_uri: &str, scope: Scope, state: &str) -> String {
        // Older WeChat versions insist on this order.
        let query = Serializer::new(String::new())
            .append_pair("appid", &self.config.app_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("response_type", "code")
            .append_pair("scope", scope.name())
            .append_pair("state", state)
            .finish();
        let mut url = self.open.at("/connect/oauth2/authorize", Some(&query));
        url.set_fragment(Some("wechat_redirect"));
        url.into()
    }

    /// Exchanges the code that the browser brought; each works once.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when the user has to start over or may not be let in.
    pub async fn exchange_code(&self, code: &str) -> Result<WebUser, WechatError> {
        let parameters = [
            ("appid", self.config.app_id.as_str()),
            ("secret", &self.config.app_secret),
            ("code", code),
            ("grant_type", "authorization_code"),
        ];
        let said: ExchangeAnswer = self.read("/sns/oauth2/access_token", &parameters).await?;
        if said.is_snapshotuser == 1 {
            // WeChat made this openid up for one view of the page; bound, it would bind nobody.
            return Err(WechatError::give_up("WeChat shows a snapshot; the user has to open the whole page"));
        }
        Ok(WebUser { open_id: said.openid, access_token: said.access_token })
    }

    /// The name and picture of a user who allowed it ([`Scope::UserInfo`]).
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn user_info(&self, access_token: &str, open_id: &str) -> Result<Profile, WechatError> {
        let parameters = [("access_token", access_token), ("openid", open_id), ("lang", "zh_CN")];
        let said: InfoAnswer = self.read("/sns/userinfo", &parameters).await?;
        if said.openid != open_id {
            return Err(WechatError::give_up("WeChat answered for another user"));
        }
        Ok(Profile { nick: told(said.nickname, LONGEST_NICK), avatar: told_address(said.headimgurl) })
    }
}
