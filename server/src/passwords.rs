//! Password hashing (argon2id), off the async threads and never more at once than cores.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Argon2, PasswordHash};
use icu_normalizer::ComposingNormalizerBorrowed;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use yuyue_db::Tx;
pub use zxcvbn::Score;

use crate::app::App;
use crate::clock::{MINUTE, Millis};
use crate::error::Error;
use crate::http::limits::{self, Count};

/// How long wrong passwords from one address count.
pub const GUESS_WINDOW: Millis = 15 * MINUTE;

/// Who waits with whom for a turn at hashing, which is meant to be slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// An address from which that account was logged in to lately.
    Known,
    /// Anybody at the console's login.
    Staff,
    /// Anybody else.
    Public,
}

/// The turns at hashing. Guesses fill their own lane only, and whoever finds it full is refused at once.
#[derive(Default)]
pub struct Hashing {
    known: Queue,
    staff: Queue,
    public: Queue,
}

struct Queue {
    /// Who is in turn or may wait for one.
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

/// As many at once as there are cores, and fewer than the wrong guesses that lock an account.
const MOST_AT_ONCE: usize = 8;
/// Under a second, for those who wait longest.
const MOST_WAITING: usize = 32;

impl Default for Queue {
    fn default() -> Self {
        let turns = std::thread::available_parallelism().map_or(2, usize::from).min(MOST_AT_ONCE);
        let places = turns + MOST_WAITING;
        Self { places: Arc::new(Semaphore::new(places)), turns: Arc::new(Semaphore::new(turns)) }
    }
}

impl Hashing {
    /// # Errors
    /// 503 when too many wait already.
    async fn turn(&self, lane: Lane) -> Result<Turn, Error> {
        let queue = match lane {
            Lane::Known => &self.known,
            Lane::Staff => &self.staff,
            Lane::Public => &self.public,
        };
        let full = |_| Error::unavailable("too many passwords wait to be hashed");
        let place = Arc::clone(&queue.places).try_acquire_owned().map_err(full)?;
        let turn = Arc::clone(&queue.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Turn { _turn: turn, _place: place })
    }
}

/// Held while a password is hashed.
struct Turn {
    _turn: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// A hash as [`hash`] makes them, of a password that nobody has.
pub const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password as it is compared and kept. Keyboards write one text in several ways: `é` as a letter or as
/// two marks, digits in full width.
#[must_use]
pub fn normal(password: &str) -> String {
    ComposingNormalizerBorrowed::new_nfkc().normalize(password).into_owned()
}

/// Hashes `password` with a fresh salt, for whoever has proved that they may set it.
///
/// # Errors
/// 503 when too many wait; when hashing fails, which is a fault of the server.
pub async fn hash(app: &App, password: String) -> Result<String, Error> {
    let (salt, password): ([u8; 16], _) = (app.ids.bytes(), normal(&password));
    let turn = app.hashing.turn(Lane::Known).await?;
    let hashed = on_a_hashing_thread(turn, move || {
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string())
    });
    hashed.await?.map_err(|error| Error::internal(error.to_string()))
}

/// How hard a password is to guess for somebody who knows `names`.
#[must_use]
pub fn score(password: &str, names: &[&str]) -> Score {
    // Scoring slows down with length; a guesser gives up long before.
    let head: String = password.chars().take(32).collect();
    zxcvbn::zxcvbn(&head, names).score()
}

/// How a guess at a password ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guess {
    /// With what is to be stored from now on, if that is another hash.
    Right(Option<String>),
    Wrong,
    /// Not even looked at: there were too many wrong ones.
    Locked {
        /// In seconds.
        retry_after: u32,
    },
}

/// How many wrong passwords within a window lock what `name` counts.
#[derive(Clone, Debug)]
pub struct GuessLimit {
    /// Whose password it is, and from where if that matters.
    pub name: String,
    pub most: u32,
    pub window: Millis,
    /// What a right one does: ends the count, or only takes itself out of it.
    pub is_ended_by_success: bool,
}

/// Verifies a password under the rules against guessing. The guess is counted towards each limit
/// before it is verified, so that many at once cannot pass; a right one begins them anew. Without a
/// stored hash it is wrong, and takes as long to be so.
///
/// # Errors
/// 503 when too many wait; when the database refuses or a stored hash cannot be read.
pub async fn guess(
    app: &App,
    lane: Lane,
    limits: Vec<GuessLimit>,
    password: String,
    stored: Option<String>,
    at: Millis,
) -> Result<Guess, Error> {
    let (counted, cleared) = (limits.clone(), limits.clone());
    // A locked account is answered at once and takes no turn from those who wait for one.
    let locked = app.db.read("passwords.so_far", move |tx| locked(tx, &limits, at)).await?;
    if let Some(locked) = locked {
        return Ok(Guess::Locked { retry_after: locked.retry_after(at) });
    }
    // Counted when its turn has come, not before: right guesses that wait must lock nobody out.
    let turn = app.hashing.turn(lane).await?;
    let locked = app.db.write("passwords.count", move |tx| count(tx, &counted, at)).await?;
    if let Some(locked) = locked {
        return Ok(Guess::Locked { retry_after: locked.retry_after(at) });
    }
    let is_known = stored.is_some();
    let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
    let found = compare(turn, password.clone(), stored).await?;
    if found == Comparison::Different || !is_known {
        return Ok(Guess::Wrong);
    }
    let clear = move |tx: &mut Tx<'_>| {
        cleared.iter().try_for_each(|limit| match limit.is_ended_by_success {
            true => limits::clear(tx, &limit.name),
            false => limits::give_back(tx, &limit.name, at),
        })
    };
    app.db.write("passwords.clear", clear).await?;
    let is_old = found == Comparison::SameAsTyped;
    Ok(Guess::Right(if is_old { Some(hash(app, password).await?) } else { None }))
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
        let count = limits::count(tx, &limit.name, at, limit.window)?;
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
    let found = compare(app.hashing.turn(Lane::Known).await?, password, stored).await?;
    Ok(found != Comparison::Different)
}

/// How a password compares with what was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Same,
    /// The hash is of what was typed, letter by letter: from before passwords were made [`normal`].
    SameAsTyped,
    Different,
}

async fn compare(turn: Turn, password: String, stored: String) -> Result<Comparison, Error> {
    on_a_hashing_thread(turn, move || {
        let hash = PasswordHash::new(&stored).map_err(|error| Error::internal(error.to_string()))?;
        let is_hashed = |text: &str| Argon2::default().verify_password(text.as_bytes(), &hash).is_ok();
        let normal = normal(&password);
        Ok(if is_hashed(&normal) {
            Comparison::Same
        } else if normal != password && is_hashed(&password) {
            Comparison::SameAsTyped
        } else {
            Comparison::Different
        })
    })
    .await?
}

/// The turn ends with the work, even when the caller has gone away before.
async fn on_a_hashing_thread<T: Send + 'static>(
    turn: Turn,
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
