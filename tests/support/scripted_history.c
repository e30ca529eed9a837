#include "tests/support/scripted_history.h"

#include <stdio.h>

static void copy(struct span text, char target[SCRIPTED_NAME])
{
    (void)snprintf(target, SCRIPTED_NAME, "%.*s", text.data ? (int)text.size : 1,
                   text.data ? text.data : "-");
}

/* --- pages --- */

/* Of events and of rounds alike. */
struct walk {
    bool newest_first;
    bool continues;
    struct history_position position;
    int limit;
};

static bool is_passed(const struct walk *walk, struct history_position position)
{
    const struct history_position *last = &walk->position;
    int order = position.revision != last->revision ? (position.revision > last->revision ? 1 : -1)
                                                    : position.order - last->order;
    return walk->continues && (walk->newest_first ? order >= 0 : order <= 0);
}

typedef struct history_position find_position(const struct scripted_history *history, size_t index);
/* 1: told; 0: it doesn't pass; -1: it isn't wanted any more. */
typedef int tell_one(const struct scripted_history *history, size_t index, void *visit,
                     void *visitor);

struct teller {
    find_position *find;
    tell_one *tell;
    void *visit; /* a pointer to the function */
    void *visitor;
};

static void walk_page(const struct scripted_history *history, const struct walk *walk, size_t count,
                      const struct teller *teller, struct history_page *ret)
{
    int looked = 0;
    int told = 0;
    *ret = (struct history_page){.reached = history->reached, .last = walk->position};
    for (size_t i = 0; i < count; i++) {
        size_t index = walk->newest_first ? count - 1 - i : i;
        struct history_position position = teller->find(history, index);
        if (is_passed(walk, position))
            continue;
        bool ends = (history->looks_at && looked++ == history->looks_at) || told == walk->limit;
        int outcome = ends ? -1 : teller->tell(history, index, teller->visit, teller->visitor);
        if (outcome < 0) {
            ret->more = true;
            return;
        }
        told += outcome;
        ret->last = position;
    }
}

static struct history_position event_position(const struct scripted_history *history, size_t index)
{
    return history->events[index].position;
}

static int tell_event(const struct scripted_history *history, size_t index, void *visit,
                      void *visitor)
{
    const struct history_event *event = &history->events[index];
    history_visit_event **function = visit;
    if (!(history->asked.filter.kinds >> event->kind & 1))
        return 0;
    return (*function)(visitor, event) ? 1 : -1;
}

static struct history_position round_position(const struct scripted_history *history, size_t index)
{
    return (struct history_position){history->rounds[index].revision, 0};
}

static int tell_round(const struct scripted_history *history, size_t index, void *visit,
                      void *visitor)
{
    history_visit_round **function = visit;
    return (*function)(visitor, &history->rounds[index]) ? 1 : -1;
}

/* --- the port --- */

static int events(void *context, const struct history_query *query, const atomic_bool *cancelled,
                  history_visit_event *visit, void *visitor, struct history_page *ret)
{
    struct scripted_history *history = context;
    const struct walk walk = {query->newest_first, query->continues, query->position, query->limit};
    const struct teller teller = {event_position, tell_event, &visit, visitor};
    (void)cancelled;
    history->questions++;
    history->asked = *query;
    copy(query->filter.item, history->item);
    copy(query->filter.zone, history->zone);
    copy(query->filter.suffix, history->suffix);
    copy(query->filter.principal, history->principal);
    if (!history->error)
        walk_page(history, &walk, history->event_count, &teller, ret);
    return history->error;
}

static int rounds(void *context, const struct history_round_query *query,
                  const atomic_bool *cancelled, history_visit_round *visit, void *visitor,
                  struct history_page *ret)
{
    struct scripted_history *history = context;
    const struct walk walk = {query->newest_first, query->continues, query->position, query->limit};
    const struct teller teller = {round_position, tell_round, &visit, visitor};
    (void)cancelled;
    history->questions++;
    history->asked_rounds = *query;
    if (!history->error)
        walk_page(history, &walk, history->round_count, &teller, ret);
    return history->error;
}

static int state(void *context, struct history_moment *at, int64_t min_revision,
                 const atomic_bool *cancelled, struct snapshot **ret)
{
    struct scripted_history *history = context;
    (void)cancelled;
    history->questions++;
    history->asked_at = *at;
    history->asked_min_revision = min_revision;
    if (!history->error || history->error == ALLOT_ECOMPACTED || history->error == ALLOT_EFUTURE)
        *at = history->found;
    if (!history->error)
        *ret = snapshot_ref(history->snapshot);
    return history->error;
}

static void status(void *context, struct history_status *ret)
{
    *ret = ((const struct scripted_history *)context)->status;
}

void scripted_history_init(struct scripted_history *history)
{
    *history = (struct scripted_history){
        .port = {history, events, rounds, state, status},
        .reached = 40,
        .status = {.condition = HISTORY_WORKS, .reached = 40},
    };
}
