#include "server/etcd_client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/clock.h"
#include "server/etcd_client_internal.h"

enum {
    MAX_CONNECTIONS = 4096, /* that curl keeps: it closes idle ones if there are more in all */
    MAX_POLL_MS = 60000,
    SAME_REPORT_MS = 10000,
};

void etcd_client_report(struct etcd_client *client, int error, const char *format, ...)
{
    char text[ERROR_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    int64_t now_ms = clock_monotonic_ms();
    bool again = strcmp(text, client->reported) == 0;
    if (!client->config.failed || (again && now_ms - client->reported_ms < SAME_REPORT_MS))
        return;
    memcpy(client->reported, text, sizeof text);
    client->reported_ms = now_ms;
    client->config.failed(client->config.failed_context, error, text);
}

void etcd_client_endpoint_failed(struct etcd_client *client, int endpoint, const char *why)
{
    size_t index = (size_t)endpoint;
    if (!client->endpoints.down[index])
        etcd_client_report(client, ALLOT_EUNAVAILABLE, "etcd: %.100s: %.120s",
                           client->endpoints.urls[index], why);
    etcd_endpoints_failed(&client->endpoints, index, clock_monotonic_ms());
}

void etcd_client_endpoint_worked(struct etcd_client *client, int endpoint)
{
    size_t index = (size_t)endpoint;
    if (client->endpoints.down[index])
        etcd_client_report(client, 0, "etcd: %.100s: answers again", client->endpoints.urls[index]);
    etcd_endpoints_worked(&client->endpoints, index);
}

/* --- streams --- */

static bool on_stream_message(struct etcd_transfer *transfer, const struct etcd_answer *message)
{
    struct etcd_stream *stream = (struct etcd_stream *)transfer;
    etcd_client_endpoint_worked(stream->client, stream->endpoint);
    return stream->message(stream, message);
}

static void on_stream_finished(struct etcd_transfer *transfer, CURLcode code)
{
    struct etcd_stream *stream = (struct etcd_stream *)transfer;
    struct etcd_client *client = stream->client;
    enum etcd_transfer_end end = etcd_transfer_end(transfer, client->multi, code);
    if (end == ETCD_TRANSFER_NOT_SENT)
        etcd_client_endpoint_failed(client, stream->endpoint, transfer->why);
    else
        etcd_endpoints_leave(&client->endpoints, (size_t)stream->endpoint);
    stream->ended(stream, end);
}

int etcd_client_open_stream(struct etcd_client *client, struct etcd_stream *stream,
                            struct span body)
{
    int64_t now_ms = clock_monotonic_ms();
    if (!etcd_client_has_token(client, now_ms) || !etcd_endpoints_admit(&client->endpoints, now_ms))
        return ALLOT_EUNAVAILABLE;
    stream->client = client;
    stream->endpoint = (int)client->endpoints.current;
    stream->token_number = client->token_number;
    const struct etcd_post post = {
        .endpoint = client->endpoints.urls[stream->endpoint],
        .path = "/v3/watch",
        .body = body,
        .token = client->token,
        .tls = &client->config.tls,
        .connect_timeout_ms = client->config.connect_timeout_ms,
        .maximum = client->config.max_answer,
    };
    return etcd_transfer_begin(&stream->transfer, client->multi, &post, on_stream_message,
                               on_stream_finished);
}

void etcd_client_close_stream(struct etcd_stream *stream)
{
    if (stream->transfer.running)
        (void)etcd_transfer_end(&stream->transfer, stream->client->multi, CURLE_OK);
}

void etcd_client_leave_endpoint(struct etcd_client *client, int endpoint)
{
    etcd_endpoints_leave(&client->endpoints, (size_t)endpoint);
}

void etcd_client_report_refusal(struct etcd_client *client, const char *why)
{
    etcd_client_report(client, ALLOT_EUNAVAILABLE, "etcd: refuses a watch: %.200s", why);
}

void etcd_client_report_return(struct etcd_client *client, int64_t former, int64_t revision)
{
    etcd_client_report(client, ALLOT_EORDER,
                       "etcd: has gone back from revision %" PRId64 " to %" PRId64
                       ": it was restored from a backup, or emptied",
                       former, revision);
}

/* --- the thread --- */

/* False: the client is being stopped. */
static bool take_incoming(struct etcd_client *client)
{
    pthread_mutex_lock(&client->mutex);
    while (client->incoming.first)
        etcd_calls_add(&client->pending, etcd_calls_take(&client->incoming));
    bool go_on = !client->stopping;
    pthread_mutex_unlock(&client->mutex);
    return go_on;
}

/* Whether something has finished. */
static bool finish_transfers(struct etcd_client *client)
{
    bool any = false;
    int left;
    CURLMsg *told;
    while ((told = curl_multi_info_read(client->multi, &left)) != NULL) {
        char *private = NULL;
        CURLcode code = told->data.result; /* curl may reuse what told points to */
        curl_easy_getinfo(told->easy_handle, CURLINFO_PRIVATE, &private);
        struct etcd_transfer *transfer = (struct etcd_transfer *)(void *)private;
        if (!etcd_transfer_goes_on(transfer, client->multi))
            transfer->finished(transfer, code);
        any = true;
    }
    return any;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void *client_thread(void *argument)
{
    struct etcd_client *client = argument;
    while (take_incoming(client)) {
        int running;
        do
            curl_multi_perform(client->multi, &running);
        while (finish_transfers(client));
        int64_t now_ms = clock_monotonic_ms();
        int64_t wake_ms = client->config.round(client->config.context, now_ms);
        wake_ms = earlier(wake_ms, etcd_client_start_calls(client, now_ms));
        wake_ms = earlier(wake_ms, now_ms + MAX_POLL_MS);
        if (wake_ms > now_ms)
            curl_multi_poll(client->multi, NULL, 0, (int)(wake_ms - now_ms), NULL);
    }
    client->config.stopping(client->config.context);
    etcd_client_cancel_calls(client);
    return NULL;
}

const struct etcd_wire *etcd_client_wire(const struct etcd_client *client)
{
    return client->config.wire;
}

void etcd_client_wake(struct etcd_client *client)
{
    curl_multi_wakeup(client->multi);
}

/* --- lifecycle --- */

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static bool curl_is_ready;

/* For the life of the process: nothing is left to release but what curl keeps for itself. */
static void init_curl(void)
{
    curl_is_ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
}

/* All that the thread does not own. */
static void release(struct etcd_client *client)
{
    struct etcd_client_config *config = &client->config;
    for (int i = 0; client->slots && i < config->connections; i++)
        etcd_transfer_release(&client->slots[i].transfer);
    curl_multi_cleanup(client->multi);
    free(client->slots);
    if (client->token)
        explicit_bzero(client->token, strlen(client->token));
    free(client->token);
    free((char *)config->tls.ca_file);
    free((char *)config->tls.cert_file);
    free((char *)config->tls.key_file);
    free((char *)config->user);
    free((char *)config->password_file);
    pthread_mutex_destroy(&client->mutex);
    free(client);
}

/* Replaces a borrowed text by a copy. False: out of memory, and there is none. */
static bool own_text(const char **text)
{
    if (!*text || !**text) {
        *text = NULL;
        return true;
    }
    *text = strdup(*text);
    return *text != NULL;
}

static int own_texts(struct etcd_client_config *config)
{
    config->endpoints = NULL; /* have been read */
    const char **texts[] = {&config->tls.ca_file, &config->tls.cert_file, &config->tls.key_file,
                            &config->user, &config->password_file};
    int error = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!own_text(texts[i]))
            error = ALLOT_ENOMEM; /* and go on, so that nothing borrowed stays */
    }
    return error;
}

static int init_slots(struct etcd_client *client)
{
    client->slots = calloc((size_t)client->config.connections, sizeof *client->slots);
    if (!client->slots)
        return ALLOT_ENOMEM;
    for (int i = 0; i < client->config.connections; i++) {
        client->slots[i].client = client;
        if (etcd_transfer_init(&client->slots[i].transfer, client->config.wire) < 0)
            return ALLOT_ENOMEM;
    }
    return 0;
}

int etcd_client_create(const struct etcd_client_config *config, struct etcd_client **ret,
                       struct error_message *why)
{
    uint64_t seed = (uint64_t)clock_wall_ms();
    struct etcd_client *client = calloc(1, sizeof *client);
    snprintf(why->text, sizeof why->text, "%s", allot_error_text(ALLOT_ENOMEM));
    pthread_once(&curl_once, init_curl);
    if (!client || !curl_is_ready || pthread_mutex_init(&client->mutex, NULL) != 0) {
        free(client);
        return ALLOT_ENOMEM;
    }
    client->config = *config;
    etcd_calls_init(&client->incoming);
    etcd_calls_init(&client->pending);
    etcd_calls_init(&client->parked);
    int error = own_texts(&client->config);
    if (!error)
        error = etcd_endpoints_init(&client->endpoints, config->endpoints, seed, why);
    client->multi = error ? NULL : curl_multi_init();
    if (!error && !client->multi)
        error = ALLOT_ENOMEM;
    if (!error)
        error = init_slots(client);
    if (error) {
        release(client);
        return error;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)MAX_CONNECTIONS);
    curl_multi_setopt(client->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    *ret = client;
    return 0;
}

int etcd_client_start(struct etcd_client *client)
{
    if (pthread_create(&client->thread, NULL, client_thread, client) != 0)
        return ALLOT_ENOMEM;
    client->started = true;
    return 0;
}

void etcd_client_destroy(struct etcd_client *client)
{
    if (!client)
        return;
    pthread_mutex_lock(&client->mutex);
    client->stopping = true;
    pthread_mutex_unlock(&client->mutex);
    if (client->started) {
        etcd_client_wake(client);
        pthread_join(client->thread, NULL);
    }
    release(client);
}
