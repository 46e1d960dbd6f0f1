/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bad_network.c - the network between network namespaces, as bad as a test wants it: a device in
 * each namespace, and this program in the middle that loses, delays and cuts.
 *
 *   bad_network NAMESPACE...
 *
 * Namespace number i (from 0) gets a TUN device `bad0` with the address 10.77.0.(i+1)/24. Commands
 * come by the standard input, one a line; each is answered by "ok" when it holds:
 *   rule FROM TO LOSS_PERCENT DELAY_MS JITTER_MS   from a number to a number, or "*"
 * A loss of 100 cuts that direction. Packets with jitter may overtake one another. Ends with its
 * standard input.
 */
#include <linux/if.h>
#include <linux/if_tun.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NODES_MAX = 16, PACKET_BYTES_MAX = 9000, QUEUE_MAX = 20000 };

struct rule {
    uint32_t loss_percent, delay_us, jitter_us;
};

struct packet {
    uint64_t due_us, number;
    size_t to, len;
    uint8_t *bytes;
};

struct network {
    int fds[NODES_MAX];
    size_t count;
    struct rule rules[NODES_MAX][NODES_MAX];
    struct packet queue[QUEUE_MAX]; /* a heap by due_us, then number */
    size_t queued;
    uint64_t number, random;
};

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint32_t random_below(struct network *n, uint32_t bound)
{
    n->random ^= n->random << 13; /* xorshift64 (Marsaglia 2003) */
    n->random ^= n->random >> 7;
    n->random ^= n->random << 17;
    return bound ? (uint32_t)((n->random >> 32) % bound) : 0;
}

static void fail(const char *what)
{
    fprintf(stderr, "bad_network: %s: %s\n", what, strerror(errno));
    exit(71);
}

/* --- devices ---------------------------------------------------------------------------------- */

static void set_up(const char *name, uint32_t address)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq r = { 0 };
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(address) };
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    memcpy(&r.ifr_addr, &at, sizeof(at));
    if (s < 0 || ioctl(s, SIOCSIFADDR, &r)) {
        fail("give an address");
    }
    at.sin_addr.s_addr = htonl(0xffffff00);
    memcpy(&r.ifr_netmask, &at, sizeof(at));
    if (ioctl(s, SIOCSIFNETMASK, &r)) {
        fail("give a netmask");
    }
    r.ifr_mtu = PACKET_BYTES_MAX;
    if (ioctl(s, SIOCSIFMTU, &r)) {
        fail("give a packet size");
    }
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r)) {
        fail("switch the device on");
    }
    snprintf(r.ifr_name, sizeof(r.ifr_name), "lo");
    r.ifr_flags = IFF_UP | IFF_RUNNING;
    if (ioctl(s, SIOCSIFFLAGS, &r)) {
        fail("switch loopback on");
    }
    close(s);
}

static int open_device(const char *space, size_t i)
{
    char path[256];
    snprintf(path, sizeof(path), "/run/netns/%s", space);
    int ns = open(path, O_RDONLY | O_CLOEXEC), fd;
    if (ns < 0 || setns(ns, CLONE_NEWNET)) {
        fail(path);
    }
    close(ns);
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    snprintf(r.ifr_name, sizeof(r.ifr_name), "bad0");
    if (fd < 0 || ioctl(fd, TUNSETIFF, &r)) {
        fail("make a TUN device");
    }
    set_up("bad0", 0x0a4d0000u + (uint32_t)i + 1);
    return fd;
}

/* --- packets ---------------------------------------------------------------------------------- */

static bool before(const struct packet *a, const struct packet *b)
{
    return a->due_us < b->due_us || (a->due_us == b->due_us && a->number < b->number);
}

static void swap(struct packet *a, struct packet *b)
{
    struct packet t = *a;
    *a = *b;
    *b = t;
}

static void push(struct network *n, struct packet p)
{
    if (n->queued == QUEUE_MAX) {
        free(p.bytes); /* a router's queue has an end, too */
        return;
    }
    size_t i = n->queued++;
    n->queue[i] = p;
    for (; i && before(&n->queue[i], &n->queue[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(&n->queue[i], &n->queue[(i - 1) / 2]);
    }
}

static struct packet pop(struct network *n)
{
    struct packet first = n->queue[0];
    n->queue[0] = n->queue[--n->queued];
    for (size_t i = 0;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < n->queued; child++) {
            least = before(&n->queue[child], &n->queue[least]) ? child : least;
        }
        if (least == i) {
            return first;
        }
        swap(&n->queue[i], &n->queue[least]);
        i = least;
    }
}

static void deliver(struct network *n, size_t to, const uint8_t *bytes, size_t len)
{
    ssize_t sent = write(n->fds[to], bytes, len);
    (void)sent; /* a full device loses it, as networks do */
}

static void take(struct network *n, size_t from)
{
    uint8_t bytes[PACKET_BYTES_MAX + 64];
    ssize_t len;
    while ((len = read(n->fds[from], bytes, sizeof(bytes))) > 0) {
        if (len < 20 || bytes[0] >> 4 != 4 || bytes[16] != 10 || bytes[17] != 77 || bytes[18]) {
            continue; /* not IPv4 for one of us */
        }
        size_t to = (size_t)bytes[19] - 1;
        if (!bytes[19] || to >= n->count) {
            continue;
        }
        const struct rule *r = &n->rules[from][to];
        if (random_below(n, 100) < r->loss_percent) {
            continue;
        }
        if (!r->delay_us && !r->jitter_us) {
            deliver(n, to, bytes, (size_t)len);
            continue;
        }
        struct packet p = { .due_us = now_us() + r->delay_us + random_below(n, r->jitter_us),
                            .number = n->number++,
                            .to = to,
                            .len = (size_t)len,
                            .bytes = malloc((size_t)len) };
        if (p.bytes) {
            memcpy(p.bytes, bytes, (size_t)len);
            push(n, p);
        }
    }
}

/* --- commands --------------------------------------------------------------------------------- */

static bool matches(const char *word, size_t i)
{
    return strcmp(word, "*") == 0 || strtoul(word, NULL, 10) == i;
}

static bool obey(struct network *n, const char *line)
{
    char from[8], to[8];
    unsigned loss, delay, jitter;
    if (sscanf(line, "rule %7s %7s %u %u %u", from, to, &loss, &delay, &jitter) != 5) {
        return false;
    }
    for (size_t i = 0; i < n->count; i++) {
        for (size_t j = 0; j < n->count; j++) {
            if (matches(from, i) && matches(to, j)) {
                n->rules[i][j] = (struct rule){ loss, delay * 1000, jitter * 1000 };
            }
        }
    }
    return true;
}

/* False at the end of the standard input. */
static bool take_commands(struct network *n)
{
    static const size_t cap = 256;
    char text[256];
    size_t len = 0;
    for (char c; len < cap - 1;) { /* a byte at a time: what follows may not be complete yet */
        ssize_t got = read(0, &c, 1);
        if (got <= 0) {
            return false;
        }
        if (c == '\n') {
            break;
        }
        text[len++] = c;
    }
    text[len] = '\0';
    puts(obey(n, text) ? "ok" : "what?");
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct network *n = calloc(1, sizeof(*n));
    if (!n || argc < 2 || argc > NODES_MAX + 1) {
        fputs("usage: bad_network NAMESPACE...\n", stderr);
        return 64;
    }
    struct pollfd polled[NODES_MAX + 1];
    n->random = now_us() | 1;
    for (; n->count < (size_t)argc - 1; n->count++) {
        n->fds[n->count] = open_device(argv[n->count + 1], n->count);
        polled[n->count] = (struct pollfd){ .fd = n->fds[n->count], .events = POLLIN };
    }
    polled[n->count] = (struct pollfd){ .fd = 0, .events = POLLIN };
    puts("ok");
    fflush(stdout);
    for (bool open = true; open;) {
        uint64_t now = now_us();
        while (n->queued && n->queue[0].due_us <= now) {
            struct packet p = pop(n);
            deliver(n, p.to, p.bytes, p.len);
            free(p.bytes);
        }
        int wait_ms = n->queued ? (int)((n->queue[0].due_us - now) / 1000 + 1) : -1;
        if (poll(polled, n->count + 1, wait_ms) < 0 && errno != EINTR) {
            fail("poll");
        }
        for (size_t i = 0; i < n->count; i++) {
            if (polled[i].revents) {
                take(n, i);
            }
        }
        if (polled[n->count].revents) {
            open = take_commands(n);
        }
    }
    while (n->queued) {
        free(pop(n).bytes);
    }
    free(n);
    return 0;
}
