//! Tokens (令牌), kept hashed. One is good while it has not expired and its pair is good.

use yuyue_db::{Tx, params, sql};

use super::Result;
use super::enrolments::Enrolment;
use crate::clock::Millis;

/// A new token of a pair and its user.
pub fn insert(
    tx: &mut Tx<'_>,
    hash: &str,
    enrolment: &Enrolment,
    at: Millis,
    expires_at: Millis,
) -> Result<()> {
    let insert = sql!(
        "INSERT INTO home_token (token_hash, enrolment_id, user_id, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5)"
    );
    tx.execute(insert, params![hash, enrolment.id, enrolment.user_id, at, expires_at])?;
    Ok(())
}

/// Whose token it is.
pub fn user_of(tx: &mut Tx<'_>, hash: &str, at: Millis) -> Result<Option<i64>> {
    let find = sql!(
        "SELECT t.user_id FROM home_token t JOIN enrolment e ON e.id = t.enrolment_id
         WHERE t.token_hash = $1 AND t.expires_at > $2 AND e.revoked_at IS NULL
           AND (e.expires_at IS NULL OR e.expires_at > $2)"
    );
    Ok(tx.query_opt(find, params![hash, at], |row| row.get("user_id"))?)
}

/// Ends every token of a pair.
pub fn delete_of_enrolment(tx: &mut Tx<'_>, enrolment_id: i64) -> Result<()> {
    tx.execute(sql!("DELETE FROM home_token WHERE enrolment_id = $1"), params![enrolment_id])?;
    Ok(())
}

/// Forgets tokens that have expired.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM home_token WHERE token_hash IN
             (SELECT token_hash FROM home_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// Tokens that a wrong clock gave out after `at` live no longer than others; gives how many.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    let update = sql!(
        "UPDATE home_token SET expires_at = expires_at - (created_at - $1), created_at = $1 WHERE created_at - 60000 > $1"
    );
    Ok(tx.execute(update, params![at])?)
}
