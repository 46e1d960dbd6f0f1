/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent.h - one agent: its inputs, its output, its registry, and the pump that moves lines between
 * them. Works through env, vfs and files only, so that many can live in one process.
 */
#ifndef LOGBOOM_AGENT_AGENT_H
#define LOGBOOM_AGENT_AGENT_H

#include "agent/agent_plan.h"
#include "protocol/daemon/metrics.h"

struct agent;

struct agent_args {
    struct env env;
    struct vfs *vfs;
    struct files *files;
    const struct log *log;
    struct agent_plan *plan; /* the agent's from now on, not its memory */
    struct agent_facts facts;
    struct host_facts host;
    uint64_t open_max; /* files open at once over all inputs; 0: no limit */
};

/* Opens the registry and the output. Files are first looked at by agent_run(). */
enum err agent_new(const struct agent_args *args, struct agent **ret_agent, struct error *err);
/* notify may be NULL; it is the agent's then. */
void agent_run(struct agent *a, struct notify *notify);
/* What notify tells; ctx is the agent. */
void agent_notified(void *ctx, enum notify_kind kind, const char *path);
/* No more reading; done(ctx) once all is acknowledged (or the shutdown timeout came) and the
 * registry is on disk. */
void agent_stop(struct agent *a, void (*done)(void *ctx), void *ctx);
void agent_free(struct agent *a);

bool agent_healthy(const struct agent *a, struct buf *ret_text);
void agent_add_metrics(struct agent *a, struct metrics *m);
/* The bodies of /stats and /inputs. */
void agent_write_stats(const struct agent *a, struct buf *out);
void agent_write_inputs(const struct agent *a, struct buf *out);
struct agent_metrics *agent_get_metrics(struct agent *a);
struct output *agent_output(struct agent *a);

#endif
