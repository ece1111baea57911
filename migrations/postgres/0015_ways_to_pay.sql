-- Where the payer agrees: in the mini-program ('mini_program'), in a page of the official account
-- ('official_account'), or by a code that any WeChat scans ('native').
ALTER TABLE payment ADD COLUMN way TEXT NOT NULL DEFAULT 'mini_program';
