//! The logins of a mini-program's users.

use std::collections::HashMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::json;

use super::state::{CODE_LIFE, Outcome, Refusal, check_app, parameters};
use crate::clock::Millis;
use crate::ids::Ids;

pub(super) struct Logins {
    app_id: &'static str,
    app_secret: &'static str,
    ids: Ids,
    codes: HashMap<String, Code>,
}

struct Code {
    open_id: String,
    ends: Millis,
    used: bool,
}

impl Logins {
    pub fn new(app_id: &'static str, app_secret: &'static str) -> Self {
        Self { app_id, app_secret, ids: Ids::default(), codes: HashMap::new() }
    }

    /// `wx.login()` on the phone of `open_id`.
    pub fn code(&mut self, open_id: &str, now: Millis) -> String {
        let code = format!("0{}", &self.ids.token()[..31]);
        self.codes.insert(code.clone(), Code { open_id: open_id.into(), ends: now + CODE_LIFE, used: false });
        code
    }

    /// `jscode2session`.
    pub fn session(&mut self, query: &str, now: Millis) -> Outcome {
        let query = parameters(query);
        let is = |name: &str, expected: &str| query.get(name).is_some_and(|given| given == expected);
        check_app(is("appid", self.app_id), is("secret", self.app_secret))?;
        if !is("grant_type", "authorization_code") {
            return Err(Refusal(40_002, "invalid grant_type"));
        }
        let code = query.get("js_code").and_then(|code| self.codes.get_mut(code));
        let code = code.filter(|code| now < code.ends).ok_or(Refusal(40_029, "invalid code"))?;
        if std::mem::replace(&mut code.used, true) {
            return Err(Refusal(40_163, "code been used"));
        }
        let session_key = BASE64_STANDARD.encode(self.ids.bytes::<16>());
        Ok(json!({"openid": code.open_id, "session_key": session_key}))
    }
}
