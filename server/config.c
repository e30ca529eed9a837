#include "server/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/keys.h"
#include "server/etcd_endpoints.h"

/* --- the table --- */

enum option_kind {
    OPTION_ADDRESS,
    OPTION_ROOT,
    OPTION_PATH,
    OPTION_NAME,
    OPTION_TEXT,
    OPTION_INTEGER,
    OPTION_CHOICE,
    OPTION_NAMES,
    OPTION_SWITCH,
};

struct option {
    const char *flag; /* without the dashes */
    const char *variable;
    enum option_kind kind;
    size_t offset; /* of the field in struct config */
    int minimum;   /* OPTION_INTEGER */
    int maximum;
    const char *const *choices; /* OPTION_CHOICE: the value is an index in these */
    const char *fallback;       /* the default, as a value; NULL: none, or computed */
    const char *metavariable;   /* NULL: takes no value */
    const char *help;
    unsigned commands; /* that have it: enum config_command */
    bool required;
};

static const char *const store_names[] = {
    [CONFIG_STORE_EMBEDDED] = "embedded", [CONFIG_STORE_ETCD] = "etcd", NULL};
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

enum { ALL = CONFIG_SERVE | CONFIG_MEMBER };

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
     "run by the shell for each item that it gains or loses, told in ALLOT_EVENT, ALLOT_ITEM",
     CONFIG_MEMBER, false},
    {"on-assign-seconds", "ALLOT_ON_ASSIGN_SECONDS", OPTION_INTEGER, FIELD(on_assign_seconds), 1,
     86400, NULL, "60", "SECONDS", "after which that command is killed", CONFIG_MEMBER, false},
    {"root", "ALLOT_ROOT", OPTION_ROOT, FIELD(root), 0, 0, NULL, "/allot", "PATH",
     "prefix of all keys in the store", ALL, false},
    {"store", "ALLOT_STORE", OPTION_CHOICE, FIELD(store), 0, 0, store_names, "embedded", "NAME",
     "where the state is kept", CONFIG_SERVE, false},
    {"store", "ALLOT_STORE", OPTION_CHOICE, FIELD(store), 0, 0, store_names, "etcd", "NAME",
     "where the state is kept", CONFIG_MEMBER, false},
    {"data-dir", "ALLOT_DATA_DIR", OPTION_PATH, FIELD(data_dir), 0, 0, NULL, NULL, "DIRECTORY",
     "the embedded store's directory; default: $STATE_DIRECTORY, or else ./allot-data", ALL, false},
    {"etcd-endpoints", "ALLOT_ETCD_ENDPOINTS", OPTION_TEXT, FIELD(etcd.endpoints), 0, 0, NULL, NULL,
     "URL[,URL...]", "where etcd serves clients, such as http://127.0.0.1:2379", ALL, false},
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
    {"threads", "ALLOT_THREADS", OPTION_INTEGER, FIELD(threads), 1, 256, NULL, NULL, "NUMBER",
     "threads that listen, and that solve; default: one for each processor", ALL, false},
    {"log-level", "ALLOT_LOG_LEVEL", OPTION_CHOICE, FIELD(log_level), 0, 0, level_names, "info",
     "LEVEL", "least important entries to log", ALL, false},
    {"log-format", "ALLOT_LOG_FORMAT", OPTION_CHOICE, FIELD(log_format), 0, 0, format_names,
     "logfmt", "FORMAT", "how to write them to standard error", ALL, false},
    {"host-name", "ALLOT_HOST_NAMES", OPTION_NAMES, FIELD(host_names), 0, 0, NULL, NULL,
     "NAME[,NAME...]", "more names that clients may call this server by; may be repeated",
     CONFIG_SERVE, false},
    {"tls-cert", "ALLOT_TLS_CERT", OPTION_TEXT, FIELD(tls.cert_file), 0, 0, NULL, NULL, "FILE",
     "certificate to serve HTTPS with, and its chain; read again on SIGHUP", CONFIG_SERVE, false},
    {"tls-key", "ALLOT_TLS_KEY", OPTION_TEXT, FIELD(tls.key_file), 0, 0, NULL, NULL, "FILE",
     "its key; read again likewise", CONFIG_SERVE, false},
    {"tls-client-ca", "ALLOT_TLS_CLIENT_CA", OPTION_TEXT, FIELD(tls.client_ca_file), 0, 0, NULL,
     NULL, "FILE", "authority that clients must show a certificate of", CONFIG_SERVE, false},
    {"auth-file", "ALLOT_AUTH_FILE", OPTION_TEXT, FIELD(auth_file), 0, 0, NULL, NULL, "FILE",
     "who is let in: lines of NAME ROLE SHA-256-OF-TOKEN; read again on SIGHUP", CONFIG_SERVE,
     false},
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
    {"gather-ms", "ALLOT_GATHER_MS", OPTION_INTEGER, FIELD(gather_ms), 0, 10000, NULL, "30",
     "MILLISECONDS", "how long to gather changes before they are acted on together", ALL, false},
    {"ttl-seconds", "ALLOT_TTL_SECONDS", OPTION_INTEGER, FIELD(ttl_seconds), 2, 3600, NULL, "20",
     "SECONDS", "time to live of the process's own lease", ALL, false},
};

enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static bool has_option(enum config_command command, const struct option *option)
{
    return (option->commands & (unsigned)command) != 0;
}

/* --- faults --- */

/* One value on its way from where it was given: `origin` is "--flag" or "VARIABLE". */
struct given {
    const struct option *option;
    const char *origin;
    const char *value;
};

__attribute__((format(printf, 3, 4))) static int
refuse(const struct given *given, struct error_message *why, const char *expected, ...)
{
    char text[ERROR_MESSAGE_SIZE / 2];
    va_list arguments;
    va_start(arguments, expected);
    (void)vsnprintf(text, sizeof text, expected, arguments);
    va_end(arguments);
    (void)snprintf(why->text, sizeof why->text, "%.48s: \"%.64s\": expected %s", given->origin,
                   given->value, text);
    return ALLOT_EINVAL;
}

/* --- values --- */

static bool is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *v6 = (const void *)address;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* Splits ADDRESS:PORT or [ADDRESS]:PORT; false if it isn't one. */
static bool split_address(const char *text, char *address, size_t size, const char **ret_port)
{
    const char *colon = strrchr(text, ':');
    if (!colon) {
        return false;
    }
    size_t length = (size_t)(colon - text);
    bool bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text++;
        length -= 2;
    } else if (memchr(text, ':', length)) {
        return false;
    }
    if (length == 0 || length >= size) {
        return false;
    }
    memcpy(address, text, length);
    address[length] = '\0';
    *ret_port = colon + 1;
    return bracketed == (strchr(address, ':') != NULL);
}

static int parse_integer(const char *text, int minimum, int maximum, int *ret)
{
    char *end = NULL;
    if (*text < '0' || *text > '9') {
        return ALLOT_EINVAL;
    }
    errno = 0;
    long number = strtol(text, &end, 10);
    if (errno != 0 || *end != '\0' || number < minimum || number > maximum) {
        return ALLOT_EINVAL;
    }
    *ret = (int)number;
    return 0;
}

static int set_address(const struct given *given, struct config_address *ret,
                       struct error_message *why)
{
    static const char expected[] = "ADDRESS:PORT in numbers, such as 127.0.0.1:8080 or [::1]:8080";
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char address[128];
    const char *port;
    int number;
    if (!split_address(given->value, address, sizeof address, &port) ||
        parse_integer(port, 0, 65535, &number) < 0 ||
        getaddrinfo(address, port, &hints, &found) != 0) {
        return refuse(given, why, "%s", expected);
    }
    memcpy(&ret->address, found->ai_addr, found->ai_addrlen);
    ret->size = found->ai_addrlen;
    ret->is_loopback = is_loopback(&ret->address);
    freeaddrinfo(found);
    return 0;
}

static int set_text(const struct given *given, char *ret, size_t size, struct error_message *why)
{
    size_t length = strlen(given->value);
    if (length == 0 || length >= size) {
        return refuse(given, why, "1 to %zu bytes", size - 1);
    }
    memcpy(ret, given->value, length + 1);
    return 0;
}

static int set_name(const struct given *given, char *ret, struct error_message *why)
{
    if (!keys_name_is_valid(span_of(given->value))) {
        return refuse(given, why, "a name: bytes above '#' only");
    }
    return set_text(given, ret, CONFIG_MAX_NAME, why);
}

static int set_root(const struct given *given, char *ret, struct error_message *why)
{
    if (!keys_root_is_valid(span_of(given->value))) {
        return refuse(given, why, "an absolute path without a slash at its end, such as /allot");
    }
    return set_text(given, ret, CONFIG_MAX_ROOT, why);
}

static int set_integer(const struct given *given, int *ret, struct error_message *why)
{
    const struct option *option = given->option;
    if (parse_integer(given->value, option->minimum, option->maximum, ret) < 0) {
        return refuse(given, why, "a number from %d to %d", option->minimum, option->maximum);
    }
    return 0;
}

static void list_choices(const char *const *choices, const char *separator, char *text, size_t size)
{
    size_t length = 0;
    text[0] = '\0';
    for (size_t i = 0; choices[i] && length < size; i++) {
        int added =
            snprintf(text + length, size - length, "%s%s", i > 0 ? separator : "", choices[i]);
        length += added > 0 ? (size_t)added : 0;
    }
}

static int set_choice(const struct given *given, int *ret, struct error_message *why)
{
    const char *const *choices = given->option->choices;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(choices[i], given->value) == 0) {
            *ret = i;
            return 0;
        }
    }
    char names[ERROR_MESSAGE_SIZE / 4];
    list_choices(choices, ", ", names, sizeof names);
    return refuse(given, why, "%s%s", choices[1] ? "one of " : "", names);
}

static int set_switch(const struct given *given, bool *ret, struct error_message *why)
{
    if (strcmp(given->value, "true") == 0 || strcmp(given->value, "1") == 0) {
        *ret = true;
    } else if (strcmp(given->value, "false") == 0 || strcmp(given->value, "0") == 0) {
        *ret = false;
    } else {
        return refuse(given, why, "true or false");
    }
    return 0;
}

/* A name or an address, without a port; IPv6 addresses in brackets. */
static bool is_host_name(struct span name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char digits[] = "0123456789abcdefABCDEF:.";
    if (name.size > 2 && name.data[0] == '[') {
        size_t length = 1 + strspn(name.data + 1, digits);
        return length == name.size - 1 && name.data[length] == ']';
    }
    return name.size > 0 && name.size <= 253 && strspn(name.data, letters) >= name.size;
}

/* Adds the comma-separated names to those there are. */
static int add_names(const struct given *given, struct config *config, struct error_message *why)
{
    const char *rest = given->value;
    do {
        struct span name = {rest, strcspn(rest, ",")};
        if (!is_host_name(name)) {
            return refuse(given, why, "names of hosts without ports, separated by commas");
        }
        if (config->host_name_count == CONFIG_MAX_HOST_NAMES) {
            return refuse(given, why, "at most %d names", CONFIG_MAX_HOST_NAMES);
        }
        config->host_names[config->host_name_count++] = name;
        rest += name.size;
    } while (*rest++ == ',');
    return 0;
}

static int set_option(const struct given *given, struct config *config, struct error_message *why)
{
    void *field = (char *)config + given->option->offset;
    switch (given->option->kind) {
    case OPTION_ADDRESS:
        return set_address(given, field, why);
    case OPTION_ROOT:
        return set_root(given, field, why);
    case OPTION_PATH:
        return set_text(given, field, CONFIG_MAX_PATH, why);
    case OPTION_NAME:
        return set_name(given, field, why);
    case OPTION_TEXT:
        *(const char **)field = given->value;
        return 0;
    case OPTION_INTEGER:
        return set_integer(given, field, why);
    case OPTION_CHOICE:
        return set_choice(given, field, why);
    case OPTION_NAMES:
        return add_names(given, config, why);
    case OPTION_SWITCH:
        return set_switch(given, field, why);
    }
    return ALLOT_EINVAL;
}

/* --- sources --- */

struct parsing {
    enum config_command command;
    config_environment *environment;
    struct config config;
    bool is_given[OPTION_COUNT];
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
        int error = is_set ? set_option(&given, &parsing->config, parsing->why) : 0;
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
        int error = set_option(&given, &parsing->config, parsing->why);
        if (error < 0) {
            return error;
        }
        parsing->is_given[i] = true;
    }
    return 0;
}

static const struct option *find_option(enum config_command command, const char *name,
                                        size_t length)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (strlen(options[i].flag) == length && strncmp(options[i].flag, name, length) == 0) {
            return has_option(command, &options[i]) ? &options[i] : NULL;
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
    return set_option(&given, &parsing->config, why);
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
    if (!config->etcd.endpoints || !*config->etcd.endpoints) {
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
        list_choices(option->choices, ", ", names, sizeof names);
        (void)fprintf(out, ": %s", names);
    } else if (option->kind == OPTION_INTEGER) {
        (void)fprintf(out, " (%d to %d)", option->minimum, option->maximum);
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

void config_address_format(const struct sockaddr_storage *address, char *text, size_t size)
{
    char host[64];
    char port[16];
    socklen_t length =
        address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (getnameinfo((const struct sockaddr *)address, length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        (void)snprintf(text, size, "?");
        return;
    }
    (void)snprintf(text, size, address->ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}
