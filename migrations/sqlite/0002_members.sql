-- Consumer accounts, their tokens, codes, points and tested shops.

CREATE TABLE account (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    mobile           TEXT NOT NULL,
    password_hash    TEXT,
    password_is_weak INTEGER NOT NULL,
    nickname         TEXT NOT NULL,
    avatar           TEXT NOT NULL,
    gender           INTEGER NOT NULL,
    openid           TEXT,
    province_id      INTEGER NOT NULL,
    city_id          INTEGER NOT NULL,
    point            INTEGER NOT NULL,
    is_tested        INTEGER NOT NULL,
    created_at       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX account_mobile ON account (mobile);
CREATE UNIQUE INDEX account_openid ON account (openid);

CREATE TABLE access_token (
    token_hash TEXT NOT NULL PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES account (id),
    client_id  INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX access_token_account ON access_token (account_id);
CREATE INDEX access_token_expiry ON access_token (expires_at);

CREATE TABLE sms_code (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    mobile      TEXT NOT NULL,
    sealed_code TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    wrong       INTEGER NOT NULL,
    resends     INTEGER NOT NULL,
    used_at     INTEGER
) STRICT;
CREATE INDEX sms_code_mobile ON sms_code (mobile, id);
CREATE INDEX sms_code_expiry ON sms_code (expires_at);

CREATE TABLE point_entry (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    event_type TEXT NOT NULL,
    event_id   INTEGER NOT NULL,
    point      INTEGER NOT NULL,
    reason     TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX point_entry_account ON point_entry (account_id, id);

CREATE TABLE brand (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL,
    founder_name TEXT NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE shop (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    brand_id    INTEGER NOT NULL REFERENCES brand (id),
    name        TEXT NOT NULL,
    street      TEXT NOT NULL,
    contact_tel TEXT NOT NULL,
    is_exp      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE completed_test (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES account (id),
    shop_id    INTEGER NOT NULL REFERENCES shop (id),
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX completed_test_account ON completed_test (account_id, shop_id, id);
