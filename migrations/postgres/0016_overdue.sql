-- When the employee was told that somebody of the visit had not left after its end.
ALTER TABLE visit ADD COLUMN overdue_told_at BIGINT;
