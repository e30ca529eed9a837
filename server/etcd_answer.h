/* What etcd's gateway answers, read strictly: numbers come as strings, and what is zero, false or
 * empty is left out, so a field that must be there and is not, is of the wrong type, or out of its
 * range makes the whole answer ALLOT_EIO. Private to the etcd store.
 *
 * What results point to is in the arena; nothing points into the JSON. */
#ifndef ALLOT_SERVER_ETCD_ANSWER_H
#define ALLOT_SERVER_ETCD_ANSWER_H

#include <json-c/json_object.h>

#include "api/arena.h"
#include "core/error.h"
#include "core/store.h"

/* --- refusals --- */

enum etcd_fault_kind {
    ETCD_FAULT_LOGIN,     /* without a valid token; was not executed */
    ETCD_FAULT_NO_LEADER, /* refused for want of a leader; was not executed */
    ETCD_FAULT_OTHER,
};

struct etcd_fault {
    enum etcd_fault_kind kind;
    int code; /* gRPC's; -1: none that can be read */
    char text[160];
};

/* Whether the answer is an error's, unary or amid a stream. */
bool etcd_answer_is_fault(struct json_object *answer, struct etcd_fault *ret);
/* From the reason that a watch was cancelled for. */
void etcd_fault_of_reason(const char *reason, struct etcd_fault *ret);
/* The port's error. @writes: whether the request may have changed something, so that an error that
 * leaves this open is ALLOT_EUNKNOWN. */
int etcd_fault_error(const struct etcd_fault *fault, bool writes);

/* --- answers: 0, ALLOT_EIO, ALLOT_ENOMEM --- */

int etcd_answer_range(struct json_object *answer, int64_t asked_revision, struct arena *arena,
                      struct store_range_result *ret);
/* @kinds: of the operations of either branch. */
struct etcd_txn_kinds {
    const unsigned char *success; /* enum store_op_kind */
    size_t success_count;
    const unsigned char *failure;
    size_t failure_count;
};
int etcd_answer_txn(struct json_object *answer, const struct etcd_txn_kinds *kinds,
                    struct arena *arena, struct store_txn_result *ret);

/* Each also ALLOT_ELEASE, from an answer that says so. */
int etcd_answer_grant(struct json_object *answer, struct store_lease_result *ret);
int etcd_answer_keep_alive(struct json_object *answer, struct store_lease_result *ret);
int etcd_answer_time_to_live(struct json_object *answer, struct store_lease_result *ret);
/* One that tells nothing but that it was done. */
int etcd_answer_plain(struct json_object *answer);
/* The token; borrowed from the answer. */
int etcd_answer_token(struct json_object *answer, const char **ret);

/* One message of a watch. */
struct etcd_watch_message {
    uint64_t cluster_id;
    int64_t revision; /* the header's; 0 if it ends the watch */
    bool created;
    bool canceled;
    int64_t compact_revision; /* 0: not for that */
    const char *reason;       /* "" or why it was cancelled; borrowed from the answer */
    const struct store_event *events;
    size_t event_count;
    size_t revision_count; /* how many different ones the events have */
};
int etcd_answer_watch(struct json_object *answer, struct arena *arena,
                      struct etcd_watch_message *ret);

#endif
