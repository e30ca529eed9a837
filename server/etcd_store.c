#include "server/etcd_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "server/etcd_gateway.h"
#include "server/etcd_grpc.h"
#include "server/etcd_watch.h"
#include "server/store_check.h"

enum {
    MAX_BODY = 8 << 20, /* of a request, as JSON */
    /* What etcd takes of a request, by its usual configuration, in its own encoding. */
    MAX_REQUEST = 1536 * 1024,
    CONNECTIONS = 8,
    MAX_CONNECTIONS = 256,
    REQUEST_TIMEOUT_MS = 5000,
    CONNECT_TIMEOUT_MS = 2000,
    RESUME_TIMEOUT_MS = 5000,
    MAX_ANSWER = 64 << 20,
    INSTANCE_SIZE = 17,
};

struct etcd_store {
    struct store store; /* first */
    struct etcd_client *client;
    struct etcd_watches watches;
    char instance[INSTANCE_SIZE];
};

/* One request of the port on its way. */
struct request {
    struct etcd_call call; /* first */
    struct etcd_store *store;
    union {
        store_range_done *range;
        store_txn_done *txn;
        store_lease_done *lease;
        store_compact_done *compact;
    } done;
    void *context;
    struct etcd_known known; /* before it was sent */
    int64_t asked_revision;  /* range */
    size_t success_count;    /* txn */
    size_t failure_count;
    unsigned char kinds[]; /* of the operations: of success, then of failure */
};

static struct etcd_store *etcd(struct store *store)
{
    return (struct etcd_store *)store;
}

static const struct etcd_wire *wire_of(const struct etcd_store *store)
{
    return etcd_client_wire(store->client);
}

static struct request *create(struct store *store, enum etcd_method method, etcd_call_done *done,
                              void *context, size_t kinds)
{
    struct request *request = calloc(1, sizeof *request + kinds);
    if (!request)
        return NULL;
    request->store = etcd(store);
    request->known = etcd_watches_known(&request->store->watches);
    request->context = context;
    request->call.method = method;
    request->call.endpoint = ETCD_ANY_ENDPOINT;
    request->call.done = done;
    buffer_init(&request->call.body, MAX_BODY);
    return request;
}

static void request_destroy(struct request *request)
{
    buffer_release(&request->call.body);
    free(request);
}

/* Takes the request. */
static int submit(struct request *request)
{
    int error = request->call.body.error;
    if (!error)
        error = etcd_client_submit(request->store->client, &request->call);
    if (error)
        request_destroy(request);
    return error;
}

/* A writing request whose answer cannot be read was executed, who knows how. */
static int open_error(const struct request *request, int error)
{
    bool unread = error == ALLOT_EIO || error == ALLOT_ENOMEM;
    return unread && request->call.writes ? ALLOT_EUNKNOWN : error;
}

/* --- ranges --- */

static void on_range(struct etcd_call *call, int error, const struct etcd_answer *answer)
{
    struct request *request = (struct request *)call;
    struct store_range_result result = {0};
    struct arena arena = {0};
    if (!error)
        error =
            wire_of(request->store)->read_range(answer, request->asked_revision, &arena, &result);
    if (!error && request->asked_revision == 0)
        etcd_watches_heard(&request->store->watches, request->known, result.revision);
    request->done.range(request->context, error, error ? NULL : &result);
    arena_release(&arena);
    request_destroy(request);
}

static int range(struct store *store, const struct store_range *asked, store_range_done *done,
                 void *context)
{
    size_t size;
    int error = store_check_range(asked, &size);
    if (error)
        return error;
    struct request *request = create(store, ETCD_RANGE, on_range, context, 0);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.range = done;
    request->asked_revision = asked->revision;
    request->call.repeatable = true;
    wire_of(request->store)->put_range(&request->call.body, asked);
    return submit(request);
}

/* --- transactions --- */

static void on_txn(struct etcd_call *call, int error, const struct etcd_answer *answer)
{
    struct request *request = (struct request *)call;
    const struct etcd_txn_kinds kinds = {request->kinds, request->success_count,
                                         request->kinds + request->success_count,
                                         request->failure_count};
    struct store_txn_result result = {0};
    struct arena arena = {0};
    if (!error)
        error =
            open_error(request, wire_of(request->store)->read_txn(answer, &kinds, &arena, &result));
    if (!error)
        etcd_watches_heard(&request->store->watches, request->known, result.revision);
    request->done.txn(request->context, error, error ? NULL : &result);
    arena_release(&arena);
    request_destroy(request);
}

/* Notes the kinds of a branch. Whether it may change something. */
static bool note_kinds(const struct store_op *ops, size_t count, unsigned char *kinds)
{
    bool writes = false;
    for (size_t i = 0; i < count; i++) {
        kinds[i] = (unsigned char)ops[i].kind;
        writes = writes || ops[i].kind != STORE_OP_GET;
    }
    return writes;
}

static void note_trace(struct etcd_call *call, struct span traceparent)
{
    if (traceparent.size == 0 || traceparent.size >= sizeof call->traceparent)
        return;
    memcpy(call->traceparent, traceparent.data, traceparent.size);
    call->traceparent[traceparent.size] = '\0';
}

/* Of a transaction's size in etcd's own encoding, of whose keys and values there are @bytes. */
static size_t encoded_bound(const struct store_txn *txn, size_t bytes)
{
    /* Tags, lengths and numbers of one operation or compare, and of all that is around them. */
    enum { EACH = 64, AROUND = 1024 };
    return bytes + AROUND + EACH * (txn->compare_count + txn->success_count + txn->failure_count);
}

static int txn(struct store *store, const struct store_txn *asked, store_txn_done *done,
               void *context)
{
    size_t size;
    int error = store_check_txn(asked, &size);
    if (!error && encoded_bound(asked, size) > MAX_REQUEST)
        error = ALLOT_ELIMIT;
    if (error)
        return error;
    struct request *request =
        create(store, ETCD_TXN, on_txn, context, asked->success_count + asked->failure_count);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.txn = done;
    request->success_count = asked->success_count;
    request->failure_count = asked->failure_count;
    bool success = note_kinds(asked->success, asked->success_count, request->kinds);
    bool failure =
        note_kinds(asked->failure, asked->failure_count, request->kinds + asked->success_count);
    request->call.writes = success || failure;
    request->call.repeatable = !request->call.writes;
    note_trace(&request->call, asked->traceparent);
    wire_of(request->store)->put_txn(&request->call.body, asked);
    return submit(request);
}

/* --- leases --- */

static void on_lease(struct etcd_call *call, int error, const struct etcd_answer *answer)
{
    struct request *request = (struct request *)call;
    struct store_lease_result result = {0};
    if (!error)
        error =
            open_error(request, wire_of(request->store)->read_lease(answer, call->method, &result));
    request->done.lease(request->context, error, error ? NULL : &result);
    request_destroy(request);
}

static int submit_lease(struct store *store, enum etcd_method method, int64_t id, int64_t ttl,
                        store_lease_done *done, void *context)
{
    struct request *request = create(store, method, on_lease, context, 0);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.lease = done;
    request->call.writes = method != ETCD_LEASE_TIME_TO_LIVE;
    /* Twice renewed is renewed. */
    request->call.repeatable = !request->call.writes || method == ETCD_LEASE_KEEP_ALIVE;
    wire_of(request->store)->put_lease(&request->call.body, method, id, ttl);
    return submit(request);
}

static int lease_grant(struct store *store, int64_t id, int64_t ttl, store_lease_done *done,
                       void *context)
{
    int error = store_check_grant(id, ttl);
    return error ? error : submit_lease(store, ETCD_LEASE_GRANT, id, ttl, done, context);
}

static int lease_keep_alive(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    int error = store_check_lease(id);
    return error ? error : submit_lease(store, ETCD_LEASE_KEEP_ALIVE, id, 0, done, context);
}

static int lease_revoke(struct store *store, int64_t id, store_lease_done *done, void *context)
{
    int error = store_check_lease(id);
    return error ? error : submit_lease(store, ETCD_LEASE_REVOKE, id, 0, done, context);
}

static int lease_time_to_live(struct store *store, int64_t id, store_lease_done *done,
                              void *context)
{
    int error = store_check_lease(id);
    return error ? error : submit_lease(store, ETCD_LEASE_TIME_TO_LIVE, id, 0, done, context);
}

/* --- watches and compaction --- */

static int watch(struct store *store, const struct store_keys *keys, int64_t start_revision,
                 store_watch_event *event, void *context, struct store_watch **ret)
{
    return etcd_watches_add(&etcd(store)->watches, keys, start_revision, event, context, ret);
}

static void watch_cancel(struct store *store, struct store_watch *cancelled)
{
    if (cancelled)
        etcd_watches_cancel(&etcd(store)->watches, cancelled);
}

static void on_compact(struct etcd_call *call, int error, const struct etcd_answer *answer)
{
    struct request *request = (struct request *)call;
    if (!error)
        error = open_error(request, wire_of(request->store)->read_plain(answer));
    request->done.compact(request->context, error);
    request_destroy(request);
}

static int compact(struct store *store, int64_t revision, store_compact_done *done, void *context)
{
    if (revision < 0)
        return ALLOT_EINVAL;
    struct request *request = create(store, ETCD_COMPACT, on_compact, context, 0);
    if (!request)
        return ALLOT_ENOMEM;
    request->done.compact = done;
    request->call.writes = true;
    wire_of(request->store)->put_compact(&request->call.body, revision);
    return submit(request);
}

/* --- lifecycle --- */

static int64_t on_round(void *context, int64_t now_ms)
{
    struct etcd_store *store = context;
    return etcd_watches_round(&store->watches, now_ms);
}

static void on_stopping(void *context)
{
    struct etcd_store *store = context;
    etcd_watches_stop(&store->watches);
}

static void destroy(struct store *port)
{
    struct etcd_store *store = etcd(port);
    etcd_client_destroy(store->client);
    etcd_watches_release(&store->watches);
    free(store);
}

static const struct store_operations operations = {
    .range = range,
    .txn = txn,
    .lease_grant = lease_grant,
    .lease_keep_alive = lease_keep_alive,
    .lease_revoke = lease_revoke,
    .lease_time_to_live = lease_time_to_live,
    .watch = watch,
    .watch_cancel = watch_cancel,
    .compact = compact,
    .destroy = destroy,
};

static bool is_given(const char *text)
{
    return text && *text;
}

static int check_config(const struct etcd_store_config *config, struct error_message *why)
{
    const char *files[] = {config->ca_file, config->cert_file, config->key_file,
                           config->password_file};
    const char *fault = NULL;
    if (!is_given(config->endpoints))
        fault = "no endpoints of etcd";
    else if (is_given(config->cert_file) != is_given(config->key_file))
        fault = "a certificate for etcd needs a key, and a key a certificate";
    else if (is_given(config->user) != is_given(config->password_file))
        fault = "a user of etcd needs a password's file, and that a user";
    else if (config->connections < 0 || config->connections > MAX_CONNECTIONS)
        fault = "a wrong number of connections to etcd";
    if (fault) {
        snprintf(why->text, sizeof why->text, "%s", fault);
        return ALLOT_EINVAL;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        if (is_given(files[i]) && access(files[i], R_OK) != 0) {
            snprintf(why->text, sizeof why->text, "%.200s: cannot be read", files[i]);
            return ALLOT_EIO;
        }
    }
    return 0;
}

static int64_t or_default(int64_t number, int64_t usual)
{
    return number > 0 ? number : usual;
}

static struct etcd_client_config client_config(const struct etcd_store_config *config,
                                               struct etcd_store *store)
{
    return (struct etcd_client_config){
        .wire = config->protocol == ETCD_GATEWAY ? &etcd_gateway : &etcd_grpc,
        .endpoints = config->endpoints,
        .tls = {config->ca_file, config->cert_file, config->key_file},
        .user = config->user,
        .password_file = config->password_file,
        .connections = config->connections ? config->connections : CONNECTIONS,
        .request_timeout_ms = or_default(config->request_timeout_ms, REQUEST_TIMEOUT_MS),
        .connect_timeout_ms = or_default(config->connect_timeout_ms, CONNECT_TIMEOUT_MS),
        .max_answer = config->max_answer ? config->max_answer : MAX_ANSWER,
        .max_queue = ETCD_STORE_MAX_QUEUE,
        .max_queued_bytes = ETCD_STORE_MAX_QUEUED_BYTES,
        .failed = config->failed,
        .failed_context = config->failed_context,
        .round = on_round,
        .stopping = on_stopping,
        .context = store,
    };
}

static int choose_instance(char *instance, struct error_message *why)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) {
        snprintf(why->text, sizeof why->text, "no random numbers");
        return ALLOT_EIO;
    }
    snprintf(instance, INSTANCE_SIZE, "%016" PRIx64, number);
    return 0;
}

int etcd_store_open(const struct etcd_store_config *config, struct store **ret,
                    struct error_message *why)
{
    int error = check_config(config, why);
    if (error)
        return error;
    snprintf(why->text, sizeof why->text, "%s", allot_error_text(ALLOT_ENOMEM));
    struct etcd_store *store = calloc(1, sizeof *store);
    if (!store)
        return ALLOT_ENOMEM;
    store->store.operations = &operations;
    store->watches.maximum = ETCD_STORE_MAX_WATCHES;
    store->watches.refresh_ms = or_default(config->refresh_ms, STORE_PROGRESS_MS);
    store->watches.resume_timeout_ms = or_default(config->resume_timeout_ms, RESUME_TIMEOUT_MS);
    if (etcd_watches_init(&store->watches) < 0) {
        free(store);
        return ALLOT_ENOMEM;
    }
    const struct etcd_client_config client = client_config(config, store);
    error = etcd_client_create(&client, &store->client, why);
    if (!error)
        error = choose_instance(store->instance, why);
    if (!error) {
        store->watches.client = store->client;
        error = etcd_client_start(store->client);
    }
    if (error) {
        destroy(&store->store);
        return error;
    }
    *ret = &store->store;
    return 0;
}

const char *etcd_store_instance(const struct store *store)
{
    return ((const struct etcd_store *)store)->instance;
}
