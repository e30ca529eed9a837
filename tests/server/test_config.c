/* Configuration: where values come from, and that each bad one is told apart. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdlib.h>

#include "server/config.h"
#include "server/etcd_store.h"

/* The environment of a test: pairs of name and value. */
static const char *const *variables;

static const char *environment(const char *name)
{
    for (const char *const *pair = variables; pair && *pair; pair += 2) {
        if (strcmp(pair[0], name) == 0) {
            return pair[1];
        }
    }
    return NULL;
}

static struct error_message why;
static enum config_command command = CONFIG_SERVE;

enum { MAX_ARGUMENTS = 32 };

/* Parses what is separated by spaces. */
static int parse(const char *line, struct config *ret, enum config_verdict *ret_verdict)
{
    static char copy[1024];
    char *argv[MAX_ARGUMENTS];
    char *rest = NULL;
    int argc = 0;
    (void)snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word && argc < MAX_ARGUMENTS;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    why.text[0] = '\0';
    return config_parse(command, argc, argv, environment, ret, ret_verdict, &why);
}

static struct config parsed(const char *line)
{
    struct config config;
    enum config_verdict verdict;
    cr_assert_eq(parse(line, &config, &verdict), 0, "%s", why.text);
    cr_assert_eq(verdict, CONFIG_RUN);
    return config;
}

static const char *listen_text(const struct config *config)
{
    static char text[128];
    config_address_format(&config->listen.address, text, sizeof text);
    return text;
}

Test(config, has_defaults)
{
    struct config config = parsed("");
    cr_assert_str_eq(listen_text(&config), "127.0.0.1:8080");
    cr_assert(config.listen.is_loopback);
    cr_assert_str_eq(config.root, "/allot");
    cr_assert_eq(config.store, CONFIG_STORE_EMBEDDED);
    cr_assert_str_eq(config.data_dir, "./allot-data");
    cr_assert_geq(config.threads, 1);
    cr_assert_eq(config.log_level, LOG_INFO);
    cr_assert_eq(config.log_format, LOG_FORMAT_LOGFMT);
    cr_assert_eq(config.host_name_count, 0);
    cr_assert_not(config.insecure);
    cr_assert_eq(config.max_connections, 1024);
    cr_assert_eq(config.max_connections_per_address, 0);
    cr_assert_eq(config.gather_ms, 30);
    cr_assert_eq(config.ttl_seconds, 20);
}

Test(config, takes_every_flag)
{
    struct config config = parsed(
        "--listen 0.0.0.0:0 --insecure --root=/my/root --store embedded --data-dir /d "
        "--threads 3 --log-level debug --log-format json --host-name a.example,b --host-name "
        "[fd00::1] --max-connections 9 --max-connections-per-address 4 --gather-ms 0 "
        "--ttl-seconds 3600");
    cr_assert_str_eq(listen_text(&config), "0.0.0.0:0");
    cr_assert_not(config.listen.is_loopback);
    cr_assert(config.insecure);
    cr_assert_str_eq(config.root, "/my/root");
    cr_assert_str_eq(config.data_dir, "/d");
    cr_assert_eq(config.threads, 3);
    cr_assert_eq(config.log_level, LOG_DEBUG);
    cr_assert_eq(config.log_format, LOG_FORMAT_JSON);
    cr_assert_eq(config.host_name_count, 3);
    cr_assert(span_equal(config.host_names[0], SPAN("a.example")));
    cr_assert(span_equal(config.host_names[1], SPAN("b")));
    cr_assert(span_equal(config.host_names[2], SPAN("[fd00::1]")));
    cr_assert_eq(config.max_connections, 9);
    cr_assert_eq(config.max_connections_per_address, 4);
    cr_assert_eq(config.gather_ms, 0);
    cr_assert_eq(config.ttl_seconds, 3600);
}

Test(config, a_flag_wins_over_its_variable)
{
    const char *const pairs[] = {"ALLOT_THREADS",
                                 "7",
                                 "ALLOT_LISTEN",
                                 "[::1]:9",
                                 "ALLOT_INSECURE",
                                 "1",
                                 "ALLOT_LOG_FORMAT",
                                 "",
                                 "STATE_DIRECTORY",
                                 "/sd",
                                 "ALLOT_HOST_NAMES",
                                 "x",
                                 NULL};
    variables = pairs;
    struct config config = parsed("--threads 2 --host-name y --insecure=false");
    cr_assert_eq(config.threads, 2);
    cr_assert_str_eq(listen_text(&config), "[::1]:9");
    cr_assert(config.listen.is_loopback);
    cr_assert_not(config.insecure);
    cr_assert_eq(config.log_format, LOG_FORMAT_LOGFMT); /* empty counts as unset */
    cr_assert_str_eq(config.data_dir, "/sd");
    cr_assert_eq(config.host_name_count, 1);
    cr_assert(span_equal(config.host_names[0], SPAN("y")));
    cr_assert_str_eq(parsed("--data-dir here").data_dir, "here");
}

Test(config, names_what_is_wrong)
{
    static const struct {
        const char *line;
        const char *expected;
    } cases[] = {
        {"--port 80", "--port: unknown flag; see --help"},
        {"--=x", "--: unknown flag; see --help"},
        {"-x", "-x: unknown flag; see --help"},
        {"now", "now: unknown argument; see --help"},
        {"--root", "--root: expected a value: PATH"},
        {"--listen 80",
         "--listen: \"80\": expected ADDRESS:PORT in numbers, such as 127.0.0.1:8080 "
         "or [::1]:8080"},
        {"--threads 0", "--threads: \"0\": expected a number from 1 to 256"},
        {"--threads 257", "--threads: \"257\": expected a number from 1 to 256"},
        {"--threads 1x", "--threads: \"1x\": expected a number from 1 to 256"},
        {"--threads=", "--threads: \"\": expected a number from 1 to 256"},
        {"--threads -1", "--threads: \"-1\": expected a number from 1 to 256"},
        {"--threads +1", "--threads: \"+1\": expected a number from 1 to 256"},
        {"--threads 99999999999999999999",
         "--threads: \"99999999999999999999\": expected a number from 1 to 256"},
        {"--log-level loud", "--log-level: \"loud\": expected one of error, warning, info, debug"},
        {"--store files", "--store: \"files\": expected one of embedded, etcd"},
        {"--insecure=maybe", "--insecure: \"maybe\": expected true or false"},
        {"--root allot",
         "--root: \"allot\": expected an absolute path without a slash at its end, such as /allot"},
        {"--host-name a,,b",
         "--host-name: \"a,,b\": expected names of hosts without ports, separated by commas"},
        {"--host-name a,",
         "--host-name: \"a,\": expected names of hosts without ports, separated by commas"},
        {"--host-name a:80",
         "--host-name: \"a:80\": expected names of hosts without ports, separated by commas"},
        {"--host-name [::1]:80",
         "--host-name: \"[::1]:80\": expected names of hosts without ports, separated by commas"},
        {"--host-name [",
         "--host-name: \"[\": expected names of hosts without ports, separated by commas"},
        {"--host-name a/b",
         "--host-name: \"a/b\": expected names of hosts without ports, separated by commas"},
        {"--host-name 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17",
         "--host-name: \"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\": expected at most 16 names"},
        {"--history=", "--history: \"\": expected FILE"},
        {"--data-dir=", "--data-dir: \"\": expected 1 to 4095 bytes"},
        {"--listen 0.0.0.0:80",
         "--listen 0.0.0.0:80 is not a loopback address, and whoever reaches it may change "
         "anything: give --auth-file, or --insecure"},
        {"--tls-cert c", "--tls-cert needs --tls-key"},
        {"--tls-key k", "--tls-key needs --tls-cert"},
        {"--tls-client-ca a", "--tls-client-ca needs --tls-cert"},
        {"--solver reference --balance-tolerance 5",
         "--balance-tolerance is for --solver optimal, and the solver is reference"},
        {"--balance-tolerance 1001",
         "--balance-tolerance: \"1001\": expected a number from 0 to 1000"},
        {"--rate-limit -1", "--rate-limit: \"-1\": expected a number from 0 to 1000000"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config config = {.threads = 77};
        enum config_verdict verdict;
        cr_expect_eq(parse(cases[i].line, &config, &verdict), ALLOT_EINVAL, "%s", cases[i].line);
        cr_expect_str_eq(why.text, cases[i].expected);
        cr_expect_eq(config.threads, 77, "%s: written to in spite of the error", cases[i].line);
    }
}

Test(config, refuses_what_is_no_address)
{
    static const char *const addresses[] = {
        "127.0.0.1",     ":8080",       "127.0.0.1:",    "127.0.0.1:65536", "127.0.0.1:-1",
        "::1:8080",      "[::1]",       "[::1:8080",     "[127.0.0.1]:80",  "example.org:80",
        "127.0.0.1:80x", "[::1]:80:90", "127.0.0.1: 80", "[]:80",           "[:]:80",
    };
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        const char *const pairs[] = {"ALLOT_LISTEN", addresses[i], NULL};
        struct config config;
        enum config_verdict verdict;
        variables = pairs;
        cr_expect_eq(parse("", &config, &verdict), ALLOT_EINVAL, "%s", addresses[i]);
        cr_expect(strncmp(why.text, "ALLOT_LISTEN: ", 14) == 0, "%s", why.text);
    }
}

Test(config, a_long_value_does_not_break_the_message)
{
    char line[900];
    struct config config;
    enum config_verdict verdict;
    (void)snprintf(line, sizeof line, "--root /%0800d/", 1);
    cr_assert_eq(parse(line, &config, &verdict), ALLOT_EINVAL);
    cr_assert(strstr(why.text, "\": expected an absolute path"));
    (void)snprintf(line, sizeof line, "--root /%0800d", 1);
    cr_assert_eq(parse(line, &config, &verdict), ALLOT_EINVAL);
    cr_assert(strstr(why.text, "expected 1 to 255 bytes"));
}

Test(config, help_and_version_win)
{
    struct config config;
    enum config_verdict verdict;
    cr_assert_eq(parse("--threads 0 --help", &config, &verdict), 0);
    cr_assert_eq(verdict, CONFIG_HELP);
    cr_assert_eq(parse("-h", &config, &verdict), 0);
    cr_assert_eq(verdict, CONFIG_HELP);
    cr_assert_eq(parse("--nonsense --version", &config, &verdict), 0);
    cr_assert_eq(verdict, CONFIG_VERSION);
}

Test(config, knows_the_variables_of_all_commands)
{
    static const char *const known[] = {"ALLOT_LISTEN", "ALLOT_ITEM_LIMIT", "ALLOT_HOLD_SECONDS"};
    static const char *const unknown[] = {"ALLOT_LISTN", "ALLOT_LISTEN_", "ALLOT_", ""};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        cr_expect(config_has_variable(known[i], strlen(known[i])), "%s", known[i]);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        cr_expect_not(config_has_variable(unknown[i], strlen(unknown[i])), "%s", unknown[i]);
    cr_expect_not(config_has_variable("ALLOT_LISTEN", strlen("ALLOT_LISTE")));
}

Test(config, help_names_every_flag_and_variable)
{
    static const char *const words[] = {
        "--listen ADDRESS:PORT",
        "ALLOT_LISTEN",
        "[127.0.0.1:8080]",
        "--root PATH",
        "ALLOT_ROOT",
        "--store NAME",
        "--data-dir DIRECTORY",
        "ALLOT_DATA_DIR",
        "--threads NUMBER",
        "(1 to 256)",
        "--log-level",
        "error, warning, info, debug",
        "embedded, etcd",
        "--etcd-endpoints URL[,URL...]",
        "ALLOT_ETCD_PASSWORD_FILE",
        "gateway, grpc [gateway]",
        "--log-format",
        "--host-name",
        "ALLOT_HOST_NAMES",
        "--insecure",
        "--auth-file FILE",
        "--tls-cert FILE",
        "--rate-limit NUMBER",
        "ALLOT_INSECURE",
        "--max-connections-per-address",
        "--gather-ms",
        "--solver NAME",
        "optimal, reference [optimal]",
        "--balance-tolerance PERCENT",
        "--certify",
        "--ttl-seconds",
        "--instance",
        "--version",
    };
    char text[8192] = "";
    FILE *out = fmemopen(text, sizeof text - 1, "w");
    cr_assert_not_null(out);
    config_help(CONFIG_SERVE, out);
    cr_assert_eq(fclose(out), 0);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        cr_expect(strstr(text, words[i]), "%s", words[i]);
    }
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        cr_expect_leq(strcspn(line, "\n"), 100, "%s", line);
    }
}

/* --- etcd's --- */

Test(config, of_etcd)
{
    struct config config =
        parsed("--store etcd --etcd-endpoints https://a:1,https://b:1 --etcd-ca ca --etcd-cert c "
               "--etcd-key k --etcd-user u --etcd-password-file p --etcd-protocol grpc");
    cr_assert_eq(config.store, CONFIG_STORE_ETCD);
    cr_assert_str_eq(config.etcd.endpoints, "https://a:1,https://b:1");
    cr_assert_str_eq(config.etcd.ca_file, "ca");
    cr_assert_str_eq(config.etcd.cert_file, "c");
    cr_assert_str_eq(config.etcd.key_file, "k");
    cr_assert_str_eq(config.etcd.user, "u");
    cr_assert_str_eq(config.etcd.password_file, "p");
    cr_assert_eq(config.etcd.protocol, ETCD_GRPC);
    static const char *const pairs[] = {"ALLOT_STORE", "etcd", "ALLOT_ETCD_ENDPOINTS",
                                        "http://[::1]:2379", NULL};
    variables = pairs;
    config = parsed("");
    cr_assert_eq(config.store, CONFIG_STORE_ETCD);
    cr_assert_str_eq(config.etcd.endpoints, "http://[::1]:2379");
    cr_assert_null(config.etcd.user);
    cr_assert_eq(config.etcd.protocol, ETCD_GATEWAY);
}

Test(config, of_etcd_that_does_not_fit_together)
{
    static const struct {
        const char *line;
        const char *expected;
    } cases[] = {
        {"--store etcd", "--etcd-endpoints: URL[,URL...] is needed with --store etcd"},
        {"--store etcd --etcd-endpoints=", "--etcd-endpoints: \"\": expected URL[,URL...]"},
        {"--store etcd --etcd-endpoints a:1",
         "--etcd-endpoints: \"a:1\" is not an endpoint such as http://127.0.0.1:2379"},
        {"--store etcd --etcd-endpoints http://user:secret@a:1",
         "--etcd-endpoints: an endpoint has no user or password: give --etcd-user and "
         "--etcd-password-file"},
        {"--etcd-endpoints http://a:1",
         "--etcd-endpoints is for --store etcd, and the store is embedded"},
        {"--store etcd --etcd-endpoints http://a:1 --etcd-protocol http",
         "--etcd-protocol: \"http\": expected one of gateway, grpc"},
        {"--store etcd --etcd-endpoints http://a:1 --etcd-cert c", "--etcd-cert needs --etcd-key"},
        {"--store etcd --etcd-endpoints http://a:1 --etcd-key k", "--etcd-key needs --etcd-cert"},
        {"--store etcd --etcd-endpoints http://a:1 --etcd-user u",
         "--etcd-user needs --etcd-password-file"},
        {"--store etcd --etcd-endpoints http://a:1 --etcd-password-file p",
         "--etcd-password-file needs --etcd-user"},
    };
    struct config config;
    enum config_verdict verdict;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cr_expect_eq(parse(cases[i].line, &config, &verdict), ALLOT_EINVAL, "%s", cases[i].line);
        cr_expect_str_eq(why.text, cases[i].expected);
    }
}

/* --- a member's --- */

Test(config, of_a_member_needs_its_name_and_limit)
{
    struct config config;
    enum config_verdict verdict;
    command = CONFIG_MEMBER;
    cr_assert_eq(parse("--suffix s --item-limit 4", &config, &verdict), ALLOT_EINVAL);
    cr_assert_str_eq(why.text, "--zone ZONE is needed: the failure zone that the member is in");
    cr_assert_eq(parse("--zone z#1 --suffix s --item-limit 4", &config, &verdict), ALLOT_EINVAL);
    cr_assert(strstr(why.text, "--zone: \"z#1\": expected a name"));
    static const char *const pairs[] = {"ALLOT_ITEM_LIMIT", "5", "ALLOT_LISTEN", "nonsense", NULL};
    variables = pairs;
    config = parsed("--zone z --suffix s --on-assign=true --etcd-endpoints http://a:1");
    cr_assert_eq(config.store, CONFIG_STORE_ETCD);
    cr_assert_str_eq(config.zone, "z");
    cr_assert_str_eq(config.suffix, "s");
    cr_assert_eq(config.item_limit, 5);
    cr_assert_str_eq(config.on_assign, "true");
    cr_assert_eq(config.on_assign_seconds, 60);
    config = parsed("--zone z --suffix s --store embedded");
    cr_assert_eq(config.store, CONFIG_STORE_EMBEDDED);
    variables = NULL;
    cr_assert_eq(parse("--listen 127.0.0.1:1", &config, &verdict), ALLOT_EINVAL);
    cr_assert_str_eq(why.text, "--listen: unknown flag; see --help");
    command = CONFIG_SERVE;
    cr_assert_eq(parse("--zone z", &config, &verdict), ALLOT_EINVAL);
    cr_assert_str_eq(why.text, "--zone: unknown flag; see --help");
}

Test(config, of_a_snapshot)
{
    struct config config;
    enum config_verdict verdict;
    static const char *const pairs[] = {"ALLOT_STORE", "etcd", "ALLOT_THREADS", "nonsense", NULL};
    command = CONFIG_SNAPSHOT_RESTORE;
    variables = pairs;
    config = parsed("--etcd-endpoints http://a:1 --root /x --hold-seconds 60");
    cr_assert_eq(config.store, CONFIG_STORE_ETCD);
    cr_assert_str_eq(config.root, "/x");
    cr_assert_eq(config.hold_seconds, 60);
    variables = NULL;
    cr_assert_eq(parsed("").store, CONFIG_STORE_EMBEDDED);
    cr_assert_eq(parse("--gather-ms 1", &config, &verdict), ALLOT_EINVAL);
    cr_assert_str_eq(why.text, "--gather-ms: unknown flag; see --help");
    command = CONFIG_SNAPSHOT_SAVE;
    cr_assert_eq(parse("--hold-seconds 1", &config, &verdict), ALLOT_EINVAL);
    cr_assert_str_eq(why.text, "--hold-seconds: unknown flag; see --help");
}
