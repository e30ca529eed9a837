/* Ports of 127.0.0.1 that pass on to others, and can be made to cut what they carry. One thread. */
#ifndef ALLOT_TESTS_CHAOS_TCP_PROXY_H
#define ALLOT_TESTS_CHAOS_TCP_PROXY_H

struct tcp_proxy;

/* Listens on a free port for each of the @count ports in @targets, and sets @ret_ports. Ends the
 * process if it can't. */
struct tcp_proxy *tcp_proxy_start(const int *targets, int count, int *ret_ports);
void tcp_proxy_stop(struct tcp_proxy *proxy);

/* Breaks every connection, with what is on its way. */
void tcp_proxy_cut(struct tcp_proxy *proxy);

#endif
