#include "tests/core/rules_checker.h"

#include <stdlib.h>

#include "core/keys.h"

void rules_pass_release(struct rules_pass *pass)
{
    state_unref(pass->decided_on);
    move_counts_release(&pass->moves);
    *pass = (struct rules_pass){0};
}

void rules_checker_release(struct rules_checker *checker)
{
    free(checker->begun);
    *checker = (struct rules_checker){0};
}

static void begin(struct rules_pass *pass, struct state *decided_on)
{
    if (pass->decided_on == decided_on)
        return;
    rules_pass_release(pass);
    pass->decided_on = state_ref(decided_on);
    if (move_counts_make(decided_on, &pass->moves) != 0)
        abort();
}

static bool parse(const struct state *state, struct span key, struct key_parts *ret)
{
    return keys_parse(keyspace_root(state->keyspace), key, ret) == 0 && ret->kind == KEY_ASSIGNMENT;
}

/* The item that gets a replica on a member that has none of it, and the member. */
static bool is_addition(const struct state *state, const struct store_op *op, int32_t *ret_item,
                        int32_t *ret_member)
{
    struct key_parts parts;
    if (op->kind != STORE_OP_PUT || !parse(state, op->keys.key, &parts))
        return false;
    *ret_item = state_find_item(state, parts.item);
    *ret_member = state_find_member(state, parts.zone, parts.suffix);
    return state_find_assignment(state, *ret_item, parts.zone, parts.suffix) == STATE_NONE;
}

/* Takes a registered member's replica away; not what moves to another slot. */
static bool is_departure(const struct state *state, const struct store_txn *txn, size_t number)
{
    struct key_parts parts, other;
    const struct store_op *op = &txn->success[number];
    if (op->kind != STORE_OP_DELETE || !parse(state, op->keys.key, &parts) ||
        state_find_item(state, parts.item) == STATE_NONE ||
        state_find_member(state, parts.zone, parts.suffix) == STATE_NONE)
        return false;
    for (size_t i = 0; i < txn->success_count; i++)
        if (txn->success[i].kind == STORE_OP_PUT &&
            parse(state, txn->success[i].keys.key, &other) &&
            keys_compare_assignments(&parts, &other) == 0)
            return false;
    return true;
}

static bool is_beyond(int64_t limit, int64_t count)
{
    return limit >= 0 && count > limit;
}

static const char *check_move(struct rules_pass *pass, const struct allocator_rules *rules,
                              int32_t member)
{
    const struct move_limits *limits = &rules->limits;
    const struct state *state = pass->decided_on;
    if (rules->pause == ALLOCATOR_REPAIRS)
        return "moves while only repairs may go on";
    move_counts_add(&pass->moves, state, member, 1);
    if (is_beyond(limits->in_flight, pass->moves.total))
        return "too many moves in flight";
    if (is_beyond(limits->per_member, pass->moves.member[member]))
        return "too many moves in flight to a member";
    if (is_beyond(limits->per_zone, pass->moves.zone[state->member_zone[member]]))
        return "too many moves in flight to a zone";
    return NULL;
}

static const char *check_minute(struct rules_checker *checker, int64_t limit, int64_t moves,
                                int64_t now_ms)
{
    int64_t begun = moves;
    for (size_t i = checker->begun_count; i-- > 0;)
        if (checker->begun[i].at_ms > now_ms - 60000)
            begun += checker->begun[i].moves;
    if (moves == 0)
        return NULL;
    checker->moves += moves;
    checker->begun = realloc(checker->begun, (checker->begun_count + 1) * sizeof *checker->begun);
    if (!checker->begun)
        abort();
    checker->begun[checker->begun_count].at_ms = now_ms;
    checker->begun[checker->begun_count++].moves = moves;
    return is_beyond(limit, begun) ? "too many moves begun in a minute" : NULL;
}

const char *rules_checker_check(struct rules_checker *checker, struct rules_pass *pass,
                                const struct allocator_rules *rules, struct state *decided_on,
                                const struct store_txn *txn, int64_t now_ms)
{
    const char *fault = NULL;
    int32_t last_item = STATE_NONE, additions = 0;
    int64_t moves = 0;
    begin(pass, decided_on);
    for (size_t i = 0; i < txn->success_count; i++) {
        int32_t item, member;
        bool departure = is_departure(decided_on, txn, i);
        bool addition = is_addition(decided_on, &txn->success[i], &item, &member);
        if ((departure || addition) && rules->pause == ALLOCATOR_PAUSES)
            fault = "decides while it is paused";
        if (departure && rules->pause == ALLOCATOR_REPAIRS)
            fault = "removes while only repairs may go on";
        if (!addition)
            continue;
        additions = item == last_item ? additions + 1 : 1;
        last_item = item;
        if (additions <= moves_missing(decided_on, item))
            continue;
        moves++;
        const char *found = check_move(pass, rules, member);
        fault = fault ? fault : found;
    }
    const char *found = check_minute(checker, rules->limits.per_minute, moves, now_ms);
    return fault ? fault : found;
}
