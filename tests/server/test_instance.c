/* What the offline tools say of an instance that isn't one: what, and where. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/instance.h"
#include "server/json_stream.h"
#include "tests/support/fail_alloc.h"

static int read_text(const char *text, struct error_message *why)
{
    struct keyspace *keyspace = NULL;
    FILE *file = tmpfile();
    cr_assert(file && fputs(text, file) >= 0);
    rewind(file);
    int error = instance_read(file, &keyspace, why);
    fclose(file);
    cr_assert_eq(error == 0, keyspace != NULL);
    keyspace_unref(keyspace);
    return error;
}

#define MEMBER                                                                \
    "{\"zone\": \"a\", \"suffix\": \"1\", \"limit\": 3, \"exiting\": false, " \
    "\"create_revision\": 1}"
#define WITH(members, items, assignments) \
    "{\"members\": [" members "],\n\"items\": [" items "],\n\"assignments\": [" assignments "]}"

static const char good[] = WITH(
    MEMBER, "{\"id\": \"x\", \"replication\": 1}",
    "{\"item\": \"x\", \"zone\": \"a\", \"suffix\": \"1\", \"slot\": 0, \"consistent\": true}");

Test(instance, reads_what_is_good)
{
    struct error_message why;
    cr_assert_eq(read_text(good, &why), 0, "%s", why.text);
    cr_assert_eq(read_text(WITH("", "", ""), &why), 0, "%s", why.text);
    cr_assert_eq(
        read_text("{\"name\": [1, {\"a\": \"]}\"}], \"instance\": " WITH("", "", "") "}", &why), 0,
        "%s", why.text);
}

static const struct {
    const char *text;
    int error;
    const char *says;
} bad[] = {
    {"", ALLOT_ESYNTAX, "line 1, column 1: the text ends here, expected an object"},
    {"[]", ALLOT_ESYNTAX, "line 1, column 1: unexpected '[', expected an object"},
    {"{", ALLOT_ESYNTAX, "line 1, column 2: the text ends here"},
    {WITH("", "", "") "x", ALLOT_ESYNTAX, "line 3, column 19: unexpected 'x', expected the end"},
    {"{\"members\": []}", ALLOT_EVALUE, "\"items\" is missing"},
    {"{\"members\": [],\n \"members\": []}", ALLOT_EVALUE,
     "line 2, column 2: \"members\" stands twice"},
    {"{\"members\": {}}", ALLOT_ESYNTAX, "line 1, column 13: unexpected '{', expected an array"},
    {WITH(MEMBER " " MEMBER, "", ""), ALLOT_ESYNTAX, "expected ',' or ']'"},
    {WITH(MEMBER ",\n" MEMBER, "", ""), ALLOT_EVALUE,
     "line 2, column 1: it stands twice, first in line 1, column 14"},
    {WITH("",
          "{\"id\": \"x\", \"replication\": 1}, {\"id\": \"y\", \"replication\": 1},\n"
          "{\"id\": \"y\", \"replication\": 2}, {\"id\": \"x\", \"replication\": 3}",
          ""),
     ALLOT_EVALUE, "line 3, column 1: it stands twice, first in line 2, column 42"},
    {WITH("3", "", ""), ALLOT_EVALUE, "line 1, column 14: expected an object"},
    {WITH("", "{\"id\": \"x\"}", ""), ALLOT_EVALUE,
     "line 2, column 11: \"replication\" is missing"},
    {WITH("", "{\"id\": \"x\", \"replication\": \"1\"}", ""), ALLOT_EVALUE,
     "\"replication\" must be an integer"},
    {WITH("", "{\"id\": \"x\", \"replication\": -1}", ""), ALLOT_EVALUE,
     "\"replication\" must be an integer from 0 to 2147483647"},
    {WITH("", "{\"id\": \"x\", \"replication\": 1.5}", ""), ALLOT_EVALUE, "\"replication\""},
    {WITH("", "{\"id\": \"x\", \"replication\": 99999999999}", ""), ALLOT_EVALUE,
     "\"replication\""},
    {WITH("", "{\"id\": \"x\", \"replication\": 1, \"color\": 2}", ""), ALLOT_EVALUE,
     "unknown field \"color\""},
    {WITH("", "{\"id\": \"x\", \"id\": \"x\", \"replication\": 1}", ""), ALLOT_ESYNTAX,
     "line 2, column 11: in the value that begins here:"},
    {WITH("", "{\"id\": \"a#b\", \"replication\": 1}", ""), ALLOT_EVALUE, "\"id\" must be a name"},
    {WITH("", "{\"id\": \"\", \"replication\": 1}", ""), ALLOT_EVALUE, "\"id\" must be a name"},
    {WITH("", "{'id': 'x', 'replication': 1}", ""), ALLOT_ESYNTAX, "line 2, column 11"},
    {WITH("", "{\"id\": \"x\", \"replication\": NaN}", ""), ALLOT_ESYNTAX, "line 2, column 11"},
    {WITH("", "{\"id\": \"x\n\", \"replication\": 1}", ""), ALLOT_ESYNTAX, "end of the string"},
    {"{\"instance\": {\"members\": [], \"items\": [], \"more\": 1}}", ALLOT_EVALUE,
     "unknown field \"more\""},
    {"{\"instance\": {\"members\": [], \"items\": [], \"assignments\": []},\n \"instance\": {}}",
     ALLOT_EVALUE, "line 2, column 2: \"instance\" stands twice"},
    {"{\"instance\": {},\n  \"instance\": {\"members\": [], \"items\": [], \"assignments\": []}}",
     ALLOT_EVALUE, "line 2, column 3: \"instance\" stands twice"},
};

Test(instance, tells_what_is_wrong_and_where)
{
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error_message why = {{0}};
        cr_expect_eq(read_text(bad[i].text, &why), bad[i].error, "%zu: %s", i, why.text);
        cr_expect(strstr(why.text, bad[i].says), "%zu: %s, expected %s", i, why.text, bad[i].says);
    }
}

Test(instance, names_too_long)
{
    char *text = NULL;
    size_t size = 0;
    struct error_message why = {{0}};
    FILE *file = open_memstream(&text, &size);
    cr_assert(file);
    fprintf(file, "{\"members\": [], \"items\": [{\"id\": \"");
    for (int i = 0; i < 5000; i++)
        putc('x', file);
    fprintf(file, "\", \"replication\": 1}], \"assignments\": []}");
    fclose(file);
    cr_assert_eq(read_text(text, &why), ALLOT_EVALUE);
    cr_assert(strstr(why.text, "names are too long"), "%s", why.text);
    free(text);
}

/* A name of 16 MiB is no name, but nobody reads that far. */
Test(instance, values_too_large)
{
    char *text = NULL;
    size_t size = 0;
    struct error_message why = {{0}};
    FILE *file = open_memstream(&text, &size);
    cr_assert(file);
    fprintf(file, "{\"members\": [],\n\"items\": [\"");
    for (int i = 0; i < JSON_STREAM_MAX_VALUE; i++)
        putc('x', file);
    fprintf(file, "\"], \"assignments\": []}");
    fclose(file);
    cr_assert_eq(read_text(text, &why), ALLOT_ELIMIT);
    cr_assert(strstr(why.text, "line 2, column 11: "), "%s", why.text);
    free(text);
}

Test(instance, survives_every_failed_allocation)
{
    struct error_message why;
    int error = ALLOT_ENOMEM;
    for (long nth = 1; error; nth++) {
        fail_alloc_set(nth);
        error = read_text(good, &why);
        fail_alloc_set(0);
        cr_assert(error == 0 || error == ALLOT_ENOMEM, "%ld: %s", nth, why.text);
    }
}
