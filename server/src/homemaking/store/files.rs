//! Uploaded pictures (图片).

use yuyue_db::{Row, Tx, params, sql};

use super::Result;
use crate::clock::{DAY, Millis};

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
    /// The budget it counts in while nothing shows it; `None`: nobody's.
    pub budget: Option<String>,
}

/// Notes a picture before it is stored, so that whatever happens it is removed one day. Until
/// [`keep`] nothing may show it.
pub fn insert(tx: &mut Tx<'_>, new: &NewFile, at: Millis) -> Result<()> {
    let insert = sql!(
        "INSERT INTO home_file (id, path, media_type, bytes, width, height, sha256, budget, doomed_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)"
    );
    let NewFile { id, path, media_type, bytes, width, height, sha256, budget } = new;
    tx.execute(
        insert,
        params![*id, path, *media_type, *bytes, *width, *height, sha256, budget.as_ref(), at],
    )?;
    Ok(())
}

/// The budget of all strangers together.
pub const ALL: &str = "all";

/// Takes `bytes` out of a budget of `most`, which begins anew at `ends_at`; false when less is left.
pub fn charge(tx: &mut Tx<'_>, budget: &str, bytes: i64, ends_at: Millis, most: i64) -> Result<bool> {
    let charge = sql!(
        "INSERT INTO upload_budget (name, bytes, ends_at)
         SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT) WHERE $2 <= CAST($4 AS BIGINT)
         ON CONFLICT (name) DO UPDATE SET bytes = upload_budget.bytes + excluded.bytes
         WHERE upload_budget.bytes + excluded.bytes <= $4"
    );
    Ok(tx.execute(charge, params![budget, bytes, ends_at, most])? == 1)
}

fn give_back(tx: &mut Tx<'_>, budget: &str, bytes: i64) -> Result<()> {
    let update = sql!("UPDATE upload_budget SET bytes = bytes - $2 WHERE name = $1");
    tx.execute(update, params![budget, bytes])?;
    Ok(())
}

/// Forgets budgets that have begun anew.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM upload_budget WHERE name IN
             (SELECT name FROM upload_budget WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at, most])?)
}

/// Pictures that a wrong clock dated after `at` are as old as others, and a day's budget ends within a day; gives how
/// many rows. What all strangers share never ends.
pub fn set_right(tx: &mut Tx<'_>, at: Millis) -> Result<u64> {
    let files =
        sql!("UPDATE home_file SET created_at = $1 WHERE used_at IS NULL AND created_at - 60000 > $1");
    let budgets = sql!("DELETE FROM upload_budget WHERE name <> 'all' AND ends_at > $1");
    Ok(tx.execute(files, params![at])? + tx.execute(budgets, params![at + 2 * DAY])?)
}

/// A picture has been stored, and so have those that came with it.
pub fn keep(tx: &mut Tx<'_>, id: i64) -> Result<bool> {
    let update = sql!("UPDATE home_file SET doomed_at = NULL WHERE id = $1 AND doomed_at = created_at");
    Ok(tx.execute(update, params![id])? == 1)
}

/// A picture is claimed by what `$by` finds it: the first claim gives its bytes back to the budgets.
macro_rules! claimed {
    ($by:literal, $tx:ident, $key:ident, $at:ident) => {{
        let first = sql!(concat!(
            "UPDATE home_file SET used_at = $2 WHERE ",
            $by,
            " = $1 AND doomed_at IS NULL AND used_at IS NULL RETURNING bytes, budget"
        ));
        let again = sql!(concat!(
            "SELECT id FROM home_file WHERE ",
            $by,
            " = $1 AND doomed_at IS NULL AND used_at IS NOT NULL"
        ));
        match $tx.query_opt(first, params![$key, $at], counted)? {
            Some((bytes, Some(budget))) => {
                give_back($tx, &budget, bytes)?;
                give_back($tx, ALL, bytes)?;
                Ok(true)
            }
            Some((_, None)) => Ok(true),
            None => Ok($tx.query_opt(again, params![$key], |_| Ok(()))?.is_some()),
        }
    }};
}

fn counted(row: &Row<'_>) -> yuyue_db::Result<(i64, Option<String>)> {
    Ok((row.get("bytes")?, row.get("budget")?))
}

/// Something shows the picture from now on, so it stays. False when there is none, or it is being
/// removed.
pub fn claim(tx: &mut Tx<'_>, id: i64, at: Millis) -> Result<bool> {
    claimed!("id", tx, id, at)
}

/// As [`claim`], by the picture's path.
pub fn claim_path(tx: &mut Tx<'_>, path: &str, at: Millis) -> Result<bool> {
    claimed!("path", tx, path, at)
}

/// How many pictures are removed at a time.
const BATCH: i64 = 100;

/// From when on pictures are too young to be removed: those of users, and those of strangers.
#[derive(Clone, Copy, Debug)]
pub struct Since {
    pub users: Millis,
    pub strangers: Millis,
}

/// Dooms pictures from before `since` that nothing shows, and gives those and what was doomed before.
pub fn doom(tx: &mut Tx<'_>, since: Since, at: Millis) -> Result<Vec<(i64, String)>> {
    macro_rules! old {
        () => {
            "used_at IS NULL AND created_at <= $1 AND (created_at <= $2 OR budget IS NOT NULL)"
        };
    }
    // The conditions stand twice: a picture that is claimed meanwhile stays.
    let update = sql!(concat!(
        "UPDATE home_file SET doomed_at = $3 WHERE doomed_at IS NULL AND ",
        old!(),
        " AND id IN (SELECT id FROM home_file WHERE ",
        old!(),
        " ORDER BY created_at, id LIMIT $4)"
    ));
    tx.execute(update, params![since.strangers, since.users, at, BATCH])?;
    let list = sql!(concat!(
        "SELECT id, path FROM home_file WHERE doomed_at IS NOT NULL AND ",
        old!(),
        " ORDER BY created_at, id LIMIT $3"
    ));
    let values = params![since.strangers, since.users, BATCH];
    Ok(tx.query(list, values, |row| Ok((row.get("id")?, row.get("path")?)))?)
}

/// Forgets a picture that is stored no more. What never was whole does not count in its sender's budget.
pub fn delete(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let delete = sql!(
        "DELETE FROM home_file WHERE id = $1 AND doomed_at IS NOT NULL
         RETURNING bytes, budget, doomed_at, created_at"
    );
    let deleted = tx.query_opt(delete, params![id], |row| {
        let was_whole = row.get::<Option<Millis>>("doomed_at")? != Some(row.get("created_at")?);
        Ok((counted(row)?, was_whole))
    })?;
    let Some(((bytes, Some(budget)), was_whole)) = deleted else { return Ok(()) };
    if !was_whole {
        give_back(tx, &budget, bytes)?;
    }
    give_back(tx, ALL, bytes)
}
