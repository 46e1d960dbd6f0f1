/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_world.h - the time, the chance and the hosts of a simulated world.
 * One heap of events orders everything; one seed decides everything. A host is a machine with a
 * process on it: its clocks, its timers, its workers, and the env that its program gets.
 * Connections between hosts are sim_net.h's, disks sim_disk.h's.
 */
#ifndef LOGBOOM_TESTS_SIM_WORLD_H
#define LOGBOOM_TESTS_SIM_WORLD_H

#include "protocol/base/buf.h"
#include "protocol/base/heap.h"
#include "protocol/base/list.h"
#include "protocol/base/rng.h"
#include "protocol/daemon/env.h"
#include "protocol/daemon/log.h"

#include <stdio.h>

enum { SIM_HOSTS_MAX = 24, SIM_NAME_MAX = 20 };

struct sim_world;
struct sim_host;
struct sim_conn;

/* Something that will happen. When host is set, it happens on that host: later when the host is
 * paused, and not at all when its process has died meanwhile (unless of_machine). */
struct sim_event {
    struct heap_node node;
    void (*fire)(void *owner);
    void *owner;
    struct sim_host *host;
    bool of_machine; /* happens even though no process runs */
    uint8_t kind;    /* goes into the digest */
};

enum sim_event_kind { SIM_EVENT_TIMER = 1, SIM_EVENT_WORK, SIM_EVENT_NET, SIM_EVENT_FAULT };

struct sim_host {
    struct sim_world *world;
    uint32_t id; /* its place in world->hosts */
    char name[SIM_NAME_MAX];
    char address[SIM_NAME_MAX];
    struct env env;  /* of the process that runs here */
    struct vfs *vfs; /* of file pieces that it sends; may be NULL */
    struct rng rng;  /* what the program gets as random numbers */
    bool powered;    /* the machine is on: it answers to strangers with resets */
    bool running;    /* the process lives */
    uint64_t paused_until_ns;
    /* clocks: host time = mono_offset_ns + world time, drifting */
    uint64_t mono_offset_ns;
    int32_t drift_ppm;
    int64_t wall_offset_ms;
    struct heap timers; /* of struct timer, by host time */
    struct sim_event wake;
    struct list_node jobs; /* work under way */
    uint64_t work_ns_max;  /* how long work takes at most: a slow disk */
    struct list_node streams, dirty, dead;
    uint16_t next_port;
    struct log_sink *sink; /* for the program; NULL: no trace */
    int log_fd;            /* what it logged */
};

/* How the world is: drawn from the seed. */
struct sim_world_options {
    uint64_t latency_ns; /* between hosts, at least; up to four times that, with spikes */
    uint32_t loss_ppm;   /* of segments: they come later by a retransmission */
    uint32_t window_bytes;
    uint32_t drift_ppm_max;
    uint64_t work_ns_max;
};

struct sim_world {
    uint64_t seed;
    uint64_t now_ns;
    struct heap events; /* of struct sim_event */
    struct rng rng;
    uint64_t digest;
    uint64_t steps;
    struct sim_world_options options;
    struct sim_host *hosts[SIM_HOSTS_MAX];
    uint32_t host_count;
    bool blocked[SIM_HOSTS_MAX][SIM_HOSTS_MAX]; /* from, to */
    struct list_node conns, listeners;
    FILE *trace; /* NULL: no trace */
    uint64_t trace_from_ns;
    /* Called after every event, with the host that it happened on (NULL: none). */
    void (*after_event)(void *ctx, struct sim_host *h);
    void *after_event_ctx;
};

/* trace may be NULL. */
void sim_world_init(struct sim_world *w, uint64_t seed, const struct sim_world_options *options,
                    FILE *trace);
/* Every program must be gone. */
void sim_world_deinit(struct sim_world *w);

/* A machine that is on, with a process. The world's. */
struct sim_host *sim_host_new(struct sim_world *w, const char *name, const char *address);
/* A fresh process with fresh clocks. */
void sim_host_boot(struct sim_host *h);
/* The process dies: its connections end (when the machine loses its power: without a word). What it
 * still does while it is taken apart has no effect. Work under way is ended here, by its done(). */
void sim_host_kill(struct sim_host *h, bool power_loss);
void sim_host_end_jobs(struct sim_host *h);
/* After the program was freed: its streams are buried. */
void sim_host_bury(struct sim_host *h);
/* Nothing happens on the host for so long: SIGSTOP, or a disk that hangs. */
void sim_host_pause(struct sim_host *h, uint64_t duration_ns);
uint64_t sim_host_mono_ns(const struct sim_host *h);
int64_t sim_host_wall_ms(const struct sim_host *h);

/* (Re-)arms an event at a world time. */
void sim_event_arm(struct sim_world *w, struct sim_event *e, uint64_t at_ns);
void sim_event_cancel(struct sim_world *w, struct sim_event *e);
/* The next event; false when there is none. */
bool sim_world_step(struct sim_world *w);
/* The end of a host's turn: what it sent leaves, what died is buried. sim_world_step() does it for
 * the host of the event; who calls into a program from elsewhere does it, too. */
void sim_host_turn_ends(struct sim_host *h);

static inline uint64_t sim_random(struct sim_world *w, uint64_t bound)
{
    return rng_below(&w->rng, bound);
}

/* True once in `one_in`. */
static inline bool sim_chance(struct sim_world *w, uint64_t one_in)
{
    return rng_below(&w->rng, one_in) == 0;
}

/* Folds something that happened into the digest. */
void sim_digest(struct sim_world *w, uint64_t what, uint64_t value);
/* A line of the trace: time, host (NULL: the world), text. */
void sim_trace(struct sim_world *w, const struct sim_host *h, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What the host's program has logged goes to the trace. */
void sim_trace_log(struct sim_host *h);
/* A promise is broken: prints the time, the seed and the text, and ends the process. */
void sim_fail(struct sim_world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

#endif
