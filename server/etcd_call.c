/* Requests with one answer: which may be repeated where, and the token that they need. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/etcd_client_internal.h"

enum {
    MAX_PASSWORD = 1024,
    MAX_LOGIN = 16 << 10, /* its request */
    LOGIN_PAUSE_MS = 1000,
};

/* --- lists --- */

void etcd_calls_init(struct etcd_calls *calls)
{
    calls->first = NULL;
    calls->last = &calls->first;
}

void etcd_calls_add(struct etcd_calls *calls, struct etcd_call *call)
{
    call->next = NULL;
    *calls->last = call;
    calls->last = &call->next;
}

void etcd_calls_add_first(struct etcd_calls *calls, struct etcd_call *call)
{
    call->next = calls->first;
    calls->first = call;
    if (!call->next)
        calls->last = &call->next;
}

struct etcd_call *etcd_calls_take(struct etcd_calls *calls)
{
    struct etcd_call *call = calls->first;
    if (!call)
        return NULL;
    calls->first = call->next;
    if (!calls->first)
        calls->last = &calls->first;
    return call;
}

void etcd_calls_move(struct etcd_calls *calls, struct etcd_calls *from)
{
    if (!from->first)
        return;
    *from->last = calls->first;
    if (!calls->first)
        calls->last = from->last;
    calls->first = from->first;
    etcd_calls_init(from);
}

/* --- submitting and answering --- */

int etcd_client_submit(struct etcd_client *client, struct etcd_call *call)
{
    const struct etcd_client_config *config = &client->config;
    int64_t timeout_ms = call->timeout_ms ? call->timeout_ms : config->request_timeout_ms;
    int error = 0;
    call->tries = 0;
    call->logged_in_again = false;
    call->deadline_ms = clock_monotonic_ms() + timeout_ms;
    pthread_mutex_lock(&client->mutex);
    if (client->stopping)
        error = ALLOT_ECANCELED;
    else if (client->unanswered >= config->max_queue ||
             client->unanswered_bytes + call->body.size > config->max_queued_bytes)
        error = ALLOT_ELIMIT;
    if (!error) {
        client->unanswered++;
        client->unanswered_bytes += call->body.size;
        etcd_calls_add(&client->incoming, call);
    }
    pthread_mutex_unlock(&client->mutex);
    if (!error)
        etcd_client_wake(client);
    return error;
}

static void answer(struct etcd_client *client, struct etcd_call *call, int error,
                   const struct etcd_answer *told)
{
    if (call != &client->login) {
        pthread_mutex_lock(&client->mutex);
        client->unanswered--;
        client->unanswered_bytes -= call->body.size;
        pthread_mutex_unlock(&client->mutex);
    }
    call->done(call, error, told);
}

/* Once more, at another endpoint, or else the error. */
static void try_again(struct etcd_client *client, struct etcd_call *call, int error)
{
    bool elsewhere = ++call->tries < client->endpoints.count && call->endpoint < 0;
    if (elsewhere && clock_monotonic_ms() < call->deadline_ms)
        etcd_calls_add_first(&client->pending, call);
    else
        answer(client, call, error, NULL);
}

/* Until there is a token, if one is being asked for. */
static void park(struct etcd_client *client, struct etcd_call *call)
{
    if (client->logging_in)
        etcd_calls_add(&client->parked, call);
    else
        answer(client, call, ALLOT_EUNAVAILABLE, NULL);
}

/* --- the end of a transfer --- */

/* What says nothing certain about a request that was sent. */
static int open_error(const struct etcd_call *call)
{
    return call->writes ? ALLOT_EUNKNOWN : ALLOT_EUNAVAILABLE;
}

static void take_fault(struct etcd_slot *slot, struct etcd_call *call,
                       const struct etcd_fault *fault)
{
    struct etcd_client *client = slot->client;
    if (fault->kind == ETCD_FAULT_NO_LEADER) {
        etcd_endpoints_leave(&client->endpoints, (size_t)slot->endpoint);
        try_again(client, call, ALLOT_EUNAVAILABLE);
    } else if (fault->kind == ETCD_FAULT_LOGIN && client->config.user && call != &client->login &&
               !call->logged_in_again) {
        call->logged_in_again = true;
        etcd_client_refuse_token(client, call->token_number);
        etcd_calls_add_first(&client->pending, call);
    } else {
        int error = etcd_fault_error(fault, call->writes);
        bool is_login = call == &client->login; /* of which more is told */
        if (!is_login && (error == ALLOT_EUNAVAILABLE || error == ALLOT_EUNKNOWN))
            etcd_client_report(client, error, "etcd: %.100s: %s",
                               client->endpoints.urls[slot->endpoint], fault->text);
        answer(client, call, error, &slot->transfer.answer);
    }
}

static void take_answer(struct etcd_slot *slot, struct etcd_call *call)
{
    struct etcd_client *client = slot->client;
    struct etcd_fault fault;
    long status = etcd_transfer_status(&slot->transfer);
    etcd_client_endpoint_worked(client, slot->endpoint);
    if (client->config.wire->is_fault(&slot->transfer.answer, &fault)) {
        take_fault(slot, call, &fault);
    } else if (status != 200) {
        etcd_client_report(client, open_error(call),
                           "etcd: %.100s: HTTP status %ld without an error of etcd's",
                           client->endpoints.urls[slot->endpoint], status);
        answer(client, call, open_error(call), NULL);
    } else {
        answer(client, call, 0, &slot->transfer.answer);
    }
}

/* It takes connections, or the system does for it, and says nothing: as good as not there, so that
 * not every request has to find out anew. */
static bool stands_still(struct etcd_transfer *transfer, CURLcode code)
{
    return code == CURLE_OPERATION_TIMEDOUT && etcd_transfer_status(transfer) == 0;
}

static void on_call_finished(struct etcd_transfer *transfer, CURLcode code)
{
    struct etcd_slot *slot = (struct etcd_slot *)transfer;
    struct etcd_client *client = slot->client;
    struct etcd_call *call = slot->call;
    bool bad_status = etcd_transfer_status(transfer) != 200;
    slot->call = NULL;
    switch (etcd_transfer_end(transfer, client->multi, code)) {
    case ETCD_TRANSFER_DONE:
        take_answer(slot, call);
        break;
    case ETCD_TRANSFER_NOT_SENT:
        etcd_client_endpoint_failed(client, slot->endpoint, transfer->why);
        try_again(client, call, ALLOT_EUNAVAILABLE);
        break;
    case ETCD_TRANSFER_BROKEN:
        if (stands_still(transfer, code)) {
            etcd_client_endpoint_failed(client, slot->endpoint, transfer->why);
        } else {
            etcd_client_report(client, open_error(call), "etcd: %.100s: %.120s",
                               client->endpoints.urls[slot->endpoint], transfer->why);
            etcd_endpoints_leave(&client->endpoints, (size_t)slot->endpoint);
        }
        if (call->repeatable)
            try_again(client, call, open_error(call));
        else
            answer(client, call, open_error(call), NULL);
        break;
    case ETCD_TRANSFER_LARGE:
        answer(client, call, call->writes ? ALLOT_EUNKNOWN : ALLOT_ELIMIT, NULL);
        break;
    case ETCD_TRANSFER_BAD:
        answer(client, call, call->writes || bad_status ? open_error(call) : ALLOT_EIO, NULL);
        break;
    case ETCD_TRANSFER_NO_MEMORY:
        answer(client, call, call->writes ? ALLOT_EUNKNOWN : ALLOT_ENOMEM, NULL);
        break;
    }
    etcd_transfer_clear(transfer);
}

/* --- beginning --- */

static void begin(struct etcd_client *client, struct etcd_slot *slot, struct etcd_call *call,
                  int64_t now_ms)
{
    slot->endpoint = call->endpoint >= 0 ? call->endpoint : (int)client->endpoints.current;
    call->token_number = client->token_number;
    const struct etcd_post post = {
        .endpoint = client->endpoints.urls[slot->endpoint],
        .path = client->config.wire->paths[call->method],
        .body = buffer_span(&call->body),
        .token = call == &client->login ? NULL : client->token,
        .traceparent = call->traceparent,
        .tls = &client->config.tls,
        .timeout_ms = call->deadline_ms - now_ms,
        .connect_timeout_ms = client->config.connect_timeout_ms,
        .once = !call->repeatable,
        .maximum = client->config.max_answer,
    };
    int error = etcd_transfer_begin(&slot->transfer, client->multi, &post, NULL, on_call_finished);
    if (error)
        answer(client, call, error, NULL);
    else
        slot->call = call;
}

static struct etcd_slot *free_slot(struct etcd_client *client)
{
    for (int i = 0; i < client->config.connections; i++) {
        if (!client->slots[i].call)
            return &client->slots[i];
    }
    return NULL;
}

/* Begins a call, parks it, or answers it. */
static void start(struct etcd_client *client, struct etcd_slot *slot, struct etcd_call *call,
                  int64_t now_ms)
{
    bool needs_token = call != &client->login;
    bool late = now_ms >= call->deadline_ms;
    if (!late && needs_token && !etcd_client_has_token(client, now_ms))
        park(client, call);
    else if (late || (call->tries == 0 && !etcd_endpoints_admit(&client->endpoints, now_ms)))
        answer(client, call, ALLOT_EUNAVAILABLE, NULL);
    else
        begin(client, slot, call, now_ms);
}

int64_t etcd_client_start_calls(struct etcd_client *client, int64_t now_ms)
{
    struct etcd_slot *slot;
    while (client->pending.first && (slot = free_slot(client)) != NULL)
        start(client, slot, etcd_calls_take(&client->pending), now_ms);
    while (client->pending.first && now_ms >= client->pending.first->deadline_ms)
        answer(client, etcd_calls_take(&client->pending), ALLOT_EUNAVAILABLE, NULL);
    return client->pending.first ? client->pending.first->deadline_ms : INT64_MAX;
}

static void cancel_all(struct etcd_client *client, struct etcd_calls *calls, int error)
{
    struct etcd_call *call;
    while ((call = etcd_calls_take(calls)) != NULL)
        answer(client, call, error, NULL);
}

void etcd_client_cancel_calls(struct etcd_client *client)
{
    for (int i = 0; i < client->config.connections; i++) {
        struct etcd_slot *slot = &client->slots[i];
        if (!slot->call)
            continue;
        (void)etcd_transfer_end(&slot->transfer, client->multi, CURLE_OK);
        answer(client, slot->call, ALLOT_ECANCELED, NULL);
        slot->call = NULL;
        etcd_transfer_clear(&slot->transfer);
    }
    cancel_all(client, &client->pending, ALLOT_ECANCELED);
    cancel_all(client, &client->parked, ALLOT_ECANCELED);
}

/* --- tokens --- */

static int read_password(const char *path, char *password, size_t size, size_t *ret)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return ALLOT_EIO;
    ssize_t got = read(file, password, size);
    close(file);
    if (got < 0 || (size_t)got == size)
        return ALLOT_EIO;
    while (got > 0 && (password[got - 1] == '\n' || password[got - 1] == '\r'))
        got--;
    *ret = (size_t)got;
    return 0;
}

static void fail_login(struct etcd_client *client, int error, const char *why)
{
    etcd_client_report(client, error, "etcd: cannot log in as \"%.60s\": %.160s",
                       client->config.user, why);
    client->login_retry_ms = clock_monotonic_ms() + LOGIN_PAUSE_MS;
    cancel_all(client, &client->parked, ALLOT_EUNAVAILABLE);
}

static void release_login(struct etcd_client *client)
{
    if (client->login.body.data)
        explicit_bzero(client->login.body.data, client->login.body.capacity);
    buffer_release(&client->login.body);
    client->logging_in = false;
}

/* With a zero behind; NULL: out of memory. */
static char *copy_text(struct span text)
{
    char *copy = malloc(text.size + 1);
    if (copy) {
        memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
    }
    return copy;
}

static void on_login(struct etcd_call *call, int error, const struct etcd_answer *told)
{
    struct etcd_client *client =
        (struct etcd_client *)((char *)call - offsetof(struct etcd_client, login));
    const struct etcd_wire *wire = client->config.wire;
    struct etcd_fault fault = {.text = ""};
    struct span token = {0};
    struct arena arena = {0};
    release_login(client);
    if (error == ALLOT_ECANCELED)
        return;
    if (told && wire->is_fault(told, &fault) && strstr(fault.text, "authentication is not enabled"))
        client->login_is_off = true;
    else if (!error)
        error = wire->read_token(told, &arena, &token);
    if (token.data) {
        client->token = copy_text(token);
        client->token_number++;
        error = client->token ? 0 : ALLOT_ENOMEM;
    }
    if (!error || client->login_is_off)
        etcd_calls_move(&client->pending, &client->parked);
    else
        fail_login(client, error, fault.text[0] ? fault.text : allot_error_text(error));
    arena_release(&arena);
}

static void login(struct etcd_client *client)
{
    char password[MAX_PASSWORD + 1];
    size_t size = 0;
    const char *path = client->config.password_file;
    int error = path ? read_password(path, password, sizeof password, &size) : 0;
    if (error) {
        fail_login(client, error, "the password's file cannot be read");
        return;
    }
    client->login = (struct etcd_call){
        .method = ETCD_AUTHENTICATE,
        .repeatable = true,
        .endpoint = ETCD_ANY_ENDPOINT,
        .done = on_login,
        .deadline_ms = clock_monotonic_ms() + client->config.request_timeout_ms,
    };
    buffer_init(&client->login.body, MAX_LOGIN);
    buffer_reserve(&client->login.body, MAX_LOGIN); /* it never moves: see release_login */
    client->config.wire->put_authenticate(&client->login.body, span_of(client->config.user),
                                          (struct span){password, size});
    explicit_bzero(password, sizeof password);
    if (client->login.body.error) {
        release_login(client);
        fail_login(client, ALLOT_ENOMEM, allot_error_text(ALLOT_ENOMEM));
        return;
    }
    client->logging_in = true;
    etcd_calls_add_first(&client->pending, &client->login);
}

bool etcd_client_has_token(struct etcd_client *client, int64_t now_ms)
{
    if (!client->config.user || client->token || client->login_is_off)
        return true;
    if (!client->logging_in && now_ms >= client->login_retry_ms)
        login(client);
    return false;
}

void etcd_client_refuse_token(struct etcd_client *client, unsigned token_number)
{
    if (token_number != client->token_number) /* a newer one is there */
        return;
    free(client->token);
    client->token = NULL;
    client->token_number++;
    client->login_is_off = false;
}
