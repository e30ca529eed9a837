#include "api/secret.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "core/error.h"

enum { DIGEST_SIZE = SECRET_HASH_SIZE / 2 };

void secret_write_hex(const unsigned char *bytes, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    text[2 * size] = '\0';
}

int secret_hash(struct span session, char hash[SECRET_HASH_SIZE + 1])
{
    unsigned char digest[DIGEST_SIZE];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, session.data, session.size, digest))
        return ALLOT_ENOMEM;
    secret_write_hex(digest, sizeof digest, hash);
    return 0;
}

int secret_check(struct span session, struct span hash, bool *ret)
{
    char own[SECRET_HASH_SIZE + 1];
    int error = secret_hash(session, own);
    if (error)
        return error;
    *ret = hash.size == SECRET_HASH_SIZE && gnutls_memcmp(own, hash.data, SECRET_HASH_SIZE) == 0;
    return 0;
}
