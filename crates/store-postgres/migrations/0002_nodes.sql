-- What each node last said of itself. Not logged: after a crash it is empty, and filled again within seconds.
CREATE UNLOGGED TABLE nodes (
    id      text COLLATE "C" PRIMARY KEY,
    name    text NOT NULL,
    version text NOT NULL,
    since   bigint NOT NULL,         -- by the node's own clock
    said    text NOT NULL,           -- JSON: who listens, and what others' listeners confirmed
    said_at timestamptz NOT NULL     -- by the database's clock, as all nodes are compared by it
);
