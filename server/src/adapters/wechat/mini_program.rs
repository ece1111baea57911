//! A mini-program: WeChat tells who its user is by a code of `wx.login()`.

use std::fmt;

use reqwest::Method;
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use super::{Step, WechatError, call};
use crate::adapters::http::{AddressError, BaseUrl, Http};

/// The mini-program's settings.
#[derive(Clone)]
pub struct MiniProgramConfig {
    pub app_id: String,
    pub app_secret: String,
    /// `https://api.weixin.qq.com`
    pub api_base_url: String,
}

/// The client.
#[derive(Clone)]
pub struct MiniProgram {
    http: Http,
    config: MiniProgramConfig,
    api: BaseUrl,
}

impl fmt::Debug for MiniProgram {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("MiniProgram").field("app_id", &self.config.app_id).finish_non_exhaustive()
    }
}

/// The `session_key` beside it opens what the user encrypts for the mini-program: nobody here needs it,
/// so it is not even read.
#[derive(Deserialize)]
struct Session {
    openid: String,
}

impl MiniProgram {
    /// # Errors
    /// When the address breaks the rules of [`BaseUrl`].
    pub fn new(http: Http, config: MiniProgramConfig) -> Result<Self, AddressError> {
        let api = BaseUrl::parse(&config.api_base_url, false)?;
        Ok(Self { http, config, api })
    }

    /// The openid of whoever called `wx.login()`; each code works once.
    ///
    /// # Errors
    /// See [`WechatError`]; `GiveUp` when the user has to log in anew or may not be let in.
    pub async fn open_id(&self, code: &str) -> Result<String, WechatError> {
        let query = Serializer::new(String::new())
            .append_pair("appid", &self.config.app_id)
            .append_pair("secret", &self.config.app_secret)
            .append_pair("js_code", code)
            .append_pair("grant_type", "authorization_code")
            .finish();
        let request = self.http.request(Method::GET, &self.api, "/sns/jscode2session", Some(&query));
        let said: Session = call(&self.http, Step::Web, request).await?;
        Ok(said.openid)
    }
}
