/* Certificates for tests of TLS, made anew. What fails here ends the program. */
#ifndef ALLOT_TESTS_SUPPORT_CERTIFICATES_H
#define ALLOT_TESTS_SUPPORT_CERTIFICATES_H

enum { CERTIFICATES_PATH = 320 };

/* Paths of PEM files. */
struct certificates {
    char ca[CERTIFICATES_PATH];
    char server_cert[CERTIFICATES_PATH]; /* for 127.0.0.1, as a server and as a client */
    char server_key[CERTIFICATES_PATH];
    char client_cert[CERTIFICATES_PATH];
    char client_key[CERTIFICATES_PATH];
    char stranger_cert[CERTIFICATES_PATH]; /* a client's, by another authority */
    char stranger_key[CERTIFICATES_PATH];
};

/* Writes them into a directory. */
void certificates_make(struct certificates *certificates, const char *directory);

#endif
