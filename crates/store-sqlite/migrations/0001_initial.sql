-- Times are microseconds since 1970-01-01T00:00:00Z, spans are microseconds, ids of sessions the
-- 16 bytes of their UUID. STRICT, so that a column holds what it says.

CREATE TABLE accounts (
    id              INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    email           TEXT,                              -- as its owner wrote it
    email_key       TEXT UNIQUE,                       -- what decides whether two are the same
    phone           TEXT,
    phone_key       TEXT UNIQUE,
    nickname        TEXT,
    nickname_key    TEXT UNIQUE,
    password_hash   TEXT NOT NULL,
    status          TEXT NOT NULL
                    CHECK (status IN ('unverified', 'active', 'suspended', 'withdrawn')),
    status_since    INTEGER,                           -- null while unverified
    suspended_until INTEGER,                           -- null: for good
    created_at      INTEGER NOT NULL,
    last_login_at   INTEGER,
    not_before      INTEGER,                           -- what was issued before is worth nothing
    linked          TEXT NOT NULL DEFAULT '{}',        -- JSON: provider to id
    CHECK ((status = 'unverified') = (status_since IS NULL))
) STRICT;

-- For the purge of sign-ups that were never completed.
CREATE INDEX accounts_unverified ON accounts (created_at) WHERE status = 'unverified';

-- The living codes. A right or dead one is deleted.
CREATE TABLE codes (
    account    INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    purpose    TEXT NOT NULL,
    target     TEXT NOT NULL,    -- the key of the address it was sent to
    hash       BLOB NOT NULL,    -- keyed; the key is not in this file
    expires_at INTEGER NOT NULL,
    tries_left INTEGER NOT NULL,
    PRIMARY KEY (account, purpose, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX codes_by_expiry ON codes (expires_at);

-- When messages were last sent, so that nobody is flooded. Apart from the codes, so that using one
-- up resets neither gap nor cap; counted by account and by address, so that neither many addresses
-- of one account nor many accounts of one address get round them; and not tied to the account, so
-- that deleting one gets round nothing either.
CREATE TABLE sends (
    purpose     TEXT NOT NULL,
    recipient   TEXT NOT NULL,   -- `account:1` or `address:a@b.example`
    last_at     INTEGER NOT NULL,
    day_began   INTEGER NOT NULL,
    sent_in_day INTEGER NOT NULL,
    PRIMARY KEY (purpose, recipient)
) STRICT, WITHOUT ROWID;

CREATE INDEX sends_by_time ON sends (last_at);

-- One row a login, rewritten in place at every rotation. What a rotation writes is in no index and
-- must stay so: it dirties exactly one page. The integer key is for that page's sake too: in a
-- WITHOUT ROWID table whole rows fill the inner pages as well, and a tree of few-row pages is deep
-- (measured: twice the time).
CREATE TABLE sessions (
    n             INTEGER PRIMARY KEY,
    id            BLOB NOT NULL UNIQUE,
    account       INTEGER REFERENCES accounts (id) ON DELETE CASCADE,
    caller        TEXT,              -- a subject that is no account of ours
    contract      TEXT NOT NULL,
    generation    INTEGER NOT NULL,  -- the 64 bits of an unsigned number
    rotated_at    INTEGER NOT NULL,
    rotated_by    BLOB NOT NULL,     -- a keyed hash of the client, 8 bytes
    burst_from    INTEGER NOT NULL,  -- generations, and when
    burst_at      INTEGER NOT NULL,
    burst_before  INTEGER NOT NULL,
    recovered     INTEGER,           -- the generation of the last recovery, when, and to whom
    recovered_at  INTEGER,
    recovered_by  BLOB,
    created_at    INTEGER NOT NULL,
    idle          INTEGER NOT NULL,  -- how long a refresh token lives
    expires_at    INTEGER NOT NULL,
    revoked_at    INTEGER,
    revoke_reason TEXT,
    user_agent    TEXT NOT NULL,
    network       TEXT NOT NULL,
    CHECK ((account IS NULL) <> (caller IS NULL)),
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL)),
    CHECK ((recovered IS NULL) = (recovered_at IS NULL)),
    CHECK ((recovered IS NULL) = (recovered_by IS NULL))
) STRICT;

CREATE INDEX sessions_by_account ON sessions (account) WHERE account IS NOT NULL;

-- The log of revocations. Its numbers never repeat, however empty the table gets: others remember
-- up to which number they have read.
CREATE TABLE revocations (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    session BLOB,
    account INTEGER,
    cut_off INTEGER,                 -- of an account: what was issued up to then is worth nothing
    reason  TEXT NOT NULL,
    until   INTEGER NOT NULL,        -- no access token it could concern lives longer
    CHECK ((session IS NULL) <> (account IS NULL)),
    CHECK ((account IS NULL) = (cut_off IS NULL))
) STRICT;

CREATE INDEX revocations_by_end ON revocations (until);

-- Messages on their way out. The payload is sealed, and erased once it is sent or given up.
CREATE TABLE outbox (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    payload       BLOB,
    created_at    INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,  -- while a worker holds it: when its lease ends
    attempts      INTEGER NOT NULL DEFAULT 0,
    last_error    TEXT,
    sent_at       INTEGER,           -- null with no payload: given up
    useless_after INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_due ON outbox (due_at) WHERE payload IS NOT NULL;
CREATE INDEX outbox_useless ON outbox (useless_after);

-- What was decided about whom, when and why. Tied to no row: it outlives what it tells of.
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    contract TEXT NOT NULL,
    account  INTEGER,
    session  BLOB,
    network  TEXT,
    detail   TEXT
) STRICT;

CREATE INDEX audit_by_account ON audit (account) WHERE account IS NOT NULL;
CREATE INDEX audit_by_session ON audit (session) WHERE session IS NOT NULL;
CREATE INDEX audit_by_kind ON audit (kind);

CREATE TABLE keys (
    kid    TEXT PRIMARY KEY,
    state  TEXT NOT NULL,
    sealed BLOB NOT NULL,            -- empty once the key is retired
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
