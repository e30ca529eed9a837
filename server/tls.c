#include "server/tls.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHAIN = 8 };

/* Certificate and key as PEM: so each handshake has its own, and a reload needs to wait for none.
 */
struct identity {
    gnutls_datum_t cert;
    gnutls_datum_t key;
};

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER; /* protects identity */
static struct identity identity;
static struct tls_files opened;
static gnutls_datum_t client_ca; /* with a zero behind that isn't counted */

/* --- files --- */

static void release(gnutls_datum_t *datum)
{
    if (datum->data) {
        gnutls_memset(datum->data, 0, datum->size);
    }
    free(datum->data);
    *datum = (gnutls_datum_t){NULL, 0};
}

static int fail(struct error_message *why, int error, const char *path, const char *text)
{
    (void)snprintf(why->text, sizeof why->text, "%.150s: %s", path, text);
    return error;
}

static int read_file(const char *path, gnutls_datum_t *ret, struct error_message *why)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return fail(why, ALLOT_EIO, path, strerror(errno));
    }
    gnutls_datum_t datum = {malloc(TLS_MAX_FILE + 1), 0};
    int error = 0;
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

/* GnuTLS sees whether they are a pair. */
static int check_identity(const struct identity *read, struct error_message *why)
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

static int check_client_ca(struct error_message *why)
{
    gnutls_x509_crt_t *list = NULL;
    unsigned count = 0;
    int result = gnutls_x509_crt_list_import2(&list, &count, &client_ca, GNUTLS_X509_FMT_PEM, 0);
    for (unsigned i = 0; result >= 0 && i < count; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(result >= 0 ? list : NULL);
    return result < 0 ? fail(why, ALLOT_EINVAL, opened.client_ca, gnutls_strerror(result)) : 0;
}

int tls_reload(struct error_message *why)
{
    struct identity fresh = {{NULL, 0}, {NULL, 0}};
    int error = read_file(opened.cert, &fresh.cert, why);
    if (error == 0) {
        error = read_file(opened.key, &fresh.key, why);
    }
    if (error == 0) {
        error = check_identity(&fresh, why);
    }
    if (error == 0) {
        (void)pthread_rwlock_wrlock(&lock);
        struct identity former = identity;
        identity = fresh;
        fresh = former;
        (void)pthread_rwlock_unlock(&lock);
    }
    release(&fresh.cert);
    release(&fresh.key);
    return error;
}

int tls_open(const struct tls_files *files, struct error_message *why)
{
    opened = *files;
    int error = tls_reload(why);
    if (error == 0 && files->client_ca) {
        error = read_file(files->client_ca, &client_ca, why);
    }
    if (error == 0 && files->client_ca) {
        error = check_client_ca(why);
    }
    if (error < 0) {
        tls_close();
    }
    return error;
}

void tls_close(void)
{
    release(&identity.cert);
    release(&identity.key);
    release(&client_ca);
}

/* --- handshakes --- */

const char *tls_client_ca(void)
{
    return (const char *)client_ca.data;
}

bool tls_client_is_trusted(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    unsigned status = 0;
    return gnutls_certificate_verify_peers(session, &purpose, 1, &status) == 0 && status == 0;
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
    result = gnutls_privkey_import_x509_raw(key, &identity.key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (result >= 0) {
        result =
            gnutls_pcert_list_import_x509_raw(certs, count, &identity.cert, GNUTLS_X509_FMT_PEM, 0);
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
