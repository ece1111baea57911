//! Password hashing (argon2id), off the async threads and never more at once than cores.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use tokio::sync::OwnedSemaphorePermit;
use yuyue_db::Tx;

use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::error::Error;
use crate::http::limits::{self, Count};

const GUESS_WINDOW: Millis = 15 * MINUTE;
/// A hash as [`hash`] makes them, of a password that nobody has.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes `password` with a fresh salt.
///
/// # Errors
/// When hashing fails, which is a fault of the server.
pub async fn hash(app: &App, password: String) -> Result<String, Error> {
    let salt: [u8; 16] = app.ids.bytes();
    let turn = turn(app).await?;
    let hashed = on_a_hashing_thread(turn, move || {
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    hashed.await?.map_err(|error| Error::internal(error.to_string()))
}

/// How a guess at a password ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guess {
    Right,
    Wrong,
    /// Not even looked at: there were too many wrong ones.
    Locked {
        /// In seconds.
        retry_after: u32,
    },
}

/// How many wrong passwords within 15 minutes lock what `name` counts.
#[derive(Clone, Debug)]
pub struct GuessLimit {
    /// Whose password it is, and from where if that matters.
    pub name: String,
    pub most: u32,
}

/// Verifies a password under the rules against guessing. The guess is counted towards each limit
/// before it is verified, so that many at once cannot pass; a right one begins them anew. Without a
/// stored hash it is wrong, and takes as long to be so.
///
/// # Errors
/// When the database refuses or a stored hash cannot be read.
pub async fn guess(
    app: &App,
    limits: Vec<GuessLimit>,
    password: String,
    stored: Option<String>,
    at: Millis,
) -> Result<Guess, Error> {
    let (counted, cleared) = (limits.clone(), limits.clone());
    // A locked account is answered at once and takes no turn from those who wait for one.
    let locked = app.db.point("passwords.so_far", move |tx| locked(tx, &limits, at)).await?;
    if let Some(locked) = locked {
        return Ok(Guess::Locked { retry_after: locked.retry_after(at) });
    }
    // Counted when its turn has come, not before: right guesses that wait must lock nobody out.
    let turn = turn(app).await?;
    let locked = app.db.write("passwords.count", move |tx| count(tx, &counted, at)).await?;
    if let Some(locked) = locked {
        return Ok(Guess::Locked { retry_after: locked.retry_after(at) });
    }
    let is_known = stored.is_some();
    let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
    let is_right = compare(turn, password, stored).await?;
    if !is_right || !is_known {
        return Ok(Guess::Wrong);
    }
    let clear = move |tx: &mut Tx<'_>| cleared.iter().try_for_each(|limit| limits::clear(tx, &limit.name));
    app.db.write("passwords.clear", clear).await?;
    Ok(Guess::Right)
}

/// The first limit that is reached.
fn locked(tx: &mut Tx<'_>, limits: &[GuessLimit], at: Millis) -> Result<Option<Count>, Error> {
    for limit in limits {
        let so_far = limits::so_far(tx, &limit.name, at)?;
        if let Some(so_far) = so_far.filter(|so_far| so_far.count >= limit.most) {
            return Ok(Some(so_far));
        }
    }
    Ok(None)
}

/// Counts one more guess; gives the limit that it is beyond, and counts towards none after that.
fn count(tx: &mut Tx<'_>, limits: &[GuessLimit], at: Millis) -> Result<Option<Count>, Error> {
    for limit in limits {
        let count = limits::count(tx, &limit.name, at, GUESS_WINDOW)?;
        if count.count > limit.most {
            return Ok(Some(count));
        }
    }
    Ok(None)
}

/// Whether `password` is the one that was hashed. For guesses from outside, see [`guess`].
///
/// # Errors
/// When the stored hash cannot be read.
pub async fn verify(app: &App, password: String, stored: String) -> Result<bool, Error> {
    compare(turn(app).await?, password, stored).await
}

async fn compare(turn: OwnedSemaphorePermit, password: String, stored: String) -> Result<bool, Error> {
    on_a_hashing_thread(turn, move || {
        let hash = PasswordHash::new(&stored).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await?
}

/// Hashing is meant to be slow: no more at once than there are cores.
async fn turn(app: &App) -> Result<OwnedSemaphorePermit, Error> {
    Arc::clone(&app.hashing).acquire_owned().await.map_err(|error| Error::internal(error.to_string()))
}

/// The turn ends with the work, even when the caller has gone away before.
async fn on_a_hashing_thread<T: Send + 'static>(
    turn: OwnedSemaphorePermit,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let work = tokio::task::spawn_blocking(move || {
        let result = run();
        drop(turn);
        result
    });
    work.await.map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_at_nobody_costs_what_a_guess_at_somebody_does() {
        let somebody = Argon2::default().hash_password_with_salt(b"secret", &[7; 16]).unwrap().to_string();
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned).unwrap();
        let length = |hash: &str| hash.len();
        assert_eq!(cost(NOBODY), cost(&somebody));
        assert_eq!(length(NOBODY), length(&somebody));
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
