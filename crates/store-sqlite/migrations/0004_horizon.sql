-- What is known about the installation as a whole.
--   horizon: how long, in microseconds, revocations are kept at least
CREATE TABLE installation (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
