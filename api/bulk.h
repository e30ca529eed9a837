/* Many writes in one request, each for itself: what is wrong with one doesn't keep the others from
 * being made.
 *
 * They are handled in order, as those of a list (change_list.h), and gathered to transactions of as
 * many as fit; each transaction is handled on a snapshot that has the one before. What writes
 * what another before it writes begins a new one. Once the store fails, the rest is not tried.
 *
 * The results come in the order of the changes: `{"status":201,"revision":17}`, without a revision
 * if nothing was to be written, or `{"status":422,"body":{…}}` with the problem. As NDJSON, if that
 * is what the client accepts, a line each; else as `{"revision":…,"results":[…]}`. */
#ifndef ALLOT_API_BULK_H
#define ALLOT_API_BULK_H

#include "api/handler.h"

enum { BULK_MAX = 10000, BULK_MAX_BODY = 4 << 20 /* bytes of the whole body */ };

/* Makes the changes of the call's body. */
enum api_step bulk_make(struct api_call *call);

#endif
