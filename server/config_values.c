#include "server/config_values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/keys.h"

/* --- faults --- */

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

void config_list_choices(const char *const *choices, const char *separator, char *text, size_t size)
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
    config_list_choices(choices, ", ", names, sizeof names);
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

int config_set_option(const struct given *given, struct config *config, struct error_message *why)
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
        if (!*given->value)
            return refuse(given, why, "%s", given->option->metavariable);
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
