-- The appointment schedule, its slots, and the appointments.

CREATE TABLE slot_schedule (
    id                 INTEGER NOT NULL PRIMARY KEY,
    body               TEXT NOT NULL,
    days_ahead         INTEGER NOT NULL,
    min_notice_minutes INTEGER NOT NULL,
    -- The last day, YYYY-MM-DD, that has its slots as rows.
    ready_until        TEXT NOT NULL
) STRICT;

CREATE TABLE slot (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    day       TEXT NOT NULL,
    hour      INTEGER NOT NULL,
    minute    INTEGER NOT NULL,
    starts_at INTEGER NOT NULL,
    ends_at   INTEGER NOT NULL,
    capacity  INTEGER NOT NULL,
    taken     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX slot_place ON slot (day, hour, minute);
CREATE INDEX slot_start ON slot (starts_at);

-- Locked before a booking, so that one person's bookings are counted one after the other.
CREATE TABLE booker (
    open_id  TEXT NOT NULL PRIMARY KEY,
    bookings INTEGER NOT NULL
) STRICT;

CREATE TABLE appointment (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    day          TEXT NOT NULL,
    hour         INTEGER NOT NULL,
    minute       INTEGER NOT NULL,
    starts_at    INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    open_id      TEXT NOT NULL,
    name         TEXT NOT NULL,
    phone_num    TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    cancelled_at INTEGER,
    signed_in_at INTEGER
) STRICT;
CREATE UNIQUE INDEX appointment_holder ON appointment (open_id, starts_at) WHERE cancelled_at IS NULL;
CREATE INDEX appointment_start ON appointment (starts_at, id);
CREATE INDEX appointment_phone ON appointment (phone_num, starts_at, id);
CREATE INDEX appointment_name ON appointment (name, starts_at, id);
CREATE INDEX appointment_sign_in ON appointment (signed_in_at) WHERE signed_in_at IS NOT NULL;
