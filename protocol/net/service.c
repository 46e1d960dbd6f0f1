/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service.c - the life of a daemon: settings, loop, start, signals, end. Driven by main().
 *   (S1) Nothing is started before all settings were found right; the HTTP port is taken before
 * start(), so that a port in use costs no recovery of a disk. (S2) s->config changes only on the
 * loop, between events, and only to settings that were checked. (S3) From the first SIGTERM or
 * SIGINT on, the second one has its default action.
 */
#include "config.h"

#include "protocol/base/alloc.h"
#include "protocol/net/service_internal.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

enum { CONFIG_BYTES_MAX = 64 << 20 };

/* Settings that once were in force; kept, for texts of them may be in use. */
struct old_settings {
    struct arena arena;
    struct old_settings *next;
};

struct service_run {
    struct service s;
    const struct service_program *p;
    struct service_options options;
    struct http_server *http;
    struct http_route *routes;
    struct old_settings *old;
    struct buf warnings; /* lines of config_load() */
    uint64_t started_ns;
    int exit_code;
    bool ended; /* service_stopped() or service_fail() was called */
};

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* --- settings --------------------------------------------------------------------------------- */

/* A member of the daemon's struct by the setting's name: every table has service_config.def's rows.
 */
static const void *setting(const struct service *s, const struct service_program *p,
                           const char *name)
{
    const struct config_row *row = config_find(p->table, slice_str(name));
    return row ? (const char *)s->config + row->offset : NULL;
}

static bool setting_bool(const struct service *s, const struct service_program *p, const char *name)
{
    const bool *b = setting(s, p, name);
    return b && *b;
}

static int64_t setting_int(const struct service *s, const struct service_program *p,
                           const char *name)
{
    const int64_t *n = setting(s, p, name);
    return n ? *n : 0;
}

static void on_warning(void *ctx, const char *text)
{
    struct service_run *r = ctx;
    buf_append_str(&r->warnings, text);
    buf_append_byte(&r->warnings, '\0');
}

static void log_warnings(struct service_run *r)
{
    for (size_t i = 0; i < r->warnings.len; i += strlen((const char *)r->warnings.ptr + i) + 1) {
        log_warn(&r->s.log, "configuration", KV_STR("note", (const char *)r->warnings.ptr + i));
    }
    buf_deinit(&r->warnings);
}

/* Reads and checks everything into s->arena, s->root and s->config. */
static enum err load_settings(struct service_run *r, struct error *err)
{
    struct service *s = &r->s;
    const char *path = r->options.config_path;
    struct yaml_node *root = NULL;
    if (!path && r->p->config_path && access(r->p->config_path, F_OK) == 0) {
        path = r->p->config_path;
    }
    enum err e = path ? yaml_load(path, &s->arena, &root, err)
                      : yaml_parse(slice_null(), "configuration", &s->arena, &root, err);
    for (size_t i = 0; i < r->options.set_count && !e; i++) {
        e = yaml_set(root, r->options.sets[i], &s->arena, err);
    }
    if (e) {
        return e;
    }
    void *config = arena_alloc(&s->arena, r->p->table->struct_size);
    if (!config) {
        return err_set(err, ERR_LIMIT, "the configuration needs more memory than it may have");
    }
    s->root = root;
    s->config = config;
    e = config_load(r->p->table, root, &s->arena, on_warning, r, config, err);
    return e || !r->p->check ? e : r->p->check(s, err);
}

static void apply_logging(struct service_run *r)
{
    log_sink_set(r->s.log.sink, (enum log_level)setting_int(&r->s, r->p, "logging.level"),
                 (enum log_format)setting_int(&r->s, r->p, "logging.format"));
}

static void on_hangup(void *owner, int signum)
{
    struct service_run *r = owner;
    struct service before = r->s;
    struct error err = { 0 };
    char state[64];
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now_ns() / 1000);
    service_notify(state);
    arena_init(&r->s.arena, CONFIG_BYTES_MAX);
    if (load_settings(r, &err)) {
        arena_deinit(&r->s.arena);
        r->s = before;
        log_error(&r->s.log, "the configuration is wrong; going on with the one before",
                  KV_STR("error", err.text));
    } else {
        struct old_settings *old = mem_zalloc(sizeof(*old));
        *old = (struct old_settings){ before.arena, r->old };
        r->old = old;
        apply_logging(r);
        log_info(&r->s.log, "configuration read again");
        if (r->p->reload) {
            r->p->reload(&r->s);
        }
    }
    log_warnings(r);
    service_notify("READY=1");
}

/* --- signals ---------------------------------------------------------------------------------- */

static void on_stop_signal(void *owner, int signum)
{
    struct service_run *r = owner;
    sigset_t set;
    if (r->s.stopping) {
        return;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    (void)signal(SIGTERM, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL); /* (S3) */
    r->s.stopping = true;
    log_info(&r->s.log, "stopping", KV_STR("signal", signum == SIGTERM ? "SIGTERM" : "SIGINT"));
    service_notify("STOPPING=1");
    if (r->p->stop) {
        r->p->stop(&r->s);
    } else {
        service_stopped(&r->s);
    }
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static void on_metrics(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const struct service *s = owner;
    reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_render(s->metrics, &reply->body);
}

static void on_healthz(void *owner, const struct http_request *req, struct http_reply *reply)
{
    struct service *s = owner;
    const struct service_program *p = s->run->p;
    reply->content_type = "text/plain; charset=utf-8";
    if (s->stopping) {
        reply->status = 503;
        buf_append_str(&reply->body, "stopping");
    } else if (p->healthy && !p->healthy(s, &reply->body)) {
        reply->status = 503;
    } else {
        buf_reset(&reply->body);
        buf_append_str(&reply->body, "ok");
    }
    buf_append_byte(&reply->body, '\n');
}

static enum err start_http(struct service_run *r, struct error *err)
{
    const struct http_route own[] = { { "GET", "/metrics", on_metrics },
                                      { "GET", "/healthz", on_healthz } };
    size_t own_count = sizeof(own) / sizeof(own[0]);
    if (!setting_bool(&r->s, r->p, "http.enabled")) {
        return ERR_OK;
    }
    r->routes = mem_array(own_count + r->p->route_count, sizeof(*r->routes));
    memcpy(r->routes, own, sizeof(own));
    if (r->p->route_count) {
        memcpy(r->routes + own_count, r->p->routes, r->p->route_count * sizeof(*r->routes));
    }
    const char *const *host = setting(&r->s, r->p, "http.host");
    return http_server_new(r->s.loop, *host, (uint16_t)setting_int(&r->s, r->p, "http.port"),
                           r->routes, own_count + r->p->route_count, &r->s, &r->http, err);
}

/* --- life ------------------------------------------------------------------------------------- */

void service_ready(struct service *s)
{
    struct service_run *r = s->run;
    log_info(&s->log, "ready", KV_STR("version", PACKAGE_VERSION),
             KV_NS("took", (now_ns() - r->started_ns) / (100 * NS_PER_US) * (100 * NS_PER_US)),
             KV_INT("http_port", r->http ? http_server_port(r->http) : 0), KV_INT("pid", getpid()));
    service_notify("READY=1");
    (void)malloc_trim(0); /* what start-up needed and running does not */
}

static void end_run(struct service *s, int exit_code)
{
    if (!s->run->ended) {
        s->run->ended = true;
        s->run->exit_code = exit_code;
    }
    loop_stop(s->loop);
}

void service_stopped(struct service *s)
{
    end_run(s, EX_OK);
}

void service_fail(struct service *s, int exit_code, const struct error *err)
{
    log_error(&s->log, "failed", KV_STR("error", err->text));
    end_run(s, exit_code);
}

static int exit_code_of(enum err e)
{
    switch (e) {
    case ERR_CONFIG:
        return EX_CONFIG;
    case ERR_PERMISSION:
        return EX_NOPERM;
    case ERR_IO:
    case ERR_NO_SPACE:
    case ERR_CORRUPT:
        return EX_IOERR;
    default:
        return EX_UNAVAILABLE;
    }
}

/* What every daemon wants of the process. */
static void prepare_process(void)
{
    struct rlimit files;
    (void)signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    (void)mallopt(M_ARENA_MAX, 1);               /* workers allocate next to nothing */
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* large buffers go back when they are freed */
}

static int run_service(struct service_run *r)
{
    struct service *s = &r->s;
    struct error err = { 0 };
    prepare_process();
    s->log = (struct log){ log_sink_new(STDERR_FILENO, LOG_INFO, LOG_LOGFMT), "service" };
    apply_logging(r);
    log_warnings(r);
    s->metrics = metrics_new();
    unsigned workers = r->p->worker_count ? r->p->worker_count : SERVICE_WORKERS;
    enum err e = loop_new(workers, &s->loop, &err);
    int exit_code = EX_OSERR;
    if (!e) {
        s->env = loop_env(s->loop);
        loop_on_signal(s->loop, SIGTERM, on_stop_signal, r);
        loop_on_signal(s->loop, SIGINT, on_stop_signal, r);
        loop_on_signal(s->loop, SIGHUP, on_hangup, r);
        e = start_http(r, &err);
        exit_code = EX_UNAVAILABLE;
    }
    if (!e) {
        e = r->p->start(s, &err);
        exit_code = exit_code_of(e);
    }
    if (e) {
        log_error(&s->log, "cannot start", KV_STR("error", err.text[0] ? err.text : err_text(e)));
    } else {
        if (!r->ended) {
            loop_run(s->loop);
        }
        exit_code = r->exit_code;
        log_info(&s->log, "stopped", KV_INT("exit_code", exit_code));
    }
    if (r->p->free && (!e || s->program)) {
        r->p->free(s);
    }
    http_server_free(r->http);
    if (s->loop) {
        loop_free(s->loop);
    }
    metrics_free(s->metrics);
    log_sink_free(s->log.sink);
    return exit_code;
}

static int check_and_run(struct service_run *r)
{
    struct error err = { 0 };
    arena_init(&r->s.arena, CONFIG_BYTES_MAX);
    enum err e = load_settings(r, &err);
    int exit_code = EX_OK;
    if (e) {
        fprintf(stderr, "%s: %s\n", r->p->name, err.text[0] ? err.text : err_text(e));
        exit_code = EX_CONFIG;
    } else if (r->options.action == SERVICE_CHECK) {
        for (size_t i = 0; i < r->warnings.len; i += strlen((char *)r->warnings.ptr + i) + 1) {
            fprintf(stderr, "%s: %s\n", r->p->name, (const char *)r->warnings.ptr + i);
        }
        puts("configuration is valid");
    } else {
        exit_code = run_service(r);
    }
    for (struct old_settings *old = r->old, *next; old; old = next) {
        next = old->next;
        arena_deinit(&old->arena);
        mem_free(old);
    }
    arena_deinit(&r->s.arena);
    buf_deinit(&r->warnings);
    mem_free(r->routes);
    return exit_code;
}

int service_main(const struct service_program *p, int argc, char **argv)
{
    struct service_run r = { .p = p, .started_ns = now_ns() };
    struct error err = { 0 };
    r.s.run = &r;
    int exit_code = EX_OK;
    if (service_options_parse(argc, argv, &r.options, &err)) {
        fprintf(stderr, "%s: %s\n", p->name, err.text);
        exit_code = EX_USAGE;
    } else if (r.options.action == SERVICE_HELP) {
        service_print_help(p, stdout);
    } else if (r.options.action == SERVICE_VERSION) {
        printf("%s %s\n", p->name, PACKAGE_VERSION);
    } else if (r.options.action == SERVICE_REFERENCE) {
        if (!service_print_reference(p, r.options.reference, stdout)) {
            fprintf(stderr, "%s: --print-reference takes settings, metrics or sample\n", p->name);
            exit_code = EX_USAGE;
        }
    } else {
        exit_code = check_and_run(&r);
    }
    service_options_free(&r.options);
    if (fflush(stdout) != 0 && exit_code == EX_OK) {
        exit_code = EX_IOERR;
    }
    return exit_code;
}
