//! Trying out servers as they stand on the settings page, saved or not.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use crate::adapters::http::BaseUrl;
use crate::adapters::koala::{KoalaError, KoalaErrorKind};
use crate::adapters::wechat::WechatError;
use crate::app::App;
use crate::error::Error;
use crate::visitors::settings::Servers;

/// How long whoever pressed the button waits at most; a big directory has many pages.
const PATIENCE: Duration = Duration::from_secs(10);

/// What trying out a server found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    Ok,
    Unset,
    Unreachable,
    LoginRefused,
    Unexpected,
}

/// How one server was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connection {
    /// `ok` it works; `unset` none is given; `unreachable` no connection, or no answer in time;
    /// `login_refused` it refuses the account; `unexpected` what answers is something else.
    pub outcome: Finding,
    /// What exactly went wrong, for whoever looks after the server; "" when nothing did.
    pub detail: String,
    /// How many employees the directory has; null if it could not be read.
    pub employees: Option<usize>,
}

impl Connection {
    fn new(outcome: Finding, detail: &str) -> Self {
        Self { outcome, detail: detail.to_owned(), employees: None }
    }

    fn too_slow() -> Self {
        Self::new(Finding::Unreachable, "no answer in time")
    }
}

impl From<KoalaError> for Connection {
    fn from(error: KoalaError) -> Self {
        let outcome = match error.kind {
            KoalaErrorKind::LoginRefused => Finding::LoginRefused,
            KoalaErrorKind::Unreachable | KoalaErrorKind::LostAnswer => Finding::Unreachable,
            KoalaErrorKind::Rejected { .. } | KoalaErrorKind::Malformed => Finding::Unexpected,
        };
        Self::new(outcome, &error.reason)
    }
}

impl From<WechatError> for Connection {
    fn from(error: WechatError) -> Self {
        let outcome = match error {
            WechatError::Retry { .. } => Finding::Unreachable,
            _ => Finding::Unexpected,
        };
        Self::new(outcome, error.reason())
    }
}

/// Whether calls can go to the addresses at all.
///
/// # Errors
/// Names the field, and does not repeat what stands in it.
pub fn check_addresses(servers: &Servers) -> Result<(), Error> {
    if servers.koala().is_some_and(|account| account.base().is_err()) {
        let zh = "应为主机名、IP 地址或 http(s) 网址，不含用户名、密码和参数";
        let en = "expected a host name, an IP address or an http(s) address without user, password and query";
        return Err(Error::invalid("koala_ip", zh, en));
    }
    // The cloud service, too, may stand in the office.
    if servers.cloud().is_some_and(|url| BaseUrl::parse(url, true).is_err()) {
        let zh = "应为 http(s) 网址（不含用户名、密码和参数）或空";
        let en = "expected an http(s) address without user, password and query, or nothing";
        return Err(Error::invalid("cloud_url", zh, en));
    }
    Ok(())
}

/// Logs in to Koala and reads its directory (考拉人脸识别主机).
pub async fn try_koala(app: &App, servers: &Servers) -> Connection {
    let Some(account) = servers.koala() else { return Connection::new(Finding::Unset, "") };
    match tokio::time::timeout(PATIENCE, app.visitors.koala.try_out(&account)).await {
        Ok(Ok(employees)) => Connection { employees: Some(employees), ..Connection::new(Finding::Ok, "") },
        Ok(Err(error)) => error.into(),
        Err(_) => Connection::too_slow(),
    }
}

/// Asks the cloud service for a binding (微信云端服务).
pub async fn try_cloud(app: &App, servers: &Servers) -> Connection {
    let Some(url) = servers.cloud() else { return Connection::new(Finding::Unset, "") };
    match tokio::time::timeout(PATIENCE, app.visitors.cloud.try_out(url)).await {
        Ok(Ok(())) => Connection::new(Finding::Ok, ""),
        Ok(Err(error)) => error.into(),
        Err(_) => Connection::too_slow(),
    }
}
