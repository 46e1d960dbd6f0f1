/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flusher.h - group fdatasync: one flush of a log directory is under way at a time and covers
 * everything that was appended before it began. Its files are synced side by side, so that they
 * share the file system's journal commits (docs/decisions/0053).
 */
#ifndef LOGBOOM_BROKER_FLUSHER_H
#define LOGBOOM_BROKER_FLUSHER_H

#include "broker/storage/log.h"
#include "protocol/base/list.h"
#include "protocol/daemon/env.h"

struct broker;
struct partition;

struct flush_item {
    struct partition *partition; /* NULL: deleted meanwhile */
    struct log_flush *flush;
    enum err status;
};

enum { FLUSH_LANES = 3 };

/* One of the workers that share a flush. */
struct flush_lane {
    struct flusher *flusher;
    struct work work;
};

struct flusher {
    struct broker *broker;
    struct list_node dirty; /* of struct partition */
    struct flush_item *items;
    uint32_t count, cap;
    bool running;
    uint64_t began_ns;
    struct flush_lane lanes[FLUSH_LANES];
    uint32_t lanes_left;   /* at work */
    uint32_t lanes_run;    /* of them, counted by the pool */
    _Atomic uint32_t next; /* the first item that no lane has taken */
    /* Begins the flush at the end of the turn, so that it covers the whole turn. */
    struct timer kick;
};

void flusher_init(struct flusher *f, struct broker *b);
/* No flush may be running. */
void flusher_deinit(struct flusher *f);
/* The partition has something to flush. now: begin with this turn's end; otherwise it waits for the
 * next flush that somebody asks for. */
void flusher_add(struct flusher *f, struct partition *p, bool now);
/* Begins a flush of what was added, when none is running. */
void flusher_kick(struct flusher *f);
/* The partition is about to go. */
void flusher_forget(struct flusher *f, struct partition *p);

static inline bool flusher_is_idle(const struct flusher *f)
{
    return !f->running && list_is_empty(&f->dirty);
}

#endif
