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
use crate::http::access::{Auditor, SESSION_COOKIE, expect_own_origin};
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::{Name, Password};
use crate::http::limits::{ClientAddress, Try};
use crate::ids::fingerprint;
use crate::logins::{self, Kind};
use crate::passwords::{self, Guess, Lane};
use crate::staff::{Credential, Role, StaffMember, audit, guess_limits, store};

/// A reply that sets the console's cookie.
type WithCookie = Result<([(HeaderName, String); 1], Reply), Error>;

#[derive(Deserialize, ToSchema)]
pub struct StaffLogin {
    /// Of the staff account.
    username: Name,
    /// Of the staff account.
    password: Password,
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
    let username = String::from(input.value.username);
    let attempt = begin(&app, failures, address, &username, at).await?;
    let wanted = username.clone();
    let login = app.db.point("staff.login", move |tx| store::login_of(tx, &wanted)).await?;
    let who = known_as(&username);
    let wanted = who.clone();
    let is_known =
        app.db.point("staff.known", move |tx| logins::is_known(tx, &wanted, address.0, at)).await?;
    let hash = login.as_ref().map(|login| login.password_hash.clone());
    let password = input.value.password.reveal().to_owned();
    let lane = if is_known { Lane::Known } else { Lane::Staff };
    let limits = guess_limits(&username, address.0, is_known);
    let guess = match passwords::guess(&app, lane, limits, password, hash, at).await {
        Ok(guess) => guess,
        // Nothing was guessed at.
        Err(error) => {
            attempt.give_back(&app).await?;
            return Err(error);
        }
    };
    let login = match (guess, login) {
        (Guess::Right, Some(login)) if login.active => login,
        (Guess::Locked { retry_after }, _) => {
            logins::locked(&app, Kind::Staff, address, &username).await;
            return Err(Error::too_many_requests(retry_after));
        }
        _ => {
            logins::refused(&app, Kind::Staff, address, &username).await;
            return Err(wrong());
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
    };
    let role = login.role;
    let started = app.db.write("staff.log_in", move |tx| {
        let started = store::insert_session(tx, &login, &staff.token_hash, at, at + lifetime)?;
        if started {
            let after = json!({ "address": address.0.to_string() });
            audit::record(tx, &staff, "session.start", &target(&staff), &Value::Null, &after, at)?;
            logins::remember(tx, &who, address.0, at)?;
        }
        Ok::<_, Error>(started)
    });
    if !started.await? {
        return Err(wrong());
    }
    attempt.give_back(&app).await?;
    let expires_in = lifetime / SECOND;
    let cookie = cookie(&app, &token, expires_in);
    Ok((cookie, Reply::ok(&StaffSession { token, expires_in, username, role })?))
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

fn target(staff: &StaffMember) -> String {
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
pub async fn end_session(State(app): State<App>, Auditor(staff): Auditor) -> WithCookie {
    if staff.credential == Credential::ApiKey {
        let (zh, en) = ("API 密钥没有会话，请删除密钥", "an API key has no session; delete the key instead");
        return Err(Error::conflict(zh, en));
    }
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
}

/// Who am I?
#[utoipa::path(get, path = "/admin/v1/session", tag = "staff", security(("staff" = [])),
    responses((status = 200, body = StaffIdentity)))]
pub async fn current_session(Auditor(staff): Auditor) -> Result<Reply, Error> {
    Reply::ok(&StaffIdentity { username: staff.username, role: staff.role })
}
