//! Pairs of i_code and order_no (课程验证码和订单号), by which users are known.

use yuyue_db::{Row, Tx, params, sql};

use super::{Result, tokens, users};
use crate::clock::Millis;
use crate::http::page::Page;

/// A pair that has been issued.
#[derive(Clone, Debug)]
pub struct Enrolment {
    pub id: i64,
    pub user_id: i64,
    pub sealed_code: String,
    pub order_no: i64,
    pub expires_at: Option<Millis>,
    pub created_at: Millis,
}

fn enrolment(row: &Row<'_>) -> yuyue_db::Result<Enrolment> {
    Ok(Enrolment {
        id: row.get("id")?,
        user_id: row.get("user_id")?,
        sealed_code: row.get("sealed_code")?,
        order_no: row.get("order_no")?,
        expires_at: row.get("expires_at")?,
        created_at: row.get("created_at")?,
    })
}

/// The pair of a fingerprint, locked until the transaction ends, if it is good at `at`.
pub fn take_good(tx: &mut Tx<'_>, fingerprint: &str, at: Millis) -> Result<Option<Enrolment>> {
    let take = sql!(
        "UPDATE enrolment SET fingerprint = fingerprint
         WHERE fingerprint = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
         RETURNING id, user_id, sealed_code, order_no, expires_at, created_at"
    );
    Ok(tx.query_opt(take, params![fingerprint, at], enrolment)?)
}

/// What issuing a pair takes.
#[derive(Clone, Debug)]
pub struct NewEnrolment {
    pub fingerprint: String,
    pub sealed_code: String,
    pub order_no: i64,
    pub expires_at: Option<Millis>,
}

/// Issues a pair, with a new user or, for one that was revoked, the user it had; `None` when it is
/// good already.
pub fn issue(tx: &mut Tx<'_>, new: &NewEnrolment, at: Millis) -> Result<Option<Enrolment>> {
    let renew = sql!(
        "UPDATE enrolment SET revoked_at = NULL, sealed_code = $2, expires_at = $3, created_at = $4
         WHERE fingerprint = $1 AND (revoked_at IS NOT NULL OR expires_at <= $4)
         RETURNING id, user_id, sealed_code, order_no, expires_at, created_at"
    );
    let renewed = params![&new.fingerprint, &new.sealed_code, new.expires_at, at];
    if let Some(enrolment) = tx.query_opt(renew, renewed, enrolment)? {
        // Tokens of a pair that ran out would be good again.
        tokens::delete_of_enrolment(tx, enrolment.id)?;
        return Ok(Some(enrolment));
    }
    let find = sql!("SELECT id FROM enrolment WHERE fingerprint = $1");
    if tx.query_opt(find, params![&new.fingerprint], |_| Ok(()))?.is_some() {
        return Ok(None);
    }
    let user_id = users::insert(tx, at)?;
    let insert = sql!(
        "INSERT INTO enrolment (user_id, fingerprint, sealed_code, order_no, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (fingerprint) DO NOTHING
         RETURNING id, user_id, sealed_code, order_no, expires_at, created_at"
    );
    let values = params![user_id, &new.fingerprint, &new.sealed_code, new.order_no, new.expires_at, at];
    Ok(tx.query_opt(insert, values, enrolment)?)
}

/// Revokes a pair; `None` when there is none that could be.
pub fn revoke(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<Option<Enrolment>> {
    let revoke = sql!(
        "UPDATE enrolment SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL
         RETURNING id, user_id, sealed_code, order_no, expires_at, created_at"
    );
    Ok(tx.query_opt(revoke, params![id, at], enrolment)?)
}

/// The pairs that are not revoked, the newest first, and how many there are.
pub fn list(tx: &mut Tx<'_>, page: Page) -> Result<(i64, Vec<Enrolment>)> {
    let count = sql!("SELECT count(*) AS total FROM enrolment WHERE revoked_at IS NULL");
    let total = tx.query_one(count, params![], |row| row.get("total"))?;
    let list = sql!(
        "SELECT id, user_id, sealed_code, order_no, expires_at, created_at FROM enrolment
         WHERE revoked_at IS NULL ORDER BY id DESC LIMIT $1 OFFSET $2"
    );
    Ok((total, tx.query(list, params![page.size, page.offset()], enrolment)?))
}
