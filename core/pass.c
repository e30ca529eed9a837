#include "core/pass_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

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

/* --- the walk --- */

static int decide(struct pass *pass, int32_t item)
{
    return convergence_decide(&pass->convergence, pass->state, pass->solution, &pass->counts, item);
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
        pass_checkpoint_item(pass, item);
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
        walk->next_assignment = pass_checkpoint_dead(pass, walk->next_assignment, gap_end);
        return 0;
    }
    walk->next_item = item + 1;
    walk->next_assignment = state->assignment_end[item];
    int error = decide(pass, item);
    if (error)
        return error;
    if (only_moves(pass, item))
        return defer(pass, item);
    pass_checkpoint_item(pass, item);
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
    for (skip_settled(pass); !at_end(pass); skip_settled(pass)) {
        struct pass_mark before = pass_mark(pass);
        struct walk walk = pass->walk;
        int error = checkpoint_next(pass);
        if (error)
            return error;
        if (transaction_fits(&pass->transaction))
            continue;
        if (before.change_count != 0) {
            pass_rewind(pass, before); /* it begins the next transaction instead */
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
    pass_undo(pass, 0);
}
