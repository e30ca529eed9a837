#include "core/max_flow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/max_flow_heap.h"

enum {
    UNSET = INT32_MAX, /* of next_height */
    NO_FLOW = 0,       /* flow ids: the sentinel */
};

/* What is being solved about a node, beside its height. Flows are listed by id, NO_FLOW ends a
 * list. */
struct node {
    int32_t excess;
    int32_t next_height; /* lowest height that would admit a push, as far as arcs were looked at */
    int32_t page;        /* where its next discharge goes on */
    int32_t index;
    int32_t forward_head, forward_tail; /* flows from it */
    int32_t reverse_head, reverse_tail; /* flows to it */
    /* A run of the flows to it, from nearer the tail to nearer the head (NO_FLOW: none), that can't
     * be pushed back at the node's present height: see push_residuals. */
    int32_t stuck_first, stuck_last;
};

struct flow {
    int32_t from, to, rate;
    int32_t forward_next, forward_previous; /* in from's list; forward_next links free flows, too */
    int32_t reverse_next, reverse_previous; /* in to's list */
};

struct max_flow {
    const struct max_flow_network *network;
    int32_t node_count;
    int32_t node_capacity;
    int32_t *heights;
    struct node *nodes;
    int32_t *height_count; /* of the nodes other than the source, by height < node_count */
    int32_t *flow_to;      /* while n is discharged: by node, the flow from n to it, or NO_FLOW */
    struct max_flow_heap active;

    struct flow *flows;
    int32_t flow_count; /* ids in use or free, the sentinel included */
    int32_t flow_capacity;
    int32_t free_flow; /* the last one freed, or NO_FLOW */
    int error;         /* ALLOT_ENOMEM, sticky while solving */
};

int max_flow_create(struct max_flow **ret)
{
    struct max_flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return ALLOT_ENOMEM;
    *ret = flow;
    return 0;
}

void max_flow_destroy(struct max_flow *flow)
{
    if (!flow)
        return;
    free(flow->heights);
    free(flow->nodes);
    free(flow->height_count);
    free(flow->flow_to);
    free(flow->active.nodes);
    free(flow->flows);
    free(flow);
}

/* --- memory --- */

static int resize(void *array, size_t count, size_t size)
{
    void *grown = realloc(*(void **)array, count * size);
    if (!grown)
        return ALLOT_ENOMEM;
    *(void **)array = grown;
    return 0;
}

static int reserve_nodes(struct max_flow *flow, int32_t count)
{
    if (count <= flow->node_capacity)
        return 0;
    size_t n = (size_t)count;
    flow->node_capacity = 0; /* until all have grown */
    int error = resize(&flow->heights, n, sizeof *flow->heights);
    if (!error)
        error = resize(&flow->nodes, n, sizeof *flow->nodes);
    if (!error)
        error = resize(&flow->height_count, n, sizeof *flow->height_count);
    if (!error)
        error = resize(&flow->flow_to, n, sizeof *flow->flow_to);
    if (!error)
        error = resize(&flow->active.nodes, n, sizeof *flow->active.nodes);
    if (!error)
        flow->node_capacity = count;
    return error;
}

static int reserve_flows(struct max_flow *flow, int32_t count)
{
    if (count <= flow->flow_capacity)
        return 0;
    int error = resize(&flow->flows, (size_t)count, sizeof *flow->flows);
    if (!error)
        flow->flow_capacity = count;
    return error;
}

/* --- lists of flows --- */

static void link_flow(struct max_flow *flow, int32_t id, bool push_front)
{
    struct flow *f = &flow->flows[id];
    struct node *from = &flow->nodes[f->from];
    struct node *to = &flow->nodes[f->to];
    if (push_front) {
        f->forward_previous = NO_FLOW;
        f->forward_next = from->forward_head;
        f->reverse_previous = NO_FLOW;
        f->reverse_next = to->reverse_head;
    } else {
        f->forward_previous = from->forward_tail;
        f->forward_next = NO_FLOW;
        f->reverse_previous = to->reverse_tail;
        f->reverse_next = NO_FLOW;
    }
    *(f->forward_previous ? &flow->flows[f->forward_previous].forward_next : &from->forward_head) =
        id;
    *(f->forward_next ? &flow->flows[f->forward_next].forward_previous : &from->forward_tail) = id;
    *(f->reverse_previous ? &flow->flows[f->reverse_previous].reverse_next : &to->reverse_head) =
        id;
    *(f->reverse_next ? &flow->flows[f->reverse_next].reverse_previous : &to->reverse_tail) = id;
}

static void unlink_flow(struct max_flow *flow, int32_t id)
{
    const struct flow *f = &flow->flows[id];
    struct node *from = &flow->nodes[f->from];
    struct node *to = &flow->nodes[f->to];
    *(f->forward_previous ? &flow->flows[f->forward_previous].forward_next : &from->forward_head) =
        f->forward_next;
    *(f->forward_next ? &flow->flows[f->forward_next].forward_previous : &from->forward_tail) =
        f->forward_previous;
    *(f->reverse_previous ? &flow->flows[f->reverse_previous].reverse_next : &to->reverse_head) =
        f->reverse_next;
    *(f->reverse_next ? &flow->flows[f->reverse_next].reverse_previous : &to->reverse_tail) =
        f->reverse_previous;
}

/* A new flow of rate 0, in both lists; NO_FLOW (and flow->error) when memory has run out. */
static int32_t create_flow(struct max_flow *flow, int32_t from, int32_t to, bool push_front)
{
    int32_t id = flow->free_flow;
    if (id != NO_FLOW) {
        flow->free_flow = flow->flows[id].forward_next;
    } else {
        if (flow->flow_count == flow->flow_capacity) {
            if (flow->flow_capacity > INT32_MAX / 2 ||
                reserve_flows(flow, 2 * flow->flow_capacity) != 0) {
                flow->error = ALLOT_ENOMEM;
                return NO_FLOW;
            }
        }
        id = flow->flow_count++;
    }
    flow->flows[id].from = from;
    flow->flows[id].to = to;
    flow->flows[id].rate = 0;
    link_flow(flow, id, push_front);
    return id;
}

static void free_flow(struct max_flow *flow, int32_t id)
{
    unlink_flow(flow, id);
    flow->flows[id].forward_next = flow->free_flow;
    flow->free_flow = id;
}

/* --- discharging --- */

static inline void add_excess(struct max_flow *flow, int32_t node, int32_t amount)
{
    int32_t before = flow->nodes[node].excess;
    flow->nodes[node].excess = before + amount;
    if (before == 0 && node != MAX_FLOW_SINK)
        max_flow_heap_push(&flow->active, flow->heights, node);
}

static inline void lower(int32_t *next_height, int32_t height)
{
    if (height + 1 < *next_height)
        *next_height = height + 1;
}

static inline int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Pushes from @n to @to, as much as there is @room for on flow @id (NO_FLOW: there is none yet). */
static void push_forward(struct max_flow *flow, int32_t n, int32_t to, int32_t id, int32_t room,
                         bool push_front)
{
    if (id == NO_FLOW) {
        id = create_flow(flow, n, to, push_front);
        if (id == NO_FLOW)
            return;
        flow->flow_to[to] = id;
    }
    int32_t amount = least(flow->nodes[n].excess, room);
    flow->flows[id].rate += amount;
    flow->nodes[n].excess -= amount;
    add_excess(flow, to, amount);
}

/* Pushes along the arcs of @page from number @i on, up to but without @end, where arc i goes to
 * node targets[i] or first + i. Returns the arc at which the excess became 0, or @end. */
static int32_t push_arcs(struct max_flow *flow, int32_t n, const struct max_flow_page *page,
                         int32_t i, int32_t end)
{
    const int32_t *heights = flow->heights;
    const int32_t *flow_to = flow->flow_to;
    int32_t height = heights[n];
    int32_t next_height = flow->nodes[n].next_height;
    for (; i < end; i++) {
        int32_t to = page->to ? page->to[i] : page->first + i;
        int32_t capacity = page->capacities ? page->capacities[i] : page->capacity;
        int32_t id = flow_to[to];
        int32_t room = capacity - (id == NO_FLOW ? 0 : flow->flows[id].rate);
        if (room <= 0)
            continue;
        if (height <= heights[to]) {
            lower(&next_height, heights[to]);
            continue;
        }
        push_forward(flow, n, to, id, room, page->push_front);
        if (flow->nodes[n].excess == 0 || flow->error)
            break;
    }
    flow->nodes[n].next_height = next_height;
    return i;
}

/* Step 1: the arcs of the node's current page, from its saved index on. Arcs are visited in an
 * order that is rotated by the node's number, to spread nodes which share the same arcs. */
static void push_page(struct max_flow *flow, int32_t n)
{
    struct node *node = &flow->nodes[n];
    struct max_flow_page page;
    flow->network->arcs(flow->network->context, flow, n, node->page, &page);

    int32_t shift = page.count ? n % page.count : 0;
    if (node->index < page.count - shift) {
        int32_t stop = push_arcs(flow, n, &page, node->index + shift, page.count);
        node->index = stop - shift;
        if (node->excess == 0 || flow->error)
            return;
    }
    if (node->index < page.count) {
        int32_t stop = push_arcs(flow, n, &page, node->index + shift - page.count, shift);
        node->index = stop - shift + page.count;
        if (node->excess == 0 || flow->error)
            return;
    }
    node->page = page.next;
    node->index = 0;
}

/* Step 3: back along the flows into the node, the newest first.
 *
 * A flow that comes from no lower than the node is passed over, and stays so until the node's own
 * height changes, since heights only rise; for the same reason its part in next_height doesn't
 * change. So the run of flows that was passed over is remembered, and jumped over the next time:
 * the steps that count are the same, and each flow is looked at once for each height of the node.
 */
static void push_residuals(struct max_flow *flow, int32_t n)
{
    struct node *node = &flow->nodes[n];
    int32_t height = flow->heights[n];
    int32_t stuck_first = NO_FLOW;
    int32_t stuck_last = NO_FLOW;
    for (int32_t id = node->reverse_tail, previous; id != NO_FLOW && node->excess != 0;
         id = previous) {
        struct flow *f = &flow->flows[id];
        bool known = id == node->stuck_first;
        if (known || height <= flow->heights[f->from]) {
            if (!known)
                lower(&node->next_height, flow->heights[f->from]);
            if (stuck_first == NO_FLOW)
                stuck_first = id;
            stuck_last = known ? node->stuck_last : id;
            previous = flow->flows[stuck_last].reverse_previous;
            continue;
        }
        previous = f->reverse_previous;
        int32_t amount = least(node->excess, f->rate);
        f->rate -= amount;
        node->excess -= amount;
        add_excess(flow, f->from, amount);
        if (f->rate == 0)
            free_flow(flow, id);
    }
    node->stuck_first = stuck_first;
    node->stuck_last = stuck_last;
}

static void set_height(struct max_flow *flow, int32_t n, int32_t height)
{
    flow->heights[n] = height;
    flow->nodes[n].next_height = UNSET;
    flow->nodes[n].page = MAX_FLOW_FIRST_PAGE;
    flow->nodes[n].index = 0;
    flow->nodes[n].stuck_first = flow->nodes[n].stuck_last = NO_FLOW;
}

/* The gap rule: nothing above @gap can reach the sink any more; all of it is lifted out of the way.
 */
static void lift_above(struct max_flow *flow, int32_t gap)
{
    int32_t top = flow->node_count - 1;
    for (int32_t m = 0; m < flow->node_count; m++) {
        int32_t height = flow->heights[m];
        if (gap < height && height < flow->node_count) {
            flow->height_count[height]--;
            set_height(flow, m, top);
        }
    }
    max_flow_heap_restore(&flow->active, flow->heights);
}

/* Step 4. False: the source, which is never relabelled. */
static bool relabel(struct max_flow *flow, int32_t n)
{
    if (n == MAX_FLOW_SOURCE)
        return false;
    int32_t nodes = flow->node_count;
    int32_t height = flow->heights[n];
    int32_t next = flow->nodes[n].next_height;
    assert(next != UNSET); /* what brought the excess here can take it back */

    if (0 < height && height < nodes - 1 && next < nodes - 1 && flow->height_count[height] == 1) {
        if (flow->height_count[next] != 0)
            lift_above(flow, height);
        next = nodes - 1;
    }
    if (height < nodes)
        flow->height_count[height]--;
    if (next < nodes)
        flow->height_count[next]++;
    set_height(flow, n, next);
    return true;
}

static void discharge(struct max_flow *flow, int32_t n)
{
    struct node *node = &flow->nodes[n];
    for (int32_t id = node->forward_head; id != NO_FLOW; id = flow->flows[id].forward_next)
        flow->flow_to[flow->flows[id].to] = id;

    while (!flow->error) {
        if (node->page != MAX_FLOW_NO_PAGE) {
            push_page(flow, n);
        } else {
            push_residuals(flow, n);
            if (node->excess != 0 && !relabel(flow, n))
                break;
        }
        if (node->excess == 0)
            break;
    }

    for (int32_t id = node->forward_head; id != NO_FLOW; id = flow->flows[id].forward_next)
        flow->flow_to[flow->flows[id].to] = NO_FLOW;
}

/* --- solving --- */

static int start(struct max_flow *flow, const struct max_flow_network *network)
{
    int32_t count = network->node_count;
    flow->network = network;
    flow->node_count = 0;
    flow->flow_count = 1;
    flow->free_flow = NO_FLOW;
    flow->error = 0;
    if (count < 2)
        return ALLOT_EINVAL;
    int error = reserve_nodes(flow, count);
    if (!error)
        error = reserve_flows(flow, count > INT32_MAX / 2 ? INT32_MAX : 2 * count);
    if (error)
        return error;

    memset(&flow->flows[NO_FLOW], 0, sizeof flow->flows[NO_FLOW]);
    memset(flow->height_count, 0, (size_t)count * sizeof *flow->height_count);
    memset(flow->flow_to, 0, (size_t)count * sizeof *flow->flow_to);
    for (int32_t n = 0; n < count; n++) {
        int32_t height = n == MAX_FLOW_SOURCE ? count
                         : n == MAX_FLOW_SINK ? 0
                                              : network->initial_height(network->context, n);
        if (n != MAX_FLOW_SOURCE && (height < 0 || height >= count))
            return ALLOT_EINVAL;
        flow->nodes[n] = (struct node){.next_height = UNSET, .page = MAX_FLOW_FIRST_PAGE};
        flow->heights[n] = height;
        if (n != MAX_FLOW_SOURCE)
            flow->height_count[height]++;
    }
    flow->node_count = count;
    flow->nodes[MAX_FLOW_SOURCE].excess = INT32_MAX;
    flow->active.count = 0;
    max_flow_heap_push(&flow->active, flow->heights, MAX_FLOW_SOURCE);
    return 0;
}

int max_flow_solve(struct max_flow *flow, const struct max_flow_network *network)
{
    int error = start(flow, network);
    while (!error && flow->active.count > 0) {
        discharge(flow, max_flow_heap_pop(&flow->active, flow->heights));
        error = flow->error;
    }
    if (error)
        flow->node_count = 0;
    flow->network = NULL;
    return error;
}

/* --- the solution --- */

int32_t max_flow_relative_height(const struct max_flow *flow, int32_t node)
{
    return flow->heights[node] - flow->heights[MAX_FLOW_SOURCE];
}

int32_t max_flow_value(const struct max_flow *flow)
{
    return flow->node_count ? flow->nodes[MAX_FLOW_SINK].excess : 0;
}

int32_t max_flow_excess(const struct max_flow *flow, int32_t node)
{
    return flow->nodes[node].excess;
}

bool max_flow_next(const struct max_flow *flow, int32_t node, int32_t *cursor, int32_t *ret_to,
                   int32_t *ret_rate)
{
    int32_t id = *cursor == 0 ? flow->nodes[node].forward_head : flow->flows[*cursor].forward_next;
    if (id == NO_FLOW)
        return false;
    *cursor = id;
    *ret_to = flow->flows[id].to;
    *ret_rate = flow->flows[id].rate;
    return true;
}
