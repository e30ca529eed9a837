#include "server/backup_root.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "api/root_format.h"
#include "core/keys.h"
#include "server/store_wait.h"

enum { TIMEOUT_MS = 30000 /* for an answer */ };

static int fail(struct backup_root *root, int error, const char *what)
{
    (void)snprintf(root->why->text, sizeof root->why->text, "%s: %s", what,
                   allot_error_text(error));
    return error;
}

static int fail_overtaken(struct backup_root *root)
{
    (void)snprintf(root->why->text, sizeof root->why->text,
                   "another restore of the same snapshot has taken over");
    return ALLOT_EFENCE;
}

static struct span key_under(struct backup_root *root, struct span name)
{
    char *key = arena_allocate(&root->arena, root->path.size + name.size);
    if (!key)
        return (struct span){NULL, 0};
    memcpy(key, root->path.data, root->path.size);
    memcpy(key + root->path.size, name.data, name.size);
    return (struct span){key, root->path.size + name.size};
}

/* What stands at the format key while we are at it: which backup, and that it is us. */
static int make_marker(struct backup_root *root)
{
    struct root_format format = {.version = 1};
    struct buffer text;
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return fail(root, ALLOT_EIO, "random numbers");
    (void)snprintf(format.restoring, sizeof format.restoring, "%s", root->digest);
    (void)snprintf(format.run, sizeof format.run, "%016" PRIx64, random);
    buffer_init(&text, 256);
    root_format_write(&format, &text);
    root->format_key = key_under(root, SPAN(KEYS_FORMAT));
    root->marker = arena_copy(&root->arena, buffer_span(&text));
    bool good = !text.error && root->format_key.data && root->marker.data;
    buffer_release(&text);
    return good ? 0 : fail(root, ALLOT_ENOMEM, "beginning");
}

/* --- transactions --- */

/* Who has the root. */
enum holder { NOBODY, SOMEBODY, OTHER_RUN /* that restores the same backup */, OURSELVES };

struct outcome {
    const struct backup_root *root;
    bool succeeded;
    int64_t revision;
    /* If it failed. */
    enum holder holder;
    int64_t format_revision; /* mod revision of the format key */
};

static enum holder holder_of(const struct backup_root *root, struct span value)
{
    struct root_format format;
    if (span_equal(value, root->marker))
        return OURSELVES;
    if (root_format_read(value, &format))
        return SOMEBODY;
    return strcmp(format.restoring, root->digest) == 0 ? OTHER_RUN : SOMEBODY;
}

static void read_outcome(void *context, const struct store_txn_result *result)
{
    struct outcome *outcome = context;
    *outcome = (struct outcome){
        .root = outcome->root, .succeeded = result->succeeded, .revision = result->revision};
    if (result->succeeded || result->result_count == 0 || result->results[0].kv_count == 0)
        return;
    const struct store_kv *kv = result->results[0].kvs;
    outcome->format_revision = kv->mod_revision;
    outcome->holder = holder_of(outcome->root, kv->value);
}

static bool is_worth_a_retry(int error)
{
    return error == ALLOT_EUNAVAILABLE || error == ALLOT_EUNKNOWN;
}

/* Submits the transaction. To do so twice does no harm: an outcome that is unknown is another
 * reason to try again. */
static int submit(struct backup_root *root, struct outcome *ret)
{
    const struct store_op get = {.kind = STORE_OP_GET, .keys = {.key = root->format_key}};
    struct store_txn txn = transaction_view(&root->transaction);
    txn.failure = &get;
    txn.failure_count = 1;
    *ret = (struct outcome){.root = root};
    if (root->transaction.error)
        return root->transaction.error;
    int error = store_wait_txn(root->store, &txn, TIMEOUT_MS, read_outcome, ret);
    for (int i = 0; i < root->retries && is_worth_a_retry(error); i++) {
        (void)poll(NULL, 0, (int)root->retry_ms);
        error = store_wait_txn(root->store, &txn, TIMEOUT_MS, read_outcome, ret);
    }
    return error;
}

/* --- the beginning --- */

/* Takes the root if it is empty. */
static int take_empty(struct backup_root *root, struct outcome *ret)
{
    struct transaction *transaction = &root->transaction;
    struct span under = key_under(root, SPAN("/"));
    char *end = arena_allocate(&root->arena, under.size);
    if (!under.data || !end)
        return ALLOT_ENOMEM;
    const struct store_keys all = {under, store_range_end_of_prefix(under, end)};
    transaction_clear(transaction);
    transaction_check_all_absent(transaction, all);
    transaction_put(transaction, root->format_key, root->marker, 0);
    return submit(root, ret);
}

static void delete_range(struct transaction *transaction, struct span from, struct span to)
{
    transaction_delete(transaction, from);
    if (!transaction->error)
        transaction->operations[transaction->operation_count - 1].keys.range_end = to;
}

/* Takes the root over from a restore of the same backup, and removes what that has put. */
static int take_over(struct backup_root *root, int64_t format_revision, struct outcome *ret)
{
    struct transaction *transaction = &root->transaction;
    struct span under = key_under(root, SPAN("/"));
    struct span behind_format = key_under(root, (struct span){KEYS_FORMAT, sizeof KEYS_FORMAT});
    char *end = arena_allocate(&root->arena, under.size);
    if (!under.data || !behind_format.data || !end)
        return ALLOT_ENOMEM;
    transaction_clear(transaction);
    transaction_check_unchanged(transaction, root->format_key, format_revision);
    transaction_put(transaction, root->format_key, root->marker, 0);
    delete_range(transaction, under, root->format_key);
    delete_range(transaction, behind_format, store_range_end_of_prefix(under, end));
    return submit(root, ret);
}

/* Keeps the first key that is found, or as much of it as fits. */
struct first_key {
    char text[101];
    size_t size;
};

static void read_first_key(void *context, const struct store_range_result *result)
{
    struct first_key *first = context;
    if (result->kv_count == 0)
        return;
    struct span key = result->kvs[0].key;
    first->size = key.size < sizeof first->text ? key.size : sizeof first->text - 1;
    memcpy(first->text, key.data, first->size);
    first->text[first->size] = '\0';
}

/* Tells what there is where there should be nothing. */
static int fail_occupied(struct backup_root *root, enum holder holder)
{
    struct first_key first = {.text = "keys"};
    struct span under = key_under(root, SPAN("/"));
    struct span schedulers = key_under(root, SPAN(KEYS_SCHEDULERS));
    char *end = arena_allocate(&root->arena, under.size);
    if (!under.data || !schedulers.data || !end)
        return fail(root, ALLOT_ENOMEM, "taking the root");
    const struct store_range range = {.keys = {under, store_range_end_of_prefix(under, end)},
                                      .limit = 1};
    if (holder != SOMEBODY)
        (void)store_wait_range(root->store, &range, TIMEOUT_MS, read_first_key, &first);
    bool is_served = span_has_prefix((struct span){first.text, first.size}, schedulers);
    (void)snprintf(
        root->why->text, sizeof root->why->text, "%.*s: expected an empty root, found %s%s",
        root->path.size > 80 ? 80 : (int)root->path.size, root->path.data,
        holder == SOMEBODY ? "one with a format key: of another restore, say, that was interrupted"
                           : first.text,
        is_served ? ": stop the servers and members that run on it" : "");
    return ALLOT_EEXISTS;
}

/* The root is ours when the marker is: if a first try has put it, whose answer was lost, too. */
int backup_root_take(struct backup_root *root)
{
    struct outcome outcome;
    transaction_init(&root->transaction);
    int error = make_marker(root);
    if (error)
        return error;
    error = take_empty(root, &outcome);
    while (!error && !outcome.succeeded && outcome.holder == OTHER_RUN)
        error = take_over(root, outcome.format_revision, &outcome);
    if (error)
        return fail(root, error, "taking the root");
    if (outcome.succeeded || outcome.holder == OURSELVES) {
        root->fence = outcome.succeeded ? outcome.revision : outcome.format_revision;
        return 0;
    }
    return fail_occupied(root, outcome.holder);
}

void backup_root_begin(struct backup_root *root)
{
    transaction_clear(&root->transaction);
    transaction_check_unchanged(&root->transaction, root->format_key, root->fence);
}

int backup_root_submit(struct backup_root *root)
{
    struct outcome outcome;
    int error = submit(root, &outcome);
    if (error)
        return fail(root, error, "putting keys");
    if (!outcome.succeeded)
        return fail_overtaken(root);
    root->revision = outcome.revision;
    return 0;
}

/* If a first try did it, whose answer was lost, then what is there isn't ours any more. */
int backup_root_leave(struct backup_root *root, struct span format)
{
    struct outcome outcome;
    backup_root_begin(root);
    if (format.data)
        transaction_put(&root->transaction, root->format_key, format, 0);
    else
        transaction_delete(&root->transaction, root->format_key);
    int error = submit(root, &outcome);
    if (error)
        return fail(root, error, "ending");
    if (!outcome.succeeded && outcome.holder == OTHER_RUN)
        return fail_overtaken(root);
    root->revision = outcome.revision;
    return 0;
}

void backup_root_release(struct backup_root *root)
{
    transaction_release(&root->transaction);
    arena_release(&root->arena);
}
