#include "core/pass.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/convergence.h"
#include "core/transaction.h"

/* One step of what the open transaction does to the counts and the summary, to be undone if it
 * fails. */
enum change_kind { CHANGE_ADD, CHANGE_REMOVE, CHANGE_REMOVE_DEAD, CHANGE_PROMOTE, CHANGE_PACK };
struct change {
    enum change_kind kind;
    int32_t member; /* or STATE_NONE */
    bool primary;
    bool move;      /* of an addition */
    bool in_flight; /* of a move: it takes its time */
};

/* How far a pass has come: assignments before next_assignment and items before next_item are done,
 * but for those that are deferred, of which it has done the first @resumed once it is through. */
struct walk {
    int32_t next_item;
    int32_t next_assignment;
    int32_t resumed;
};

struct pass {
    struct pass_options options;
    struct state *state;
    struct solution *solution;
    struct load_counts counts;
    struct convergence convergence;
    struct move_counts moves; /* with moves_limited */
    struct pass_summary summary;

    struct walk walk;
    int32_t *deferred; /* items that get more than they lack, in order */
    int32_t deferred_count, deferred_capacity;

    struct transaction transaction;
    size_t standing_checks; /* that each has */
    struct store_txn txn;   /* view of it, for the caller */
    struct store_op read_fence;
    bool open;  /* txn is with the caller */
    bool alone; /* the checkpoint being issued is the transaction's first */
    struct change *changes;
    size_t change_count, change_capacity;
};

/* --- lifecycle --- */

int pass_create(const struct pass_options *options, struct state *state, struct solution *solution,
                struct pass **ret)
{
    struct pass *pass = calloc(1, sizeof *pass);
    if (!pass)
        return ALLOT_ENOMEM;
    pass->options = *options;
    pass->state = state_ref(state);
    pass->solution = solution_ref(solution);
    convergence_init(&pass->convergence);
    transaction_init(&pass->transaction);

    size_t members = (size_t)state->member_count;
    pass->counts.total = malloc((members + 1) * sizeof *pass->counts.total);
    pass->counts.primary = malloc((members + 1) * sizeof *pass->counts.primary);
    if (!pass->counts.total || !pass->counts.primary) {
        pass_destroy(pass);
        return ALLOT_ENOMEM;
    }
    if (members) {
        memcpy(pass->counts.total, state->total_count, members * sizeof *state->total_count);
        memcpy(pass->counts.primary, state->primary_count, members * sizeof *state->primary_count);
    }
    pass->convergence.repairs_only = options->repairs_only;
    if (options->moves_limited && move_counts_make(state, &pass->moves) != 0) {
        pass_destroy(pass);
        return ALLOT_ENOMEM;
    }
    *ret = pass;
    return 0;
}

void pass_destroy(struct pass *pass)
{
    if (!pass)
        return;
    free(pass->counts.total);
    free(pass->counts.primary);
    free(pass->changes);
    free(pass->deferred);
    move_counts_release(&pass->moves);
    convergence_release(&pass->convergence);
    transaction_release(&pass->transaction);
    solution_unref(pass->solution);
    state_unref(pass->state);
    free(pass);
}

void pass_summary_add(struct pass_summary *total, const struct pass_summary *pass)
{
    total->additions += pass->additions;
    total->removals += pass->removals;
    total->dead_removals += pass->dead_removals;
    total->promotions += pass->promotions;
    total->packings += pass->packings;
    total->transactions += pass->transactions;
    total->failed_transactions += pass->failed_transactions;
    total->moves += pass->moves;
    total->throttled += pass->throttled;
    total->skipped += pass->skipped;
}

struct pass_summary pass_summary(const struct pass *pass)
{
    return pass->summary;
}

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

/* A point of the open transaction to go back to, counts included. */
struct mark {
    struct transaction_mark transaction;
    size_t change_count;
    int64_t throttled;
};

static struct mark mark(const struct pass *pass)
{
    return (struct mark){transaction_mark(&pass->transaction), pass->change_count,
                         pass->summary.throttled};
}

static void rewind_to(struct pass *pass, struct mark mark)
{
    while (pass->change_count > mark.change_count)
        apply(pass, pass->changes[--pass->change_count], -1);
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
    if (!pass->options.guarded_removals)
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

static void issue_move(struct pass *pass, enum change_kind kind, int32_t assignment, int32_t slot)
{
    const struct entry *entry = pass->state->assignments[assignment];
    struct span key = make_assignment_key(pass, &entry->parts, &entry->parts, slot);
    check_entry(pass, entry);
    transaction_delete(&pass->transaction, entry->key);
    transaction_put(&pass->transaction, key, entry->value, entry->lease);
    record(pass, (struct change){.kind = kind,
                                 .member = pass->state->assignment_member[assignment],
                                 .primary = kind == CHANGE_PROMOTE});
}

/* --- checkpoints --- */

/* Whether what was issued since @last may stay. With split_oversized, what takes a checkpoint over
 * the limits goes back, and is left to a later pass, unless the checkpoint still has a transaction
 * of its own to try. */
static bool keep(struct pass *pass, struct mark last)
{
    if (!pass->options.split_oversized || !pass->alone || transaction_fits(&pass->transaction))
        return true;
    rewind_to(pass, last);
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

static int decide(struct pass *pass, int32_t item)
{
    return convergence_decide(&pass->convergence, pass->state, pass->solution, &pass->counts, item);
}

/* Issues what is decided about the item. */
static void checkpoint_item(struct pass *pass, int32_t item)
{
    struct convergence *convergence = &pass->convergence;
    int32_t missing = moves_missing(pass->state, item);
    struct mark last = mark(pass);
    for (int32_t i = 0; i < convergence->addition_count; i++, last = mark(pass)) {
        bool move = i >= missing;
        if (move && is_throttled(pass, item, convergence->additions[i].member)) {
            pass->summary.throttled++;
            continue;
        }
        issue_addition(pass, item, convergence->additions[i], move);
        if (!keep(pass, last))
            return;
    }
    for (int32_t i = 0; i < convergence->removal_count; i++, last = mark(pass)) {
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
    last = mark(pass);
    if (convergence->packed != STATE_NONE)
        issue_move(pass, CHANGE_PACK, convergence->packed, convergence->packed_slot);
    (void)keep(pass, last);
}

/* The assignments from @begin up to (without) the returned one, of one item that doesn't exist. */
static int32_t checkpoint_dead(struct pass *pass, int32_t begin, int32_t end)
{
    const struct state *state = pass->state;
    struct span item = state->assignments[begin]->parts.item;
    struct span root = keyspace_root(state->keyspace);
    size_t size = keys_max_size(root, item, (struct span){0}, (struct span){0});
    struct mark last = mark(pass);
    int32_t a = begin;
    for (; a < end && span_equal(state->assignments[a]->parts.item, item); a++) {
        const struct entry *entry = state->assignments[a];
        if (state->frozen[a])
            continue;
        if (mark(pass).change_count == last.change_count) {
            char *buffer = transaction_allocate(&pass->transaction, size);
            if (buffer)
                transaction_check_absent(&pass->transaction, keys_item(root, item, buffer, size));
        }
        struct mark before = mark(pass);
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

/* Whether the item, about which is decided, would take slots although it lacks nothing: they are
 * first for those that do. What is freed comes in order. The reference knows no such difference. */
static bool only_moves(const struct pass *pass, int32_t item)
{
    return pass->solution->solver != SOLVER_REFERENCE && pass->convergence.addition_count > 0 &&
           moves_missing(pass->state, item) == 0;
}

static int defer(struct pass *pass, int32_t item)
{
    if (pass->deferred_count == pass->deferred_capacity) {
        int32_t capacity = 2 * pass->deferred_capacity + 64;
        int32_t *deferred = realloc(pass->deferred, (size_t)capacity * sizeof *deferred);
        if (!deferred)
            return ALLOT_ENOMEM;
        pass->deferred = deferred;
        pass->deferred_capacity = capacity;
    }
    pass->deferred[pass->deferred_count++] = item;
    return 0;
}

static int resume(struct pass *pass)
{
    int32_t item = pass->deferred[pass->walk.resumed++];
    int error = decide(pass, item);
    if (!error)
        checkpoint_item(pass, item);
    return error;
}

static bool is_through(const struct pass *pass)
{
    return pass->walk.next_item == pass->state->item_count &&
           pass->walk.next_assignment == pass->state->assignment_count;
}

/* Issues the next checkpoint of the walk, and moves on. Items and assignments are in the same
 * order, which is the reference's, too. */
static int checkpoint_next(struct pass *pass)
{
    const struct state *state = pass->state;
    struct walk *walk = &pass->walk;
    pass->alone = pass->change_count == 0;
    if (is_through(pass))
        return resume(pass);
    int32_t item = walk->next_item;
    bool more_items = item < state->item_count;
    int32_t gap_end = more_items ? state->assignment_begin[item] : state->assignment_count;
    if (walk->next_assignment < gap_end) {
        walk->next_assignment = checkpoint_dead(pass, walk->next_assignment, gap_end);
        return 0;
    }
    walk->next_item = item + 1;
    walk->next_assignment = state->assignment_end[item];
    int error = decide(pass, item);
    if (error)
        return error;
    if (only_moves(pass, item))
        return defer(pass, item);
    checkpoint_item(pass, item);
    return 0;
}

/* Passes by items about which nothing is to be done: in a settled cluster, nearly all. */
static void skip_settled(struct pass *pass)
{
    const struct state *state = pass->state;
    struct walk *walk = &pass->walk;
    int32_t item = walk->next_item;
    while (item < state->item_count && walk->next_assignment == state->assignment_begin[item] &&
           convergence_is_settled(state, pass->solution, item))
        walk->next_assignment = state->assignment_end[item++];
    walk->next_item = item;
}

static bool at_end(const struct pass *pass)
{
    return is_through(pass) && pass->walk.resumed == pass->deferred_count;
}

/* --- transactions --- */

static void begin_transaction(struct pass *pass)
{
    transaction_clear(&pass->transaction);
    pass->transaction.merges_checks = pass->options.merged_checks;
    pass->change_count = 0;
    if (pass->options.fence.size != 0)
        transaction_check_unchanged(&pass->transaction, pass->options.fence,
                                    pass->options.fence_revision);
    pass->transaction.bytes += pass->options.fence.size; /* which failure reads */
    if (pass->options.settings.size != 0 && pass->options.settings_revision != 0)
        transaction_check_unchanged(&pass->transaction, pass->options.settings,
                                    pass->options.settings_revision);
    else if (pass->options.settings.size != 0)
        transaction_check_absent(&pass->transaction, pass->options.settings);
    if (pass->options.absent.key.size != 0)
        transaction_check_all_absent(&pass->transaction, pass->options.absent);
    pass->standing_checks = pass->transaction.check_count;
    if (pass->options.actor_key.size != 0)
        transaction_put(&pass->transaction, pass->options.actor_key, pass->options.actor_value, 0);
}

static void end_transaction(struct pass *pass, const struct store_txn **ret)
{
    pass->read_fence =
        (struct store_op){.kind = STORE_OP_GET, .keys = {.key = pass->options.fence}};
    pass->txn = transaction_view(&pass->transaction);
    pass->txn.failure = &pass->read_fence;
    pass->txn.failure_count = pass->options.fence.size != 0;
    pass->open = true;
    pass->summary.transactions++;
    *ret = &pass->txn;
}

int pass_next(struct pass *pass, const struct store_txn **ret)
{
    assert(!pass->open);
    begin_transaction(pass);
    struct mark base = mark(pass);
    for (skip_settled(pass); !at_end(pass); skip_settled(pass)) {
        struct mark before = mark(pass);
        struct walk walk = pass->walk;
        int error = checkpoint_next(pass);
        if (error)
            return error;
        if (transaction_fits(&pass->transaction))
            continue;
        if (before.change_count != base.change_count) {
            rewind_to(pass, before); /* it begins the next transaction instead */
            pass->walk = walk;
        }
        break;
    }
    if (pass->transaction.error)
        return pass->transaction.error;
    if (pass->change_count != 0)
        end_transaction(pass, ret);
    else
        *ret = NULL;
    return 0;
}

void pass_done(struct pass *pass, bool succeeded)
{
    assert(pass->open);
    pass->open = false;
    if (succeeded)
        return;
    pass->summary.failed_transactions++;
    while (pass->change_count > 0)
        apply(pass, pass->changes[--pass->change_count], -1);
}
