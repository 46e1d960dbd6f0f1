/* SPDX-License-Identifier: Apache-2.0 */
/*
 * genlog.c - log lines that look real and count themselves.
 * Used by the quickstart, the end-to-end tests and the benchmarks. The same arguments give the same
 * bytes. Every event carries one "seq=<decimal>", so that a receiver can tell lost and repeated
 * ones.
 *
 *   genlog access COUNT [SEED [FIRST]]   nginx combined lines, about 200 bytes each
 *   genlog java COUNT [SEED [FIRST]]     Java events, one in twelve with a stack trace of several
 * lines genlog bare COUNT [BYTES]            lines of BYTES bytes (default 200), newline included
 *   genlog live RATE SECONDS FILE        appends RATE access lines a second to FILE
 */
#include "protocol/base/rng.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LINE_BYTES_MAX = 8192 };

struct gen {
    struct rng rng;
    uint64_t seq;
};

#define PICK(g, table) ((table)[rng_below(&(g)->rng, sizeof(table) / sizeof((table)[0]))])

/* A fixed start, so that the same seed gives the same text: 2026-01-01 00:00:00 UTC, 200 lines/s.
 */
static void stamp(const struct gen *g, bool clf, char *ret_text, size_t size)
{
    time_t t = (time_t)(1767225600 + g->seq / 200);
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = clf ? strftime(ret_text, size, "%d/%b/%Y:%H:%M:%S +0000", &tm)
                   : strftime(ret_text, size, "%Y-%m-%d %H:%M:%S", &tm);
    ret_text[n] = '\0';
}

static int access_line(struct gen *g, char *line)
{
    static const char *const agents[] = {
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/138.0.0.0 "
         "Safari/537.36"),
        "curl/8.14.1",
        "kube-probe/1.33",
        "Prometheus/3.4.0",
    };
    static const char *const paths[] = { "/",
                                         "/api/v1/orders/",
                                         "/api/v1/users/",
                                         "/static/app.js?v=",
                                         "/search?q=boom&page=",
                                         "/images/",
                                         "/healthz?n=" };
    static const char *const methods[] = { "GET", "GET", "GET", "GET", "POST", "PUT", "HEAD" };
    static const char *const from[] = { "-", "-", "https://shop.example.org/",
                                        "https://www.example.com/cart" };
    static const int statuses[] = { 200, 200, 200, 200, 200, 204, 301, 304, 404, 499, 502 };
    char time_text[64];
    stamp(g, true, time_text, sizeof(time_text));
    struct rng *r = &g->rng;
    unsigned ip = (unsigned)rng_next(r);
    return snprintf(line, LINE_BYTES_MAX,
                    "10.%u.%u.%u - - [%s] \"%s %s%u HTTP/1.1\" %d %u \"%s\" \"%s\" seq=%llu\n",
                    ip & 255, ip >> 8 & 255, ip >> 16 & 255, time_text, PICK(g, methods),
                    PICK(g, paths), (unsigned)rng_below(r, 100000), PICK(g, statuses),
                    (unsigned)rng_below(r, 50000), PICK(g, from), PICK(g, agents),
                    (unsigned long long)g->seq++);
}

static int java_event(struct gen *g, char *text)
{
    static const char *const levels[] = { "INFO", "INFO", "INFO", "DEBUG", "WARN" };
    static const char *const classes[] = { "c.e.shop.OrderService", "c.e.shop.CartController",
                                           "o.a.k.c.NetworkClient", "c.e.pay.Ledger" };
    static const char *const errors[] = { "java.lang.IllegalStateException",
                                          "java.net.SocketTimeoutException",
                                          "java.lang.NullPointerException" };
    char time_text[64];
    stamp(g, false, time_text, sizeof(time_text));
    struct rng *r = &g->rng;
    bool failed = rng_below(r, 12) == 0;
    int n = snprintf(text, LINE_BYTES_MAX, "%s,%03u %s [exec-%u] %s - order %u seq=%llu\n",
                     time_text, (unsigned)rng_below(r, 1000), failed ? "ERROR" : PICK(g, levels),
                     (unsigned)rng_below(r, 16), PICK(g, classes), (unsigned)rng_below(r, 1000000),
                     (unsigned long long)g->seq++);
    if (failed) {
        n += snprintf(text + n, (size_t)(LINE_BYTES_MAX - n), "%s: attempt %u gave up\n",
                      PICK(g, errors), (unsigned)rng_below(r, 5));
        unsigned depth = 3 + (unsigned)rng_below(r, 12);
        for (unsigned i = 0; i < depth; i++) {
            n += snprintf(text + n, (size_t)(LINE_BYTES_MAX - n),
                          "\tat com.example.shop.Layer%u.handle(Layer%u.java:%u)\n", i, i,
                          (unsigned)rng_below(r, 900) + 1);
        }
        n += snprintf(text + n, (size_t)(LINE_BYTES_MAX - n),
                      "Caused by: java.io.IOException: closed\n\t... %u more\n", depth);
    }
    return n;
}

static int bare_line(struct gen *g, char *line, int bytes)
{
    int n = snprintf(line, LINE_BYTES_MAX, "seq=%llu ", (unsigned long long)g->seq++);
    while (n < bytes - 1) {
        line[n++] = (char)('a' + rng_below(&g->rng, 26));
    }
    line[n++] = '\n';
    return n;
}

static int live(struct gen *g, uint64_t rate, uint64_t seconds, const char *path)
{
    FILE *out = fopen(path, "a");
    if (!out) {
        perror(path);
        return EXIT_FAILURE;
    }
    char line[LINE_BYTES_MAX];
    struct timespec start, now;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (g->seq < rate * seconds) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        double passed =
            (double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9;
        while (g->seq < rate * seconds && (double)g->seq < passed * (double)rate) {
            fwrite(line, 1, (size_t)access_line(g, line), out);
        }
        fflush(out);
        nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    return fclose(out) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static uint64_t number(int argc, char **argv, int i, uint64_t otherwise)
{
    return i < argc ? strtoull(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    const char *kind = argc > 2 ? argv[1] : "";
    bool bare = strcmp(kind, "bare") == 0;
    struct gen g = { .seq = bare ? 0 : number(argc, argv, 4, 0) };
    rng_seed(&g.rng, number(argc, argv, 3, 1));
    if (strcmp(kind, "live") == 0 && argc == 5) {
        g.seq = 0;
        return live(&g, number(argc, argv, 2, 0), number(argc, argv, 3, 0), argv[4]);
    }
    bool java = strcmp(kind, "java") == 0;
    if (!bare && !java && strcmp(kind, "access") != 0) {
        fprintf(stderr, "usage: genlog access|java COUNT [SEED [FIRST]]\n"
                        "       genlog bare COUNT [BYTES]\n"
                        "       genlog live RATE SECONDS FILE\n");
        return 64;
    }
    int bytes = bare ? (int)number(argc, argv, 3, 200) : 0;
    if (bytes < 0 || bytes > LINE_BYTES_MAX - 64) {
        fprintf(stderr, "genlog: BYTES must be from 0 to %d\n", LINE_BYTES_MAX - 64);
        return 64;
    }
    char text[LINE_BYTES_MAX];
    for (uint64_t i = number(argc, argv, 2, 0); i; i--) {
        int n = bare   ? bare_line(&g, text, bytes)
                : java ? java_event(&g, text)
                       : access_line(&g, text);
        if (fwrite(text, 1, (size_t)n, stdout) != (size_t)n) {
            perror("genlog");
            return EXIT_FAILURE;
        }
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
