-- A second factor at the login: the sealed secret ("" without one), one that is only being set up, and the last
-- step of time whose code was taken.
ALTER TABLE staff ADD COLUMN totp_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE staff ADD COLUMN totp_pending TEXT NOT NULL DEFAULT '';
ALTER TABLE staff ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;

CREATE TABLE staff_recovery_code (
    staff_id  INTEGER NOT NULL REFERENCES staff (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (staff_id, code_hash)
) STRICT, WITHOUT ROWID;

-- When the password was asked for last, and when the session was used last.
ALTER TABLE staff_session ADD COLUMN confirmed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE staff_session ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
UPDATE staff_session SET confirmed_at = created_at, used_at = unixepoch() * 1000;

-- Keys from before had no end: they get the year that new ones get.
ALTER TABLE api_key ADD COLUMN expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_key ADD COLUMN last_used_at INTEGER;
UPDATE api_key SET expires_at = unixepoch() * 1000 + 31536000000;

-- A row says that a demo wrote these data; adopted_at when it was made a real server's.
CREATE TABLE demo_mark (
    id         INTEGER NOT NULL PRIMARY KEY,
    adopted_at INTEGER
) STRICT;
