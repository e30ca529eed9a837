#include "api/openapi.h"
#include "api/resources.h"

/* The schemas of the document of the API: those of requests come from what these are read by, the
 * others are said here. */

#define INTEGER "{\"type\":\"integer\"}"
#define NUMBER "{\"type\":\"number\"}"
#define INTEGER_OR_NULL "{\"type\":[\"integer\",\"null\"]}"
#define STRING_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define OBJECT_OR_NULL "{\"type\":[\"object\",\"null\"]}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define STRING "{\"type\":\"string\"}"
#define BOOLEAN "{\"type\":\"boolean\"}"
#define ANY_OBJECT "{\"type\":\"object\"}"
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
#define PAGE_END ",\"revision\":" INTEGER ",\"continue\":" STRING
#define ZONE_SUFFIX "\"zone\":" STRING ",\"suffix\":" STRING
#define CODE "\"code\":" STRING ",\"detail\":" STRING
#define STATES                                                                         \
    "\"healthy\":" INTEGER ",\"converging\":" INTEGER ",\"under_replicated\":" INTEGER \
    ",\"unassigned\":" INTEGER

static const char problem_json[] =
    OBJECT("\"type\",\"title\",\"status\",\"code\",\"detail\"",
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

#define TOTALS                                                                                 \
    OBJECT("\"items\",\"members\",\"zones\",\"assignments\",\"item_slots\",\"member_slots\","  \
           "\"zone_slots\",\"unattainable\",\"invalid\"",                                      \
           "\"items\":" INTEGER ",\"members\":" INTEGER ",\"zones\":" INTEGER                  \
           ",\"assignments\":" INTEGER ",\"item_slots\":" INTEGER ",\"member_slots\":" INTEGER \
           ",\"zone_slots\":" INTEGER ",\"unattainable\":" INTEGER_OR_NULL                     \
           ",\"invalid\":" INTEGER)
#define ZONE                                                                \
    OBJECT("\"zone\",\"members\",\"slots\",\"assigned\"",                   \
           "\"zone\":" STRING ",\"members\":" INTEGER ",\"slots\":" INTEGER \
           ",\"assigned\":" INTEGER)
#define BALANCE                                \
    OBJECT("\"most_loaded\",\"least_loaded\"", \
           "\"most_loaded\":" LOADED ",\"least_loaded\":" LOADED)
#define GLANCE_REQUIRED "\"totals\",\"items_by_state\",\"zones\",\"balance\""
#define GLANCE           \
    "\"totals\":" TOTALS \
    ",\"items_by_state\":" OBJECT("", STATES) ",\"zones\":" ARRAY(ZONE) ",\"balance\":" BALANCE

static const char glance_json[] = OBJECT(GLANCE_REQUIRED, GLANCE);

#define LEADER_FIELDS "\"instance\":" STRING ",\"since_revision\":" INTEGER
#define LEADER OBJECT("\"instance\",\"since_revision\"", LEADER_FIELDS)

#define LOOP                                                                                \
    OBJECT("\"instance\",\"running\",\"leading\",\"failed_passes\",\"paused\",\"pending\"", \
           "\"instance\":" STRING ",\"running\":" BOOLEAN ",\"leading\":" BOOLEAN           \
           ",\"failed_passes\":" INTEGER                                                    \
           ",\"paused\":{\"enum\":[\"no\",\"rebalance\",\"all\"]},\"pending\":" OR_NULL(    \
               OBJECT("\"add\",\"remove\",\"keep\"",                                        \
                      "\"add\":" INTEGER ",\"remove\":" INTEGER ",\"keep\":" INTEGER)))
#define STORE                                                                   \
    OBJECT("\"kind\",\"reachable\",\"snapshot_age_ms\"",                        \
           "\"kind\":{\"enum\":[\"embedded\",\"etcd\"]},\"reachable\":" BOOLEAN \
           ",\"snapshot_age_ms\":" INTEGER)

static const char cluster_json[] =
    OBJECT("\"revision\",\"root\",\"leader\",\"solver\",\"balance_tolerance\"," GLANCE_REQUIRED
           ",\"allocator\",\"store\",\"history\",\"warnings\"",
           "\"revision\":" INTEGER ",\"root\":" STRING ",\"leader\":" OR_NULL(
               LEADER) ",\"solver\":{\"type\":\"string\",\"enum\":[\"optimal\",\"reference\"]}"
                       ",\"balance_tolerance\":{\"type\":\"integer\",\"description\":\"Percent\"}"
                       "," GLANCE ",\"allocator\":" LOOP ",\"store\":" STORE
                       ",\"history\":" REF("HistoryCondition") ",\"warnings\":" ARRAY(STRING));

#define COUNTS ",\"events\":" INTEGER ",\"bytes\":" INTEGER ",\"queued_events\":" INTEGER

static const char history_condition_json[] = OR_NULL(
    OBJECT("\"condition\",\"revision\",\"oldest_revision\",\"oldest_time\",\"events\",\"bytes\","
           "\"queued_events\"",
           "\"condition\":{\"enum\":[\"works\",\"behind\",\"fails\"]},\"detail\":" STRING
           ",\"revision\":" INTEGER ",\"oldest_revision\":" INTEGER
           ",\"oldest_time\":" STRING_OR_NULL COUNTS));

/* Which fields there are depends on the kind. */
static const char history_event_json[] = OBJECT(
    "\"revision\",\"order\",\"time\",\"time_source\",\"kind\",\"operation\",\"actor\","
    "\"before\",\"after\",\"create_revision\",\"version\"",
    "\"revision\":" INTEGER ",\"order\":" INTEGER ",\"time\":" TIME
    ",\"time_source\":{\"enum\":[\"writer\",\"observed\"]},\"kind\":{\"enum\":[\"item\","
    "\"member\",\"assignment\",\"allocator\",\"scheduler\",\"other\",\"gap\"]},\"operation\":{"
    "\"enum\":[\"create\",\"update\",\"delete\",\"expire\",\"miss\"]},\"reconstructed\":" BOOLEAN
    ",\"id\":" STRING ",\"item\":" STRING "," ZONE_SUFFIX ",\"slot\":" INTEGER ",\"key\":" STRING
    ",\"actor\":" OR_NULL(REF("HistoryActor")) ",\"before\":" OBJECT_OR_NULL
                                               ",\"after\":" OBJECT_OR_NULL
                                               ",\"create_revision\":" INTEGER
                                               ",\"version\":" INTEGER ",\"lease\":" STRING);

static const char history_actor_json[] =
    OBJECT("", "\"principal\":" STRING ",\"request_id\":" STRING ",\"trace_id\":" STRING
               ",\"method\":" STRING ",\"path\":" STRING ",\"reason\":" STRING
               ",\"instance\":" STRING ",\"fence\":" INTEGER ",\"round\":" INTEGER
               ",\"decided_on\":" INTEGER ",\"revision\":" INTEGER ",\"invalid\":" BOOLEAN);

#define CAUSE OBJECT("\"revision\",\"count\"", "\"revision\":" INTEGER ",\"count\":" INTEGER)
#define CUT                                                                        \
    OBJECT("\"items\",\"wanted\",\"slots\",\"full_members\",\"sharing\",\"text\"", \
           "\"items\":" INTEGER ",\"wanted\":" INTEGER ",\"slots\":" INTEGER       \
           ",\"full_members\":" INTEGER ",\"sharing\":" INTEGER ",\"text\":" STRING)
#define ROUND_WHY "{\"enum\":[\"leadership\",\"network\",\"settings\",\"assignments\",\"retry\"]}"

/* What the leader has recorded (core/round.h), of which one of another version may lack some. */
static const char history_round_json[] =
    OBJECT("\"revision\",\"recorded\",\"cause\"",
           "\"revision\":" INTEGER ",\"recorded\":" TIME ",\"cause\":" OR_NULL(
               CAUSE) ",\"fence\":" INTEGER ",\"round\":" INTEGER ",\"instance\":" STRING
                      ",\"began\":" TIME ",\"time\":" TIME ",\"why\":" ROUND_WHY
                      ",\"after_revision\":" INTEGER ",\"decided_on\":" INTEGER
                      ",\"solved\":" BOOLEAN ",\"additions\":" INTEGER ",\"removals\":" INTEGER
                      ",\"promotions\":" INTEGER ",\"packings\":" INTEGER ",\"moves\":" INTEGER
                      ",\"throttled\":" INTEGER ",\"skipped\":" INTEGER ",\"transactions\":" INTEGER
                      ",\"failed_transactions\":" INTEGER ",\"first_revision\":" INTEGER
                      ",\"last_revision\":" INTEGER ",\"revisions\":" ARRAY(
                          INTEGER) ",\"revisions_cut\":" BOOLEAN ",\"unknown_outcome\":" BOOLEAN
                                   ",\"assigned\":" INTEGER ",\"unattainable\":" INTEGER
                                   ",\"zone_excess\":" INTEGER ",\"overflow\":" INTEGER
                                   ",\"kept\":" INTEGER ",\"cut\":" CUT ",\"observe_ms\":" NUMBER
                                   ",\"solve_ms\":" NUMBER ",\"converge_ms\":" NUMBER
                                   ",\"wait_ms\":" NUMBER ",\"invalid\":" BOOLEAN);

static const char history_json[] =
    OBJECT("\"revision\",\"events\"", "\"events\":" ARRAY(REF("HistoryEvent")) PAGE_END);
static const char history_moves_json[] = OBJECT(
    "\"moves\",\"revision\",\"complete\"",
    "\"moves\":" ARRAY(OBJECT("\"item\",\"moves\",\"last_revision\",\"last_time\"",
                              "\"item\":" STRING ",\"moves\":" INTEGER ",\"last_revision\":" INTEGER
                              ",\"last_time\":" TIME)) ",\"revision\":" INTEGER
                                                       ",\"complete\":" BOOLEAN);
static const char history_rounds_json[] =
    OBJECT("\"revision\",\"rounds\"", "\"rounds\":" ARRAY(REF("HistoryRound")) PAGE_END);

static const char history_state_json[] =
    OBJECT("\"revision\",\"time\",\"cluster\"",
           "\"revision\":" INTEGER ",\"time\":" STRING_OR_NULL
           ",\"cluster\":" REF("Glance") ",\"members\":" ARRAY(REF("Member")) ",\"items\":" ARRAY(
               REF("Item")) ",\"assignments\":" ARRAY(REF("Assignment")));

static const char results_json[] =
    OBJECT("\"revision\"",
           "\"revision\":" INTEGER ",\"replayed\":" BOOLEAN ",\"results\":" ARRAY(REF("Result")));

#define LOAD                                                                                    \
    OR_NULL(OBJECT("\"assigned\",\"primaries\",\"item_limit\",\"effective_limit\",\"exiting\"", \
                   "\"assigned\":" INTEGER ",\"primaries\":" INTEGER ",\"item_limit\":" INTEGER \
                   ",\"effective_limit\":" INTEGER ",\"exiting\":" BOOLEAN))
#define LEVELS                                                                          \
    OBJECT("\"assigned\",\"zone_excess\",\"overflow\",\"kept\"",                        \
           "\"assigned\":" INTEGER ",\"zone_excess\":" INTEGER ",\"overflow\":" INTEGER \
           ",\"kept\":" INTEGER)
#define PLAN_ZONE                             \
    OBJECT("\"zone\",\"slots\",\"assigned\"", \
           "\"zone\":" STRING ",\"slots\":" INTEGER ",\"assigned\":" INTEGER)
#define PLAN_END                                                       \
    OBJECT("\"unattainable\",\"levels\",\"items_by_state\",\"zones\"", \
           "\"unattainable\":" INTEGER ",\"levels\":" LEVELS           \
           ",\"items_by_state\":" OBJECT("", STATES) ",\"zones\":" ARRAY(PLAN_ZONE))

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

#define CODE_OF(codes) "\"code\":{\"enum\":[" codes "]},\"detail\":" STRING
#define REPLICA_CODES                                                                     \
    "\"frozen\",\"kept\",\"member_gone\",\"member_drains\",\"over_limit\",\"displaced\"," \
    "\"surplus\",\"moves\""
#define MEMBER_CODES                                                         \
    "\"holds\",\"leaves\",\"arrives\",\"limit_zero\",\"draining\",\"full\"," \
    "\"not_needed\",\"passed_over\""
#define WAIT_CODES \
    "\"next_pass\",\"consistency\",\"slot\",\"capacity\",\"paused\",\"throttled\",\"turn\""
#define WAIT ",\"waits_for\":" OR_NULL(OBJECT("\"code\",\"detail\"", CODE_OF(WAIT_CODES)))
#define EXPLAINED_REPLICA                                                                         \
    OBJECT("\"zone\",\"suffix\",\"slot\",\"primary\",\"consistent\",\"code\",\"detail\",\"waits_" \
           "for\"",                                                                               \
           ZONE_SUFFIX ",\"slot\":" INTEGER ",\"primary\":" BOOLEAN ",\"consistent\":" BOOLEAN    \
                       "," CODE_OF(REPLICA_CODES) WAIT)
#define EXPLAINED_MEMBER                                                                           \
    OBJECT("\"zone\",\"suffix\",\"code\",\"detail\",\"assigned\",\"desired\",\"effective_limit\"", \
           ZONE_SUFFIX "," CODE_OF(MEMBER_CODES) WAIT                                              \
           ",\"assigned\":" INTEGER ",\"desired\":" INTEGER ",\"effective_limit\":" INTEGER)
#define FULL_ZONE                                 \
    OBJECT("\"zone\",\"full_members\",\"slots\"", \
           "\"zone\":" STRING ",\"full_members\":" INTEGER ",\"slots\":" INTEGER)
#define MISSING_CODES "\"capacity\",\"missed\",\"paused\",\"slot\",\"next_pass\""
/* What comes after the detail tells why some have no place: with_room if they were missed. */
#define MISSING                                                                                    \
    OBJECT("\"replicas\",\"unplaced\",\"code\",\"detail\"",                                        \
           "\"replicas\":" INTEGER ",\"unplaced\":" INTEGER                                        \
           "," CODE_OF(MISSING_CODES) ",\"items\":" INTEGER ",\"wanted\":" INTEGER                 \
                                      ",\"full_members\":" INTEGER ",\"slots\":" INTEGER           \
                                      ",\"sharing_members\":" INTEGER ",\"unattainable\":" INTEGER \
                                      ",\"zones\":" ARRAY(FULL_ZONE) ",\"with_room\":" OBJECT(     \
                                          "\"zone\",\"suffix\"", ZONE_SUFFIX))

static const char explanation_json[] = OBJECT(
    "\"revision\",\"id\",\"replication\",\"state\",\"replicas\",\"inconsistent\",\"missing\","
    "\"members\"",
    "\"revision\":" INTEGER ",\"id\":" STRING ",\"replication\":" INTEGER ",\"state\":" STRING
    ",\"replicas\":" ARRAY(EXPLAINED_REPLICA) ",\"inconsistent\":" ARRAY(OBJECT(
        "\"zone\",\"suffix\"",
        ZONE_SUFFIX)) ",\"missing\":" OR_NULL(MISSING) ",\"members\":" ARRAY(EXPLAINED_MEMBER));

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

static const char allocator_json[] = OBJECT(
    "\"paused\",\"in_force\",\"valid\",\"max_moves_in_flight\",\"max_moves_in_flight_per_member\","
    "\"max_moves_in_flight_per_zone\",\"max_moves_per_minute\",\"moves_in_flight\",\"reason\","
    "\"until\",\"by\",\"since\"",
    "\"paused\":{\"enum\":[\"no\",\"rebalance\",\"all\"]},\"in_force\":{\"enum\":[\"no\","
    "\"rebalance\",\"all\"]},\"valid\":" BOOLEAN ",\"max_moves_in_flight\":" INTEGER_OR_NULL
    ",\"max_moves_in_flight_per_member\":" INTEGER_OR_NULL
    ",\"max_moves_in_flight_per_zone\":" INTEGER_OR_NULL
    ",\"max_moves_per_minute\":" INTEGER_OR_NULL ",\"moves_in_flight\":" INTEGER
    ",\"reason\":" STRING_OR_NULL ",\"until\":" TIME_OR_NULL ",\"by\":" STRING_OR_NULL
    ",\"since\":" TIME_OR_NULL);

/* Changes, or where it is, or that it can't go on. */
static const char watch_message_json[] = "{\"anyOf\":[" OBJECT(
    "\"revision\",\"events\"",
    "\"revision\":" INTEGER ",\"events\":" ARRAY(REF(
        "WatchEvent"))) "," OBJECT("\"revision\",\"bookmark\"",
                                   "\"revision\":" INTEGER
                                   ",\"bookmark\":{\"const\":true}") "," OBJECT("\"gone\","
                                                                                "\"detail\"",
                                                                                "\"gone\":{"
                                                                                "\"const\":true},"
                                                                                "\"detail\""
                                                                                ":" STRING) "]}";

/* Which fields there are depends on the kind; after a deletion, only those that name it. */
static const char watch_event_json[] = OBJECT(
    "\"kind\",\"operation\",\"mod_revision\"",
    "\"kind\":{\"enum\":[\"item\",\"member\",\"assignment\"]},\"operation\":{\"enum\":[\"put\","
    "\"delete\"]},\"id\":" STRING ",\"item\":" STRING "," ZONE_SUFFIX ",\"slot\":" INTEGER
    ",\"replication\":" INTEGER
    ",\"consistency\":{\"enum\":[\"immediate\",\"reported\"]},\"labels\":" LABELS
    ",\"item_limit\":" INTEGER ",\"exiting\":" BOOLEAN ",\"reported\":" BOOLEAN
    ",\"value\":{},\"invalid\":" BOOLEAN "," REVISIONS);

static const char lease_json[] =
    OBJECT("\"ttl_seconds\",\"seconds_left\"",
           "\"ttl_seconds\":" INTEGER_OR_NULL ",\"seconds_left\":" INTEGER_OR_NULL);

static const char principal_json[] =
    OBJECT("\"name\",\"role\",\"zone\",\"suffix\",\"tokens\"",
           "\"name\":" STRING
           ",\"role\":{\"enum\":[\"reader\",\"member\",\"operator\"]},\"zone\":" STRING_OR_NULL
           ",\"suffix\":" STRING_OR_NULL ",\"tokens\":" BOOLEAN);

static const char health_json[] =
    OBJECT("\"status\"", "\"status\":" STRING ",\"snapshot_age_ms\":" INTEGER);

/* What a POST brings that needs nothing: no web page elsewhere can send JSON. */
static const struct json_spec empty_json = {NULL, 0, false};

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
    {"Lease", lease_json, NULL, false},
    {"Principal", principal_json, NULL, false},
    {"Empty", NULL, &empty_json, false},
    {"File", STRING, NULL, false},
    {"Metrics", STRING, NULL, false},
    {"Cluster", cluster_json, NULL, false},
    {"Glance", glance_json, NULL, false},
    {"History", history_json, NULL, false},
    {"HistoryEvent", history_event_json, NULL, false},
    {"HistoryActor", history_actor_json, NULL, false},
    {"HistoryMoves", history_moves_json, NULL, false},
    {"HistoryRounds", history_rounds_json, NULL, false},
    {"HistoryRound", history_round_json, NULL, false},
    {"HistoryState", history_state_json, NULL, false},
    {"HistoryCondition", history_condition_json, NULL, false},
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
    {"WatchMessage", watch_message_json, NULL, false},
    {"WatchEvent", watch_event_json, NULL, false},
    {"Allocator", allocator_json, NULL, false},
    {"AllocatorSpec", NULL, &allocator_put_json, false},
    {"Health", health_json, NULL, false},
    {"Document",
     OBJECT("\"openapi\",\"info\",\"paths\"",
            "\"openapi\":" STRING ",\"info\":" ANY_OBJECT ",\"servers\":" ARRAY(
                ANY_OBJECT) ",\"paths\":" ANY_OBJECT ",\"components\":" ANY_OBJECT),
     NULL, false},
};
const size_t openapi_schema_count = sizeof openapi_schemas / sizeof openapi_schemas[0];
