//! HTTP of members.

mod account;
mod code;
mod login;

use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::clock::Now;
use crate::error::Error;
use crate::http::envelope::Reply;
use crate::members::rules;
use crate::members::store::Account;
use crate::passwords::{self, Guess, GuessLimit};

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

/// Names the wrong passwords for an account.
fn guesses_at(account_id: i64) -> String {
    format!("login account {account_id}")
}

async fn expect_password(app: &App, account: &Account, password: String, now: &Now) -> Result<(), Error> {
    let Some(stored) = account.password_hash.clone() else { return Err((&rules::PASSWORD_INCORRECT).into()) };
    let limit = GuessLimit { name: guesses_at(account.id), most: rules::PASSWORD_TRIES };
    match passwords::guess(app, vec![limit], password, Some(stored), now.at).await? {
        Guess::Right => Ok(()),
        Guess::Wrong => Err((&rules::PASSWORD_INCORRECT).into()),
        Guess::Locked { retry_after } => Err(Error::from(&rules::LOCKED).with_retry_after(retry_after)),
    }
}
