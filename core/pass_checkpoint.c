#include <stdlib.h>

#include "core/pass_internal.h"

/* --- changes: made as they are decided, undone if they don't happen --- */

static void apply(struct pass *pass, struct change change, int direction)
{
    int64_t *const counters[] = {
        [CHANGE_ADD] = &pass->summary.additions,
        [CHANGE_REMOVE] = &pass->summary.removals,
        [CHANGE_REMOVE_DEAD] = &pass->summary.dead_removals,
        [CHANGE_PROMOTE] = &pass->summary.promotions,
        [CHANGE_PACK] = &pass->summary.packings,
    };
    *counters[change.kind] += direction;
    pass->summary.moves += change.move ? direction : 0;
    if (change.in_flight)
        move_counts_add(&pass->moves, pass->state, change.member, direction);
    if (change.member == STATE_NONE)
        return;
    int32_t *total = &pass->counts.total[change.member];
    int32_t *primary = &pass->counts.primary[change.member];
    if (change.kind == CHANGE_ADD)
        *total += direction;
    if (change.kind == CHANGE_REMOVE)
        *total -= direction;
    if (change.primary)
        *primary += change.kind == CHANGE_REMOVE ? -direction : direction;
}

static void record(struct pass *pass, struct change change)
{
    if (pass->change_count == pass->change_capacity) {
        size_t capacity = pass->change_capacity ? 2 * pass->change_capacity : STORE_MAX_OPS;
        struct change *changes = realloc(pass->changes, capacity * sizeof *changes);
        if (!changes) {
            pass->transaction.error = ALLOT_ENOMEM;
            return;
        }
        pass->changes = changes;
        pass->change_capacity = capacity;
    }
    pass->changes[pass->change_count++] = change;
    apply(pass, change, 1);
}

struct pass_mark pass_mark(const struct pass *pass)
{
    return (struct pass_mark){transaction_mark(&pass->transaction), pass->change_count,
                              pass->summary.throttled};
}

void pass_undo(struct pass *pass, size_t change_count)
{
    while (pass->change_count > change_count)
        apply(pass, pass->changes[--pass->change_count], -1);
}

void pass_rewind(struct pass *pass, struct pass_mark mark)
{
    pass_undo(pass, mark.change_count);
    pass->summary.throttled = mark.throttled;
    transaction_rewind(&pass->transaction, mark.transaction);
}

/* --- operations --- */

static struct span make_assignment_key(struct pass *pass, const struct key_parts *item,
                                       const struct key_parts *member, int32_t slot)
{
    struct span root = keyspace_root(pass->state->keyspace);
    size_t size = keys_max_size(root, item->item, member->zone, member->suffix);
    char *buffer = transaction_allocate(&pass->transaction, size);
    if (!buffer)
        return (struct span){0};
    return keys_assignment(root, item->item, member->zone, member->suffix, slot, buffer, size);
}

static void check_entry(struct pass *pass, const struct entry *entry)
{
    transaction_check_unchanged(&pass->transaction, entry->key, entry->mod_revision);
}

static void issue_addition(struct pass *pass, int32_t item, struct addition addition, bool move)
{
    const struct entry *member = pass->state->members[addition.member];
    struct span key =
        make_assignment_key(pass, &pass->state->items[item]->parts, &member->parts, addition.slot);
    check_entry(pass, member);
    if (move && pass->options.moves_limited) /* whether it is one, and takes time, is the item's */
        check_entry(pass, pass->state->items[item]);
    transaction_put(&pass->transaction, key, (struct span){0}, member->lease);
    bool in_flight = move && pass->options.moves_limited && !moves_at_once(pass->state, item);
    record(pass, (struct change){.kind = CHANGE_ADD,
                                 .member = addition.member,
                                 .primary = addition.slot == 0,
                                 .move = move,
                                 .in_flight = in_flight});
}

/* How many kept replicas a removal rests on. */
static int32_t kept_consistent(const struct pass *pass)
{
    int32_t count = 0;
    for (int32_t i = 0; i < pass->convergence.kept_count; i++)
        count += pass->state->consistent[pass->convergence.kept[i]];
    return count;
}

/* A kept replica stays one only as long as its member is registered, too: that may go without it,
 * or a moment before. With @sparingly, not if both are under one lease: then it takes somebody who
 * deletes the member's key alone. */
static void check_kept(struct pass *pass, int32_t assignment, bool sparingly)
{
    const struct entry *entry = pass->state->assignments[assignment];
    int32_t index = pass->state->assignment_member[assignment];
    check_entry(pass, entry);
    if (index == STATE_NONE)
        return;
    const struct entry *member = pass->state->members[index];
    if (!sparingly || entry->lease == 0 || entry->lease != member->lease)
        check_entry(pass, member);
}

/* What all removals of an item rest on. */
static void check_removals(struct pass *pass, int32_t item)
{
    const struct convergence *convergence = &pass->convergence;
    check_entry(pass, pass->state->items[item]);
    if (!pass->options.guarded)
        return;
    /* With two checks each; the item's and the removed one's are two more. */
    size_t guarded_twice = (STORE_MAX_COMPARES - pass->standing_checks - 2) / 2;
    bool sparingly = (size_t)kept_consistent(pass) > guarded_twice;
    for (int32_t i = 0; i < convergence->kept_count; i++)
        if (pass->state->consistent[convergence->kept[i]])
            check_kept(pass, convergence->kept[i], sparingly);
}

static void issue_removal(struct pass *pass, int32_t assignment)
{
    const struct entry *entry = pass->state->assignments[assignment];
    check_entry(pass, entry);
    transaction_delete(&pass->transaction, entry->key);
    record(pass, (struct change){.kind = CHANGE_REMOVE,
                                 .member = pass->state->assignment_member[assignment],
                                 .primary = entry->parts.slot == 0});
}

/* What the member of @assignment has said is its own, and not that of another of its name. */
static void check_reporter(struct pass *pass, int32_t assignment)
{
    int32_t index = pass->state->assignment_member[assignment];
    const struct key_parts *parts = &pass->state->assignments[assignment]->parts;
    struct span root = keyspace_root(pass->state->keyspace);
    size_t size = keys_max_size(root, (struct span){0}, parts->zone, parts->suffix);
    if (index != STATE_NONE) {
        check_entry(pass, pass->state->members[index]);
        return;
    }
    char *buffer = transaction_allocate(&pass->transaction, size);
    if (buffer)
        transaction_check_absent(&pass->transaction,
                                 keys_member(root, parts->zone, parts->suffix, buffer, size));
}

static void issue_move(struct pass *pass, enum change_kind kind, int32_t assignment, int32_t slot)
{
    const struct entry *entry = pass->state->assignments[assignment];
    struct span key = make_assignment_key(pass, &entry->parts, &entry->parts, slot);
    struct span report = state_report(pass->state, assignment);
    check_entry(pass, entry);
    if (pass->options.guarded && report.size != 0)
        check_reporter(pass, assignment);
    transaction_delete(&pass->transaction, entry->key);
    transaction_put(&pass->transaction, key, report, entry->lease);
    record(pass, (struct change){.kind = kind,
                                 .member = pass->state->assignment_member[assignment],
                                 .primary = kind == CHANGE_PROMOTE});
}

/* --- checkpoints --- */

/* Whether what was issued since @last may stay. With split_oversized, what takes a checkpoint over
 * the limits goes back, and is left to a later pass, unless the checkpoint still has a transaction
 * of its own to try. */
static bool keep(struct pass *pass, struct pass_mark last)
{
    if (!pass->options.split_oversized || !pass->alone || transaction_fits(&pass->transaction))
        return true;
    pass_rewind(pass, last);
    if (pass->change_count == 0)
        pass->summary.skipped++;
    return false;
}

/* Whether the limits leave a move of the item to that member to a later pass. */
static bool is_throttled(const struct pass *pass, int32_t item, int32_t member)
{
    const struct move_limits *limits = &pass->options.moves;
    if (!pass->options.moves_limited)
        return false;
    if (limits->per_minute >= 0 && pass->summary.moves >= limits->per_minute)
        return true;
    return !moves_at_once(pass->state, item) &&
           move_limits_reached(limits, &pass->moves, pass->state, member) != MOVE_LIMIT_NONE;
}

void pass_checkpoint_item(struct pass *pass, int32_t item)
{
    struct convergence *convergence = &pass->convergence;
    int32_t missing = moves_missing(pass->state, item);
    struct pass_mark last = pass_mark(pass);
    for (int32_t i = 0; i < convergence->addition_count; i++, last = pass_mark(pass)) {
        bool move = i >= missing;
        if (move && is_throttled(pass, item, convergence->additions[i].member)) {
            pass->summary.throttled++;
            continue;
        }
        issue_addition(pass, item, convergence->additions[i], move);
        if (!keep(pass, last))
            return;
    }
    for (int32_t i = 0; i < convergence->removal_count; i++, last = pass_mark(pass)) {
        if (i == 0)
            check_removals(pass, item);
        issue_removal(pass, convergence->removals[i]);
        if (!keep(pass, last))
            return;
    }
    if (convergence->promoted != STATE_NONE)
        issue_move(pass, CHANGE_PROMOTE, convergence->promoted, 0);
    if (!keep(pass, last))
        return;
    last = pass_mark(pass);
    if (convergence->packed != STATE_NONE)
        issue_move(pass, CHANGE_PACK, convergence->packed, convergence->packed_slot);
    (void)keep(pass, last);
}

int32_t pass_checkpoint_dead(struct pass *pass, int32_t begin, int32_t end)
{
    const struct state *state = pass->state;
    struct span item = state->assignments[begin]->parts.item;
    struct span root = keyspace_root(state->keyspace);
    size_t size = keys_max_size(root, item, (struct span){0}, (struct span){0});
    struct pass_mark last = pass_mark(pass);
    int32_t a = begin;
    for (; a < end && span_equal(state->assignments[a]->parts.item, item); a++) {
        const struct entry *entry = state->assignments[a];
        if (state->frozen[a])
            continue;
        if (pass_mark(pass).change_count == last.change_count) {
            char *buffer = transaction_allocate(&pass->transaction, size);
            if (buffer)
                transaction_check_absent(&pass->transaction, keys_item(root, item, buffer, size));
        }
        struct pass_mark before = pass_mark(pass);
        check_entry(pass, entry);
        transaction_delete(&pass->transaction, entry->key);
        record(pass, (struct change){.kind = CHANGE_REMOVE_DEAD, .member = STATE_NONE});
        if (!keep(pass, before))
            break;
    }
    while (a < end && span_equal(state->assignments[a]->parts.item, item))
        a++;
    return a;
}
