//! Logging in to the console and out of it.

use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::{ORIGIN, SET_COOKIE};
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::{Millis, SECOND};
use crate::error::{Error, Text};
use crate::http::access::{AnyStaff, OwnSession, SESSION_COOKIE, expect_own_origin};
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{Line, Name, Password, optional};
use crate::http::limits::{ClientAddress, Try};
use crate::ids::fingerprint;
use crate::logins::{self, Kind};
use crate::passwords::{self, Guess, Lane};
use crate::staff::store::Login;
use crate::staff::totp::{self, Given, Proof};
use crate::staff::{Credential, Role, StaffMember, audit, guess_limits, renew, store};

/// A reply that sets the console's cookie.
type WithCookie = Result<([(HeaderName, String); 1], Reply), Error>;

#[derive(Deserialize, ToSchema)]
pub struct StaffLogin {
    /// Of the staff account.
    username: Name,
    /// Of the staff account.
    password: Password,
    /// The six digits that the app shows, where the account has a second factor; each works once.
    #[serde(default, deserialize_with = "optional")]
    totp: Option<Line<16>>,
    /// In place of `totp`, for whoever has lost the app; each works once.
    #[serde(default, deserialize_with = "optional")]
    recovery_code: Option<Line<64>>,
}

#[derive(Serialize, ToSchema)]
pub struct StaffSession {
    /// Works as a Bearer token for as long as the session.
    token: String,
    /// Seconds until the session ends.
    expires_in: i64,
    /// Who logged in.
    username: String,
    /// What they may do.
    role: Role,
    /// Whether a second factor must be set up before anything else.
    must_set_up_totp: bool,
}

/// Log in: sets the console's cookie, and gives its token for scripts.
///
/// It keeps no reply for a repeat with the same Idempotency-Key: the token is kept hashed only.
#[utoipa::path(post, path = "/admin/v1/session", tag = "staff", security(()), request_body = StaffLogin,
    responses((status = 200, body = StaffSession)))]
pub async fn start_session(
    State(app): State<App>,
    address: ClientAddress,
    parts: Parts,
    input: Input<StaffLogin>,
) -> WithCookie {
    refuse_foreign_page(&parts, &app)?;
    let at = app.clock.now().at;
    let failures = format!("staff login address {}", address.0);
    let StaffLogin { username, password, totp, recovery_code } = input.value;
    let (username, given) = (String::from(username), Given::new(totp, recovery_code)?);
    let attempt = begin(&app, failures, address, &username, at).await?;
    let judged = judge(&app, (&username, password.reveal().to_owned(), given), address, at).await;
    let (login, proof) = match judged {
        Ok(judged) => judged?,
        // Nothing was guessed at.
        Err(error) => {
            attempt.give_back(&app).await?;
            return Err(error);
        }
    };
    let token = app.ids.token();
    let lifetime = app.config.staff.session_lifetime;
    let staff = StaffMember {
        id: login.id,
        username: username.clone(),
        role: login.role,
        credential: Credential::Session,
        token_hash: fingerprint(&token),
        has_totp: !login.totp_secret.is_empty(),
        confirmed_at: at,
        used_at: at,
    };
    let (role, must_set_up_totp) = (login.role, staff.must_set_up_totp(&app));
    let is_first_use = app.db.write("staff.log_in", move |tx| {
        if !totp::take(tx, &login, &proof)? {
            return Ok(false);
        }
        // Undoes the taking, too.
        if !store::insert_session(tx, &login, &staff.token_hash, at, at + lifetime)? {
            return Err(wrong());
        }
        let after = json!({ "address": address.0.to_string() });
        audit::record(tx, &staff, "session.start", &target(&staff), &Value::Null, &after, at)?;
        logins::remember(tx, &known_as(&staff.username), address.0, at)?;
        Ok(true)
    });
    if !is_first_use.await? {
        logins::refused(&app, Kind::Staff, address, &username).await;
        return Err(totp::wrong());
    }
    attempt.give_back(&app).await?;
    let expires_in = lifetime / SECOND;
    let cookie = cookie(&app, &token, expires_in);
    Ok((cookie, Reply::ok(&StaffSession { token, expires_in, username, role, must_set_up_totp })?))
}

/// Whose account it is, with what the second factor is proved by; inside, why the login is refused.
///
/// # Errors
/// When nothing could be judged: no guess was made.
async fn judge(
    app: &App,
    (username, password, given): (&str, String, Given),
    address: ClientAddress,
    at: Millis,
) -> Result<Result<(Login, Proof), Error>, Error> {
    let wanted = username.to_owned();
    let login = app.db.point("staff.login", move |tx| store::login_of(tx, &wanted)).await?;
    let who = known_as(username);
    let is_known = app.db.point("staff.known", move |tx| logins::is_known(tx, &who, address.0, at)).await?;
    let hash = login.as_ref().map(|login| login.password_hash.clone());
    let lane = if is_known { Lane::Known } else { Lane::Staff };
    let limits = guess_limits(username, address.0, is_known);
    let login = match (passwords::guess(app, lane, limits, password, hash, at).await?, login) {
        (Guess::Right(hash), Some(login)) if login.active => renew(app, login, hash).await?,
        (Guess::Locked { retry_after }, _) => {
            logins::locked(app, Kind::Staff, address, username).await;
            return Ok(Err(Error::too_many_requests(retry_after)));
        }
        _ => {
            logins::refused(app, Kind::Staff, address, username).await;
            return Ok(Err(wrong()));
        }
    };
    let Some(proof) = totp::prove(app, &login, given, at).await? else {
        logins::refused(app, Kind::Staff, address, username).await;
        return Ok(Err(totp::wrong()));
    };
    Ok(Ok((login, proof)))
}

/// How the account is called among the known addresses.
fn known_as(username: &str) -> String {
    format!("staff {username}")
}

async fn begin(
    app: &App,
    failures: String,
    address: ClientAddress,
    username: &str,
    at: Millis,
) -> Result<Try, Error> {
    let attempt = Try::begin(app, failures, at).await;
    if attempt.is_err() {
        logins::locked(app, Kind::Staff, address, username).await;
    }
    attempt
}

/// One message whether it is the name that is unknown, the password that is wrong, or the account
/// that is closed.
fn wrong() -> Error {
    let message = Text::fixed("用户名或密码错误", "wrong username or password");
    Error { message, ..Error::unauthenticated() }
}

pub(super) fn target(staff: &StaffMember) -> String {
    format!("staff {}", staff.id)
}

/// Another site's page must not log a browser in as somebody of its choice. Scripts send no Origin.
fn refuse_foreign_page(parts: &Parts, app: &App) -> Result<(), Error> {
    let origin = parts.headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    match origin {
        Some(origin) if !app.config.server.cors_origins.iter().any(|listed| listed == origin) => {
            expect_own_origin(parts, app)
        }
        _ => Ok(()),
    }
}

fn cookie(app: &App, token: &str, max_age: i64) -> [(HeaderName, String); 1] {
    let secure = if app.config.server.public_url.starts_with("https://") { "; Secure" } else { "" };
    let cookie =
        format!("{SESSION_COOKIE}={token}; HttpOnly; SameSite=Strict; Path=/; Max-Age={max_age}{secure}");
    [(SET_COOKIE, cookie)]
}

/// Log out: ends the session that is presented.
#[utoipa::path(delete, path = "/admin/v1/session", tag = "staff", security(("staff" = [])),
    responses((status = 204)))]
pub async fn end_session(State(app): State<App>, OwnSession(staff): OwnSession) -> WithCookie {
    let at = app.clock.now().at;
    app.db
        .write("staff.log_out", move |tx| {
            if store::end_session(tx, &staff.token_hash)? {
                audit::record(tx, &staff, "session.end", &target(&staff), &json!({}), &Value::Null, at)?;
            }
            Ok::<_, Error>(())
        })
        .await?;
    Ok((cookie(&app, "", 0), Reply::no_content()))
}

/// Whose credential was presented.
#[derive(Serialize, ToSchema)]
pub struct StaffIdentity {
    /// The username, or the name of an API key.
    username: String,
    /// What they may do.
    role: Role,
    /// Whether the account has a second factor.
    totp: bool,
    /// Whether one must be set up before anything else.
    must_set_up_totp: bool,
}

/// Who am I?
#[utoipa::path(get, path = "/admin/v1/session", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = StaffIdentity)))]
pub async fn current_session(State(app): State<App>, AnyStaff(staff): AnyStaff) -> Result<Reply, Error> {
    let (totp, must_set_up_totp) = (staff.has_totp, staff.must_set_up_totp(&app));
    Reply::ok(&StaffIdentity { username: staff.username, role: staff.role, totp, must_set_up_totp })
}
