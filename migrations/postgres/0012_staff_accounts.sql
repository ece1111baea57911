-- A second factor at the login: the sealed secret ("" without one), one that is only being set up, and the last
-- step of time whose code was taken.
ALTER TABLE staff ADD COLUMN totp_secret TEXT NOT NULL DEFAULT '';
ALTER TABLE staff ADD COLUMN totp_pending TEXT NOT NULL DEFAULT '';
ALTER TABLE staff ADD COLUMN totp_step BIGINT NOT NULL DEFAULT 0;

CREATE TABLE staff_recovery_code (
    staff_id  BIGINT NOT NULL REFERENCES staff (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (staff_id, code_hash)
);

-- When the password was asked for last, and when the session was used last.
ALTER TABLE staff_session ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE staff_session ADD COLUMN used_at BIGINT NOT NULL DEFAULT 0;
UPDATE staff_session SET confirmed_at = created_at, used_at = CAST(extract(epoch FROM now()) * 1000 AS BIGINT);

-- Keys from before had no end: they get the year that new ones get.
ALTER TABLE api_key ADD COLUMN expires_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE api_key ADD COLUMN last_used_at BIGINT;
UPDATE api_key SET expires_at = CAST(extract(epoch FROM now()) * 1000 AS BIGINT) + 31536000000;

-- A row says that a demo wrote these data; adopted_at when it was made a real server's.
CREATE TABLE demo_mark (
    id         BIGINT NOT NULL PRIMARY KEY,
    adopted_at BIGINT
);
