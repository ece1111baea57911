-- From where somebody got in lately, by the number or the staff name: such an address is never shut out by
-- what other addresses do.
CREATE TABLE known_address (
    who     TEXT NOT NULL,
    address TEXT NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (who, address)
);
CREATE INDEX known_address_age ON known_address (at);

-- Who asked for a code: another's does not replace it.
ALTER TABLE sms_code ADD COLUMN address TEXT NOT NULL DEFAULT '';

-- Each kind of job has places of its own.
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (kind, due_at, id) WHERE state = 'waiting';

-- Which of our values fills which field of a WeChat template, by kind of message: a JSON object.
CREATE TABLE notice (
    kind          TEXT NOT NULL PRIMARY KEY,
    wechat_fields TEXT NOT NULL
);
