#include "tests/core/rounds_checker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/core/scheduler.h"

/* One revision of the history, if it was a transaction of the loop's. */
struct work {
    int64_t revision;
    struct span actor;
    bool decides;                     /* it changes assignments */
    const struct store_event *record; /* that it puts, or NULL */
    bool recorded;                    /* in a record */
};

struct history {
    struct work *works;
    size_t count;
    char *fault;
};

static void fault(struct history *history, const char *what, int64_t revision)
{
    if (!history->fault[0])
        (void)snprintf(history->fault, 256, "revision %" PRId64 ": %s", revision, what);
}

static void add_event(struct work *work, const struct store_event *event)
{
    bool put = event->kind == STORE_EVENT_PUT;
    if (put && span_equal(event->kv.key, SPAN(SCHEDULER_ACTOR)))
        work->actor = event->kv.value;
    else if (put && span_has_prefix(event->kv.key, SPAN(SCHEDULER_ROUNDS)))
        work->record = event;
    else if (span_has_prefix(event->kv.key, SPAN(SCHEDULER_ROOT KEYS_ASSIGNMENTS)))
        work->decides = true;
}

static void read_history(struct history *history, const struct model_store *store)
{
    size_t count;
    const struct store_event *events = model_store_events_since(store, 0, &count);
    history->works = calloc(count + 1, sizeof *history->works);
    if (!history->works)
        abort();
    for (size_t i = 0; i < count;) {
        struct work work = {.revision = events[i].kv.mod_revision};
        for (; i < count && events[i].kv.mod_revision == work.revision; i++)
            add_event(&work, &events[i]);
        if (work.actor.size)
            history->works[history->count++] = work;
    }
}

static struct work *find(struct history *history, int64_t revision)
{
    for (size_t i = 0; i < history->count; i++)
        if (history->works[i].revision == revision)
            return &history->works[i];
    return NULL;
}

static int64_t count_decisions(const struct history *history, struct span actor)
{
    int64_t count = 0;
    for (size_t i = 0; i < history->count; i++)
        count += history->works[i].decides && span_equal(history->works[i].actor, actor);
    return count;
}

/* The revisions after the colon. */
static void check_revisions(struct history *history, const struct work *of, const char *text)
{
    char *end;
    int64_t applied = strtoll(text, &end, 10);
    int64_t listed = 0;
    int64_t unknown = span_has_prefix(span_of(end), SPAN(" or more"));
    for (text = strchr(end, ':') + 1; *text; text = end, listed++) {
        int64_t revision = strtoll(text, &end, 10);
        if (end == text)
            abort();
        struct work *work = find(history, revision);
        if (!work || !work->decides || !span_equal(work->actor, of->actor))
            fault(history, "is recorded, but was not of that round", revision);
        else if (work->recorded)
            fault(history, "is recorded twice", revision);
        else
            work->recorded = true;
    }
    int64_t decisions = count_decisions(history, of->actor);
    if (listed != applied || decisions < applied || decisions > applied + unknown)
        fault(history, "a record lacks some of its round", of->revision);
}

static void check_record(struct history *history, const struct work *work)
{
    static const char applied[] = " applied ";
    const struct store_kv *kv = &work->record->kv;
    char text[SCHEDULER_ROUND_SIZE];
    struct span rest = {kv->value.data + work->actor.size, kv->value.size - work->actor.size};
    if (kv->version != 1)
        fault(history, "a record is put over", work->revision);
    if (!span_has_prefix(kv->value, work->actor) || !span_has_prefix(rest, SPAN(" applied "))) {
        fault(history, "a record in another round's name", work->revision);
        return;
    }
    memcpy(text, rest.data, rest.size);
    text[rest.size] = '\0';
    check_revisions(history, work, text + sizeof applied - 1);
}

long rounds_checker_check(const struct model_store *store, int64_t calm_revision,
                          char ret_fault[256])
{
    struct history history = {.fault = ret_fault};
    long records = 0;
    ret_fault[0] = '\0';
    read_history(&history, store);
    for (size_t i = 0; i < history.count; i++) {
        if (!history.works[i].record)
            continue;
        check_record(&history, &history.works[i]);
        records++;
    }
    for (size_t i = 0; i < history.count; i++)
        if (history.works[i].decides && history.works[i].revision > calm_revision &&
            !history.works[i].recorded)
            fault(&history, "isn't recorded", history.works[i].revision);
    free(history.works);
    return records;
}
