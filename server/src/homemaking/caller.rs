//! Who calls an endpoint of homemaking: the user of the header `token`, in both modes; or nobody in
//! particular where guests may read.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::app::App;
use crate::error::{Code, Error};
use crate::homemaking::rules::party_to_service;
use crate::homemaking::states::By;
use crate::homemaking::store::services::Service;
use crate::homemaking::view::Form;
use crate::homemaking::{codes, store};
use crate::ids::fingerprint;
use crate::logins::{self, Kind};

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
        let token = token_of(parts).ok_or(&codes::TOKEN_MISSING)?;
        match user_of_token(app, token).await? {
            Some(user) => Ok(user),
            None => {
                logins::refuse_session(app, parts, Kind::MarketSession).await;
                Err((&codes::TOKEN_INVALID).into())
            }
        }
    }
}

/// What the header holds, unless it is left out or empty.
fn token_of(parts: &Parts) -> Option<&str> {
    // One that is no text is a token, and not a good one.
    let token = parts.headers.get(TOKEN)?.to_str().unwrap_or("?").trim();
    (!token.is_empty()).then_some(token)
}

/// Whoever reads what is published: a user, or a guest without any token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    User(User),
    Guest,
}

impl Reader {
    /// What the reader is to a service.
    ///
    /// # Errors
    /// [`codes::NOT_FOUND`] when it is hidden from the reader.
    pub fn party_to(self, service: &Service) -> Result<By, &'static Code> {
        // No user has this id.
        let id = if let Self::User(user) = self { user.id } else { 0 };
        party_to_service(id, service.publisher.id, service.status)
    }

    /// How things are shown to the reader.
    #[must_use]
    pub fn form(self, app: &App, base: &str) -> Form {
        let form = Form::new(app, base);
        if self == Self::Guest { form.for_guest() } else { form }
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Error> {
        if app.config.homemaking.guests_read && token_of(parts).is_none() {
            return Ok(Self::Guest);
        }
        User::from_request_parts(parts, app).await.map(Self::User)
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
