//! Orders (预约订单).

use yuyue_db::{Row, Tx, params, sql};

use super::{Result, users};
use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::homemaking::Role;
use crate::homemaking::money::Fen;
use crate::homemaking::states::{OrderState, Term as _};
use crate::homemaking::view::Person;
use crate::http::page::Page;

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    pub id: i64,
    pub order_no: i64,
    pub service_id: i64,
    pub publisher_id: i64,
    pub consumer_id: i64,
    pub price: Fen,
    /// JSON of the service as it stood when ordered.
    pub service_snap: String,
    /// JSON of the address.
    pub address_snap: Option<String>,
    /// The first instant after the service's last day.
    pub service_ends_at: Millis,
    pub status: OrderState,
    /// When the system moves it on by itself.
    pub due_at: Option<Millis>,
    pub created_at: Millis,
}

/// An order with both its sides.
#[derive(Clone, Debug)]
pub struct OrderWithParties {
    pub order: Order,
    pub publisher: Person,
    pub consumer: Person,
}

/// The status of a number that we wrote.
fn status(row: &Row<'_>) -> yuyue_db::Result<OrderState> {
    let number = row.get("status")?;
    OrderState::of(number).ok_or_else(|| yuyue_db::Error::Column {
        column: "status".into(),
        reason: format!("{number} is no status of an order"),
    })
}

fn order(row: &Row<'_>) -> yuyue_db::Result<Order> {
    Ok(Order {
        id: row.get("id")?,
        order_no: row.get::<Option<i64>>("order_no")?.unwrap_or_default(),
        service_id: row.get("service_id")?,
        publisher_id: row.get("publisher_id")?,
        consumer_id: row.get("consumer_id")?,
        price: Fen(row.get("price_fen")?),
        service_snap: row.get("service_snap")?,
        address_snap: row.get("address_snap")?,
        service_ends_at: row.get("service_ends_at")?,
        status: status(row)?,
        due_at: row.get("due_at")?,
        created_at: row.get("created_at")?,
    })
}

pub(super) fn with_parties(row: &Row<'_>) -> yuyue_db::Result<OrderWithParties> {
    let (publisher, consumer) = (users::person(row, "p_")?, users::person(row, "c_")?);
    Ok(OrderWithParties { order: order(row)?, publisher, consumer })
}

/// The columns of the order `o` with its publisher `p` and consumer `c`, after those of its own.
macro_rules! with_order {
    ($own:expr, $from:expr, $rest:expr) => {
        concat!(
            "SELECT ",
            $own,
            "o.id, o.order_no, o.service_id, o.publisher_id, o.consumer_id, o.price_fen, o.service_snap,
             o.address_snap, o.service_ends_at, o.status, o.due_at, o.created_at,
             p.id AS p_id, p.nickname AS p_nickname, p.avatar AS p_avatar, p.real_name AS p_real_name,
             p.gender AS p_gender, p.tel AS p_tel,
             c.id AS c_id, c.nickname AS c_nickname, c.avatar AS c_avatar, c.real_name AS c_real_name,
             c.gender AS c_gender, c.tel AS c_tel FROM ",
            $from,
            " JOIN home_user p ON p.id = o.publisher_id JOIN home_user c ON c.id = o.consumer_id ",
            $rest
        )
    };
}
pub(super) use with_order;

macro_rules! shown {
    ($rest:expr) => {
        with_order!("", "service_order o", $rest)
    };
}

/// What an order is made of.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub service_id: i64,
    /// The version of the service that the snapshot is of.
    pub service_version: i64,
    pub publisher_id: i64,
    pub consumer_id: i64,
    pub price: Fen,
    pub service_snap: String,
    pub address_snap: Option<String>,
    pub service_ends_at: Millis,
    pub due_at: Option<Millis>,
}

/// Makes an order; `None` when the service has changed since the snapshot was taken.
pub fn insert(tx: &mut Tx<'_>, new: &NewOrder, at: Millis) -> Result<Option<i64>> {
    let insert = sql!(
        "INSERT INTO service_order (service_id, publisher_id, consumer_id, price_fen, service_snap, address_snap,
                                    service_ends_at, status, due_at, version, created_at)
         SELECT s.id, s.publisher_id, CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS TEXT), CAST($6 AS TEXT),
                CAST($7 AS BIGINT), 0, CAST($8 AS BIGINT), 0, CAST($9 AS BIGINT)
         FROM service s WHERE s.id = $1 AND s.version = $2 RETURNING id"
    );
    let values = params![
        new.service_id,
        new.service_version,
        new.consumer_id,
        new.price.0,
        &new.service_snap,
        new.address_snap.as_ref(),
        new.service_ends_at,
        new.due_at,
        at
    ];
    Ok(tx.query_opt(insert, values, |row| row.get("id"))?)
}

/// Gives an order its number.
pub fn set_number(tx: &mut Tx<'_>, id: i64, order_no: i64) -> Result<()> {
    tx.execute(sql!("UPDATE service_order SET order_no = $2 WHERE id = $1"), params![id, order_no])?;
    Ok(())
}

/// Takes an order's row: nobody else moves it until the transaction ends.
pub fn take(tx: &mut Tx<'_>, id: i64) -> Result<Option<Order>> {
    let take = sql!(
        "UPDATE service_order SET version = version + 1 WHERE id = $1
         RETURNING id, order_no, service_id, publisher_id, consumer_id, price_fen, service_snap, address_snap,
                   service_ends_at, status, due_at, created_at"
    );
    Ok(tx.query_opt(take, params![id], order)?)
}

/// Saves a step of an order that was taken.
/// Orders with a timer whose last step is dated after `at`.
pub fn moved_after(tx: &mut Tx<'_>, at: Millis) -> Result<Vec<i64>> {
    let list = sql!(
        "SELECT o.id FROM service_order o WHERE o.status IN (0, 1, 2) AND o.due_at > $1
           AND (SELECT max(e.at) FROM order_event e WHERE e.order_id = o.id AND e.refund_id IS NULL) - 60000 > $1
         ORDER BY o.id"
    );
    Ok(tx.query(list, params![at], |row| row.get("id"))?)
}

pub fn set_status(tx: &mut Tx<'_>, id: i64, to: OrderState, due_at: Option<Millis>) -> Result<()> {
    let update = sql!("UPDATE service_order SET status = $2, due_at = $3 WHERE id = $1");
    match tx.execute(update, params![id, to.number(), due_at])? {
        1 => Ok(()),
        _ => Err(Error::internal(format!("order {id} is gone"))),
    }
}

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<OrderWithParties>> {
    let find = sql!(shown!("WHERE o.id = $1"));
    Ok(tx.query_opt(find, params![id], with_parties)?)
}

/// One side's orders, of a status or of all, the newest first, and how many there are.
pub fn of_user(
    tx: &mut Tx<'_>,
    (user_id, role): (i64, Role),
    status: Option<OrderState>,
    page: Page,
) -> Result<(i64, Vec<OrderWithParties>)> {
    // A text for each index: one for all would have no plan that is good for any.
    macro_rules! side {
        ($mine:literal) => {
            (
                sql!(concat!("SELECT count(*) AS total FROM service_order o WHERE ", $mine)),
                sql!(shown!(concat!("WHERE ", $mine, " ORDER BY o.id DESC LIMIT $3 OFFSET $4"))),
            )
        };
    }
    let number = status.map_or(-1, OrderState::number);
    let (count, list) = match (role, status) {
        (Role::Publisher, None) => side!("o.publisher_id = $1 AND $2 < 0"),
        (Role::Publisher, Some(_)) => side!("o.publisher_id = $1 AND o.status = $2"),
        (Role::Consumer, None) => side!("o.consumer_id = $1 AND $2 < 0"),
        (Role::Consumer, Some(_)) => side!("o.consumer_id = $1 AND o.status = $2"),
    };
    let total = tx.query_one(count, params![user_id, number], |row| row.get("total"))?;
    let values = params![user_id, number, page.size, page.offset()];
    Ok((total, tx.query(list, values, with_parties)?))
}

/// How many orders of one side have each of the statuses 0 to 3.
pub fn counts(tx: &mut Tx<'_>, user_id: i64, role: Role) -> Result<Vec<(i64, i64)>> {
    let count = match role {
        Role::Publisher => sql!(
            "SELECT status, count(*) AS total FROM service_order
             WHERE publisher_id = $1 AND status IN (0, 1, 2, 3) GROUP BY status"
        ),
        Role::Consumer => sql!(
            "SELECT status, count(*) AS total FROM service_order
             WHERE consumer_id = $1 AND status IN (0, 1, 2, 3) GROUP BY status"
        ),
    };
    Ok(tx.query(count, params![user_id], |row| Ok((row.get("status")?, row.get("total")?)))?)
}

/// How many wait for somebody.
pub fn count_open(tx: &mut Tx<'_>) -> Result<i64> {
    let count = sql!("SELECT count(*) AS total FROM service_order WHERE status IN (0, 1, 2)");
    Ok(tx.query_one(count, params![], |row| row.get("total"))?)
}

/// What staff look for.
#[derive(Clone, Debug, Default)]
pub struct Search {
    pub status: Option<OrderState>,
    pub order_no: Option<i64>,
    pub user_id: Option<i64>,
}

/// Orders as staff search them, the newest first, and how many there are.
pub fn search(tx: &mut Tx<'_>, search: &Search, page: Page) -> Result<(i64, Vec<OrderWithParties>)> {
    macro_rules! driven {
        ($driver:literal) => {
            (
                sql!(concat!("SELECT count(*) AS total FROM service_order o WHERE ", driven!(@where $driver))),
                sql!(shown!(
                    concat!("WHERE ", driven!(@where $driver), " ORDER BY o.id DESC LIMIT $4 OFFSET $5")
                )),
            )
        };
        (@where $driver:literal) => {
            concat!(
                $driver,
                " AND (CAST($1 AS BIGINT) IS NULL OR o.status = $1)
                  AND (CAST($2 AS BIGINT) IS NULL OR o.order_no = $2)
                  AND (CAST($3 AS BIGINT) IS NULL OR o.publisher_id = $3 OR o.consumer_id = $3)"
            )
        };
    }
    let (count, list) = match search {
        Search { order_no: Some(_), .. } => driven!("o.order_no = $2"),
        Search { user_id: Some(_), .. } => driven!("(o.publisher_id = $3 OR o.consumer_id = $3)"),
        Search { status: Some(_), .. } => driven!("o.status = $1"),
        _ => driven!("o.id > 0"),
    };
    let filter = params![search.status.map(OrderState::number), search.order_no, search.user_id];
    let total = tx.query_one(count, filter, |row| row.get("total"))?;
    let values = [filter.as_slice(), params![page.size, page.offset()]].concat();
    Ok((total, tx.query(list, &values, with_parties)?))
}

/// Moves the ends of the services of open orders, where they come after the day before `at`.
pub fn move_ends(tx: &mut Tx<'_>, at: Millis, moved: impl Fn(Millis) -> Millis) -> Result<()> {
    let list = sql!(
        "SELECT DISTINCT service_ends_at FROM service_order WHERE status IN (0, 1, 2) AND service_ends_at > $1
         ORDER BY service_ends_at"
    );
    let found: Vec<Millis> = tx.query(list, params![at - DAY], |row| row.get("service_ends_at"))?;
    let update = sql!(
        "UPDATE service_order SET service_ends_at = $2 WHERE status IN (0, 1, 2) AND service_ends_at = $1"
    );
    for ends_at in found {
        tx.execute(update, params![ends_at, -moved(ends_at)])?;
    }
    let done = sql!("UPDATE service_order SET service_ends_at = -service_ends_at WHERE service_ends_at < 0");
    tx.execute(done, &[])?;
    Ok(())
}
