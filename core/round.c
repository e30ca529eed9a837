#include "core/round.h"

const char *const round_why_names[ROUND_WHY_COUNT] = {
    [ROUND_LEADERSHIP] = "leadership",   [ROUND_NETWORK] = "network", [ROUND_SETTINGS] = "settings",
    [ROUND_ASSIGNMENTS] = "assignments", [ROUND_RETRY] = "retry",
};

/* --- what it was --- */

void round_note_applied(struct round *round, int64_t revision)
{
    if (round->applied < ROUND_MAX_REVISIONS)
        round->revisions[round->applied] = revision;
    round->applied++;
    round->last_revision = revision;
}

static bool same_network(const struct state *a, const struct state *b)
{
    return a->fingerprint == b->fingerprint && a->item_count == b->item_count &&
           a->member_count == b->member_count;
}

/* Entries are told to be the same by their addresses: both states hold theirs. */
static bool same_settings(const struct round_view *a, const struct round_view *b, struct span key)
{
    return allocator_rules_equal(&a->rules, &b->rules) &&
           (key.size == 0 ||
            keyspace_find(a->state->keyspace, key) == keyspace_find(b->state->keyspace, key));
}

static bool same_assignments(const struct state *a, const struct state *b)
{
    if (a->assignment_count != b->assignment_count)
        return false;
    for (int32_t i = 0; i < a->assignment_count; i++)
        if (a->assignments[i] != b->assignments[i] || a->consistent[i] != b->consistent[i])
            return false;
    return true;
}

enum round_why round_find_why(const struct round_view *before, const struct round_view *now,
                              struct span settings)
{
    if (!before->state)
        return ROUND_LEADERSHIP;
    if (!same_network(before->state, now->state))
        return ROUND_NETWORK;
    if (!same_settings(before, now, settings))
        return ROUND_SETTINGS;
    return same_assignments(before->state, now->state) ? ROUND_RETRY : ROUND_ASSIGNMENTS;
}

/* --- its record --- */

/* @number in decimal, with at least @digits digits. Returns where it ends. */
static char *append_number(char *at, int64_t number, int digits)
{
    char reversed[19];
    int count = 0;
    for (; number > 0 || count < digits; number /= 10)
        reversed[count++] = (char)('0' + number % 10);
    while (count > 0)
        *at++ = reversed[--count];
    return at;
}

struct span round_key(struct round_id id, char *buffer, size_t prefix_size)
{
    char *at = append_number(buffer + prefix_size, id.fence, 19);
    *at++ = '-';
    at = append_number(at, id.round, 10);
    return (struct span){buffer, (size_t)(at - buffer)};
}
