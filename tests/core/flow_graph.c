#include "tests/core/flow_graph.h"

#include "tests/support/random.h"

static int32_t height(const void *context, int32_t node)
{
    const struct flow_graph *graph = context;
    return graph->heights[node];
}

static void arcs(const void *context, const struct max_flow *flow, int32_t node, int32_t page,
                 struct max_flow_page *ret)
{
    const struct flow_graph *graph = context;
    const struct flow_graph_arcs *from = &graph->pages[node][page];
    (void)flow;
    *ret =
        (struct max_flow_page){.to = from->to,
                               .capacities = from->capacities,
                               .count = from->count,
                               .push_front = from->push_front,
                               .next = page + 1 < graph->page_count ? page + 1 : MAX_FLOW_NO_PAGE};
}

struct max_flow_network flow_graph_view(const struct flow_graph *graph)
{
    return (struct max_flow_network){
        .context = graph, .node_count = graph->node_count, .initial_height = height, .arcs = arcs};
}

struct flow_graph flow_graph_of(int32_t node_count)
{
    return (struct flow_graph){.node_count = node_count, .page_count = 1};
}

void flow_graph_add(struct flow_graph *graph, int32_t from, int32_t to, int32_t page,
                    int32_t capacity)
{
    struct flow_graph_arcs *list = &graph->pages[from][page];
    int32_t *widest = &graph->widest[from * graph->node_count + to];
    list->to[list->count] = to;
    list->capacities[list->count++] = capacity;
    if (capacity > *widest)
        *widest = capacity;
}

static int32_t distance(const struct flow_graph *graph, int32_t node)
{
    int32_t distances[FLOW_GRAPH_NODES] = {0};
    for (int32_t n = 0; n < graph->node_count; n++)
        distances[n] = n == MAX_FLOW_SINK ? 0 : graph->node_count - 1;
    for (int32_t round = 0; round < graph->node_count; round++)
        for (int32_t from = 0; from < graph->node_count; from++)
            for (int32_t to = 0; to < graph->node_count; to++)
                if (graph->widest[from * graph->node_count + to] > 0 &&
                    distances[to] + 1 < distances[from])
                    distances[from] = distances[to] + 1;
    return distances[node];
}

struct flow_graph flow_graph_random(uint64_t seed)
{
    struct random random = {.state = seed};
    struct flow_graph graph =
        flow_graph_of(2 + (int32_t)random_below(&random, FLOW_GRAPH_NODES - 1));
    uint64_t density = 10 + random_below(&random, 80);
    uint64_t capacity = 1 + random_below(&random, 20);
    graph.page_count = 1 + (int32_t)random_below(&random, FLOW_GRAPH_PAGES);
    for (int32_t from = 0; from < graph.node_count; from++) {
        for (int32_t page = 0; page < graph.page_count; page++) {
            graph.pages[from][page].push_front = random_below(&random, 2) == 0;
            for (int32_t to = 0; to < graph.node_count; to++)
                if (from != to && from != MAX_FLOW_SINK && to != MAX_FLOW_SOURCE &&
                    random_below(&random, 100) < density)
                    flow_graph_add(&graph, from, to, page,
                                   (int32_t)random_below(&random, capacity + 1));
        }
    }
    /* Heights are bounds of the distance to the sink: none at all, or the distance itself. */
    bool exact = random_below(&random, 2) == 0;
    for (int32_t node = 2; exact && node < graph.node_count; node++)
        graph.heights[node] = distance(&graph, node);
    return graph;
}
