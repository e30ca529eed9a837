#include "server/etcd_endpoints.h"

#include <stdio.h>
#include <string.h>

/* --- reading the list --- */

static bool is_endpoint(const char *text, size_t size)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:[]";
    size_t scheme = strncmp(text, "https://", 8) == 0  ? 8
                    : strncmp(text, "http://", 7) == 0 ? 7
                                                       : 0;
    if (scheme == 0 || size <= scheme || size >= ETCD_MAX_ENDPOINT)
        return false;
    size_t host = strspn(text + scheme, letters);
    return host >= size - scheme && text[scheme] != ':';
}

int etcd_endpoints_init(struct etcd_endpoints *endpoints, const char *list, uint64_t seed,
                        struct error_message *why)
{
    *endpoints = (struct etcd_endpoints){.random = seed | 1};
    for (const char *at = list;; at++) {
        size_t whole = strcspn(at, ",");
        size_t size = whole > 0 && at[whole - 1] == '/' ? whole - 1 : whole;
        if (memchr(at, '@', whole)) { /* and isn't shown, for what may stand before that */
            snprintf(why->text, sizeof why->text,
                     "an endpoint has no user or password: give --etcd-user and "
                     "--etcd-password-file");
            return ALLOT_EINVAL;
        }
        if (!is_endpoint(at, size)) {
            snprintf(why->text, sizeof why->text,
                     "\"%.*s\" is not an endpoint such as http://127.0.0.1:2379",
                     whole > 100 ? 100 : (int)whole, at);
            return ALLOT_EINVAL;
        }
        if (endpoints->count == ETCD_MAX_ENDPOINTS) {
            snprintf(why->text, sizeof why->text, "more than %d endpoints", ETCD_MAX_ENDPOINTS);
            return ALLOT_EINVAL;
        }
        memcpy(endpoints->urls[endpoints->count++], at, size);
        at += whole;
        if (*at == '\0')
            break;
    }
    endpoints->current = (size_t)(seed % endpoints->count);
    return 0;
}

/* --- choosing --- */

/* xorshift64: good enough to spread attempts. */
static int64_t random_below(struct etcd_endpoints *endpoints, int64_t limit)
{
    endpoints->random ^= endpoints->random << 13;
    endpoints->random ^= endpoints->random >> 7;
    endpoints->random ^= endpoints->random << 17;
    return (int64_t)(endpoints->random % (uint64_t)limit);
}

static void begin_pause(struct etcd_endpoints *endpoints, int64_t now_ms)
{
    int64_t longer = 2 * endpoints->pause_ms;
    endpoints->pause_ms = longer < ETCD_FIRST_PAUSE_MS     ? ETCD_FIRST_PAUSE_MS
                          : longer > ETCD_LONGEST_PAUSE_MS ? ETCD_LONGEST_PAUSE_MS
                                                           : longer;
    int64_t half = endpoints->pause_ms / 2;
    endpoints->retry_ms = now_ms + half + random_below(endpoints, half + 1);
}

bool etcd_endpoints_admit(struct etcd_endpoints *endpoints, int64_t now_ms)
{
    if (endpoints->down_count < endpoints->count)
        return true;
    if (now_ms < endpoints->retry_ms)
        return false;
    begin_pause(endpoints, now_ms);
    return true;
}

void etcd_endpoints_worked(struct etcd_endpoints *endpoints, size_t index)
{
    endpoints->down_count -= endpoints->down[index];
    endpoints->down[index] = false;
    endpoints->pause_ms = 0;
    if (endpoints->down[endpoints->current])
        endpoints->current = index;
}

void etcd_endpoints_leave(struct etcd_endpoints *endpoints, size_t index)
{
    if (index != endpoints->current) /* has been left already */
        return;
    for (size_t i = 1; i < endpoints->count; i++) {
        size_t next = (index + i) % endpoints->count;
        if (!endpoints->down[next]) {
            endpoints->current = next;
            return;
        }
    }
    endpoints->current = (index + 1) % endpoints->count;
}

void etcd_endpoints_failed(struct etcd_endpoints *endpoints, size_t index, int64_t now_ms)
{
    endpoints->down_count += !endpoints->down[index];
    endpoints->down[index] = true;
    etcd_endpoints_leave(endpoints, index);
    /* Of several attempts that fail together, the first begins the pause. */
    if (endpoints->down_count == endpoints->count && now_ms >= endpoints->retry_ms)
        begin_pause(endpoints, now_ms);
}
