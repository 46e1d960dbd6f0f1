/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.h - what all three daemons do alike: arguments, configuration, log, loop, signals,
 * /metrics and /healthz, sd_notify, exit codes (sysexits.h).
 * A daemon's main() fills a struct service_program and calls service_main().
 */
#ifndef LOGBOOM_NET_SERVICE_H
#define LOGBOOM_NET_SERVICE_H

#include "protocol/daemon/config.h"
#include "protocol/daemon/log.h"
#include "protocol/daemon/metrics.h"
#include "protocol/net/http.h"
#include "protocol/net/loop.h"

/* Every daemon's table begins with these rows: http.enabled, http.host, http.port, logging.level,
 * logging.format. Include protocol/net/service_config.def in the daemon's own .def, with
 * SERVICE_HTTP_PORT defined as the default port's text. */

struct service {
    struct loop *loop;
    struct env env;
    struct log log;
    struct metrics *metrics;
    struct arena arena;           /* boot memory: the configuration lives here */
    const struct yaml_node *root; /* the whole configuration tree */
    const void *config;           /* the daemon's filled struct */
    void *program;                /* what start() made */
    bool stopping;
    struct service_run *run; /* service.c's own */
};

struct service_program {
    const char *name;        /* "logboom-broker" */
    const char *about;       /* one sentence for --help */
    const char *config_path; /* read when it exists and --config was not given; NULL: none */
    const struct config_table *table;
    void (*extra_help)(FILE *out); /* may be NULL: further tables (inputs, nodes) */
    /* Cross-field checks, and everything that --check-config should find. May be NULL. */
    enum err (*check)(struct service *s, struct error *err);
    /* Starts on the loop and returns; ERR_* ends the program with a message. service_ready() must
     * be called once it serves. */
    enum err (*start)(struct service *s, struct error *err);
    /* Drain: begin to stop, call service_stopped() when done. */
    void (*stop)(struct service *s);
    void (*reload)(struct service *s); /* SIGHUP; may be NULL */
    void (*free)(struct service *s);   /* also after a failed start() that has set s->program */
    /* false makes /healthz answer 503 with the text. */
    bool (*healthy)(struct service *s, struct buf *ret_text);
    const struct http_route *routes; /* further ones; their owner is the struct service */
    size_t route_count;
    unsigned worker_count; /* threads for blocking work; 0: SERVICE_WORKERS */
    /* For --print-reference: Markdown of further tables of settings, and of the metrics. May be
     * NULL. */
    void (*extra_reference)(FILE *out);
    void (*metrics_reference)(FILE *out);
};

enum { SERVICE_WORKERS = 4 };

/* SIGHUP reads the configuration again: a wrong one is told and changes nothing; a right one
 * becomes s->root and s->config (the old ones stay valid until the end), and reload() hears of it.
 *
 * --config FILE, --set KEY=VALUE, --check-config, --help, --version, and --print-reference
 * settings|metrics|sample for `make docs`. Returns the exit code: 0,
 * EX_USAGE (64), EX_CONFIG (78), EX_UNAVAILABLE (69), EX_CANTCREAT, EX_SOFTWARE... A second SIGTERM
 * or SIGINT ends at once, even when the loop hangs. */
int service_main(const struct service_program *p, int argc, char **argv);
/* Logs "ready" with the start-up time, tells systemd. */
void service_ready(struct service *s);
/* Ends service_main() with exit code 0. */
void service_stopped(struct service *s);
/* Ends service_main() with a failure, e.g. when the disk is gone. */
void service_fail(struct service *s, int exit_code, const struct error *err);

#endif
