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
    Account, PointEntry, account_by_id, accounts, brand_by_id, brands, forget_tokens, insert_brand,
    insert_shop, insert_test, lock_account, set_right, shop_by_id, shops,
};

/// A logged-in member.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: i64,
    /// The WeChat openid bound to the account.
    pub openid: Option<String>,
    /// Of the token that proved it.
    pub token_hash: String,
    /// When a token of the account was used last, as far as that is noted.
    pub last_used_at: Millis,
}

impl Member {
    /// Whether this is a name of the member in other products: the bound openid, or [`own_name`], which
    /// stays one when a WeChat is bound.
    #[must_use]
    pub fn is_called(&self, open_id: &str) -> bool {
        self.openid.as_deref() == Some(open_id) || own_name(self.id) == open_id
    }
}

/// The open_id of an account in other products whatever WeChat is bound to it: `m` and its id.
#[must_use]
pub fn own_name(account_id: i64) -> String {
    format!("m{account_id}")
}

/// The account behind an open_id, and the WeChat bound to it.
///
/// # Errors
/// When the database refuses.
pub async fn account_called(app: &App, open_id: String) -> Result<Option<(i64, Option<String>)>, Error> {
    let id = open_id.strip_prefix('m').and_then(|id| id.parse().ok()).filter(|id| own_name(*id) == open_id);
    let found = match id {
        Some(id) => {
            app.db.point("members.called", move |tx| Ok::<_, Error>(store::account_by_id(tx, id)?)).await
        }
        None => {
            let find = move |tx: &mut Tx<'_>| Ok::<_, Error>(store::account_by_openid(tx, &open_id)?);
            app.db.point("members.openid", find).await
        }
    };
    let found = found?;
    Ok(found.map(|account| (account.id, account.openid)))
}

/// The member an access token was given to, while it is valid.
///
/// # Errors
/// When the database refuses.
pub async fn member_of_token(app: &App, token: &str) -> Result<Option<Member>, Error> {
    let member = member_of_hash(app, fingerprint(token)).await?;
    if let Some(member) = &member {
        note_use(app, member).await;
    }
    Ok(member)
}

/// Notes that a token was used, where that is not known well enough already.
async fn note_use(app: &App, member: &Member) {
    let (id, at) = (member.id, app.clock.now().at);
    if (0..rules::USE_IS_NOTED_EVERY).contains(&(at - member.last_used_at)) {
        return;
    }
    let note = move |tx: &mut Tx<'_>| Ok::<_, Error>(store::note_use(tx, id, at)?);
    if let Err(error) = app.db.write("members.note_use", note).await {
        // The request itself may only read, and the next one notes it.
        tracing::warn!(cause = error.cause, "the use of a token could not be noted");
    }
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
