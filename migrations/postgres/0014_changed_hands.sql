-- When one of the account's tokens was used last. What was used before is not known, so it counts from now on.
ALTER TABLE account ADD COLUMN last_used_at BIGINT NOT NULL DEFAULT 0;
UPDATE account SET last_used_at = CAST(extract(epoch FROM now()) * 1000 AS BIGINT);

-- An account whose number went to somebody else has none: ''.
DROP INDEX account_mobile;
CREATE UNIQUE INDEX account_mobile ON account (mobile) WHERE mobile <> '';
