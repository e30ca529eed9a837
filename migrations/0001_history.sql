-- The history of all that happened under one root of one store.
--
-- An event's position is its revision << 24 | its order in that revision. Events are counted into
-- blocks of some thousands, and every index of events begins with the block: what is appended
-- touches the pages of the newest block only, and what is pruned those of the oldest. A search goes
-- from block to block; `blocks` tells which ones it can leave out.

CREATE TABLE history (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    root TEXT NOT NULL,
    cluster_id INTEGER NOT NULL,
    reached INTEGER NOT NULL, -- revision up to which everything is in here
    oldest INTEGER NOT NULL,  -- revision after which everything is in here: 0, or a checkpoint's
    pruned INTEGER NOT NULL   -- revision up to which events are to be removed
) STRICT;

-- Each name once: kind 0 an item's ID, 1 a zone, 2 a member as ZONE#SUFFIX, 3 a principal, 4 another
-- key, without the root. The era is that of the last event that names it, by its block (see
-- history_names.h): so that a name that no event has any more can be found.
CREATE TABLE names (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
    kind INTEGER NOT NULL,
    name BLOB NOT NULL,
    era INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;
CREATE INDEX names_era ON names (era);

CREATE TABLE blocks (
    block INTEGER PRIMARY KEY,
    first_position INTEGER NOT NULL,
    last_position INTEGER NOT NULL,
    event_count INTEGER NOT NULL,
    kinds INTEGER NOT NULL,   -- bits 1 << kind of the events in it
    first_time INTEGER NOT NULL, -- the earliest and the latest, not those of the first and the last
    last_time INTEGER NOT NULL
) STRICT;

CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,      -- milliseconds since 1970
    is_observed INTEGER NOT NULL, -- 1: when this server saw it, for want of the writer's time
    principal INTEGER,          -- names.id
    actor BLOB,                 -- the value that ROOT/actor was given with it; NULL: none
    actor_create_revision INTEGER NOT NULL, -- of that key; 0 if none
    actor_version INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    position INTEGER PRIMARY KEY,
    block INTEGER NOT NULL,
    kind INTEGER NOT NULL,      -- 0 item, 1 member, 2 assignment, 3 allocator, 4 scheduler, 5 other,
                                -- 6 gap
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
    mod_revision INTEGER        -- of the key, of an event that was reconstructed; else NULL
) STRICT;

CREATE INDEX events_item ON events (block, item) WHERE item IS NOT NULL;
CREATE INDEX events_member ON events (block, member) WHERE member IS NOT NULL;
CREATE INDEX events_zone ON events (block, zone) WHERE zone IS NOT NULL;
CREATE INDEX events_principal ON events (block, principal) WHERE principal IS NOT NULL;
-- Of kinds that are rare. The others are found by looking: there are many of them.
CREATE INDEX events_kind ON events (block, kind) WHERE 90 >> kind & 1; -- bits 1 << kind

-- What is not known: what happened after the first and up to the second revision. The state as of
-- the second is known again, from a checkpoint.
CREATE TABLE gaps (
    to_revision INTEGER PRIMARY KEY,
    from_revision INTEGER NOT NULL
) STRICT;

-- Passes of the allocator, by the event that recorded them: its `after` is the record.
CREATE TABLE rounds (
    position INTEGER PRIMARY KEY, -- events.position
    time INTEGER NOT NULL,
    cause_revision INTEGER NOT NULL, -- 0: none
    cause_count INTEGER NOT NULL
) STRICT;

-- The whole state as of a revision, compressed, in pages.
CREATE TABLE checkpoints (
    revision INTEGER PRIMARY KEY,
    time INTEGER NOT NULL, -- when it was made
    key_count INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoint_pages (
    revision INTEGER NOT NULL,
    page INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (revision, page)
) STRICT, WITHOUT ROWID;

-- Leases whose member was deleted, and in which revision: what ends with them was deleted, too.
CREATE TABLE given_up_leases (
    lease INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL
) STRICT;
