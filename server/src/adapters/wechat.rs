//! WeChat, in three parts: the cloud service that keeps bindings and sends messages by phone, the
//! official account that sends template messages by openid, and web authorisation.

use std::fmt;

use serde_json::{Map, Value};

use super::http::{AddressError, Http};
use crate::clock::Millis;
use crate::text::mask_phone;

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

/// A binding as the cloud service keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudBinding {
    pub weixin_user_id: String,
    pub phone: String,
    pub nick: String,
    /// The address of the WeChat picture.
    pub avatar: String,
}

/// A message that the cloud service delivers to whoever bound the phone.
#[derive(Clone, PartialEq)]
pub struct CloudMessage {
    pub phone: String,
    pub template: String,
    /// What opens when the message is touched.
    pub url: Option<String>,
    /// The template's variables: `first`, `keyword1`, …, `remark`.
    pub params: Map<String, Value>,
    /// The outbox row's id.
    pub out_id: String,
}

impl fmt::Debug for CloudMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CloudMessage")
            .field("phone", &mask_phone(&self.phone))
            .field("template", &self.template)
            .field("out_id", &self.out_id)
            .finish_non_exhaustive()
    }
}

/// The client of the cloud service. Its address comes with every call, because staff change it while
/// the server runs.
#[derive(Clone, Debug)]
pub struct WechatCloud {
    http: Http,
}

impl WechatCloud {
    #[must_use]
    pub fn new(http: Http) -> Self {
        Self { http }
    }

    /// The phone bound to a WeChat user, if any.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn binding(
        &self,
        cloud_url: &str,
        weixin_user_id: &str,
    ) -> Result<Option<CloudBinding>, WechatError> {
        todo!()
    }

    /// Binds; the answer carries what WeChat tells about the user.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when the service refuses.
    pub async fn bind(
        &self,
        cloud_url: &str,
        weixin_user_id: &str,
        phone: &str,
    ) -> Result<CloudBinding, WechatError> {
        todo!()
    }

    /// Ends a binding; `false` when there was none.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn unbind(&self, cloud_url: &str, weixin_user_id: &str) -> Result<bool, WechatError> {
        todo!()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when no WeChat is bound to the phone. After a `Retry` the message
    /// may still have been sent.
    pub async fn send(&self, cloud_url: &str, message: &CloudMessage) -> Result<(), WechatError> {
        todo!()
    }
}

/// The official account's settings.
#[derive(Clone)]
pub struct OfficialConfig {
    pub app_id: String,
    pub app_secret: String,
    /// `https://api.weixin.qq.com`
    pub api_base_url: String,
    /// `https://open.weixin.qq.com`
    pub open_base_url: String,
}

impl fmt::Debug for OfficialConfig {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OfficialConfig")
            .field("app_id", &self.app_id)
            .field("api_base_url", &self.api_base_url)
            .field("open_base_url", &self.open_base_url)
            .finish_non_exhaustive()
    }
}

/// What lets us call the official account's API. The caller keeps it in the database, so that all
/// nodes use the same one.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    pub value: String,
    pub expires_at: Millis,
}

impl AccessToken {
    /// Whether it is time to fetch the next one, while this one still works.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        todo!()
    }
}

/// A template message to one follower.
#[derive(Clone, PartialEq)]
pub struct TemplateMessage {
    pub open_id: String,
    pub template: String,
    pub url: Option<String>,
    /// The template's variables, plain: `{"keyword1": "张三"}`.
    pub params: Map<String, Value>,
    /// The outbox row's id: WeChat sends a message once for it, for ten minutes.
    pub out_id: String,
}

/// What web authorisation asks the user for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The openid only, without asking.
    Base,
    /// Name and picture, too.
    UserInfo,
}

/// Who came back from web authorisation.
#[derive(Clone, PartialEq, Eq)]
pub struct WebUser {
    pub open_id: String,
    /// For [`OfficialAccount::user_info`]; not the API's token.
    pub access_token: String,
}

/// A user's name and picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub nick: String,
    pub avatar: String,
}

/// The client of the official account's API and of web authorisation.
#[derive(Clone, Debug)]
pub struct OfficialAccount {
    http: Http,
}

impl OfficialAccount {
    /// # Errors
    /// When one of the addresses breaks the rules of [`super::http::BaseUrl`].
    pub fn new(http: Http, config: OfficialConfig) -> Result<Self, AddressError> {
        todo!()
    }

    /// Fetches the access token. `force` ends the old one at once, and is allowed 20 times a day.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn fetch_token(&self, force: bool, now: Millis) -> Result<AccessToken, WechatError> {
        todo!()
    }

    /// A token to use instead of `refused`, by force only where WeChat insists on giving that one.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn renew_token(&self, refused: &str, now: Millis) -> Result<AccessToken, WechatError> {
        todo!()
    }

    /// Sends a message and gives WeChat's id for it.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn send_template(
        &self,
        token: &AccessToken,
        message: &TemplateMessage,
    ) -> Result<i64, WechatError> {
        todo!()
    }

    /// Where to send the browser; WeChat sends it back to `redirect_uri` with `code` and `state`.
    #[must_use]
    pub fn authorize_url(&self, redirect_uri: &str, scope: Scope, state: &str) -> String {
        todo!()
    }

    /// Exchanges the code that the browser brought.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when the user has to start over or may not be let in.
    pub async fn exchange_code(&self, code: &str) -> Result<WebUser, WechatError> {
        todo!()
    }

    /// The name and picture of a user who allowed it ([`Scope::UserInfo`]).
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn user_info(&self, access_token: &str, open_id: &str) -> Result<Profile, WechatError> {
        todo!()
    }
}
