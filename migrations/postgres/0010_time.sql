-- The latest time that the clock has been seen to show and was believed.
CREATE TABLE clock_mark (
    id      BIGINT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL
);

-- The time zone that the slots, the appointments and the days of services stand in; '' before it was first kept.
ALTER TABLE slot_schedule ADD COLUMN zone TEXT NOT NULL DEFAULT '';
