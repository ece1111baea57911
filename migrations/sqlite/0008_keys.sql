-- One person in every spelling: beside each phone that is compared stands its key, beside an employee's
-- name the name's. The keys are made by the program, right after this: SQL knows no NFKC. NULL is a key
-- that is not made yet.

ALTER TABLE visit ADD COLUMN proposer_key TEXT;
ALTER TABLE visit ADD COLUMN interviewee_phone_key TEXT;
DROP INDEX visit_proposer;
DROP INDEX visit_interviewee;
CREATE INDEX visit_proposer ON visit (proposer_key, created_at, id);
CREATE INDEX visit_interviewee ON visit (interviewee_phone_key, created_at, id);
CREATE INDEX visit_without_key ON visit (id) WHERE proposer_key IS NULL;

ALTER TABLE visit_person ADD COLUMN phone_key TEXT;
DROP INDEX visit_person_phone;
CREATE INDEX visit_person_phone ON visit_person (phone_key, visit_id);
CREATE INDEX visit_person_without_key ON visit_person (id) WHERE phone_key IS NULL;

ALTER TABLE blocked_phone ADD COLUMN phone_key TEXT;
DROP INDEX blocked_phone_phone;
CREATE UNIQUE INDEX blocked_phone_phone ON blocked_phone (phone_key);

ALTER TABLE employee ADD COLUMN phone_key TEXT;
ALTER TABLE employee ADD COLUMN name_key TEXT;
DROP INDEX employee_phone;
CREATE INDEX employee_phone ON employee (phone_key, name_key, subject_id);

ALTER TABLE outbox ADD COLUMN recipient_key TEXT;
CREATE INDEX outbox_recipient ON outbox (recipient_key) WHERE is_message;
CREATE INDEX outbox_without_key ON outbox (id) WHERE is_message AND recipient_key IS NULL;

-- A person whose pass was ended by the blocklist may get another one later.
ALTER TABLE pass ADD COLUMN is_blocked INTEGER NOT NULL DEFAULT FALSE;
DROP INDEX pass_person;
CREATE INDEX pass_person ON pass (person_id);
CREATE UNIQUE INDEX pass_in_force ON pass (person_id) WHERE valid_until > 0;

-- A binding is made anew with an id that staff name it by.
ALTER TABLE wechat_binding RENAME TO wechat_binding_before;
DROP INDEX wechat_binding_phone;
CREATE TABLE wechat_binding (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    weixin_user_id TEXT NOT NULL,
    -- "employee" or "visitor".
    role           TEXT NOT NULL,
    phone          TEXT NOT NULL,
    phone_key      TEXT,
    -- The employee's name, or the visitor's WeChat nickname.
    name           TEXT NOT NULL,
    name_key       TEXT,
    avatar         TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    -- When the WeChat cloud service had taken it, too; NULL while that is not known.
    bound_at       INTEGER,
    -- When a code proved the phone; NULL for one that somebody only named.
    proved_at      INTEGER
) STRICT;
INSERT INTO wechat_binding (weixin_user_id, role, phone, name, avatar, created_at, bound_at)
SELECT weixin_user_id, role, phone, name, avatar, created_at, created_at
FROM wechat_binding_before ORDER BY created_at, weixin_user_id;
DROP TABLE wechat_binding_before;
CREATE UNIQUE INDEX wechat_binding_user ON wechat_binding (weixin_user_id);
CREATE UNIQUE INDEX wechat_binding_phone ON wechat_binding (phone_key, role);
CREATE INDEX wechat_binding_under_way ON wechat_binding (created_at) WHERE bound_at IS NULL;

-- What a code proves the phone for: "login" or "binding".
ALTER TABLE sms_code ADD COLUMN purpose TEXT NOT NULL DEFAULT 'login';
DROP INDEX sms_code_mobile;
CREATE INDEX sms_code_mobile ON sms_code (mobile, purpose, id);
