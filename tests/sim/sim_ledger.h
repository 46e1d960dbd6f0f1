/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_ledger.h - what producers sent, what was acknowledged, and what was read: the promises of
 * DESIGN 2 as checks. Knows nothing of brokers. Every record is one of a producer's numbered values
 * for a partition, and its bytes follow from its number. A broken promise ends the run (sim_fail).
 *   G1 durable: what was acknowledged, or read, stays at its offset with its bytes.
 *   G2 bounded: only committed records are read; a reader misses none.
 *   G3 ordered: a producer's values are in the partition in order, each once, none missing.
 */
#ifndef LOGBOOM_TESTS_SIM_LEDGER_H
#define LOGBOOM_TESTS_SIM_LEDGER_H

#include "tests/sim/sim_world.h"

struct sim_ledger_source; /* one producer's values in one partition */

struct sim_ledger_partition {
    char topic[32];
    int32_t index;
    /* By offset: which source's which value is known to be there; source -1: unknown. */
    struct sim_entry {
        int32_t source;
        uint32_t number;
    } * entries;
    size_t count, cap;
    struct sim_ledger_source *sources; /* by producer */
    uint32_t source_count;
    int32_t leader, leader_epoch; /* the newest that was seen */
    int32_t partition_epoch;      /* as told in the trace */
    uint32_t led_by;              /* a bit a node: it led after its last event */
    int64_t committed;            /* the highest high watermark that any leader has shown */
    int64_t start;                /* the highest log start that any replica has shown */
    int64_t start_asked;          /* somebody asked to delete what is below */
    int64_t start_told;           /* what is below is deleted, somebody was told */
    uint32_t started_by;          /* a bit a node: it began there then */
    bool ages;                    /* retention may delete whatever is committed */
};

struct sim_ledger_source {
    uint32_t sent;    /* values 0..sent-1 were given to the producer */
    uint32_t acked;   /* 0..acked-1 were acknowledged */
    int64_t *offsets; /* by number; -1: unknown */
    size_t offset_cap;
};

struct sim_ledger {
    struct sim_world *world;
    struct sim_ledger_partition *partitions;
    uint32_t partition_count;
    uint32_t value_bytes_max;
    uint64_t sent, acked, read; /* totals */
};

void sim_ledger_init(struct sim_ledger *l, struct sim_world *w, uint32_t value_bytes_max);
void sim_ledger_deinit(struct sim_ledger *l);
/* Adds a partition; returns its place. Pointers to partitions are stale after this. */
uint32_t sim_ledger_add(struct sim_ledger *l, const char *topic, int32_t index);
/* NULL when there is none. */
struct sim_ledger_partition *sim_ledger_find(struct sim_ledger *l, struct slice topic,
                                             int32_t index);

/* The next value of a producer for a partition, in out. */
void sim_ledger_next(struct sim_ledger *l, struct sim_ledger_partition *p, uint32_t producer,
                     struct buf *out);
/* It was given to the producer. */
void sim_ledger_sent(struct sim_ledger *l, struct sim_ledger_partition *p, uint32_t producer);
/* The next `records` values of the producer were acknowledged, from base_offset on (-1: not
 * told). */
void sim_ledger_acked(struct sim_ledger *l, struct sim_ledger_partition *p, uint32_t producer,
                      int64_t base_offset, uint32_t records);
/* A committed record, read by `who`. */
void sim_ledger_read(struct sim_ledger *l, struct sim_ledger_partition *p, int64_t offset,
                     struct slice value, const char *who);
/* A leader shows this high watermark. */
void sim_ledger_high_watermark(struct sim_ledger_partition *p, int64_t offset);

/* How far one reader of a partition has seen each producer: for the order (G3). */
struct sim_reader {
    int64_t next;      /* the offset that must come next */
    bool whole;        /* began at offset 0: knows what must come from each producer */
    uint32_t *numbers; /* the next value of each; UINT32_MAX: not known */
    uint32_t count;
};
/* As sim_ledger_read(), in the order of a reader. */
void sim_reader_read(struct sim_reader *r, struct sim_ledger *l, struct sim_ledger_partition *p,
                     int64_t offset, struct slice value, const char *who);
void sim_reader_deinit(struct sim_reader *r);

/* Somebody asks to delete what lies below; it is done, for whoever leads next. */
void sim_ledger_delete(struct sim_ledger_partition *p, int64_t offset);
void sim_ledger_deleted(struct sim_ledger_partition *p, int64_t offset);
/* A replica's log begins at this offset. It may only when somebody wanted that, and never in front
 * of what is not committed. */
void sim_ledger_log_start(struct sim_ledger *l, struct sim_ledger_partition *p, int64_t offset,
                          const char *who);

/* After everything was read: every acknowledged value was found, but for deleted ones. */
void sim_ledger_check_complete(struct sim_ledger *l);

#endif
