/* The core against the reference's answers: every instance of small.jsonl, solved and converged,
 * and the digests of large.json, whose instances are made by rule. */
#include <criterion/criterion.h>
#include <gnutls/crypto.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdlib.h>

#include "core/levels.h"
#include "core/simulation.h"
#include "server/executor.h"
#include "server/instance.h"
#include "tests/support/large_instance.h"

static struct json_object *field(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    cr_assert(json_object_object_get_ex(object, name, &value), "no field %s", name);
    return value;
}

static const char *text(struct json_object *object, const char *name)
{
    return json_object_get_string(field(object, name));
}

static struct keyspace *read_instance(const char *json)
{
    struct error_message why;
    struct keyspace *keyspace = NULL;
    FILE *file = tmpfile();
    cr_assert(file && fputs(json, file) >= 0);
    rewind(file);
    cr_assert_eq(instance_read(file, &keyspace, &why), 0, "%s", why.text);
    fclose(file);
    return keyspace;
}

/* --- small.jsonl: solve --- */

static void check_member(const char *name, const struct state *state, int32_t item,
                         int32_t member_index, struct json_object *wanted, size_t row)
{
    const struct entry *member = state->members[member_index];
    struct span parts[] = {state->items[item]->parts.item, member->parts.zone,
                           member->parts.suffix};
    for (size_t i = 0; i < 3; i++)
        cr_assert(span_equal(parts[i],
                             span_of(json_object_get_string(json_object_array_get_idx(wanted, i)))),
                  "%s: desired %zu", name, row);
}

static void check_desired(const char *name, const struct state *state,
                          const struct solution *solution, struct json_object *wanted)
{
    size_t row = 0;
    cr_assert_eq((size_t)solution->assigned, json_object_array_length(wanted), "%s", name);
    for (int32_t item = 0; item < state->item_count; item++) {
        struct desired desired = solution_desired(solution, item);
        for (int32_t d = 0; d < desired.count; d++, row++)
            check_member(name, state, item, desired.members[d],
                         json_object_array_get_idx(wanted, row), row);
    }
}

static void check_solve(const char *name, struct keyspace *keyspace, struct json_object *wanted)
{
    char hash[24];
    struct state_config config = {.own_key = {0}};
    struct state *state = NULL;
    struct solution *solution = NULL;
    cr_assert_eq(state_observe(&config, keyspace, &state), 0);
    cr_assert_eq(solver_solve(SOLVER_REFERENCE, state, NULL, &solution), 0);
    snprintf(hash, sizeof hash, "%" PRIu64, state_network_hash(state));
    cr_assert_str_eq(hash, text(wanted, "network_hash"), "%s", name);
    cr_assert_eq(state->item_slots, json_object_get_int64(field(wanted, "item_slots")));
    cr_assert_eq(state->member_slots, json_object_get_int64(field(wanted, "member_slots")));
    cr_assert_eq(solution->unattainable, state->item_slots - solution->assigned);
    struct json_object *shed = field(wanted, "shed_capacity");
    cr_assert_eq((size_t)state->member_count, json_object_array_length(shed));
    for (int32_t m = 0; m < state->member_count; m++)
        cr_assert_eq(state->shed_capacity[m],
                     json_object_get_int(json_object_array_get_idx(shed, (size_t)m)));
    check_desired(name, state, solution, field(wanted, "desired"));
    solution_unref(solution);
    state_unref(state);
}

/* --- small.jsonl: converge --- */

struct trace {
    const char *name;
    struct json_object *rounds; /* wanted; NULL: this case has no trace */
    size_t round;
    size_t operation;
};

static void on_operation(void *context, enum store_op_kind kind, struct span key)
{
    struct trace *trace = context;
    if (!trace->rounds)
        return;
    struct json_object *round = json_object_array_get_idx(trace->rounds, trace->round);
    struct json_object *wanted = json_object_array_get_idx(field(round, "ops"), trace->operation++);
    char line[512];
    snprintf(line, sizeof line, "%s %.*s", kind == STORE_OP_PUT ? "PUT" : "DEL", (int)key.size,
             key.data);
    cr_assert(wanted, "%s: round %zu: one operation too many: %s", trace->name, trace->round, line);
    cr_assert_str_eq(line, json_object_get_string(wanted), "%s: round %zu", trace->name,
                     trace->round);
}

static void on_round(void *context, const struct simulation_round *round)
{
    struct trace *trace = context;
    if (!trace->rounds)
        return;
    struct json_object *wanted = json_object_array_get_idx(trace->rounds, trace->round++);
    cr_assert(wanted, "%s: one round too many", trace->name);
    cr_assert_eq(trace->operation, json_object_array_length(field(wanted, "ops")));
    cr_assert_eq(round->idle, json_object_get_boolean(field(wanted, "idle")));
    cr_assert_eq(round->solved, json_object_get_boolean(field(wanted, "solved")));
    cr_assert_eq(round->marked, json_object_get_int64(field(wanted, "marked")));
    trace->operation = 0;
}

static void check_final(const char *name, struct keyspace *keyspace, struct json_object *wanted)
{
    struct keyspace_cursor cursor = keyspace_seek(keyspace, SPAN(INSTANCE_ROOT "/assign/"));
    for (size_t i = 0; i < json_object_array_length(wanted); i++) {
        const struct entry *entry = keyspace_next(&cursor);
        const char *key = json_object_get_string(json_object_array_get_idx(wanted, i));
        cr_assert(entry && span_equal(entry->key, span_of(key)), "%s: final %zu", name, i);
    }
    const struct entry *next = keyspace_next(&cursor);
    cr_assert(!next || next->parts.kind != KEY_ASSIGNMENT, "%s: too many left", name);
}

static void check_converge(const char *name, struct keyspace *keyspace, struct json_object *wanted)
{
    struct trace trace = {.name = name};
    json_object_object_get_ex(wanted, "trace", &trace.rounds);
    struct simulation_config config = {
        .max_rounds = 10000,
        .solver = SOLVER_REFERENCE,
        .consistent_value = instance_consistent_value(),
        .on_operation = on_operation,
        .on_round = on_round,
        .context = &trace,
    };
    struct simulation_result result;
    cr_assert_eq(simulation_run(&config, keyspace, &result), 0);
    cr_assert_str_eq(result.idle ? "idle" : "unfinished", text(wanted, "status"));
    const struct {
        const char *name;
        int64_t value;
    } totals[] = {
        {"rounds", result.rounds},  {"adds", result.additions},    {"removes", result.removals},
        {"packs", result.packings}, {"txns", result.transactions},
    };
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++)
        cr_assert_eq(totals[i].value, json_object_get_int64(field(wanted, totals[i].name)),
                     "%s: %s", name, totals[i].name);
    check_final(name, result.keyspace, field(wanted, "final"));
    keyspace_unref(result.keyspace);
}

Test(vectors, small)
{
    FILE *file = fopen("tests/vectors/small.jsonl", "r");
    char *line = NULL;
    size_t capacity = 0;
    int cases = 0;
    cr_assert(file, "run from the top of the tree");
    while (getline(&line, &capacity, file) > 0) {
        struct json_object *vector = json_tokener_parse(line);
        struct json_object *converge = NULL;
        const char *name = text(vector, "name");
        struct keyspace *keyspace =
            read_instance(json_object_to_json_string(field(vector, "instance")));
        check_solve(name, keyspace, field(vector, "solve"));
        if (json_object_object_get_ex(vector, "converge", &converge))
            check_converge(name, keyspace, converge);
        keyspace_unref(keyspace);
        json_object_put(vector);
        cases++;
    }
    cr_assert_eq(cases, 148);
    free(line);
    fclose(file);
}

/* --- optimal.jsonl --- */

static struct levels levels_of(struct json_object *object)
{
    return (struct levels){.assigned = json_object_get_int64(field(object, "assigned")),
                           .zone_excess = json_object_get_int64(field(object, "zone_excess")),
                           .overflow = json_object_get_int64(field(object, "overflow")),
                           .kept = json_object_get_int64(field(object, "kept"))};
}

static void check_levels(const char *name, struct keyspace *keyspace, enum solver_kind kind,
                         const struct levels *wanted)
{
    struct state_config config = {.own_key = {0}};
    struct state *state = NULL;
    struct solution *solution = NULL;
    struct levels levels;
    cr_assert_eq(state_observe(&config, keyspace, &state), 0);
    cr_assert_eq(solver_solve(kind, state, NULL, &solution), 0);
    cr_assert_eq(levels_measure(state, solution, &levels), 0);
    cr_assert_eq(levels_compare(&levels, wanted), 0,
                 "%s (%s): %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64, name,
                 solver_kind_names[kind], levels.assigned, levels.zone_excess, levels.overflow,
                 levels.kept);
    if (kind == SOLVER_OPTIMAL) {
        struct certificate_verdict verdict;
        cr_assert_eq(certificate_check(state, solution, &verdict), 0);
        cr_assert_eq(verdict.fault, CERTIFICATE_VALID, "%s: %s", name,
                     certificate_fault_texts[verdict.fault]);
    }
    solution_unref(solution);
    state_unref(state);
}

/* The line of small.jsonl that has this name, read on from where @file stands: both are in the same
 * order. */
static struct json_object *find_vector(FILE *file, const char *name)
{
    char *line = NULL;
    size_t capacity = 0;
    struct json_object *vector = NULL;
    while (getline(&line, &capacity, file) > 0) {
        vector = json_tokener_parse(line);
        if (strcmp(text(vector, "name"), name) == 0)
            break;
        json_object_put(vector);
        vector = NULL;
    }
    free(line);
    cr_assert(vector, "%s is not in small.jsonl", name);
    return vector;
}

Test(vectors, optimal)
{
    FILE *file = fopen("tests/vectors/optimal.jsonl", "r");
    FILE *instances = fopen("tests/vectors/small.jsonl", "r");
    char *line = NULL;
    size_t capacity = 0;
    int cases = 0;
    cr_assert(file && instances, "run from the top of the tree");
    for (; getline(&line, &capacity, file) > 0; cases++) {
        struct json_object *wanted = json_tokener_parse(line);
        const char *name = text(wanted, "name");
        struct json_object *vector = find_vector(instances, name);
        struct keyspace *keyspace =
            read_instance(json_object_to_json_string(field(vector, "instance")));
        struct levels optimum = levels_of(field(wanted, "optimum"));
        struct levels reference = levels_of(field(wanted, "reference"));
        check_levels(name, keyspace, SOLVER_OPTIMAL, &optimum);
        check_levels(name, keyspace, SOLVER_REFERENCE, &reference);
        keyspace_unref(keyspace);
        json_object_put(vector);
        json_object_put(wanted);
    }
    cr_assert_eq(cases, 124);
    free(line);
    fclose(file);
    fclose(instances);
}

/* --- large.json --- */

static void digest_member(gnutls_hash_hd_t hash, const struct state *state, int32_t item,
                          int32_t member_index)
{
    char line[256];
    const struct span id = state->items[item]->parts.item;
    const struct key_parts *member = &state->members[member_index]->parts;
    int size = snprintf(line, sizeof line, "%.*s#%.*s#%.*s\n", (int)id.size, id.data,
                        (int)member->zone.size, member->zone.data, (int)member->suffix.size,
                        member->suffix.data);
    cr_assert_eq(gnutls_hash(hash, line, (size_t)size), 0);
}

static void digest(const struct state *state, const struct solution *solution, char *ret_hex)
{
    gnutls_hash_hd_t hash;
    unsigned char bytes[32];
    cr_assert_eq(gnutls_hash_init(&hash, GNUTLS_DIG_SHA256), 0);
    for (int32_t item = 0; item < state->item_count; item++) {
        struct desired desired = solution_desired(solution, item);
        for (int32_t d = 0; d < desired.count; d++)
            digest_member(hash, state, item, desired.members[d]);
    }
    gnutls_hash_deinit(hash, bytes);
    for (size_t i = 0; i < 32; i++)
        snprintf(ret_hex + 2 * i, 3, "%02x", bytes[i]);
}

/* Solves one kind and compares it with the row of large.json that has its name. */
static void check_large(struct json_object *rows, int items, int members, enum large_kind kind,
                        struct state **state, struct solution **solution)
{
    const struct large_size size = {items, members, LARGE_VECTOR_PERCENT};
    char name[64];
    char hash[24];
    char hex[65];
    struct json_object *wanted = NULL;
    snprintf(name, sizeof name, "%dx%d %s", items, members, large_kind_name(kind));
    for (size_t i = 0; i < json_object_array_length(rows); i++)
        if (strcmp(text(json_object_array_get_idx(rows, i), "name"), name) == 0)
            wanted = json_object_array_get_idx(rows, i);
    cr_assert(wanted, "%s", name);

    struct keyspace *keyspace = large_instance(&size, kind, *state, *solution);
    cr_assert(keyspace);
    struct state_config config = {.own_key = {0}};
    struct executor *executor = NULL;
    struct state *new_state = NULL;
    struct solution *new_solution = NULL;
    cr_assert_eq(executor_create(2, &executor), 0);
    cr_assert_eq(state_observe(&config, keyspace, &new_state), 0);
    cr_assert_eq(solver_solve(SOLVER_REFERENCE, new_state, executor, &new_solution), 0);

    snprintf(hash, sizeof hash, "%" PRIu64, state_network_hash(new_state));
    digest(new_state, new_solution, hex);
    struct change_summary changes = solution_changes(new_solution, new_state);
    cr_assert_str_eq(hash, text(wanted, "network_hash"), "%s", name);
    cr_assert_str_eq(hex, text(wanted, "desired_sha256"), "%s", name);
    cr_assert_eq(new_solution->assigned, json_object_get_int64(field(wanted, "desired_count")));
    cr_assert_eq(changes.added, json_object_get_int64(field(wanted, "adds")), "%s", name);
    cr_assert_eq(changes.removed, json_object_get_int64(field(wanted, "removes")), "%s", name);

    keyspace_unref(keyspace);
    executor_destroy(executor);
    if (kind == LARGE_COLD) {
        *state = new_state;
        *solution = new_solution;
        return;
    }
    state_unref(new_state);
    solution_unref(new_solution);
}

static void check_size(int items, int members)
{
    struct json_object *rows = json_object_from_file("tests/vectors/large.json");
    struct state *state = NULL;
    struct solution *solution = NULL;
    cr_assert(rows, "run from the top of the tree");
    for (enum large_kind kind = LARGE_COLD; kind < LARGE_VECTOR_COUNT; kind++)
        check_large(rows, items, members, kind, &state, &solution);
    state_unref(state);
    solution_unref(solution);
    json_object_put(rows);
}

Test(vectors, large_1000x10)
{
    check_size(1000, 10);
}

Test(vectors, large_10000x100)
{
    check_size(10000, 100);
}

Test(vectors, large_25000x200)
{
    check_size(25000, 200);
}

Test(vectors, large_100000x500)
{
    check_size(100000, 500);
}
