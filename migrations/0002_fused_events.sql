-- An event is one row, in a table that has no index but its positions. Each has the time of its
-- revision, and who did it; the first of a revision, of order 0, also has what ROOT/actor was given.
-- A revision without events has a row of kind -1 in its place. Which events of a block have a name,
-- or are of a kind, is told by the block's postings.

CREATE TABLE fused_events (
    position INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,      -- milliseconds since 1970, of the revision
    is_observed INTEGER NOT NULL, -- 1: when this server saw it, for want of the writer's time
    kind INTEGER NOT NULL,      -- 0 item, 1 member, 2 assignment, 3 allocator, 4 scheduler, 5 other,
                                -- 6 gap; -1: no event, as there is none in that revision
    operation INTEGER NOT NULL, -- 0 create, 1 update, 2 delete, 3 expire, 4 miss
    item INTEGER,               -- names.id, as the next four
    zone INTEGER,
    member INTEGER,
    name INTEGER,               -- of a key that is none of an item, a member, an assignment
    principal INTEGER,          -- who did it
    slot INTEGER,
    before BLOB,                -- value; NULL: there was none
    after BLOB,                 -- value; NULL: there is none
    create_revision INTEGER NOT NULL, -- of the key, after; 0 if there is none, as the next two
    version INTEGER NOT NULL,
    lease INTEGER NOT NULL,
    actor_revision INTEGER,     -- whose actor did it, if it isn't the event's own
    mod_revision INTEGER,       -- of the key, of an event that was reconstructed; else NULL
    actor BLOB,                 -- the value that ROOT/actor was given; NULL: none, or not the first
    actor_create_revision INTEGER, -- of that key
    actor_version INTEGER
) STRICT;

INSERT INTO fused_events
SELECT e.position, r.time, r.is_observed, e.kind, e.operation, e.item, e.zone, e.member, e.name,
    e.principal, e.slot, e.before, e.after, e.create_revision, e.version, e.lease, e.actor_revision,
    e.mod_revision,
    iif(e.position & 16777215, NULL, r.actor),
    iif(e.position & 16777215, NULL, nullif(r.actor_create_revision, 0)),
    iif(e.position & 16777215, NULL, nullif(r.actor_version, 0))
FROM events AS e LEFT JOIN revisions AS r ON r.revision = e.position >> 24;

INSERT INTO fused_events
SELECT revision << 24, time, is_observed, -1, 1, NULL, NULL, NULL, NULL, principal, NULL, NULL, NULL,
    0, 0, 0, NULL, NULL, actor, nullif(actor_create_revision, 0), nullif(actor_version, 0)
FROM revisions AS r
WHERE NOT EXISTS (SELECT 1 FROM events AS e
    WHERE e.position BETWEEN r.revision << 24 AND (r.revision << 24) + 16777215);

DROP TABLE events;
DROP TABLE revisions;
ALTER TABLE fused_events RENAME TO events;

-- A block gets its postings as the next one begins; those of version 1 have none. The first of its
-- events may go, as the oldest: then its postings do, too.
CREATE TABLE postings (
    block INTEGER PRIMARY KEY,
    data BLOB NOT NULL          -- see server/history_postings.c
) STRICT;
