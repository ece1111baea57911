//! What staff do to their own account and session: another password, and the password given again.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Millis;
use crate::error::{Error, Text};
use crate::http::access::OwnSession;
use crate::http::envelope::Reply;
use crate::http::extract::Input;
use crate::http::fields::Password;
use crate::http::limits::{self, ClientAddress};
use crate::passwords::{self, Guess, Lane};
use crate::staff::store::{self, Login};
use crate::staff::{StaffMember, audit, guess_limits, guesses_at, hash_password, renew, session};

type Outcome = Result<Reply, Error>;

/// Verifies the password of a session's account, under the rules against guessing that a login has.
///
/// # Errors
/// 403 naming the field when it is wrong, 429 after too many wrong ones.
pub(super) async fn expect_password(
    app: &App,
    staff: &StaffMember,
    (field, password): (&str, &Password),
    (address, at): (ClientAddress, Millis),
) -> Result<Login, Error> {
    let id = staff.id;
    let login = app.db.point("staff.own_login", move |tx| store::login_by_id(tx, id)).await?;
    let login = login.ok_or_else(Error::unauthenticated)?;
    // Who has a session does not stand behind strangers' guesses.
    let (lane, limits) = (Lane::Known, guess_limits(&staff.username, address.0, true));
    let (password, hash) = (password.reveal().to_owned(), Some(login.password_hash.clone()));
    match passwords::guess(app, lane, limits, password, hash, at).await? {
        Guess::Right(hash) => renew(app, login, hash).await,
        Guess::Locked { retry_after } => Err(Error::too_many_requests(retry_after)),
        Guess::Wrong => {
            let message =
                Text { zh: format!("{field}: 密码错误").into(), en: format!("{field}: is wrong").into() };
            Err(Error { message, field: Some(field.into()), ..Error::forbidden("", "") })
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub struct OwnPasswordRequest {
    /// The password until now.
    old_password: Password,
    /// 8 to 128 characters, and not easy to guess.
    password: Password,
}

/// Change one's own password; ends the account's other sessions.
#[utoipa::path(put, path = "/admin/v1/session/password", tag = "staff", security(("staff" = [])),
    request_body = OwnPasswordRequest, responses((status = 204)))]
pub async fn change_password(
    State(app): State<App>,
    address: ClientAddress,
    OwnSession(staff): OwnSession,
    input: Input<OwnPasswordRequest>,
) -> Outcome {
    staff.expect_totp(&app)?;
    let OwnPasswordRequest { old_password, password } = input.value;
    let at = app.clock.now().at;
    let login = expect_password(&app, &staff, ("old_password", &old_password), (address, at)).await?;
    let hash = hash_password(&app, &staff.username, password.reveal().to_owned()).await?;
    app.db
        .write("staff.change_password", move |tx| {
            if !store::change_password(tx, staff.id, &login.password_hash, &hash)? {
                return Err(Error::conflict("密码刚被修改过", "the password was changed meanwhile"));
            }
            store::end_other_sessions(tx, &staff)?;
            store::confirm_session(tx, &staff.token_hash, at)?;
            // Whoever was locked out by wrong guesses at the old one may try the new one at once.
            limits::clear_all(tx, &guesses_at(&staff.username))?;
            let after = json!({ "password": "changed" });
            audit::record(tx, &staff, "staff.password", &session::target(&staff), &Value::Null, &after, at)
        })
        .await?;
    Ok(Reply::no_content())
}

#[derive(Deserialize, ToSchema)]
pub struct ConfirmRequest {
    /// Of one's own account.
    password: Password,
}

/// Give the password again: for 15 minutes, accounts, keys, devices and the set-up can be changed.
#[utoipa::path(post, path = "/admin/v1/session/confirm", tag = "staff", security(("staff" = [])),
    request_body = ConfirmRequest, responses((status = 204)))]
pub async fn confirm(
    State(app): State<App>,
    address: ClientAddress,
    OwnSession(staff): OwnSession,
    input: Input<ConfirmRequest>,
) -> Outcome {
    let at = app.clock.now().at;
    expect_password(&app, &staff, ("password", &input.value.password), (address, at)).await?;
    app.db.write("staff.confirm", move |tx| store::confirm_session(tx, &staff.token_hash, at)).await?;
    Ok(Reply::no_content())
}
