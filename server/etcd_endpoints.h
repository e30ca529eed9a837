/* Which of several endpoints to turn to: one as long as it works, else the next one; and when none
 * can be reached, whether to try at all. Knows no network and no clock. Private to the etcd store.
 *
 * While every endpoint's last attempt has failed, one attempt is let through each time the pause is
 * over, all others are turned down at once. If it fails only when its own pause is over, another
 * one begins. The pause grows from ETCD_FIRST_PAUSE_MS to ETCD_LONGEST_PAUSE_MS, each with a random
 * part of up to a half. */
#ifndef ALLOT_SERVER_ETCD_ENDPOINTS_H
#define ALLOT_SERVER_ETCD_ENDPOINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/error.h"

enum {
    ETCD_MAX_ENDPOINTS = 16,
    ETCD_MAX_ENDPOINT = 300, /* bytes of one */
    ETCD_FIRST_PAUSE_MS = 50,
    ETCD_LONGEST_PAUSE_MS = 1000,
};

struct etcd_endpoints {
    char urls[ETCD_MAX_ENDPOINTS][ETCD_MAX_ENDPOINT]; /* without a slash at the end */
    bool down[ETCD_MAX_ENDPOINTS];
    size_t count;
    size_t current;
    size_t down_count;
    int64_t pause_ms;
    int64_t retry_ms; /* if all are down */
    uint64_t random;  /* the seed, or what has become of it */
};

/* Reads "URL[,URL...]", each http:// or https:// with a host, perhaps a port, and nothing else.
 * ALLOT_EINVAL with the fault in @why. Begins with one chosen by @seed. */
int etcd_endpoints_init(struct etcd_endpoints *endpoints, const char *list, uint64_t seed,
                        struct error_message *why);
/* Whether an attempt may be made now. */
bool etcd_endpoints_admit(struct etcd_endpoints *endpoints, int64_t now_ms);
/* An endpoint answered. */
void etcd_endpoints_worked(struct etcd_endpoints *endpoints, size_t index);
/* It could not be reached, or has said nothing for as long as a request may take. */
void etcd_endpoints_failed(struct etcd_endpoints *endpoints, size_t index, int64_t now_ms);
/* It can be reached, but another one may be better. */
void etcd_endpoints_leave(struct etcd_endpoints *endpoints, size_t index);

#endif
