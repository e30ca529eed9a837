#include "tests/support/certificates.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct pair {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
};

static void require(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "certificates: %s: %s\n", what, gnutls_strerror(result));
        abort();
    }
}

/* A key, and a certificate of it that is not signed yet. */
static struct pair begin(const char *name, unsigned char serial)
{
    struct pair pair;
    time_t now = time(NULL);
    require(gnutls_x509_privkey_init(&pair.key), "key");
    require(gnutls_x509_privkey_generate(pair.key, GNUTLS_PK_ECDSA,
                                         GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
            "key");
    require(gnutls_x509_crt_init(&pair.cert), "certificate");
    require(gnutls_x509_crt_set_version(pair.cert, 3), "version");
    require(gnutls_x509_crt_set_serial(pair.cert, &serial, 1), "serial");
    require(gnutls_x509_crt_set_activation_time(pair.cert, now - 3600), "time");
    require(gnutls_x509_crt_set_expiration_time(pair.cert, now + 86400), "time");
    require(gnutls_x509_crt_set_dn_by_oid(pair.cert, GNUTLS_OID_X520_COMMON_NAME, 0, name,
                                          (unsigned)strlen(name)),
            "name");
    require(gnutls_x509_crt_set_key(pair.cert, pair.key), "key");
    return pair;
}

static void sign(const struct pair *pair, const struct pair *by)
{
    require(gnutls_x509_crt_sign2(pair->cert, by->cert, by->key, GNUTLS_DIG_SHA256, 0), "sign");
}

static struct pair make_ca(const char *name)
{
    struct pair ca = begin(name, 1);
    require(gnutls_x509_crt_set_basic_constraints(ca.cert, 1, -1), "CA");
    require(gnutls_x509_crt_set_key_usage(ca.cert, GNUTLS_KEY_KEY_CERT_SIGN), "usage");
    sign(&ca, &ca);
    return ca;
}

static struct pair make_peer(const char *name, bool serves, const struct pair *ca)
{
    static const unsigned char loopback[] = {127, 0, 0, 1};
    struct pair peer = begin(name, 2);
    if (serves) {
        require(gnutls_x509_crt_set_subject_alt_name(peer.cert, GNUTLS_SAN_IPADDRESS, loopback,
                                                     sizeof loopback, GNUTLS_FSAN_SET),
                "address");
        require(gnutls_x509_crt_set_key_purpose_oid(peer.cert, GNUTLS_KP_TLS_WWW_SERVER, 0),
                "purpose");
    }
    require(gnutls_x509_crt_set_key_purpose_oid(peer.cert, GNUTLS_KP_TLS_WWW_CLIENT, 0), "purpose");
    require(gnutls_x509_crt_set_key_usage(peer.cert, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
    sign(&peer, ca);
    return peer;
}

static void write_file(const char *path, const gnutls_datum_t *pem)
{
    FILE *file = fopen(path, "w");
    bool written = file && fwrite(pem->data, 1, pem->size, file) == pem->size;
    if (!file || fclose(file) != 0 || !written)
        require(GNUTLS_E_FILE_ERROR, path);
}

/* Writes and frees a pair; @key_path may be NULL. */
static void write_pair(struct pair *pair, char *cert_path, char *key_path, const char *directory,
                       const char *name)
{
    gnutls_datum_t pem;
    snprintf(cert_path, CERTIFICATES_PATH, "%s/%s.pem", directory, name);
    require(gnutls_x509_crt_export2(pair->cert, GNUTLS_X509_FMT_PEM, &pem), "export");
    write_file(cert_path, &pem);
    gnutls_free(pem.data);
    if (key_path) {
        snprintf(key_path, CERTIFICATES_PATH, "%s/%s-key.pem", directory, name);
        require(gnutls_x509_privkey_export2(pair->key, GNUTLS_X509_FMT_PEM, &pem), "export");
        write_file(key_path, &pem);
        gnutls_free(pem.data);
    }
    gnutls_x509_crt_deinit(pair->cert);
    gnutls_x509_privkey_deinit(pair->key);
}

void certificates_make(struct certificates *certificates, const char *directory)
{
    char unused[CERTIFICATES_PATH];
    struct pair ca = make_ca("authority"), other = make_ca("another authority");
    struct pair server = make_peer("server", true, &ca);
    struct pair client = make_peer("client", false, &ca);
    struct pair stranger = make_peer("stranger", false, &other);
    write_pair(&server, certificates->server_cert, certificates->server_key, directory, "server");
    write_pair(&client, certificates->client_cert, certificates->client_key, directory, "client");
    write_pair(&stranger, certificates->stranger_cert, certificates->stranger_key, directory,
               "stranger");
    write_pair(&ca, certificates->ca, NULL, directory, "ca");
    write_pair(&other, unused, NULL, directory, "other");
}
