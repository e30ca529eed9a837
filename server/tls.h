/* The certificate that the HTTP server shows, and the authority that its clients' must be of.
 *
 * GnuTLS asks for the certificate by a callback without a context: so a process has one of these at
 * a time. A connection keeps what it began with. */
#ifndef ALLOT_SERVER_TLS_H
#define ALLOT_SERVER_TLS_H

#include <gnutls/abstract.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/error.h"

enum { TLS_MAX_FILE = 256 * 1024 /* bytes */ };

/* TLS 1.2 and later. */
#define TLS_PRIORITIES "NORMAL:-RSA:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Paths of PEM files; borrowed until tls_close. */
struct tls_files {
    const char *cert; /* the server's, and then those between it and its authority */
    const char *key;
    const char *client_ca; /* NULL: clients need none */
};

/* Reads the files. Not while another is open, nor while a server with it runs.
 * Errors: ALLOT_ENOMEM; ALLOT_EIO; ALLOT_EINVAL (no certificate or key, or they don't match), told
 * in @why. */
int tls_open(const struct tls_files *files, struct error_message *why);
/* Reads all of them again. On an error, as above, all stays as it is. This, and what follows, on
 * one thread. */
int tls_reload(struct error_message *why);
/* Whether one of the files is another than when they were last read, or tried to be. */
bool tls_files_changed(void);
void tls_close(void); /* nothing, if none is open */

/* When the server's certificate expires, or, if that is earlier, one between it and its authority:
 * in seconds since 1970; 0: none is open. Any thread. */
int64_t tls_expiration_seconds(void);

/* Whether clients need a certificate. */
bool tls_asks_clients(void);

/* Has the client of @session asked for one, if it needs one: before the handshake. */
void tls_begin(gnutls_session_t session);

/* Whether the client of @session has shown a certificate for clients, of the authority as it is by
 * now. */
bool tls_client_is_trusted(gnutls_session_t session);

/* GnuTLS's callback. */
gnutls_certificate_retrieve_function3 tls_retrieve;

#endif
