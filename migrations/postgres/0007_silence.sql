-- Whose budget an uploaded picture counts in while nothing shows it (the sender's address and the day); NULL: nobody's,
-- for a user sent it.
ALTER TABLE home_file ADD COLUMN budget TEXT;

-- What strangers have uploaded: those of an address on a day, and under "all" what there is and nothing shows.
CREATE TABLE upload_budget (
    name    TEXT NOT NULL PRIMARY KEY,
    bytes   BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX upload_budget_end ON upload_budget (ends_at);

-- Refunds that wait for their publisher have not been told of a limit: three days from now they are agreed to.
INSERT INTO outbox (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error, created_at)
SELECT 'homemaking.refund_due', FALSE, '', '{"refund_id":' || id || '}', 'waiting', 0,
       CAST(extract(epoch FROM now()) * 1000 AS BIGINT) + 259200000, 9223372036854775807, '', created_at
FROM refund WHERE status = 0;

-- Appeals that wait are told to staff a week after they came.
INSERT INTO outbox (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error, created_at)
SELECT 'homemaking.appeal_waits', FALSE, '', '{"refund_id":' || id || '}', 'waiting', 0,
       appealed_at + 604800000, 9223372036854775807, '', appealed_at
FROM refund WHERE appealed_at IS NOT NULL AND appeal_decided_at IS NULL;

-- Paid orders confirm themselves 30 days after the payment at the latest, those paid long ago a week from now.
UPDATE service_order
SET due_at = least(due_at, greatest(CAST(extract(epoch FROM now()) * 1000 AS BIGINT) + 604800000, 2592000000 + (
    SELECT max(e.at) FROM order_event e
    WHERE e.order_id = service_order.id AND e.refund_id IS NULL AND e.action = 'pay')))
WHERE status = 2 AND due_at IS NOT NULL
  AND EXISTS (SELECT 1 FROM order_event e
              WHERE e.order_id = service_order.id AND e.refund_id IS NULL AND e.action = 'pay');
INSERT INTO outbox (kind, is_message, recipient, payload, state, attempts, due_at, deadline, last_error, created_at)
SELECT 'homemaking.order_due', FALSE, '', '{"order_id":' || id || '}', 'waiting', 0, due_at, 9223372036854775807, '',
       created_at
FROM service_order WHERE status = 2 AND due_at IS NOT NULL;
