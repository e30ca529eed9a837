/* What etcd's gateway answers: numbers come as strings, and what is zero, false or empty is left
 * out. Private to the etcd store. */
#ifndef ALLOT_SERVER_ETCD_JSON_ANSWER_H
#define ALLOT_SERVER_ETCD_JSON_ANSWER_H

#include "server/etcd_wire.h"

/* As those of struct etcd_wire. */
int etcd_json_read_range(const struct etcd_answer *answer, int64_t asked_revision,
                         struct arena *arena, struct store_range_result *ret);
int etcd_json_read_txn(const struct etcd_answer *answer, const struct etcd_txn_kinds *kinds,
                       struct arena *arena, struct store_txn_result *ret);
int etcd_json_read_lease(const struct etcd_answer *answer, enum etcd_method method,
                         struct store_lease_result *ret);
int etcd_json_read_plain(const struct etcd_answer *answer);
int etcd_json_read_token(const struct etcd_answer *answer, struct arena *arena, struct span *ret);

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
int etcd_json_read_watch(const struct etcd_answer *answer, struct arena *arena,
                         struct etcd_watch_message *ret);

#endif
