#include "server/health_command.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "server/tool.h"

static const char help[] =
    "usage: allotd health [--ca FILE] [--cert FILE] [--key FILE] [URL]\n"
    "\n"
    "Asks a server how it is, by GET of URL (default http://127.0.0.1:8080/livez); /readyz asks\n"
    "whether it can serve as well. For a container's health check.\n"
    "\n"
    "  --ca FILE     authority whose certificate the server must show; default: the system's\n"
    "  --cert FILE   certificate to show to the server\n"
    "  --key FILE    its key\n"
    "\n"
    "Exit status: 0 if it is well; 1 if it says that it isn't, or nothing in 5 seconds; 2 on bad\n"
    "arguments.\n";

static const struct tool tool = {.name = "health", .help = help};

enum { TIMEOUT_MS = 5000, ANSWER_SIZE = 512 };

struct options {
    const char *url;
    const char *ca_file;
    const char *cert_file;
    const char *key_file;
};

/* The beginning of what the server has answered: enough to say why it isn't well. */
struct answer {
    char text[ANSWER_SIZE];
    size_t size;
};

/* --- arguments --- */

static int refuse(const char *argument, const char *why)
{
    (void)fprintf(stderr, "allotd health: %s: %s; see allotd health --help\n", argument, why);
    return TOOL_BAD_INPUT;
}

/* Where the flag's value goes; NULL: it is none of ours. *@ret_value: what it came with. */
static const char **find_flag(struct options *options, const char *argument, const char **ret_value)
{
    if (tool_is_flag(argument, "--ca", ret_value))
        return &options->ca_file;
    if (tool_is_flag(argument, "--cert", ret_value))
        return &options->cert_file;
    if (tool_is_flag(argument, "--key", ret_value))
        return &options->key_file;
    return NULL;
}

/* Returns 0, or an exit status with the fault told. */
static int parse(int argc, char **argv, struct options *ret)
{
    *ret = (struct options){0};
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i], *value = NULL;
        const char **file = find_flag(ret, argument, &value);
        if (file && !value && i + 1 < argc)
            value = argv[++i];
        if (file && (!value || !*value))
            return refuse(argument, "expected a file");
        if (file)
            *file = value;
        else if (argument[0] == '-')
            return refuse(argument, "unknown flag");
        else if (ret->url)
            return refuse(argument, "one URL only");
        else
            ret->url = argument;
    }
    if (!ret->url)
        ret->url = "http://127.0.0.1:8080/livez";
    return 0;
}

/* --- the request --- */

/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t keep_beginning(char *data, size_t size, size_t count, void *argument)
{
    struct answer *answer = argument;
    size_t room = sizeof answer->text - answer->size;
    size_t kept = size * count < room ? size * count : room;
    memcpy(answer->text + answer->size, data, kept);
    answer->size += kept;
    return size * count;
}

/* One that is NULL is left as it is. */
static bool set_file(CURL *easy, CURLoption option, const char *file)
{
    return !file || curl_easy_setopt(easy, option, file) == CURLE_OK;
}

static bool set_options(CURL *easy, const struct options *options, struct answer *answer, char *why)
{
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, keep_beginning);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           set_file(easy, CURLOPT_CAINFO, options->ca_file) &&
           set_file(easy, CURLOPT_SSLCERT, options->cert_file) &&
           set_file(easy, CURLOPT_SSLKEY, options->key_file) &&
           curl_easy_setopt(easy, CURLOPT_URL, options->url) == CURLE_OK;
}

/* Returns the exit status, with what is wrong told. */
static int ask(CURL *easy, const struct options *options)
{
    char why[CURL_ERROR_SIZE] = "";
    struct answer answer = {.size = 0};
    long status = 0;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (set_options(easy, options, &answer, why))
        code = curl_easy_perform(easy);
    if (code != CURLE_OK) {
        (void)fprintf(stderr, "allotd health: %s: %s\n", options->url,
                      why[0] ? why : curl_easy_strerror(code));
        return code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL ? TOOL_BAD_INPUT
                                                                                 : TOOL_FAILED;
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300)
        return TOOL_DONE;
    (void)fprintf(stderr, "allotd health: %s: status %ld: %.*s\n", options->url, status,
                  (int)answer.size, answer.text);
    return TOOL_FAILED;
}

int health_command(int argc, char **argv)
{
    struct options options;
    int status = TOOL_FAILED;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            (void)fputs(help, stdout);
            return tool_finish(&tool);
        }
    }
    int refused = parse(argc, argv, &options);
    if (refused)
        return refused;
    CURL *easy = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    if (easy)
        status = ask(easy, &options);
    else
        (void)fprintf(stderr, "allotd health: out of memory\n");
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return status;
}
