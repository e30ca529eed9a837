#include "api/explain_text.h"

#include <inttypes.h>
#include <stdio.h>

static void describe_tight(const struct explain_cut *cut, char text[EXPLAIN_TEXT_SIZE])
{
    bool one_item = cut->item_count == 1;
    bool one_full = cut->full_count == 1;
    int size = snprintf(text, EXPLAIN_TEXT_SIZE, "%" PRId32 " %s %" PRId64 " replicas",
                        cut->item_count, one_item ? "item wants" : "items want", cut->wanted);
    if (cut->full_count > 0)
        size += snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size),
                         "; the %" PRId32 " %s that could take more of them %s %" PRId64
                         " slots in all, and none is free",
                         cut->full_count, one_full ? "member" : "members",
                         one_full ? "has" : "have", cut->slots);
    if (cut->sharing > 0)
        size += snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size),
                         ", and %" PRId32 " %s a replica of %s already", cut->sharing,
                         cut->sharing == 1 ? "member has" : "members have",
                         one_item ? "it" : "each of them");
    if (cut->full_count == 0 && cut->sharing == 0)
        size +=
            snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size), ", and no member has a slot");
    (void)snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size),
                   ": so %" PRId64 " can't be assigned, whatever the allocator does",
                   cut->unattainable);
}

void explain_text_of_cut(const struct explain_cut *cut, char text[EXPLAIN_TEXT_SIZE])
{
    if (cut->is_tight)
        describe_tight(cut, text);
    else
        (void)snprintf(text, EXPLAIN_TEXT_SIZE, "%s",
                       "a slot is free that would do, but the solver has not found the way to it: "
                       "it gives slots to items in the order of their ids, and in equal shares to "
                       "groups of them");
}

static void say(char text[EXPLAIN_TEXT_SIZE], const char *words)
{
    (void)snprintf(text, EXPLAIN_TEXT_SIZE, "%s", words);
}

void explain_text_of_missing(const struct explanation *explanation, char text[EXPLAIN_TEXT_SIZE])
{
    enum explain_wait wait = explain_missing_wait(explanation);
    text[0] = '\0';
    if (explanation->unplaced > 0)
        explain_text_of_cut(&explanation->cut, text);
    else if (wait == EXPLAIN_PAUSED)
        say(text, "the operators have paused the allocator");
    else if (wait == EXPLAIN_NEXT_PASS)
        say(text, "the allocator adds what is missing in its next pass");
    else if (wait == EXPLAIN_SLOT)
        say(text, "a member that is to have it is full until something leaves it");
    else if (wait == EXPLAIN_CAPACITY)
        say(text, "a member that is to have it is full, and what is to leave it can't, as there is "
                  "no room for its items elsewhere");
}

/* --- what is waited for --- */

static void describe_pause(const struct explanation *explanation, char text[EXPLAIN_TEXT_SIZE])
{
    bool all = explanation->rules.pause == ALLOCATOR_PAUSES;
    say(text, all ? "the operators: the allocator is paused" : "the operators: moves are paused");
}

/* As many must stay beside it as the item wants; or more, if it goes after one that does. */
static void describe_consistency(const struct explanation *explanation, int32_t assignment,
                                 char text[EXPLAIN_TEXT_SIZE])
{
    const struct state *state = explanation->state;
    int32_t wanted = state->replication[explanation->item];
    int32_t staying = explanation->staying;
    bool more = state->consistent[assignment] || staying >= wanted;
    (void)snprintf(text, EXPLAIN_TEXT_SIZE,
                   "%s consistent replicas %s the item wants: it wants %" PRId32
                   ", and has %" PRId32 "%s",
                   more ? "more" : "as many", more ? "than" : "as", wanted, staying,
                   staying < explanation->consistent ? " once others have gone" : "");
}

/* It goes when the item has others, for which there is no room. */
static void describe_no_room(const struct explanation *explanation, int32_t assignment,
                             char text[EXPLAIN_TEXT_SIZE])
{
    const struct state *state = explanation->state;
    char cut[EXPLAIN_TEXT_SIZE];
    explain_text_of_cut(&explanation->cut, cut);
    (void)snprintf(text, EXPLAIN_TEXT_SIZE,
                   "room: it stays until the item has %s the %" PRId32
                   " consistent replicas that it wants, but no more can be placed: %.400s",
                   state->consistent[assignment] ? "more than" : "all of",
                   state->replication[explanation->item], cut);
}

void explain_text_of_replica_wait(const struct explanation *explanation, int32_t assignment,
                                  char text[EXPLAIN_TEXT_SIZE])
{
    enum explain_wait wait = explain_replica_wait(explanation, assignment);
    text[0] = '\0';
    if (wait == EXPLAIN_NEXT_PASS)
        say(text, "the allocator's next pass");
    else if (wait == EXPLAIN_CONSISTENCY)
        describe_consistency(explanation, assignment, text);
    else if (wait == EXPLAIN_CAPACITY)
        describe_no_room(explanation, assignment, text);
    else if (wait == EXPLAIN_PAUSED)
        describe_pause(explanation, text);
}

static void describe_limit(const struct explanation *explanation, int32_t member,
                           char text[EXPLAIN_TEXT_SIZE])
{
    const struct state *state = explanation->state;
    const struct move_limits *limits = &explanation->rules.limits;
    enum move_limit reached = explain_limit_reached(explanation, member);
    int64_t in_flight = explanation->moves.total;
    int64_t most = limits->in_flight;
    const char *where = "";
    if (reached == MOVE_LIMIT_NONE) {
        say(text, "the operators: no moves a minute may be begun");
        return;
    }
    if (reached == MOVE_LIMIT_MEMBER) {
        in_flight = explanation->moves.member[member];
        most = limits->per_member;
        where = " to its member";
    } else if (reached == MOVE_LIMIT_ZONE) {
        in_flight = explanation->moves.zone[state->member_zone[member]];
        most = limits->per_zone;
        where = " to its zone";
    }
    (void)snprintf(text, EXPLAIN_TEXT_SIZE,
                   "other moves: %" PRId64 "%s are in flight, and no more than %" PRId64 " may be",
                   in_flight, where, most);
}

void explain_text_of_arrival_wait(const struct explanation *explanation, int32_t member,
                                  char text[EXPLAIN_TEXT_SIZE])
{
    enum explain_wait wait = explain_arrival_wait(explanation, member);
    text[0] = '\0';
    if (wait == EXPLAIN_NEXT_PASS)
        say(text, "the allocator's next pass");
    else if (wait == EXPLAIN_SLOT)
        say(text, "a slot: the member is full until something leaves it");
    else if (wait == EXPLAIN_CAPACITY)
        say(text, "a slot: the member is full, and what is to leave it can't, as there is no room "
                  "for its items elsewhere");
    else if (wait == EXPLAIN_PAUSED)
        describe_pause(explanation, text);
    else if (wait == EXPLAIN_THROTTLED)
        describe_limit(explanation, member, text);
    else if (wait == EXPLAIN_TURN)
        (void)snprintf(text, EXPLAIN_TEXT_SIZE,
                       "its turn: no more than %" PRId64 " moves a minute are begun",
                       explanation->rules.limits.per_minute);
}
