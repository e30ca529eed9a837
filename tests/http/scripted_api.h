/* A stand-in for api/ (api/call.h), linked in its place: the path says what a call does, so that
 * each thing that the HTTP server has to do for an API can be asked for by itself.
 *
 *   /echo           200 with the request's body
 *   /describe       200 with a line for each thing that the request says
 *   /bytes?N        200 with N bytes
 *   /pieces?N       200 with N bytes, a thousand at a time
 *   /broken?N       the same, but then there is no memory
 *   /empty          204 without a body
 *   /headers        200 with as many headers as there may be
 *   /refuse         415 by the headers alone
 *   /small          as /echo, with a body of at most 100 bytes
 *   /txn /grant /keep-alive /revoke /time-to-live /wait?REVISION
 *                   that step of the store; then 200 with a line about its outcome
 *   /change?REVISION  waits for a snapshot of that; not for long if it is 1000 or more
 *   /twice          a transaction, and then another
 *   /register       a lease, and a transaction that puts a key under it, twice if the first one's
 *                   checks fail; /register?1: under no lease
 *   /compute        works until it may end, or is cancelled: then 200 with a line that says which
 *   anything else   404 by the headers alone */
#ifndef ALLOT_TESTS_HTTP_SCRIPTED_API_H
#define ALLOT_TESTS_HTTP_SCRIPTED_API_H

#include "api/call.h"

enum { SCRIPTED_SMALL_BODY = 100 };

/* Calls that exist now. */
int scripted_api_calls(void);

/* Whether /compute may end; how many are at it. */
void scripted_api_let_compute(bool may);
int scripted_api_computing(void);

#endif
