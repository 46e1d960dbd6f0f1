/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_world.h - a few consensus machines in one process, their disks and their network, by seed.
 * Messages go through the encoder and the decoder, may be lost, late, out of order and doubled;
 * disks sync when it pleases them, and a crash takes what was not synced. After every event
 * raft_rules.c looks whether something happened that must never happen.
 */
#ifndef LOGBOOM_TESTS_RAFT_WORLD_H
#define LOGBOOM_TESTS_RAFT_WORLD_H

#include "broker/raft/raft.h"
#include "protocol/base/heap.h"
#include "protocol/base/list.h"
#include "protocol/base/rng.h"

enum {
    WORLD_NODES_MAX = 6,
    WORLD_EPOCHS_MAX = 4096,
    WORLD_VOTERS_MAX = 8,
};

/* One batch of a log. */
struct world_batch {
    int64_t base, end;
    int32_t epoch;
    uint32_t crc;
    bool is_control;
    uint8_t *bytes;
    size_t len;
};

struct world_snapshot {
    struct raft_offset_epoch id;
    int16_t kraft_version;
    struct raft_voter voters[WORLD_VOTERS_MAX];
    struct raft_endpoint endpoints[WORLD_VOTERS_MAX];
    size_t voter_count;
    size_t size; /* of the file that is made of it */
};

/* What survives a crash: state, snapshot, and the log up to `synced`. */
struct world_disk {
    struct raft_hard_state state;
    struct world_batch *batches;
    size_t batch_count;
    int64_t start, end, synced;
    int32_t start_epoch;
    struct world_snapshot snapshot;
};

struct world_node {
    int32_t id;
    struct uuid directory_id;
    struct raft *raft; /* NULL: down */
    uint32_t life;     /* counts crashes: what was under way for an older one is void */
    struct world_disk disk;
    struct raft_endpoint endpoint;
    char host[16];
    bool can_vote;
    bool paused; /* SIGSTOP */
    bool sync_under_way;
    int16_t version_cap; /* how many versions below the highest this node speaks; 0 all */
    int64_t fetched_size;
    struct raft_offset_epoch incoming;
    uint64_t tick_ns;
    /* for the rules */
    int32_t epoch_seen;
    int64_t high_watermark_seen;
    int64_t told_high_watermark; /* by leaders, in this life */
    uint64_t fetch_token;        /* of its last Fetch */
    enum raft_role role_seen;
    int32_t voted[WORLD_EPOCHS_MAX]; /* by epoch, id + 1 */
};

struct world_committed {
    int32_t epoch;
    int32_t committed_in; /* the epoch of the leader that did */
    uint32_t crc;
    int64_t base, end;
};

struct world {
    struct rng rng;
    uint64_t now_ns;
    struct heap events;
    struct list_node exchanges;
    struct world_node nodes[WORLD_NODES_MAX];
    int node_count;
    int16_t kraft_version;
    bool auto_join;
    bool blocked[WORLD_NODES_MAX][WORLD_NODES_MAX]; /* from, to */
    uint32_t loss_permille, double_permille;
    uint32_t delay_max_ms, sync_max_ms;
    uint32_t crash_permille; /* of outputs after which a node crashes */
    uint64_t next_value;
    uint64_t steps;
    uint64_t digest;
    /* the rules' memory */
    struct world_committed *committed; /* batches, in order of offsets */
    size_t committed_count;
    int64_t committed_end;
    int32_t leader_of[WORLD_EPOCHS_MAX]; /* by epoch, id + 1 */
    int32_t epoch_max;
    uint32_t elections;
    const char *broken; /* NULL, or the rule that was broken */
    char broken_text[256];
    /* what clients were told */
    uint32_t changes_done, changes_refused;
    int64_t acked_end;
    uint32_t adopted;
};

struct world_config {
    uint64_t seed;
    int voters;   /* nodes 1 .. voters vote at first */
    int nodes;    /* the others are observers that may become voters */
    bool dynamic; /* kraft.version 1 */
};

void world_init(struct world *w, const struct world_config *config);
void world_deinit(struct world *w);
/* Runs events for so long, or until a rule is broken (false). */
bool world_run(struct world *w, uint64_t ms);

struct world_node *world_node(struct world *w, int32_t id);
void world_start(struct world *w, struct world_node *n);
void world_crash(struct world *w, struct world_node *n);
/* The only leader of the highest epoch that is up, or NULL. */
struct world_node *world_leader(struct world *w);
/* The leader proposes a batch of records; its end offset, -1 when the node does not lead. */
int64_t world_propose(struct world *w, struct world_node *n);
void world_snapshot(struct world *w, struct world_node *n);
/* Asks a node to add or remove; the answer is counted. */
void world_add_voter(struct world *w, struct world_node *at, int32_t id);
void world_remove_voter(struct world *w, struct world_node *at, int32_t id);
void world_resign(struct world *w, struct world_node *n, bool for_ever);
void world_block(struct world *w, int32_t from, int32_t to, bool blocked);
void world_heal(struct world *w);
/* What the sim did to a machine shows only here: outputs are carried out. */
void world_drain(struct world *w, struct world_node *n);
struct raft_now world_now(const struct world *w);

/* --- between the files of the world --- */

/* The handle of a call that a client of the test makes. */
void *world_call(struct world *w, int16_t api_key);
void world_disk_start_at(struct world_disk *d, int64_t offset);
/* After a copy: the struct points into itself. */
void world_snapshot_fix(struct world_snapshot *s);

/* --- raft_rules.c --- */

void world_break(struct world *w, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void rule_saved(struct world *w, struct world_node *n, const struct raft_hard_state *state);
void rule_sent(struct world *w, struct world_node *n, const struct raft_output *out);
void rule_vote_granted(struct world *w, struct world_node *n, const struct vote_request *req);
void rule_role(struct world *w, struct world_node *n, const struct raft_output *out);
void rule_committed(struct world *w, struct world_node *n, int64_t high_watermark);
void rule_told(struct world *w, struct world_node *n, const struct fetch_response *resp);
void rule_adopted(struct world *w, struct world_node *n);
void rule_after_event(struct world *w);
/* Expensive ones: every now and then. */
void rule_logs_match(struct world *w);

#endif
