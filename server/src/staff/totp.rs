//! A second factor at the login (两步验证): codes that an app makes from the time (TOTP, RFC 6238), and recovery
//! codes for whoever has lost the app.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use totp_rs::{Algorithm, Secret, TOTP};
use utoipa::ToSchema;
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{MINUTE, Millis, SECOND};
use crate::error::{Error, Text};
use crate::http::access::OwnSession;
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{Line, Password, optional};
use crate::http::limits::{self, ClientAddress};
use crate::staff::store::{self, Login};
use crate::staff::{audit, own, session};

type Outcome = Result<Reply, Error>;

/// What the secret is sealed for.
const PURPOSE: &str = "staff.totp";
/// Seconds for which the app shows one code.
const STEP: u64 = 30;
/// 160 bits, as RFC 4226 recommends.
const SECRET_LENGTH: usize = 20;
const RECOVERY_CODES: usize = 10;
/// Wrong codes within 15 minutes after which an account takes none: whoever tries them has the password.
const GUESSES: u32 = 10;
const GUESS_WINDOW: Millis = 15 * MINUTE;

/// What a login brought besides the password.
pub enum Given {
    Nothing,
    Totp(String),
    RecoveryCode(String),
}

impl Given {
    /// # Errors
    /// When there are both.
    pub fn new(totp: Option<Line<16>>, recovery_code: Option<Line<64>>) -> Result<Self, Error> {
        match (totp, recovery_code) {
            (None, None) => Ok(Self::Nothing),
            (Some(code), None) => Ok(Self::Totp(code.into())),
            (None, Some(code)) => Ok(Self::RecoveryCode(code.into())),
            (Some(_), Some(_)) => {
                let (zh, en) = ("不能与 totp 同时使用", "cannot stand beside totp");
                Err(Error::invalid("recovery_code", zh, en))
            }
        }
    }
}

/// A code that is right but not taken yet.
pub enum Proof {
    NotNeeded,
    Step(i64),
    /// The hash of a recovery code, which may still be none of the account's.
    RecoveryCode(String),
}

/// Judges what a login brought. `None`: it is wrong, and counts as a wrong guess.
///
/// # Errors
/// 401 when the account needs a code and none came, 429 after too many wrong ones.
pub async fn prove(app: &App, login: &Login, given: Given, at: Millis) -> Result<Option<Proof>, Error> {
    if login.totp_secret.is_empty() {
        return Ok(Some(Proof::NotNeeded));
    }
    if matches!(given, Given::Nothing) {
        let message = Text::fixed("请输入两步验证码", "a code of the second factor is required");
        return Err(Error { message, field: Some("totp".into()), ..Error::unauthenticated() });
    }
    // Counted before it is judged, so that many at once cannot pass; a login begins anew.
    let name = guesses_at(login.id);
    let count =
        app.db.write("staff.count_codes", move |tx| limits::count(tx, &name, at, GUESS_WINDOW)).await?;
    if count.count > GUESSES {
        return Err(Error::too_many_requests(count.retry_after(at)));
    }
    Ok(match given {
        Given::Nothing => None,
        Given::Totp(code) => step_of(&secret(app, &login.totp_secret)?, &code, at).map(Proof::Step),
        Given::RecoveryCode(code) => Some(Proof::RecoveryCode(recovery_hash(app, login.id, &code))),
    })
}

fn guesses_at(id: i64) -> String {
    format!("staff second factor {id}")
}

/// Takes the code, in the transaction of the login; false when it was taken before.
///
/// # Errors
/// When the database refuses.
pub fn take(tx: &mut Tx<'_>, login: &Login, proof: &Proof) -> Result<bool, Error> {
    let is_taken = match proof {
        Proof::NotNeeded => return Ok(true),
        Proof::Step(step) => store::take_step(tx, login, *step)?,
        Proof::RecoveryCode(hash) => store::take_recovery_code(tx, login.id, hash)?,
    };
    if is_taken {
        limits::clear(tx, &guesses_at(login.id))?;
    }
    Ok(is_taken)
}

/// The code is wrong, or was used before.
#[must_use]
pub fn wrong() -> Error {
    let message = Text::fixed("两步验证码不对或已用过", "the code is wrong or was used before");
    Error { message, field: Some("totp".into()), ..Error::unauthenticated() }
}

fn secret(app: &App, sealed: &str) -> Result<TOTP, Error> {
    let hex = app.secrets.open(PURPOSE, sealed);
    let bytes = hex.and_then(|hex| hex::decode(hex).ok());
    totp(bytes.ok_or_else(|| Error::internal("a TOTP secret cannot be read with this key"))?)
}

fn totp(secret: Vec<u8>) -> Result<TOTP, Error> {
    // What every app can do. The steps beside the current one are looked at by step_of.
    TOTP::new(Algorithm::SHA1, 6, 0, STEP, secret).map_err(|error| Error::internal(error.to_string()))
}

/// The step of time that a code belongs to: the current one, or one beside it for clocks that differ.
fn step_of(totp: &TOTP, code: &str, at: Millis) -> Option<i64> {
    let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
    let now = u64::try_from(at / SECOND).ok()? / STEP;
    let is_code = |step: &u64| bool::from(totp.generate(step * STEP).as_bytes().ct_eq(code.as_bytes()));
    let step = (now.saturating_sub(1)..=now + 1).find(is_code)?;
    i64::try_from(step).ok()
}

/// People type what they read from paper: case and hyphens do not count.
fn recovery_hash(app: &App, id: i64, code: &str) -> String {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    app.secrets.fingerprint(&[b"staff recovery code", id.to_string().as_bytes(), code.as_bytes()])
}

#[derive(Deserialize, ToSchema)]
pub struct TotpRequest {
    /// What the app shows for the new secret; left out: asks for one.
    #[serde(default, deserialize_with = "optional")]
    code: Option<Line<16>>,
}

/// A secret that becomes the second factor when a code of it comes back.
#[derive(Serialize, ToSchema)]
pub struct TotpOffer {
    /// In base32, to type into an app.
    secret: String,
    /// For a QR code: `otpauth://totp/…`.
    uri: String,
}

/// The second factor is set up.
#[derive(Serialize, ToSchema)]
pub struct RecoveryCodes {
    /// Each logs in once in place of an app's code; shown only this once.
    recovery_codes: Vec<String>,
}

/// One or the other.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum TotpSetUp {
    Offer(TotpOffer),
    Done(RecoveryCodes),
}

/// Set up a second factor (两步验证): `{}` gives a secret, then a `code` of it makes it the account's, gives the
/// recovery codes and ends the account's other sessions.
#[utoipa::path(post, path = "/admin/v1/session/totp", tag = "staff", security(("staff" = [])),
    request_body = TotpRequest, responses((status = 200, body = TotpSetUp)))]
pub async fn set_up(
    State(app): State<App>,
    OwnSession(staff): OwnSession,
    input: Input<TotpRequest>,
) -> Outcome {
    let at = app.clock.now().at;
    staff.expect_recent_login(at)?;
    let already =
        || Error::conflict("已设置两步验证，请先取消", "there is a second factor already; remove it first");
    let Some(code) = input.value.code else {
        let bytes: [u8; SECRET_LENGTH] = app.ids.bytes();
        let (sealed, id) = (app.secrets.seal(PURPOSE, &hex::encode(bytes)), staff.id);
        let is_offered =
            app.db.write("staff.offer_totp", move |tx| store::offer_totp(tx, id, &sealed)).await?;
        return if is_offered {
            Reply::ok(&TotpSetUp::Offer(offer(&staff.username, &bytes)))
        } else {
            Err(already())
        };
    };
    if staff.has_totp {
        return Err(already());
    }
    let id = staff.id;
    let sealed = app.db.point("staff.offered_totp", move |tx| store::offered_totp(tx, id)).await?;
    if sealed.is_empty() {
        return Err(Error::conflict("请先获取密钥", "ask for a secret first"));
    }
    let step = step_of(&secret(&app, &sealed)?, &code, at);
    let step = step
        .ok_or_else(|| Error::invalid("code", "不对，请检查手机时间", "is wrong; check the phone's clock"))?;
    let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| recovery_code(&app)).collect();
    let hashes: Vec<String> = codes.iter().map(|code| recovery_hash(&app, id, code)).collect();
    app.db
        .write("staff.accept_totp", move |tx| {
            if !store::accept_totp(tx, id, &sealed, step)? {
                return Err(already());
            }
            hashes.iter().try_for_each(|hash| store::insert_recovery_code(tx, id, hash))?;
            store::end_other_sessions(tx, &staff)?;
            let (action, target) = ("staff.totp.set_up", session::target(&staff));
            audit::record(
                tx,
                &staff,
                action,
                &target,
                &json!({ "totp": false }),
                &json!({ "totp": true }),
                at,
            )
        })
        .await?;
    Reply::ok(&TotpSetUp::Done(RecoveryCodes { recovery_codes: codes }))
}

fn offer(username: &str, bytes: &[u8]) -> TotpOffer {
    let Secret::Encoded(secret) = Secret::Raw(bytes.to_vec()).to_encoded() else { unreachable!() };
    // A colon separates the issuer from the account.
    let account = username.replace(':', " ");
    let account = percent_encoding::utf8_percent_encode(&account, percent_encoding::NON_ALPHANUMERIC);
    let uri = format!(
        "otpauth://totp/Yuyue:{account}?secret={secret}&issuer=Yuyue&algorithm=SHA1&digits=6&period=30"
    );
    TotpOffer { secret, uri }
}

/// 64 random bits in four groups.
fn recovery_code(app: &App) -> String {
    let digits = hex::encode(app.ids.bytes::<8>());
    [&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]].join("-")
}

#[derive(Deserialize, ToSchema)]
pub struct RemovalRequest {
    /// Of one's own account.
    password: Password,
}

/// Remove one's second factor, with its recovery codes.
#[utoipa::path(delete, path = "/admin/v1/session/totp", tag = "staff", security(("staff" = [])),
    request_body = RemovalRequest, responses((status = 204)))]
pub async fn remove(
    State(app): State<App>,
    address: ClientAddress,
    OwnSession(staff): OwnSession,
    input: Input<RemovalRequest>,
) -> Outcome {
    let at = app.clock.now().at;
    own::expect_password(&app, &staff, ("password", &input.value.password), (address, at)).await?;
    app.db
        .write("staff.remove_totp", move |tx| {
            if !store::remove_totp(tx, staff.id)? {
                return Err(Error::not_found("没有设置两步验证", "there is no second factor"));
            }
            let (action, target) = ("staff.totp.remove", session::target(&staff));
            audit::record(
                tx,
                &staff,
                action,
                &target,
                &json!({ "totp": true }),
                &json!({ "totp": false }),
                at,
            )
        })
        .await?;
    Ok(Reply::no_content())
}
