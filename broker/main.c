/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - logboom-broker: arguments, configuration and signals by service_main(), the node by
 * broker.c.
 */
#include "broker/runtime.h"
#include "broker/storage_tool.h"
#include "protocol/net/service.h"

#include <malloc.h>
#include <sys/resource.h>
#include <sysexits.h>

static enum err check(struct service *s, struct error *err)
{
    const struct broker_config *config = s->config;
    struct broker_listener *listeners;
    uint32_t count;
    struct quorum_config quorum;
    enum err e = broker_config_check(config, err);
    if (!e) {
        e = quorum_config_parse(config, &s->arena, &quorum, err);
    }
    return e ? e : runtime_listeners(config, s->root, &s->arena, &listeners, &count, err);
}

/* Every segment and every client is a descriptor: take as many as the system gives. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void ready(void *ctx)
{
    service_ready(ctx);
}

static void failed(void *ctx, const struct error *why)
{
    service_fail(ctx, why->code == ERR_CONFIG ? EX_CONFIG : EX_IOERR, why);
}

static void draining(void *ctx)
{
    struct service *s = ctx;
    runtime_close_listeners(s->program);
}

static enum err start(struct service *s, struct error *err)
{
    raise_descriptor_limit();
    struct broker_args args = { .config = s->config,
                                .env = s->env,
                                .vfs = vfs_posix(),
                                .log = log_for(&s->log, "broker"),
                                .default_dir = runtime_default_dir(&s->arena),
                                .host_name = runtime_host_name(&s->arena),
                                .events = { ready, failed, draining },
                                .events_ctx = s };
    enum err e = runtime_listeners(s->config, s->root, &s->arena, &args.listeners,
                                   &args.listener_count, err);
    if (e) {
        return e;
    }
    struct broker *b;
    e = broker_start(&args, &b, err);
    if (e) {
        return e;
    }
    e = runtime_listen(s->loop, b, err);
    if (e) {
        broker_free(b);
        return e;
    }
    broker_add_metrics(b, s->metrics);
    s->program = b;
    if (b->state == BROKER_RUNNING) {
        service_ready(s);
    }
    return ERR_OK;
}

static void drained(void *ctx)
{
    struct service *s = ctx;
    struct error err;
    if (broker_shutdown(s->program, &err)) {
        service_fail(s, EX_IOERR, &err);
        return;
    }
    service_stopped(s);
}

static void stop(struct service *s)
{
    broker_drain(s->program, drained, s);
}

static void free_program(struct service *s)
{
    struct broker *b = s->program;
    if (b) {
        runtime_close_listeners(b); /* after a failure they are still open */
        connections_close_all(b);
        loop_turn(s->loop, 0); /* streams are buried */
        loop_settle(s->loop);  /* a flush may be under way: what it ends in is about to go */
        broker_free(b);
    }
}

static bool healthy(struct service *s, struct buf *ret_text)
{
    return broker_healthy(s->program, ret_text);
}

int main(int argc, char **argv)
{
    static const struct service_program program = {
        .name = "logboom-broker",
        .about = "Keeps logs: an Apache Kafka compatible broker. Without arguments it is a running "
                 "node.",
        .config_path = "/etc/logboom/broker.yml",
        .table = &broker_config_table,
        .check = check,
        .start = start,
        .stop = stop,
        .free = free_program,
        .healthy = healthy,
        .metrics_reference = broker_print_metrics,
    };
    if (argc > 1 && strcmp(argv[1], "storage") == 0) {
        return storage_tool_main(argc - 1, argv + 1);
    }
    (void)mallopt(M_ARENA_MAX, 2); /* one thread does the work */
    return service_main(&program, argc, argv);
}
