/* Whether the server can serve: what /readyz answers, and allot_ready says. Private to api/. */
#ifndef ALLOT_API_HEALTH_H
#define ALLOT_API_HEALTH_H

#include "api/call.h"

/* Whether the store is there, the snapshot fresh, and the root one that servers lead. False: @why
 * tells what is not so. */
bool health_is_ready(const struct api_health *health, struct error_message *why);

#endif
