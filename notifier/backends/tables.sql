-- Everything that is stored, and the read side over it. Records are packed by codec.py; columns are what queries filter by.
-- Times are ms since the epoch, UTC.

CREATE TABLE meta (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
-- epoch: when this file began or was restored; a stream cursor of another epoch is not one of ours
-- horizon: the greatest event number deleted so far; a cursor before it has missed something
INSERT INTO meta VALUES ('horizon', 0);

CREATE TABLE orders (
    number INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    phase TEXT NOT NULL DEFAULT 'unknown',
    removed_at INTEGER,
    retired_at INTEGER,
    ended_at INTEGER AS (nullif(max(ifnull(removed_at, 0), ifnull(retired_at, 0)), 0)) VIRTUAL,
    watch BLOB NOT NULL,
    state BLOB -- NULL until the first commit
);
CREATE INDEX orders_by_phase ON orders (phase, key);
CREATE INDEX orders_live ON orders (number) WHERE ended_at IS NULL;
CREATE INDEX orders_ended ON orders (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- the place in the stream
    key TEXT NOT NULL,
    life INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    observed_at INTEGER NOT NULL,
    record BLOB NOT NULL
);
CREATE UNIQUE INDEX events_of_order ON events (key, life, sequence);
CREATE INDEX events_by_time ON events (observed_at);

CREATE TABLE deliveries (
    number INTEGER PRIMARY KEY, -- the order of a lane
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    event INTEGER, -- events.number where that row has the same bytes, else NULL and
    sealed BLOB, -- the event itself
    state TEXT NOT NULL,
    sink TEXT NOT NULL,
    recipient TEXT,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    record BLOB NOT NULL
);
CREATE UNIQUE INDEX deliveries_by_id ON deliveries (id);
CREATE INDEX deliveries_of_order ON deliveries (key, created_at);
CREATE INDEX deliveries_by_state ON deliveries (state, created_at);
CREATE INDEX deliveries_by_time ON deliveries (created_at);
CREATE INDEX deliveries_open ON deliveries (number, sink, created_at) WHERE state IN ('pending', 'sending');
CREATE INDEX deliveries_to ON deliveries (recipient, finished_at) WHERE recipient IS NOT NULL;
CREATE INDEX deliveries_sent ON deliveries (finished_at) WHERE recipient IS NOT NULL AND state = 'delivered';

-- Not yet done; done ones are deleted.
CREATE TABLE commands (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,
    watch BLOB,
    delivery TEXT
);
CREATE INDEX commands_of_order ON commands (key);

CREATE TABLE facts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, -- anew at each change
    subject TEXT NOT NULL UNIQUE,
    held_until INTEGER,
    disabled INTEGER NOT NULL,
    at INTEGER NOT NULL
);

-- Written over again to see whether anything can be written: as much as a small commit takes.
CREATE TABLE probe (record BLOB NOT NULL);
INSERT INTO probe VALUES (zeroblob(65536));
