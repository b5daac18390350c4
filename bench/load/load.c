/*
 * The load generator and the backend of the bench, in one thread: both ends of every connection that runs through a proxy.
 *
 * Decides nothing: it obeys one command per line on stdin and answers each with one line on stdout.
 *   listen <port>                                                    a backend
 *   ping|connect|download|duplex <port> <connections> <bytes> <warmMs> <ms> <pid,pid,...>   one measured window
 *   open <port> <connections>   touch   close                        idle connections, one byte each way, the end of them
 * It must stay cheaper than what it measures: plain system calls, no copy where none is needed (MSG_TRUNC drops input).
 * The end of stdin ends it. Read first: wire.h, window.h. The same in Node, where no compiler is found: node-load.ts.
 */
#define _GNU_SOURCE
#include "window.h"
#include <signal.h>

enum { FD_MAX = 131072, EVENTS = 256, CHUNK = 256 * 1024, DROP = 1024 * 1024, MESSAGE = 16384 };
enum mode { PING, CONNECT, DOWNLOAD, DUPLEX, IDLE };
enum role { UNUSED, LISTENER, CLIENT, BACKEND };

struct peer {
  uint8_t role;
  uint8_t sent; /* its request is on the way */
  uint32_t got; /* bytes of the answer */
  uint64_t since_ns;
};

static struct peer peers[FD_MAX];
static char chunk[CHUNK], dropped[DROP];
static int poll_fd, mode = IDLE, target, message = 1, stopping, clients, backends;
static uint64_t touched;

static void forget(int fd) {
  if (peers[fd].role == CLIENT) clients--;
  if (peers[fd].role == BACKEND) backends--;
  peers[fd].role = UNUSED;
  close(fd);
}

static void adopt(int fd, enum role role) {
  peers[fd] = (struct peer){.role = (uint8_t)role, .since_ns = 0};
  if (role == CLIENT) clients++;
  if (role == BACKEND) backends++;
}

/* Sends the request; where the handshake is still under way, waits for it. */
static void ask(int fd, int operation) {
  struct peer *peer = &peers[fd];
  ssize_t n = mode == IDLE ? 0 : send(fd, chunk, (size_t)message, MSG_NOSIGNAL);
  uint32_t more = mode == DUPLEX ? EPOLLOUT : 0;
  if (n < 0 && errno != EAGAIN && errno != EINPROGRESS && errno != ENOTCONN) {
    errors++;
    forget(fd);
    return;
  }
  peer->sent = n >= 0;
  if (peer->sent && operation == 0) return;
  watch(poll_fd, operation == 0 ? EPOLL_CTL_MOD : operation, fd, peer->sent ? EPOLLIN | more : EPOLLIN | EPOLLOUT);
}

static void open_client(void) {
  int fd = dial(target);
  if (fd < 0 || fd >= FD_MAX) {
    errors++;
    if (fd >= 0) close(fd);
    return;
  }
  adopt(fd, CLIENT);
  if (mode != CONNECT) no_delay(fd);
  peers[fd].since_ns = now_ns();
  ask(fd, EPOLL_CTL_ADD);
}

static void ended(int fd, int failed) {
  forget(fd);
  if (failed && !stopping) errors++;
  if (mode == CONNECT && !stopping) open_client();
}

static void answered(int fd) {
  struct peer *peer = &peers[fd];
  uint64_t ns = now_ns();
  sample(ns - peer->since_ns);
  peer->got = 0;
  if (mode == PING) {
    units++;
    peer->since_ns = ns;
    ask(fd, 0);
  } else if (mode == CONNECT) {
    shutdown(fd, SHUT_WR);
  } else if (mode == IDLE) {
    touched++;
  }
}

static void on_client(int fd, uint32_t events) {
  struct peer *peer = &peers[fd];
  int bulk = mode == DOWNLOAD || mode == DUPLEX;
  if (!peer->sent && (events & EPOLLOUT)) {
    ask(fd, EPOLL_CTL_MOD);
    return;
  }
  if (bulk && (events & EPOLLOUT)) send(fd, chunk, CHUNK, MSG_NOSIGNAL);
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = recv(fd, dropped, DROP, MSG_TRUNC);
  if (n > 0 && bulk) {
    bytes += (uint64_t)n;
  } else if (n > 0) {
    peer->got += (uint32_t)n;
    if (peer->got >= (uint32_t)message) answered(fd);
  } else if (n == 0) {
    if (mode == CONNECT) units++;
    ended(fd, mode != CONNECT);
  } else if (errno != EAGAIN) {
    ended(fd, 1);
  }
}

static void on_backend(int fd, uint32_t events) {
  int bulk = mode == DOWNLOAD || mode == DUPLEX;
  if (bulk && (events & EPOLLOUT)) send(fd, chunk, CHUNK, MSG_NOSIGNAL);
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = bulk ? recv(fd, dropped, DROP, MSG_TRUNC) : recv(fd, dropped, MESSAGE, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN)) {
    forget(fd);
  } else if (n > 0 && !bulk) {
    if (send(fd, dropped, (size_t)n, MSG_NOSIGNAL) != n) errors++;
  } else if (n > 0 && !peers[fd].sent) {
    peers[fd].sent = 1;
    watch(poll_fd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
  } else if (n > 0 && mode == DUPLEX) {
    bytes += (uint64_t)n;
  }
}

static void on_listener(int listener) {
  for (int i = 0; i < 64; i++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= FD_MAX) {
      close(fd);
      errors++;
      return;
    }
    adopt(fd, BACKEND);
    if (mode != CONNECT) no_delay(fd);
    watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

static void turn(int timeout_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(poll_fd, events, EVENTS, timeout_ms);
  for (int i = 0; i < count; i++) {
    int fd = events[i].data.fd;
    if (peers[fd].role == LISTENER) on_listener(fd);
    else if (peers[fd].role == CLIENT) on_client(fd, events[i].events);
    else if (peers[fd].role == BACKEND) on_backend(fd, events[i].events);
  }
}

/* Ends what is open: politely for as long as that takes, at most one second, then at once. */
static void finish(void) {
  uint64_t end = now_ns() + 1000000000ull;
  stopping = 1;
  if (mode == CONNECT) {
    while (clients > 0 && now_ns() < end) turn(20);
  }
  for (int fd = 0; fd < FD_MAX; fd++) {
    if (peers[fd].role == CLIENT) forget(fd);
  }
  while (backends > 0 && now_ns() < end) turn(20);
  for (int fd = 0; fd < FD_MAX; fd++) {
    if (peers[fd].role == BACKEND) forget(fd);
  }
}

static void begin(int next, int port, int size) {
  mode = next;
  target = port;
  message = size < 1 ? 1 : size > MESSAGE ? MESSAGE : size;
  units = bytes = errors = sampled = touched = 0;
  stopping = 0;
}

static void measure(int connections, int warm_ms, int ms, const pid_t *pids, int pid_count) {
  for (int i = 0; i < connections; i++) open_client();
  measure_window(turn, finish, warm_ms, ms, pids, pid_count);
  putchar('\n');
}

/* In waves of 64, so that no accept queue overflows; each wave waits until the backend has its end. */
static void open_idle(int count) {
  uint64_t end = now_ns() + 15000000000ull;
  int opened = 0;
  while (opened < count && now_ns() < end && errors == 0) {
    for (int i = 0; i < 64 && opened < count; i++, opened++) open_client();
    while (backends < opened && now_ns() < end && errors == 0) turn(5);
  }
  printf("ok clients=%d backends=%d errors=%llu\n", clients, backends, (unsigned long long)errors);
}

static void touch_all(void) {
  uint64_t end = now_ns() + 15000000000ull, asked = 0;
  touched = 0;
  for (int fd = 0; fd < FD_MAX && now_ns() < end; fd++) {
    if (peers[fd].role != CLIENT) continue;
    if (send(fd, chunk, 1, MSG_NOSIGNAL) == 1) asked++;
    if (asked % 64 == 0) {
      while (touched < asked && now_ns() < end) turn(5);
    }
  }
  while (touched < asked && now_ns() < end) turn(5);
  printf("ok touched=%llu errors=%llu\n", (unsigned long long)touched, (unsigned long long)errors);
}

static void obey(const char *line) {
  static const struct { const char *name; int mode; } windows[] = {
      {"ping", PING}, {"connect", CONNECT}, {"download", DOWNLOAD}, {"duplex", DUPLEX}};
  char name[16] = "", list[256] = "";
  int a = 0, b = 0, c = 0, d = 0, e = 0;
  pid_t pids[PIDS];
  int words = sscanf(line, "%15s %d %d %d %d %d %255s", name, &a, &b, &c, &d, &e, list);
  for (size_t i = 0; words == 7 && i < sizeof windows / sizeof windows[0]; i++) {
    if (strcmp(name, windows[i].name) != 0) continue;
    begin(windows[i].mode, a, c);
    measure(b, d, e, pids, parse_pids(list, pids));
    return;
  }
  if (words == 2 && strcmp(name, "listen") == 0) {
    int fd = listen_on(a);
    if (fd >= 0) {
      adopt(fd, LISTENER);
      watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
    puts(fd >= 0 ? "ok" : "failed the port is taken");
  } else if (words == 3 && strcmp(name, "open") == 0) {
    begin(IDLE, a, 1);
    open_idle(b);
  } else if (strcmp(name, "touch") == 0) {
    touch_all();
  } else if (strcmp(name, "close") == 0) {
    finish();
    puts("ok");
  } else {
    puts("failed unknown command");
  }
}

int main(void) {
  char line[512];
  signal(SIGPIPE, SIG_IGN);
  memset(chunk, 'x', sizeof chunk);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  while (fgets(line, sizeof line, stdin) != NULL) {
    obey(line);
    fflush(stdout);
  }
  return 0;
}
