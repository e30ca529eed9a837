#include "server/process_metrics.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/version.h"

/* Of the fields of /proc/self/stat, numbered as proc(5) does. */
enum { STATE = 3, UTIME = 14, STIME = 15, NUM_THREADS = 20, VSIZE = 23, RSS = 24, STAT_FIELDS };

/* Numbers, all but the first three. */
static bool read_stat(int64_t fields[STAT_FIELDS])
{
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    size_t size = file ? fread(line, 1, sizeof line - 1, file) : 0;
    if (file)
        (void)fclose(file);
    line[size] = '\0';
    /* The name of the program is in parentheses, and may have some itself. */
    char *place = strrchr(line, ')');
    if (!place || strlen(place) < sizeof ") S")
        return false;
    place += sizeof ") S" - 1;
    for (int i = STATE + 1; i < STAT_FIELDS; i++)
        fields[i] = strtoll(place, &place, 10);
    return *place == ' ';
}

static void write_stat(struct metrics_text *text)
{
    int64_t fields[STAT_FIELDS];
    if (!read_stat(fields))
        return;
    metrics_text_family(text, "process_cpu_seconds_total", METRIC_COUNTER,
                        "Processor time used, by the program and for it.");
    metrics_text_us(text, METRIC_NO_LABELS,
                    (fields[UTIME] + fields[STIME]) * 1000000 / sysconf(_SC_CLK_TCK));
    metrics_text_gauge(text, "process_resident_memory_bytes", "Memory in use.",
                       fields[RSS] * sysconf(_SC_PAGESIZE));
    metrics_text_gauge(text, "process_virtual_memory_bytes", "Address space in use.",
                       fields[VSIZE]);
    metrics_text_gauge(text, "process_threads", "Threads.", fields[NUM_THREADS]);
}

static void write_descriptors(struct metrics_text *text)
{
    enum { NOT_FILES = 3 }; /* "." and "..", and the folder that is read */
    struct rlimit limit;
    int64_t count = -NOT_FILES;
    DIR *folder = opendir("/proc/self/fd");
    if (folder) {
        while (readdir(folder))
            count++;
        (void)closedir(folder);
        metrics_text_gauge(text, "process_open_fds", "Open file descriptors.", count);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        metrics_text_family(text, "process_max_fds", METRIC_GAUGE,
                            "File descriptors that may be open.");
        metrics_text_real(text, METRIC_NO_LABELS,
                          limit.rlim_cur == RLIM_INFINITY ? INFINITY : (double)limit.rlim_cur);
    }
}

void process_metrics_write(struct metrics_text *text, int64_t started_ms)
{
    write_stat(text);
    write_descriptors(text);
    metrics_text_gauge_us(text, "process_start_time_seconds",
                          "When the process began, in seconds since 1970.", started_ms * 1000);
    metrics_text_family(text, "allot_build_info", METRIC_GAUGE, "Always 1, of this version.");
    metrics_text_integer(text, METRIC_LABELS({"version", ALLOT_VERSION}), 1);
}
