#include "server/history_bounds.h"

struct history_position history_position_at(int64_t position)
{
    int64_t revision = history_revision_at(position);
    return (struct history_position){revision,
                                     (int32_t)(position - history_position_of(revision, 0))};
}

static void go_on_after(const struct history_asked *asked, struct history_bounds *bounds)
{
    int64_t position = history_first_position(asked->after->revision);
    position += position == INT64_MAX ? 0 : asked->after->order;
    if (asked->newest_first && bounds->last >= position)
        bounds->last = position - 1;
    if (!asked->newest_first && bounds->first <= position && position < INT64_MAX)
        bounds->first = position + 1;
}

int history_bounds_read(struct history_db *db, const struct history_asked *asked,
                        struct history_bounds *ret, struct history_page *ret_page)
{
    struct history_extent extent = {0};
    bool found = false;
    int error = history_extent_read(db, &extent, &found);
    int64_t from = asked->from_revision > extent.pruned ? asked->from_revision : extent.pruned + 1;
    *ret = (struct history_bounds){history_first_position(from),
                                   history_last_position(asked->to_revision)};
    if (asked->after)
        go_on_after(asked, ret);
    *ret_page = (struct history_page){
        .reached = extent.reached,
        .last = history_position_at(asked->newest_first ? ret->last : ret->first - 1)};
    return error;
}
