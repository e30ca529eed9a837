/* Whole requests, as the adapter passes them on, to a small cluster:
 *
 *     PUT /v1/items/a%2Fb?dry_run=true
 *     If-Match: "7-0"
 *
 *     {"replication":2}
 *
 * Nothing may be answered with 500, and what is refused tells why. */
#include "tests/fuzz/fuzz.h"
#include "tests/support/api_client.h"
#include "tests/support/history_events.h"
#include "tests/support/scripted_history.h"

enum { MAX_LINE = 4096, MAX_HEADERS = 4 };

/* Those that a handler reads, but for those that the client sends anyway. */
static const char *const header_names[] = {"Content-Type",
                                           "Accept",
                                           "If-Match",
                                           "If-None-Match",
                                           "Allot-Session",
                                           "Host",
                                           "Idempotency-Key",
                                           "X-Allot-Reason",
                                           "Origin",
                                           "Authorization",
                                           "Accept-Encoding",
                                           "traceparent",
                                           NULL};

static void prepare(struct client *client, struct scripted_history *history)
{
    client_init(client);
    scripted_history_init(history);
    history->events = history_events;
    history->event_count = EVENT_COUNT;
    client->runtime.history = &history->port;
    struct fake_store *store = &client->store;
    fake_store_put(store, "/items/a", "{\"replication\":1}");
    fake_store_put(store, "/items/a/b", "{\"replication\":2,\"labels\":{\"x\":\"y\"}}");
    fake_store_put(store, "/members/east#1", "{\"item_limit\":4}");
    fake_store_put(store, "/members/west#1", "{\"item_limit\":4,\"exiting\":true}");
    fake_store_put(store, "/assign/a#east#1#0", "");
    fake_store_put(store, "/assign/a/b#west#1#0", "{\"consistent\":true}");
    fake_store_publish(store);
    history->snapshot = store->newest;
}

static bool copy_line(struct span line, char text[MAX_LINE])
{
    if (line.size >= MAX_LINE || (line.size > 0 && memchr(line.data, '\0', line.size)))
        return false;
    if (line.size > 0)
        memcpy(text, line.data, line.size);
    text[line.size] = '\0';
    return true;
}

static void set_header(struct client *client, struct span line, char text[MAX_LINE])
{
    struct span rest = line;
    struct span name = fuzz_take(&rest, ':');
    for (int i = 0; header_names[i]; i++)
        if (span_equal(name, span_of(header_names[i])) && copy_line(rest, text))
            client_header(client, header_names[i], text[0] == ' ' ? text + 1 : text);
}

static void check(const struct client *client)
{
    const struct client_reply *reply = &client->reply;
    fuzz_require(reply->status >= 200 && reply->status < 600, "a status");
    fuzz_require(reply->status != 500, "no internal error");
    fuzz_require(!reply->broken, "a whole body");
    if (reply->status < 400)
        return;
    fuzz_require(reply->json != NULL, "a problem is JSON");
    fuzz_require(client_text(client, "/detail")[0] != '\0', "a problem has a detail");
    fuzz_require(client_number(client, "/status") == reply->status, "and the status");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char method[MAX_LINE], target[MAX_LINE], headers[MAX_HEADERS][MAX_LINE];
    struct span rest = {(const char *)data, size};
    struct span line = fuzz_take(&rest, '\n');
    if (!copy_line(fuzz_take(&line, ' '), method) || !copy_line(line, target))
        return -1;
    struct client client;
    struct scripted_history history;
    prepare(&client, &history);
    for (int i = 0; i < MAX_HEADERS && rest.size > 0 && rest.data[0] != '\n'; i++)
        set_header(&client, fuzz_take(&rest, '\n'), headers[i]);
    (void)fuzz_take(&rest, '\n');
    char *body = fuzz_copy(rest);
    (void)client_send_bytes(&client, method, target, (struct span){body, rest.size});
    check(&client);
    free(body);
    client_release(&client);
    return 0;
}
