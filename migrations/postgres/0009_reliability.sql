-- What keeps nodes of different keys, and repeats of what may have happened, apart.

-- Which key the sealed texts of this database were made with, as a keyed hash.
CREATE TABLE key_fingerprint (
    id          BIGINT NOT NULL PRIMARY KEY,
    fingerprint TEXT NOT NULL
);

-- The reply to a request without Idempotency-Key, for as long as a repeat may mean the same one: should its
-- caller not have learnt it (is_doubtful), the repeat gets it.
CREATE TABLE unnamed_request (
    caller      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    reply       TEXT NOT NULL,
    is_doubtful BOOLEAN NOT NULL,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (caller, fingerprint)
);
CREATE INDEX unnamed_request_age ON unnamed_request (created_at);

-- Written to find out whether the database takes writes.
CREATE TABLE heartbeat (
    id BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL
);
