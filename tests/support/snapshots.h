/* Snapshots made from keys, without a store. */
#ifndef ALLOT_TESTS_SUPPORT_SNAPSHOTS_H
#define ALLOT_TESTS_SUPPORT_SNAPSHOTS_H

#include "core/snapshot.h"

/* A new snapshot of nothing at all under /allot as of @revision. Ends the test if it can't. */
struct snapshot *snapshot_of_nothing(int64_t revision);

#endif
