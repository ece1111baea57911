//! Staff, their sessions and API keys, and devices: who may use `/admin/v1` and the desk.

pub mod accounts;
pub mod audit;
pub mod calendar;
pub mod desk;
pub mod members;
pub mod messages;
pub mod own;
pub mod session;
pub mod store;
pub mod totp;

use std::net::IpAddr;

use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{HOUR, MINUTE, Millis};
use crate::error::Error;
use crate::http::choice::{Choice, choice_field};
use crate::http::fields::{Field as _, Name, Scalar};
use crate::ids::fingerprint;
use crate::passwords::{self, GUESS_WINDOW, GuessLimit};
use crate::staff::store::{Login, Used};

pub use audit::{record as record_change, record_by as record_change_by, record_export, record_if_staff};
pub use store::{forget_audit, forget_idle_sessions, forget_sessions};

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
    /// Whether a session's account has a second factor.
    pub has_totp: bool,
    /// When the password of a session was given last.
    pub confirmed_at: Millis,
    /// When session or key were noted to be in use.
    pub used_at: Millis,
}

/// A console session that nobody uses ends.
const IDLE_LIMIT: Millis = HOUR;
/// How exactly the time of the last use is kept: not every request is a write.
const USE_NOTED: Millis = MINUTE;
/// For so long a login, or the password given again, is good for what needs a recent one.
const STEP_UP_AFTER: Millis = 15 * MINUTE;

impl StaffMember {
    /// Whether the password was given lately. A key has none: what it may change it may change at any time.
    ///
    /// # Errors
    /// [`Error::step_up`] when it was not.
    pub fn expect_recent_login(&self, at: Millis) -> Result<(), Error> {
        // A minute of difference between the clocks of two nodes is no reason.
        let is_recent = (-MINUTE..STEP_UP_AFTER).contains(&(at - self.confirmed_at));
        if self.credential == Credential::ApiKey || is_recent { Ok(()) } else { Err(Error::step_up()) }
    }

    /// Refuses a session that must set up a second factor first.
    ///
    /// # Errors
    /// 403 when it must.
    pub fn expect_totp(&self, app: &App) -> Result<(), Error> {
        if self.must_set_up_totp(app) {
            return Err(Error::forbidden("请先设置两步验证", "set up two-factor authentication first"));
        }
        Ok(())
    }

    /// Whether all but setting up a second factor is kept from this session.
    #[must_use]
    pub fn must_set_up_totp(&self, app: &App) -> bool {
        app.config.staff.require_totp && self.credential == Credential::Session && !self.has_totp
    }

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
    pub key_hash: String,
}

/// Whose session or API key `token` is, while it is valid.
///
/// # Errors
/// When the database refuses.
pub async fn staff_of_token(app: &App, token: &str) -> Result<Option<StaffMember>, Error> {
    let staff = staff_of_hash(app, fingerprint(token)).await?;
    if let Some(staff) = &staff {
        note_use(app, staff).await;
    }
    Ok(staff)
}

/// Keeps the session from ending for want of use, and shows when a key was used last.
async fn note_use(app: &App, staff: &StaffMember) {
    let at = app.clock.now().at;
    // Back, too: a time from a clock that was wrong is set right.
    if (at - staff.used_at).abs() < USE_NOTED {
        return;
    }
    let used =
        Used { credential: staff.credential, token_hash: staff.token_hash.clone(), before: staff.used_at };
    let noted = app.db.write("staff.note_use", move |tx| store::note_use(tx, &used, at)).await;
    if let Err(error) = noted {
        // Who only reads is served while nothing can be written.
        tracing::warn!(cause = error.cause, "the use of a staff credential could not be noted");
    }
}

/// As [`staff_of_token`], by what is kept of the token; looking is no use of it.
///
/// # Errors
/// When the database refuses.
pub async fn staff_of_hash(app: &App, token_hash: String) -> Result<Option<StaffMember>, Error> {
    let at = app.clock.now().at;
    app.db.point("staff.token", move |tx| store::staff_of_token(tx, &token_hash, (at, at - IDLE_LIMIT))).await
}

/// The device a key was made for.
///
/// # Errors
/// When the database refuses.
pub async fn device_of_key(app: &App, key: &str) -> Result<Option<Device>, Error> {
    device_of_hash(app, fingerprint(key)).await
}

/// As [`device_of_key`], by what is kept of the key.
///
/// # Errors
/// When the database refuses.
pub async fn device_of_hash(app: &App, key_hash: String) -> Result<Option<Device>, Error> {
    app.db.point("staff.device", move |tx| store::device_of_key(tx, &key_hash)).await
}

/// The least length of a staff password, and the most: hashing takes time that grows with the length.
const PASSWORD_LEAST: usize = 8;
const PASSWORD_MOST: usize = 128;

/// How the password of a staff account called `username` is kept.
///
/// # Errors
/// When it is too short, too long or too easy to guess.
pub(crate) async fn hash_password(app: &App, username: &str, password: String) -> Result<String, Error> {
    let password = passwords::normal(&password);
    if !(PASSWORD_LEAST..=PASSWORD_MOST).contains(&password.chars().count()) {
        return Err(Error::invalid("password", "应为 8 到 128 个字符", "expected 8 to 128 characters"));
    }
    // What a guesser tries first: the name, its parts, and what the demo's is.
    let parts = username.split(|letter: char| !letter.is_alphanumeric());
    let names: Vec<&str> = parts.chain([username, "yuyue", "demo-admin"]).collect();
    if passwords::score(&password, &names) < passwords::Score::Three {
        let (zh, en) =
            ("太容易被猜到，请换一个更长或更少见的", "is too easy to guess, choose a longer or rarer one");
        return Err(Error::invalid("password", zh, en));
    }
    passwords::hash(app, password).await
}

/// Keeps the same password under another hash, if there is one.
async fn renew(app: &App, login: Login, hash: Option<String>) -> Result<Login, Error> {
    let Some(hash) = hash else { return Ok(login) };
    let (id, is, becomes) = (login.id, login.password_hash.clone(), hash.clone());
    let replace = move |tx: &mut Tx<'_>| store::change_password(tx, id, &is, &becomes);
    let is_replaced = app.db.write("staff.rehash", replace).await?;
    Ok(if is_replaced { Login { password_hash: hash, ..login } } else { login })
}

/// Who the audit log says it was when the command line makes a change.
const CLI: &str = "cli";

/// Adds a staff account from the command line; gives its id.
///
/// # Errors
/// When the name or password is not acceptable, or the name is taken.
pub async fn add(app: &App, username: String, password: String, role: Role) -> Result<i64, Error> {
    let username = name("username", username)?;
    let hash = hash_password(app, &username, password).await?;
    let at = app.clock.now().at;
    let insert = move |tx: &mut Tx<'_>| accounts::insert_account(tx, CLI, (&username, &hash, role), at);
    Ok(app.db.write("staff.add", insert).await?.id)
}

/// Adds a device from the command line; gives its id and its key, which is kept hashed only.
///
/// # Errors
/// When the name is not acceptable.
pub async fn add_device(app: &App, device: String, kind: DeviceKind) -> Result<(i64, String), Error> {
    let device = name("name", device)?;
    let (key, at) = (app.ids.token(), app.clock.now().at);
    let hash = fingerprint(&key);
    let insert = move |tx: &mut Tx<'_>| accounts::insert_device(tx, CLI, (&device, kind, &hash), at);
    Ok((app.db.write("staff.add_device", insert).await?.id, key))
}

/// A name from the command line, under the rules of the API.
fn name(field: &str, text: String) -> Result<Name, Error> {
    Name::parse(Scalar::Text(text)).map_err(|expected| Error::invalid(field, &expected.zh, &expected.en))
}

/// Wrong passwords within 15 minutes after which a username is locked for the address they came from:
/// a stranger's guesses must not lock out the person whose name it is.
const GUESSES_FROM_ADDRESS: u32 = 10;
/// The same from everywhere, against guessing from many addresses.
const GUESSES_FROM_EVERYWHERE: u32 = 100;

/// Begins the names of all counts of wrong passwords for a username, whether or not it exists. No
/// username holds a line break, so it begins those of no other.
fn guesses_at(username: &str) -> String {
    format!("staff login {username}\n")
}

/// What a wrong password for `username` from `address` counts towards. What strangers do does not shut out an
/// address from which that account was logged in to lately.
fn guess_limits(username: &str, address: IpAddr, is_known: bool) -> Vec<GuessLimit> {
    let everywhere = guesses_at(username);
    let here = format!("{everywhere}{address}");
    let limit = |name, most| GuessLimit { name, most, window: GUESS_WINDOW, is_ended_by_success: true };
    let mut limits = vec![limit(here, GUESSES_FROM_ADDRESS)];
    if !is_known {
        limits.push(limit(everywhere, GUESSES_FROM_EVERYWHERE));
    }
    limits
}
