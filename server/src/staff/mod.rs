//! Staff, their sessions and API keys, and devices: who may use `/admin/v1` and the desk.

pub mod store;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::error::Error;
use crate::ids::fingerprint;

pub use store::clean_up;

/// What a member of staff may do; each role includes those below it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads everything, changes nothing.
    Auditor,
    /// Lists, sign-in, records.
    Reception,
    /// Everything.
    Admin,
}

impl Role {
    /// Whether this role includes `needed`.
    #[must_use]
    pub fn may(self, needed: Self) -> bool {
        self >= needed
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Reception => "reception",
            Self::Admin => "admin",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Auditor, Self::Reception, Self::Admin].into_iter().find(|role| role.as_str() == text)
    }
}

/// How staff proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    Session,
    ApiKey,
}

/// Whoever uses the staff API.
#[derive(Clone, Debug)]
pub struct StaffMember {
    /// Of the staff account, or of the API key.
    pub id: i64,
    /// Username, or the key's name.
    pub username: String,
    pub role: Role,
    pub credential: Credential,
    pub token_hash: String,
}

impl StaffMember {
    /// Names them in the audit log and for Idempotency-Key.
    #[must_use]
    pub fn name(&self) -> String {
        match self.credential {
            Credential::Session => format!("staff {}", self.username),
            Credential::ApiKey => format!("api key {} ({})", self.id, self.username),
        }
    }
}

/// What a device is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    Kiosk,
    Gate,
}

impl DeviceKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kiosk => "kiosk",
            Self::Gate => "gate",
        }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Kiosk, Self::Gate].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// A kiosk or gate.
#[derive(Clone, Debug)]
pub struct Device {
    pub id: i64,
    pub name: String,
    pub kind: DeviceKind,
}

/// Whose session or API key `token` is, while it is valid.
///
/// # Errors
/// When the database refuses.
pub async fn staff_of_token(app: &App, token: &str) -> Result<Option<StaffMember>, Error> {
    let (token_hash, at) = (fingerprint(token), app.clock.now().at);
    app.db.point("staff.token", move |tx| store::staff_of_token(tx, &token_hash, at)).await
}

/// The device a key was made for.
///
/// # Errors
/// When the database refuses.
pub async fn device_of_key(app: &App, key: &str) -> Result<Option<Device>, Error> {
    let key_hash = fingerprint(key);
    app.db.point("staff.device", move |tx| store::device_of_key(tx, &key_hash)).await
}

/// The least length of a staff password.
const PASSWORD_LEAST: usize = 8;

/// Adds a staff account.
///
/// # Errors
/// When the name or password is not acceptable, or the name is taken.
pub async fn add(app: &App, username: String, password: String, role: Role) -> Result<i64, Error> {
    if password.chars().count() < PASSWORD_LEAST {
        return Err(Error::invalid("password", "至少 8 个字符", "at least 8 characters"));
    }
    let hash = crate::members::passwords::hash(app, password).await?;
    let at = app.clock.now().at;
    let added =
        app.db.write("staff.add", move |tx| store::insert_staff(tx, &username, &hash, role, at)).await?;
    added.ok_or_else(|| Error::conflict("用户名已存在", "this username is taken"))
}
