#include "api/openapi.h"
#include "api/resources.h"

/* What is said of the API in its document beyond what the code reads requests by. */

/* --- schemas --- */

#define INTEGER "{\"type\":\"integer\"}"
#define INTEGER_OR_NULL "{\"type\":[\"integer\",\"null\"]}"
#define STRING "{\"type\":\"string\"}"
#define BOOLEAN "{\"type\":\"boolean\"}"
#define LABELS "{\"type\":\"object\",\"additionalProperties\":" STRING "}"
#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"
#define OR_NULL(schema) "{\"anyOf\":[" schema ",{\"type\":\"null\"}]}"
#define ARRAY(schema) "{\"type\":\"array\",\"items\":" schema "}"
/* All of its properties are there, always. */
#define OBJECT(required, properties) \
    "{\"type\":\"object\",\"required\":[" required "],\"properties\":{" properties "}}"
#define REVISIONS "\"create_revision\":" INTEGER ",\"mod_revision\":" INTEGER
#define LIST(name)                                                    \
    OBJECT("\"revision\",\"items\"",                                  \
           "\"revision\":" INTEGER ",\"items\":" ARRAY(REF(name)) "," \
                                                                  "\"continue\":" STRING)
#define ZONE_SUFFIX "\"zone\":" STRING ",\"suffix\":" STRING
#define CODE "\"code\":" STRING ",\"detail\":" STRING
#define STATES                                                                         \
    "\"healthy\":" INTEGER ",\"converging\":" INTEGER ",\"under_replicated\":" INTEGER \
    ",\"unassigned\":" INTEGER

static const char problem_json[] =
    OBJECT("\"type\",\"title\",\"status\",\"code\",\"detail\",\"instance\"",
           "\"type\":" STRING ",\"title\":" STRING ",\"status\":" INTEGER ",\"code\":" STRING
           ",\"detail\":" STRING ",\"instance\":" STRING
           ",\"errors\":" ARRAY(OBJECT("\"detail\"", "\"pointer\":" STRING ",\"parameter\":" STRING
                                                     ",\"detail\":" STRING)));

/* cppcheck-suppress unknownMacro ; a string made of macros */
static const char item_json[] = OBJECT(
    "\"id\",\"replication\",\"consistency\",\"labels\",\"create_revision\",\"mod_revision\","
    "\"status\"",
    "\"id\":" STRING ",\"replication\":" INTEGER
    ",\"consistency\":{\"enum\":[\"immediate\",\"reported\"]},\"labels\":" LABELS "," REVISIONS
    ",\"status\":" OR_NULL(OBJECT(
        "\"assigned\",\"consistent\",\"desired\",\"primary\",\"state\"",
        "\"assigned\":" INTEGER ",\"consistent\":" INTEGER ",\"desired\":" INTEGER_OR_NULL
        ",\"primary\":" OR_NULL(OBJECT(
            "\"zone\",\"suffix\"",
            ZONE_SUFFIX)) ",\"state\":{\"enum\":[\"healthy\",\"converging\",\"under_replicated\","
                          "\"unassigned\"]}")));

static const char member_json[] =
    OBJECT("\"zone\",\"suffix\",\"item_limit\",\"exiting\",\"ttl_seconds\",\"labels\","
           "\"create_revision\",\"mod_revision\",\"status\"",
           ZONE_SUFFIX
           ",\"item_limit\":" INTEGER ",\"exiting\":" BOOLEAN ",\"ttl_seconds\":" INTEGER_OR_NULL
           ",\"labels\":" LABELS "," REVISIONS ",\"session\":" STRING ",\"status\":" OR_NULL(
               OBJECT("\"assigned\",\"primaries\",\"effective_limit\",\"shed_capacity\"",
                      "\"assigned\":" INTEGER ",\"primaries\":" INTEGER
                      ",\"effective_limit\":" INTEGER ",\"shed_capacity\":" INTEGER)));

static const char assignment_json[] = OBJECT(
    "\"item\",\"zone\",\"suffix\",\"slot\",\"primary\",\"consistent\",\"reported\",\"value\","
    "\"create_revision\",\"mod_revision\"",
    "\"item\":" STRING "," ZONE_SUFFIX ",\"slot\":" INTEGER ",\"primary\":" BOOLEAN
    ",\"consistent\":" BOOLEAN ",\"reported\":" BOOLEAN ",\"value\":{}," REVISIONS);

static const char drain_json[] =
    OBJECT("\"exiting\",\"drained\",\"remaining\",\"item_limit\",\"shed_capacity\"",
           "\"exiting\":" BOOLEAN ",\"drained\":" BOOLEAN ",\"remaining\":" INTEGER
           ",\"item_limit\":" INTEGER ",\"shed_capacity\":" INTEGER);

static const char heartbeat_json[] =
    OBJECT("\"ttl_seconds\",\"seconds_left\",\"exiting\",\"assignments_revision\","
           "\"assignments_count\"",
           "\"ttl_seconds\":" INTEGER ",\"seconds_left\":" INTEGER ",\"exiting\":" BOOLEAN
           ",\"assignments_revision\":" INTEGER ",\"assignments_count\":" INTEGER);

#define LOADED                                                             \
    OR_NULL(OBJECT("\"zone\",\"suffix\",\"assigned\",\"effective_limit\"", \
                   ZONE_SUFFIX ",\"assigned\":" INTEGER ",\"effective_limit\":" INTEGER))

static const char cluster_json[] = OBJECT(
    "\"revision\",\"root\",\"leader\",\"totals\",\"items_by_state\",\"zones\",\"balance\","
    "\"allocator\",\"store\"",
    "\"revision\":" INTEGER ",\"root\":" STRING ",\"leader\":" OR_NULL(OBJECT(
        "\"instance\",\"since_revision\"",
        "\"instance\":" STRING ",\"sin"
        "ce_"
        "revisi"
        "on\""
        ":" INTEGER)) ",\"totals\":" OBJECT("\"items\",\"members\",\"zones\",\"assignments\","
                                            "\"item_slots\",\"member_slots\","
                                            "\"zone_slots\",\"unattainable\",\"invalid\"",
                                            "\"items\":" INTEGER ",\"members\":" INTEGER
                                            ",\"zones\":" INTEGER ",\"assignments\":" INTEGER
                                            ",\"item_slots\":" INTEGER ",\"member_slots\":" INTEGER
                                            ",\"zone_slots\":" INTEGER
                                            ",\"unattainable\":" INTEGER_OR_NULL
                                            ",\"invalid\":" INTEGER) ",\"items_by_"
                                                                     "state\":" OBJECT("", STATES) ",\"zones\":" ARRAY(
                                                                         OBJECT(
                                                                             "\"zone\",\"members\","
                                                                             "\"slots\","
                                                                             "\"assigned\"",
                                                                             "\"zone\":" STRING
                                                                             ",\"members\":" INTEGER
                                                                             ",\"slots\":" INTEGER
                                                                             ",\"assigned\""
                                                                             ":" INTEGER)) ",\"bala"
                                                                                           "nce\""
                                                                                           ":" OBJECT(
                                                                                               "\"m"
                                                                                               "ost"
                                                                                               "_lo"
                                                                                               "ade"
                                                                                               "d\""
                                                                                               ",\""
                                                                                               "lea"
                                                                                               "st_"
                                                                                               "loa"
                                                                                               "ded"
                                                                                               "\"",
                                                                                               "\"m"
                                                                                               "ost"
                                                                                               "_lo"
                                                                                               "ade"
                                                                                               "d\""
                                                                                               ":" LOADED
                                                                                               ",\""
                                                                                               "lea"
                                                                                               "st_"
                                                                                               "loa"
                                                                                               "ded"
                                                                                               "\""
                                                                                               ":" LOADED) ",\"allocator\":{\"type\":\"object\"},\"store\":{\"type\":\"object\"}");

static const char results_json[] =
    OBJECT("\"revision\"",
           "\"revision\":" INTEGER ",\"replayed\":" BOOLEAN ",\"results\":" ARRAY(REF("Result")));

#define LOAD                                                                                    \
    OR_NULL(OBJECT("\"assigned\",\"primaries\",\"item_limit\",\"effective_limit\",\"exiting\"", \
                   "\"assigned\":" INTEGER ",\"primaries\":" INTEGER ",\"item_limit\":" INTEGER \
                   ",\"effective_limit\":" INTEGER ",\"exiting\":" BOOLEAN))
#define PLAN_END                                                          \
    OBJECT("\"unattainable\",\"items_by_state\",\"zones\"",               \
           "\"unattainable\":" INTEGER                                    \
           ",\"items_by_state\":" OBJECT("", STATES) ",\"zones\":" ARRAY( \
               OBJECT("\"zone\",\"slots\",\"assigned\"",                  \
                      "\"zone\":" STRING ",\"slots\":" INTEGER ",\"assigned\":" INTEGER)))

static const char plan_json[] = OBJECT(
    "\"revision\",\"converged\",\"rounds\",\"totals\",\"moves\",\"moves_truncated\",\"before\","
    "\"after\",\"members\"",
    "\"revision\":" INTEGER ",\"token\":" STRING ",\"dry_run\":" BOOLEAN ",\"converged\":" BOOLEAN
    ",\"rounds\":" INTEGER ",\"totals\":" OBJECT(
        "\"add\",\"remove\",\"promote\",\"pack\"",
        "\"add\":" INTEGER ",\"remove\":" INTEGER ",\"promote\":" INTEGER
        ",\"pack\":" INTEGER) ",\"moves\":" ARRAY(OBJECT("\"round\",\"operation\",\"item\","
                                                         "\"zone\",\"suffix\",\"slot\"",
                                                         "\"round\":" INTEGER
                                                         ",\"operation\":{\"enum\":[\"add\","
                                                         "\"remove\",\"promote\",\"pack\"]},"
                                                         "\"item\":" STRING "," ZONE_SUFFIX
                                                         ",\"slot\":" INTEGER)) ",\"moves_"
                                                                                "truncated\""
                                                                                ":" BOOLEAN
                                                                                ",\"before\""
                                                                                ":" PLAN_END
                                                                                ",\"after\""
                                                                                ":" PLAN_END
                                                                                ",\"members\""
                                                                                ":" ARRAY(OBJECT(
                                                                                    "\"zone\","
                                                                                    "\"suffix\","
                                                                                    "\"before\","
                                                                                    "\"after\"",
                                                                                    ZONE_SUFFIX
                                                                                    ",\"before\""
                                                                                    ":" LOAD
                                                                                    ",\"after\""
                                                                                    ":" LOAD))
    /* of an applied one */
    ",\"results\":{\"type\":\"array\"}");

/* An applied plan replies as a batch does. */
static const char plan_or_results_json[] = "{\"anyOf\":[" REF("Plan") "," REF("Results") "]}";

#define WAIT OR_NULL(OBJECT("\"code\",\"detail\"", CODE))

static const char explanation_json[] = OBJECT(
    "\"revision\",\"id\",\"replication\",\"state\",\"replicas\",\"inconsistent\",\"missing\","
    "\"members\"",
    "\"revision\":" INTEGER ",\"id\":" STRING ",\"replication\":" INTEGER ",\"state\":" STRING
    ",\"replicas\":" ARRAY(OBJECT(
        "\"zone\",\"suffix\",\"slot\",\"primary\",\"consistent\",\"code\",\"detail\","
        "\"waits_for\"",
        ZONE_SUFFIX
        ",\"slot\":" INTEGER ",\"primary\":" BOOLEAN ",\"consistent\":" BOOLEAN "," CODE
        ",\"waits_for\":" WAIT)) ",\"inconsistent\":" ARRAY(OBJECT("\"zone\",\"suffix\"",
                                                                   ZONE_SUFFIX)) ",\"missing\""
                                                                                 ":" OR_NULL(OBJECT("\"replicas\",\"code\",\"detail\"", "\"replicas\":" INTEGER "," CODE)) ",\"members\":" ARRAY(
                                                                                     OBJECT(
                                                                                         "\"zone\","
                                                                                         "\"suffix"
                                                                                         "\","
                                                                                         "\"code\","
                                                                                         "\"detail"
                                                                                         "\","
                                                                                         "\"assigne"
                                                                                         "d\","
                                                                                         "\"desired"
                                                                                         "\","
                                                                                         "\"effecti"
                                                                                         "ve_"
                                                                                         "limit\"",
                                                                                         ZONE_SUFFIX
                                                                                         "," CODE
                                                                                         ",\"waits_"
                                                                                         "for\""
                                                                                         ":" WAIT
                                                                                         ",\"assign"
                                                                                         "ed\""
                                                                                         ":" INTEGER
                                                                                         ",\"desire"
                                                                                         "d\""
                                                                                         ":" INTEGER
                                                                                         ",\"effect"
                                                                                         "ive_"
                                                                                         "limit\""
                                                                                         ":" INTEGER)));

static const char stoppable_json[] = OBJECT(
    "\"revision\",\"min_consistent\",\"stoppable\",\"not_stoppable\"",
    "\"revision\":" INTEGER ",\"min_consistent\":" INTEGER
    ",\"stoppable\":" ARRAY(OBJECT("\"zone\",\"suffix\"", ZONE_SUFFIX)) ",\"not_stoppable\":" ARRAY(
        OBJECT("\"zone\",\"suffix\",\"blocking_items\",\"item\",\"detail\"", ZONE_SUFFIX
               ",\"blocking_items\":" INTEGER ",\"item\":" STRING ",\"detail\":" STRING)));

static const char plan_request_json[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"changes\"],"
    "\"properties\":{\"changes\":" REF("Changes") ",\"token\":" STRING "}}";

static const char stoppable_request_json[] =
    "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{\"members\":" ARRAY(OBJECT(
        "\"zone\",\"suffix\"",
        ZONE_SUFFIX)) ",\"zone\":" STRING
                      ",\"min_consistent\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":64}}}";

#define STRING_OR_NULL "{\"type\":[\"string\",\"null\"]}"
static const char allocator_json[] = OBJECT(
    "\"paused\",\"in_force\",\"valid\",\"max_moves_in_flight\",\"max_moves_in_flight_per_member\","
    "\"max_moves_in_flight_per_zone\",\"max_moves_per_minute\",\"moves_in_flight\",\"reason\","
    "\"until\",\"by\",\"since\"",
    "\"paused\":{\"enum\":[\"no\",\"rebalance\",\"all\"]},\"in_force\":{\"enum\":[\"no\","
    "\"rebalance\",\"all\"]},\"valid\":" BOOLEAN ",\"max_moves_in_flight\":" INTEGER_OR_NULL
    ",\"max_moves_in_flight_per_member\":" INTEGER_OR_NULL
    ",\"max_moves_in_flight_per_zone\":" INTEGER_OR_NULL
    ",\"max_moves_per_minute\":" INTEGER_OR_NULL ",\"moves_in_flight\":" INTEGER
    ",\"reason\":" STRING_OR_NULL ",\"until\":" STRING_OR_NULL ",\"by\":" STRING_OR_NULL
    ",\"since\":" STRING_OR_NULL);

static const char health_json[] = OBJECT("\"status\"", "\"status\":" STRING);

const struct openapi_schema openapi_schemas[] = {
    {"Problem", problem_json, NULL, false},
    {"Item", item_json, NULL, false},
    {"ItemList", LIST("Item"), NULL, false},
    {"ItemSpec", NULL, &items_put_json, false},
    {"ItemPatch", NULL, &items_put_json, true},
    {"Member", member_json, NULL, false},
    {"MemberList", LIST("Member"), NULL, false},
    {"MemberSpec", NULL, &members_put_json, false},
    {"MemberPatch", NULL, &members_patch_json, true},
    {"Assignment", assignment_json, NULL, false},
    {"AssignmentList", LIST("Assignment"), NULL, false},
    {"AssignmentPatch", NULL, &assignments_patch_json, false},
    {"Drain", drain_json, NULL, false},
    {"Heartbeat", heartbeat_json, NULL, false},
    {"Cluster", cluster_json, NULL, false},
    {"Change", NULL, &change_list_json, false},
    {"Changes", "{\"type\":\"array\",\"maxItems\":100,\"items\":" REF("Change") "}", NULL, false},
    {"ManyChanges", "{\"type\":\"array\",\"maxItems\":10000,\"items\":" REF("Change") "}", NULL,
     false},
    {"Result",
     OBJECT("\"status\"",
            "\"status\":" INTEGER ",\"revision\":" INTEGER ",\"body\":{\"type\":\"object\"}"),
     NULL, false},
    {"Results", results_json, NULL, false},
    {"PlanRequest", plan_request_json, NULL, false},
    {"Plan", plan_json, NULL, false},
    {"PlanOrResults", plan_or_results_json, NULL, false},
    {"Explanation", explanation_json, NULL, false},
    {"StoppableRequest", stoppable_request_json, NULL, false},
    {"Stoppable", stoppable_json, NULL, false},
    {"WatchMessage",
     OBJECT("\"revision\"", "\"revision\":" INTEGER ",\"bookmark\":" BOOLEAN
                            ",\"events\":" ARRAY("{\"type\":\"object\"}")),
     NULL, false},
    {"Allocator", allocator_json, NULL, false},
    {"AllocatorSpec", NULL, &allocator_put_json, false},
    {"Health", health_json, NULL, false},
    {"Document",
     "{\"type\":\"object\",\"required\":[\"openapi\",\"paths\"],\"properties\":{"
     "\"openapi\":" STRING ",\"paths\":{\"type\":\"object\"}}}",
     NULL, false},
};
const size_t openapi_schema_count = sizeof openapi_schemas / sizeof openapi_schemas[0];

/* --- query parameters --- */

const struct openapi_parameter openapi_parameters[] = {
    {"after", "{\"type\":\"integer\",\"minimum\":0}",
     "with wait: the revision of the list that may be out of date"},
    {"apply", BOOLEAN, "true: make the changes of the plan whose token is given"},
    {"atomic", BOOLEAN,
     "false: each change for itself, at most 10000 of them; without it all or none, at most 100"},
    {"continue", STRING, "the token of the page before, to go on at its revision"},
    {"dry_run", BOOLEAN,
     "true: check everything, write nothing, and reply 200 with the plan of what would come of it"},
    {"force", BOOLEAN, "true: although it still holds assignments"},
    {"from", "{\"type\":\"integer\",\"minimum\":0}",
     "the revision that was seen last: what came after it is told; without it, what comes next"},
    {"kind", STRING, "only changes of these: item, member, assignment, joined by commas"},
    {"item", STRING, "only those of this item"},
    {"label", STRING, "only with these labels: NAME=VALUE or NAME, joined by commas"},
    {"limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":5000}",
     "at most so many; 500 unless given"},
    {"max_moves", "{\"type\":\"integer\",\"minimum\":0,\"maximum\":20000}",
     "at most so many moves are listed; 1000 unless given"},
    {"min_revision", "{\"type\":\"integer\",\"minimum\":0}",
     "wait up to 5 s for this revision, which a write or a read has named"},
    {"prefix", STRING, "only ids that begin so"},
    {"state", "{\"enum\":[\"healthy\",\"converging\",\"under_replicated\",\"unassigned\"]}",
     "only items in this state"},
    {"suffix", STRING, "only those of members with this suffix"},
    {"wait", "{\"type\":\"string\",\"pattern\":\"^[0-9]+s?$\"}",
     "wait up to so many seconds (300) for a change after the revision `after`"},
    {"zone", STRING, "only those in this zone"},
};
const size_t openapi_parameter_count = sizeof openapi_parameters / sizeof openapi_parameters[0];

/* --- operations --- */

#define ITEM "/v1/items/{id}"
#define MEMBER "/v1/members/{zone}/{suffix}"
#define ASSIGNMENT "/v1/assignments/{item}/{zone}/{suffix}"

const struct openapi_operation openapi_operations[] = {
    {"GET", "/livez", "Whether the process answers", NULL, "Health", {200}, NULL},
    {"GET", "/readyz", "Whether it can serve: 503 if not", NULL, "Health", {200}, NULL},
    {"GET", "/openapi.json", "This document", NULL, "Document", {200}, NULL},
    {"GET", "/v1/allocator", "Show what the allocator puts off", NULL, "Allocator", {200}, NULL},
    {"PUT",
     "/v1/allocator",
     "Pause the allocator, wholly or but for repairs, or let it go on",
     "AllocatorSpec",
     "Allocator",
     {200},
     "{\"paused\":\"no\",\"reason\":\"all is well\"}"},
    {"GET", "/v1/assignments", "List assignments", NULL, "AssignmentList", {200}, NULL},
    {"GET", ASSIGNMENT, "Show an assignment", NULL, "Assignment", {200}, NULL},
    {"PATCH",
     ASSIGNMENT,
     "Report of an assignment, as its member: consistent, and a value",
     "AssignmentPatch",
     "Assignment",
     {200},
     "{\"consistent\":true,\"value\":{\"offset\":7}}"},
    {"POST",
     "/v1/batch",
     "Make several writes in one transaction, or each for itself",
     "ManyChanges",
     "Results",
     {200},
     "[{\"method\":\"PUT\",\"path\":\"/v1/items/orders%2F8\",\"body\":{\"replication\":1}}]"},
    {"GET", "/v1/cluster", "The whole at a glance", NULL, "Cluster", {200}, NULL},
    {"GET", "/v1/items", "List items", NULL, "ItemList", {200}, NULL},
    {"GET", ITEM, "Show an item", NULL, "Item", {200}, NULL},
    {"PUT",
     ITEM,
     "Create or replace an item",
     "ItemSpec",
     "Item",
     {200, 201},
     "{\"replication\":2,\"labels\":{\"team\":\"search\"}}"},
    {"PATCH",
     ITEM,
     "Change an item (JSON merge patch)",
     "ItemPatch",
     "Item",
     {200},
     "{\"labels\":{\"team\":null,\"tier\":\"1\"}}"},
    {"DELETE", ITEM, "Delete an item, and its assignments with it", NULL, NULL, {204}, NULL},
    {"GET", ITEM "/assignments", "List an item's assignments", NULL, "AssignmentList", {200}, NULL},
    {"GET", ITEM "/explain", "Why an item is placed as it is", NULL, "Explanation", {200}, NULL},
    {"GET", "/v1/members", "List members", NULL, "MemberList", {200}, NULL},
    {"POST",
     "/v1/members/stoppable",
     "Which members can stop now",
     "StoppableRequest",
     "Stoppable",
     {200},
     "{\"zone\":\"zone-a\",\"min_consistent\":1}"},
    {"GET", MEMBER, "Show a member", NULL, "Member", {200}, NULL},
    {"PUT",
     MEMBER,
     "Register a member, or change or adopt its registration",
     "MemberSpec",
     "Member",
     {200, 201},
     "{\"item_limit\":10,\"ttl_seconds\":60,\"session\":\"a-secret-of-16-or-more\"}"},
    {"PATCH",
     MEMBER,
     "Resize or label a member (JSON merge patch)",
     "MemberPatch",
     "Member",
     {200},
     "{\"item_limit\":12}"},
    {"DELETE", MEMBER, "Deregister a member", NULL, NULL, {204}, NULL},
    {"GET",
     MEMBER "/assignments",
     "List a member's assignments, or wait for them to change",
     NULL,
     "AssignmentList",
     {200},
     NULL},
    {"GET", MEMBER "/drain", "Show how far a member is drained", NULL, "Drain", {200}, NULL},
    {"POST", MEMBER "/drain", "Drain a member", NULL, "Drain", {200}, NULL},
    {"DELETE", MEMBER "/drain", "Take a drain back", NULL, "Drain", {200}, NULL},
    {"POST", MEMBER "/heartbeat", "Keep a member's lease alive", NULL, "Heartbeat", {200}, NULL},
    {"POST",
     "/v1/plan",
     "What would happen if; or apply that",
     "PlanRequest",
     "PlanOrResults",
     {200},
     "{\"changes\":[{\"method\":\"POST\",\"path\":\"/v1/members/zone-a/one/drain\"}]}"},
    {"GET",
     "/v1/watch",
     "Watch changes: a message for each revision",
     NULL,
     "WatchMessage",
     {200},
     NULL},
};
const size_t openapi_operation_count = sizeof openapi_operations / sizeof openapi_operations[0];
