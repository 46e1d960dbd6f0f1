/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - logboom-agent: arguments, configuration and signals by service_main(), the agent by
 * agent.c.
 */
#include "agent/runtime.h"
#include "protocol/net/service.h"

#include <unistd.h>

struct program {
    struct agent *agent;
    int lock_fd;
};

static void warn(void *ctx, const char *text)
{
    const struct service *s = ctx;
    log_warn(&s->log, "configuration", KV_STR("note", text));
}

static enum err check(struct service *s, struct error *err)
{
    struct agent_plan plan;
    enum err rc = agent_plan_init(&plan, s->config, &s->arena, NULL, NULL, err);
    if (!rc) {
        agent_plan_deinit(&plan);
    }
    return rc;
}

/* Without notifications the scans find everything, only later. */
static struct notify *open_notify(struct service *s, struct agent *a)
{
    static const struct notify_events events = { agent_notified };
    struct notify *n = NULL;
    struct error why;
    if (notify_inotify(s->loop, &events, a, &n, &why)) {
        log_warn(&s->log, "no notifications from the kernel: changes are found by scanning",
                 KV_STR("error", why.text));
    }
    return n;
}

static enum err start(struct service *s, struct error *err)
{
    struct agent_plan plan;
    const struct agent_config *cfg = s->config;
    struct program *p = arena_alloc(&s->arena, sizeof(*p));
    if (!p) {
        return err_set(err, ERR_LIMIT, "no memory left for the program");
    }
    uint64_t open_max = runtime_raise_descriptor_limit();
    enum err rc = agent_plan_init(&plan, cfg, &s->arena, warn, s, err);
    if (rc) {
        return rc;
    }
    struct agent_args args = {
        .env = s->env,
        .vfs = vfs_posix(),
        .files = files_posix(),
        .log = &s->log,
        .plan = &plan,
        .open_max = open_max,
    };
    p->lock_fd = -1;
    rc = runtime_lock_data(cfg->path_data, &p->lock_fd, err);
    rc = rc ? rc : runtime_facts(cfg, s->env, args.vfs, &s->arena, &args.facts, &args.host, err);
    rc = rc ? rc : agent_new(&args, &p->agent, err);
    if (rc) {
        if (p->lock_fd >= 0) {
            close(p->lock_fd);
        }
        return rc;
    }
    s->program = p;
    agent_add_metrics(p->agent, s->metrics);
    agent_run(p->agent, open_notify(s, p->agent));
    service_ready(s);
    return ERR_OK;
}

static void stopped(void *ctx)
{
    service_stopped(ctx);
}

static void stop(struct service *s)
{
    struct program *p = s->program;
    agent_stop(p->agent, stopped, s);
}

static void free_program(struct service *s)
{
    struct program *p = s->program;
    if (p) {
        agent_free(p->agent);
        close(p->lock_fd);
        s->program = NULL;
    }
}

static bool healthy(struct service *s, struct buf *ret_text)
{
    const struct program *p = s->program;
    return !p || agent_healthy(p->agent, ret_text);
}

static void get_stats(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const struct service *s = owner;
    const struct program *p = s->program;
    if (p) {
        agent_write_stats(p->agent, &reply->body);
    }
}

static void get_inputs(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const struct service *s = owner;
    const struct program *p = s->program;
    if (p) {
        agent_write_inputs(p->agent, &reply->body);
    }
}

int main(int argc, char **argv)
{
    static const struct http_route routes[] = {
        { "GET", "/stats", get_stats },
        { "GET", "/inputs", get_inputs },
        { "GET", "/inputs/", get_inputs },
    };
    static const struct service_program program = {
        .name = "logboom-agent",
        .about = "tails log files and sends their lines to Kafka",
        .config_path = "/etc/logboom/agent.yml",
        .table = &agent_config_table,
        .extra_help = agent_plan_print_help,
        .check = check,
        .start = start,
        .stop = stop,
        .free = free_program,
        .healthy = healthy,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    return service_main(&program, argc, argv);
}
