-- What taking the place of a running back end needs: accounts with fields of a team's own, whole
-- account lives, callers that are services, tokens that another back end minted.

ALTER TABLE accounts ADD COLUMN updated_at    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN roles         TEXT NOT NULL DEFAULT '[]';  -- JSON: names
ALTER TABLE accounts ADD COLUMN profile       TEXT NOT NULL DEFAULT '{}';  -- JSON: what contracts declare
ALTER TABLE accounts ADD COLUMN status_reason TEXT;                        -- an operator's words
ALTER TABLE accounts ADD COLUMN erase_at      INTEGER;                     -- withdrawn: when what is personal goes

UPDATE accounts SET updated_at = created_at;

CREATE INDEX accounts_to_erase ON accounts (erase_at) WHERE erase_at IS NOT NULL;

-- A caller's own subject has a name and a type; both stand in its tokens.
ALTER TABLE sessions ADD COLUMN caller_type TEXT;

-- A session that a former back end's token was adopted into is kept until that token has expired by
-- itself: its id follows from the token, and were the row gone, the token would be new again.
ALTER TABLE sessions ADD COLUMN foreign_until INTEGER;

CREATE INDEX sessions_by_caller ON sessions (contract, caller) WHERE caller IS NOT NULL;

-- Services that may do what no person may. Of a key only its hash is kept.
CREATE TABLE service_keys (
    id         TEXT PRIMARY KEY,     -- public: the middle part of the key
    name       TEXT NOT NULL,
    hash       BLOB NOT NULL,        -- SHA-256 of the whole key, which is random
    scopes     TEXT NOT NULL,        -- JSON: names
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX service_keys_by_name ON service_keys (name) WHERE revoked_at IS NULL;

-- What a former back end knew of its refresh tokens: that they are good (where only listed ones are)
-- or dead. Which session one was adopted into follows from the token, and is not kept here.
CREATE TABLE foreign_tokens (
    contract   TEXT NOT NULL,
    token      BLOB NOT NULL,        -- SHA-256 of its id, or of the token where it has none
    state      TEXT NOT NULL CHECK (state IN ('listed', 'dead')),
    expires_at INTEGER NOT NULL,     -- of the token: afterwards its own expiry refuses it
    PRIMARY KEY (contract, token)
) STRICT, WITHOUT ROWID;

CREATE INDEX foreign_tokens_by_expiry ON foreign_tokens (expires_at);

-- What accounts looked like where they came from, so that an import can be repeated.
CREATE TABLE imported (
    account         INTEGER PRIMARY KEY REFERENCES accounts (id) ON DELETE CASCADE,
    row_digest      BLOB NOT NULL,
    password_digest BLOB NOT NULL
) STRICT;

-- The trail of an account's session is found through the account: an index at random places costs
-- every login a page.
DROP INDEX audit_by_session;
CREATE INDEX audit_by_session ON audit (session) WHERE session IS NOT NULL AND account IS NULL;
