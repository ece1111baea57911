-- Company visitors: WeChat bindings, the employee directory, visits and their people, passes, scans.

CREATE TABLE wechat_binding (
    weixin_user_id TEXT NOT NULL PRIMARY KEY,
    -- "employee" or "visitor".
    role           TEXT NOT NULL,
    phone          TEXT NOT NULL,
    -- The employee's name, or the visitor's WeChat nickname.
    name           TEXT NOT NULL,
    avatar         TEXT NOT NULL,
    created_at     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX wechat_binding_phone ON wechat_binding (phone, role);

CREATE TABLE wechat_session (
    token_hash     TEXT NOT NULL PRIMARY KEY,
    weixin_user_id TEXT NOT NULL,
    nick           TEXT NOT NULL,
    avatar         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    expires_at     INTEGER NOT NULL
) STRICT;
CREATE INDEX wechat_session_expiry ON wechat_session (expires_at);

-- A web authorisation that is under way: what WeChat must bring back, and where to go then.
CREATE TABLE wechat_state (
    state      TEXT NOT NULL PRIMARY KEY,
    next       TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX wechat_state_expiry ON wechat_state (expires_at);

-- The official account's access token, one for all nodes.
CREATE TABLE wechat_token (
    id         INTEGER NOT NULL PRIMARY KEY,
    sealed     TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- The Koala directory as it was last read.
CREATE TABLE employee (
    subject_id    INTEGER NOT NULL PRIMARY KEY,
    name          TEXT NOT NULL,
    phone         TEXT NOT NULL,
    department    TEXT NOT NULL,
    -- Where Koala keeps the picture, and the name of our copy; "" without one.
    avatar_source TEXT NOT NULL,
    avatar        TEXT NOT NULL
) STRICT;
CREATE INDEX employee_phone ON employee (phone, subject_id);

CREATE TABLE directory (
    id           INTEGER NOT NULL PRIMARY KEY,
    -- 0: never, or the settings have changed since.
    refreshed_at INTEGER NOT NULL
) STRICT;
INSERT INTO directory (id, refreshed_at) VALUES (1, 0);

-- Pictures as base64, so that every node serves them.
CREATE TABLE avatar (
    name       TEXT NOT NULL PRIMARY KEY,
    media      TEXT NOT NULL,
    body       TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE visitors_setting (
    name TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE blocked_phone (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    phone      TEXT NOT NULL,
    reason     TEXT NOT NULL,
    added_by   TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX blocked_phone_phone ON blocked_phone (phone);

CREATE TABLE visit (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose           INTEGER NOT NULL,
    remark            TEXT NOT NULL,
    come_from         TEXT NOT NULL,
    -- JSON, as it was sent.
    group_ids         TEXT NOT NULL,
    proposer          TEXT NOT NULL,
    interviewee       TEXT NOT NULL,
    -- As it is searched: without differences of case.
    interviewee_key   TEXT NOT NULL,
    interviewee_phone TEXT NOT NULL,
    department        TEXT NOT NULL,
    starts_at         INTEGER NOT NULL,
    ends_at           INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    authorised_at     INTEGER,
    refused_at        INTEGER,
    refusal           TEXT NOT NULL,
    signed_in_at      INTEGER,
    is_indexed        INTEGER NOT NULL,
    erased_at         INTEGER
) STRICT;
CREATE INDEX visit_created ON visit (created_at, id);
CREATE INDEX visit_proposer ON visit (proposer, created_at, id);
CREATE INDEX visit_interviewee ON visit (interviewee_phone, created_at, id);
CREATE INDEX visit_start ON visit (starts_at);
CREATE INDEX visit_on_site ON visit (ends_at) WHERE signed_in_at IS NOT NULL;
CREATE INDEX visit_not_erased ON visit (ends_at, id) WHERE erased_at IS NULL;
CREATE INDEX visit_not_indexed ON visit (id) WHERE is_indexed = FALSE;

-- The visitor (position 0) and the companions.
CREATE TABLE visit_person (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    visit_id      INTEGER NOT NULL REFERENCES visit (id),
    position      INTEGER NOT NULL,
    name          TEXT NOT NULL,
    -- As it is searched: without differences of case.
    name_key      TEXT NOT NULL,
    phone         TEXT NOT NULL,
    -- Koala's id of the person, once written there.
    koala_id      INTEGER,
    signed_out_at INTEGER
) STRICT;
CREATE UNIQUE INDEX visit_person_place ON visit_person (visit_id, position);
CREATE INDEX visit_person_phone ON visit_person (phone, visit_id);

-- What a gate asks for. It outlives its visit, so that a deleted record's code is told from no code.
CREATE TABLE pass (
    token       TEXT NOT NULL PRIMARY KEY,
    visit_id    INTEGER NOT NULL,
    person_id   INTEGER NOT NULL,
    valid_from  INTEGER NOT NULL,
    valid_until INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX pass_person ON pass (person_id);
CREATE INDEX pass_visit ON pass (visit_id);

-- The picture of a pass as base64; gone after the visit.
CREATE TABLE pass_image (
    token      TEXT NOT NULL PRIMARY KEY,
    body       TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pass_image_expiry ON pass_image (expires_at);

CREATE TABLE scan (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    device_id INTEGER,
    device    TEXT NOT NULL,
    -- NULL when the code was none of ours.
    visit_id  INTEGER,
    person_id INTEGER,
    -- As it was answered: 0, -209, -210, -211.
    verdict   INTEGER NOT NULL
) STRICT;
CREATE INDEX scan_time ON scan (at, id);
CREATE INDEX scan_visit ON scan (visit_id, id);

-- Every part of one to three characters of a name, so that any part finds its visits at once.
CREATE TABLE visit_gram (
    -- 0: the visitor's name, 1: the interviewee's.
    field INTEGER NOT NULL,
    gram  TEXT NOT NULL,
    at    INTEGER NOT NULL,
    id    INTEGER NOT NULL,
    PRIMARY KEY (field, gram, at, id)
) STRICT, WITHOUT ROWID;

-- How many visits each part has: counting them would take longer the more there are.
CREATE TABLE visit_gram_total (
    field INTEGER NOT NULL,
    gram  TEXT NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (field, gram)
) STRICT, WITHOUT ROWID;
