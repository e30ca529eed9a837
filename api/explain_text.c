#include "api/explain_text.h"

#include <inttypes.h>
#include <stdio.h>

static void describe_tight(const struct explain_cut *cut, char text[EXPLAIN_TEXT_SIZE])
{
    bool one_item = cut->item_count == 1;
    bool one_full = cut->full_count == 1;
    int size = snprintf(text, EXPLAIN_TEXT_SIZE, "%" PRId32 " %s %" PRId64 " replicas",
                        cut->item_count, one_item ? "item wants" : "items want", cut->wanted);
    if (cut->full_count > 0)
        size += snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size),
                         "; the %" PRId32 " %s that could take more of them %s %" PRId64
                         " slots in all, and none is free",
                         cut->full_count, one_full ? "member" : "members",
                         one_full ? "has" : "have", cut->slots);
    if (cut->sharing > 0)
        size += snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size),
                         ", and %" PRId32 " %s a replica of %s already", cut->sharing,
                         cut->sharing == 1 ? "member has" : "members have",
                         one_item ? "it" : "each of them");
    if (cut->full_count == 0 && cut->sharing == 0)
        size +=
            snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size), ", and no member has a slot");
    (void)snprintf(text + size, (size_t)(EXPLAIN_TEXT_SIZE - size),
                   ": so %" PRId64 " can't be assigned, whatever the allocator does",
                   cut->unattainable);
}

void explain_text_of_cut(const struct explain_cut *cut, char text[EXPLAIN_TEXT_SIZE])
{
    if (cut->is_tight)
        describe_tight(cut, text);
    else
        (void)snprintf(text, EXPLAIN_TEXT_SIZE, "%s",
                       "a slot is free that would do, but the solver has not found the way to it: "
                       "it gives slots to items in the order of their ids, and in equal shares to "
                       "groups of them");
}
