/* Measures the history: how fast it takes in what happens, beside how fast the embedded store can
 * produce it on the same disk; then how long what is asked of a million events takes.
 *
 *     bench_history [EVENTS]
 *
 * The cluster has 10,000 items of three replicas on 100 members. One change in two is a request of
 * its own (an item is written), the others are made by passes of 60 changes each. */
#include <inttypes.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "server/clock.h"
#include "server/embedded_store.h"
#include "server/history_readers.h"
#include "server/history_writer.h"
#include "tests/support/random.h"
#include "tests/support/temporary.h"

#define ROOT "/allot"
enum {
    ITEMS = 10000,
    RARE_ITEM = ITEMS, /* one more, that is written once */
    MEMBERS = 100,
    REPLICAS = 3,
    PASS_EVENTS = 60,
    BATCH_REVISIONS = 20000,
    CLIENTS = 64,
    STORE_MS = 3000,
    ROUNDS = 5,
    QUERIES = 20,
    ASKED = 2 * QUERIES, /* of each question */
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void must(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "bench_history: %s: %s\n", what, allot_error_text(error));
        exit(1);
    }
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return values[count / 2];
}

/* --- what happens --- */

static const char *actor_text(struct random *random, bool is_pass, char text[256])
{
    static int64_t time_ms = INT64_C(1790000000000);
    time_ms += 1;
    time_t now = (time_t)(time_ms / 1000);
    char date[64];
    (void)strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", gmtime(&now));
    if (is_pass)
        snprintf(text, 256,
                 "{\"principal\":\"allocator\",\"instance\":\"0123456789abcdef\",\"fence\":12,"
                 "\"round\":%" PRIu64 ",\"decided_on\":%" PRIu64 ",\"time\":\"%s.%03dZ\"}",
                 random_below(random, 1000000), random_below(random, 1000000), date,
                 (int)(time_ms % 1000));
    else
        snprintf(text, 256,
                 "{\"principal\":\"operator-%d\",\"request_id\":\"%016" PRIx64
                 "\",\"method\":\"PUT\",\"path\":\"/v1/items/item-%06d\",\"time\":\"%s.%03dZ\","
                 "\"write\":\"%016" PRIx64 "\"}",
                 (int)random_below(random, 8), random_next(random), 1234, date,
                 (int)(time_ms % 1000), random_next(random));
    return text;
}

static void item_key(char *text, size_t size, uint64_t item)
{
    snprintf(text, size, ROOT "/items/item-%06" PRIu64, item);
}

/* --- the store by itself --- */

struct client {
    struct store *store;
    struct random random;
    int64_t done;
    sem_t finished;
};
static int64_t end_ms;
static void on_done(void *context, int error, const struct store_txn_result *result);

/* An item written as the API does, by random names. */
static void submit(struct client *client)
{
    char key[64], actor[256];
    item_key(key, sizeof key, random_below(&client->random, ITEMS));
    struct span item = span_of(key);
    const struct store_compare compare = {
        .keys.key = item, .target = STORE_VERSION, .relation = STORE_GREATER, .number = -1};
    const struct store_op puts[] = {
        {.kind = STORE_OP_PUT,
         .keys.key = SPAN(ROOT "/actor"),
         .value = span_of(actor_text(&client->random, false, actor))},
        {.kind = STORE_OP_PUT,
         .keys.key = item,
         .value = SPAN("{\"replication\":3,\"consistency\":\"immediate\"}")}};
    const struct store_txn txn = {
        .compares = &compare, .compare_count = 1, .success = puts, .success_count = 2};
    must(client->store->operations->txn(client->store, &txn, on_done, client), "submitting");
}

static void on_done(void *context, int error, const struct store_txn_result *result)
{
    struct client *client = context;
    (void)result;
    must(error, "a transaction");
    client->done++;
    if (clock_monotonic_ms() < end_ms)
        submit(client);
    else
        sem_post(&client->finished);
}

/* Transactions a second. */
static double measure_store(const char *directory)
{
    static struct client clients[CLIENTS];
    struct embedded_store_config config = {.data_dir = directory,
                                           .retention = EMBEDDED_STORE_RETENTION};
    struct store *store = NULL;
    struct error_message why;
    int64_t done = 0;
    must(embedded_store_open(&config, &store, &why), "opening a store");
    double begin = seconds();
    end_ms = clock_monotonic_ms() + STORE_MS;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.store = store, .random = {(uint64_t)i}};
        sem_init(&clients[i].finished, 0, 0);
        submit(&clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        sem_wait(&clients[i].finished);
        done += clients[i].done;
    }
    double took = seconds() - begin;
    store->operations->destroy(store);
    return (double)done / took;
}

/* --- made-up responses --- */

/* What the keys have, so that versions and creations are right. */
struct cluster {
    struct random random;
    int64_t revision;
    int64_t actor_version;
    int64_t item_created[ITEMS + 1];
    int64_t item_version[ITEMS + 1];
    int member[ITEMS][REPLICAS];
    int64_t assigned[ITEMS][REPLICAS]; /* create revision */
};

struct batch {
    struct store_watch_response *responses;
    struct store_event *events;
    char *text; /* that keys and values are in */
    size_t response_count;
    size_t event_count;
    size_t text_size;
};

enum { MAX_TEXT = 96 << 20, MAX_EVENTS = BATCH_REVISIONS * 3 };

static struct span keep(struct batch *batch, const char *text)
{
    struct span copy = {batch->text + batch->text_size, strlen(text)};
    memcpy(batch->text + batch->text_size, text, copy.size);
    batch->text_size += copy.size;
    return copy;
}

static void add(struct batch *batch, enum store_event_kind kind, const char *key, const char *value,
                int64_t created, int64_t revision, int64_t version)
{
    bool is_put = kind == STORE_EVENT_PUT;
    batch->events[batch->event_count++] =
        (struct store_event){.kind = kind,
                             .kv = {.key = keep(batch, key),
                                    .value = keep(batch, value),
                                    .create_revision = is_put ? created : 0,
                                    .mod_revision = revision,
                                    .version = is_put ? version : 0}};
}

static void begin_revision(struct cluster *cluster, struct batch *batch, bool is_pass)
{
    char actor[256];
    batch->responses[batch->response_count++] =
        (struct store_watch_response){.cluster_id = 7,
                                      .revision = ++cluster->revision,
                                      .events = batch->events + batch->event_count};
    add(batch, STORE_EVENT_PUT, ROOT "/actor", actor_text(&cluster->random, is_pass, actor), 2,
        cluster->revision, ++cluster->actor_version);
}

static void end_revision(struct batch *batch)
{
    struct store_watch_response *response = &batch->responses[batch->response_count - 1];
    response->event_count = (size_t)(batch->events + batch->event_count - response->events);
}

static void write_item(struct cluster *cluster, struct batch *batch, uint64_t item)
{
    char key[64], value[96];
    begin_revision(cluster, batch, false);
    if (cluster->item_version[item]++ == 0)
        cluster->item_created[item] = cluster->revision;
    item_key(key, sizeof key, item);
    snprintf(value, sizeof value, "{\"replication\":3,\"consistency\":\"immediate\",\"n\":%d}",
             (int)random_below(&cluster->random, 1000));
    add(batch, STORE_EVENT_PUT, key, value, cluster->item_created[item], cluster->revision,
        cluster->item_version[item]);
    end_revision(batch);
}

static void assignment_key(char *text, size_t size, uint64_t item, int member, int slot)
{
    snprintf(text, size, ROOT "/assign/item-%06" PRIu64 "#zone-%c#m%04d#%d", item, 'a' + member % 3,
             member, slot);
}

/* Moves replicas: each is taken from one member and given to another. */
static void make_pass(struct cluster *cluster, struct batch *batch)
{
    char key[96];
    uint64_t item = random_below(&cluster->random, ITEMS);
    begin_revision(cluster, batch, true);
    for (int i = 0; i < PASS_EVENTS / 2; i++, item = (item + 37) % ITEMS) {
        int slot = (int)random_below(&cluster->random, REPLICAS);
        int *member = &cluster->member[item][slot];
        assignment_key(key, sizeof key, item, *member, slot);
        if (cluster->assigned[item][slot])
            add(batch, STORE_EVENT_DELETE, key, "", 0, cluster->revision, 0);
        *member = (*member + 1 + (int)random_below(&cluster->random, MEMBERS - 1)) % MEMBERS;
        cluster->assigned[item][slot] = cluster->revision;
        assignment_key(key, sizeof key, item, *member, slot);
        add(batch, STORE_EVENT_PUT, key, "{\"consistent\":true}", cluster->revision,
            cluster->revision, 1);
    }
    end_revision(batch);
}

static void clear(struct batch *batch)
{
    batch->response_count = 0;
    batch->event_count = 0;
    batch->text_size = 0;
}

enum mix { REQUESTS, PASSES, BOTH };

/* Fills a batch; returns how many events that are not the actor's. */
static int64_t fill(struct cluster *cluster, struct batch *batch, enum mix mix)
{
    clear(batch);
    while (batch->response_count < BATCH_REVISIONS &&
           batch->event_count + PASS_EVENTS + 2 < MAX_EVENTS) {
        bool is_pass =
            mix == PASSES || (mix == BOTH && random_below(&cluster->random, PASS_EVENTS + 1) == 0);
        if (is_pass)
            make_pass(cluster, batch);
        else
            write_item(cluster, batch, random_below(&cluster->random, ITEMS));
    }
    return (int64_t)(batch->event_count - batch->response_count);
}

/* --- taking in --- */

struct stage {
    char directory[TEMPORARY_SIZE];
    char path[TEMPORARY_SIZE + 16];
    struct history_writer *writer;
    struct cluster *cluster;
    struct batch batch;
};

static void open_stage(struct stage *stage)
{
    struct error_message why = {""};
    temporary_directory(stage->directory);
    snprintf(stage->path, sizeof stage->path, "%s/history.db", stage->directory);
    stage->cluster = calloc(1, sizeof *stage->cluster);
    stage->cluster->revision = 1;
    stage->batch.responses = malloc(BATCH_REVISIONS * sizeof *stage->batch.responses);
    stage->batch.events = malloc(MAX_EVENTS * sizeof *stage->batch.events);
    stage->batch.text = malloc(MAX_TEXT);
    int error = history_writer_open(stage->path, SPAN(ROOT), &stage->writer, &why);
    if (error)
        fprintf(stderr, "%s\n", why.text);
    must(error, "opening a history");
}

static void close_stage(struct stage *stage)
{
    history_writer_close(stage->writer);
    temporary_remove(stage->directory);
    free(stage->cluster);
    free(stage->batch.responses);
    free(stage->batch.events);
    free(stage->batch.text);
}

/* Events a second. */
static double append(struct stage *stage, enum mix mix, int64_t wanted)
{
    int64_t events = 0;
    double took = 0;
    while (events < wanted) {
        events += fill(stage->cluster, &stage->batch, mix);
        double begin = seconds();
        must(history_writer_append(stage->writer, stage->batch.responses,
                                   stage->batch.response_count, clock_wall_ms()),
             history_writer_message(stage->writer));
        took += seconds() - begin;
    }
    return (double)events / took;
}

static void measure_rates(void)
{
    double store[ROUNDS], requests[ROUNDS], passes[ROUNDS], ratios[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        struct stage stage;
        open_stage(&stage);
        store[round] = measure_store(stage.directory);
        requests[round] = append(&stage, REQUESTS, 200000);
        passes[round] = append(&stage, PASSES, 200000);
        ratios[round] = requests[round] / store[round];
        close_stage(&stage);
    }
    printf("the store, %d clients that write items: %.0f events/s\n", CLIENTS,
           median(store, ROUNDS));
    printf("history of requests: %.0f events/s; of passes: %.0f events/s\n",
           median(requests, ROUNDS), median(passes, ROUNDS));
    printf("requests, history / store: %.2f (wanted: 5)\n", median(ratios, ROUNDS));
}

/* --- asking --- */

static bool count_event(void *context, const struct history_event *event)
{
    (void)event;
    ++*(int64_t *)context;
    return true;
}

static void ask(struct history_readers *readers, const char *what, struct history_query query)
{
    static const atomic_bool never = false;
    double times[ASKED];
    int64_t found = 0;
    for (int i = 0; i < ASKED; i++) {
        struct history_page page;
        query.newest_first = i % 2 == 0;
        found = 0;
        double begin = seconds();
        must(history_readers_events(readers, &query, &never, count_event, &found, &page), what);
        times[i] = seconds() - begin;
    }
    double middle = median(times, ASKED);
    printf("  %-44s %6.2f ms, at most %6.2f ms; %" PRId64 " events\n", what, 1e3 * middle,
           1e3 * times[ASKED - 1], found);
}

static void measure_queries(struct stage *stage, struct history_readers *readers)
{
    int64_t now_ms = INT64_C(1790000000000);
    int64_t middle = stage->cluster->revision / 2;
    struct history_filter all = {
        .kinds = (1u << HISTORY_KIND_COUNT) - 1, .to_revision = INT64_MAX, .to_ms = INT64_MAX};
    struct history_query query = {.filter = all, .limit = 500};
    printf("first pages of 500, medians of %d:\n", ASKED);
    ask(readers, "all", query);
#define ASK(what, ...)                            \
    do {                                          \
        struct history_query asked = query;       \
        struct history_filter *f = &asked.filter; \
        __VA_ARGS__;                              \
        ask(readers, what, asked);                \
    } while (0)
    ASK("an item", f->item = SPAN("item-001234"));
    ASK("an item that was written once", f->item = SPAN("item-010000"));
    ASK("an item that never was", f->item = SPAN("nowhere"));
    ASK("a member", f->zone = SPAN("zone-a"); f->suffix = SPAN("m0042"));
    ASK("a zone", f->zone = SPAN("zone-b"));
    ASK("a principal", f->principal = SPAN("operator-3"));
    ASK("the allocator", f->principal = SPAN("allocator"));
    ASK("items", f->kinds = 1u << HISTORY_ITEM);
    ASK("assignments", f->kinds = 1u << HISTORY_ASSIGNMENT);
    ASK("members: none", f->kinds = 1u << HISTORY_MEMBER);
    ASK("an item on a member", f->item = SPAN("item-001234"); f->zone = SPAN("zone-a");
        f->suffix = SPAN("m0042"));
    ASK("that item on a member: none", f->item = SPAN("item-010000"); f->zone = SPAN("zone-a");
        f->suffix = SPAN("m0042"));
    ASK("a member's, by the allocator", f->zone = SPAN("zone-a"); f->suffix = SPAN("m0042");
        f->principal = SPAN("allocator"));
    ASK("items written by the allocator: none", f->kinds = 1u << HISTORY_ITEM;
        f->principal = SPAN("allocator"));
    ASK("a zone's, by an operator: none", f->zone = SPAN("zone-b");
        f->principal = SPAN("operator-3"));
    ASK("some revisions in the middle", f->from_revision = middle; f->to_revision = middle + 1000);
    ASK("a time in the middle", f->from_ms = now_ms + 200000; f->to_ms = now_ms + 201000);
    ASK("a principal in that time", f->from_ms = now_ms + 200000; f->to_ms = now_ms + 201000;
        f->principal = SPAN("operator-3"));
    ASK("a time that never was", f->from_ms = now_ms + INT64_C(86400000) * 365);
#undef ASK
}

static void measure_moments(struct stage *stage, struct history_readers *readers)
{
    static const atomic_bool never = false;
    double times[QUERIES];
    for (int i = 0; i < QUERIES; i++) {
        struct history_moment at = {
            .revision = 1 + (int64_t)random_below(&stage->cluster->random,
                                                  (uint64_t)stage->cluster->revision)};
        struct snapshot *snapshot = NULL;
        double begin = seconds();
        must(history_readers_state(readers, &at, &never, &snapshot), "a moment");
        times[i] = seconds() - begin;
        snapshot_unref(snapshot);
    }
    double middle = median(times, QUERIES);
    printf("the state at %d moments: %.0f ms, at most %.0f ms (wanted: 1000)\n", QUERIES,
           1e3 * middle, 1e3 * times[QUERIES - 1]);
}

static void measure_file(int64_t events)
{
    struct stage stage;
    struct history_readers *readers = NULL;
    struct history_status status = {0};
    open_stage(&stage);
    for (uint64_t item = 0; item <= RARE_ITEM; item++) {
        if (item == 0)
            clear(&stage.batch);
        write_item(stage.cluster, &stage.batch, item);
    }
    must(history_writer_append(stage.writer, stage.batch.responses, stage.batch.response_count,
                               clock_wall_ms()),
         "items");
    double rate = append(&stage, BOTH, events);
    must(history_writer_measure(stage.writer, &status), "measuring");
    printf("%" PRId64 " events, half of them by passes: %.0f events/s, %.0f bytes each\n",
           status.event_count, rate, (double)status.bytes / (double)status.event_count);
    must(history_readers_create(stage.path, &readers), "readers");
    measure_queries(&stage, readers);
    measure_moments(&stage, readers);
    history_readers_destroy(readers);
    close_stage(&stage);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    measure_rates();
    measure_file(argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000);
    return 0;
}
