#include "server/runtime.h"

#include "server/clock.h"
#include "server/dashboard.h"
#include "server/entropy.h"

static struct snapshot *take_snapshot(void *context)
{
    struct runtime *runtime = context;
    return publisher_snapshot(runtime->publisher);
}

/* Failures older than that say nothing of now: nobody may have written since. */
enum { FAILED_WRITE_MS = 60000 };

static int64_t recently_failed_writes(const struct store_metrics *store)
{
    bool recent = clock_monotonic_ms() - metric_read(&store->write_failed_ms) < FAILED_WRITE_MS;
    return recent ? metric_read(&store->failed_writes) : 0;
}

static void tell_health(void *context, struct api_health *ret)
{
    struct runtime *runtime = context;
    const struct store_metrics *store = &runtime->metrics->store;
    struct loop_status status;
    loop_status(runtime->loop, &status);
    *ret = (struct api_health){
        .store_reachable = status.store_reachable,
        .snapshot_age_ms = status.current_monotonic_ms == 0
                               ? -1
                               : clock_monotonic_ms() - status.current_monotonic_ms,
        .failed_writes = recently_failed_writes(store),
        .write_error = (int)metric_read(&store->write_error),
        .allocator_running = status.running,
        .leading = status.leading,
        .refused = status.refused,
        .store = runtime->store,
        .instance = runtime->instance,
        .failed_passes = status.failed_passes,
        .pass_error = status.allocator.last_error,
    };
}

static int64_t tell_time(void *context)
{
    (void)context;
    return clock_wall_ms();
}

static int make_random(void *context, void *bytes, size_t size)
{
    (void)context;
    return entropy_take(bytes, size);
}

static void tell_watch_range(void *context, int64_t *ret_oldest, int64_t *ret_newest)
{
    struct runtime *runtime = context;
    watch_hub_range(runtime->hub, ret_oldest, ret_newest);
}

static void write_metrics(void *context, struct metrics_text *text)
{
    struct runtime *runtime = context;
    metrics_write(runtime->metrics, text);
}

static bool authenticate(void *context, struct span token, struct principal *ret)
{
    struct runtime *runtime = context;
    return principals_find(runtime->principals, token, ret);
}

static void keep_snapshot(void *context, struct snapshot *snapshot)
{
    struct runtime *runtime = context;
    kept_snapshots_keep(&runtime->kept, snapshot, clock_monotonic_ms());
}

static struct snapshot *find_snapshot(void *context, int64_t revision)
{
    struct runtime *runtime = context;
    return kept_snapshots_find(&runtime->kept, revision, clock_monotonic_ms());
}

static bool take_quota(void *context, struct span key, struct api_quota *ret)
{
    struct runtime *runtime = context;
    return rate_limit_take(runtime->rate_limit, key, clock_monotonic_ms(), ret);
}

/* What a client may call this server: what it was told, and where it listens. */
static void collect_host_names(struct runtime *runtime, const struct config *config)
{
    config_address_format(&config->listen.address, runtime->listen_host,
                          sizeof runtime->listen_host);
    char *port = strrchr(runtime->listen_host, ':');
    if (port) {
        *port = '\0';
    }
    memcpy(runtime->host_names, config->host_names, sizeof config->host_names);
    runtime->host_names[config->host_name_count] = span_of(runtime->listen_host);
}

int runtime_init(struct runtime *runtime, const struct config *config)
{
    int error = kept_snapshots_init(&runtime->kept, KEPT_SNAPSHOTS_MS);
    if (error < 0) {
        return error;
    }
    if (config->rate_limit > 0) {
        error = rate_limit_create(config->rate_limit, &runtime->rate_limit);
    }
    if (error < 0) {
        kept_snapshots_release(&runtime->kept);
        return error;
    }
    collect_host_names(runtime, config);
    runtime->api = (struct api_runtime){
        .context = runtime,
        .snapshot = take_snapshot,
        .health = tell_health,
        .wall_clock_ms = tell_time,
        .random = make_random,
        .authenticate = runtime->principals ? authenticate : NULL,
        .keep_snapshot = keep_snapshot,
        .kept_snapshot = find_snapshot,
        .watch_range = runtime->hub ? tell_watch_range : NULL,
        .take_quota = runtime->rate_limit ? take_quota : NULL,
        .history = runtime->history ? history_api(runtime->history) : NULL,
        .write_metrics = write_metrics,
        .solver = (enum solver_kind)config->solver,
        .root = span_of(config->root),
        .host_names = runtime->host_names,
        .host_name_count = config->host_name_count + 1,
        .assets = dashboard_assets(),
    };
    return 0;
}

void runtime_release(struct runtime *runtime)
{
    rate_limit_destroy(runtime->rate_limit);
    kept_snapshots_release(&runtime->kept);
}
