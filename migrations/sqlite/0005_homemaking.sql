-- Home services: users and how they prove who they are, services and their list, orders with their history,
-- refunds, ratings, pictures, and the money.

CREATE TABLE home_user (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    nickname   TEXT NOT NULL,
    avatar     TEXT NOT NULL,
    real_name  TEXT,
    gender     INTEGER NOT NULL,
    tel        TEXT,
    created_at INTEGER NOT NULL
) STRICT;

-- A pair of i_code and order_no. A revoked one stays, so that the same pair issued again is the same user.
CREATE TABLE enrolment (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     INTEGER NOT NULL REFERENCES home_user (id),
    -- Keyed hash of both: how a login finds the pair.
    fingerprint TEXT NOT NULL,
    -- Encrypted, for administrators to look up.
    sealed_code TEXT NOT NULL,
    order_no    INTEGER NOT NULL,
    expires_at  INTEGER,
    created_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX enrolment_pair ON enrolment (fingerprint);
CREATE INDEX enrolment_live ON enrolment (id) WHERE revoked_at IS NULL;

CREATE TABLE home_token (
    token_hash   TEXT NOT NULL PRIMARY KEY,
    enrolment_id INTEGER NOT NULL REFERENCES enrolment (id),
    user_id      INTEGER NOT NULL REFERENCES home_user (id),
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX home_token_enrolment ON home_token (enrolment_id);
CREATE INDEX home_token_expiry ON home_token (expires_at);

-- An uploaded picture.
CREATE TABLE home_file (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Below /homemaking/storage/, such as 20210307/45c172ec5263f9a742908ca4143d667a.jpg.
    path       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    width      INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    sha256     TEXT NOT NULL,
    -- When something first showed it; NULL: nothing has, so after a day it is removed.
    used_at    INTEGER,
    -- Set while it is not whole yet or is being removed: nothing may show it then.
    doomed_at  INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX home_file_path ON home_file (path);
CREATE INDEX home_file_unused ON home_file (created_at, id) WHERE used_at IS NULL;

CREATE TABLE service (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    publisher_id     INTEGER NOT NULL REFERENCES home_user (id),
    type             INTEGER NOT NULL,
    category_id      INTEGER NOT NULL,
    title            TEXT NOT NULL,
    description      TEXT NOT NULL,
    cover_image_id   INTEGER NOT NULL REFERENCES home_file (id),
    designated_place INTEGER NOT NULL,
    price_fen        INTEGER NOT NULL,
    begin_date       TEXT NOT NULL,
    end_date         TEXT NOT NULL,
    -- The first instant of begin_date, and the first one after end_date.
    begins_at        INTEGER NOT NULL,
    ends_at          INTEGER NOT NULL,
    status           INTEGER NOT NULL,
    -- Why staff refused it or took it down; "" otherwise.
    refusal          TEXT NOT NULL,
    -- Of the ratings that are shown; score is their mean in tenths.
    score_sum        INTEGER NOT NULL,
    score_count      INTEGER NOT NULL,
    score            INTEGER NOT NULL,
    sales_volume     INTEGER NOT NULL,
    -- Counts edits and changes of status: an order takes its snapshot of one version.
    version          INTEGER NOT NULL,
    -- When it is next due to be put on, or taken off, the public list; NULL: never.
    turns_at         INTEGER,
    -- As it stands on the public list, NULL while it does not: type * 100 + category, and the title's key.
    listed_as        INTEGER,
    listed_key       TEXT,
    created_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX service_publisher ON service (publisher_id, type, id);
CREATE INDEX service_publisher_status ON service (publisher_id, type, status, id);
CREATE INDEX service_status ON service (status, id);
CREATE INDEX service_turn ON service (turns_at, id) WHERE turns_at IS NOT NULL;

-- The public list: four rows a service, one for each way to narrow the list down (facet: type * 100 + category,
-- 0 standing for any), with what it can be sorted by.
CREATE TABLE service_listing (
    facet        INTEGER NOT NULL,
    service_id   INTEGER NOT NULL,
    price_fen    INTEGER NOT NULL,
    score        INTEGER NOT NULL,
    sales_volume INTEGER NOT NULL,
    PRIMARY KEY (facet, service_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX service_listing_price ON service_listing (facet, price_fen, service_id);
CREATE INDEX service_listing_score ON service_listing (facet, score, service_id);
CREATE INDEX service_listing_sales ON service_listing (facet, sales_volume, service_id);
CREATE INDEX service_listing_service ON service_listing (service_id);

-- How many services each facet has: counting them would take longer the more there are.
CREATE TABLE service_listing_total (
    facet INTEGER NOT NULL PRIMARY KEY,
    total INTEGER NOT NULL
) STRICT;

-- Every part of one to three characters of a listed title, so that any part finds its services at once.
CREATE TABLE service_gram (
    gram       TEXT NOT NULL,
    service_id INTEGER NOT NULL,
    PRIMARY KEY (gram, service_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE service_gram_total (
    gram  TEXT NOT NULL PRIMARY KEY,
    total INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE service_order (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The day and a serial number, written right after the row has its id.
    order_no     INTEGER,
    service_id   INTEGER NOT NULL REFERENCES service (id),
    publisher_id INTEGER NOT NULL REFERENCES home_user (id),
    consumer_id  INTEGER NOT NULL REFERENCES home_user (id),
    price_fen    INTEGER NOT NULL,
    -- The service as it stood when ordered, and the address as JSON objects.
    service_snap TEXT NOT NULL,
    address_snap TEXT,
    -- The first instant after the ordered service's end_date.
    service_ends_at INTEGER NOT NULL,
    status       INTEGER NOT NULL,
    -- When the system moves it on by itself; NULL: never.
    due_at       INTEGER,
    -- Grows with every step; taking the row's lock is adding one.
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX service_order_no ON service_order (order_no);
CREATE INDEX service_order_publisher ON service_order (publisher_id, id);
CREATE INDEX service_order_publisher_status ON service_order (publisher_id, status, id);
CREATE INDEX service_order_consumer ON service_order (consumer_id, id);
CREATE INDEX service_order_consumer_status ON service_order (consumer_id, status, id);
CREATE INDEX service_order_status ON service_order (status, id);

-- What happened to an order and its refunds, oldest first.
CREATE TABLE order_event (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id    INTEGER NOT NULL REFERENCES service_order (id),
    -- The refund it happened to; NULL: the order itself.
    refund_id   INTEGER,
    action      TEXT NOT NULL,
    -- publisher, consumer, staff or system.
    by_role     TEXT NOT NULL,
    -- NULL for a thing that was made by this.
    from_status INTEGER,
    to_status   INTEGER NOT NULL,
    at          INTEGER NOT NULL
) STRICT;
CREATE INDEX order_event_order ON order_event (order_id, id);

CREATE TABLE refund (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The refund's own number (退款订单号), written right after the row has its id.
    order_no        INTEGER,
    order_id        INTEGER NOT NULL REFERENCES service_order (id),
    publisher_id    INTEGER NOT NULL REFERENCES home_user (id),
    consumer_id     INTEGER NOT NULL REFERENCES home_user (id),
    amount_fen      INTEGER NOT NULL,
    reason          TEXT NOT NULL,
    -- A JSON array of addresses.
    illustration    TEXT NOT NULL,
    status          INTEGER NOT NULL,
    -- What the consumer answers to a refusal, and what staff decide: NULL while there is nothing.
    appeal          TEXT,
    appealed_at     INTEGER,
    appeal_upheld   INTEGER,
    appeal_decision TEXT,
    appeal_decided_at INTEGER,
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX refund_no ON refund (order_no);
-- One at a time.
CREATE UNIQUE INDEX refund_open ON refund (order_id) WHERE status IN (0, 1, 2);
CREATE INDEX refund_order ON refund (order_id, id);
CREATE INDEX refund_publisher ON refund (publisher_id, id);
CREATE INDEX refund_publisher_status ON refund (publisher_id, status, id);
CREATE INDEX refund_consumer ON refund (consumer_id, id);
CREATE INDEX refund_consumer_status ON refund (consumer_id, status, id);
CREATE INDEX refund_status ON refund (status, id);
CREATE INDEX refund_appeal ON refund (id) WHERE appealed_at IS NOT NULL AND appeal_decided_at IS NULL;

CREATE TABLE rating (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id     INTEGER NOT NULL REFERENCES service_order (id),
    service_id   INTEGER NOT NULL REFERENCES service (id),
    author_id    INTEGER NOT NULL REFERENCES home_user (id),
    publisher_id INTEGER NOT NULL REFERENCES home_user (id),
    score        INTEGER NOT NULL,
    content      TEXT NOT NULL,
    -- A JSON array of addresses.
    illustration TEXT NOT NULL,
    status       INTEGER NOT NULL,
    -- The publisher's answer.
    reply        TEXT,
    replied_at   INTEGER,
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX rating_order ON rating (order_id);
CREATE INDEX rating_service ON rating (service_id, status, id);
CREATE INDEX rating_status ON rating (status, id);

-- One row an attempt to move money, written before the gateway is asked.
CREATE TABLE payment (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- What the gateway knows it by: the same however often it is asked.
    out_no     TEXT NOT NULL,
    -- charge or refund.
    kind       TEXT NOT NULL,
    order_id   INTEGER NOT NULL REFERENCES service_order (id),
    -- Of a refund: the charge it pays back, and the refund that asked for it; NULL: nobody did, the order did not
    -- want the money.
    charge_id  INTEGER REFERENCES payment (id),
    refund_id  INTEGER REFERENCES refund (id),
    amount_fen INTEGER NOT NULL,
    -- started, settled or, of a charge that nobody will pay, closed.
    state      TEXT NOT NULL,
    -- A charge that settled when its order did not want it any more.
    is_surplus INTEGER NOT NULL,
    -- The payer's openid, where the gateway asks the payer.
    payer      TEXT NOT NULL,
    -- Until then somebody is talking to the gateway about it.
    busy_until INTEGER NOT NULL,
    -- The gateway takes no money for it from then on.
    expires_at INTEGER NOT NULL,
    -- NULL before the money has moved; "" for what staff have paid back outside of the gateway.
    gateway_id TEXT,
    last_error TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    settled_at INTEGER
) STRICT;
CREATE UNIQUE INDEX payment_out_no ON payment (out_no);
CREATE INDEX payment_order ON payment (order_id, id);
-- An order has one charge under way, and is paid by one; and a charge goes back once.
CREATE UNIQUE INDEX payment_open ON payment (order_id) WHERE kind = 'charge' AND state = 'started';
CREATE UNIQUE INDEX payment_paying ON payment (order_id)
    WHERE kind = 'charge' AND state = 'settled' AND NOT is_surplus;
CREATE UNIQUE INDEX payment_back ON payment (charge_id) WHERE kind = 'refund';

-- What gateways reported, kept before it is acted upon. The id is the gateway's.
CREATE TABLE payment_notification (
    id          TEXT NOT NULL PRIMARY KEY,
    body        TEXT NOT NULL,
    -- accepted, unknown (nothing of ours) or mismatch (not our amount).
    outcome     TEXT NOT NULL,
    received_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_notification_age ON payment_notification (received_at);

-- The openid that pays for a user.
CREATE TABLE home_payer (
    user_id  INTEGER NOT NULL PRIMARY KEY REFERENCES home_user (id),
    open_id  TEXT NOT NULL,
    bound_at INTEGER NOT NULL
) STRICT;

-- Double entry, only ever added to. A row is both sides of it: the amount goes from one account to another.
CREATE TABLE ledger_entry (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    -- charge, refund, refund_outside (by staff, not through the gateway) or confirm.
    kind       TEXT NOT NULL,
    order_id   INTEGER NOT NULL REFERENCES service_order (id),
    -- NULL where nothing moves at the gateway.
    payment_id INTEGER REFERENCES payment (id),
    refund_id  INTEGER REFERENCES refund (id),
    -- The account that the amount goes to, and the one it comes from: gateway, held, publisher or outside.
    debit      TEXT NOT NULL,
    credit     TEXT NOT NULL,
    amount_fen INTEGER NOT NULL CHECK (amount_fen > 0),
    at         INTEGER NOT NULL,
    CHECK (debit <> credit)
) STRICT;
CREATE UNIQUE INDEX ledger_entry_once ON ledger_entry (payment_id) WHERE payment_id IS NOT NULL;
CREATE UNIQUE INDEX ledger_entry_confirmed ON ledger_entry (order_id) WHERE kind = 'confirm';
CREATE INDEX ledger_entry_order ON ledger_entry (order_id, id);
CREATE INDEX ledger_entry_kind ON ledger_entry (kind, amount_fen);
CREATE TRIGGER ledger_entry_stays BEFORE UPDATE ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END;
CREATE TRIGGER ledger_entry_remains BEFORE DELETE ON ledger_entry
BEGIN SELECT RAISE(ABORT, 'the ledger is only added to'); END;
