//! Visitors (001, 002): who comes to see whom, from the WeChat page to the gate.
//!
//! Applications, authorisations and sign-ins are conditional updates of a visit's row; what they
//! tell people is written to the outbox in the same transaction. The gate reads one row of its own,
//! the pass, and logs the scan behind its answer.

pub mod binding;
pub mod blocking;
pub mod caller;
pub mod connection;
pub mod csv;
pub mod directory;
pub mod erasing;
pub mod hosts;
pub mod jobs;
pub mod labels;
pub mod login;
pub mod messages;
pub mod overdue;
pub mod qr;
pub mod routes;
pub mod rules;
pub mod scans;
pub mod settings;
pub mod store;
pub mod view;

use crate::adapters::http::{Http, HttpLimits};
use crate::adapters::koala::Koala;
use crate::adapters::wechat::{OfficialAccount, OfficialConfig, WechatCloud};
use crate::app::{App, Mode};
use crate::clock::{Clock, Millis, Now};
use crate::config::Config;
use crate::error::Error;
use crate::parts::CleanUp;

/// In which role a WeChat is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindingRole {
    Employee,
    Visitor,
}

impl BindingRole {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Employee => "employee",
            Self::Visitor => "visitor",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Employee, Self::Visitor].into_iter().find(|role| role.as_str() == text)
    }
}

/// A WeChat and whose it is (微信绑定).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub weixin_user_id: String,
    pub role: BindingRole,
    pub phone: String,
    /// The employee's name, or the visitor's WeChat nickname.
    pub name: String,
    /// The visitor's WeChat picture.
    pub avatar: String,
}

/// This node's part of the product: its clients, and what it must remember between requests.
pub struct Parts {
    pub koala: Koala,
    pub cloud: WechatCloud,
    /// `None` without an app id.
    pub official: Option<OfficialAccount>,
    pub directory: directory::Freshness,
    pub scans: scans::Queue,
}

impl Parts {
    /// # Errors
    /// A text that names the setting at fault.
    pub fn new(config: &Config, clock: &Clock) -> Result<Self, String> {
        let http = |limits| Http::new(limits).map_err(|error| error.reason);
        let wechat = &config.wechat;
        let official = if wechat.app_id.is_empty() {
            None
        } else {
            let account = OfficialConfig {
                app_id: wechat.app_id.clone(),
                app_secret: wechat.app_secret.clone(),
                api_base_url: wechat.api_base_url.clone(),
                open_base_url: wechat.open_base_url.clone(),
            };
            let client = OfficialAccount::new(http(HttpLimits::default())?, account);
            Some(
                client
                    .map_err(|error| format!("wechat.api_base_url or wechat.open_base_url: {}", error.0))?,
            )
        };
        Ok(Self {
            koala: Koala::new(http(Koala::limits())?, clock.clone()),
            cloud: WechatCloud::new(http(HttpLimits::default())?),
            official,
            directory: directory::Freshness::default(),
            scans: scans::Queue::default(),
        })
    }
}

/// What has passed its time.
pub const CLEAN_UPS: &[CleanUp] = &[
    store::sessions::forget_states,
    store::sessions::forget_sessions,
    store::desk::clean_up,
    store::directory::clean_up,
];

pub use store::desk::forget_scans;

/// Sets right what a wrong clock has left after `at`; gives how many rows.
///
/// # Errors
/// When the database refuses.
pub fn set_right(tx: &mut yuyue_db::Tx<'_>, at: Millis) -> Result<u64, Error> {
    let rows = store::sessions::set_right(tx, at)? + store::directory::set_right(tx, at)?;
    Ok(rows + store::bindings::set_right(tx, at)?)
}

pub use caller::openid_of_session;

impl App {
    /// Whether a phone counts only where a code proved it.
    #[must_use]
    pub fn must_prove_phone(&self) -> bool {
        self.mode == Mode::Enforced && self.config.visitors.prove_phone
    }
}

/// The openid that WeChat vouches for by a code a browser brought (`wechat_code`).
///
/// # Errors
/// 403 when the code is used up, 503 when WeChat does not answer.
pub async fn openid_of_code(app: &App, code: &str) -> Result<String, Error> {
    Ok(login::user_of_code(app, code).await?.id)
}

/// How many visits start between two instants.
///
/// # Errors
/// When the database refuses.
pub fn count_between(tx: &mut yuyue_db::Tx<'_>, from: Millis, to: Millis) -> Result<i64, Error> {
    store::visits::count_between(tx, from, to)
}

/// `2021-06-09 10:00 至 12:00`; the day of the end stands only where it is another one.
#[must_use]
pub(crate) fn period(starts_at: Millis, ends_at: Millis, now: &Now) -> String {
    let (start, end) = (crate::clock::local(now.zone(), starts_at), crate::clock::local(now.zone(), ends_at));
    let form = if start.date() == end.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    format!("{} 至 {}", start.strftime("%Y-%m-%d %H:%M"), end.strftime(form))
}
