/*
 * What the load generator knows about sockets and time: opening, watching, closing, clocks.
 *
 * Must never do: know what is being measured (load.c). Loopback only, Linux only, errors are return values.
 */
#ifndef SALLYPORT_BENCH_WIRE_H
#define SALLYPORT_BENCH_WIRE_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

/* Connections leave from this many loopback addresses, so that TIME_WAIT never runs the generator out of ports. */
#define SOURCE_ADDRESSES 64u

static inline uint64_t clock_ns(clockid_t clock) {
  struct timespec t;
  if (clock_gettime(clock, &t) != 0) return 0;
  return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

/* User and system time of every thread of a process, also of threads that have ended. */
static inline uint64_t process_cpu_ns(pid_t pid) {
  clockid_t clock;
  return clock_getcpuclockid(pid, &clock) == 0 ? clock_ns(clock) : 0;
}

static inline struct sockaddr_in loopback(uint32_t host, int port) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons((uint16_t)port);
  address.sin_addr.s_addr = htonl(host);
  return address;
}

static inline void no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline int listen_on(int port) {
  int one = 1;
  struct sockaddr_in address = loopback(INADDR_LOOPBACK, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4096) == 0) return fd;
  close(fd);
  return -1;
}

/* On loopback the handshake is over, or at least under way, when this returns. -1 when there is no socket or no port. */
static inline int dial(int port) {
  static uint32_t turn = 0;
  int one = 1;
  struct sockaddr_in from = loopback(0x7f000101u + turn++ % SOURCE_ADDRESSES, 0);
  struct sockaddr_in to = loopback(INADDR_LOOPBACK, port);
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&from, sizeof from) == 0) {
    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0 || errno == EINPROGRESS) return fd;
  }
  close(fd);
  return -1;
}

static inline void watch(int poll, int operation, int fd, uint32_t events) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(poll, operation, fd, &event);
}

static inline int by_value(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return left < right ? -1 : left > right;
}

#endif
