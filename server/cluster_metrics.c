#include "server/cluster_metrics.h"

#include "api/cluster_json.h"
#include "api/item_status.h"
#include "api/settings.h"
#include "core/levels.h"

static void write_items(struct metrics_text *text, const struct snapshot *snapshot)
{
    int64_t counts[ITEM_STATE_COUNT] = {0};
    for (int32_t i = 0; i < snapshot->state->item_count; i++)
        counts[item_status(snapshot, i).state]++;
    metrics_text_family(text, "allot_items", METRIC_GAUGE, "Items, by how they fare.");
    for (int i = 0; i < ITEM_STATE_COUNT; i++)
        metrics_text_integer(text, METRIC_LABELS({"state", item_state_names[i]}), counts[i]);
}

static void write_members(struct metrics_text *text, const struct state *state)
{
    int64_t over_limit = 0;
    double imbalance = 0;
    for (int32_t i = 0; i < state->member_count; i++) {
        int32_t share = levels_fair_share(state, i);
        double ratio = share > 0 ? (double)state->total_count[i] / share : 0;
        imbalance = ratio > imbalance ? ratio : imbalance;
        over_limit += state->total_count[i] > state->item_limit[i];
    }
    metrics_text_gauge(text, "allot_members", "Registered members.", state->member_count);
    metrics_text_gauge(text, "allot_members_over_limit",
                       "Members with more assignments than their item limit.", over_limit);
    metrics_text_family(text, "allot_load_imbalance_ratio", METRIC_GAUGE,
                        "Greatest load of a member over its fair share: 1 is even, 0 is no load. "
                        "Members that are to hold nothing are left out.");
    metrics_text_real(text, METRIC_NO_LABELS, imbalance);
}

static void write_solution(struct metrics_text *text, const struct state *state,
                           const struct solution *solution)
{
    struct change_summary changes = solution_changes(solution, state);
    metrics_text_gauge(text, "allot_loop_converged",
                       "1: the assignments are the desired ones, and nothing is to be changed.",
                       changes.added == 0 && changes.removed == 0);
    metrics_text_gauge(text, "allot_unattainable_replicas",
                       "Replicas that are wanted, and that no member has room for.",
                       solution->unattainable);
}

static void write_pause(struct metrics_text *text, const struct keyspace *keyspace, int64_t now_ms)
{
    struct settings settings = SETTINGS_NONE;
    struct error_message why = {""};
    if (settings_read(keyspace, &settings, &why) == ALLOT_ENOMEM)
        return;
    enum allocator_pause pause = settings_rules_at(&settings, now_ms).pause;
    metrics_text_family(text, "allot_loop_paused", METRIC_GAUGE,
                        "1: that is paused, by who set it or as the settings can't be read.");
    for (int i = ALLOCATOR_RUNS + 1; settings_pause_names[i]; i++)
        metrics_text_integer(text, METRIC_LABELS({"paused", settings_pause_names[i]}),
                             i == (int)pause);
}

void cluster_metrics_write(struct metrics_text *text, const struct snapshot *snapshot,
                           int64_t now_ms)
{
    const struct state *state = snapshot->state;
    const struct solution *solution = snapshot_solution(snapshot);
    write_items(text, snapshot);
    write_members(text, state);
    metrics_text_gauge(text, "allot_zones", "Zones of members that may hold items.",
                       state->zone_count);
    metrics_text_gauge(text, "allot_slots", "Replicas that are wanted, of all items.",
                       state->item_slots);
    metrics_text_gauge(text, "allot_capacity_slots",
                       "Sum of the members' item limits, without what those that drain give up.",
                       state->member_slots);
    metrics_text_gauge(text, "allot_assignments", "Assignments of items to members.",
                       state->assignment_count);
    metrics_text_gauge(text, "allot_invalid_entries", "Entries that can't be read.",
                       cluster_find_invalid(state->keyspace).count);
    write_pause(text, state->keyspace, now_ms);
    if (solution)
        write_solution(text, state, solution);
}
