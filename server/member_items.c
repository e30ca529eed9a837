#include "server/member_items.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/member_mark.h"
#include "server/run_command.h"

enum {
    RETRY_MS = 1000, /* after a failed command */
    LOOK_MS = 1000,  /* how long to wait for a newer snapshot at a time */
    MARK_MS = 5000,  /* for the store to take a mark, as long as it is ours */
};

/* An item that we have told of, or are to tell of. */
struct held {
    char *item;
    int64_t item_created; /* these two revisions, the lease and the slot tell one assignment ... */
    int64_t created;      /* ... of the item from the next */
    int64_t lease;
    int32_t slot;
    bool gained;          /* the command has succeeded for it */
    bool told;            /* the command has succeeded for this slot */
    int64_t retry_at_ms;  /* it is not called again before; 0: it wasn't called yet */
    int64_t marked_after; /* the revision of the assignment that was marked consistent */
};

struct member_items {
    struct member_items_config config;
    struct held *held; /* in order of item */
    size_t count;
    size_t capacity;
    int64_t own_until_ms; /* from then on what was ours may be others' */
    int64_t gave_up_ms;   /* when that last came to pass */
    bool gives_up;
    pthread_t thread;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool stopping;
    bool waiting; /* for a newer snapshot: on_snapshot will be called */
};

/* --- the command --- */

static int run(const struct member_items *items, const char *event, const char *item, int32_t slot)
{
    char *texts[3] = {NULL};
    int error = asprintf(&texts[0], "ALLOT_EVENT=%s", event) < 0 ||
                        asprintf(&texts[1], "ALLOT_ITEM=%s", item) < 0 ||
                        asprintf(&texts[2], "ALLOT_SLOT=%" PRId32, slot) < 0
                    ? ALLOT_ENOMEM
                    : 0;
    const char *variables[] = {texts[0], texts[1], slot >= 0 ? texts[2] : NULL, NULL};
    if (!error)
        error = run_command(items->config.command, variables, items->config.timeout_ms);
    for (size_t i = 0; i < 3; i++)
        free(texts[i]);
    return error;
}

/* Tells of a change. False: the command has failed. */
static bool tell(const struct member_items *items, const char *event, const char *item,
                 int32_t slot)
{
    int status = items->config.command ? run(items, event, item, slot) : 0;
    log_write(status == 0 ? LOG_INFO : LOG_WARNING, event,
              LOG_FIELDS(log_text("item", item), log_integer("slot", slot),
                         log_integer("status", status)));
    return status == 0;
}

/* --- what is held --- */

static struct span item_name(const struct state *state, const struct local_item *local)
{
    return state->items[local->item]->parts.item;
}

static int insert(struct member_items *items, size_t place, const struct state *state,
                  const struct local_item *local)
{
    const struct entry *entry = state->assignments[local->assignment];
    struct span item = item_name(state, local);
    if (items->count == items->capacity) {
        size_t capacity = items->capacity ? 2 * items->capacity : 16;
        struct held *more = realloc(items->held, capacity * sizeof *more);
        if (!more)
            return ALLOT_ENOMEM;
        items->held = more;
        items->capacity = capacity;
    }
    char *name = malloc(item.size + 1);
    if (!name)
        return ALLOT_ENOMEM;
    memcpy(name, item.data, item.size);
    name[item.size] = '\0';
    memmove(items->held + place + 1, items->held + place,
            (items->count - place) * sizeof *items->held);
    items->held[place] = (struct held){.item = name,
                                       .item_created = state->items[local->item]->create_revision,
                                       .created = entry->create_revision,
                                       .lease = entry->lease,
                                       .slot = entry->parts.slot};
    items->count++;
    return 0;
}

static void drop(struct member_items *items, size_t place)
{
    free(items->held[place].item);
    items->count--;
    memmove(items->held + place, items->held + place + 1,
            (items->count - place) * sizeof *items->held);
}

/* Whether the assignment that we hold is @local, be it in another slot: then it has another key,
 * which was given its value. Else it was lost in between, even if no snapshot without it was seen.
 */
static bool is_still(const struct held *held, const struct state *state,
                     const struct local_item *local)
{
    const struct entry *entry = state->assignments[local->assignment];
    if (state->items[local->item]->create_revision != held->item_created ||
        entry->lease != held->lease)
        return false;
    bool keeps_value = held->marked_after == 0 || entry->value.size > 0;
    return entry->create_revision == held->created ||
           (entry->parts.slot != held->slot && keeps_value);
}

/* --- whether it is ours --- */

/* Until when it is, on the monotonic clock: others are given what we have once our lease has
 * expired, of which nobody tells us while we are cut off. A key under another lease is another
 * process's of our name, or a former one of ours. */
static int64_t own_until_ms(const struct member_items *items, const struct state *state,
                            struct allocator_term term)
{
    bool is_ours = state->own && state->own->lease == term.lease && term.until_ms > 0;
    return is_ours ? term.until_ms - items->config.margin_ms : INT64_MIN;
}

/* Whether what @state has for our member is ours. What was given up is so again once the store has
 * said so since. */
static bool has_own(struct member_items *items, const struct state *state,
                    const struct loop_status *status)
{
    items->own_until_ms = own_until_ms(items, state, status->term);
    int64_t now_ms = clock_monotonic_ms();
    bool is_in_time = now_ms < items->own_until_ms;
    if (!is_in_time && items->count > 0 && !items->gives_up) {
        log_write(LOG_WARNING, "our lease may have ended: everything is given up", NULL);
        items->gave_up_ms = now_ms;
    }
    items->gives_up = !is_in_time;
    return is_in_time && status->current_monotonic_ms >= items->gave_up_ms;
}

/* --- one step: at most one command, or one transaction, before a newer snapshot is looked at ---
 */

enum step {
    STEP_DONE,
    STEP_AGAIN,
    STEP_LATER,
    STEP_FAILED, /* the store didn't answer, nor would it for the next item: later */
};

/* Marks what is held, while it is ours for sure. */
static enum step step_mark(struct member_items *items, struct held *held, const struct state *state,
                           const struct local_item *local)
{
    int64_t left_ms = items->own_until_ms - clock_monotonic_ms();
    bool marked = false;
    if (left_ms <= 0)
        return STEP_AGAIN; /* to give everything up */
    int error = member_mark_consistent(items->config.store, state, local,
                                       left_ms < MARK_MS ? left_ms : MARK_MS, &marked);
    if (error)
        return STEP_FAILED;
    if (!marked)
        return STEP_LATER; /* a newer snapshot tells why */
    held->marked_after = state->assignments[local->assignment]->mod_revision;
    return STEP_AGAIN;
}

/* The item that is held at @place, and that is ours in @state. */
static enum step step_item(struct member_items *items, size_t place, const struct state *state,
                           const struct local_item *local)
{
    struct held *held = &items->held[place];
    const struct entry *entry = state->assignments[local->assignment];
    held->told = held->told && entry->parts.slot == held->slot;
    held->slot = entry->parts.slot;
    held->created = entry->create_revision;
    if (!held->told) {
        if (clock_monotonic_ms() < held->retry_at_ms)
            return STEP_LATER;
        held->told = tell(items, held->gained ? "changed" : "gained", held->item, held->slot);
        held->gained = held->gained || held->told;
        held->retry_at_ms = clock_monotonic_ms() + (held->told ? 0 : RETRY_MS);
        return held->told ? STEP_AGAIN : STEP_LATER;
    }
    if (!member_mark_is_due(state, local) || held->marked_after >= entry->mod_revision)
        return STEP_DONE;
    return step_mark(items, held, state, local);
}

/* The first that is held and is not among the @own_count local items of @state any more is lost. */
static enum step step_losses(struct member_items *items, const struct state *state,
                             int32_t own_count)
{
    int32_t index = 0;
    for (size_t place = 0; place < items->count; place++) {
        struct held *held = &items->held[place];
        int order = -1;
        while (index < own_count && order < 0)
            order =
                span_compare(item_name(state, &state->local_items[index++]), span_of(held->item));
        if (order == 0 && is_still(held, state, &state->local_items[index - 1]))
            continue;
        if (held->retry_at_ms != 0) /* it has heard of it */
            (void)tell(items, "lost", held->item, -1);
        drop(items, place);
        return STEP_AGAIN;
    }
    return STEP_DONE;
}

/* All that is held is among them: what else is there is gained. */
static enum step step_gains(struct member_items *items, const struct state *state,
                            int32_t own_count)
{
    enum step result = STEP_DONE;
    for (int32_t index = 0; index < own_count; index++) {
        const struct local_item *local = &state->local_items[index];
        size_t place = (size_t)index;
        bool is_held = place < items->count &&
                       span_equal(span_of(items->held[place].item), item_name(state, local));
        if (!is_held && insert(items, place, state, local) != 0)
            return STEP_LATER;
        enum step one = step_item(items, place, state, local);
        if (one == STEP_AGAIN || one == STEP_FAILED)
            return one;
        if (one == STEP_LATER)
            result = one;
    }
    return result;
}

/* What is lost comes first, since others may have it already. */
static enum step step(struct member_items *items, const struct state *state,
                      const struct loop_status *status)
{
    int32_t own_count = has_own(items, state, status) ? state->local_item_count : 0;
    enum step losses = step_losses(items, state, own_count);
    return losses == STEP_DONE ? step_gains(items, state, own_count) : losses;
}

/* --- the thread --- */

static void on_snapshot(void *context, int error)
{
    struct member_items *items = context;
    (void)error;
    pthread_mutex_lock(&items->mutex);
    items->waiting = false;
    pthread_cond_broadcast(&items->changed);
    pthread_mutex_unlock(&items->mutex);
}

/* When to look again at the latest. */
static int64_t look_at_ms(const struct member_items *items)
{
    int64_t look_ms = clock_monotonic_ms() + LOOK_MS;
    return items->count > 0 && items->own_until_ms < look_ms ? items->own_until_ms : look_ms;
}

/* Waits for a snapshot of @revision or later, for a while. False: stop. */
static bool wait_for_snapshot(struct member_items *items, int64_t revision)
{
    pthread_mutex_lock(&items->mutex);
    bool ask = !items->waiting && !items->stopping;
    items->waiting = items->waiting || ask;
    pthread_mutex_unlock(&items->mutex);
    if (ask && publisher_wait(items->config.publisher, revision, LOOK_MS, on_snapshot, items) != 0)
        on_snapshot(items, ALLOT_ENOMEM);

    int64_t deadline_ms = look_at_ms(items);
    pthread_mutex_lock(&items->mutex);
    while (items->waiting && !items->stopping &&
           clock_condition_wait(&items->changed, &items->mutex, deadline_ms))
        ;
    bool go_on = !items->stopping;
    pthread_mutex_unlock(&items->mutex);
    return go_on;
}

static void *items_thread(void *argument)
{
    struct member_items *items = argument;
    bool go_on = true;
    bool again = true;
    while (go_on || again) {
        struct loop_status status; /* first: what it says of the store goes for the snapshot, too */
        loop_status(items->config.loop, &status);
        struct snapshot *snapshot = publisher_snapshot(items->config.publisher);
        int64_t next = snapshot ? snapshot->state->revision + 1 : 0;
        again = snapshot && step(items, snapshot->state, &status) == STEP_AGAIN;
        snapshot_unref(snapshot);
        if (!again && go_on) {
            go_on = wait_for_snapshot(items, next);
            again = true; /* once more, even when stopping */
        }
    }
    return NULL;
}

/* --- lifecycle --- */

int member_items_start(const struct member_items_config *config, struct member_items **ret)
{
    struct member_items *items = calloc(1, sizeof *items);
    if (!items)
        return ALLOT_ENOMEM;
    items->config = *config;
    if (pthread_mutex_init(&items->mutex, NULL) != 0)
        goto no_mutex;
    if (clock_condition_init(&items->changed) != 0)
        goto no_condition;
    if (pthread_create(&items->thread, NULL, items_thread, items) != 0)
        goto no_thread;
    *ret = items;
    return 0;
no_thread:
    pthread_cond_destroy(&items->changed);
no_condition:
    pthread_mutex_destroy(&items->mutex);
no_mutex:
    free(items);
    return ALLOT_ENOMEM;
}

void member_items_stop(struct member_items *items)
{
    if (!items)
        return;
    pthread_mutex_lock(&items->mutex);
    items->stopping = true;
    pthread_cond_broadcast(&items->changed);
    pthread_mutex_unlock(&items->mutex);
    pthread_join(items->thread, NULL);
    pthread_mutex_lock(&items->mutex);
    while (items->waiting) /* on_snapshot is still to come */
        pthread_cond_wait(&items->changed, &items->mutex);
    pthread_mutex_unlock(&items->mutex);
    while (items->count)
        drop(items, items->count - 1);
    free(items->held);
    pthread_cond_destroy(&items->changed);
    pthread_mutex_destroy(&items->mutex);
    free(items);
}
