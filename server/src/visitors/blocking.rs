//! Blocking a phone (黑名单), on whichever path: what the person has is taken away in the same commit.

use yuyue_db::Tx;

use crate::clock::Millis;
use crate::error::Error;
use crate::phone;
use crate::visitors::hosts;
use crate::visitors::store::blocklist;

/// Blocks a phone in every spelling; gives the entry's id.
///
/// # Errors
/// When the database refuses.
pub fn block(tx: &mut Tx<'_>, phone: &str, reason: &str, by: &str, at: Millis) -> Result<i64, Error> {
    blocklist::lock(tx)?;
    let key = phone::key(phone);
    let id = blocklist::add(tx, (phone, &key), reason, by, at)?;
    shut_out(tx, &key, at)?;
    Ok(id)
}

/// Takes from a person the passes, and the place in Koala that opens doors.
///
/// # Errors
/// When the database refuses.
pub fn shut_out(tx: &mut Tx<'_>, phone_key: &str, at: Millis) -> Result<(), Error> {
    blocklist::end_passes(tx, phone_key, at)?;
    let koala_ids = blocklist::take_koala_ids(tx, phone_key, at)?;
    hosts::forget(tx, &koala_ids, at)
}

/// Takes an entry off the list; whether it was on it. What the block ended stays ended: a new sign-in
/// gives a new pass.
///
/// # Errors
/// When the database refuses.
pub fn unblock(tx: &mut Tx<'_>, id: i64) -> Result<bool, Error> {
    blocklist::lock(tx)?;
    let Some(key) = blocklist::remove(tx, id)? else { return Ok(false) };
    blocklist::forgive_passes(tx, &key)?;
    Ok(true)
}
