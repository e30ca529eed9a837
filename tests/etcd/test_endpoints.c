/* Which endpoint to turn to, and when to try at all. */
#include <criterion/criterion.h>

#include "server/etcd_endpoints.h"

static struct etcd_endpoints endpoints_of(const char *list)
{
    struct etcd_endpoints endpoints;
    struct error_message why = {""};
    cr_assert_eq(etcd_endpoints_init(&endpoints, list, 7, &why), 0, "%s", why.text);
    return endpoints;
}

Test(etcd_endpoints, are_tried_now_and_then_when_all_are_down)
{
    struct etcd_endpoints endpoints = endpoints_of("http://a:1,http://b:1");
    cr_assert(etcd_endpoints_admit(&endpoints, 0));
    etcd_endpoints_failed(&endpoints, 0, 0);
    cr_assert(etcd_endpoints_admit(&endpoints, 0));
    etcd_endpoints_failed(&endpoints, 1, 0);
    cr_assert_not(etcd_endpoints_admit(&endpoints, 1));
    cr_assert(etcd_endpoints_admit(&endpoints, ETCD_FIRST_PAUSE_MS));
    cr_assert_not(etcd_endpoints_admit(&endpoints, ETCD_FIRST_PAUSE_MS + 1), "only one tries");
    etcd_endpoints_worked(&endpoints, 1);
    cr_assert_eq(endpoints.current, 1);
    cr_assert(etcd_endpoints_admit(&endpoints, ETCD_FIRST_PAUSE_MS + 1));
}

/* An attempt may take longer than the pause: until its request has run out of time. */
Test(etcd_endpoints, have_a_pause_after_an_attempt_that_took_long)
{
    struct etcd_endpoints endpoints = endpoints_of("http://a:1");
    int64_t now_ms = 0;
    etcd_endpoints_failed(&endpoints, 0, now_ms);
    for (int i = 0; i < 10; i++) {
        now_ms += ETCD_LONGEST_PAUSE_MS;
        cr_assert(etcd_endpoints_admit(&endpoints, now_ms));
        now_ms += 5000;
        etcd_endpoints_failed(&endpoints, 0, now_ms);
        cr_assert_not(etcd_endpoints_admit(&endpoints, now_ms + 1));
    }
}
