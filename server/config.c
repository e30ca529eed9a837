#include "server/config.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "core/solution.h"
#include "server/config_values.h"
#include "server/etcd_endpoints.h"
#include "server/etcd_store.h"
#include "server/item_moves.h"

/* --- the table --- */

static const char *const store_names[] = {
    [CONFIG_STORE_EMBEDDED] = "embedded", [CONFIG_STORE_ETCD] = "etcd", NULL};
static const char *const protocol_names[] = {
    [ETCD_GATEWAY] = "gateway", [ETCD_GRPC] = "grpc", NULL};
static const char *const level_names[] = {
    [LOG_ERROR] = "error",
    [LOG_WARNING] = "warning",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
    NULL,
};
static const char *const format_names[] = {
    [LOG_FORMAT_LOGFMT] = "logfmt",
    [LOG_FORMAT_JSON] = "json",
    NULL,
};

enum { RUNS = CONFIG_SERVE | CONFIG_MEMBER, ALL = RUNS | CONFIG_SNAPSHOT };

#define FIELD(name) offsetof(struct config, name)

static const struct option options[] = {
    {"listen", "ALLOT_LISTEN", OPTION_ADDRESS, FIELD(listen), 0, 0, NULL, "127.0.0.1:8080",
     "ADDRESS:PORT", "where to serve HTTP; [::1]:8080 for IPv6; port 0: any free one", CONFIG_SERVE,
     false},
    {"zone", "ALLOT_ZONE", OPTION_NAME, FIELD(zone), 0, 0, NULL, NULL, "ZONE",
     "the failure zone that the member is in", CONFIG_MEMBER, true},
    {"suffix", "ALLOT_SUFFIX", OPTION_NAME, FIELD(suffix), 0, 0, NULL, NULL, "SUFFIX",
     "the member's name in its zone", CONFIG_MEMBER, true},
    {"item-limit", "ALLOT_ITEM_LIMIT", OPTION_INTEGER, FIELD(item_limit), 0, INT32_MAX, NULL, NULL,
     "NUMBER", "how many replicas it can hold", CONFIG_MEMBER, true},
    {"on-assign", "ALLOT_ON_ASSIGN", OPTION_TEXT, FIELD(on_assign), 0, 0, NULL, NULL, "COMMAND",
     "run by the shell for each item that it gains, loses, or has in another slot, told in "
     "ALLOT_EVENT, ALLOT_ITEM, ALLOT_SLOT",
     CONFIG_MEMBER, false},
    {"on-assign-seconds", "ALLOT_ON_ASSIGN_SECONDS", OPTION_INTEGER, FIELD(on_assign_seconds), 1,
     86400, NULL, "60", "SECONDS", "after which that command is killed", CONFIG_MEMBER, false},
    {"root", "ALLOT_ROOT", OPTION_ROOT, FIELD(root), 0, 0, NULL, "/allot", "PATH",
     "prefix of all keys in the store", ALL, false},
    {"store", "ALLOT_STORE", OPTION_CHOICE, FIELD(store), 0, 0, store_names, "embedded", "NAME",
     "where the state is kept", CONFIG_SERVE | CONFIG_SNAPSHOT, false},
    {"store", "ALLOT_STORE", OPTION_CHOICE, FIELD(store), 0, 0, store_names, "etcd", "NAME",
     "where the state is kept", CONFIG_MEMBER, false},
    {"data-dir", "ALLOT_DATA_DIR", OPTION_PATH, FIELD(data_dir), 0, 0, NULL, NULL, "DIRECTORY",
     "for the embedded store and the history; default: $STATE_DIRECTORY, or else ./allot-data", ALL,
     false},
    {"history", "ALLOT_HISTORY", OPTION_TEXT, FIELD(history.file), 0, 0, NULL, NULL, "FILE",
     "where to keep what has happened; none: nowhere; default: history.db in data-dir",
     CONFIG_SERVE, false},
    {"history-max-days", "ALLOT_HISTORY_MAX_DAYS", OPTION_INTEGER, FIELD(history.max_days), 0,
     36500, NULL, "90", "DAYS", "for how long; 0: for ever", CONFIG_SERVE, false},
    {"history-max-mib", "ALLOT_HISTORY_MAX_MIB", OPTION_INTEGER, FIELD(history.max_mib), 0,
     INT32_MAX, NULL, "4096", "MEBIBYTES", "how large its file may become, about; 0: any size",
     CONFIG_SERVE, false},
    {"etcd-endpoints", "ALLOT_ETCD_ENDPOINTS", OPTION_TEXT, FIELD(etcd.endpoints), 0, 0, NULL, NULL,
     "URL[,URL...]", "where etcd serves clients, such as http://127.0.0.1:2379", ALL, false},
    {"etcd-protocol", "ALLOT_ETCD_PROTOCOL", OPTION_CHOICE, FIELD(etcd.protocol), 0, 0,
     protocol_names, "gateway", "NAME", "how to make requests; grpc is faster, and new", ALL,
     false},
    {"etcd-ca", "ALLOT_ETCD_CA", OPTION_TEXT, FIELD(etcd.ca_file), 0, 0, NULL, NULL, "FILE",
     "authorities whose certificates etcd may show; default: the system's", ALL, false},
    {"etcd-cert", "ALLOT_ETCD_CERT", OPTION_TEXT, FIELD(etcd.cert_file), 0, 0, NULL, NULL, "FILE",
     "certificate to show to etcd", ALL, false},
    {"etcd-key", "ALLOT_ETCD_KEY", OPTION_TEXT, FIELD(etcd.key_file), 0, 0, NULL, NULL, "FILE",
     "its key", ALL, false},
    {"etcd-user", "ALLOT_ETCD_USER", OPTION_TEXT, FIELD(etcd.user), 0, 0, NULL, NULL, "NAME",
     "user of etcd; default: none", ALL, false},
    {"etcd-password-file", "ALLOT_ETCD_PASSWORD_FILE", OPTION_TEXT, FIELD(etcd.password_file), 0, 0,
     NULL, NULL, "FILE", "file with that user's password, read at every login", ALL, false},
    {"hold-seconds", "ALLOT_HOLD_SECONDS", OPTION_INTEGER, FIELD(hold_seconds), 0, 86400, NULL, "0",
     "SECONDS", "restore to etcd: how long to keep the members' leases alive, for servers to start",
     CONFIG_SNAPSHOT_RESTORE, false},
    {"threads", "ALLOT_THREADS", OPTION_INTEGER, FIELD(threads), 1, 256, NULL, NULL, "NUMBER",
     "threads that listen, and that solve; default: one for each processor", RUNS, false},
    {"log-level", "ALLOT_LOG_LEVEL", OPTION_CHOICE, FIELD(log_level), 0, 0, level_names, "info",
     "LEVEL", "least important entries to log", ALL, false},
    {"log-format", "ALLOT_LOG_FORMAT", OPTION_CHOICE, FIELD(log_format), 0, 0, format_names,
     "logfmt", "FORMAT", "how to write them to standard error", ALL, false},
    {"host-name", "ALLOT_HOST_NAMES", OPTION_NAMES, FIELD(host_names), 0, 0, NULL, NULL,
     "NAME[,NAME...]", "more names that clients may call this server by; may be repeated",
     CONFIG_SERVE, false},
    {"tls-cert", "ALLOT_TLS_CERT", OPTION_TEXT, FIELD(tls.cert_file), 0, 0, NULL, NULL, "FILE",
     "certificate to serve HTTPS with, and its chain; read again when it changes", CONFIG_SERVE,
     false},
    {"tls-key", "ALLOT_TLS_KEY", OPTION_TEXT, FIELD(tls.key_file), 0, 0, NULL, NULL, "FILE",
     "its key; read again likewise", CONFIG_SERVE, false},
    {"tls-client-ca", "ALLOT_TLS_CLIENT_CA", OPTION_TEXT, FIELD(tls.client_ca_file), 0, 0, NULL,
     NULL, "FILE", "authority that clients must show a certificate of; read again likewise",
     CONFIG_SERVE, false},
    {"auth-file", "ALLOT_AUTH_FILE", OPTION_TEXT, FIELD(auth_file), 0, 0, NULL, NULL, "FILE",
     "who is let in: lines of NAME ROLE SHA-256-OF-TOKEN (16 to 512 bytes); read again on SIGHUP",
     CONFIG_SERVE, false},
    {"insecure", "ALLOT_INSECURE", OPTION_SWITCH, FIELD(insecure), 0, 0, NULL, "false", NULL,
     "listen on an address that others can reach, although anybody is let in", CONFIG_SERVE, false},
    {"rate-limit", "ALLOT_RATE_LIMIT", OPTION_INTEGER, FIELD(rate_limit), 0, 1000000, NULL, "0",
     "NUMBER", "requests a second of each principal, or of each address; 0: any number",
     CONFIG_SERVE, false},
    {"max-connections", "ALLOT_MAX_CONNECTIONS", OPTION_INTEGER, FIELD(max_connections), 1, 1000000,
     NULL, "1024", "NUMBER", "connections at a time", CONFIG_SERVE, false},
    {"max-watches", "ALLOT_MAX_WATCHES", OPTION_INTEGER, FIELD(max_watches), 0, 1000000, NULL,
     "512", "NUMBER", "connections that may watch changes, of max-connections", CONFIG_SERVE,
     false},
    {"max-connections-per-address", "ALLOT_MAX_CONNECTIONS_PER_ADDRESS", OPTION_INTEGER,
     FIELD(max_connections_per_address), 0, 1000000, NULL, "0", "NUMBER",
     "of which one address may have so many; 0: any number", CONFIG_SERVE, false},
    {"instance", "ALLOT_INSTANCE", OPTION_NAME, FIELD(instance), 0, 0, NULL, NULL, "NAME",
     "this server's name among those that may lead, which no other has; default: a random one",
     CONFIG_SERVE, false},
    {"solver", "ALLOT_SOLVER", OPTION_CHOICE, FIELD(solver), 0, 0, solver_kind_names, "optimal",
     "NAME", "how to decide: the best there is, or as the reference does", CONFIG_SERVE, false},
    {"balance-tolerance", "ALLOT_BALANCE_TOLERANCE", OPTION_INTEGER, FIELD(balance_tolerance), 0,
     STATE_MAX_BALANCE_TOLERANCE, NULL, "0", "PERCENT",
     "how far above its fair share a member may be before anything moves", CONFIG_SERVE, false},
    {"certify", "ALLOT_CERTIFY", OPTION_SWITCH, FIELD(certify), 0, 0, NULL, "false", NULL,
     "check the proof of each decision, and log an error if there is none", CONFIG_SERVE, false},
    {"thrash-moves", "ALLOT_THRASH_MOVES", OPTION_INTEGER, FIELD(thrash_moves), 1,
     ITEM_MOVES_MAX_LIMIT, NULL, "6", "NUMBER",
     "moves of an item within an hour: one with more is told of by /metrics", CONFIG_SERVE, false},
    {"gather-ms", "ALLOT_GATHER_MS", OPTION_INTEGER, FIELD(gather_ms), 0, 10000, NULL, "30",
     "MILLISECONDS", "how long to gather changes before they are acted on together", RUNS, false},
    {"ttl-seconds", "ALLOT_TTL_SECONDS", OPTION_INTEGER, FIELD(ttl_seconds), 2, 3600, NULL, "20",
     "SECONDS", "time to live of the process's own lease", RUNS, false},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static bool has_option(enum config_command command, const struct option *option)
{
    return (option->commands & (unsigned)command) != 0;
}

/* --- sources --- */

struct parsing {
    enum config_command command;
    config_environment *environment;
    struct config config;
    bool is_given[OPTION_COUNT];
    bool has_named_hosts; /* by flags, each of which adds to those before */
    struct error_message *why;
};

static int set_fallbacks(struct parsing *parsing)
{
    const char *state_directory = parsing->environment("STATE_DIRECTORY"); /* by service managers */
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    parsing->config.threads = processors < 1 ? 1 : processors > 256 ? 256 : (int)processors;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        struct given given = {&options[i], "default", options[i].fallback};
        if (options[i].offset == FIELD(data_dir)) {
            bool has_one = state_directory && *state_directory;
            given.origin = has_one ? "STATE_DIRECTORY" : "default";
            given.value = has_one ? state_directory : "./allot-data";
        }
        bool is_set = given.value && has_option(parsing->command, &options[i]);
        int error = is_set ? config_set_option(&given, &parsing->config, parsing->why) : 0;
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

static int set_variables(struct parsing *parsing)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *value = parsing->environment(options[i].variable);
        struct given given = {&options[i], options[i].variable, value};
        if (!value || !*value || !has_option(parsing->command, &options[i])) {
            continue;
        }
        int error = config_set_option(&given, &parsing->config, parsing->why);
        if (error < 0) {
            return error;
        }
        parsing->is_given[i] = true;
    }
    return 0;
}

bool config_has_variable(const char *name, size_t size)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const char *variable = options[i].variable;
        if (strlen(variable) == size && memcmp(variable, name, size) == 0) {
            return true;
        }
    }
    return false;
}

static const struct option *find_option(enum config_command command, const char *name,
                                        size_t length)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (has_option(command, &options[i]) && strlen(options[i].flag) == length &&
            strncmp(options[i].flag, name, length) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

/* Takes one flag, and its value from the next argument unless it came with "=". */
static int set_flag(struct parsing *parsing, int argc, char *const *argv, int *index)
{
    const char *argument = argv[*index];
    struct error_message *why = parsing->why;
    bool is_flag = strncmp(argument, "--", 2) == 0;
    size_t length = strcspn(argument, "=");
    const struct option *option =
        is_flag ? find_option(parsing->command, argument + 2, length - 2) : NULL;
    if (!option) {
        (void)snprintf(why->text, sizeof why->text, "%.*s: unknown %s; see --help",
                       length > 64 ? 64 : (int)length, argument,
                       *argument == '-' ? "flag" : "argument");
        return ALLOT_EINVAL;
    }
    char origin[64];
    (void)snprintf(origin, sizeof origin, "--%s", option->flag);
    struct given given = {option, origin, "true"};
    if (argument[length] == '=') {
        given.value = argument + length + 1;
    } else if (option->kind != OPTION_SWITCH) {
        if (*index + 1 >= argc) {
            (void)snprintf(why->text, sizeof why->text, "%s: expected a value: %s", origin,
                           option->metavariable);
            return ALLOT_EINVAL;
        }
        given.value = argv[++*index];
    }
    parsing->is_given[option - options] = true;
    if (option->kind == OPTION_NAMES && !parsing->has_named_hosts) {
        parsing->config.host_name_count = 0; /* the variable's */
        parsing->has_named_hosts = true;
    }
    return config_set_option(&given, &parsing->config, why);
}

static int check_required(const struct parsing *parsing)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (options[i].required && has_option(parsing->command, &options[i]) &&
            !parsing->is_given[i]) {
            (void)snprintf(parsing->why->text, sizeof parsing->why->text, "--%s %s is needed: %s",
                           options[i].flag, options[i].metavariable, options[i].help);
            return ALLOT_EINVAL;
        }
    }
    return 0;
}

/* What is given for etcd says which one to use, and etcd is what the state is kept in: somebody who
 * forgets --store would else have an empty store of another kind. */
static int check_store(const struct parsing *parsing)
{
    const struct config *config = &parsing->config;
    struct etcd_endpoints endpoints;
    struct error_message fault = {""};
    bool is_etcd = config->store == CONFIG_STORE_ETCD;
    for (size_t i = 0; i < OPTION_COUNT && !is_etcd; i++) {
        if (parsing->is_given[i] && strncmp(options[i].flag, "etcd-", 5) == 0) {
            (void)snprintf(parsing->why->text, sizeof parsing->why->text,
                           "--%s is for --store etcd, and the store is %s", options[i].flag,
                           store_names[config->store]);
            return ALLOT_EINVAL;
        }
    }
    if (!is_etcd) {
        return 0;
    }
    if (!config->etcd.endpoints) {
        (void)snprintf(fault.text, sizeof fault.text, "URL[,URL...] is needed with --store etcd");
    } else if (etcd_endpoints_init(&endpoints, config->etcd.endpoints, 0, &fault) == 0) {
        return 0;
    }
    (void)snprintf(parsing->why->text, sizeof parsing->why->text, "--etcd-endpoints: %.200s",
                   fault.text);
    return ALLOT_EINVAL;
}

/* Those of which one is useless without the other. */
static int check_pairs(const struct parsing *parsing)
{
    const struct config *config = &parsing->config;
    const struct {
        const char *flag;
        const char *value;
    } pairs[][2] = {
        {{"etcd-cert", config->etcd.cert_file}, {"etcd-key", config->etcd.key_file}},
        {{"etcd-user", config->etcd.user}, {"etcd-password-file", config->etcd.password_file}},
        {{"tls-cert", config->tls.cert_file}, {"tls-key", config->tls.key_file}},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        int given = pairs[i][0].value != NULL;
        if (given != (pairs[i][1].value != NULL)) {
            (void)snprintf(parsing->why->text, sizeof parsing->why->text, "--%s needs --%s",
                           pairs[i][!given].flag, pairs[i][given].flag);
            return ALLOT_EINVAL;
        }
    }
    if (config->tls.client_ca_file && !config->tls.cert_file) {
        (void)snprintf(parsing->why->text, sizeof parsing->why->text,
                       "--tls-client-ca needs --tls-cert");
        return ALLOT_EINVAL;
    }
    return 0;
}

/* The reference's solver knows no tolerance. */
static int check_solver(const struct config *config, struct error_message *why)
{
    if (config->solver != SOLVER_REFERENCE || config->balance_tolerance == 0)
        return 0;
    (void)snprintf(why->text, sizeof why->text,
                   "--balance-tolerance is for --solver optimal, and the solver is reference");
    return ALLOT_EINVAL;
}

/* An address that others can reach, and nothing that keeps them out. */
static int check_exposure(const struct config *config, struct error_message *why)
{
    char address[128];
    if (config->listen.is_loopback || config->insecure || config->auth_file) {
        return 0;
    }
    config_address_format(&config->listen.address, address, sizeof address);
    (void)snprintf(why->text, sizeof why->text,
                   "--listen %s is not a loopback address, and whoever reaches it may change "
                   "anything: give --auth-file, or --insecure",
                   address);
    return ALLOT_EINVAL;
}

int config_parse(enum config_command command, int argc, char *const *argv,
                 config_environment *environment, struct config *ret,
                 enum config_verdict *ret_verdict, struct error_message *why)
{
    struct parsing parsing = {.command = command, .environment = environment, .why = why};
    for (int i = 0; i < argc; i++) {
        bool help = strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0;
        if (help || strcmp(argv[i], "--version") == 0) {
            *ret_verdict = help ? CONFIG_HELP : CONFIG_VERSION;
            return 0;
        }
    }
    int error = set_fallbacks(&parsing);
    if (error == 0) {
        error = set_variables(&parsing);
    }
    for (int i = 0; i < argc && error == 0; i++) {
        error = set_flag(&parsing, argc, argv, &i);
    }
    if (error == 0) {
        error = check_required(&parsing);
    }
    if (error == 0) {
        error = check_store(&parsing);
    }
    if (error == 0) {
        error = check_pairs(&parsing);
    }
    if (error == 0) {
        error = check_solver(&parsing.config, why);
    }
    if (error == 0 && command == CONFIG_SERVE) {
        error = check_exposure(&parsing.config, why);
    }
    if (error == 0) {
        *ret = parsing.config;
        *ret_verdict = CONFIG_RUN;
    }
    return error;
}

/* --- texts --- */

static void print_option(FILE *out, const struct option *option)
{
    char flag[64];
    char names[80];
    (void)snprintf(flag, sizeof flag, "--%s%s%s", option->flag, option->metavariable ? " " : "",
                   option->metavariable ? option->metavariable : "");
    (void)fprintf(out, "  %-40s%s\n      %s", flag, option->variable, option->help);
    if (option->kind == OPTION_CHOICE) {
        config_list_choices(option->choices, ", ", names, sizeof names);
        (void)fprintf(out, ": %s", names);
    } else if (option->kind == OPTION_INTEGER) {
        (void)fprintf(out, " (%d to %d)", option->minimum, option->maximum);
    } else if (option->kind == OPTION_SWITCH) {
        (void)fprintf(out, " (true or false)");
    }
    if (option->fallback && option->kind != OPTION_SWITCH) {
        (void)fprintf(out, " [%s]", option->fallback);
    }
    (void)fputc('\n', out);
}

void config_help(enum config_command command, FILE *out)
{
    (void)fprintf(out, "  %-40s%s\n", "flag", "or the environment variable; [default]");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (has_option(command, &options[i])) {
            print_option(out, &options[i]);
        }
    }
    (void)fprintf(out, "  %s\n  %s\n", "--help, -h", "--version");
}
