//! Uploaded pictures (图片).

use yuyue_db::{Tx, params, sql};

use super::Result;
use crate::clock::Millis;

/// A picture that is about to be stored.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Drawn at random, because whoever names a picture's id as their own cover gets to see it.
    pub id: i64,
    /// Below our storage.
    pub path: String,
    pub media_type: &'static str,
    pub bytes: i64,
    pub width: i64,
    pub height: i64,
    pub sha256: String,
}

/// Notes a picture before it is stored, so that whatever happens it is removed one day. Until
/// [`keep`] nothing may show it.
pub fn insert(tx: &mut Tx<'_>, new: &NewFile, at: Millis) -> Result<()> {
    let insert = sql!(
        "INSERT INTO home_file (id, path, media_type, bytes, width, height, sha256, doomed_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)"
    );
    let NewFile { id, path, media_type, bytes, width, height, sha256 } = new;
    tx.execute(insert, params![*id, path, *media_type, *bytes, *width, *height, sha256, at])?;
    Ok(())
}

/// A picture has been stored, and so have those that came with it.
pub fn keep(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let update = sql!("UPDATE home_file SET doomed_at = NULL WHERE id = $1 AND doomed_at = created_at");
    Ok(tx.execute(update, params![id])? == 1)
}

/// Something shows the picture from now on, so it stays. False when there is none, or it is being
/// removed.
pub fn claim(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<bool> {
    let update =
        sql!("UPDATE home_file SET used_at = coalesce(used_at, $2) WHERE id = $1 AND doomed_at IS NULL");
    Ok(tx.execute(update, params![id, at])? == 1)
}

/// As [`claim`], by the picture's path.
pub fn claim_path(tx: &mut Tx<'_>, path: &str, at: Millis) -> Result<bool> {
    let update =
        sql!("UPDATE home_file SET used_at = coalesce(used_at, $2) WHERE path = $1 AND doomed_at IS NULL");
    Ok(tx.execute(update, params![path, at])? == 1)
}

/// How many pictures are removed at a time.
const BATCH: i64 = 100;

/// Dooms pictures of before `before` that nothing shows, and gives those and what was doomed before.
pub fn doom(tx: &mut Tx<'_>, before: Millis, at: Millis) -> Result<Vec<(i64, String)>> {
    // The conditions stand twice: a picture that is claimed meanwhile stays.
    let update = sql!(
        "UPDATE home_file SET doomed_at = $2
         WHERE used_at IS NULL AND doomed_at IS NULL AND created_at <= $1 AND id IN (
             SELECT id FROM home_file WHERE used_at IS NULL AND created_at <= $1 ORDER BY created_at, id LIMIT $3)"
    );
    tx.execute(update, params![before, at, BATCH])?;
    let list = sql!(
        "SELECT id, path FROM home_file WHERE used_at IS NULL AND doomed_at IS NOT NULL AND created_at <= $1
         ORDER BY created_at, id LIMIT $2"
    );
    Ok(tx.query(list, params![before, BATCH], |row| Ok((row.get("id")?, row.get("path")?)))?)
}

/// Forgets a picture that is stored no more.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    tx.execute(sql!("DELETE FROM home_file WHERE id = $1 AND doomed_at IS NOT NULL"), params![id])?;
    Ok(())
}
