/* Sends requests to api/ without a socket: drives a call to its reply, with a fake store behind. */
#ifndef ALLOT_TESTS_SUPPORT_API_CLIENT_H
#define ALLOT_TESTS_SUPPORT_API_CLIENT_H

#include <json-c/json_object.h>

#include "tests/support/fake_store.h"

enum { CLIENT_MAX_HEADERS = 8 };

struct client_header {
    const char *name;
    const char *value;
};

/* The reply to the last request. */
struct client_reply {
    int status;
    char content_type[64];
    struct {
        char name[32];
        char value[4200];
    } headers[API_MAX_REPLY_HEADERS];
    size_t header_count;
    bool gzipped; /* the body, as the API has said */
    char *text;   /* the body; NULL: none */
    size_t size;
    struct json_object *json; /* the body, parsed; NULL if it is `broken`, too */
    bool broken;              /* it ended where it should go on */
};

struct client {
    struct fake_store store;
    struct api_runtime runtime;
    struct api_health health;
    struct client_header headers[CLIENT_MAX_HEADERS]; /* sent with every request */
    size_t header_count;
    bool hides_length; /* sends chunks: the length of a body isn't known before it is read */
    struct client_reply reply;
    int steps;            /* actions that the last request asked for */
    int64_t lease;        /* granted to it, and not used so far */
    size_t pieces;        /* of all bodies so far, beside their first, and ... */
    size_t longest_piece; /* ... bytes of one */

    /* Called before each action is performed: somebody else is faster. */
    void (*meddle)(struct client *client, enum api_step step);
    /* Called after each action is performed, and before its outcome is told; then it's published.
     */
    void (*overtake)(struct client *client, enum api_step step);
    /* Instead of performing an action of this kind, give this error. */
    enum api_step failing_step;
    int failing_error;    /* 0: none fails */
    bool failing_done;    /* it is performed nevertheless */
    bool failing_refused; /* the store doesn't even take the request */

    long failing_allocation; /* within api/, counted from 1; 0: none */
    long allocations;        /* that the last request made within api/ */
};

/* A client with an empty, published store, and the headers Host and Content-Type. */
void client_init(struct client *client);
void client_release(struct client *client);

/* Sets a header for the requests that follow; NULL: not sent. Both texts are borrowed. */
void client_header(struct client *client, const char *name, const char *value);

/* Sends a request; @body may be NULL. Returns the status. */
int client_send(struct client *client, const char *method, const char *target, const char *body);
int client_send_bytes(struct client *client, const char *method, const char *target,
                      struct span body);

/* Of the reply: a header's value or NULL; what stands at a JSON pointer. */
const char *client_reply_header(const struct client *client, const char *name);
struct json_object *client_json(const struct client *client, const char *pointer);
/* "" and INT64_MIN if there is no string, or no number, there. */
const char *client_text(const struct client *client, const char *pointer);
int64_t client_number(const struct client *client, const char *pointer);
bool client_true(const struct client *client, const char *pointer);

#endif
