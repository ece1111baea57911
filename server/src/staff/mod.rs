//! Staff, their sessions and API keys, and devices: who may use `/admin/v1` and the desk.

pub mod accounts;
pub mod audit;
pub mod desk;
pub mod members;
pub mod messages;
pub mod session;
pub mod store;

use crate::app::App;
use crate::error::Error;
use crate::http::choice::{Choice, choice_field};
use crate::ids::fingerprint;
use crate::passwords;

pub use audit::record as record_change;
pub use store::clean_up;

/// What a member of staff may do; each role includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
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
}

impl Choice for Role {
    const ALL: &'static [Self] = &[Self::Auditor, Self::Reception, Self::Admin];

    fn word(self) -> &'static str {
        match self {
            Self::Auditor => "auditor",
            Self::Reception => "reception",
            Self::Admin => "admin",
        }
    }
}
choice_field!(Role);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceKind {
    Kiosk,
    Gate,
}

impl Choice for DeviceKind {
    const ALL: &'static [Self] = &[Self::Kiosk, Self::Gate];

    fn word(self) -> &'static str {
        match self {
            Self::Kiosk => "kiosk",
            Self::Gate => "gate",
        }
    }
}
choice_field!(DeviceKind);

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

/// The least length of a staff password, and the most: hashing takes time that grows with the length.
const PASSWORD_LEAST: usize = 8;
const PASSWORD_MOST: usize = 128;

/// How a staff password is kept.
///
/// # Errors
/// When it is too short or too long.
pub(crate) async fn hash_password(app: &App, password: String) -> Result<String, Error> {
    if !(PASSWORD_LEAST..=PASSWORD_MOST).contains(&password.chars().count()) {
        return Err(Error::invalid("password", "应为 8 到 128 个字符", "expected 8 to 128 characters"));
    }
    passwords::hash(app, password).await
}

/// Adds a staff account.
///
/// # Errors
/// When the name or password is not acceptable, or the name is taken.
pub async fn add(app: &App, username: String, password: String, role: Role) -> Result<i64, Error> {
    let hash = hash_password(app, password).await?;
    let at = app.clock.now().at;
    let added =
        app.db.write("staff.add", move |tx| store::insert_staff(tx, &username, &hash, role, at)).await?;
    added.ok_or_else(username_taken)
}

fn username_taken() -> Error {
    Error::conflict("用户名已存在", "this username is taken")
}

/// Names the wrong passwords for a username, whether or not it exists.
fn guesses_at(username: &str) -> String {
    format!("staff login {username}")
}
