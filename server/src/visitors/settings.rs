//! The servers and templates that staff set; each is read from the database when it is needed, so a
//! change works at once on every node.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use yuyue_db::{Lock, Tx};

use crate::adapters::koala::KoalaAccount;
use crate::app::App;
use crate::config::{self, Templates};
use crate::error::Error;
use crate::locks;
use crate::secrets::Secrets;
use crate::visitors::store;

const SERVERS: &str = "servers";
const TEMPLATES: &str = "templates";
const PURPOSE: &str = "visitors.koala_password";

/// The neighbours (服务器设置).
#[derive(Clone, Serialize, ToSchema)]
pub struct Servers {
    /// Koala's address (考拉主机的IP): a host, `host:port` or a whole URL.
    pub koala_ip: String,
    /// Koala's account (考拉主机的登录用户名).
    pub koala_username: String,
    /// Koala's password (考拉主机的登录密码); "" unless an administrator asks.
    pub koala_password: String,
    /// The WeChat cloud service (访客云端服务器url); "" keeps the bindings here.
    pub cloud_url: String,
}

impl Servers {
    /// Koala's account, if one is set.
    #[must_use]
    pub fn koala(&self) -> Option<KoalaAccount> {
        let account = || KoalaAccount {
            address: self.koala_ip.clone(),
            username: self.koala_username.clone(),
            password: self.koala_password.clone(),
        };
        (!self.koala_ip.is_empty()).then(account)
    }

    /// The cloud service, if one is set.
    #[must_use]
    pub fn cloud(&self) -> Option<&str> {
        (!self.cloud_url.is_empty()).then_some(self.cloud_url.as_str())
    }
}

/// As it lies in the database.
#[derive(Serialize, Deserialize)]
struct Stored {
    koala_ip: String,
    koala_username: String,
    sealed_password: String,
    cloud_url: String,
}

fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("the stored settings of visitors: {error}"))
}

/// Keeps others from replacing what staff have set until the transaction ends.
///
/// # Errors
/// When the database refuses.
pub fn lock(tx: &mut Tx<'_>) -> Result<(), Error> {
    Ok(tx.lock(Lock::Exclusive(locks::VISITORS_SETTINGS))?)
}

/// # Errors
/// When the database refuses, or the password was sealed with another key.
pub async fn servers(app: &App) -> Result<Servers, Error> {
    let (configured, secrets) = (app.config.visitors.clone(), app.secrets.clone());
    app.db.point("visitors.servers", move |tx| read_servers(tx, &configured, &secrets)).await
}

/// As [`servers`], in a transaction.
///
/// # Errors
/// As [`servers`].
pub fn read_servers(
    tx: &mut Tx<'_>,
    configured: &config::Visitors,
    secrets: &Secrets,
) -> Result<Servers, Error> {
    let Some(stored) = store::settings::find(tx, SERVERS)? else {
        return Ok(Servers {
            koala_ip: configured.koala_ip.clone(),
            koala_username: configured.koala_username.clone(),
            koala_password: configured.koala_password.clone(),
            cloud_url: configured.cloud_url.clone(),
        });
    };
    let stored: Stored = serde_json::from_str(&stored).map_err(unreadable)?;
    let password = secrets.open(PURPOSE, &stored.sealed_password);
    Ok(Servers {
        koala_ip: stored.koala_ip,
        koala_username: stored.koala_username,
        koala_password: password.ok_or_else(|| unreadable("sealed with another key"))?,
        cloud_url: stored.cloud_url,
    })
}

/// # Errors
/// When the database refuses.
pub fn save_servers(tx: &mut Tx<'_>, servers: &Servers, secrets: &Secrets) -> Result<(), Error> {
    let stored = Stored {
        koala_ip: servers.koala_ip.clone(),
        koala_username: servers.koala_username.clone(),
        sealed_password: secrets.seal(PURPOSE, &servers.koala_password),
        cloud_url: servers.cloud_url.clone(),
    };
    store::settings::save(tx, SERVERS, &serde_json::to_string(&stored).map_err(unreadable)?)
}

/// # Errors
/// When the database refuses.
pub fn templates(tx: &mut Tx<'_>, configured: &Templates) -> Result<Templates, Error> {
    match store::settings::find(tx, TEMPLATES)? {
        Some(stored) => serde_json::from_str(&stored).map_err(unreadable),
        None => Ok(configured.clone()),
    }
}

/// # Errors
/// When the database refuses.
pub fn save_templates(tx: &mut Tx<'_>, templates: &Templates) -> Result<(), Error> {
    store::settings::save(tx, TEMPLATES, &serde_json::to_string(templates).map_err(unreadable)?)
}
