#include "server/log_limit.h"

#include "api/hash.h"

static int64_t most(enum log_level level)
{
    return level <= LOG_WARNING ? LOG_LIMIT_FAULTS : LOG_LIMIT_EVENTS;
}

static int64_t suppressed(const struct log_limit_kind *kind)
{
    int64_t beyond = kind->count - most(kind->level);
    return beyond > 0 ? beyond : 0;
}

static bool is_over(const struct log_limit_kind *kind, int64_t now_ms)
{
    return now_ms - kind->begin_ms >= LOG_LIMIT_WINDOW_MS;
}

static uint64_t hash_kind(enum log_level level, const char *message, struct span outcome)
{
    unsigned char byte = (unsigned char)level;
    uint64_t hash = hash_bytes(HASH_START, (struct span){(const char *)&byte, 1});
    hash = hash_bytes(hash, span_of(message));
    hash = hash_bytes(hash, SPAN("\n"));
    hash = hash_bytes(hash, outcome);
    return hash ? hash : 1;
}

/* The kind, or one that can be taken for it; NULL: there is no room. */
static struct log_limit_kind *find(struct log_limit *limit, uint64_t hash, int64_t now_ms)
{
    struct log_limit_kind *room = NULL;
    for (size_t i = 0; i < LOG_LIMIT_KINDS; i++) {
        struct log_limit_kind *kind = &limit->kinds[i];
        if (kind->hash == hash)
            return kind;
        if (!room && (kind->hash == 0 || (is_over(kind, now_ms) && suppressed(kind) == 0)))
            room = kind;
    }
    return room;
}

bool log_limit_allows(struct log_limit *limit, enum log_level level, const char *message,
                      struct span outcome, int64_t now_ms, int64_t *ret_suppressed)
{
    *ret_suppressed = 0;
    if (level >= LOG_DEBUG)
        return true;
    uint64_t hash = hash_kind(level, message, outcome);
    struct log_limit_kind *kind = find(limit, hash, now_ms);
    if (!kind)
        return true;
    if (kind->hash == hash && !is_over(kind, now_ms))
        return ++kind->count <= most(level);
    if (kind->hash == hash)
        *ret_suppressed = suppressed(kind);
    *kind = (struct log_limit_kind){
        .hash = hash, .level = level, .message = message, .begin_ms = now_ms, .count = 1};
    return true;
}

bool log_limit_take(struct log_limit *limit, int64_t now_ms, enum log_level *ret_level,
                    const char **ret_message, int64_t *ret_suppressed)
{
    for (size_t i = 0; i < LOG_LIMIT_KINDS; i++) {
        struct log_limit_kind *kind = &limit->kinds[i];
        if (kind->hash == 0 || suppressed(kind) == 0 || !is_over(kind, now_ms))
            continue;
        *ret_level = kind->level;
        *ret_message = kind->message;
        *ret_suppressed = suppressed(kind);
        *kind = (struct log_limit_kind){.hash = 0};
        return true;
    }
    return false;
}
