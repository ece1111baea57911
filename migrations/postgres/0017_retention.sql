-- Copies of pictures are forgotten when no employee has them any more.
CREATE INDEX employee_avatar ON employee (avatar);
