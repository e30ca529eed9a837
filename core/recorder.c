#include "core/recorder.h"

#include <stdlib.h>

int recorder_init(struct recorder *recorder, const struct recorder_config *config)
{
    size_t size = config->prefix.size;
    *recorder = (struct recorder){.config = *config};
    transaction_init(&recorder->transaction);
    recorder->keys = malloc(3 * size + ROUND_NAME_SIZE);
    if (!recorder->keys)
        return ALLOT_ENOMEM;
    if (size == 0)
        return 0;
    /* The prefix, the end of its range, and the key that is made anew for each round. */
    for (int copy = 0; copy < 3; copy++)
        memcpy(recorder->keys + (size_t)copy * size, config->prefix.data, size);
    struct span prefix = {recorder->keys, size};
    recorder->config.prefix = prefix;
    recorder->records = (struct store_keys){
        .key = prefix, .range_end = store_range_end_of_prefix(prefix, recorder->keys + size)};
    return 0;
}

void recorder_release(struct recorder *recorder)
{
    state_unref(recorder->view.state);
    state_unref(recorder->former.state);
    transaction_release(&recorder->transaction);
    free(recorder->keys);
}

/* --- a pass --- */

void recorder_note_solved(struct recorder *recorder)
{
    recorder->solved = true;
}

static void forget_former(struct recorder *recorder)
{
    state_unref(recorder->former.state);
    recorder->former.state = NULL;
}

void recorder_begin(struct recorder *recorder, int64_t number, struct state *state,
                    const struct allocator_rules *rules)
{
    forget_former(recorder);
    recorder->former = recorder->view;
    if (recorder->begun_anew) {
        forget_former(recorder);
        recorder->served_revision = 0;
        recorder->begun_anew = false;
    }
    recorder->view = (struct round_view){state_ref(state), *rules};
    recorder->round = (struct round){
        .id = {.fence = state->own->mod_revision, .round = number, .decided_on = state->revision},
        .after_revision = recorder->served_revision,
    };
}

void recorder_note_applied(struct recorder *recorder, int64_t revision)
{
    round_note_applied(&recorder->round, revision);
}

void recorder_note_unknown(struct recorder *recorder)
{
    recorder->round.unknown_outcome = true;
}

static void make_record(struct recorder *recorder)
{
    struct round *round = &recorder->round;
    round->why = round_find_why(&recorder->former, &recorder->view, recorder->config.settings);
    round->solved = recorder->solved;
    recorder->solved = false;
    recorder->key = round_key(round->id, recorder->keys + 2 * recorder->config.prefix.size,
                              recorder->config.prefix.size);
    recorder->value = recorder->config.value(recorder->config.context, round);
    recorder->attempts = RECORDER_ATTEMPTS;
    if (recorder->value.size == 0)
        recorder_lose(recorder);
}

void recorder_end(struct recorder *recorder, enum recorder_end how,
                  const struct pass_summary *summary, const struct solution *solution)
{
    struct round *round = &recorder->round;
    round->pass = *summary;
    round->state = recorder->view.state;
    round->solution = solution;
    if (how == RECORDER_SERVED)
        recorder->served_revision = round->id.decided_on;
    bool is_round = round->applied > 0 || round->unknown_outcome ||
                    (recorder->solved && how != RECORDER_BROKEN);
    if (is_round && recorder->config.prefix.size != 0)
        make_record(recorder);
}

void recorder_begin_anew(struct recorder *recorder)
{
    recorder->begun_anew = true;
}

/* --- the record --- */

bool recorder_is_due(const struct recorder *recorder)
{
    return recorder->attempts > 0;
}

bool recorder_is_still_due(struct recorder *recorder, const struct state *newest)
{
    if (!recorder_is_due(recorder))
        return false;
    if (keyspace_find(newest->keyspace, recorder->key))
        recorder_put_done(recorder);
    else if (recorder->begun_anew)
        recorder_lose(recorder);
    return recorder_is_due(recorder);
}

/* The key, to be deleted, may go with the keyspace: a copy does not. */
static void delete_copy(struct transaction *transaction, struct span key)
{
    char *copy = transaction_allocate(transaction, key.size);
    if (!copy)
        return;
    memcpy(copy, key.data, key.size);
    transaction_delete(transaction, (struct span){copy, key.size});
}

static void delete_oldest(struct recorder *recorder, const struct keyspace *keyspace)
{
    struct keyspace_cursor next = keyspace_seek(keyspace, recorder->records.key);
    struct keyspace_cursor end = keyspace_seek(keyspace, recorder->records.range_end);
    int64_t count = 1 + (int64_t)(keyspace_rank(&end) - keyspace_rank(&next));
    int64_t surplus = count - recorder->config.kept;
    if (surplus > RECORDER_MAX_DELETES)
        surplus = RECORDER_MAX_DELETES;
    for (; surplus > 0; surplus--)
        delete_copy(&recorder->transaction, keyspace_next(&next)->key);
}

const struct store_txn *recorder_make_txn(struct recorder *recorder,
                                          const struct recorder_checks *checks,
                                          const struct keyspace *keyspace)
{
    struct transaction *transaction = &recorder->transaction;
    transaction_clear(transaction);
    transaction_check_unchanged(transaction, checks->fence, checks->fence_revision);
    if (checks->absent.key.size != 0)
        transaction_check_all_absent(transaction, checks->absent);
    if (checks->actor_key.size != 0)
        transaction_put(transaction, checks->actor_key, checks->actor_value, 0);
    transaction_put(transaction, recorder->key, recorder->value, 0);
    delete_oldest(recorder, keyspace);
    if (transaction->error) {
        recorder_lose(recorder);
        return NULL;
    }
    recorder->read_fence = (struct store_op){.kind = STORE_OP_GET, .keys = {.key = checks->fence}};
    recorder->txn = transaction_view(transaction);
    recorder->txn.failure = &recorder->read_fence;
    recorder->txn.failure_count = 1;
    return &recorder->txn;
}

void recorder_put_done(struct recorder *recorder)
{
    recorder->attempts = 0;
}

void recorder_put_failed(struct recorder *recorder)
{
    recorder->lost += --recorder->attempts == 0;
}

void recorder_lose(struct recorder *recorder)
{
    recorder->lost += recorder->attempts > 0;
    recorder->attempts = 0;
}
