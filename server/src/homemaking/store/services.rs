//! Services (服务).

use yuyue_db::{Row, Tx, params, sql};

use super::{Result, users};
use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::homemaking::money::Fen;
use crate::homemaking::rules::{Orderable, Period, score};
use crate::homemaking::states::{ServiceState, Term as _};
use crate::homemaking::view::Person;
use crate::http::page::Page;

/// A service with its publisher and the path of its cover image.
#[derive(Clone, Debug)]
pub struct Service {
    pub id: i64,
    pub publisher: Person,
    /// 1 offered, 2 wanted.
    pub kind: i64,
    pub category_id: i64,
    pub title: String,
    pub description: String,
    pub cover_image_id: i64,
    pub cover_path: String,
    pub designated_place: i64,
    pub price: Fen,
    pub begin_date: String,
    pub end_date: String,
    pub period: Period,
    pub status: ServiceState,
    pub refusal: String,
    /// Mean of the ratings, in tenths.
    pub score: i64,
    pub sales_volume: i64,
    pub version: i64,
    pub created_at: Millis,
}

impl Service {
    /// What an order looks at.
    #[must_use]
    pub fn orderable(&self) -> Orderable {
        Orderable {
            kind: self.kind,
            publisher_id: self.publisher.id,
            status: self.status,
            period: self.period,
            needs_address: self.designated_place == 1,
        }
    }
}

/// The status of a number that we wrote.
fn status(row: &Row<'_>) -> yuyue_db::Result<ServiceState> {
    let number = row.get("status")?;
    ServiceState::of(number).ok_or_else(|| yuyue_db::Error::Column {
        column: "status".into(),
        reason: format!("{number} is no status of a service"),
    })
}

pub(super) fn service(row: &Row<'_>) -> yuyue_db::Result<Service> {
    Ok(Service {
        id: row.get("id")?,
        publisher: users::person(row, "p_")?,
        kind: row.get("type")?,
        category_id: row.get("category_id")?,
        title: row.get("title")?,
        description: row.get("description")?,
        cover_image_id: row.get("cover_image_id")?,
        cover_path: row.get("cover_path")?,
        designated_place: row.get("designated_place")?,
        price: Fen(row.get("price_fen")?),
        begin_date: row.get("begin_date")?,
        end_date: row.get("end_date")?,
        period: Period { begins_at: row.get("begins_at")?, ends_at: row.get("ends_at")? },
        status: status(row)?,
        refusal: row.get("refusal")?,
        score: row.get("score")?,
        sales_volume: row.get("sales_volume")?,
        version: row.get("version")?,
        created_at: row.get("created_at")?,
    })
}

/// The columns of `s`, with its publisher `p` and cover image `f`.
macro_rules! shown {
    ($from:expr, $rest:expr) => {
        concat!(
            "SELECT s.id, s.type, s.category_id, s.title, s.description, s.cover_image_id, f.path AS cover_path,
                    s.designated_place, s.price_fen, s.begin_date, s.end_date, s.begins_at, s.ends_at, s.status,
                    s.refusal, s.score, s.sales_volume, s.version, s.created_at,
                    p.id AS p_id, p.nickname AS p_nickname, p.avatar AS p_avatar, p.real_name AS p_real_name,
                    p.gender AS p_gender, p.tel AS p_tel FROM ",
            $from,
            " JOIN home_user p ON p.id = s.publisher_id JOIN home_file f ON f.id = s.cover_image_id ",
            $rest
        )
    };
}
pub(super) use shown;

/// What a publisher says of a service.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: i64,
    pub category_id: i64,
    pub title: String,
    pub description: String,
    pub cover_image_id: i64,
    pub designated_place: i64,
    pub price: Fen,
    pub begin_date: String,
    pub end_date: String,
    pub period: Period,
}

pub fn insert(tx: &mut Tx<'_>, publisher_id: i64, draft: &Draft, at: Millis) -> Result<i64> {
    let insert = sql!(
        "INSERT INTO service (publisher_id, type, category_id, title, description, cover_image_id, designated_place,
                              price_fen, begin_date, end_date, begins_at, ends_at, status, refusal, score_sum,
                              score_count, score, sales_volume, version, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, '', 0, 0, 0, 0, 0, $13) RETURNING id"
    );
    let values = params![
        publisher_id,
        draft.kind,
        draft.category_id,
        &draft.title,
        &draft.description,
        draft.cover_image_id,
        draft.designated_place,
        draft.price.0,
        &draft.begin_date,
        &draft.end_date,
        draft.period.begins_at,
        draft.period.ends_at,
        at
    ];
    Ok(tx.query_one(insert, values, |row| row.get("id"))?)
}

/// A service that was taken: whose it is, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Taken {
    pub id: i64,
    pub publisher_id: i64,
    pub status: ServiceState,
}

/// Takes a service's row: nobody else changes it until the transaction ends.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Taken>> {
    let take =
        sql!("UPDATE service SET version = version + 1 WHERE id = $1 RETURNING id, publisher_id, status");
    let taken = tx.query_opt(take, params![id], |row| {
        Ok(Taken { id: row.get("id")?, publisher_id: row.get("publisher_id")?, status: status(row)? })
    });
    Ok(taken?)
}

/// Saves a step of a service that was taken. The public list follows, see [`super::listing`].
pub fn set_status(tx: &mut Tx<'_>, id: i64, to: ServiceState, refusal: &str, at: Millis) -> Result<()> {
    let update = sql!("UPDATE service SET status = $2, refusal = $3, turns_at = $4 WHERE id = $1");
    match tx.execute(update, params![id, to.number(), refusal, at])? {
        1 => Ok(()),
        _ => Err(Error::internal(format!("service {id} is gone"))),
    }
}

/// Saves what the publisher says of a service that was taken.
pub fn set_draft(tx: &mut Tx<'_>, id: i64, draft: &Draft) -> Result<()> {
    let update = sql!(
        "UPDATE service SET type = $2, category_id = $3, title = $4, description = $5, cover_image_id = $6,
                            designated_place = $7, price_fen = $8, begin_date = $9, end_date = $10,
                            begins_at = $11, ends_at = $12
         WHERE id = $1"
    );
    let values = params![
        id,
        draft.kind,
        draft.category_id,
        &draft.title,
        &draft.description,
        draft.cover_image_id,
        draft.designated_place,
        draft.price.0,
        &draft.begin_date,
        &draft.end_date,
        draft.period.begins_at,
        draft.period.ends_at
    ];
    tx.execute(update, values)?;
    Ok(())
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Service>> {
    let find = sql!(shown!("service s", "WHERE s.id = $1"));
    Ok(tx.query_opt(find, params![id], service)?)
}

/// Which of a publisher's services are looked for.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    pub publisher_id: i64,
    pub kind: i64,
    pub status: Option<ServiceState>,
}

/// A publisher's services, the newest first, and how many there are.
pub fn of_publisher(tx: &mut Tx<'_>, own: Own, page: Page) -> Result<(i64, Vec<Service>)> {
    let Own { publisher_id, kind, status } = own;
    macro_rules! mine {
        ($and:literal) => {
            (
                sql!(concat!(
                    "SELECT count(*) AS total FROM service s WHERE s.publisher_id = $1 AND s.type = $2 AND ",
                    $and
                )),
                sql!(shown!(
                    "service s",
                    concat!(
                        "WHERE s.publisher_id = $1 AND s.type = $2 AND ",
                        $and,
                        " ORDER BY s.id DESC LIMIT $4 OFFSET $5"
                    )
                )),
            )
        };
    }
    let (count, list) = if status.is_some() { mine!("s.status = $3") } else { mine!("$3 < 0") };
    let number = status.map_or(-1, ServiceState::number);
    let total = tx.query_one(count, params![publisher_id, kind, number], |row| row.get("total"))?;
    let values = params![publisher_id, kind, number, page.size, page.offset()];
    Ok((total, tx.query(list, values, service)?))
}

/// How many of a publisher's services of a type have each status.
pub fn counts(tx: &mut Tx<'_>, publisher_id: i64, kind: i64) -> Result<Vec<(i64, i64)>> {
    let count = sql!(
        "SELECT status, count(*) AS total FROM service WHERE publisher_id = $1 AND type = $2 GROUP BY status"
    );
    Ok(tx.query(count, params![publisher_id, kind], |row| Ok((row.get("status")?, row.get("total")?)))?)
}

/// Everybody's services, of a status or of all, the newest first, and how many there are.
pub fn of_status(tx: &mut Tx<'_>, status: Option<ServiceState>, page: Page) -> Result<(i64, Vec<Service>)> {
    let (count, list) = if status.is_some() {
        (
            sql!("SELECT count(*) AS total FROM service s WHERE s.status = $1"),
            sql!(shown!("service s", "WHERE s.status = $1 ORDER BY s.id DESC LIMIT $2 OFFSET $3")),
        )
    } else {
        (
            sql!("SELECT count(*) AS total FROM service s WHERE $1 < 0"),
            sql!(shown!("service s", "WHERE $1 < 0 ORDER BY s.id DESC LIMIT $2 OFFSET $3")),
        )
    };
    let number = status.map_or(-1, ServiceState::number);
    let total = tx.query_one(count, params![number], |row| row.get("total"))?;
    Ok((total, tx.query(list, params![number, page.size, page.offset()], service)?))
}

/// Counts a confirmed order, on the service's row and on the public list.
pub fn count_sale(tx: &mut Tx<'_>, id: i64) -> Result<()> {
    let update =
        sql!("UPDATE service SET sales_volume = sales_volume + 1 WHERE id = $1 RETURNING sales_volume");
    let sales: i64 = tx.query_one(update, params![id], |row| row.get("sales_volume"))?;
    let listed = sql!("UPDATE service_listing SET sales_volume = $2 WHERE service_id = $1");
    tx.execute(listed, params![id, sales])?;
    Ok(())
}

/// Adds `scores` (or with negative numbers takes away) to what makes a service's score: the sum of
/// the ratings that came to be shown and how many they are.
pub fn count_scores(tx: &mut Tx<'_>, id: i64, (sum, count): (i64, i64)) -> Result<()> {
    let add = sql!(
        "UPDATE service SET score_sum = score_sum + $2, score_count = score_count + $3 WHERE id = $1
         RETURNING score_sum, score_count"
    );
    let (sum, count) = tx.query_one(add, params![id, sum, count], |row| {
        Ok((row.get::<i64>("score_sum")?, row.get::<i64>("score_count")?))
    })?;
    let mean = score(sum, count);
    tx.execute(sql!("UPDATE service SET score = $2 WHERE id = $1"), params![id, mean])?;
    let listed = sql!("UPDATE service_listing SET score = $2 WHERE service_id = $1");
    tx.execute(listed, params![id, mean])?;
    Ok(())
}

/// Moves the first and last instants of the services that end after the day before `at`. The public list looks at them
/// again.
pub fn move_periods(tx: &mut Tx<'_>, at: Millis, moved: impl Fn(Millis) -> Millis) -> Result<()> {
    let list = sql!(
        "SELECT DISTINCT begins_at, ends_at FROM service WHERE ends_at > $1 ORDER BY begins_at, ends_at"
    );
    let found: Vec<(Millis, Millis)> =
        tx.query(list, params![at - DAY], |row| Ok((row.get("begins_at")?, row.get("ends_at")?)))?;
    // Signs keep what has moved apart from what has not.
    let update = sql!(
        "UPDATE service SET begins_at = $3, ends_at = $4, turns_at = CASE WHEN turns_at IS NULL THEN NULL ELSE CAST($5 AS BIGINT) END
         WHERE begins_at = $1 AND ends_at = $2"
    );
    for (begins_at, ends_at) in found {
        tx.execute(update, params![begins_at, ends_at, -moved(begins_at), -moved(ends_at), at])?;
    }
    tx.execute(sql!("UPDATE service SET begins_at = -begins_at, ends_at = -ends_at WHERE ends_at < 0"), &[])?;
    Ok(())
}
