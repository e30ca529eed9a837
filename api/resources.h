/* The handlers of all routes, one file for each resource. Private to api/. */
#ifndef ALLOT_API_RESOURCES_H
#define ALLOT_API_RESOURCES_H

#include "api/json_spec.h"
#include "api/json_writer.h"
#include "api/routes.h"

/* assets.c */
api_handler assets_page, assets_get;
/* items.c */
api_handler items_list, items_get, items_put, items_patch, items_delete;
/* members.c */
api_handler members_list, members_get, members_put, members_patch, members_delete;
/* heartbeat.c */
api_handler heartbeat_post;
/* lease.c */
api_handler lease_get;
/* drain.c */
api_handler drain_get, drain_post, drain_delete;
/* assignments.c */
api_handler assignments_list, assignments_of_item, assignments_of_member, assignments_get,
    assignments_patch;
/* batch.c */
api_handler batch_post;
/* stoppable.c */
api_handler members_stoppable;
/* explain.c */
api_handler items_explain;
/* watch_request.c */
api_handler watch_get;
/* plans.c */
api_handler plan_post;
/* allocator.c */
api_handler allocator_get, allocator_put;
/* cluster.c */
api_handler cluster_get;
/* history_events.c */
api_handler history_list, history_of_item, history_of_member;
/* history_moves.c */
api_handler history_moves;
/* history_rounds.c */
api_handler history_rounds;
/* history_state.c */
api_handler history_state;
/* metrics.c */
api_handler metrics_get;
/* whoami.c */
api_handler whoami_get;
/* openapi.c */
api_handler openapi_get;
/* health.c */
api_handler health_live, health_ready;

/* What lists of them are written by: see list.h. Each writes number @index of the call's snapshot.
 */
void items_write_listed(const struct api_call *call, struct json_writer *writer, int32_t index);
void members_write_listed(const struct api_call *call, struct json_writer *writer, int32_t index);
void assignments_write_listed(const struct api_call *call, struct json_writer *writer,
                              int32_t index);

/* What bodies are read by: for those who handle them, and for the document that tells of them. */
extern const struct json_spec items_put_json, members_put_json, members_patch_json,
    assignments_patch_json, change_list_json, allocator_put_json;

#endif
