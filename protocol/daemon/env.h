/* SPDX-License-Identifier: Apache-2.0 */
/*
 * env.h - the seam to the world: clock, random numbers, timers, connections, workers.
 * The programs get it from the event loop (net/loop.h), the simulator gives its own. Everything
 * runs on one thread; only work->run() runs elsewhere. Callbacks never come from inside the call
 * that caused them: they come from the loop later.
 */
#ifndef LOGBOOM_DAEMON_ENV_H
#define LOGBOOM_DAEMON_ENV_H

#include "protocol/base/err.h"
#include "protocol/base/heap.h"
#include "protocol/base/slice.h"
#include "protocol/daemon/vfs.h"

/* A timer, embedded in its owner; set fire and owner once, then arm and cancel at will. */
struct timer {
    struct heap_node node;
    void (*fire)(void *owner);
    void *owner;
};

/* Blocking work: run() on a worker thread, then done() on the loop. Embedded in its owner, which
 * must live until done(). */
struct work {
    void (*run)(struct work *w);
    void (*done)(struct work *w);
    struct work *next; /* the pool's */
    /* Of works that share one task: how many of them run still, counted by the pool. The loop is
     * woken once, for the last of them. NULL: it stands alone. */
    uint32_t *together;
};

/* One piece of what is sent: bytes, or, when file is set, len bytes of a file. release(owner) is
 * called once, when the piece has been handed to the kernel or the stream has died. */
struct piece {
    struct slice bytes;
    struct vfs_file *file;
    uint64_t file_pos;
    size_t file_len;
    void (*release)(void *owner); /* may be NULL */
    void *owner;
};

struct stream;

/* What a stream tells its user. */
struct stream_events {
    void (*opened)(void *user);
    /* Where the next bytes shall go. room 0 pauses reading until stream_resume(). */
    void (*space)(void *user, uint8_t **ret_ptr, size_t *ret_room);
    /* n bytes were put there. The stream may be closed from here. */
    void (*filled)(void *user, size_t n);
    /* The send queue became empty after it held something. May be NULL. */
    void (*drained)(void *user);
    /* The connection ended: by the peer (ERR_CLOSED), by an error (why tells), never by
     * stream_close(). The stream is gone when this returns. */
    void (*closed)(void *user, enum err why);
};

struct stream_ops {
    void (*send)(struct stream *s, const struct piece *pieces, size_t count);
    void (*resume)(struct stream *s);
    void (*close)(struct stream *s);
    void (*flush)(struct stream *s); /* may be NULL: what is sent leaves by itself */
};

/* An ordered connection of bytes. */
struct stream {
    const struct stream_ops *ops;
    size_t queued_bytes; /* given to send and not yet with the kernel */
    char peer[64];       /* "127.0.0.1:40312", for logs */
    char local_host[48]; /* the address the peer came in by; "" until opened */
    uint16_t local_port;
};

struct env_ops {
    uint64_t (*mono_ns)(void *ctx); /* frozen during one step of the loop */
    int64_t (*wall_ms)(void *ctx);  /* Unix time; may jump: for timestamps only */
    uint64_t (*random)(void *ctx);
    void (*timer_arm)(void *ctx, struct timer *t, uint64_t deadline_ns); /* re-arms an armed one */
    void (*timer_cancel)(void *ctx, struct timer *t);
    /* Begins a connection; never NULL; failure comes as closed(). The host may be a name. */
    struct stream *(*connect)(void *ctx, const char *host, uint16_t port,
                              const struct stream_events *events, void *user);
    void (*work)(void *ctx, struct work *w);
};

struct env {
    const struct env_ops *ops;
    void *ctx;
};

static inline uint64_t env_mono_ns(struct env e)
{
    return e.ops->mono_ns(e.ctx);
}

static inline int64_t env_wall_ms(struct env e)
{
    return e.ops->wall_ms(e.ctx);
}

static inline uint64_t env_random(struct env e)
{
    return e.ops->random(e.ctx);
}

static inline void timer_arm(struct env e, struct timer *t, uint64_t deadline_ns)
{
    e.ops->timer_arm(e.ctx, t, deadline_ns);
}

static inline void timer_arm_in(struct env e, struct timer *t, uint64_t delay_ns)
{
    e.ops->timer_arm(e.ctx, t, env_mono_ns(e) + delay_ns);
}

static inline void timer_cancel(struct env e, struct timer *t)
{
    e.ops->timer_cancel(e.ctx, t);
}

static inline bool timer_is_armed(const struct timer *t)
{
    return heap_contains(&t->node);
}

static inline struct stream *env_connect(struct env e, const char *host, uint16_t port,
                                         const struct stream_events *events, void *user)
{
    return e.ops->connect(e.ctx, host, port, events, user);
}

static inline void env_work(struct env e, struct work *w)
{
    e.ops->work(e.ctx, w);
}

static inline void stream_send(struct stream *s, const struct piece *pieces, size_t count)
{
    s->ops->send(s, pieces, count);
}

static inline void stream_resume(struct stream *s)
{
    s->ops->resume(s);
}

/* Hands what is queued to the kernel now rather than at the end of the turn: for who is about to
 * compute. Pieces may be released before this returns; no event comes but drained(). */
static inline void stream_flush(struct stream *s)
{
    if (s->ops->flush) {
        s->ops->flush(s);
    }
}

/* Ends the stream at once: unsent pieces are released, no further event comes. */
static inline void stream_close(struct stream *s)
{
    s->ops->close(s);
}

enum { NS_PER_US = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

#endif
