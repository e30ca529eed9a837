#include "server/candidate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/principal.h"
#include "api/values.h"

static int check_root(struct span root, struct error_message *why)
{
    if (keys_root_is_valid(root))
        return 0;
    (void)snprintf(why->text, sizeof why->text, "root \"%.*s\" is not a clean absolute path",
                   (int)root.size, root.data);
    return ALLOT_EINVAL;
}

static int check_name(const char *what, struct span name, struct error_message *why)
{
    if (keys_name_is_valid(name) && name.size <= CANDIDATE_MAX_INSTANCE)
        return 0;
    (void)snprintf(why->text, sizeof why->text,
                   "%s \"%.*s\" is not a name of 1 to %d bytes above '#'", what, (int)name.size,
                   name.data, CANDIDATE_MAX_INSTANCE);
    return ALLOT_EINVAL;
}

static struct span append(char **at, struct span bytes)
{
    struct span copy = {*at, bytes.size};
    memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return copy;
}

/* Spans that lie beside each other, as one. */
static struct span joined(struct span first, struct span last)
{
    return (struct span){first.data, (size_t)(last.data + last.size - first.data)};
}

/* Unless it came later than our own key. */
static const char *member_that_allocates(const struct state *state)
{
    int64_t before = state->own ? state->own->create_revision : INT64_MAX;
    for (int32_t m = 0; m < state->member_count; m++)
        if (state->members[m]->member.user == VALUES_MEMBER_ALLOCATES &&
            state->members[m]->create_revision < before)
            return "members that allocate themselves lead this root: serve another, or end them";
    return NULL;
}

int candidate_init_scheduler(struct candidate *ret, struct span root, struct span instance,
                             struct error_message *why)
{
    int error = check_root(root, why);
    if (!error)
        error = check_name("instance", instance, why);
    if (error)
        return error;
    char *text = malloc(root.size + sizeof KEYS_SCHEDULERS + instance.size);
    if (!text)
        return ALLOT_ENOMEM;
    char *at = text;
    struct span under = append(&at, root);
    struct span prefix = joined(under, append(&at, SPAN(KEYS_SCHEDULERS)));
    struct span name = append(&at, instance);
    *ret = (struct candidate){.principal = PRINCIPAL_OF_ALLOCATOR,
                              .instance = name,
                              .prefix = prefix,
                              .key = joined(prefix, name),
                              .value = SPAN("{}"),
                              .exclusive = true,
                              .fault = member_that_allocates,
                              .text = text};
    return 0;
}

int candidate_init_member(struct candidate *ret, struct span root, struct span zone,
                          struct span suffix, struct span value, struct error_message *why)
{
    int error = check_root(root, why);
    if (!error)
        error = check_name("zone", zone, why);
    if (!error)
        error = check_name("suffix", suffix, why);
    if (error)
        return error;
    char *text = malloc(2 * root.size + sizeof KEYS_MEMBERS + sizeof KEYS_SCHEDULERS + zone.size +
                        suffix.size + value.size + 1);
    if (!text)
        return ALLOT_ENOMEM;
    char *at = text;
    const char separator = KEY_SEPARATOR;
    struct span under = append(&at, root);
    struct span prefix = joined(under, append(&at, SPAN(KEYS_MEMBERS)));
    struct span first = append(&at, zone);
    (void)append(&at, (struct span){&separator, 1});
    struct span last = append(&at, suffix);
    struct span value_copy = append(&at, value);
    under = append(&at, root);
    *ret = (struct candidate){.principal = PRINCIPAL_OF_ALLOCATING_MEMBER,
                              .instance = joined(first, last),
                              .prefix = prefix,
                              .key = joined(prefix, last),
                              .value = value_copy,
                              .member = joined(prefix, last),
                              .user = VALUES_MEMBER_ALLOCATES,
                              .absent_prefix = joined(under, append(&at, SPAN(KEYS_SCHEDULERS))),
                              .text = text};
    return 0;
}

void candidate_release(struct candidate *candidate)
{
    free(candidate->text);
    *candidate = (struct candidate){0};
}
