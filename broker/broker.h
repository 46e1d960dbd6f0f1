/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker.h - one node. Everything hangs off struct broker, and it knows the world only through env
 * and vfs, so that many nodes can live in one process (tests, the simulator). runtime.c adds the
 * listeners.
 */
#ifndef LOGBOOM_BROKER_H
#define LOGBOOM_BROKER_H

#include "broker/broker_config.h"
#include "broker/checkpoints.h"
#include "broker/cluster_check.h"
#include "broker/connection.h"
#include "broker/controller_node.h"
#include "broker/controller/image.h"
#include "broker/controller_channel.h"
#include "broker/controller_duties.h"
#include "broker/controller_probe.h"
#include "broker/controller_registrar.h"
#include "broker/dir_assigner.h"
#include "broker/disk_space.h"
#include "broker/fetch_session.h"
#include "broker/flusher.h"
#include "broker/groups.h"
#include "broker/isr_keeper.h"
#include "broker/lifecycle.h"
#include "broker/dynamic_config.h"
#include "broker/log_opener.h"
#include "broker/metadata_log.h"
#include "broker/peer.h"
#include "broker/producer_ids.h"
#include "broker/quorum.h"
#include "broker/quorum_config.h"
#include "broker/replica_fetcher.h"
#include "broker/snapshots.h"
#include "broker/throttle.h"
#include "broker/topics.h"
#include "broker/storage/log_dirs.h"
#include "protocol/daemon/env.h"
#include "protocol/daemon/log.h"
#include "protocol/daemon/metrics.h"

struct broker_metrics {
#define M METRIC_MEMBER
#include "broker/broker_metrics.def"
#undef M
};

/* An entry of `listeners`, opened by runtime.c. */
struct broker_listener {
    struct broker *broker;
    enum listener_kind kind;
    char *name;
    char *host; /* "" is every address */
    uint16_t port;
    char *advertised_host; /* NULL: the address that a connection came in by */
    uint16_t advertised_port;
    void *open; /* runtime.c's */
};

/* One log directory and what is done for it as a whole. */
struct broker_dir {
    struct broker *broker;
    struct log_dir *dir;
    struct flusher flusher;
    uint32_t partition_count; /* with a log here */
    bool is_full;             /* disk_space.c's, with what it had then */
    uint64_t full_free_bytes, full_since_ns;
    struct checkpoint_file checkpoints[CHECKPOINTS];
    /* Directories renamed to be removed, and how many of them a sync has covered (broker.c). */
    _Atomic uint32_t renames, renames_synced;
};

enum broker_state { BROKER_STARTING, BROKER_RUNNING, BROKER_DRAINING, BROKER_STOPPED };

/* What the node tells who runs it, from the loop. Any may be NULL. */
struct broker_events {
    /* The state became BROKER_RUNNING after broker_start(). Once. */
    void (*ready)(void *ctx);
    /* It cannot join the cluster that it was pointed at, whatever it tries. */
    void (*failed)(void *ctx, const struct error *why);
    /* broker_drain() has moved the leaders away: no more connections are to be accepted. */
    void (*draining)(void *ctx);
};

struct broker {
    const struct broker_config *config; /* in force: dynamic_config.h */
    struct dynamic_config dynamic_config;
    struct env env;
    struct vfs *vfs;
    struct log log;
    struct arena arena; /* boot memory */
    struct broker_metrics metrics;
    enum broker_state state;

    char cluster_id[64];
    int32_t node_id;
    struct quorum_config roles; /* what the configuration says of the quorum; in the arena */
    int64_t broker_epoch;       /* offset of this run's registration */
    const char *host_name;      /* what others may call this machine; NULL: nothing known */
    struct uuid incarnation;
    uint64_t hash_seed;

    struct broker_dir *dirs;
    uint32_t dir_count;
    bool logs_open; /* all of them: before, a partition's log is not missing */
    struct log_opener log_opener;
    struct file_cache files;

    struct image image;
    struct log_dir *metadata_dir; /* one of dirs', or owns_metadata_dir */
    bool owns_metadata_dir;
    struct metadata_log metadata;
    struct snapshots snapshots;
    struct quorum quorum;
    struct controller_node controller;
    struct controller_duties duties;
    struct controller_probes probes;
    struct topics topics;
    struct groups groups;
    struct replica_fetchers fetchers;
    struct throttle throttle;
    struct isr_keeper isr_keeper;
    struct dir_assigner dir_assigner;
    struct disk_space disk_space;
    struct fetch_sessions sessions;
    struct connections connections;
    struct peers peers;
    struct controller_channel channel;
    struct lifecycle lifecycle;
    struct cluster_check cluster_check;
    struct controller_registrar registrar;
    struct broker_listener *listeners;
    uint32_t listener_count;

    struct producer_ids producer_ids;

    struct list_node fetches; /* of struct fetch_state: those that wait */
    struct timer retention_timer, checkpoint_timer, high_watermark_timer, upkeep_timer;
    bool high_watermarks_moved;
    /* recovery-point-offset-checkpoint tells more of a log than is true, which was cut or deleted
     * since: checkpoints_correct() comes before the next record there. Likewise
     * log-start-offset-checkpoint. */
    bool recovery_points_stale, log_starts_stale;
    uint32_t removals; /* directories being removed on workers */

    struct timer drain_timer;
    uint64_t drain_deadline_ns;
    bool hung_up; /* the drain has answered whom it could, and closed all connections */
    struct broker_events events;
    void *events_ctx;
    void (*drained)(void *ctx); /* told once when broker_drain() is through */
    void *drained_ctx;
};

struct broker_args {
    const struct broker_config *config; /* outlives the broker */
    struct env env;
    struct vfs *vfs;
    struct log log;
    const char *default_dir;           /* where logs go when the configuration says nothing */
    struct broker_listener *listeners; /* outlive the broker */
    uint32_t listener_count;
    const char *host_name; /* what a listener on every address is registered as; outlives it */
    struct broker_events events;
    void *events_ctx;
};

/* Opens or formats the directories, recovers, loads: blocks. A node that is the whole quorum serves
 * when it returns; one that has to join a cluster first is BROKER_STARTING. Nothing is left behind
 * on failure. */
enum err broker_start(const struct broker_args *args, struct broker **ret_broker,
                      struct error *err);
/* Moves leaders away if it can, takes no more connections' requests, finishes what is under way,
 * then calls drained(ctx). */
void broker_drain(struct broker *b, void (*drained)(void *ctx), void *ctx);
/* Writes everything that a clean start needs. Call it when drained, before broker_free(). */
enum err broker_shutdown(struct broker *b, struct error *err);
/* Without broker_shutdown() it is as if the process had been killed. Connections must be closed and
 * their streams gone, no work may run. */
void broker_free(struct broker *b);

/* A random id that is no reserved one. */
struct uuid broker_random_uuid(struct broker *b);
struct group_now broker_now(const struct broker *b);
/* Opens, checks and locks the log directories; formats empty ones of a node without peers
 * (broker_dirs.c). */
enum err broker_open_dirs(struct broker *b, const char *default_dir, struct error *err);
void broker_close_dirs(struct broker *b);
/* Opens the logs of the partitions that the image knows. Blocks, and may take its time after a
 * crash: for a node that nobody waits for (else log_opener.h). */
enum err broker_open_logs(struct broker *b, struct error *err);
/* For a new partition: the directory with the fewest. */
struct broker_dir *broker_dir_for_new(struct broker *b);

/* Ends the drain when nothing is under way any more; called by whatever ends. */
void broker_check_drained(struct broker *b);
/* Removes a directory in dir, which has just been renamed, and its files on a worker. */
void broker_remove_dir_later(struct broker *b, struct broker_dir *dir, const char *path);

/* The rows of the metrics and the collectors (broker_metrics.c). */
void broker_add_metrics(struct broker *b, struct metrics *m);
/* false with a reason: a partition or directory is offline, the disk is full. */
bool broker_healthy(const struct broker *b, struct buf *ret_text);

/* The table of the metrics, for `make docs`. */
void broker_print_metrics(FILE *out);

#endif
