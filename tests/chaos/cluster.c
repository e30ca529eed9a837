#include "tests/chaos/cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "server/history_check.h"
#include "tests/support/http_client.h"

enum { PATIENCE_MS = 60000, LOOK_MS = 20, MAX_ARGUMENTS = 32, TEXT = 128 };

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    perror(what);
    abort();
}

static void pause_ms(int ms)
{
    (void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

struct sockaddr_storage cluster_address(const struct process *process)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)process->port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    memcpy(&storage, &address, sizeof address);
    return storage;
}

/* Ports that are free now. Held until all are chosen, so that they differ. */
static void choose_ports(int *ports, int count)
{
    int held[16];
    for (int i = 0; i < count; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        socklen_t size = sizeof address;
        held[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        must(held[i] >= 0 && bind(held[i], (struct sockaddr *)&address, size) == 0 &&
                 getsockname(held[i], (struct sockaddr *)&address, &size) == 0,
             "cluster: no free port");
        ports[i] = ntohs(address.sin_port);
    }
    for (int i = 0; i < count; i++)
        (void)close(held[i]);
}

/* --- processes --- */

/* Becomes the program, with its output in a file of the directory. */
static void become(const struct cluster *cluster, const char *log, const char *const *arguments)
{
    union {
        const char *const *constant;
        char *const *variable;
    } argv = {arguments};
    char path[2 * TEMPORARY_SIZE];
    sigset_t none;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)snprintf(path, sizeof path, "%s/%s.log", cluster->directory, log);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
        (void)execvp(arguments[0], argv.variable);
    _exit(127);
}

static void run_etcd(const struct cluster *cluster, int number)
{
    char name[TEXT], data[2 * TEMPORARY_SIZE], client[TEXT], peer[TEXT], members[4 * TEXT];
    (void)snprintf(name, sizeof name, "etcd%d", number);
    (void)snprintf(data, sizeof data, "%s/%s", cluster->directory, name);
    (void)snprintf(client, sizeof client, "http://127.0.0.1:%d", cluster->etcds[number].port);
    (void)snprintf(peer, sizeof peer, "http://127.0.0.1:%d", cluster->peer_ports[number]);
    (void)snprintf(members, sizeof members,
                   "etcd0=http://127.0.0.1:%d,etcd1=http://127.0.0.1:%d,etcd2=http://127.0.0.1:%d",
                   cluster->peer_ports[0], cluster->peer_ports[1], cluster->peer_ports[2]);
    const char *const arguments[] = {"etcd",  "--name",
                                     name,    "--data-dir",
                                     data,    "--logger",
                                     "zap",   "--log-level",
                                     "error", "--heartbeat-interval",
                                     "50",    "--election-timeout",
                                     "500",   "--listen-client-urls",
                                     client,  "--advertise-client-urls",
                                     client,  "--listen-peer-urls",
                                     peer,    "--initial-advertise-peer-urls",
                                     peer,    "--initial-cluster",
                                     members, NULL};
    become(cluster, name, arguments);
}

static void name_data(const struct cluster *cluster, int number, char *text, size_t size)
{
    (void)snprintf(text, size, "%s/allotd%d.data", cluster->directory, number);
}

/* The allotd that lies beside this program. */
static void run_allotd(const struct cluster *cluster, int number)
{
    char self[4096];
    char binary[4200];
    char name[TEXT], data[2 * TEMPORARY_SIZE], listen[TEXT], ttl[TEXT];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    must(size > 0, "cluster: /proc/self/exe");
    self[size] = '\0';
    (void)snprintf(binary, sizeof binary, "%.*s/allotd", (int)(strrchr(self, '/') - self), self);
    (void)snprintf(name, sizeof name, "allotd%d", number);
    name_data(cluster, number, data, sizeof data);
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", cluster->allotds[number].port);
    (void)snprintf(ttl, sizeof ttl, "%d", CLUSTER_TTL_S);
    const char *const arguments[] = {binary,
                                     "serve",
                                     "--data-dir",
                                     data,
                                     "--store",
                                     "etcd",
                                     "--etcd-endpoints",
                                     cluster->proxy_endpoints,
                                     "--instance",
                                     name,
                                     "--root",
                                     CLUSTER_ROOT,
                                     "--listen",
                                     listen,
                                     "--ttl-seconds",
                                     ttl,
                                     "--threads",
                                     "2",
                                     NULL};
    become(cluster, name, arguments);
}

static struct process *find(struct cluster *cluster, enum process_kind kind, int number)
{
    return kind == PROCESS_ETCD ? &cluster->etcds[number] : &cluster->allotds[number];
}

void cluster_restart(struct cluster *cluster, enum process_kind kind, int number)
{
    struct process *process = find(cluster, kind, number);
    if (process->pid)
        return;
    process->pid = fork();
    must(process->pid >= 0, "cluster: fork");
    if (process->pid == 0 && kind == PROCESS_ETCD)
        run_etcd(cluster, number);
    else if (process->pid == 0)
        run_allotd(cluster, number);
}

void cluster_kill(struct cluster *cluster, enum process_kind kind, int number)
{
    struct process *process = find(cluster, kind, number);
    if (process->pid == 0)
        return;
    (void)kill(process->pid, SIGKILL);
    (void)waitpid(process->pid, NULL, 0);
    process->pid = 0;
    process->frozen = false;
}

static void send_signal(struct process *process, int number, bool frozen)
{
    if (process->pid == 0)
        return;
    (void)kill(process->pid, number);
    process->frozen = frozen;
}

void cluster_freeze(struct cluster *cluster, enum process_kind kind, int number)
{
    send_signal(find(cluster, kind, number), SIGSTOP, true);
}

void cluster_thaw(struct cluster *cluster, enum process_kind kind, int number)
{
    send_signal(find(cluster, kind, number), SIGCONT, false);
}

bool cluster_has_lost_one(struct cluster *cluster)
{
    for (int kind = PROCESS_ETCD; kind <= PROCESS_ALLOTD; kind++) {
        for (int i = 0; i < CLUSTER_SIZE; i++) {
            struct process *process = find(cluster, (enum process_kind)kind, i);
            int status = 0;
            if (process->pid == 0 || waitpid(process->pid, &status, WNOHANG) == 0)
                continue;
            process->pid = 0;
            fprintf(stderr, "cluster: %s %d has ended by itself, wait status %d\n",
                    kind == PROCESS_ETCD ? "etcd" : "allotd", i, status);
            return true;
        }
    }
    return false;
}

/* --- requests --- */

static int ask(const struct process *process, const char *method, const char *path,
               const char *body, struct http_reply *ret)
{
    struct sockaddr_storage address = cluster_address(process);
    struct http_client client;
    int status = 0;
    if (process->pid && !process->frozen && http_client_connect(&client, &address)) {
        status = http_client_request(&client, method, path, "", body, ret);
        http_client_close(&client);
    }
    return status;
}

static int request(const struct process *process, const char *method, const char *path,
                   const char *body)
{
    struct http_reply *reply = malloc(sizeof *reply);
    must(reply != NULL, "cluster: malloc");
    int status = ask(process, method, path, body, reply);
    free(reply);
    return status;
}

bool cluster_post(const struct cluster *cluster, int number, const char *path, const char *body)
{
    return request(&cluster->etcds[number], "POST", path, body) == 200;
}

/* What an etcd has as of a revision; 0: the newest. */
struct etcd_hash {
    int64_t revision; /* the newest */
    int64_t compacted;
    int64_t hash;
};

static int64_t number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    at = at ? at + strlen(name) : "";
    return strtoll(at + strspn(at, "\":"), NULL, 10);
}

static bool hash_etcd(const struct process *etcd, int64_t revision, struct etcd_hash *ret)
{
    struct http_reply *reply = malloc(sizeof *reply);
    char body[64];
    must(reply != NULL, "cluster: malloc");
    (void)snprintf(body, sizeof body, "{\"revision\":\"%" PRId64 "\"}", revision);
    bool answers = ask(etcd, "POST", "/v3/maintenance/hash", body, reply) == 200;
    if (answers)
        *ret = (struct etcd_hash){.revision = number_after(reply->body, "\"revision"),
                                  .compacted = number_after(reply->body, "\"compact_revision"),
                                  .hash = number_after(reply->body, "\"hash")};
    free(reply);
    return answers;
}

bool cluster_etcds_differ(const struct cluster *cluster)
{
    struct etcd_hash hashes[CLUSTER_SIZE];
    int64_t common = INT64_MAX;
    bool differ = false;
    for (int i = 0; i < CLUSTER_SIZE; i++) {
        if (!hash_etcd(&cluster->etcds[i], 0, &hashes[i]))
            return false;
        if (hashes[i].revision < common)
            common = hashes[i].revision;
    }
    for (int i = 0; i < CLUSTER_SIZE; i++) {
        if (!hash_etcd(&cluster->etcds[i], common, &hashes[i]))
            return false;
        differ = differ ||
                 (hashes[i].compacted == hashes[0].compacted && hashes[i].hash != hashes[0].hash);
        fprintf(stderr,
                "cluster: etcd %d: revision %" PRId64 ", hash %" PRId64 " as of %" PRId64 "\n", i,
                hashes[i].revision, hashes[i].hash, common);
    }
    return differ;
}

bool cluster_await_ready(const struct cluster *cluster, int number)
{
    for (int waited_ms = 0; waited_ms < PATIENCE_MS; waited_ms += LOOK_MS) {
        if (request(&cluster->allotds[number], "GET", "/readyz", NULL) == 200)
            return true;
        pause_ms(LOOK_MS);
    }
    return false;
}

/* --- the whole --- */

static void list_endpoints(const int *ports, char *text, size_t size)
{
    (void)snprintf(text, size, "http://127.0.0.1:%d,http://127.0.0.1:%d,http://127.0.0.1:%d",
                   ports[0], ports[1], ports[2]);
}

void cluster_start(struct cluster *cluster)
{
    int ports[3 * CLUSTER_SIZE];
    *cluster = (struct cluster){.proxy = NULL};
    temporary_directory(cluster->directory);
    choose_ports(ports, 3 * CLUSTER_SIZE);
    for (int i = 0; i < CLUSTER_SIZE; i++) {
        cluster->etcds[i].port = ports[i];
        cluster->peer_ports[i] = ports[CLUSTER_SIZE + i];
        cluster->allotds[i].port = ports[2 * CLUSTER_SIZE + i];
    }
    cluster->proxy = tcp_proxy_start(ports, CLUSTER_SIZE, cluster->proxy_ports);
    list_endpoints(ports, cluster->endpoints, sizeof cluster->endpoints);
    list_endpoints(cluster->proxy_ports, cluster->proxy_endpoints, sizeof cluster->proxy_endpoints);
    for (int i = 0; i < CLUSTER_SIZE; i++)
        cluster_restart(cluster, PROCESS_ETCD, i);
    for (int i = 0; i < CLUSTER_SIZE; i++)
        cluster_restart(cluster, PROCESS_ALLOTD, i);
    for (int i = 0; i < CLUSTER_SIZE; i++)
        must(cluster_await_ready(cluster, i), "cluster: an allotd does not get ready");
}

/* Whether what an allotd says has happened fits together, whatever was done to it. */
static bool is_told_right(const struct cluster *cluster, int number)
{
    char path[2 * TEMPORARY_SIZE + 16];
    struct history_db *db = NULL;
    struct history_check found = {0};
    struct error_message why = {""};
    char data[2 * TEMPORARY_SIZE];
    name_data(cluster, number, data, sizeof data);
    (void)snprintf(path, sizeof path, "%s/history.db", data);
    int error = history_db_open(path, HISTORY_DB_READ, &db, &why);
    if (!error) {
        error = history_check_all(db, &found);
        why = db->message;
        history_db_close(db);
    }
    fprintf(stderr, "cluster: history of allotd %d: %" PRId64 " events, %" PRId64 " gaps%s%s\n",
            number, found.events, found.gaps, error ? ": " : "", error ? why.text : "");
    return !error && found.events > 0;
}

bool cluster_stop(struct cluster *cluster)
{
    bool clean = true;
    for (int i = 0; i < CLUSTER_SIZE; i++) {
        int status = 0;
        if (cluster->allotds[i].pid == 0)
            continue;
        (void)kill(cluster->allotds[i].pid, SIGTERM);
        (void)waitpid(cluster->allotds[i].pid, &status, 0);
        clean = clean && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    for (int i = 0; i < CLUSTER_SIZE; i++)
        clean = is_told_right(cluster, i) && clean;
    for (int i = 0; i < CLUSTER_SIZE; i++)
        cluster_kill(cluster, PROCESS_ETCD, i);
    tcp_proxy_stop(cluster->proxy);
    temporary_remove(cluster->directory);
    return clean;
}
