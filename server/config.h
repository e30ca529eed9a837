/* The server's configuration: flags, ALLOT_* environment variables and defaults, from one table.
 * A flag wins over its variable, which wins over the default; an empty variable counts as unset.
 * Host names alone add up. */
#ifndef ALLOT_SERVER_CONFIG_H
#define ALLOT_SERVER_CONFIG_H

#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>

#include "core/error.h"
#include "core/span.h"
#include "server/log.h"

enum {
    CONFIG_MAX_PATH = 4096,
    CONFIG_MAX_ROOT = 256,
    CONFIG_MAX_HOST_NAMES = 16,
    CONFIG_MAX_NAME = 129, /* of a zone or a suffix, with its terminating zero */
};

/* Whose configuration it is: each has flags that the other hasn't. */
enum config_command {
    CONFIG_SERVE = 1,
    CONFIG_MEMBER = 2,
    CONFIG_SNAPSHOT_SAVE = 4,
    CONFIG_SNAPSHOT_RESTORE = 8,
    CONFIG_SNAPSHOT = CONFIG_SNAPSHOT_SAVE | CONFIG_SNAPSHOT_RESTORE, /* for config_help */
};

enum config_store { CONFIG_STORE_EMBEDDED, CONFIG_STORE_ETCD };

struct config_address {
    struct sockaddr_storage address;
    socklen_t size;
    bool is_loopback;
};

struct config {
    struct config_address listen;
    char root[CONFIG_MAX_ROOT];
    int store; /* enum config_store */
    char data_dir[CONFIG_MAX_PATH];
    struct {
        const char *file; /* borrowed likewise; NULL: in data_dir; "none": nowhere */
        int max_days;
        int max_mib;
    } history;
    struct { /* borrowed from the arguments or the environment; NULL: not given */
        const char *endpoints;
        const char *ca_file;
        const char *cert_file;
        const char *key_file;
        const char *user;
        const char *password_file;
        int protocol; /* enum etcd_protocol */
    } etcd;
    int threads;
    int log_level;  /* enum log_level */
    int log_format; /* enum log_format */
    /* Borrowed from the arguments or the environment. */
    struct span host_names[CONFIG_MAX_HOST_NAMES];
    size_t host_name_count;
    bool insecure;
    struct { /* borrowed likewise; NULL: not given */
        const char *cert_file;
        const char *key_file;
        const char *client_ca_file;
    } tls;
    int rate_limit;        /* requests a second; 0: any number */
    const char *auth_file; /* borrowed likewise; NULL: everybody is let in */
    int max_connections;
    int max_watches;
    int max_connections_per_address; /* 0: any number */
    int gather_ms;
    int ttl_seconds;
    int solver;                     /* enum solver_kind */
    int balance_tolerance;          /* percent */
    bool certify;                   /* what it answers */
    int thrash_moves;               /* of an item within an hour: beyond that it thrashes */
    char instance[CONFIG_MAX_NAME]; /* empty: the store's */
    /* Of a member. */
    char zone[CONFIG_MAX_NAME];
    char suffix[CONFIG_MAX_NAME];
    int item_limit;
    const char *on_assign; /* borrowed likewise; NULL: no command */
    int on_assign_seconds;
    int hold_seconds; /* of a restore */
};

enum config_verdict { CONFIG_RUN, CONFIG_HELP, CONFIG_VERSION };

typedef const char *config_environment(const char *name);

/* Reads @argc arguments (those after the subcommand) and what @environment tells of the variables;
 * a variable of another command's is ignored. On success @ret_verdict says what was asked for; @ret
 * is complete, in what @command has, if that is CONFIG_RUN. Errors: ALLOT_EINVAL, with the flag or
 * variable, its value and what was expected in @why. */
int config_parse(enum config_command command, int argc, char *const *argv,
                 config_environment *environment, struct config *ret,
                 enum config_verdict *ret_verdict, struct error_message *why);

/* Whether a command has the variable whose name @size bytes at @name are. */
bool config_has_variable(const char *name, size_t size);

/* Writes what --help shows of the flags. */
void config_help(enum config_command command, FILE *out);

/* "127.0.0.1:8080" or "[::1]:8080" of an address, into @text of @size bytes, cut if need be. */
void config_address_format(const struct sockaddr_storage *address, char *text, size_t size);

#endif
