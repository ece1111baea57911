//! The official account: its access token, and template messages.

use std::fmt;

use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use super::{Step, WechatError, call};
use crate::adapters::http::{AddressError, BaseUrl, Http};
use crate::clock::{MINUTE, Millis, SECOND};

/// WeChat gives out the next token in the last five minutes of this one, and both work until it ends.
/// A minute later our clocks surely agree about that.
const RENEW_BEFORE: Millis = 4 * MINUTE;

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
    /// Whether it is time to fetch the next one; this one may still work.
    #[must_use]
    pub fn is_due(&self, now: Millis) -> bool {
        now >= self.expires_at - RENEW_BEFORE
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessToken").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A template message to one follower.
#[derive(Clone, PartialEq)]
pub struct TemplateMessage {
    pub open_id: String,
    pub template: String,
    /// What opens when the message is touched.
    pub url: Option<String>,
    /// The template's variables, plain: `{"keyword1": "张三"}`. WeChat no longer shows `first` and
    /// `remark`, and cuts the others at about 20 characters.
    pub params: Map<String, Value>,
    /// The outbox row's id, at most 32 characters: WeChat sends a message once for it, for ten
    /// minutes.
    pub out_id: String,
}

impl fmt::Debug for TemplateMessage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TemplateMessage")
            .field("template", &self.template)
            .field("params", &self.params.keys().collect::<Vec<_>>())
            .field("out_id", &self.out_id)
            .finish_non_exhaustive()
    }
}

/// The client of the official account's API and of web authorisation.
#[derive(Clone, Debug)]
pub struct OfficialAccount {
    http: Http,
    pub(super) config: OfficialConfig,
    api: BaseUrl,
    pub(super) open: BaseUrl,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: i64,
}

#[derive(Deserialize)]
struct SendAnswer {
    msgid: i64,
}

impl OfficialAccount {
    /// # Errors
    /// When one of the addresses breaks the rules of [`BaseUrl`].
    pub fn new(http: Http, config: OfficialConfig) -> Result<Self, AddressError> {
        let api = BaseUrl::parse(&config.api_base_url, false)?;
        let open = BaseUrl::parse(&config.open_base_url, false)?;
        Ok(Self { http, config, api, open })
    }

    /// Fetches the access token. `force` ends the old one at once; WeChat allows that 20 times a day,
    /// 30 seconds apart.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn fetch_token(&self, force: bool, now: Millis) -> Result<AccessToken, WechatError> {
        let body = json!({
            "grant_type": "client_credential",
            "appid": self.config.app_id,
            "secret": self.config.app_secret,
            "force_refresh": force,
        });
        let request = self.http.request(Method::POST, &self.api, "/cgi-bin/stable_token", None).json(&body);
        let said: TokenAnswer = call(&self.http, Step::Token, request).await?;
        Ok(AccessToken { value: said.access_token, expires_at: now + said.expires_in.max(0) * SECOND })
    }

    /// A token to use instead of `refused`. Another node may have renewed it already, and WeChat
    /// counts what is done by force: that comes only where WeChat insists on the refused one.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn renew_token(&self, refused: &str, now: Millis) -> Result<AccessToken, WechatError> {
        let token = self.fetch_token(false, now).await?;
        if token.value != refused {
            return Ok(token);
        }
        self.fetch_token(true, now).await
    }

    /// Sends a message and gives WeChat's id for it.
    ///
    /// # Errors
    /// See [`WechatError`]. After a `Retry` the message may still have been sent; the same `out_id`
    /// keeps it from being sent twice.
    pub async fn send_template(
        &self,
        token: &AccessToken,
        message: &TemplateMessage,
    ) -> Result<i64, WechatError> {
        let data: Map<String, Value> = (message.params.iter())
            .map(|(name, value)| {
                // Line breaks are refused.
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
                (name.clone(), json!({"value": line}))
            })
            .collect();
        let mut body = json!({
            "touser": message.open_id,
            "template_id": message.template,
            "client_msg_id": message.out_id,
            "data": data,
        });
        if let Some(url) = &message.url {
            body["url"] = url.as_str().into();
        }
        let query = Serializer::new(String::new()).append_pair("access_token", &token.value).finish();
        let path = "/cgi-bin/message/template/send";
        let request = self.http.request(Method::POST, &self.api, path, Some(&query)).json(&body);
        let said: SendAnswer = call(&self.http, Step::Api, request).await?;
        Ok(said.msgid)
    }

    /// A read of the API host that needs no token of ours.
    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<T, WechatError> {
        let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
        let request = self.http.request(Method::GET, &self.api, path, Some(&query));
        call(&self.http, Step::Web, request).await
    }
}
