//! The rows of slots.

use jiff::civil::{Date, DateTime};
use yuyue_db::{Row, Tx, params, sql};

use crate::clock::{DAY, Millis};
use crate::error::Error;
use crate::http::page::Page;
use crate::slots::rules::{SlotView, View};
use crate::slots::schedule::{NewSlot, Schedule};
use crate::slots::{Holder, State};

type Result<T> = std::result::Result<T, Error>;

fn parse_day(text: &str) -> Result<Date> {
    text.parse().map_err(|_| Error::internal(format!("a stored day is no day: {text}")))
}

pub fn schedule(tx: &mut Tx<'_>) -> Result<Schedule> {
    let body: String =
        tx.query_one(sql!("SELECT body FROM slot_schedule WHERE id = 1"), &[], |row| row.get("body"))?;
    serde_json::from_str(&body).map_err(|error| Error::internal(format!("the stored schedule: {error}")))
}

fn body(schedule: &Schedule) -> Result<String> {
    serde_json::to_string(schedule).map_err(|error| Error::internal(error.to_string()))
}

/// Stores `schedule` if there is none yet.
pub fn ensure_schedule(tx: &mut Tx<'_>, schedule: &Schedule, zone: &str) -> Result<()> {
    let insert = sql!(
        "INSERT INTO slot_schedule (id, body, days_ahead, min_notice_minutes, ready_until, zone)
         VALUES (1, $1, $2, $3, '', $4) ON CONFLICT (id) DO NOTHING"
    );
    tx.execute(insert, params![&body(schedule)?, schedule.days_ahead, schedule.min_notice_minutes, zone])?;
    Ok(())
}

/// The zone that slots and appointments stand in; "" before it was first kept.
pub fn zone(tx: &mut Tx<'_>) -> Result<String> {
    Ok(tx.query_one(sql!("SELECT zone FROM slot_schedule WHERE id = 1"), &[], |row| row.get("zone"))?)
}

pub fn set_zone(tx: &mut Tx<'_>, zone: &str) -> Result<()> {
    tx.execute(sql!("UPDATE slot_schedule SET zone = $1 WHERE id = 1"), params![zone])?;
    Ok(())
}

/// Takes the appointments from `day` on off the line of time, so that each can be put back without meeting one that
/// has not moved yet: their ends hold how long they are.
pub fn loosen_from(tx: &mut Tx<'_>, day: Date) -> Result<()> {
    let update =
        sql!("UPDATE appointment SET ends_at = ends_at - starts_at, starts_at = -id WHERE day >= $1");
    tx.execute(update, params![&day.to_string()])?;
    Ok(())
}

/// The places of what [`loosen_from`] has taken off.
pub fn loosened(tx: &mut Tx<'_>) -> Result<Vec<Place>> {
    let list = sql!(
        "SELECT DISTINCT day, hour, minute FROM appointment WHERE starts_at < 0 ORDER BY day, hour, minute"
    );
    let found = tx.query(list, &[], |row| {
        Ok((row.get::<String>("day")?, row.get::<i64>("hour")?, row.get::<i64>("minute")?))
    })?;
    found.into_iter().map(|(day, hour, minute)| Ok(Place { day: parse_day(&day)?, hour, minute })).collect()
}

/// Puts the appointments of a place back at `starts_at`; gives how many they are.
pub fn fasten(tx: &mut Tx<'_>, place: Place, starts_at: Millis) -> Result<u64> {
    let update = sql!(
        "UPDATE appointment SET ends_at = $4 + ends_at, starts_at = $4
         WHERE day = $1 AND hour = $2 AND minute = $3 AND starts_at < 0"
    );
    Ok(tx.execute(update, params![&place.day.to_string(), place.hour, place.minute, starts_at])?)
}

pub fn save_schedule(tx: &mut Tx<'_>, schedule: &Schedule) -> Result<()> {
    let update = sql!(
        "UPDATE slot_schedule SET body = $1, days_ahead = $2, min_notice_minutes = $3, ready_until = '' WHERE id = 1"
    );
    tx.execute(update, params![&body(schedule)?, schedule.days_ahead, schedule.min_notice_minutes])?;
    Ok(())
}

/// The last day whose slots are laid out.
pub fn ready_until(tx: &mut Tx<'_>) -> Result<Option<Date>> {
    let find = sql!("SELECT ready_until FROM slot_schedule WHERE id = 1");
    let text: String = tx.query_one(find, &[], |row| row.get("ready_until"))?;
    if text.is_empty() { Ok(None) } else { parse_day(&text).map(Some) }
}

pub fn set_ready_until(tx: &mut Tx<'_>, day: Date) -> Result<()> {
    let update = sql!("UPDATE slot_schedule SET ready_until = $1 WHERE id = 1 AND ready_until < $1");
    tx.execute(update, params![&day.to_string()])?;
    Ok(())
}

pub fn forget_slots_from(tx: &mut Tx<'_>, day: Date) -> Result<()> {
    tx.execute(sql!("DELETE FROM slot WHERE day >= $1"), params![&day.to_string()])?;
    tx.execute(sql!("UPDATE slot_schedule SET ready_until = '' WHERE id = 1"), &[])?;
    Ok(())
}

/// Forgets slots that have long passed; their appointments stay.
pub fn clean_up(tx: &mut Tx<'_>, at: Millis, most: i64) -> Result<u64> {
    let delete = sql!(
        "DELETE FROM slot WHERE id IN
             (SELECT id FROM slot WHERE starts_at < $1 ORDER BY starts_at LIMIT $2)"
    );
    Ok(tx.execute(delete, params![at - 2 * DAY, most])?)
}

/// How many appointments have the same times.
pub struct Booked {
    pub starts_at: Millis,
    pub ends_at: Millis,
    pub holders: i64,
}

/// The appointments that overlap `from..to` and are not cancelled.
pub fn booked_between(tx: &mut Tx<'_>, from: Millis, to: Millis) -> Result<Vec<Booked>> {
    // No appointment is longer than a day, which lets the index on starts_at do the work.
    let find = sql!(
        "SELECT starts_at, ends_at, count(*) AS holders FROM appointment
         WHERE starts_at > $1 AND starts_at < $2 AND ends_at > $3 AND cancelled_at IS NULL
         GROUP BY starts_at, ends_at ORDER BY starts_at, ends_at"
    );
    let booked = |row: &Row<'_>| {
        Ok(Booked {
            starts_at: row.get("starts_at")?,
            ends_at: row.get("ends_at")?,
            holders: row.get("holders")?,
        })
    };
    Ok(tx.query(find, params![from - DAY - 1, to, from], booked)?)
}

/// Adds slots, each with the number of its seats that are taken.
pub fn insert_slots(tx: &mut Tx<'_>, slots: &[NewSlot], taken: &[i64]) -> Result<()> {
    let insert = sql!(
        "INSERT INTO slot (day, hour, minute, starts_at, ends_at, capacity, taken)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (day, hour, minute) DO NOTHING"
    );
    let days: Vec<String> = slots.iter().map(|slot| slot.day.to_string()).collect();
    let rows = slots.iter().zip(&days).zip(taken).map(|((slot, day), taken)| {
        *params![day, slot.hour, slot.minute, slot.starts_at, slot.ends_at, slot.capacity, *taken]
    });
    tx.insert_many(insert, &rows.collect::<Vec<_>>())?;
    Ok(())
}

/// The days from `today` on with a slot that can be booked at `at`.
pub fn free_days(tx: &mut Tx<'_>, today: Date, at: Millis) -> Result<Vec<String>> {
    // Steps from day to day through the index instead of reading every slot for its day.
    let list = sql!(
        "WITH RECURSIVE d(day) AS (
             SELECT min(day) FROM slot WHERE day >= $1
             UNION ALL SELECT (SELECT min(s.day) FROM slot s WHERE s.day > d.day) FROM d WHERE d.day IS NOT NULL
         )
         SELECT d.day FROM d
         WHERE d.day IS NOT NULL
           AND EXISTS (SELECT 1 FROM slot s, slot_schedule c
                       WHERE c.id = 1 AND s.day = d.day AND s.taken < s.capacity AND s.starts_at > $2
                         AND s.starts_at >= $2 + c.min_notice_minutes * 60000)
         ORDER BY d.day"
    );
    Ok(tx.query(list, params![&today.to_string(), at], |row| row.get("day"))?)
}

/// A time and whether it can be booked: an hour if any of its slots can.
pub struct Availability {
    /// Hour of the day or minute of the hour.
    pub number: i64,
    pub is_free: bool,
}

fn availability(row: &Row<'_>) -> yuyue_db::Result<Availability> {
    Ok(Availability { number: row.get("number")?, is_free: row.get::<i64>("free")? > 0 })
}

/// The hours of a day that have slots, in order.
pub fn hours(tx: &mut Tx<'_>, day: Date, at: Millis) -> Result<Vec<Availability>> {
    let list = sql!(
        "SELECT s.hour AS number,
                max(CASE WHEN s.taken < s.capacity AND s.starts_at > $2
                          AND s.starts_at >= $2 + c.min_notice_minutes * 60000 THEN 1 ELSE 0 END) AS free
         FROM slot s, slot_schedule c WHERE c.id = 1 AND s.day = $1 GROUP BY s.hour ORDER BY s.hour"
    );
    Ok(tx.query(list, params![&day.to_string(), at], availability)?)
}

/// The slots of an hour, in order.
pub fn minutes(tx: &mut Tx<'_>, day: Date, hour: i64, at: Millis) -> Result<Vec<Availability>> {
    let list = sql!(
        "SELECT s.minute AS number,
                CASE WHEN s.taken < s.capacity AND s.starts_at > $3
                      AND s.starts_at >= $3 + c.min_notice_minutes * 60000 THEN 1 ELSE 0 END AS free
         FROM slot s, slot_schedule c WHERE c.id = 1 AND s.day = $1 AND s.hour = $2 ORDER BY s.minute"
    );
    Ok(tx.query(list, params![&day.to_string(), hour, at], availability)?)
}

/// A place in the calendar.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    pub day: Date,
    pub hour: i64,
    pub minute: i64,
}

impl Place {
    /// What the wall clock shows there.
    #[must_use]
    pub fn wall(self) -> DateTime {
        let part = |number: i64| i8::try_from(number).unwrap_or(0);
        self.day.at(part(self.hour), part(self.minute), 0, 0)
    }
}

/// The rows that are a [`Holder`]'s, whose parts are these parameters.
macro_rules! held_by {
    ($key:literal, $other:literal, $open_id:literal) => {
        concat!("(holder IN (", $key, ", ", $other, ") OR open_id = ", $open_id, ")")
    };
}

/// All that a booking of `place` by `holder` is judged by, in one statement.
pub fn view(tx: &mut Tx<'_>, place: Place, holder: &Holder, today: Date) -> Result<View> {
    let find = sql!(concat!(
        "SELECT c.days_ahead, c.min_notice_minutes, s.starts_at,
                EXISTS (SELECT 1 FROM slot d WHERE d.day = $1) AS day_is_open,
                (s.taken >= s.capacity) AS is_full,
                EXISTS (SELECT 1 FROM appointment a WHERE ",
        held_by!("$4", "$5", "$6"),
        "                     AND a.starts_at = s.starts_at AND a.cancelled_at IS NULL) AS is_mine
         FROM slot_schedule c LEFT JOIN slot s ON s.day = $1 AND s.hour = $2 AND s.minute = $3
         WHERE c.id = 1"
    ));
    let day = place.day.to_string();
    let values =
        params![&day, place.hour, place.minute, &holder.key, holder.other.as_ref(), holder.open_id.as_ref()];
    let view = tx.query_one(find, values, |row| {
        let slot = match row.get::<Option<Millis>>("starts_at")? {
            Some(starts_at) => {
                Some(SlotView { starts_at, is_full: row.get("is_full")?, is_mine: row.get("is_mine")? })
            }
            None => None,
        };
        let days_ahead = row.get::<i64>("days_ahead")?;
        Ok(View {
            last_day: today.checked_add(jiff::Span::new().days(days_ahead)).unwrap_or(Date::MAX),
            min_notice_minutes: row.get("min_notice_minutes")?,
            day_is_open: row.get("day_is_open")?,
            slot,
        })
    });
    Ok(view?)
}

/// Waits until no other booking of this holder is under way.
pub fn lock_booker(tx: &mut Tx<'_>, key: &str) -> Result<()> {
    let upsert = sql!(
        "INSERT INTO booker (open_id, bookings) VALUES ($1, 1)
         ON CONFLICT (open_id) DO UPDATE SET bookings = booker.bookings + 1"
    );
    tx.execute(upsert, params![key])?;
    Ok(())
}

/// Gives what is kept under `name` to `key`, but for what would be held twice at one time.
pub fn claim(tx: &mut Tx<'_>, key: &str, name: &str) -> Result<()> {
    let update = sql!(
        "UPDATE appointment SET holder = $1
         WHERE holder = $2
           AND NOT EXISTS (SELECT 1 FROM appointment o WHERE o.holder = $1 AND o.starts_at = appointment.starts_at
                                                         AND o.cancelled_at IS NULL)"
    );
    tx.execute(update, params![key, name])?;
    Ok(())
}

/// The guard against overselling: takes one place of a slot if there is one, and gives its times.
pub fn take_place(tx: &mut Tx<'_>, place: Place, at: Millis) -> Result<Option<(Millis, Millis)>> {
    let update = sql!(
        "UPDATE slot SET taken = taken + 1
         WHERE day = $1 AND hour = $2 AND minute = $3 AND taken < capacity AND starts_at > $4
           AND starts_at >= $4 + (SELECT min_notice_minutes FROM slot_schedule WHERE id = 1) * 60000
         RETURNING starts_at, ends_at"
    );
    let day = place.day.to_string();
    let values = params![&day, place.hour, place.minute, at];
    Ok(tx.query_opt(update, values, |row| Ok((row.get("starts_at")?, row.get("ends_at")?)))?)
}

/// Gives back a place of every slot that `starts_at..ends_at` overlaps.
pub fn give_back(tx: &mut Tx<'_>, starts_at: Millis, ends_at: Millis) -> Result<()> {
    let update = sql!(
        "UPDATE slot SET taken = taken - 1 WHERE starts_at > $1 AND starts_at < $2 AND ends_at > $3 AND taken > 0"
    );
    tx.execute(update, params![starts_at - DAY - 1, ends_at, starts_at])?;
    Ok(())
}

/// An appointment to be made.
#[derive(Clone, Debug)]
pub struct NewAppointment {
    pub place: Place,
    /// As it was sent.
    pub open_id: String,
    pub holder: Holder,
    pub name: String,
    pub phone_num: String,
}

/// Inserts the appointment unless its holder has it already or holds `most` upcoming ones.
pub fn insert_appointment(
    tx: &mut Tx<'_>,
    new: &NewAppointment,
    (starts_at, ends_at): (Millis, Millis),
    most: u32,
    at: Millis,
) -> Result<Option<i64>> {
    let insert = sql!(concat!(
        "INSERT INTO appointment (day, hour, minute, starts_at, ends_at, open_id, name, phone_num, created_at, holder)
         SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT),
                CAST($6 AS TEXT), CAST($7 AS TEXT), CAST($8 AS TEXT), CAST($9 AS BIGINT), CAST($11 AS TEXT)
         WHERE (SELECT count(*) FROM appointment WHERE ",
        held_by!("$11", "$12", "$13"),
        "          AND starts_at > $9 AND cancelled_at IS NULL AND signed_in_at IS NULL) < $10
           AND NOT EXISTS (SELECT 1 FROM appointment WHERE ",
        held_by!("$11", "$12", "$13"),
        "                  AND starts_at = $4 AND cancelled_at IS NULL)
         ON CONFLICT (holder, starts_at) WHERE cancelled_at IS NULL DO NOTHING RETURNING id"
    ));
    let day = new.place.day.to_string();
    let values = params![
        &day,
        new.place.hour,
        new.place.minute,
        starts_at,
        ends_at,
        &new.open_id,
        &new.name,
        &new.phone_num,
        at,
        most,
        &new.holder.key,
        new.holder.other.as_ref(),
        new.holder.open_id.as_ref()
    ];
    Ok(tx.query_opt(insert, values, |row| row.get("id"))?)
}

/// An appointment (预约).
#[derive(Clone, Debug)]
pub struct Appointment {
    pub id: i64,
    pub day: String,
    pub hour: i64,
    pub minute: i64,
    pub starts_at: Millis,
    pub ends_at: Millis,
    /// As it was sent.
    pub open_id: String,
    /// The key of the [`Holder`].
    pub holder: String,
    pub name: String,
    pub phone_num: String,
    pub created_at: Millis,
    pub cancelled_at: Option<Millis>,
    pub signed_in_at: Option<Millis>,
}

impl Appointment {
    /// `2021-10-23 10:00:00`
    #[must_use]
    pub fn datetime(&self) -> String {
        format!("{} {:02}:{:02}:00", self.day, self.hour, self.minute)
    }
}

fn appointment(row: &Row<'_>) -> yuyue_db::Result<Appointment> {
    Ok(Appointment {
        id: row.get("id")?,
        day: row.get("day")?,
        hour: row.get("hour")?,
        minute: row.get("minute")?,
        starts_at: row.get("starts_at")?,
        ends_at: row.get("ends_at")?,
        open_id: row.get("open_id")?,
        holder: row.get("holder")?,
        name: row.get("name")?,
        phone_num: row.get("phone_num")?,
        created_at: row.get("created_at")?,
        cancelled_at: row.get("cancelled_at")?,
        signed_in_at: row.get("signed_in_at")?,
    })
}

macro_rules! select_appointment {
    ($rest:expr) => {
        sql!(concat!(
            "SELECT id, day, hour, minute, starts_at, ends_at, open_id, coalesce(holder, open_id) AS holder, name, phone_num, ",
            "created_at, cancelled_at, signed_in_at FROM appointment ",
            $rest
        ))
    };
}

mod calendar;

pub use calendar::{Counted, attendance, calendar, upcoming};

pub fn find(tx: &mut Tx<'_>, id: i64) -> Result<Option<Appointment>> {
    Ok(tx.query_opt(select_appointment!("WHERE id = $1"), params![id], appointment)?)
}

/// The appointments of `holder` that are not cancelled, the latest slot first.
pub fn list_of(tx: &mut Tx<'_>, holder: &Holder, most: i64) -> Result<Vec<Appointment>> {
    let list = select_appointment!(concat!(
        "WHERE ",
        held_by!("$1", "$2", "$3"),
        " AND cancelled_at IS NULL ORDER BY starts_at DESC, id DESC LIMIT $4"
    ));
    let values = params![&holder.key, holder.other.as_ref(), holder.open_id.as_ref(), most];
    Ok(tx.query(list, values, appointment)?)
}

/// All appointments that start between two instants, in order; only signed-in ones if so asked.
pub fn list_between(
    tx: &mut Tx<'_>,
    (from, to): (Millis, Millis),
    only_signed_in: bool,
    most: i64,
) -> Result<Vec<Appointment>> {
    let list = select_appointment!(
        "WHERE starts_at >= $1 AND starts_at < $2 AND ($3 = FALSE OR signed_in_at IS NOT NULL)
         ORDER BY starts_at DESC, id DESC LIMIT $4"
    );
    Ok(tx.query(list, params![from, to, only_signed_in, most], appointment)?)
}

/// What staff look for; `None` is anything.
#[derive(Clone, Debug)]
pub struct Search {
    /// Of the appointment's start.
    pub range: (Millis, Millis),
    pub phone: Option<String>,
    /// Any part of the name.
    pub name: Option<String>,
    pub state: Option<State>,
}

/// The rows that fit; `$by` is the condition on the phone, for a number has its own index. A name that
/// holds the text is changed by taking the text out, in every letter's own case on either engine.
macro_rules! fitting {
    ($by:literal) => {
        concat!(
            "WHERE ",
            $by,
            " AND starts_at >= $1 AND starts_at < $2
              AND (CAST($4 AS TEXT) IS NULL OR replace(name, $4, '') <> name)
              AND (CAST($5 AS TEXT) IS NULL
                   OR $5 = CASE WHEN cancelled_at IS NOT NULL THEN 'cancelled'
                                WHEN signed_in_at IS NOT NULL THEN 'signed_in' ELSE 'booked' END) "
        )
    };
}

macro_rules! fitting_of_anybody {
    () => {
        fitting!("CAST($3 AS TEXT) IS NULL")
    };
}

macro_rules! fitting_of_phone {
    () => {
        fitting!("phone_num = $3")
    };
}

/// The appointments that fit `search`, the latest slot first, and how many there are.
pub fn search(tx: &mut Tx<'_>, search: &Search, page: Page) -> Result<(i64, Vec<Appointment>)> {
    let (count, list) = if search.phone.is_some() {
        (
            sql!(concat!("SELECT count(*) AS total FROM appointment ", fitting_of_phone!())),
            select_appointment!(concat!(
                fitting_of_phone!(),
                "ORDER BY starts_at DESC, id DESC LIMIT $6 OFFSET $7"
            )),
        )
    } else {
        (
            sql!(concat!("SELECT count(*) AS total FROM appointment ", fitting_of_anybody!())),
            select_appointment!(concat!(
                fitting_of_anybody!(),
                "ORDER BY starts_at DESC, id DESC LIMIT $6 OFFSET $7"
            )),
        )
    };
    let (from, to) = search.range;
    let (phone, name) = (search.phone.as_deref(), search.name.as_deref());
    let state = search.state.map(State::as_str);
    let total = tx.query_one(count, params![from, to, phone, name, state], |row| row.get("total"))?;
    let values = params![from, to, phone, name, state, page.size, page.offset()];
    Ok((total, tx.query(list, values, appointment)?))
}

/// How many appointments start, and how many were signed in, between two instants.
pub fn counts_between(tx: &mut Tx<'_>, from: Millis, to: Millis) -> Result<(i64, i64)> {
    let count = sql!(
        "SELECT (SELECT count(*) FROM appointment
                 WHERE starts_at >= $1 AND starts_at < $2 AND cancelled_at IS NULL) AS appointments,
                (SELECT count(*) FROM appointment WHERE signed_in_at >= $1 AND signed_in_at < $2) AS sign_ins"
    );
    Ok(tx.query_one(count, params![from, to], |row| Ok((row.get("appointments")?, row.get("sign_ins")?)))?)
}

/// Cancels if it is neither cancelled nor signed in, and gives its times. `holder` must hold it, and then it must not
/// have begun.
pub fn cancel(
    tx: &mut Tx<'_>,
    id: i64,
    holder: Option<&Holder>,
    at: Millis,
) -> Result<Option<(Millis, Millis)>> {
    let update = sql!(concat!(
        "UPDATE appointment SET cancelled_at = $3
         WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR (",
        held_by!("$2", "$4", "$5"),
        "                   AND starts_at > $3))
           AND cancelled_at IS NULL AND signed_in_at IS NULL
         RETURNING starts_at, ends_at"
    ));
    let key = holder.map(|holder| &holder.key);
    let other = holder.and_then(|holder| holder.other.as_ref());
    let open_id = holder.and_then(|holder| holder.open_id.as_ref());
    Ok(tx.query_opt(update, params![id, key, at, other, open_id], |row| {
        Ok((row.get("starts_at")?, row.get("ends_at")?))
    })?)
}

/// Signs in if it is neither cancelled nor signed in (and on `day`, if given); whether it did.
pub fn sign_in(tx: &mut Tx<'_>, id: i64, day: Option<&str>, at: Millis) -> Result<bool> {
    let update = sql!(
        "UPDATE appointment SET signed_in_at = $3
         WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR day = $2) AND cancelled_at IS NULL AND signed_in_at IS NULL"
    );
    Ok(tx.execute(update, params![id, day, at])? == 1)
}
