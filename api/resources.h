/* The handlers of all routes, one file for each resource. Private to api/. */
#ifndef ALLOT_API_RESOURCES_H
#define ALLOT_API_RESOURCES_H

#include "api/routes.h"

/* items.c */
api_handler items_list, items_get, items_put, items_patch, items_delete;
/* members.c */
api_handler members_list, members_get, members_put, members_patch, members_delete;
/* heartbeat.c */
api_handler heartbeat_post;
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
/* plans.c */
api_handler plan_post;
/* cluster.c */
api_handler cluster_get;
/* health.c */
api_handler health_live, health_ready;

#endif
