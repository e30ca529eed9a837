#include "server/member_command.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "api/values.h"
#include "server/clock.h"
#include "server/config.h"
#include "server/log.h"
#include "server/loop.h"
#include "server/member_items.h"
#include "server/process.h"
#include "server/publisher.h"
#include "server/service_manager.h"
#include "server/version.h"

enum {
    IDLE_LOOK_MS = 200, /* how often to look whether somebody else has drained the member */
    LOOK_MS = 50,       /* the same while it drains */
    TELL_MS = 5000,     /* and how often to say so again: somebody else may have changed the key */
    MARGIN_PART = 6,    /* of the TTL: to give everything up before others can have been given it */
    RETRY_MS = 1000,    /* after the store could not be told that the member is exiting */
};

/* All parts of a running member, each set once it runs. */
struct parts {
    const struct config *config;
    struct service_manager manager;
    struct process_store opened;
    struct publisher *publisher;
    struct candidate candidate;
    struct loop *loop;
    struct member_items *items;
    atomic_bool left; /* it was exiting, and has nothing left */
};

static void on_left(void *context)
{
    struct parts *parts = context;
    atomic_store(&parts->left, true);
}

/* The member's value, in @arena. */
static int make_value(const struct config *config, bool exiting, struct arena *arena,
                      struct span *ret)
{
    const struct member_spec spec = {
        .item_limit = config->item_limit, .exiting = exiting, .allocator = true};
    return values_write_member(arena, (struct span){NULL, 0}, &spec, ret);
}

static int make_candidate(struct parts *parts, struct error_message *why)
{
    struct arena arena = {NULL};
    struct span value;
    int error = make_value(parts->config, false, &arena, &value);
    if (error == 0)
        error = candidate_init_member(&parts->candidate, span_of(parts->config->root),
                                      span_of(parts->config->zone), span_of(parts->config->suffix),
                                      value, why);
    arena_release(&arena);
    return error;
}

static int start_loop(struct parts *parts)
{
    const struct config *config = parts->config;
    const struct decoder decoder = api_decoder();
    const struct loop_config loop = {
        .store = parts->opened.store,
        .publisher = parts->publisher,
        .decoder = &decoder,
        .root = span_of(config->root),
        .candidate = &parts->candidate,
        .ttl_seconds = config->ttl_seconds,
        .gather_ms = config->gather_ms,
        .threads = config->threads,
        .left = on_left,
        .context = parts,
    };
    return loop_start(&loop, &parts->loop);
}

static int start_items(struct parts *parts)
{
    const struct member_items_config items = {
        .store = parts->opened.store,
        .publisher = parts->publisher,
        .loop = parts->loop,
        .margin_ms = (int64_t)parts->config->ttl_seconds * 1000 / MARGIN_PART,
        .command = parts->config->on_assign,
        .timeout_ms = (int64_t)parts->config->on_assign_seconds * 1000,
    };
    return member_items_start(&items, &parts->items);
}

static int start(struct parts *parts)
{
    struct error_message why = {""};
    int error = process_open_store(parts->config, &parts->opened);
    if (error)
        return error;
    error = make_candidate(parts, &why);
    if (error == 0)
        error = publisher_create(&parts->publisher);
    if (error == 0)
        error = start_loop(parts);
    if (error == 0)
        error = start_items(parts);
    return error ? process_fail("cannot start", error, &why) : 0;
}

/* The next one leads before our commands have ended. */
static void stop(struct parts *parts)
{
    loop_withdraw(parts->loop);
    member_items_stop(parts->items);
    loop_stop(parts->loop);
    candidate_release(&parts->candidate);
    if (parts->opened.store)
        parts->opened.store->operations->destroy(parts->opened.store);
    publisher_destroy(parts->publisher);
}

/* What the store has of us, but exiting. */
static int set_exiting(void *context, struct span former, struct arena *arena, struct span *ret)
{
    const struct parts *parts = context;
    struct member_spec spec;
    struct json_object *tree;
    struct error_message why;
    int error = values_read_member(former, &spec, &tree, &why);
    if (error == ALLOT_EVALUE) /* somebody has put what nobody can read */
        return make_value(parts->config, true, arena, ret);
    if (error)
        return error;
    spec.exiting = true;
    error = values_write_member(arena, former, &spec, ret);
    json_object_put(tree);
    return error;
}

/* Whether nothing can be ours any more: we have never been announced, or our lease can have
 * expired. */
static bool is_over(const struct parts *parts)
{
    struct loop_status status;
    loop_status(parts->loop, &status);
    return clock_monotonic_ms() >= status.term.until_ms;
}

/* Tells the others that we are leaving. ALLOT_EFENCE: nothing is ours. */
static int announce_exit(struct parts *parts)
{
    int error = loop_update(parts->loop, set_exiting, parts);
    while ((error == ALLOT_EUNKNOWN || error == ALLOT_EUNAVAILABLE) && !is_over(parts)) {
        log_write(LOG_WARNING, "cannot tell that the member is exiting, trying again",
                  LOG_FIELDS(log_text("error", allot_error_text(error))));
        (void)poll(NULL, 0, RETRY_MS);
        error = loop_update(parts->loop, set_exiting, parts);
    }
    return error && is_over(parts) ? ALLOT_EFENCE : error;
}

/* Waits until we have nothing left, unless that is so already. */
static int drain(struct parts *parts)
{
    int error = atomic_load(&parts->left) ? 0 : announce_exit(parts);
    if (error && error != ALLOT_EFENCE)
        return process_fail("cannot tell that the member is exiting", error,
                            &(struct error_message){""});
    int64_t told_ms = clock_monotonic_ms();
    while (error != ALLOT_EFENCE && !atomic_load(&parts->left) && !is_over(parts)) {
        (void)poll(NULL, 0, LOOK_MS);
        if (clock_monotonic_ms() - told_ms >= TELL_MS) {
            error = loop_update(parts->loop, set_exiting, parts);
            told_ms = clock_monotonic_ms();
        }
    }
    if (atomic_load(&parts->left))
        log_write(LOG_INFO, "drained", NULL);
    else
        log_write(LOG_INFO, "nothing to drain",
                  LOG_FIELDS(log_text("why", "no key of this member's stands under our lease")));
    return 0;
}

/* Waits for a signal to end, or until the member has nothing left: somebody else has set that it is
 * exiting. */
static void wait_for_end(struct parts *parts)
{
    int64_t period_ms = service_manager_period_ms(&parts->manager);
    int64_t wait_ms = period_ms < IDLE_LOOK_MS ? period_ms : IDLE_LOOK_MS;
    int number = 0;
    while (number == 0 && !atomic_load(&parts->left)) {
        service_manager_look(&parts->manager, parts->loop);
        number = process_wait_for_signal(wait_ms);
    }
    service_manager_stopping(&parts->manager);
    if (number != 0)
        log_write(LOG_INFO, "draining", LOG_FIELDS(log_text("signal", strsignal(number))));
}

static int run(const struct config *config)
{
    struct parts parts = {.config = config};
    process_begin(config);
    service_manager_init(&parts.manager, process_environment);
    int error = start(&parts);
    if (error == 0) {
        log_write(LOG_INFO, "member",
                  LOG_FIELDS(log_text("version", ALLOT_VERSION), log_text("zone", config->zone),
                             log_text("suffix", config->suffix), log_text("root", config->root),
                             log_integer("item_limit", config->item_limit),
                             log_text("store", parts.opened.name)));
        service_manager_ready(&parts.manager);
        wait_for_end(&parts);
    }
    process_let_signals_cut();
    if (error == 0)
        error = drain(&parts);
    stop(&parts);
    service_manager_release(&parts.manager);
    return process_end(error);
}

int member_command(int argc, char **argv)
{
    struct config config;
    struct error_message why = {""};
    enum config_verdict verdict;
    if (config_parse(CONFIG_MEMBER, argc, argv, process_environment, &config, &verdict, &why) < 0) {
        (void)fprintf(stderr, "allotd: %s\n", why.text);
        return PROCESS_BAD_INPUT;
    }
    switch (verdict) {
    case CONFIG_RUN:
        return run(&config);
    case CONFIG_HELP:
        (void)printf(
            "usage: allotd member --zone ZONE --suffix SUFFIX --item-limit NUMBER "
            "[FLAG]...\n\n"
            "Announces a member, and runs the allocation loop in it: members are led by\n"
            "the oldest of them, without a server. On SIGTERM or SIGINT, or when somebody\n"
            "else sets that it is exiting, its items move to others, and then it ends.\n"
            "From SIGUSR1 on everything is logged, from SIGUSR2 on what --log-level says.\n\n");
        config_help(CONFIG_MEMBER, stdout);
        (void)printf("\nExit status: 0 when drained, 1 if it can't start or drain, 2 on bad flags\n"
                     "or variables, 128 + N when cut short by a second signal N.\n");
        break;
    case CONFIG_VERSION:
        (void)printf("allotd %s\n", ALLOT_VERSION);
        break;
    }
    return process_end_output();
}
