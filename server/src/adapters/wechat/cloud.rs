//! The WeChat cloud service: it knows which phone belongs to which WeChat user, and delivers messages
//! addressed to a phone.

use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use url::form_urlencoded::Serializer;

use super::{LONGEST_NICK, WechatError, ask, tidy, told, told_address};
use crate::adapters::http::{BaseUrl, Http};
use crate::text::mask_phone;

/// A binding as the cloud service keeps it.
#[derive(Clone, PartialEq, Eq)]
pub struct CloudBinding {
    pub weixin_user_id: String,
    pub phone: String,
    pub nick: String,
    /// The address of the WeChat picture.
    pub avatar: String,
}

impl fmt::Debug for CloudBinding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "CloudBinding({})", mask_phone(&self.phone))
    }
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
            .field("params", &self.params.keys().collect::<Vec<_>>())
            .field("out_id", &self.out_id)
            .finish_non_exhaustive()
    }
}

/// Every answer of the service.
#[derive(Deserialize)]
struct Envelope {
    code: i64,
    err_msg: Option<String>,
    data: Option<Data>,
}

/// What the service says about a WeChat user; a field may be missing or null.
#[derive(Default, Deserialize)]
struct Data {
    phone: Option<String>,
    nick: Option<Box<RawValue>>,
    avatar: Option<Box<RawValue>>,
}

impl Envelope {
    fn binding(self, weixin_user_id: &str) -> Option<CloudBinding> {
        let data = self.data.unwrap_or_default();
        let phone = data.phone.filter(|phone| !phone.is_empty())?;
        Some(CloudBinding {
            weixin_user_id: weixin_user_id.to_owned(),
            phone,
            nick: told(data.nick, LONGEST_NICK),
            avatar: told_address(data.avatar),
        })
    }

    fn refusal(&self) -> WechatError {
        let said = tidy(self.err_msg.as_deref().unwrap_or_default());
        WechatError::give_up(format!("the cloud service refused ({}): {said}", self.code))
    }
}

/// The client. The service's address comes with every call, because staff change it while the server
/// runs.
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
        let query = Serializer::new(String::new()).append_pair("weixinUserId", weixin_user_id).finish();
        let request = self.http.request(Method::GET, &base(cloud_url)?, "/v2/wechat/binding", Some(&query));
        let said = self.call(request).await?;
        // How the service says "unbound" is not documented: a code, or no phone.
        Ok(if said.code == 0 { said.binding(weixin_user_id) } else { None })
    }

    /// Whether the service is there and answers as agreed: asks for a binding that nobody has.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn try_out(&self, cloud_url: &str) -> Result<(), WechatError> {
        self.binding(cloud_url, "connection-test").await.map(drop)
    }

    /// Binds; the answer carries what WeChat tells about the user. Binding again is harmless.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when the service refuses.
    pub async fn bind(
        &self,
        cloud_url: &str,
        weixin_user_id: &str,
        phone: &str,
    ) -> Result<CloudBinding, WechatError> {
        let form = Serializer::new(String::new())
            .append_pair("weixinUserId", weixin_user_id)
            .append_pair("phone", phone)
            .finish();
        let request = (self.http.request(Method::POST, &base(cloud_url)?, "/v2/wechat/binding", None))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let said = self.call(request).await?;
        if said.code != 0 {
            return Err(said.refusal());
        }
        if let Some(binding) = said.binding(weixin_user_id) {
            return Ok(binding);
        }
        let read_back = self.binding(cloud_url, weixin_user_id).await?;
        read_back.ok_or_else(|| WechatError::retry("the cloud service did not keep the binding"))
    }

    /// Ends a binding; `false` when there was none.
    ///
    /// # Errors
    /// See [`WechatError`].
    pub async fn unbind(&self, cloud_url: &str, weixin_user_id: &str) -> Result<bool, WechatError> {
        let path = format!("/v2/wechat/binding/{}", utf8_percent_encode(weixin_user_id, NON_ALPHANUMERIC));
        let request = self.http.request(Method::DELETE, &base(cloud_url)?, &path, None);
        let said = self.call(request).await?;
        if said.code == 0 {
            return Ok(true);
        }
        // No code says "unbound" for certain; asking does.
        match self.binding(cloud_url, weixin_user_id).await? {
            None => Ok(false),
            Some(_) => Err(said.refusal()),
        }
    }

    /// Sends a message. The service does not tell repeats apart, so after a lost answer the message
    /// may arrive twice.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when no WeChat is bound to the phone. After a `Retry` the message
    /// may still have been sent.
    pub async fn send(&self, cloud_url: &str, message: &CloudMessage) -> Result<(), WechatError> {
        let mut body = json!({
            "phone": message.phone,
            "tplMessageId": message.template,
            // Text that holds JSON, not an object.
            "data": Value::Object(message.params.clone()).to_string(),
        });
        if let Some(url) = &message.url {
            body["url"] = url.as_str().into();
        }
        let request = (self.http.request(Method::POST, &base(cloud_url)?, "/v2/message", None))
            // Harmless where it is not understood, and saves a repeat where it is.
            .header("idempotency-key", &message.out_id)
            .json(&body);
        let said = self.call(request).await?;
        if said.code == 0 { Ok(()) } else { Err(said.refusal()) }
    }

    async fn call(&self, request: RequestBuilder) -> Result<Envelope, WechatError> {
        Ok(ask(&self.http, request).await?.json()?)
    }
}

/// The service is private to the installation and may stand in the office, on plain HTTP.
fn base(cloud_url: &str) -> Result<BaseUrl, WechatError> {
    BaseUrl::parse(cloud_url, true)
        .map_err(|error| WechatError::configuration(format!("cloud_url is not usable: {error}")))
}
