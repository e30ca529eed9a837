#include "tests/support/describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/instance_builder.h"

__attribute__((format(printf, 2, 3))) static void append(struct description *description,
                                                         const char *format, ...)
{
    size_t room = sizeof description->text - description->size;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(description->text + description->size, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        fputs("describe: too much to say\n", stderr);
        abort();
    }
    description->size += (size_t)length;
}

/* --- convergence --- */

static void append_member(struct description *description, const char *what,
                          const struct key_parts *parts, int32_t slot)
{
    append(description, "%s%s %.*s#%.*s:%" PRId32, description->size ? ", " : "", what,
           (int)parts->zone.size, parts->zone.data, (int)parts->suffix.size, parts->suffix.data,
           slot);
}

static void append_assignment(struct description *description, const char *what,
                              const struct state *state, int32_t assignment)
{
    const struct key_parts *parts = &state->assignments[assignment]->parts;
    append_member(description, what, parts, parts->slot);
}

const char *describe_convergence(struct description *description,
                                 const struct convergence *convergence, const struct state *state)
{
    *description = (struct description){.size = 0};
    for (int32_t i = 0; i < convergence->addition_count; i++) {
        struct addition addition = convergence->additions[i];
        append_member(description, "add", &state->members[addition.member]->parts, addition.slot);
    }
    for (int32_t i = 0; i < convergence->removal_count; i++)
        append_assignment(description, "remove", state, convergence->removals[i]);
    for (int32_t i = 0; i < convergence->kept_count; i++)
        append_assignment(description, "keep", state, convergence->kept[i]);
    if (convergence->promoted != STATE_NONE)
        append_assignment(description, "promote", state, convergence->promoted);
    if (convergence->packed != STATE_NONE) {
        append_assignment(description, "pack", state, convergence->packed);
        append(description, ">%" PRId32, convergence->packed_slot);
    }
    return description->text;
}

/* --- transactions --- */

static void append_key(struct description *description, const char *before, struct span key)
{
    struct span root = SPAN(BUILDER_ROOT "/");
    if (span_has_prefix(key, root))
        key = (struct span){key.data + root.size, key.size - root.size};
    append(description, "%s%.*s", before, (int)key.size, key.data);
}

static void append_check(struct description *description, const struct store_compare *check)
{
    if (check->relation == STORE_EQUAL && check->target == STORE_MOD_REVISION) {
        append_key(description, "", check->keys.key);
        append(description, "@%" PRId64, check->number);
    } else if (check->relation == STORE_EQUAL && check->target == STORE_CREATE_REVISION &&
               check->number == 0) {
        append_key(description, "absent ", check->keys.key);
    } else {
        append_key(description, "what? ", check->keys.key);
    }
}

static void append_op(struct description *description, const struct store_op *op)
{
    switch (op->kind) {
    case STORE_OP_PUT:
        append_key(description, "put ", op->keys.key);
        append(description, "=%.*s@%" PRId64, (int)op->value.size,
               op->value.size ? op->value.data : "", op->lease);
        break;
    case STORE_OP_DELETE:
        append_key(description, "delete ", op->keys.key);
        break;
    case STORE_OP_GET:
        append_key(description, "get ", op->keys.key);
        break;
    }
}

const char *describe_txn(struct description *description, const struct store_txn *txn)
{
    for (size_t i = 0; i < txn->compare_count; i++) {
        append(description, i == 0 ? "if " : ", ");
        append_check(description, &txn->compares[i]);
    }
    for (size_t i = 0; i < txn->success_count; i++) {
        append(description, i == 0 ? " then " : ", ");
        append_op(description, &txn->success[i]);
    }
    for (size_t i = 0; i < txn->failure_count; i++) {
        append(description, i == 0 ? " else " : ", ");
        append_op(description, &txn->failure[i]);
    }
    append(description, ".");
    return description->text;
}
