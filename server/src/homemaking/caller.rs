//! Who calls an endpoint of homemaking: the user of the header `token`, in both modes.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::error::Error;
use crate::homemaking::{codes, store};
use crate::ids::fingerprint;

/// The header's name.
pub const TOKEN: &str = "token";

/// A user whose token is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    pub id: i64,
}

impl User {
    /// Names the user for Idempotency-Key.
    #[must_use]
    pub fn name(self) -> String {
        format!("user {}", self.id)
    }
}

impl FromRequestParts<App> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        let token = parts.headers.get(TOKEN).ok_or(&codes::TOKEN_MISSING)?;
        let token = token.to_str().unwrap_or_default().trim();
        if token.is_empty() {
            return Err((&codes::TOKEN_MISSING).into());
        }
        user_of_token(app, token).await?.ok_or_else(|| (&codes::TOKEN_INVALID).into())
    }
}

/// Whose token it is, while it is valid.
///
/// # Errors
/// When the database refuses.
pub async fn user_of_token(app: &App, token: &str) -> Result<Option<User>, Error> {
    let (hash, at) = (fingerprint(token), app.clock.now().at);
    let id = app.db.point("homemaking.token", move |tx| store::tokens::user_of(tx, &hash, at)).await?;
    Ok(id.map(|id| User { id }))
}

/// How a pair of i_code and order_no is found without being readable.
#[must_use]
pub fn pair_fingerprint(app: &App, i_code: &str, order_no: i64) -> String {
    app.secrets.fingerprint(&[b"enrolment", i_code.as_bytes(), order_no.to_string().as_bytes()])
}
