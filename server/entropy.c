#include "server/entropy.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "core/error.h"

/* What ten requests or so take. */
enum { POOL_SIZE = 256 };

/* What this thread has from the kernel and hasn't given: the first `left` bytes. */
static _Thread_local struct {
    unsigned char bytes[POOL_SIZE];
    size_t left;
} pool;

static int ask_kernel(void *bytes, size_t size)
{
    char *place = bytes;
    while (size > 0) {
        ssize_t got = getrandom(place, size, 0);
        if (got < 0 && errno != EINTR) {
            return ALLOT_EIO;
        }
        place += got > 0 ? got : 0;
        size -= got > 0 ? (size_t)got : 0;
    }
    return 0;
}

int entropy_take(void *bytes, size_t size)
{
    if (size > POOL_SIZE) {
        return ask_kernel(bytes, size);
    }
    if (size > pool.left) {
        pool.left = 0;
        int error = ask_kernel(pool.bytes, POOL_SIZE);
        if (error) {
            return error;
        }
        pool.left = POOL_SIZE;
    }
    pool.left -= size;
    memcpy(bytes, pool.bytes + pool.left, size);
    explicit_bzero(pool.bytes + pool.left, size);
    return 0;
}
