//! What a calendar and its charts count.

use yuyue_db::{Row, Tx, params, sql};

use super::{Appointment, Result, appointment};
use crate::clock::Millis;

/// A place of the calendar: a slot, or a time at which appointments stand without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    pub day: String,
    pub hour: i64,
    pub minute: i64,
    /// 0 where there is no slot (any more).
    pub capacity: i64,
    /// Places of the slot that are taken, also by appointments that begin before it.
    pub taken: i64,
    /// Appointments that begin here and are not cancelled.
    pub booked: i64,
    /// Those of them that are signed in.
    pub signed_in: i64,
}

/// The places from day `first` to day `last`, in order; `range` are the same days as instants.
pub fn calendar(
    tx: &mut Tx<'_>,
    (first, last): (&str, &str),
    range: (Millis, Millis),
) -> Result<Vec<Counted>> {
    let list = sql!(
        "SELECT p.day, p.hour, p.minute, CAST(sum(p.capacity) AS BIGINT) AS capacity,
                CAST(sum(p.taken) AS BIGINT) AS taken, CAST(sum(p.booked) AS BIGINT) AS booked,
                CAST(sum(p.signed_in) AS BIGINT) AS signed_in
         FROM (SELECT day, hour, minute, capacity, taken, 0 AS booked, 0 AS signed_in
               FROM slot WHERE day >= $1 AND day <= $2
               UNION ALL
               SELECT day, hour, minute, 0, 0, 1, CASE WHEN signed_in_at IS NULL THEN 0 ELSE 1 END
               FROM appointment WHERE starts_at >= $3 AND starts_at < $4 AND cancelled_at IS NULL) p
         GROUP BY p.day, p.hour, p.minute ORDER BY p.day, p.hour, p.minute"
    );
    let counted = |row: &Row<'_>| {
        Ok(Counted {
            day: row.get("day")?,
            hour: row.get("hour")?,
            minute: row.get("minute")?,
            capacity: row.get("capacity")?,
            taken: row.get("taken")?,
            booked: row.get("booked")?,
            signed_in: row.get("signed_in")?,
        })
    };
    Ok(tx.query(list, params![first, last, range.0, range.1], counted)?)
}

/// For each day between two instants with appointments: how many, and how many are signed in.
pub fn attendance(tx: &mut Tx<'_>, from: Millis, to: Millis) -> Result<Vec<(String, i64, i64)>> {
    let list = sql!(
        "SELECT day, count(*) AS booked, count(signed_in_at) AS signed_in FROM appointment
         WHERE starts_at >= $1 AND starts_at < $2 AND cancelled_at IS NULL GROUP BY day ORDER BY day"
    );
    let day = |row: &Row<'_>| Ok((row.get("day")?, row.get("booked")?, row.get("signed_in")?));
    Ok(tx.query(list, params![from, to], day)?)
}

/// The appointments after `at` that are neither cancelled nor signed in, the next first.
pub fn upcoming(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<Vec<Appointment>> {
    let list = select_appointment!(
        "WHERE starts_at > $1 AND cancelled_at IS NULL AND signed_in_at IS NULL ORDER BY starts_at, id LIMIT $2"
    );
    Ok(tx.query(list, params![at, most], appointment)?)
}
