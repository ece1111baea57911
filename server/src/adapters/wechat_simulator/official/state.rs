//! What the official account knows, and its rules.

use std::collections::{HashMap, HashSet};

use axum::body::Bytes;
use axum::http::HeaderMap;
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};

use super::{SimulatedUser, rules};
use crate::adapters::wechat_simulator::{Inbox, Received, avatar_url};
use crate::clock::{DAY, HOUR, MINUTE, Millis, SECOND};
use crate::ids::Ids;

const TOKEN_LIFE: Millis = 2 * HOUR;
/// How long before its end a token gets its successor; until then both work.
const OVERLAP: Millis = 5 * MINUTE;
pub(super) const CODE_LIFE: Millis = 5 * MINUTE;
/// How long a `client_msg_id` is remembered.
const REPEAT_WINDOW: Millis = 10 * MINUTE;

/// `errcode` and `errmsg`.
pub(super) struct Refusal(pub i64, pub &'static str);

impl Refusal {
    pub const BUSY: Self = Self(-1, "system error");
}

pub(super) type Outcome = Result<Value, Refusal>;

pub(super) struct Account {
    app_id: &'static str,
    app_secret: &'static str,
    ids: Ids,
    users: Vec<SimulatedUser>,
    /// Who is holding the phone when the authorisation page opens.
    pub visitor: String,
    pub quota_used: bool,
    /// Whether openids that nobody named follow the account, too.
    pub anybody_follows: bool,
    pub inbox: Inbox,
    token: Option<Token>,
    previous: Option<Token>,
    /// Every token ever given out: an ended one is told from an invented one.
    given: HashSet<String>,
    /// When tokens were renewed by force.
    forced: Vec<Millis>,
    codes: HashMap<String, Code>,
    web_tokens: HashMap<String, (Grant, Millis)>,
    /// By recipient and `client_msg_id`: the message id, and when.
    sent: HashMap<(String, String), (u64, Millis)>,
    messages: u64,
}

struct Token {
    value: String,
    ends: Millis,
}

#[derive(Clone)]
struct Grant {
    open_id: String,
    scope: String,
}

struct Code {
    grant: Grant,
    ends: Millis,
    used: bool,
}

impl Account {
    pub fn new(app_id: &'static str, app_secret: &'static str, users: Vec<SimulatedUser>) -> Self {
        let visitor = users.first().map(|user| user.open_id.clone()).unwrap_or_default();
        Self {
            app_id,
            app_secret,
            ids: Ids::default(),
            users,
            visitor,
            quota_used: false,
            anybody_follows: false,
            inbox: Inbox::default(),
            token: None,
            previous: None,
            given: HashSet::new(),
            forced: Vec::new(),
            codes: HashMap::new(),
            web_tokens: HashMap::new(),
            sent: HashMap::new(),
            messages: 0,
        }
    }

    /// `stable_token`: the same token until its last five minutes, or a new one by force.
    pub fn token(&mut self, body: &Bytes, now: Millis) -> Outcome {
        let given: Map<String, Value> = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        let is = |name: &str, expected: &str| given.get(name).is_some_and(|given| given == expected);
        if !is("grant_type", "client_credential") {
            return Err(Refusal(40_002, "invalid grant_type"));
        }
        check_app(is("appid", self.app_id), is("secret", self.app_secret))?;
        let force = given.get("force_refresh").and_then(Value::as_bool).unwrap_or_default();
        if force {
            self.forced.retain(|at| now - at < DAY);
            if self.forced.len() >= 20 {
                return Err(Refusal(45_009, "reach max api daily quota limit"));
            }
            if self.forced.iter().any(|at| now - at < 30 * SECOND) {
                return Err(Refusal(45_011, "api minute-quota reach limit, must slower, retry next minute"));
            }
            self.forced.push(now);
        }
        let token = match self.token.take() {
            Some(token) if !force && token.ends - now > OVERLAP => token,
            old => {
                self.previous = old.filter(|_| !force);
                let value = format!("57_{}", self.ids.token());
                self.given.insert(value.clone());
                Token { value, ends: now + TOKEN_LIFE }
            }
        };
        let said = json!({"access_token": token.value, "expires_in": (token.ends - now) / SECOND});
        self.token = Some(token);
        Ok(said)
    }

    pub fn send(&mut self, query: &str, body: &Bytes, now: Millis) -> Outcome {
        self.check_token(query, now)?;
        if self.quota_used {
            return Err(Refusal(45_009, "reach max api daily quota limit"));
        }
        let given: Map<String, Value> = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let stranger =
            SimulatedUser { open_id: text("touser"), nick: String::new(), follows: true, is_snapshot: false };
        let is_welcome = self.anybody_follows && !stranger.open_id.is_empty();
        let known = self.users.iter().find(|user| user.open_id == stranger.open_id);
        let user = known.or(is_welcome.then_some(&stranger));
        let user = user.ok_or(Refusal(40_003, "invalid openid"))?;
        let template = text("template_id");
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if template.len() != 43 || !template.bytes().all(is_id) {
            return Err(Refusal(40_037, "invalid template_id"));
        }
        if !user.follows {
            return Err(Refusal(43_004, "require subscribe"));
        }
        let data = given.get("data").and_then(Value::as_object).ok_or(BAD_VALUE)?;
        let mut params = Map::new();
        for (name, value) in data {
            let value = value["value"].as_str().filter(|text| rules::takes(name, text)).ok_or(BAD_VALUE)?;
            params.insert(name.clone(), value.into());
        }
        let repeat = (user.open_id.clone(), text("client_msg_id"));
        self.sent.retain(|_, (_, at)| now - *at < REPEAT_WINDOW);
        if let Some((id, _)) = self.sent.get(&repeat) {
            return Ok(json!({"errcode": 0, "errmsg": "ok", "msgid": id}));
        }
        self.messages += 1;
        if !repeat.1.is_empty() {
            self.sent.insert(repeat, (self.messages, now));
        }
        self.inbox.push(Received {
            phone: String::new(),
            open_id: user.open_id.clone(),
            template,
            params,
            url: Some(text("url")).filter(|url| !url.is_empty()),
            at: now,
        });
        Ok(json!({"errcode": 0, "errmsg": "ok", "msgid": self.messages}))
    }

    fn check_token(&self, query: &str, now: Millis) -> Result<(), Refusal> {
        let query = parameters(query);
        let value = query.get("access_token").ok_or(Refusal(41_001, "access_token missing"))?;
        let mut valid = [&self.token, &self.previous].into_iter().flatten();
        match valid.find(|token| token.value == *value) {
            Some(token) if now < token.ends => Ok(()),
            None if !self.given.contains(value) => {
                Err(Refusal(40_001, "invalid credential, access_token is invalid or not latest"))
            }
            _ => Err(Refusal(42_001, "access_token expired")),
        }
    }

    /// The address the browser is sent to; `None` for a page that says the parameters are wrong.
    pub fn authorize(&mut self, query: &str, now: Millis) -> Option<String> {
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
        let (names, values): (Vec<String>, Vec<String>) = pairs.unzip();
        // Older WeChat versions insist on this order.
        if names != ["appid", "redirect_uri", "response_type", "scope", "state"] {
            return None;
        }
        let [app_id, back, kind, scope, state] = values.try_into().ok()?;
        let is_state = state.len() <= 128 && state.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_scope = ["snsapi_base", "snsapi_userinfo"].contains(&scope.as_str());
        if app_id != self.app_id || kind != "code" || !is_scope || !is_state {
            return None;
        }
        let mut back = Url::parse(&back).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        let code = format!("0{}", &self.ids.token()[..31]);
        let grant = Grant { open_id: self.visitor.clone(), scope };
        self.codes.insert(code.clone(), Code { grant, ends: now + CODE_LIFE, used: false });
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &state);
        Some(back.into())
    }

    pub fn exchange(&mut self, query: &str, now: Millis) -> Outcome {
        let query = parameters(query);
        let is = |name: &str, expected: &str| query.get(name).is_some_and(|given| given == expected);
        check_app(is("appid", self.app_id), is("secret", self.app_secret))?;
        if !is("grant_type", "authorization_code") {
            return Err(Refusal(40_002, "invalid grant_type"));
        }
        let code = query.get("code").filter(|code| !code.is_empty());
        let code = code.ok_or(Refusal(41_008, "missing code"))?;
        let code = self.codes.get_mut(code).filter(|code| now < code.ends);
        let code = code.ok_or(Refusal(40_029, "invalid code"))?;
        if std::mem::replace(&mut code.used, true) {
            return Err(Refusal(40_163, "code been used"));
        }
        let grant = code.grant.clone();
        let token = format!("58_{}", self.ids.token());
        let mut said = json!({
            "access_token": token, "expires_in": TOKEN_LIFE / SECOND, "refresh_token": self.ids.token(),
            "openid": grant.open_id, "scope": grant.scope,
        });
        let user = self.users.iter().find(|user| user.open_id == grant.open_id);
        if user.is_some_and(|user| user.is_snapshot) {
            said["is_snapshotuser"] = 1.into();
        }
        self.web_tokens.insert(token, (grant, now + TOKEN_LIFE));
        Ok(said)
    }

    pub fn user_info(&self, query: &str, headers: &HeaderMap, now: Millis) -> Outcome {
        let query = parameters(query);
        let token = query.get("access_token").ok_or(Refusal(41_001, "access_token missing"))?;
        let (grant, ends) = self.web_tokens.get(token).ok_or(Refusal(40_001, "invalid credential"))?;
        if now >= *ends {
            return Err(Refusal(42_001, "access_token expired"));
        }
        if query.get("openid") != Some(&grant.open_id) {
            return Err(Refusal(40_003, "invalid openid"));
        }
        if grant.scope != "snsapi_userinfo" {
            return Err(Refusal(48_001, "api unauthorized"));
        }
        let user = self.users.iter().find(|user| user.open_id == grant.open_id);
        Ok(json!({
            "openid": grant.open_id, "nickname": user.map(|user| user.nick.as_str()).unwrap_or_default(),
            "sex": 0, "province": "", "city": "", "country": "", "privilege": [],
            "headimgurl": avatar_url(headers, &grant.open_id),
        }))
    }
}

pub(super) fn check_app(id: bool, secret: bool) -> Result<(), Refusal> {
    match (id, secret) {
        (true, true) => Ok(()),
        (true, false) => Err(Refusal(40_125, "invalid appsecret")),
        (false, _) => Err(Refusal(40_013, "invalid appid")),
    }
}

const MALFORMED: Refusal = Refusal(47_001, "data format error");
const BAD_VALUE: Refusal = Refusal(47_003, "argument invalid! data value invalid");

pub(super) fn parameters(query: &str) -> HashMap<String, String> {
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}
