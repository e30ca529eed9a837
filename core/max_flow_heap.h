/* The active nodes of max_flow.c: a binary max-heap on height, in an array.
 *
 * Private to max_flow.c. Ties between equal heights are decided by the array's order, so each step
 * is exactly as allocation.md, section 4 says. */
#ifndef ALLOT_CORE_MAX_FLOW_HEAP_H
#define ALLOT_CORE_MAX_FLOW_HEAP_H

#include <stdint.h>

struct max_flow_heap {
    int32_t *nodes; /* room for every node of the network */
    int32_t count;
};

static inline void max_flow_heap_swap(struct max_flow_heap *heap, int32_t a, int32_t b)
{
    int32_t node = heap->nodes[a];
    heap->nodes[a] = heap->nodes[b];
    heap->nodes[b] = node;
}

static inline void max_flow_heap_sift_down(struct max_flow_heap *heap, const int32_t *heights,
                                           int32_t parent, int32_t count)
{
    for (;;) {
        int32_t child = 2 * parent + 1;
        if (child >= count)
            return;
        if (child + 1 < count && heights[heap->nodes[child + 1]] > heights[heap->nodes[child]])
            child++;
        if (heights[heap->nodes[child]] <= heights[heap->nodes[parent]])
            return;
        max_flow_heap_swap(heap, parent, child);
        parent = child;
    }
}

static inline void max_flow_heap_push(struct max_flow_heap *heap, const int32_t *heights,
                                      int32_t node)
{
    int32_t child = heap->count++;
    heap->nodes[child] = node;
    while (child > 0) {
        int32_t parent = (child - 1) / 2;
        if (heights[heap->nodes[child]] <= heights[heap->nodes[parent]])
            return;
        max_flow_heap_swap(heap, child, parent);
        child = parent;
    }
}

static inline int32_t max_flow_heap_pop(struct max_flow_heap *heap, const int32_t *heights)
{
    int32_t last = --heap->count;
    max_flow_heap_swap(heap, 0, last);
    max_flow_heap_sift_down(heap, heights, 0, last);
    return heap->nodes[last];
}

/* After heights have changed at many places. */
static inline void max_flow_heap_restore(struct max_flow_heap *heap, const int32_t *heights)
{
    for (int32_t parent = heap->count / 2 - 1; parent >= 0; parent--)
        max_flow_heap_sift_down(heap, heights, parent, heap->count);
}

#endif
