-- Whose message waits in the outbox, so that it goes when its account is erased. Only a number: to
-- whom it is addressed stays sealed.

ALTER TABLE outbox ADD COLUMN account INTEGER;

CREATE INDEX outbox_by_account ON outbox (account) WHERE account IS NOT NULL;
