#include "tests/support/large_instance.h"

#include "server/instance.h"

static const char *const kind_names[] = {
    "cold", "settled", "m0001 lost", "every tenth exiting", "one member added", "one item added"};

const char *large_kind_name(enum large_kind kind)
{
    return kind_names[kind];
}

static void write_members(FILE *file, const struct large_size *size, enum large_kind kind)
{
    long long least = (long long)size->percent * size->items * 3;
    long long limit = (least + 100LL * size->members - 1) / (100LL * size->members);
    int members = size->members + (kind == LARGE_ADDED);
    const char *comma = "";
    for (int i = 0; i < members; i++) {
        if (kind == LARGE_LOST && i == 1)
            continue;
        fprintf(file,
                "%s{\"zone\": \"zone-%c\", \"suffix\": \"m%04d\", \"limit\": %lld, "
                "\"exiting\": %s, \"create_revision\": %d}",
                comma, "abc"[i % 3], i, limit,
                kind == LARGE_EXITING && i % 10 == 3 ? "true" : "false", i + 1);
        comma = ",\n";
    }
}

static void write_assignments(FILE *file, enum large_kind kind, const struct state *state,
                              const struct solution *settled)
{
    const char *comma = "";
    for (int32_t i = 0; settled && i < settled->item_count; i++) {
        struct desired desired = solution_desired(settled, i);
        for (int32_t d = 0; d < desired.count; d++) {
            const struct key_parts *member = &state->members[desired.members[d]]->parts;
            if (kind == LARGE_LOST && span_equal(member->suffix, SPAN("m0001")))
                continue;
            fprintf(file,
                    "%s{\"item\": \"item-%07d\", \"zone\": \"%.*s\", \"suffix\": \"%.*s\", "
                    "\"slot\": %d, \"consistent\": true}",
                    comma, (int)i, (int)member->zone.size, member->zone.data,
                    (int)member->suffix.size, member->suffix.data, d);
            comma = ",\n";
        }
    }
}

void large_instance_write(FILE *file, const struct large_size *size, enum large_kind kind,
                          const struct state *state, const struct solution *settled)
{
    int items = size->items + (kind == LARGE_ITEM);
    fprintf(file, "{\"members\": [");
    write_members(file, size, kind);
    fprintf(file, "],\n\"items\": [");
    for (int i = 0; i < items; i++)
        fprintf(file, "%s{\"id\": \"item-%07d\", \"replication\": 3}", i ? ",\n" : "", i);
    fprintf(file, "],\n\"assignments\": [");
    write_assignments(file, kind, state, settled);
    fprintf(file, "]}\n");
}

struct keyspace *large_instance(const struct large_size *size, enum large_kind kind,
                                const struct state *state, const struct solution *settled)
{
    struct keyspace *keyspace = NULL;
    struct error_message why;
    FILE *file = tmpfile();
    if (!file)
        return NULL;
    large_instance_write(file, size, kind, state, settled);
    rewind(file);
    if (instance_read(file, &keyspace, &why) != 0)
        fprintf(stderr, "large instance: %s\n", why.text);
    fclose(file);
    return keyspace;
}
