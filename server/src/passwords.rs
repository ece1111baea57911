//! Password hashing (argon2id), off the async threads and never more at once than cores.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::error::Error;
use crate::http::limits;

/// Wrong passwords within [`GUESS_WINDOW`] after which an account is locked.
const GUESSES: u32 = 10;
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

/// Verifies a password under the rule against guessing; `name` is whose it is. The guess is counted
/// before it is verified, so that many at once cannot pass. Without a stored hash it is wrong, and
/// takes as long to be so.
///
/// # Errors
/// When the database refuses or a stored hash cannot be read.
pub async fn guess(
    app: &App,
    name: &str,
    password: String,
    stored: Option<String>,
    at: Millis,
) -> Result<Guess, Error> {
    let (counted, cleared) = (name.to_owned(), name.to_owned());
    let name = name.to_owned();
    // A locked account is answered at once and takes no turn from those who wait for one.
    let so_far = app.db.point("passwords.so_far", move |tx| limits::so_far(tx, &name, at)).await?;
    if let Some(locked) = so_far.filter(|so_far| so_far.count >= GUESSES) {
        return Ok(Guess::Locked { retry_after: locked.retry_after(at) });
    }
    // Counted when its turn has come, not before: right guesses that wait must lock nobody out.
    let turn = turn(app).await?;
    let count =
        app.db.write("passwords.count", move |tx| limits::count(tx, &counted, at, GUESS_WINDOW)).await?;
    if count.count > GUESSES {
        return Ok(Guess::Locked { retry_after: count.retry_after(at) });
    }
    let is_known = stored.is_some();
    let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
    let is_right = on_a_hashing_thread(turn, move || {
        let hash = PasswordHash::new(&stored).map_err(|error| Error::internal(error.to_string()))?;
        Ok::<_, Error>(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await??;
    if !is_right || !is_known {
        return Ok(Guess::Wrong);
    }
    app.db.write("passwords.clear", move |tx| limits::clear(tx, &cleared)).await?;
    Ok(Guess::Right)
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
