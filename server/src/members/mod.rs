//! Members (004): consumer accounts with login by SMS code, password or WeChat openid.

pub mod labels;
pub mod regions;
pub mod routes;
pub mod rules;
pub mod store;

use yuyue_db::Tx;

use crate::app::App;
use crate::clock::Millis;
use crate::error::Error;
use crate::http::choice::{Choice, choice_field};
use crate::ids::fingerprint;

pub use routes::{Brand, PointChange, Profile, Shop};
pub use store::{
    Account, PointEntry, account_by_id, accounts, brand_by_id, brands, clean_up, insert_brand, insert_shop,
    insert_test, lock_account, set_right, shop_by_id, shops,
};

/// A logged-in member.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: i64,
    /// The WeChat openid bound to the account.
    pub openid: Option<String>,
    /// Of the token that proved it.
    pub token_hash: String,
}

impl Member {
    /// The open_id this member uses in other products: the bound one, `m` + id while none is.
    #[must_use]
    pub fn acts_for(&self) -> String {
        self.openid.clone().unwrap_or_else(|| format!("m{}", self.id))
    }
}

/// The member an access token was given to, while it is valid.
///
/// # Errors
/// When the database refuses.
pub async fn member_of_token(app: &App, token: &str) -> Result<Option<Member>, Error> {
    member_of_hash(app, fingerprint(token)).await
}

/// As [`member_of_token`], by what is kept of the token.
///
/// # Errors
/// When the database refuses.
pub async fn member_of_hash(app: &App, token_hash: String) -> Result<Option<Member>, Error> {
    let at = app.clock.now().at;
    app.db.point("members.token", move |tx| store::member_of_token(tx, &token_hash, at)).await
}

/// Whether a mobile has an account.
///
/// # Errors
/// When the database refuses.
pub fn has_account(tx: &mut Tx<'_>, mobile: &str) -> Result<bool, Error> {
    Ok(store::account_by_mobile(tx, mobile)?.is_some())
}

/// Why points change (事件类型).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointEvent {
    Trial,
    Register,
    Comment,
}

impl Choice for PointEvent {
    const ALL: &'static [Self] = &[Self::Trial, Self::Register, Self::Comment];

    fn word(self) -> &'static str {
        match self {
            Self::Trial => "TRIAL",
            Self::Register => "REGISTER",
            Self::Comment => "COMMENT",
        }
    }
}
choice_field!(PointEvent);

/// Grants (or with a negative number takes) points and records why.
///
/// # Errors
/// When the database refuses.
pub fn grant_points(
    tx: &mut Tx<'_>,
    account_id: i64,
    (event, event_id): (PointEvent, i64),
    point: i64,
    reason: &str,
    at: Millis,
) -> Result<i64, Error> {
    store::add_points(tx, account_id, event.as_str(), event_id, point, reason, at)
}
