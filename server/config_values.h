/* The values of options: texts, and what they mean. Private to the configuration. */
#ifndef ALLOT_SERVER_CONFIG_VALUES_H
#define ALLOT_SERVER_CONFIG_VALUES_H

#include "server/config.h"

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

/* One value on its way from where it was given: `origin` is "--flag" or "VARIABLE". */
struct given {
    const struct option *option;
    const char *origin;
    const char *value;
};

/* Sets the option's field of @config. ALLOT_EINVAL, told in @why: that is no such value. */
int config_set_option(const struct given *given, struct config *config, struct error_message *why);

/* The choices in a row, cut if need be. */
void config_list_choices(const char *const *choices, const char *separator, char *text,
                         size_t size);

#endif
