//! Long work in parts: each its own short transaction, so that bookings get their turn between them. A stop
//! between two parts loses nothing, because each finds by itself what is still to do.

use yuyue_db::{Db, Tx};

use crate::clock::Millis;
use crate::error::Error;

/// The most rows that one part changes.
pub const ROWS: i64 = 500;
/// Parts done at one go. More would outlast the patience that a job is given.
const PARTS: usize = 200;

/// Forgets at most so many rows that have passed their time; gives how many there were.
pub type CleanUp = fn(&mut Tx<'_>, Millis, i64) -> Result<u64, Error>;

/// Whether anything is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    Nothing,
    More,
}

impl Left {
    /// What is left after a part that did `done` of at most `most`.
    #[must_use]
    pub fn after(done: u64, most: i64) -> Self {
        if i64::try_from(done).is_ok_and(|done| done < most) { Self::Nothing } else { Self::More }
    }
}

/// Repeats `part` until nothing is left, or until it is time to let go.
///
/// # Errors
/// When the database refuses a part; those before it stay done.
pub async fn in_parts<F>(db: &Db, name: &'static str, part: F) -> Result<Left, Error>
where
    F: Fn(&mut Tx<'_>) -> Result<Left, Error> + Clone + Send + 'static,
{
    for _ in 0..PARTS {
        if db.write(name, part.clone()).await? == Left::Nothing {
            return Ok(Left::Nothing);
        }
    }
    Ok(Left::More)
}
