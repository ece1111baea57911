//! HTTP of members.

mod account;
mod code;
mod login;

use std::net::IpAddr;

use serde::Serialize;
use utoipa::ToSchema;
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{DAY, Now};
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::http::limits::ClientAddress;
use crate::logins::{self, Kind};
use crate::members::rules;
use crate::members::store::{self, Account};
use crate::passwords::{self, GUESS_WINDOW, Guess, GuessLimit, Lane};

pub use account::*;
pub use code::*;
pub use login::*;

type Outcome = Result<Reply, Error>;

/// Nothing to say beyond the status.
#[derive(Serialize, ToSchema)]
pub struct Empty {}

fn required<T>(value: Option<T>, field: &str) -> Result<T, Error> {
    use crate::http::fields::REQUIRED;
    value.ok_or_else(|| Error::invalid(field, &REQUIRED.zh, &REQUIRED.en))
}

/// Names whoever an account belongs to among the known addresses and the counts of failures.
fn person(account: &Account) -> String {
    match account.mobile.as_str() {
        "" => format!("account {}", account.id),
        mobile => logins::person(mobile),
    }
}

/// Names the wrong passwords for an account from one address: a stranger's must not shut out whose it is.
fn guesses_at(account_id: i64, address: IpAddr) -> String {
    format!("login account {account_id} {address}")
}

/// Gives the hash of the password that is stored from then on.
async fn expect_password(
    app: &App,
    account: &Account,
    password: String,
    address: ClientAddress,
    now: &Now,
) -> Result<String, Error> {
    let Some(stored) = account.password_hash.clone() else { return Err((&rules::PASSWORD_INCORRECT).into()) };
    let who = person(account);
    let (wanted, at) = (who.clone(), now.at);
    let is_known =
        app.db.point("members.known", move |tx| logins::is_known(tx, &wanted, address.0, at)).await?;
    let mut limits = vec![GuessLimit {
        name: guesses_at(account.id, address.0),
        most: rules::PASSWORD_TRIES,
        window: GUESS_WINDOW,
        is_ended_by_success: true,
    }];
    if !is_known {
        limits.push(GuessLimit {
            name: logins::strangers(&who),
            most: logins::STRANGERS_FAILURES,
            window: DAY,
            is_ended_by_success: false,
        });
    }
    let lane = if is_known { Lane::Known } else { Lane::Public };
    match passwords::guess(app, lane, limits, password, Some(stored.clone()), at).await? {
        Guess::Right(None) => Ok(stored),
        Guess::Right(Some(hash)) => rehash(app, account.id, stored, hash).await,
        Guess::Wrong => {
            logins::refused(app, Kind::MemberPassword, address, &account.mobile).await;
            Err((&rules::PASSWORD_INCORRECT).into())
        }
        Guess::Locked { retry_after } => {
            logins::locked(app, Kind::MemberPassword, address, &account.mobile).await;
            Err(Error::from(&rules::LOCKED).with_retry_after(retry_after))
        }
    }
}

/// Keeps a password under another hash; the old one stays when the password was changed meanwhile.
async fn rehash(app: &App, id: i64, old: String, new: String) -> Result<String, Error> {
    let (is, becomes) = (old.clone(), new.clone());
    let replace = move |tx: &mut Tx<'_>| Ok::<_, Error>(store::replace_hash(tx, id, &is, &becomes)?);
    Ok(if app.db.write("members.rehash", replace).await? { new } else { old })
}
