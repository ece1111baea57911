-- Whose an appointment is: a member's own name ('m' and the account's id) while one is known behind the open_id, else
-- the open_id; NULL is the open_id, too.
ALTER TABLE appointment ADD COLUMN holder TEXT;
DROP INDEX appointment_holder;
UPDATE appointment SET holder = open_id;
-- Somebody may have booked one slot under both names; the second keeps the openid.
UPDATE appointment SET holder = (SELECT 'm' || a.id FROM account a WHERE a.openid = appointment.open_id)
WHERE EXISTS (SELECT 1 FROM account a
              WHERE a.openid = appointment.open_id
                AND NOT EXISTS (SELECT 1 FROM appointment o
                                WHERE o.open_id = 'm' || a.id AND o.starts_at = appointment.starts_at
                                  AND o.cancelled_at IS NULL));
CREATE UNIQUE INDEX appointment_holder ON appointment (holder, starts_at) WHERE cancelled_at IS NULL;
CREATE INDEX appointment_open_id ON appointment (open_id, starts_at) WHERE cancelled_at IS NULL;
