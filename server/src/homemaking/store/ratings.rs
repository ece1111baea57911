//! Ratings (评价).

use yuyue_db::{Row, Tx, params, sql};

use super::{Result, users};
use crate::clock::Millis;
use crate::error::Error;
use crate::homemaking::states::{RatingState, Term as _};
use crate::homemaking::view::Person;
use crate::http::page::Page;

/// A rating with who gave it.
#[derive(Clone, Debug)]
pub struct Rating {
    pub id: i64,
    pub order_id: i64,
    pub service_id: i64,
    pub publisher_id: i64,
    /// 1 to 5.
    pub score: i64,
    pub content: String,
    /// A JSON array of addresses.
    pub illustration: String,
    pub status: RatingState,
    /// The publisher's answer, and when it was given.
    pub reply: Option<(String, Millis)>,
    pub author: Person,
    pub created_at: Millis,
}

fn status(row: &Row<'_>) -> yuyue_db::Result<RatingState> {
    let number = row.get("status")?;
    RatingState::of(number).ok_or_else(|| yuyue_db::Error::Column {
        column: "status".into(),
        reason: format!("{number} is no status of a rating"),
    })
}

fn rating(row: &Row<'_>) -> yuyue_db::Result<Rating> {
    let reply: Option<String> = row.get("reply")?;
    Ok(Rating {
        id: row.get("id")?,
        order_id: row.get("order_id")?,
        service_id: row.get("service_id")?,
        publisher_id: row.get("publisher_id")?,
        score: row.get("score")?,
        content: row.get("content")?,
        illustration: row.get("illustration")?,
        status: status(row)?,
        reply: reply.zip(row.get("replied_at")?),
        author: users::person(row, "a_")?,
        created_at: row.get("created_at")?,
    })
}

/// The columns of `r`, with its author `a`.
macro_rules! shown {
    ($rest:expr) => {
        concat!(
            "SELECT r.id, r.order_id, r.service_id, r.publisher_id, r.score, r.content, r.illustration, r.status,
                    r.reply, r.replied_at, r.created_at,
                    a.id AS a_id, a.nickname AS a_nickname, a.avatar AS a_avatar, a.real_name AS a_real_name,
                    a.gender AS a_gender, a.tel AS a_tel
             FROM rating r JOIN home_user a ON a.id = r.author_id ",
            $rest
        )
    };
}

/// What a rating is made of.
#[derive(Clone, Debug)]
pub struct NewRating {
    pub order_id: i64,
    pub service_id: i64,
    pub author_id: i64,
    pub publisher_id: i64,
    pub score: i64,
    pub content: String,
    pub illustration: String,
    pub status: RatingState,
}

/// Makes a rating; `None` when the order has one.
pub fn insert(tx: &mut Tx<'_>, new: &NewRating, at: Millis) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO rating (order_id, service_id, author_id, publisher_id, score, content, illustration, status, version,
                             created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9) ON CONFLICT (order_id) DO NOTHING RETURNING id"
    );
    let values = params![
        new.order_id,
        new.service_id,
        new.author_id,
        new.publisher_id,
        new.score,
        &new.content,
        &new.illustration,
        new.status.number(),
        at
    ];
    Ok(tx.query_opt(insert, values, |row| row.get("id"))?)
}

/// Whether an order has been rated.
pub fn is_rated(tx: &mut Tx<'_>, order_id: i64) -> Result<bool> {
    let find = sql!("SELECT id FROM rating WHERE order_id = $1");
    Ok(tx.query_opt(find, params![order_id], |_| Ok(()))?.is_some())
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Rating>> {
    Ok(tx.query_opt(sql!(shown!("WHERE r.id = $1")), params![id], rating)?)
}

pub fn of_order(tx: &mut Tx<'_>, order_id: i64) -> Result<Option<Rating>> {
    Ok(tx.query_opt(sql!(shown!("WHERE r.order_id = $1")), params![order_id], rating)?)
}

/// A service's ratings that are shown, the newest first, and how many there are.
pub fn of_service(tx: &mut Tx<'_>, service_id: i64, page: Page) -> Result<(i64, Vec<Rating>)> {
    let count = sql!("SELECT count(*) AS total FROM rating r WHERE r.service_id = $1 AND r.status = $2");
    let list =
        sql!(shown!("WHERE r.service_id = $1 AND r.status = $2 ORDER BY r.id DESC LIMIT $3 OFFSET $4"));
    let shown = RatingState::Shown.number();
    let total = tx.query_one(count, params![service_id, shown], |row| row.get("total"))?;
    let values = params![service_id, shown, page.size, page.offset()];
    Ok((total, tx.query(list, values, rating)?))
}

/// Everybody's ratings, of a status or of all, the newest first, and how many there are.
pub fn of_status(tx: &mut Tx<'_>, status: Option<RatingState>, page: Page) -> Result<(i64, Vec<Rating>)> {
    macro_rules! driven {
        ($by:literal) => {
            (
                sql!(concat!("SELECT count(*) AS total FROM rating r WHERE ", $by)),
                sql!(shown!(concat!("WHERE ", $by, " ORDER BY r.id DESC LIMIT $2 OFFSET $3"))),
            )
        };
    }
    let (count, list) = if status.is_some() { driven!("r.status = $1") } else { driven!("$1 < 0") };
    let number = status.map_or(-1, RatingState::number);
    let total = tx.query_one(count, params![number], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![number, page.size, page.offset()], rating)?))
}

/// A rating that was taken: of which service it is, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub service_id: i64,
    pub score: i64,
    pub status: RatingState,
}

/// Takes a rating's row: nobody else moves it until the transaction ends.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Taken>> {
    let take =
        sql!("UPDATE rating SET version = version + 1 WHERE id = $1 RETURNING service_id, score, status");
    let taken = tx.query_opt(take, params![id], |row| {
        Ok(Taken { service_id: row.get("service_id")?, score: row.get("score")?, status: status(row)? })
    });
    Ok(taken?)
}

/// Saves a step of a rating that was taken.
pub fn set_status(tx: &mut Tx<'_>, id: i64, to: RatingState) -> Result<()> {
    match tx.execute(sql!("UPDATE rating SET status = $2 WHERE id = $1"), params![id, to.number()])? {
        1 => Ok(()),
        _ => Err(Error::internal(format!("rating {id} is gone"))),
    }
}

/// Saves the publisher's answer; false when there is one, or the rating is of somebody else's service.
pub fn set_reply(tx: &mut Tx<'_>, id: i64, publisher_id: i64, reply: &str, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE rating SET reply = $3, replied_at = $4 WHERE id = $1 AND publisher_id = $2 AND reply IS NULL"
    );
    Ok(tx.execute(update, params![id, publisher_id, reply, at])? == 1)
}
