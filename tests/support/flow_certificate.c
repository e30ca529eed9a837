#include "tests/support/flow_certificate.h"

#include <stdlib.h>

#include "tests/support/array.h"

/* What may still be sent from each node to each other one, and a walk over that. */
struct residual {
    size_t count;
    int64_t *room; /* count * count */
    int32_t *from; /* by node: where the walk came from; NONE: not reached */
    int32_t *queue;
};
enum { NONE = -1 };

static int64_t *room(const struct residual *residual, int32_t from, int32_t to)
{
    return &residual->room[(size_t)from * residual->count + (size_t)to];
}

static struct residual residual_create(struct flow_capacities network)
{
    size_t count = (size_t)network.node_count;
    struct residual residual = {.count = count,
                                .room = array_create(count * count, sizeof(int64_t)),
                                .from = array_create(count, sizeof(int32_t)),
                                .queue = array_create(count, sizeof(int32_t))};
    for (size_t i = 0; i < count * count; i++)
        residual.room[i] = network.capacities[i];
    return residual;
}

static void residual_destroy(struct residual *residual)
{
    free(residual->room);
    free(residual->from);
    free(residual->queue);
}

static void send(struct residual *residual, int32_t from, int32_t to, int64_t amount)
{
    *room(residual, from, to) -= amount;
    *room(residual, to, from) += amount;
}

/* Breadth first from the source. Whether the sink was reached. */
static bool walk(struct residual *residual)
{
    int32_t count = (int32_t)residual->count;
    int32_t begin = 0;
    int32_t end = 0;
    for (int32_t n = 0; n < count; n++)
        residual->from[n] = NONE;
    residual->from[MAX_FLOW_SOURCE] = MAX_FLOW_SOURCE;
    residual->queue[end++] = MAX_FLOW_SOURCE;
    while (begin < end) {
        int32_t n = residual->queue[begin++];
        for (int32_t to = 0; to < count; to++) {
            if (residual->from[to] != NONE || *room(residual, n, to) <= 0)
                continue;
            residual->from[to] = n;
            residual->queue[end++] = to;
        }
    }
    return residual->from[MAX_FLOW_SINK] != NONE;
}

int64_t flow_by_paths(struct flow_capacities network)
{
    struct residual residual = residual_create(network);
    int64_t value = 0;
    while (walk(&residual)) {
        int64_t amount = INT64_MAX;
        for (int32_t n = MAX_FLOW_SINK; n != MAX_FLOW_SOURCE; n = residual.from[n])
            if (*room(&residual, residual.from[n], n) < amount)
                amount = *room(&residual, residual.from[n], n);
        for (int32_t n = MAX_FLOW_SINK; n != MAX_FLOW_SOURCE; n = residual.from[n])
            send(&residual, residual.from[n], n, amount);
        value += amount;
    }
    residual_destroy(&residual);
    return value;
}

/* Takes the flow off the capacities and sums up what each node has left over. */
static const char *take_flows(const struct max_flow *flow, struct residual *residual, int64_t *over)
{
    for (int32_t from = 0; from < (int32_t)residual->count; from++) {
        int32_t cursor = 0;
        int32_t to;
        int32_t rate;
        while (max_flow_next(flow, from, &cursor, &to, &rate)) {
            if (rate <= 0)
                return "a flow without a rate is listed";
            if (rate > *room(residual, from, to))
                return "a flow is over its capacity";
            /* Not its reverse: so that a second flow between the same two doesn't fit. */
            *room(residual, from, to) -= rate;
            over[from] -= rate;
            over[to] += rate;
        }
    }
    return NULL;
}

static const char *check_excess(const struct max_flow *flow, int32_t count, const int64_t *over)
{
    for (int32_t n = 0; n < count; n++) {
        bool inner = n != MAX_FLOW_SOURCE && n != MAX_FLOW_SINK;
        if (inner && (over[n] != 0 || max_flow_excess(flow, n) != 0))
            return "a node keeps or makes something";
    }
    if (over[MAX_FLOW_SINK] != -over[MAX_FLOW_SOURCE])
        return "what leaves the source is not what comes to the sink";
    if (over[MAX_FLOW_SINK] != max_flow_value(flow) ||
        max_flow_excess(flow, MAX_FLOW_SINK) != max_flow_value(flow))
        return "the value is not what comes to the sink";
    return NULL;
}

static int64_t cut(const struct residual *residual, struct flow_capacities network)
{
    int64_t sum = 0;
    for (size_t from = 0; from < residual->count; from++)
        for (size_t to = 0; to < residual->count; to++)
            if (residual->from[from] != NONE && residual->from[to] == NONE)
                sum += network.capacities[from * residual->count + to];
    return sum;
}

struct flow_certificate flow_certify(const struct max_flow *flow, struct flow_capacities network)
{
    struct flow_certificate certificate = {.cut = -1};
    struct residual residual = residual_create(network);
    int64_t *over = array_create(residual.count, sizeof *over);
    certificate.fault = take_flows(flow, &residual, over);
    if (!certificate.fault)
        certificate.fault = check_excess(flow, network.node_count, over);
    certificate.value = over[MAX_FLOW_SINK];
    /* Now what flows may go back as well. */
    for (int32_t from = 0; from < network.node_count; from++) {
        int32_t cursor = 0;
        int32_t to;
        int32_t rate;
        while (max_flow_next(flow, from, &cursor, &to, &rate))
            *room(&residual, to, from) += rate;
    }
    if (!walk(&residual))
        certificate.cut = cut(&residual, network);
    free(over);
    residual_destroy(&residual);
    return certificate;
}
