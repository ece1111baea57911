//! The smallest schema that can be oversold: slots with seats, and bookings that take them.

use yuyue_db::{Error, Migration, Tx, params, sql};

pub const SCHEMA: &[Migration] = &[Migration {
    number: 1,
    name: "slots",
    sqlite: "
        CREATE TABLE slot (
            id INTEGER PRIMARY KEY, capacity INTEGER NOT NULL, taken INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE booking (
            id INTEGER PRIMARY KEY, slot_id INTEGER NOT NULL REFERENCES slot (id), note TEXT,
            is_paid INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX booking_by_slot ON booking (slot_id, id);",
    postgres: "
        CREATE TABLE slot (
            id BIGINT PRIMARY KEY, capacity BIGINT NOT NULL, taken BIGINT NOT NULL
        );
        CREATE TABLE booking (
            id BIGINT PRIMARY KEY, slot_id BIGINT NOT NULL REFERENCES slot (id), note TEXT,
            is_paid BOOLEAN NOT NULL
        );
        CREATE INDEX booking_by_slot ON booking (slot_id, id);",
}];

pub fn add_slot(tx: &mut Tx<'_>, id: i64, capacity: i64) -> Result<(), Error> {
    let statement =
        sql!("INSERT INTO slot (id, capacity, taken) VALUES ($1, $2, 0) ON CONFLICT (id) DO NOTHING");
    tx.execute(statement, params![id, capacity]).map(drop)
}

/// Takes a seat if one is left. This is the guard: check and change are one statement.
pub fn take_seat(tx: &mut Tx<'_>, slot: i64) -> Result<bool, Error> {
    let statement = sql!("UPDATE slot SET taken = taken + 1 WHERE id = $1 AND taken < capacity");
    Ok(tx.execute(statement, params![slot])? == 1)
}

/// The mistake that the guard prevents: takes a seat on the strength of what was read before.
pub fn take_seat_unguarded(tx: &mut Tx<'_>, slot: i64) -> Result<(), Error> {
    tx.execute(sql!("UPDATE slot SET taken = taken + 1 WHERE id = $1"), params![slot]).map(drop)
}

pub fn has_seat(tx: &mut Tx<'_>, slot: i64) -> Result<bool, Error> {
    let statement = sql!("SELECT taken < capacity AS has_seat FROM slot WHERE id = $1");
    tx.query_one(statement, params![slot], |row| row.get("has_seat"))
}

pub fn add_booking(tx: &mut Tx<'_>, id: i64, slot: i64, note: Option<&str>) -> Result<(), Error> {
    let statement = sql!("INSERT INTO booking (id, slot_id, note, is_paid) VALUES ($1, $2, $3, $4)");
    tx.execute(statement, params![id, slot, note, false]).map(drop)
}

/// What a product does: guard, then record. Gives whether a seat was left.
pub fn book(tx: &mut Tx<'_>, id: i64, slot: i64) -> Result<bool, Error> {
    if !take_seat(tx, slot)? {
        return Ok(false);
    }
    add_booking(tx, id, slot, None)?;
    Ok(true)
}

pub fn bookings(tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
    tx.query(sql!("SELECT id FROM booking ORDER BY id"), params![], |row| row.get("id"))
}

pub fn has_booking(tx: &mut Tx<'_>, id: i64) -> Result<bool, Error> {
    let statement = sql!("SELECT count(*) AS count FROM booking WHERE id = $1");
    Ok(tx.query_one(statement, params![id], |row| row.get::<i64>("count"))? == 1)
}

/// The slots whose seats taken are more than they have, or not as many as their bookings.
pub fn inconsistent_slots(tx: &mut Tx<'_>) -> Result<Vec<i64>, Error> {
    let statement = sql!(
        "SELECT id FROM slot
         WHERE taken > capacity OR taken <> (SELECT count(*) FROM booking WHERE slot_id = slot.id)
         ORDER BY id"
    );
    tx.query(statement, params![], |row| row.get("id"))
}
