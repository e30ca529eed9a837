"""Compares a history with what it is the history of.

    compare_history.py store STORE HISTORY [whole]
        STORE: the embedded store's file, HISTORY: the history's; both of a server that doesn't run.
        What the history has must be what the store has recorded, revision by revision, as far as
        the history has come; with "whole" that must be all of it. What the store has compacted is
        left out.
    compare_history.py same FIRST SECOND
        Two histories of one store must have the same events, with the same times where those are by
        the writer's clock, and the same rounds.
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile

ORDER_BITS = 24
STORE_BITS = 20
KINDS = {0: "items", 1: "members", 2: "assign"}


def opened(path):
    """A copy: so that what a killed server has left beside it is not touched."""
    folder = tempfile.mkdtemp()
    for suffix in ("", "-wal"):
        if os.path.exists(path + suffix):
            shutil.copy(path + suffix, os.path.join(folder, "db" + suffix))
    return sqlite3.connect(os.path.join(folder, "db")), folder


def key_of(row, names):
    kind, item, member, name, slot = row
    if kind == 0:
        return b"/items/" + names[item]
    if kind == 1:
        return b"/members/" + names[member]
    if kind == 2:
        return b"/assign/" + names[item] + b"#" + names[member] + b"#%d" % slot
    return names[name] if name else b""


def history_of(path):
    """Events as (revision, key, value, create revision, version, lease), without gaps and what was
    reconstructed, and how far it has come."""
    db, folder = opened(path)
    names = {number: bytes(name) for number, name in db.execute("SELECT id, name FROM names")}
    events = []
    for row in db.execute(
            "SELECT position, kind, item, member, name, slot, after, create_revision, version, lease"
            " FROM events WHERE kind >= 0 AND mod_revision IS NULL ORDER BY position"):
        value = bytes(row[6]) if row[6] is not None else None
        events.append((row[0] >> ORDER_BITS, row[0] & ((1 << ORDER_BITS) - 1),
                       key_of(row[1:6], names), value, row[7], row[8], row[9]))
    actors = {revision: bytes(actor) for revision, actor in db.execute(
        "SELECT position >> 24, actor FROM events WHERE actor IS NOT NULL")}
    reached, = db.execute("SELECT reached FROM history").fetchone()
    shutil.rmtree(folder)
    return events, actors, reached


def store_of(path, root):
    """The same of an embedded store's file, and the revision up to which it has forgotten."""
    db, folder = opened(path)
    events, actors, order, last = [], {}, 0, 0
    for position, key, value, created, version, lease in db.execute(
            "SELECT position, key, value, create_revision, version, lease FROM history"
            " ORDER BY position"):
        revision = position >> STORE_BITS
        key = bytes(key)
        if not key.startswith(root + b"/"):
            continue
        key = key[len(root):]
        order = order if revision == last else 0
        last = revision
        if key == b"/actor" and value is not None:
            actors[revision] = bytes(value)
            continue
        if value is None:
            created = version = lease = 0
        events.append((revision, order, key, value if value is None else bytes(value), created,
                       version, lease))
        order += 1
    compacted, = db.execute("SELECT compact_revision FROM store").fetchone()
    shutil.rmtree(folder)
    return events, actors, last, compacted


def fail(text):
    sys.exit(f"compare_history: {text}")


def first_difference(first, second):
    for number, (a, b) in enumerate(zip(first, second)):
        if a != b:
            return f"number {number}: {a} is not {b}"
    return f"{len(first)} and {len(second)}"


def compare_with_store(store_path, history_path, whole):
    told, told_actors, reached = history_of(history_path)
    events, actors, last, compacted = store_of(store_path, b"/allot")
    if whole and reached < last:
        fail(f"reached {reached} of {last}")
    told = [event for event in told if event[0] > compacted]
    events = [event for event in events if compacted < event[0] <= reached]
    told_actors = {revision: actor for revision, actor in told_actors.items()
                   if revision > compacted}
    actors = {revision: actor for revision, actor in actors.items()
              if compacted < revision <= reached}
    if told != events:
        fail("events differ from the store's: " + first_difference(told, events))
    if told_actors != actors:
        fail("actors differ from the store's")
    print(f"compare_history: {len(told)} events after revision {compacted} up to {reached} of"
          f" {last}")


def exported(path):
    db, folder = opened(path)
    events = db.execute(
        "SELECT e.position, e.kind, e.operation, e.slot, e.before, e.after, e.create_revision,"
        " e.version, e.lease, e.actor_revision, i.name, m.name, z.name, k.name, p.name, e.actor,"
        " e.actor_create_revision, e.actor_version, e.is_observed,"
        " CASE WHEN e.is_observed THEN 0 ELSE e.time END FROM events AS e"
        " LEFT JOIN names AS i ON i.id = e.item LEFT JOIN names AS m ON m.id = e.member"
        " LEFT JOIN names AS z ON z.id = e.zone LEFT JOIN names AS k ON k.id = e.name"
        " LEFT JOIN names AS p ON p.id = e.principal ORDER BY e.position").fetchall()
    rounds = db.execute("SELECT o.position, o.cause_revision, o.cause_count, e.after FROM rounds"
                        " AS o JOIN events AS e ON e.position = o.position"
                        " ORDER BY o.position").fetchall()
    shutil.rmtree(folder)
    return events, rounds


def compare_with_each_other(first_path, second_path):
    (first, first_rounds), (second, second_rounds) = exported(first_path), exported(second_path)
    if first != second:
        fail("events differ: " + first_difference(first, second))
    if first_rounds != second_rounds:
        fail("rounds differ: " + first_difference(first_rounds, second_rounds))
    if not first or not first_rounds:
        fail("there is nothing to compare")
    facts = json.loads(first_rounds[-1][3])
    print(f"compare_history: {len(first)} events, {len(first_rounds)} rounds, the last one of "
          f"{facts['instance']}")


if __name__ == "__main__":
    if sys.argv[1] == "store":
        compare_with_store(sys.argv[2], sys.argv[3], "whole" in sys.argv[4:])
    else:
        compare_with_each_other(sys.argv[2], sys.argv[3])
