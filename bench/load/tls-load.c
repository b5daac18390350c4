/*
 * The clients and the backend of the TLS bench, in one thread: TLS 1.3 towards a proxy, clear text behind it.
 *
 * Decides what is negotiated, by offering nothing else: TLS 1.3, TLS_AES_128_GCM_SHA256, X25519. Certificates are not
 * verified here, only the handshake's signature. Each slot keeps the tickets of its own connections: `resumed` uses the
 * newest until there is a newer one; `once` keeps two and uses each once, as browsers do and RFC 8446, C.4 asks, and makes
 * a full handshake when it has none left.
 *   listen <port>                                                    a backend; those of HTTP outlive windows
 *   full|resumed|once|download|https <port> <connections> <bytes> <warmMs> <ms> <pid,pid,...>   one measured window
 * It must stay cheaper than what it measures. Needs libssl. Read first: wire.h, window.h, load.c.
 */
#define _GNU_SOURCE
#include "window.h"
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>

enum { FD_MAX = 65536, EVENTS = 256, CHUNK = 256 * 1024, INPUT = 64 * 1024, READ_AHEAD = 256 * 1024, SLOTS = 1024, TICKETS = 2, HELD = 4096, ERRORS_MAX = 5000 };
enum mode { FULL, RESUMED, ONCE, DOWNLOAD, HTTPS };
enum role { UNUSED, LISTENER, CLIENT, BACKEND };
enum phase { DIALLING, HANDSHAKE, ANSWER, ENDING };
/* Why something failed, beside the status of an answer; ../http/http-failures.ts has the words. */
enum why { NOTHING, SEND, DIAL, REFUSED, CUT_SHORT, RESET, NO_LENGTH, WRONG_LENGTH, TOO_MUCH, ORIGIN_REQUEST = 10, FILES = 12, NO_HANDSHAKE, WRONG_BYTES };

struct peer {
  uint8_t role, phase, is_resumed, is_flooded, is_origin; /* is_origin: a pooled connection, which outlives windows */
  uint16_t slot;
  uint32_t got; /* bytes of the answer so far */
  uint64_t since_ns;
  SSL *ssl;
  char *held; /* an answer of HTTP that has not come whole */
};

static struct peer peers[FD_MAX];
static SSL_SESSION *sessions[SLOTS][TICKETS]; /* the newest first */
static SSL_CTX *context;
static char chunk[CHUNK], input[INPUT], answer[2048], request[512];
static int poll_fd, mode, target, message, stopping, clients, backends, answer_length, request_length, first_why;
static uint64_t resumed;

static void open_client(int slot);

static void forget(int fd) {
  if (peers[fd].role == CLIENT) clients--;
  if (peers[fd].role == BACKEND && !peers[fd].is_origin) backends--;
  SSL_free(peers[fd].ssl);
  free(peers[fd].held);
  peers[fd] = (struct peer){.role = UNUSED};
  close(fd);
}

static void blame(int why) {
  if (errors++ == 0) first_why = why;
}

static void ended(int fd, int why) {
  int slot = peers[fd].slot;
  forget(fd);
  if (stopping) return;
  if (why != NOTHING) blame(why);
  if (errors < ERRORS_MAX) open_client(slot);
}

/* One connection or one request is over. The first of a window begins the count of resumed ones anew, as units was. */
static void count(const struct peer *peer) {
  if (stopping) return;
  if (units == 0) resumed = 0;
  units++;
  resumed += peer->is_resumed;
}

/* Copies are kept and offered: the library spoils a session that was used, or whose connection ended impolitely. */
static int keep_session(SSL *ssl, SSL_SESSION *session) {
  if (mode != RESUMED && mode != ONCE) return 0;
  SSL_SESSION **kept = sessions[peers[SSL_get_fd(ssl)].slot];
  SSL_SESSION_free(kept[TICKETS - 1]);
  memmove(kept + 1, kept, (TICKETS - 1) * sizeof *kept);
  kept[0] = SSL_SESSION_dup(session);
  return 0;
}

static void offer_session(SSL *ssl, SSL_SESSION **kept) {
  if (kept[0] == NULL) return;
  SSL_SESSION *offered = SSL_SESSION_dup(kept[0]);
  SSL_set_session(ssl, offered);
  SSL_SESSION_free(offered);
  if (mode == RESUMED) return;
  SSL_SESSION_free(kept[0]);
  memmove(kept, kept + 1, (TICKETS - 1) * sizeof *kept);
  kept[TICKETS - 1] = NULL;
}

static void open_client(int slot) {
  int fd = dial(target);
  SSL *ssl = SSL_new(context);
  if (fd < 0 || fd >= FD_MAX || ssl == NULL) {
    blame(DIAL);
    SSL_free(ssl);
    if (fd >= 0) close(fd);
    return;
  }
  SSL_set_fd(ssl, fd);
  SSL_set_tlsext_host_name(ssl, "bench.example");
  SSL_set_connect_state(ssl);
  offer_session(ssl, sessions[slot]);
  peers[fd] = (struct peer){.role = CLIENT, .phase = DIALLING, .slot = (uint16_t)slot, .ssl = ssl, .since_ns = now_ns()};
  clients++;
  no_delay(fd);
  watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLOUT);
}

/* Everything asked for fits into an empty socket, so what is not taken at once is a failure. */
static void ask(int fd) {
  struct peer *peer = &peers[fd];
  const char *text = mode == HTTPS ? request : chunk;
  int length = mode == HTTPS ? request_length : mode == DOWNLOAD ? 1 : message;
  peer->got = 0;
  peer->since_ns = now_ns();
  ERR_clear_error();
  if (SSL_write(peer->ssl, text, length) != length) ended(fd, SEND);
}

/* close_notify and FIN; the connection is over when the proxy has ended its side too. */
static void leave(int fd) {
  ERR_clear_error();
  SSL_shutdown(peers[fd].ssl);
  shutdown(fd, SHUT_WR);
  peers[fd].phase = ENDING;
}

static void on_echo(int fd, int n) {
  struct peer *peer = &peers[fd];
  peer->got += (uint32_t)n;
  if (peer->phase == ENDING || peer->got > (uint32_t)message) {
    ended(fd, TOO_MUCH);
  } else if (memcmp(input, chunk, (size_t)n) != 0) {
    ended(fd, WRONG_BYTES);
  } else if (peer->got == (uint32_t)message) {
    leave(fd);
  }
}

/* Only a whole 200 with exactly the bytes asked for counts. Returns what is wrong, NOTHING while there is more to come. */
static int judge(struct peer *peer) {
  char *text = peer->held, *end = strstr(text, "\r\n\r\n");
  if (end == NULL) return NOTHING;
  int status = peer->got > 12 ? atoi(text + 9) : 0;
  if (status != 200) return status < 100 ? CUT_SHORT : status;
  char *field = strcasestr(text, "\r\ncontent-length:");
  if (field == NULL || field > end) return NO_LENGTH;
  if (atoi(field + 17) != message) return WRONG_LENGTH;
  uint32_t whole = (uint32_t)(end - text) + 4 + (uint32_t)message;
  if (peer->got > whole) return TOO_MUCH;
  if (peer->got == whole) peer->got = 0;
  return NOTHING;
}

static void on_response(int fd, int n) {
  struct peer *peer = &peers[fd];
  if (peer->held == NULL) peer->held = malloc(HELD);
  if (peer->held == NULL || peer->got + (uint32_t)n >= HELD) {
    ended(fd, TOO_MUCH);
    return;
  }
  memcpy(peer->held + peer->got, input, (size_t)n);
  peer->got += (uint32_t)n;
  peer->held[peer->got] = '\0';
  int why = judge(peer);
  if (why != NOTHING) {
    ended(fd, why);
  } else if (peer->got == 0) {
    sample(now_ns() - peer->since_ns);
    count(peer);
    if (stopping) forget(fd);
    else ask(fd);
  }
}

static void over(int fd, int n) {
  struct peer *peer = &peers[fd];
  int error = SSL_get_error(peer->ssl, n), is_reset = error == SSL_ERROR_SYSCALL && errno == ECONNRESET;
  if (error == SSL_ERROR_WANT_READ) return;
  int is_clean = error == SSL_ERROR_ZERO_RETURN && peer->phase == ENDING;
  if (is_clean) {
    sample(now_ns() - peer->since_ns);
    count(peer);
  }
  ended(fd, is_clean ? NOTHING : peer->phase == HANDSHAKE ? NO_HANDSHAKE : is_reset ? RESET : CUT_SHORT);
}

/* Reads until the kernel and the library have no more: level-triggered events do not tell of what the library holds. */
static void on_readable(int fd) {
  SSL *ssl = peers[fd].ssl;
  for (;;) {
    ERR_clear_error();
    int n = SSL_read(ssl, input, INPUT);
    if (n <= 0) {
      over(fd, n);
      return;
    }
    if (mode == DOWNLOAD) bytes += (uint64_t)n;
    else if (mode == HTTPS) on_response(fd, n);
    else on_echo(fd, n);
    if (peers[fd].role != CLIENT || peers[fd].phase < ANSWER) return; /* ended, perhaps followed by a new one */
  }
}

static void on_client(int fd, uint32_t events) {
  struct peer *peer = &peers[fd];
  if (peer->phase == DIALLING) {
    if (events & (EPOLLERR | EPOLLHUP)) {
      ended(fd, REFUSED);
      return;
    }
    peer->phase = HANDSHAKE;
    watch(poll_fd, EPOLL_CTL_MOD, fd, EPOLLIN);
  }
  if (peer->phase == HANDSHAKE) {
    ERR_clear_error();
    int n = SSL_do_handshake(peer->ssl);
    if (n != 1) {
      over(fd, n);
      return;
    }
    peer->is_resumed = (uint8_t)SSL_session_reused(peer->ssl);
    peer->phase = ANSWER;
    ask(fd);
    if (peer->role != CLIENT || peer->phase != ANSWER) return;
  }
  on_readable(fd);
}

/* Every proxy here hands over a head of this size in one piece. */
static void on_request(int fd, int n) {
  struct peer *peer = &peers[fd];
  int is_whole = n > 16 && memcmp(input, "GET / ", 6) == 0 && memcmp(input + n - 4, "\r\n\r\n", 4) == 0;
  if (!peer->is_origin) backends--;
  peer->is_origin = 1;
  if (is_whole && send(fd, answer, (size_t)answer_length, MSG_NOSIGNAL) == answer_length) return;
  if (!is_whole && !stopping) blame(ORIGIN_REQUEST);
  forget(fd);
}

static void on_backend(int fd, uint32_t events) {
  struct peer *peer = &peers[fd];
  if (peer->is_flooded && (events & EPOLLOUT)) send(fd, chunk, CHUNK, MSG_NOSIGNAL);
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = recv(fd, input, INPUT, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    forget(fd);
  } else if (mode == HTTPS) {
    on_request(fd, (int)n);
  } else if (mode == DOWNLOAD) {
    peer->is_flooded = 1;
    watch(poll_fd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
  } else if (send(fd, input, (size_t)n, MSG_NOSIGNAL) != n) {
    blame(SEND);
  }
}

static void on_listener(int listener) {
  for (int i = 0; i < 64; i++) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (fd >= FD_MAX) {
      close(fd);
      blame(FILES);
      return;
    }
    peers[fd] = (struct peer){.role = BACKEND};
    backends++;
    no_delay(fd);
    watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

static void turn(int timeout_ms) {
  struct epoll_event events[EVENTS];
  int ready = epoll_wait(poll_fd, events, EVENTS, timeout_ms);
  for (int i = 0; i < ready; i++) {
    int fd = events[i].data.fd;
    if (peers[fd].role == LISTENER) on_listener(fd);
    else if (peers[fd].role == CLIENT) on_client(fd, events[i].events);
    else if (peers[fd].role == BACKEND) on_backend(fd, events[i].events);
  }
}

/* Until every slot has had a connection, so that none is counted that had nothing to resume. */
static void prime(int connections) {
  uint64_t end = now_ns() + 3000000000ull;
  while (units < (uint64_t)connections * 2 && now_ns() < end) turn(5);
}

/* Lets what is under way end, at most one second, then ends it. Pooled connections to the backend stay. */
static void finish(void) {
  uint64_t end = now_ns() + 1000000000ull;
  stopping = 1;
  while (mode != DOWNLOAD && clients > 0 && now_ns() < end) turn(20);
  for (int fd = 0; fd < FD_MAX; fd++) {
    if (peers[fd].role == CLIENT) forget(fd);
  }
  while (mode != HTTPS && backends > 0 && now_ns() < end) turn(20);
  for (int fd = 0; fd < FD_MAX; fd++) {
    if (peers[fd].role == BACKEND && !peers[fd].is_origin) forget(fd);
  }
}

static void begin(int next, int port, int size) {
  mode = next;
  target = port;
  message = size < 1 ? 1 : size > 1024 ? 1024 : size;
  units = bytes = errors = sampled = resumed = 0;
  first_why = NOTHING;
  stopping = 0;
  for (int slot = 0; slot < SLOTS * TICKETS; slot++) {
    SSL_SESSION_free(sessions[slot / TICKETS][slot % TICKETS]);
    sessions[slot / TICKETS][slot % TICKETS] = NULL;
  }
  int head = snprintf(answer, sizeof answer,
                      "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/plain\r\n"
                      "Content-Length: %d\r\n\r\n",
                      message);
  memset(answer + head, 'x', (size_t)message);
  answer_length = head + message;
  request_length = snprintf(request, sizeof request,
                            "GET / HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n");
}

static void obey(const char *line) {
  static const struct { const char *name; int mode; } windows[] = {
      {"full", FULL}, {"resumed", RESUMED}, {"once", ONCE}, {"download", DOWNLOAD}, {"https", HTTPS}};
  char name[16] = "", list[256] = "";
  int a = 0, b = 0, c = 0, d = 0, e = 0;
  pid_t pids[PIDS];
  int words = sscanf(line, "%15s %d %d %d %d %d %255s", name, &a, &b, &c, &d, &e, list);
  for (size_t i = 0; words == 7 && i < sizeof windows / sizeof windows[0]; i++) {
    if (strcmp(name, windows[i].name) != 0) continue;
    begin(windows[i].mode, a, c);
    for (int slot = 0; slot < b && slot < SLOTS; slot++) open_client(slot);
    if (mode == RESUMED || mode == ONCE) prime(b);
    measure_window(turn, finish, d, e, pids, parse_pids(list, pids));
    printf(" resumed=%llu why=%d\n", (unsigned long long)resumed, first_why);
    return;
  }
  if (words == 2 && strcmp(name, "listen") == 0) {
    int fd = listen_on(a);
    if (fd >= 0) {
      peers[fd] = (struct peer){.role = LISTENER};
      watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
    puts(fd >= 0 ? "ok" : "failed the port is taken");
  } else {
    puts("failed unknown command");
  }
}

static int accept_any(X509_STORE_CTX *store, void *unused) {
  (void)store;
  (void)unused;
  return 1;
}

static SSL_CTX *client_context(void) {
  SSL_CTX *made = SSL_CTX_new(TLS_client_method());
  if (made == NULL) return NULL;
  SSL_CTX_set_min_proto_version(made, TLS1_3_VERSION);
  SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(made, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_cert_verify_callback(made, accept_any, NULL);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(made, keep_session);
  SSL_CTX_set_read_ahead(made, 1);
  SSL_CTX_set_default_read_buffer_len(made, READ_AHEAD);
  int is_pinned = SSL_CTX_set_ciphersuites(made, "TLS_AES_128_GCM_SHA256") && SSL_CTX_set1_groups_list(made, "X25519");
  return is_pinned ? made : NULL;
}

int main(void) {
  char line[512];
  signal(SIGPIPE, SIG_IGN);
  memset(chunk, 'x', sizeof chunk);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  context = client_context();
  if (context == NULL) return 1;
  while (fgets(line, sizeof line, stdin) != NULL) {
    obey(line);
    fflush(stdout);
  }
  return 0;
}
