/*
 * The clients and the origin of the HTTP bench, in one thread: HTTP/1.1 and WebSocket on both sides of a proxy. HTTP/2
 * clients are h2load's; their requests come to this origin too, which therefore answers between commands as well.
 *
 * Decides what counts: only a whole 200 of exactly the bytes asked for (or a whole frame) is a unit, anything else is an error.
 *   listen <port>                                                                    an origin; its connections outlive windows
 *   http|fresh|ws <port> <connections> <bytes> <warmMs> <ms> <pid,pid,...>            one measured window
 *   serve <bytes>   tally <pid,pid,...>                       for clients elsewhere: what to answer; processor time and errors
 * It must stay cheaper than what it measures: no parsing beyond what tells right from wrong. Read first: wire.h, window.h.
 */
#define _GNU_SOURCE
#include "window.h"
#include <signal.h>

enum { FD_MAX = 65536, EVENTS = 256, INPUT = 64 * 1024, ANSWER = 1 << 20, HELD = 16 * 1024, ERRORS_MAX = 5000 };
enum mode { HTTP, FRESH, WS, QUIET };
enum role { UNUSED, COMMANDS, LISTENER, CLIENT, ORIGIN };
enum phase { DIALLING, HEAD, BODY, FRAME, ENDING };
/* Why a request failed, beside the status of an answer (100 and more); http-failures.ts has the words. */
enum why { NOTHING, SEND, DIAL, REFUSED, CUT_SHORT, RESET, NO_LENGTH, WRONG_LENGTH, TOO_MUCH, WRONG_FRAME, ORIGIN_REQUEST, ORIGIN_FRAME, FILES };

struct peer {
  uint8_t role, phase, is_last; /* is_last: the connection ends after this message */
  uint32_t left;                /* bytes of the body or frame still to come */
  uint64_t since_ns;
  char *held; /* the beginning of a head that has not come whole */
  uint32_t held_length, out_from, out_to; /* what of the answer the kernel has not taken */
};

static struct peer peers[FD_MAX];
static char input[INPUT + HELD], answers[2][ANSWER], request[512], frame[256]; /* the second says that it is the last */
static int poll_fd, mode = QUIET, target, message, stopping, clients, answer_lengths[2], request_length, frame_length;
static int first_why; /* of the first request of a window that failed */

static const char switching[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void obey(char *line);
static void open_client(void);

static void forget(int fd) {
  if (peers[fd].role == CLIENT) clients--;
  free(peers[fd].held);
  peers[fd] = (struct peer){.role = UNUSED};
  close(fd);
}

static void blame(int why) {
  if (errors++ == 0) first_why = why;
}

static void ended(int fd, int why) {
  forget(fd);
  if (stopping) return;
  if (why != NOTHING) blame(why);
  if (errors < ERRORS_MAX) open_client();
}

static void ask(int fd, int operation) {
  struct peer *peer = &peers[fd];
  int is_frame = mode == WS && peer->phase == FRAME;
  const char *text = is_frame ? frame : request;
  int length = is_frame ? frame_length : request_length;
  ssize_t n = send(fd, text, (size_t)length, MSG_NOSIGNAL);
  int is_dialling = peer->phase == DIALLING && (errno == EAGAIN || errno == EINPROGRESS || errno == ENOTCONN);
  if (n < 0 && !is_dialling) {
    ended(fd, errno == ECONNREFUSED ? REFUSED : SEND);
    return;
  }
  if (n >= 0 && peer->phase == DIALLING) peer->phase = HEAD;
  if (n >= 0 && operation == 0) return;
  watch(poll_fd, operation == 0 ? EPOLL_CTL_MOD : operation, fd, n >= 0 ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static void open_client(void) {
  int fd = dial(target);
  if (fd < 0 || fd >= FD_MAX) {
    blame(DIAL);
    if (fd >= 0) close(fd);
    return;
  }
  peers[fd] = (struct peer){.role = CLIENT, .phase = DIALLING, .since_ns = now_ns()};
  clients++;
  no_delay(fd);
  ask(fd, EPOLL_CTL_ADD);
}

static void answered(int fd) {
  struct peer *peer = &peers[fd];
  uint64_t ns = now_ns();
  sample(ns - peer->since_ns);
  bytes += (uint64_t)message;
  if (stopping && mode != FRESH) {
    forget(fd);
    return;
  }
  if (mode == FRESH) {
    peer->phase = ENDING;
    return;
  }
  units++;
  peer->since_ns = ns;
  if (mode == WS) {
    peer->phase = FRAME;
    peer->left = (uint32_t)message + 2;
  } else if (peer->is_last) {
    peer->phase = ENDING;
    return;
  } else {
    peer->phase = HEAD;
  }
  ask(fd, 0);
}

/* Joins what was held of a head with what came. Returns the head's length with its end, 0 while there is more to come. */
static int head_of(struct peer *peer, char **text, int *length) {
  if (peer->held != NULL) {
    memmove(input + peer->held_length, *text, (size_t)*length);
    memcpy(input, peer->held, peer->held_length);
    *text = input;
    *length += (int)peer->held_length;
    free(peer->held);
    peer->held = NULL;
  }
  char *end = memmem(*text, (size_t)*length, "\r\n\r\n", 4);
  if (end != NULL) return (int)(end - *text) + 4;
  if (*length <= HELD && (peer->held = malloc((size_t)*length)) != NULL) {
    memcpy(peer->held, *text, (size_t)*length);
    peer->held_length = (uint32_t)*length;
  }
  return 0;
}

static int has_line(char *head, int length, const char *name, const char *value) {
  char kept = head[length - 1];
  head[length - 1] = '\0';
  char *line = strcasestr(head, name), *end = line == NULL ? NULL : strstr(line + 2, "\r\n");
  int found = 0;
  if (end != NULL) {
    *end = '\0';
    found = strcasestr(line, value) != NULL;
    *end = '\r';
  }
  head[length - 1] = kept;
  return found;
}

/* The head of an answer: 200 with the length asked for, or 101; else the reason why it is wrong. */
static int judge(struct peer *peer, char *head, int length, int more) {
  int status = length > 12 ? atoi(head + 9) : 0;
  if (status != (mode == WS ? 101 : 200)) return status < 100 ? CUT_SHORT : status;
  if (mode == WS) {
    peer->phase = FRAME;
    peer->left = (uint32_t)message + 2;
    return more == 0 ? NOTHING : TOO_MUCH;
  }
  char *field = strcasestr(head, "\r\ncontent-length:");
  if (field == NULL || field > head + length) return NO_LENGTH;
  peer->left = (uint32_t)atoi(field + 17);
  if (peer->left != (uint32_t)message) return WRONG_LENGTH;
  peer->is_last = mode == FRESH || (uint8_t)has_line(head, length, "\r\nconnection:", "close");
  peer->phase = BODY;
  return (uint32_t)more > peer->left ? TOO_MUCH : NOTHING;
}

static void on_client_head(int fd, char *text, int length) {
  struct peer *peer = &peers[fd];
  int head = head_of(peer, &text, &length);
  if (head == 0) return;
  text[length] = '\0';
  int why = judge(peer, text, head, length - head);
  if (why != NOTHING) {
    ended(fd, why);
  } else if (mode == WS) {
    peer->since_ns = now_ns();
    ask(fd, 0);
  } else {
    peer->left -= (uint32_t)(length - head);
    if (peer->left == 0) answered(fd);
  }
}

static void on_client(int fd, uint32_t events) {
  struct peer *peer = &peers[fd];
  if (peer->phase == DIALLING) {
    if (events & EPOLLERR) ended(fd, REFUSED);
    else if (events & EPOLLOUT) ask(fd, EPOLL_CTL_MOD);
    return;
  }
  int is_head = peer->phase == HEAD, is_frame = peer->phase == FRAME;
  size_t wanted = is_head ? INPUT - 1 : peer->phase == ENDING ? 1 : peer->left;
  ssize_t n = recv(fd, input, is_frame && wanted > INPUT ? INPUT : wanted, is_head || is_frame ? 0 : MSG_TRUNC);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    int is_clean = n == 0 && peer->phase == ENDING;
    if (is_clean && mode == FRESH) units++;
    ended(fd, is_clean ? NOTHING : n == 0 ? CUT_SHORT : RESET);
  } else if (is_head) {
    on_client_head(fd, input, (int)n);
  } else if (peer->phase == ENDING) {
    ended(fd, TOO_MUCH);
  } else if (is_frame && peer->left == (uint32_t)message + 2 && n > 1 && (input[0] != (char)0x81 || input[1] != message)) {
    ended(fd, WRONG_FRAME);
  } else {
    peer->left -= (uint32_t)n;
    if (peer->left == 0) answered(fd);
  }
}

/* Hands the kernel what it takes now, the rest when it can. */
static void push(int fd) {
  struct peer *peer = &peers[fd];
  int was_blocked = peer->out_from > 0;
  ssize_t n = send(fd, answers[peer->is_last] + peer->out_from, peer->out_to - peer->out_from, MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN) {
    forget(fd);
    return;
  }
  if (n > 0) peer->out_from += (uint32_t)n;
  if (peer->out_from < peer->out_to) {
    watch(poll_fd, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLOUT);
    return;
  }
  peer->out_from = peer->out_to = 0;
  if (was_blocked) watch(poll_fd, EPOLL_CTL_MOD, fd, EPOLLIN);
  if (peer->is_last) shutdown(fd, SHUT_WR);
}

static void on_request(int fd, char *text, int length) {
  struct peer *peer = &peers[fd];
  int head = head_of(peer, &text, &length);
  if (head == 0) return;
  text[length] = '\0';
  if (memcmp(text, "GET /", 5) != 0 || head != length || atoi(text + 5) != message) {
    if (!stopping) blame(ORIGIN_REQUEST);
    forget(fd);
  } else if (mode == WS && has_line(text, head, "\r\nupgrade:", "websocket")) {
    peer->phase = FRAME;
    peer->left = (uint32_t)frame_length;
    if (send(fd, switching, sizeof switching - 1, MSG_NOSIGNAL) < 0) forget(fd);
  } else {
    peer->is_last = (uint8_t)has_line(text, head, "\r\nconnection:", "close");
    peer->out_to = (uint32_t)answer_lengths[peer->is_last];
    push(fd);
  }
}

static void on_origin(int fd, uint32_t events) {
  struct peer *peer = &peers[fd];
  if ((events & EPOLLOUT) && peer->out_to > 0) {
    push(fd);
    if (peers[fd].role != ORIGIN) return;
  }
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t n = recv(fd, input, INPUT - 1, 0);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    forget(fd);
  } else if (peer->phase != FRAME) {
    on_request(fd, input, (int)n);
  } else if ((uint32_t)n > peer->left) {
    if (!stopping) blame(ORIGIN_FRAME);
    forget(fd);
  } else {
    peer->left -= (uint32_t)n;
    if (peer->left > 0) return;
    peer->left = (uint32_t)frame_length;
    static char echo[256] = {(char)0x81};
    echo[1] = (char)message;
    memset(echo + 2, 'x', (size_t)message);
    if (send(fd, echo, (size_t)message + 2, MSG_NOSIGNAL) < 0) forget(fd);
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
    peers[fd] = (struct peer){.role = ORIGIN, .phase = HEAD};
    no_delay(fd);
    watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/* Reads commands, one line each, only between windows: the bench waits for an answer before it says the next. */
static void on_commands(void) {
  static char line[512];
  static size_t length = 0;
  ssize_t n = read(STDIN_FILENO, line + length, sizeof line - 1 - length);
  if (n <= 0) exit(0);
  length += (size_t)n;
  line[length] = '\0';
  if (line[length - 1] != '\n') return;
  length = 0;
  obey(line);
  fflush(stdout);
}

static void turn(int timeout_ms) {
  struct epoll_event events[EVENTS];
  int count = epoll_wait(poll_fd, events, EVENTS, timeout_ms);
  for (int i = 0; i < count; i++) {
    int fd = events[i].data.fd;
    if (peers[fd].role == LISTENER) on_listener(fd);
    else if (peers[fd].role == CLIENT) on_client(fd, events[i].events);
    else if (peers[fd].role == ORIGIN) on_origin(fd, events[i].events);
    else if (peers[fd].role == COMMANDS && mode == QUIET) on_commands();
  }
}

/* Ends the clients, each after its answer, for at most a second. Upstream connections stay: they are pooled. */
static void finish(void) {
  uint64_t end = now_ns() + 1000000000ull;
  stopping = 1;
  while (clients > 0 && now_ns() < end) turn(20);
  for (int fd = 0; fd < FD_MAX; fd++) {
    if (peers[fd].role == CLIENT) forget(fd);
  }
  end = now_ns() + 20000000ull;
  while (now_ns() < end) turn(5);
}

static void begin(int next, int port, int size) {
  static const char date[] = "Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n";
  mode = next;
  target = port;
  message = next == WS && size > 125 ? 125 : size > ANSWER - 512 ? ANSWER - 512 : size;
  units = bytes = errors = sampled = 0;
  first_why = NOTHING;
  stopping = 0;
  for (int is_last = 0; is_last < 2; is_last++) {
    char *answer = answers[is_last];
    int head = snprintf(answer, 512, "HTTP/1.1 200 OK\r\n%s%sContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n", date,
                        is_last ? "Connection: close\r\n" : "", message);
    memset(answer + head, 'x', (size_t)message);
    answer_lengths[is_last] = head + message;
  }
  request_length = snprintf(request, sizeof request, "GET /%d HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: bench\r\n%s\r\n",
                            message, next == FRESH ? "Accept: */*\r\nConnection: close\r\n"
                            : next == WS ? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                         : "Accept: */*\r\n");
  const char mask[4] = {1, 2, 3, 4};
  frame[0] = (char)0x81; /* a text frame, whole */
  frame[1] = (char)(0x80 | (message & 127));
  memcpy(frame + 2, mask, 4);
  for (int i = 0; next == WS && i < message; i++) frame[6 + i] = (char)('x' ^ mask[i % 4]);
  frame_length = 6 + message;
}

static void obey(char *line) {
  static const struct { const char *name; int mode; } windows[] = {{"http", HTTP}, {"fresh", FRESH}, {"ws", WS}};
  char name[16] = "", list[256] = "";
  int a = 0, b = 0, c = 0, d = 0, e = 0;
  pid_t pids[PIDS];
  int words = sscanf(line, "%15s %d %d %d %d %d %255s", name, &a, &b, &c, &d, &e, list);
  for (size_t i = 0; words == 7 && i < sizeof windows / sizeof windows[0]; i++) {
    if (strcmp(name, windows[i].name) != 0) continue;
    begin(windows[i].mode, a, c);
    for (int k = 0; k < b; k++) open_client();
    measure_window(turn, finish, d, e, pids, parse_pids(list, pids));
    printf(" why=%d\n", first_why);
    mode = QUIET;
    return;
  }
  if (words == 2 && strcmp(name, "listen") == 0) {
    int fd = listen_on(a);
    if (fd >= 0) {
      peers[fd] = (struct peer){.role = LISTENER};
      watch(poll_fd, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
    puts(fd >= 0 ? "ok" : "failed the port is taken");
  } else if (words == 2 && strcmp(name, "serve") == 0) {
    begin(QUIET, 0, a);
    puts("ok");
  } else if (sscanf(line, "tally %255s", list) == 1) {
    printf("ok cpuNs=%llu ownNs=%llu ns=%llu errors=%llu why=%d\n", (unsigned long long)cpu_of(pids, parse_pids(list, pids)),
           (unsigned long long)clock_ns(CLOCK_PROCESS_CPUTIME_ID), (unsigned long long)now_ns(), (unsigned long long)errors,
           first_why);
  } else {
    puts("failed unknown command");
  }
}

int main(void) {
  signal(SIGPIPE, SIG_IGN);
  poll_fd = epoll_create1(EPOLL_CLOEXEC);
  peers[STDIN_FILENO].role = COMMANDS;
  watch(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, EPOLLIN);
  for (;;) turn(1000);
}
