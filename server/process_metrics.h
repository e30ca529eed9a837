/* What the operating system tells of this process, under the names that every Prometheus knows. */
#ifndef ALLOT_SERVER_PROCESS_METRICS_H
#define ALLOT_SERVER_PROCESS_METRICS_H

#include "api/metrics_text.h"

/* @started_ms: when the process began, since 1970. What can't be read is left out. */
void process_metrics_write(struct metrics_text *text, int64_t started_ms);

#endif
