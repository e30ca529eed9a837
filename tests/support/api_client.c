#include "tests/support/api_client.h"

#include <json-c/json_pointer.h>
#include <json-c/json_tokener.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "tests/support/array.h"
#include "tests/support/fail_alloc.h"

/* --- the runtime --- */

static struct snapshot *newest(void *context)
{
    struct client *client = context;
    return client->store.newest ? snapshot_ref(client->store.newest) : NULL;
}

static void tell_health(void *context, struct api_health *ret)
{
    *ret = ((struct client *)context)->health;
}

static int64_t wall_clock_ms(void *context)
{
    (void)context;
    return INT64_C(1767225600123); /* 2026-01-01T00:00:00.123Z */
}

static int fill(void *context, void *bytes, size_t size)
{
    (void)context;
    memset(bytes, 0xA5, size);
    return 0;
}

static void keep(void *context, struct snapshot *snapshot)
{
    struct fake_store *store = &((struct client *)context)->store;
    if (store->kept_count < FAKE_MAX_KEPT)
        store->kept[store->kept_count++] = snapshot_ref(snapshot);
}

static struct snapshot *find_kept(void *context, int64_t revision)
{
    struct fake_store *store = &((struct client *)context)->store;
    for (size_t i = 0; i < store->kept_count; i++) {
        if (store->kept[i]->state->revision == revision)
            return snapshot_ref(store->kept[i]);
    }
    return NULL;
}

static void write_metrics(void *context, struct metrics_text *text)
{
    (void)context;
    metrics_text_counter(text, "fake_things_total", "Things.", 7);
}

void client_init(struct client *client)
{
    *client = (struct client){
        .health = {.store_reachable = true,
                   .allocator_running = true,
                   .store = "fake",
                   .instance = "here"},
        .headers = {{"Host", "localhost:8080"}, {"Content-Type", "application/json"}},
        .header_count = 2,
    };
    client->runtime = (struct api_runtime){
        .context = client,
        .snapshot = newest,
        .health = tell_health,
        .wall_clock_ms = wall_clock_ms,
        .random = fill,
        .keep_snapshot = keep,
        .kept_snapshot = find_kept,
        .write_metrics = write_metrics,
        .root = SPAN(FAKE_ROOT),
    };
    fake_store_init(&client->store);
    fake_store_publish(&client->store);
}

static void release_reply(struct client *client)
{
    json_object_put(client->reply.json);
    free(client->reply.text);
    client->reply = (struct client_reply){0};
}

void client_release(struct client *client)
{
    release_reply(client);
    fake_store_release(&client->store);
}

void client_header(struct client *client, const char *name, const char *value)
{
    for (size_t i = 0; i < client->header_count; i++) {
        if (strcasecmp(client->headers[i].name, name) == 0) {
            client->headers[i].value = value;
            return;
        }
    }
    if (client->header_count == CLIENT_MAX_HEADERS)
        abort();
    client->headers[client->header_count++] = (struct client_header){name, value};
}

static struct span look_up(void *context, const char *name)
{
    const struct client *client = context;
    for (size_t i = 0; i < client->header_count; i++) {
        if (strcasecmp(client->headers[i].name, name) == 0 && client->headers[i].value)
            return span_of(client->headers[i].value);
    }
    return (struct span){NULL, 0};
}

/* --- a request --- */

/* Allocations count, and fail, only between these two. */
static void enter_api(const struct client *client)
{
    long nth = client->failing_allocation - client->allocations;
    fail_alloc_set(client->failing_allocation > 0 && nth > 0 ? nth : 0);
}

static void leave_api(struct client *client)
{
    client->allocations += fail_alloc_count();
    fail_alloc_set(0);
}

static struct api_outcome perform(struct client *client, enum api_step step,
                                  const union api_action *action)
{
    client->steps++;
    if (client->meddle)
        client->meddle(client, step);
    if (step == API_WAIT_CHANGE && !client->failing_error) {
        const struct snapshot *newest = client->store.newest;
        bool holds = action->change.holds(action->change.subject, newest);
        if (client->overtake) {
            client->overtake(client, step);
            fake_store_publish(&client->store);
        }
        return (struct api_outcome){.error = holds ? 0 : ALLOT_EUNAVAILABLE};
    }
    if (step == API_COMPUTE && !client->failing_error) {
        static const atomic_bool never = false;
        enter_api(client);
        action->compute.run(action->compute.context, &never);
        leave_api(client);
        return (struct api_outcome){.error = 0};
    }
    if (!client->failing_error || client->failing_step != step) {
        struct api_outcome outcome = fake_store_perform(&client->store, step, action);
        if (client->overtake) {
            client->overtake(client, step);
            fake_store_publish(&client->store);
        }
        return outcome;
    }
    if (client->failing_done)
        (void)fake_store_perform(&client->store, step, action);
    return (struct api_outcome){.error = client->failing_error, .refused = client->failing_refused};
}

/* The whole body, of all its pieces; owned by the caller. */
static struct buffer whole_body(struct client *client, struct api_call *call)
{
    const struct api_reply *reply = api_call_reply(call);
    struct buffer body;
    buffer_init(&body, SIZE_MAX / 2);
    buffer_append(&body, buffer_span(&reply->body));
    for (bool more = reply->more; more && !body.error;) {
        size_t before = body.size;
        enter_api(client);
        more = reply->more(call, &body);
        leave_api(client);
        if (body.size - before > client->longest_piece)
            client->longest_piece = body.size - before;
        client->pieces++;
    }
    return body;
}

static void keep_reply(struct client *client, struct api_call *call)
{
    const struct api_reply *reply = api_call_reply(call);
    struct client_reply *kept = &client->reply;
    kept->status = reply->status;
    kept->header_count = reply->header_count;
    for (size_t i = 0; i < reply->header_count; i++) {
        (void)snprintf(kept->headers[i].name, sizeof kept->headers[i].name, "%s",
                       reply->headers[i].name);
        (void)snprintf(kept->headers[i].value, sizeof kept->headers[i].value, "%s",
                       reply->headers[i].value);
    }
    kept->gzipped = reply->gzipped;
    if (!reply->content_type)
        return;
    (void)snprintf(kept->content_type, sizeof kept->content_type, "%s", reply->content_type);
    struct buffer body = whole_body(client, call);
    kept->size = body.size;
    kept->text = array_create(kept->size, 1);
    if (kept->size > 0)
        memcpy(kept->text, body.data, kept->size);
    if (!body.error)
        kept->json = json_tokener_parse(kept->text);
    kept->broken = body.error != 0;
    buffer_release(&body);
}

/* Whether the store has, or may have, made the change. */
static bool may_be_done(const struct api_outcome *outcome)
{
    if (outcome->error)
        return outcome->error == ALLOT_EUNKNOWN;
    return outcome->txn && outcome->txn->succeeded;
}

/* Keeps in mind what was granted, and forgets it once something may stand on it. */
static void follow_lease(struct client *client, enum api_step step, const union api_action *action,
                         const struct api_outcome *outcome)
{
    if (step == API_LEASE_GRANT && outcome->lease)
        client->lease = outcome->lease->id;
    if (step != API_TXN || client->lease == 0 || !may_be_done(outcome))
        return;
    for (size_t i = 0; i < action->txn.success_count; i++) {
        if (action->txn.success[i].lease == client->lease) {
            client->lease = 0;
            return;
        }
    }
}

static void drop_lease(struct client *client)
{
    const union api_action action = {.lease = {.id = client->lease}};
    if (client->lease != 0)
        (void)fake_store_perform(&client->store, API_LEASE_REVOKE, &action);
    client->lease = 0;
}

/* The steps of a request, as the server's adapter takes them. */
static void drive(struct client *client, struct api_call *call, int64_t length)
{
    size_t limit;
    enter_api(client);
    bool refused = api_refuse_early(call, client->hides_length ? -1 : length, &limit);
    enum api_step step = refused ? API_REPLY : api_begin(call);
    leave_api(client);
    while (step != API_REPLY) {
        struct api_outcome outcome = perform(client, step, api_call_action(call));
        follow_lease(client, step, api_call_action(call), &outcome);
        enter_api(client);
        step = api_resume(call, &outcome);
        leave_api(client);
    }
    keep_reply(client, call);
    drop_lease(client);
}

int client_send_bytes(struct client *client, const char *method, const char *target,
                      struct span body)
{
    const struct api_request request = {
        .method = span_of(method),
        .target = span_of(target),
        .body = body,
        .header = look_up,
        .header_context = client,
        .request_id = SPAN("request-1"),
        .traceparent = look_up(client, "traceparent"),
    };
    struct api_call *call = NULL;
    release_reply(client);
    client->allocations = 0;
    client->steps = 0;
    enter_api(client);
    int error = api_call_create(&request, &client->runtime, &call);
    leave_api(client);
    if (error)
        client->reply.status = 503; /* as the adapter does */
    else
        drive(client, call, (int64_t)body.size);
    api_call_destroy(call);
    return client->reply.status;
}

int client_send(struct client *client, const char *method, const char *target, const char *body)
{
    return client_send_bytes(client, method, target, span_of(body ? body : ""));
}

/* --- the reply --- */

const char *client_reply_header(const struct client *client, const char *name)
{
    for (size_t i = 0; i < client->reply.header_count; i++) {
        if (strcasecmp(client->reply.headers[i].name, name) == 0)
            return client->reply.headers[i].value;
    }
    return NULL;
}

struct json_object *client_json(const struct client *client, const char *pointer)
{
    struct json_object *found = NULL;
    if (client->reply.json && json_pointer_get(client->reply.json, pointer, &found))
        return NULL;
    return found;
}

const char *client_text(const struct client *client, const char *pointer)
{
    struct json_object *found = client_json(client, pointer);
    return json_object_is_type(found, json_type_string) ? json_object_get_string(found) : "";
}

int64_t client_number(const struct client *client, const char *pointer)
{
    struct json_object *found = client_json(client, pointer);
    return json_object_is_type(found, json_type_int) ? json_object_get_int64(found) : INT64_MIN;
}

bool client_true(const struct client *client, const char *pointer)
{
    struct json_object *found = client_json(client, pointer);
    return json_object_is_type(found, json_type_boolean) && json_object_get_boolean(found);
}
