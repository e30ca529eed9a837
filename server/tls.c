#include "server/tls.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "server/regular_file.h"

enum { MAX_CHAIN = 8 };

/* As PEM: so each handshake has its own, and a reload needs to wait for none. */
struct material {
    gnutls_datum_t cert;
    gnutls_datum_t key;
    gnutls_datum_t client_ca; /* no data: clients need no certificate */
    time_t expiration;        /* of cert: the earliest of the chain */
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* protects current */
static struct material current;
static struct tls_files opened;

/* What tells a file from the one that was there before. */
struct trace {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec time;
};

enum { FILES = 3 };
static struct trace traces[FILES]; /* of the files as they were last read; zero: not there */

/* --- files --- */

static void release(gnutls_datum_t *datum)
{
    if (datum->data) {
        gnutls_memset(datum->data, 0, datum->size);
    }
    free(datum->data);
    *datum = (gnutls_datum_t){NULL, 0};
}

static void release_all(struct material *material)
{
    release(&material->cert);
    release(&material->key);
    release(&material->client_ca);
    material->expiration = 0;
}

static int fail(struct error_message *why, int error, const char *path, const char *text)
{
    (void)snprintf(why->text, sizeof why->text, "%.150s: %s", path, text);
    return error;
}

static int read_file(const char *path, gnutls_datum_t *ret, struct error_message *why)
{
    FILE *file = NULL;
    int error = regular_file_open(path, &file, why);
    if (error < 0) {
        return error;
    }
    gnutls_datum_t datum = {malloc(TLS_MAX_FILE + 1), 0};
    if (datum.data) {
        datum.size = (unsigned)fread(datum.data, 1, TLS_MAX_FILE + 1, file);
    }
    if (!datum.data) {
        error = fail(why, ALLOT_ENOMEM, path, "out of memory");
    } else if (ferror(file)) {
        error = fail(why, ALLOT_EIO, path, "can't be read");
    } else if (datum.size > TLS_MAX_FILE) {
        error = fail(why, ALLOT_EINVAL, path, "expected at most 256 KiB");
    }
    (void)fclose(file);
    if (error < 0) {
        release(&datum);
        return error;
    }
    datum.data[datum.size] = '\0';
    *ret = datum;
    return 0;
}

static int check_key(const struct material *read, struct error_message *why)
{
    gnutls_privkey_t key = NULL;
    if (gnutls_privkey_init(&key) < 0) {
        return fail(why, ALLOT_ENOMEM, opened.key, "out of memory");
    }
    int result = gnutls_privkey_import_x509_raw(key, &read->key, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_privkey_deinit(key);
    return result < 0 ? fail(why, ALLOT_EINVAL, opened.key, gnutls_strerror(result)) : 0;
}

/* GnuTLS sees whether they are a pair. */
static int check_identity(const struct material *read, struct error_message *why)
{
    gnutls_certificate_credentials_t credentials;
    if (gnutls_certificate_allocate_credentials(&credentials) < 0) {
        return fail(why, ALLOT_ENOMEM, opened.cert, "out of memory");
    }
    int result = gnutls_certificate_set_x509_key_mem2(credentials, &read->cert, &read->key,
                                                      GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(credentials);
    if (result == GNUTLS_E_MEMORY_ERROR) {
        return fail(why, ALLOT_ENOMEM, opened.cert, "out of memory");
    }
    return result < 0 ? fail(why, ALLOT_EINVAL, opened.cert, gnutls_strerror(result)) : 0;
}

/* Checks the certificates of a file, and tells the earliest end of one. */
static int check_certificates(const gnutls_datum_t *pem, const char *path, time_t *ret_expiration,
                              struct error_message *why)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int result = gnutls_x509_crt_list_import2(&list, &count, pem, GNUTLS_X509_FMT_PEM, 0);
    if (result < 0) {
        return fail(why, ALLOT_EINVAL, path, gnutls_strerror(result));
    }
    for (unsigned i = 0; i < count; i++) {
        time_t expiration = gnutls_x509_crt_get_expiration_time(list[i]);
        if (i == 0 || expiration < *ret_expiration) {
            *ret_expiration = expiration;
        }
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    return 0;
}

static int read_all(struct material *ret, struct error_message *why)
{
    int error = read_file(opened.cert, &ret->cert, why);
    if (error == 0) {
        error = read_file(opened.key, &ret->key, why);
    }
    if (error == 0) {
        error = check_key(ret, why);
    }
    if (error == 0) {
        error = check_identity(ret, why);
    }
    if (error == 0) {
        error = check_certificates(&ret->cert, opened.cert, &ret->expiration, why);
    }
    if (error == 0 && opened.client_ca) {
        error = read_file(opened.client_ca, &ret->client_ca, why);
    }
    if (error == 0 && opened.client_ca) {
        time_t expiration; /* that of clients' is told to them */
        error = check_certificates(&ret->client_ca, opened.client_ca, &expiration, why);
    }
    return error;
}

static void find_traces(struct trace ret[FILES])
{
    const char *const paths[FILES] = {opened.cert, opened.key, opened.client_ca};
    memset(ret, 0, FILES * sizeof *ret); /* the padding, too */
    for (int i = 0; i < FILES; i++) {
        struct stat status;
        if (paths[i] && stat(paths[i], &status) == 0) {
            ret[i].device = status.st_dev;
            ret[i].inode = status.st_ino;
            ret[i].size = status.st_size;
            ret[i].time = status.st_mtim;
        }
    }
}

bool tls_files_changed(void)
{
    struct trace now[FILES];
    find_traces(now);
    return memcmp(now, traces, sizeof now) != 0;
}

int tls_reload(struct error_message *why)
{
    find_traces(traces); /* before they are read: what changes then is seen the next time */
    struct material fresh = {{NULL, 0}, {NULL, 0}, {NULL, 0}, 0};
    int error = read_all(&fresh, why);
    if (error == 0) {
        (void)pthread_rwlock_wrlock(&lock);
        struct material former = current;
        current = fresh;
        fresh = former;
        (void)pthread_rwlock_unlock(&lock);
    }
    release_all(&fresh);
    return error;
}

int tls_open(const struct tls_files *files, struct error_message *why)
{
    opened = *files;
    int error = tls_reload(why);
    if (error < 0) {
        tls_close();
    }
    return error;
}

int64_t tls_expiration_seconds(void)
{
    (void)pthread_rwlock_rdlock(&lock);
    int64_t seconds = current.expiration;
    (void)pthread_rwlock_unlock(&lock);
    return seconds;
}

void tls_close(void)
{
    release_all(&current);
    opened = (struct tls_files){NULL, NULL, NULL};
}

/* --- handshakes --- */

bool tls_asks_clients(void)
{
    return opened.client_ca != NULL;
}

/* Without the names of authorities: there may be others by the time that they are verified. */
void tls_begin(gnutls_session_t session)
{
    if (tls_asks_clients()) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        gnutls_certificate_send_x509_rdn_sequence(session, 1);
    }
}

/* What the client has shown: *@count certificates, which the caller releases. False: none, or some
 * that can't be read. */
static bool read_chain(gnutls_session_t session, gnutls_x509_crt_t chain[MAX_CHAIN],
                       unsigned *count)
{
    unsigned shown = 0;
    const gnutls_datum_t *texts = gnutls_certificate_get_peers(session, &shown);
    bool good = texts && shown > 0 && shown <= MAX_CHAIN;
    for (unsigned i = 0; good && i < shown; i++) {
        good = gnutls_x509_crt_init(&chain[i]) >= 0;
        *count += good ? 1 : 0;
        good = good && gnutls_x509_crt_import(chain[i], &texts[i], GNUTLS_X509_FMT_DER) >= 0;
    }
    return good;
}

static bool verify(gnutls_x509_crt_t *chain, unsigned count)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    gnutls_x509_trust_list_t trusted = NULL;
    unsigned status = 0;
    if (gnutls_x509_trust_list_init(&trusted, 0) < 0) {
        return false;
    }
    (void)pthread_rwlock_rdlock(&lock);
    int result = gnutls_x509_trust_list_add_trust_mem(trusted, &current.client_ca, NULL,
                                                      GNUTLS_X509_FMT_PEM, 0, 0);
    (void)pthread_rwlock_unlock(&lock);
    if (result >= 0) {
        result = gnutls_x509_trust_list_verify_crt2(trusted, chain, count, &purpose, 1, 0, &status,
                                                    NULL);
    }
    gnutls_x509_trust_list_deinit(trusted, 1);
    return result >= 0 && status == 0;
}

bool tls_client_is_trusted(gnutls_session_t session)
{
    gnutls_x509_crt_t chain[MAX_CHAIN];
    unsigned count = 0;
    bool trusted = read_chain(session, chain, &count) && verify(chain, count);
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    return trusted;
}

/* Fills in what GnuTLS then frees, whether all of it could be made or not. */
static int make_identity(gnutls_pcert_st *certs, unsigned *count, gnutls_privkey_t *ret_key)
{
    gnutls_privkey_t key = NULL;
    int result = gnutls_privkey_init(&key);
    if (result < 0) {
        return result;
    }
    (void)pthread_rwlock_rdlock(&lock);
    result = gnutls_privkey_import_x509_raw(key, &current.key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (result >= 0) {
        result =
            gnutls_pcert_list_import_x509_raw(certs, count, &current.cert, GNUTLS_X509_FMT_PEM, 0);
    }
    (void)pthread_rwlock_unlock(&lock);
    if (result < 0) {
        gnutls_privkey_deinit(key);
        return result;
    }
    *ret_key = key;
    return 0;
}

int tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                 gnutls_pcert_st **certs, unsigned *count, gnutls_ocsp_data_st **ocsp,
                 unsigned *ocsp_count, gnutls_privkey_t *key, unsigned *flags)
{
    (void)session;
    (void)info;
    gnutls_pcert_st *list = gnutls_calloc(MAX_CHAIN, sizeof *list);
    unsigned size = MAX_CHAIN;
    if (!list) {
        return -1;
    }
    if (make_identity(list, &size, key) < 0) {
        gnutls_free(list);
        return -1;
    }
    *certs = list;
    *count = size;
    *ocsp = NULL;
    *ocsp_count = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    return 0;
}
