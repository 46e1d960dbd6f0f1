/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_fence.c - brokers that must not lead for now: cut off from the controller, or with a full
 * disk. Real nodes in a simulated world; records are appended where a producer's request would.
 */
#include "tests/broker/fleet.h"

#include <check.h>

Suite *fence_suite(void);

/* --- cut off ---------------------------------------------------------------------------------- */

static void cut_off(struct fleet *f, const struct sim_node *n, bool blocked)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (&f->nodes[i] != n) {
            sim_net_block(&f->world, n->host, f->nodes[i].host, blocked);
            sim_net_block(&f->world, f->nodes[i].host, n->host, blocked);
        }
    }
}

/* Also the one that is the active controller itself. */
START_TEST(a_leader_that_is_cut_off_sends_its_producers_away)
{
    struct fleet *f = fleet_new((uint64_t)_i + 400);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(n);
    struct fleet_sent s;
    fleet_send_whole(f, n, index);
    fleet_run_ms(f, sim_random(&f->world, 1000));
    cut_off(f, n, true);
    fleet_send(n, index, 1, &s);
    ck_assert(!s.done);
    fleet_wait_sent(f, &s, 3500);
    ck_assert_int_eq(s.code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    fleet_send(n, index, 1, &s);
    ck_assert_int_eq(s.code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    struct buf text = { 0 };
    ck_assert(!lifecycle_describe(n->broker, &text));
    ck_assert_msg(strstr(buf_cstr(&text), "cut off"), "%s", buf_cstr(&text));
    buf_deinit(&text);
    fleet_run_ms(f, 6000);
    int32_t leader = fleet_leader_of(other, index);
    ck_assert_int_ne(leader, n->id);
    fleet_send_whole(f, &f->nodes[leader - 1], index);
    cut_off(f, n, false);
    fleet_run_ms(f, 20000);
    ck_assert(!lifecycle_is_cut_off(n->broker));
    fleet_send_whole(f, &f->nodes[leader - 1], index);
    ck_assert_int_eq(partition_end_offset(fleet_partition(n, index)),
                     partition_end_offset(fleet_partition(&f->nodes[leader - 1], index)));
    fleet_free(f);
}
END_TEST

/* From now on until another node than `old` leads the partition and a record is acknowledged there:
 * the milliseconds. */
static uint64_t replaced_ms(struct fleet *f, const struct sim_node *old, int32_t index)
{
    uint64_t from_ns = f->world.now_ns;
    const struct sim_node *other = &f->nodes[old->id % FLEET_VOTERS];
    while (fleet_leader_of(other, index) == old->id || fleet_leader_of(other, index) < 1) {
        fleet_run_ms(f, 1);
        ck_assert_uint_lt(f->world.now_ns, from_ns + 10 * (uint64_t)NS_PER_S);
    }
    struct sim_node *leader = &f->nodes[fleet_leader_of(other, index) - 1];
    while (!fleet_partition(leader, index)->isr) {
        fleet_run_ms(f, 1); /* it has not heard of it */
    }
    fleet_send_whole(f, leader, index);
    return (f->world.now_ns - from_ns) / NS_PER_MS;
}

/* The controllers elect another one, which does not give the broker that fell silent with the old
 * one a whole session. */
START_TEST(a_controller_that_is_cut_off_leads_no_partition_three_seconds_later)
{
    struct fleet *f = fleet_new((uint64_t)_i + 440);
    struct sim_node *n = fleet_controller(f);
    fleet_create_topic(f, n, "t");
    int32_t index = fleet_led_by(n);
    fleet_send_whole(f, n, index);
    fleet_run_ms(f, 3000 + sim_random(&f->world, 1000));
    cut_off(f, n, true);
    ck_assert_uint_lt(replaced_ms(f, n, index), 3000);
    fleet_free(f);
}
END_TEST

/* Heartbeats go on arriving while connections last; answers do not. */
START_TEST(a_leader_that_does_not_hear_the_controller_is_replaced)
{
    struct fleet *f = fleet_new((uint64_t)_i + 460);
    struct sim_node *c = fleet_controller(f), *n = &f->nodes[c->id % FLEET_VOTERS];
    fleet_create_topic(f, c, "t");
    int32_t index = fleet_led_by(n);
    fleet_send_whole(f, n, index);
    fleet_run_ms(f, sim_random(&f->world, 1000));
    sim_net_block(&f->world, c->host, n->host, true);
    ck_assert_uint_lt(replaced_ms(f, n, index), 3250);
    fleet_free(f);
}
END_TEST

/* Both live, as the controller knows; neither fetches from the other. */
START_TEST(a_cut_between_two_brokers_holds_up_neither_for_long)
{
    struct fleet *f = fleet_new((uint64_t)_i + 480);
    struct sim_node *c = fleet_controller(f);
    struct sim_node *n = &f->nodes[c->id % FLEET_VOTERS];
    struct sim_node *o = &f->nodes[n->id % FLEET_VOTERS];
    fleet_create_topic(f, c, "t");
    int32_t a = fleet_led_by(n), b = fleet_led_by(o);
    fleet_send_whole(f, n, a);
    fleet_send_whole(f, o, b);
    fleet_run_ms(f, sim_random(&f->world, 1000));
    struct fleet_sent to_a, to_b;
    sim_net_block(&f->world, n->host, o->host, _i % 3 != 1);
    sim_net_block(&f->world, o->host, n->host, _i % 3 != 2);
    fleet_send(n, a, 1, &to_a);
    fleet_send(o, b, 1, &to_b);
    uint64_t ms = fleet_wait_sent(f, &to_a, 10000);
    ms += fleet_wait_sent(f, &to_b, 10000);
    ck_assert_int_eq(to_a.code, KAFKA_NONE);
    ck_assert_int_eq(to_b.code, KAFKA_NONE);
    ck_assert_uint_lt(ms, 3000);
    ck_assert_int_eq(fleet_isr_size(n, a), 2);
    sim_net_heal(&f->world);
    fleet_run_ms(f, 15000);
    ck_assert_int_eq(fleet_isr_size(n, a), 3);
    fleet_free(f);
}
END_TEST

/* While the controllers elect one of them, nobody can be fenced: who leads goes on. */
START_TEST(an_election_sends_no_producer_away)
{
    struct fleet *f = fleet_new((uint64_t)_i + 420);
    struct sim_node *first = fleet_controller(f), *n = NULL;
    for (int i = 0; i < FLEET_VOTERS; i++) {
        n = &f->nodes[i] == first ? n : &f->nodes[i];
    }
    fleet_create_topic(f, n, "t");
    int32_t index = fleet_led_by(n);
    fleet_send_whole(f, n, index);
    sim_node_kill(first, true); /* nobody is told */
    uint64_t until_ns = f->world.now_ns + 10 * (uint64_t)NS_PER_S;
    while (f->world.now_ns < until_ns) {
        fleet_run_ms(f, 20);
        ck_assert(!lifecycle_is_cut_off(n->broker));
    }
    fleet_send_whole(f, n, index);
    fleet_free(f);
}
END_TEST

/* A node that is the whole cluster. */
static void start_alone(struct sim_world *world, struct sim_node *n)
{
    static const struct sim_world_options options = { .work_ns_max = NS_PER_MS };
    static const struct sim_setting settings[] = { { "listeners", "PLAINTEXT://10.0.0.1:9092" },
                                                   { NULL, NULL } };
    struct error err;
    sim_world_init(world, 430, &options, NULL);
    sim_node_init(n, world, 1, "n1", "10.0.0.1", settings);
    ck_assert_msg(sim_node_start(n, &err) == ERR_OK, "%s", err.text);
}

static void end_alone(struct sim_world *world, struct sim_node *n)
{
    sim_node_kill(n, false);
    sim_node_deinit(n);
    sim_world_deinit(world);
}

START_TEST(a_node_alone_is_never_cut_off)
{
    struct sim_world world;
    struct sim_node n;
    start_alone(&world, &n);
    uint64_t until_ns = 60 * (uint64_t)NS_PER_S;
    while (world.now_ns < until_ns && sim_world_step(&world)) {
        ck_assert(!lifecycle_is_cut_off(n.broker));
    }
    end_alone(&world, &n);
}
END_TEST

/* --- full disks ------------------------------------------------------------------------------- */

enum { BIG = 10 * 1000, LEFT = 64 * 1000 }; /* records; bytes: the metadata go on */

static void fill(struct sim_node *n)
{
    n->disk.faults.capacity_bytes = n->disk.used_bytes + LEFT;
}

static void wait_whole(struct fleet *f, uint64_t ms_max)
{
    uint64_t from_ns = f->world.now_ns;
    for (int32_t i = 0; i < 12; i++) {
        for (int k = 0; k < FLEET_VOTERS; k++) {
            while (fleet_isr_size(&f->nodes[k], i) < FLEET_VOTERS) {
                ck_assert_msg(f->world.now_ns - from_ns < ms_max * NS_PER_MS,
                              "partition %d has %d in sync", (int)i,
                              (int)fleet_isr_size(&f->nodes[k], i));
                fleet_run_ms(f, 5);
            }
        }
    }
    for (int k = 0; k < FLEET_VOTERS; k++) {
        struct buf text = { 0 };
        ck_assert_msg(lifecycle_describe(f->nodes[k].broker, &text), "%s", buf_cstr(&text));
        ck_assert(slice_eq_str(buf_slice(&text), "running"));
        buf_deinit(&text);
    }
}

START_TEST(a_follower_with_a_full_disk_holds_up_nobody)
{
    struct fleet *f = fleet_new((uint64_t)_i + 500);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(other);
    struct fleet_sent s;
    fleet_send_whole(f, other, index);
    fill(n);
    fleet_send(other, index, BIG, &s);
    fleet_wait_sent(f, &s, 1500);
    ck_assert_int_eq(s.code, KAFKA_NONE);
    ck_assert(!fleet_is_unfenced(other, n));
    struct buf text = { 0 };
    fleet_run_ms(f, 1000);
    ck_assert(!lifecycle_describe(n->broker, &text));
    ck_assert_msg(strstr(buf_cstr(&text), "is full: add space"), "%s", buf_cstr(&text));
    buf_deinit(&text);
    n->disk.faults.capacity_bytes += LEFT; /* that is no room worth coming back for */
    fleet_run_ms(f, 20000);
    ck_assert(!fleet_is_unfenced(other, n));
    n->disk.faults.capacity_bytes = 0;
    wait_whole(f, 10000);
    ck_assert_int_eq(partition_end_offset(fleet_partition(n, index)),
                     partition_end_offset(fleet_partition(other, index)));
    fleet_free(f);
}
END_TEST

START_TEST(a_leader_with_a_full_disk_gives_the_lead_away)
{
    struct fleet *f = fleet_new((uint64_t)_i + 520);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(n);
    struct fleet_sent s;
    fleet_send_whole(f, n, index);
    fill(n);
    fleet_send(n, index, BIG, &s);
    ck_assert_int_eq(s.code, KAFKA_KAFKA_STORAGE_ERROR);
    fleet_run_ms(f, 500);
    for (int32_t i = 0; i < 12; i++) {
        ck_assert_int_ge(fleet_leader_of(other, i), 1);
        ck_assert_int_ne(fleet_leader_of(other, i), n->id);
    }
    fleet_send(&f->nodes[fleet_leader_of(other, index) - 1], index, BIG, &s);
    fleet_wait_sent(f, &s, 1500);
    ck_assert_int_eq(s.code, KAFKA_NONE);
    n->disk.faults.capacity_bytes = 0;
    wait_whole(f, 10000);
    fleet_free(f);
}
END_TEST

START_TEST(when_all_disks_are_full_every_partition_keeps_a_leader)
{
    struct fleet *f = fleet_new((uint64_t)_i + 540);
    struct fleet_sent s;
    fleet_create_topic(f, &f->nodes[0], "t");
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_send_whole(f, &f->nodes[i], fleet_led_by(&f->nodes[i]));
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fill(&f->nodes[i]);
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        fleet_send(&f->nodes[i], fleet_led_by(&f->nodes[i]), BIG, &s);
        ck_assert_int_eq(s.code, KAFKA_KAFKA_STORAGE_ERROR);
    }
    for (int round = 0; round < 100; round++) {
        fleet_run_ms(f, 100);
        for (int32_t i = 0; i < 12; i++) {
            ck_assert_int_ge(fleet_leader_of(&f->nodes[0], i), 1);
        }
    }
    for (int i = 0; i < FLEET_VOTERS; i++) {
        f->nodes[i].disk.faults.capacity_bytes = 0;
        fleet_run_ms(f, sim_random(&f->world, 3000));
    }
    wait_whole(f, 15000);
    fleet_free(f);
}
END_TEST

START_TEST(a_node_alone_with_a_full_disk_stays_unfenced)
{
    struct sim_world world;
    struct sim_node n;
    start_alone(&world, &n);
    disk_space_failed(n.broker, &n.broker->dirs[0]);
    uint64_t until_ns = 10 * (uint64_t)NS_PER_S;
    while (world.now_ns < until_ns && sim_world_step(&world)) {
        ck_assert(!image_broker(&n.broker->image, 1)->fenced);
    }
    end_alone(&world, &n);
}
END_TEST

/* --- directories that are not their partition's ----------------------------------------------- */

static void write_metadata(struct sim_node *n, int32_t index, const char *text)
{
    char path[64];
    struct error err;
    snprintf(path, sizeof(path), SIM_NODE_DIR "/t-%d/partition.metadata", (int)index);
    n->disk.off = false;
    ck_assert_msg(vfs_replace_file(&n->disk.vfs, path, slice_str(text), &err) == ERR_OK, "%s",
                  err.text);
    sim_disk_sync_all(&n->disk);
}

START_TEST(a_replica_whose_metadata_is_damaged_is_copied_anew)
{
    struct fleet *f = fleet_new((uint64_t)_i + 600);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(other);
    fleet_send_whole(f, other, index);
    fleet_send_whole(f, other, index);
    sim_node_kill(n, false);
    fleet_run_ms(f, 3000);
    write_metadata(n, index,
                   _i % 2 ? "version: 0\ntopic_id: c2ltdWxhdGVkLWxvZ2Jvb20"
                          : "version: 0\ntopic_id\x01 c2ltdWxhdGVkLWxvZ2Jvb20");
    fleet_start(n);
    fleet_wait_running(f, n, 15000);
    wait_whole(f, 10000);
    ck_assert_int_eq(partition_end_offset(fleet_partition(n, index)), 2);
    ck_assert(
        uuid_eq(&fleet_partition(n, index)->log->topic_id, &fleet_partition(n, index)->topic->id));
    fleet_free(f);
}
END_TEST

/* The checkpoint rots upwards: the replica believes that committed records are gone, once. */
START_TEST(a_replica_that_was_copied_anew_is_sound_from_then_on)
{
    struct fleet *f = fleet_new((uint64_t)_i + 620);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    char text[32];
    struct error err;
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(other);
    fleet_send_whole(f, other, index);
    sim_node_kill(n, false);
    snprintf(text, sizeof(text), "0\n1\nt %d 900\n", (int)index);
    n->disk.off = false;
    ck_assert_int_eq(vfs_replace_file(&n->disk.vfs, SIM_NODE_DIR "/" CHECKPOINT_REPLICATION,
                                      slice_str(text), &err),
                     ERR_OK);
    for (uint64_t run = 0; run < 2; run++) {
        fleet_start(n);
        fleet_wait_running(f, n, 15000);
        ck_assert_uint_eq(n->broker->metrics.damaged_partitions, run == 0);
        wait_whole(f, 10000);
        fleet_run_ms(f, 10000); /* nothing is written to the partition */
        sim_node_kill(n, false);
        fleet_run_ms(f, 3000);
    }
    fleet_free(f);
}
END_TEST

static void segment_path(int32_t index, int64_t base_offset, char ret_path[64])
{
    snprintf(ret_path, 64, SIM_NODE_DIR "/t-%d/%020lld.log", (int)index, (long long)base_offset);
}

/* Kills the node and flips a bit in the leader epoch of the batch at a position: no checksum covers
 * it (bytes 12 to 15). */
static void rot_epoch(struct fleet *f, struct sim_node *n, int32_t index, uint64_t position)
{
    char path[64];
    segment_path(index, 0, path);
    sim_node_kill(n, false);
    fleet_run_ms(f, 3000);
    ck_assert(sim_disk_flip(&n->disk, path, position + 13));
}

START_TEST(a_replica_whose_last_epoch_rots_is_copied_anew)
{
    struct fleet *f = fleet_new((uint64_t)_i + 640);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(other);
    fleet_send_whole(f, other, index);
    uint64_t first = fleet_partition(n, index)->log->segments[0]->size_bytes;
    fleet_send_whole(f, other, index);
    ck_assert_int_eq(partition_end_offset(fleet_partition(n, index)), 2);
    rot_epoch(f, n, index, first);
    fleet_start(n);
    fleet_wait_running(f, n, 15000);
    wait_whole(f, 10000);
    ck_assert_uint_eq(n->broker->metrics.damaged_partitions, 1);
    const struct partition *p = fleet_partition(n, index);
    ck_assert_int_eq(partition_end_offset(p), 2);
    ck_assert_int_eq(leader_epochs_start_above(&p->log->epochs, p->leader_epoch), -1);
    fleet_free(f);
}
END_TEST

/* -1: it tells of none. */
static int64_t recovery_point_on_disk(struct sim_node *n, int32_t index)
{
    struct offset_checkpoint points;
    struct error err;
    ck_assert_int_eq(offset_checkpoint_read(&n->disk.vfs,
                                            SIM_NODE_DIR "/" CHECKPOINT_RECOVERY_POINT, &points,
                                            &err),
                     ERR_OK);
    int64_t offset = offset_checkpoint_find(&points, "t", index);
    offset_checkpoint_deinit(&points);
    return offset;
}

/* After a power loss what lies below a recovery point is not looked at. */
START_TEST(a_log_that_was_cut_for_damage_has_no_recovery_point_above_what_is_synced)
{
    struct fleet *f = fleet_new((uint64_t)_i + 660);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(other);
    fleet_send_whole(f, other, index);
    uint64_t first = fleet_partition(n, index)->log->segments[0]->size_bytes;
    fleet_send_whole(f, other, index);
    fleet_run_ms(f, 61000); /* log.flush.offset.checkpoint.interval.ms */
    ck_assert_int_eq(recovery_point_on_disk(n, index), 2);
    rot_epoch(f, n, index, first);
    fleet_start(n);
    uint64_t until_ns = f->world.now_ns + 10ull * NS_PER_S;
    bool was_cut = false;
    while (f->world.now_ns < until_ns) {
        ck_assert(sim_world_step(&f->world));
        struct topic *t = topic_find(&n->broker->topics, slice_str("t"));
        const struct partition *p = t ? topic_partition(t, index) : NULL;
        if (!p || !p->log) {
            continue;
        }
        was_cut = was_cut || partition_end_offset(p) == 0;
        if (was_cut && partition_end_offset(p) > 0) {
            ck_assert_int_le(recovery_point_on_disk(n, index), p->log->recovery_point);
        }
    }
    ck_assert(was_cut);
    wait_whole(f, 10000);
    ck_assert_int_eq(partition_end_offset(fleet_partition(n, index)), 2);
    fleet_free(f);
}
END_TEST

static void shorten(struct sim_node *n, const char *path, uint64_t size_bytes)
{
    struct vfs *v = &n->disk.vfs;
    struct vfs_file *file;
    struct error err;
    n->disk.off = false;
    ck_assert_int_eq(v->ops->open(v, path, VFS_WRITE, &file, &err), ERR_OK);
    ck_assert_int_eq(v->ops->truncate(v, file, size_bytes), ERR_OK);
    v->ops->close(v, file);
    sim_disk_sync_all(&n->disk);
}

/* A disk that lied about syncs: the tail of a closed segment is gone, and that of the last one. */
START_TEST(a_gap_between_segments_of_a_disk_that_lied_is_filled)
{
    enum { RECORDS = 7 };
    struct error err;
    struct fleet *f = fleet_new((uint64_t)_i + 680);
    struct sim_node *n = &f->nodes[_i % FLEET_VOTERS], *other = &f->nodes[(_i + 1) % FLEET_VOTERS];
    char path[64];
    fleet_create_topic(f, other, "t");
    int32_t index = fleet_led_by(other);
    fleet_send_whole(f, other, index);
    uint32_t batch_bytes = fleet_partition(n, index)->log->segments[0]->size_bytes;
    struct log_config small = fleet_partition(n, index)->log->config;
    small.segment_bytes = batch_bytes * 2;
    log_set_config(fleet_partition(n, index)->log, &small);
    for (int i = 1; i < RECORDS; i++) {
        fleet_send_whole(f, other, index);
        fleet_run_ms(f, 10);
    }
    fleet_run_ms(f, 61000); /* the checkpoints */
    const struct partition_log *log = fleet_partition(n, index)->log;
    ck_assert_uint_ge(log->segment_count, 3);
    ck_assert_int_ge(log->segments[1]->base_offset, 2);
    int64_t active = log->segments[log->segment_count - 1]->base_offset;
    sim_node_kill(n, false);
    fleet_run_ms(f, 3000);
    segment_path(index, 0, path);
    shorten(n, path, batch_bytes);
    segment_path(index, active, path);
    shorten(n, path, 0);
    if (_i % 2) { /* only the recovery point tells, and the node is killed before it is whole */
        ck_assert_int_eq(vfs_replace_file(&n->disk.vfs, SIM_NODE_DIR "/" CHECKPOINT_REPLICATION,
                                          slice_str("0\n0\n"), &err),
                         ERR_OK);
        fleet_start(n);
        for (int ms = 0; n->broker->metrics.damaged_partitions == 0; ms++) {
            ck_assert_int_lt(ms, 15000);
            fleet_run_ms(f, 1);
        }
        fleet_run_ms(f, 3 * (uint64_t)_i);
        sim_node_kill(n, false);
        fleet_run_ms(f, 3000);
    }
    fleet_start(n);
    fleet_wait_running(f, n, 15000);
    wait_whole(f, 10000);
    struct partition *p = fleet_partition(n, index);
    struct buf out = { 0 };
    ck_assert_int_eq(partition_end_offset(p), RECORDS);
    for (int64_t offset = 0; offset < RECORDS; offset++) {
        struct batch_view batch;
        buf_reset(&out);
        ck_assert_int_eq(log_read_copy(p->log, offset, 1 << 20, RECORDS, &out), ERR_OK);
        ck_assert_int_eq(batch_parse(buf_slice(&out), &batch), ERR_OK);
        ck_assert_int_eq(batch.base_offset, offset);
    }
    buf_deinit(&out);
    fleet_free(f);
}
END_TEST

static const struct image_partition *partition_image(const struct sim_node *by, int32_t index)
{
    return partition_in_image(by->broker, fleet_partition(by, index));
}

static struct sim_node *node_by_id(struct fleet *f, int32_t id)
{
    for (uint32_t i = 0; i < f->count; i++) {
        if (f->nodes[i].id == id) {
            return &f->nodes[i];
        }
    }
    ck_abort_msg("node %d", (int)id);
}

/* Its followers would cut what is committed. */
START_TEST(a_leader_whose_log_tells_of_an_epoch_to_come_gives_the_lead_away)
{
    struct fleet *f = fleet_new((uint64_t)_i + 660);
    struct sim_node *first = &f->nodes[_i % FLEET_VOTERS];
    fleet_create_topic(f, first, "t");
    int32_t index = fleet_led_by(first);
    fleet_send_whole(f, first, index);
    fleet_send_whole(f, first, index);
    wait_whole(f, 10000);
    const struct image_partition *ip = partition_image(first, index);
    struct sim_node *second = node_by_id(f, ip->replicas[1]); /* who leads next */
    struct sim_node *third = node_by_id(f, ip->replicas[2]);
    struct partition *p = fleet_partition(second, index);
    leader_epochs_assign(&p->log->epochs, p->leader_epoch + 5, 1);
    sim_node_kill(first, false);
    for (int i = 0; i < 1500; i++) {
        fleet_run_ms(f, 10);
        ck_assert_int_eq(partition_end_offset(fleet_partition(third, index)), 2);
    }
    ck_assert_uint_eq(second->broker->metrics.damaged_partitions, 1);
    ck_assert_int_eq(fleet_leader_of(third, index), third->id);
    fleet_start(first);
    fleet_wait_running(f, first, 15000);
    wait_whole(f, 10000);
    for (uint32_t i = 0; i < FLEET_VOTERS; i++) {
        ck_assert_int_eq(partition_end_offset(fleet_partition(&f->nodes[i], index)), 2);
    }
    ck_assert_int_eq(leader_epochs_start_above(&p->log->epochs, p->leader_epoch), -1);
    fleet_free(f);
}
END_TEST

/* An election without a record left it, or a bit of the file that names it flipped. */
START_TEST(an_epoch_to_come_without_records_is_forgotten)
{
    struct fleet *f = fleet_new((uint64_t)_i + 680);
    struct sim_node *first = &f->nodes[_i % FLEET_VOTERS];
    fleet_create_topic(f, first, "t");
    int32_t index = fleet_led_by(first);
    fleet_send_whole(f, first, index);
    wait_whole(f, 10000);
    struct sim_node *second = node_by_id(f, partition_image(first, index)->replicas[1]);
    struct partition *p = fleet_partition(second, index);
    leader_epochs_assign(&p->log->epochs, p->leader_epoch + 5, 1);
    sim_node_kill(first, false);
    fleet_run_ms(f, 10000);
    ck_assert_int_eq(fleet_leader_of(second, index), second->id);
    fleet_send_whole(f, second, index);
    ck_assert_uint_eq(second->broker->metrics.damaged_partitions, 0);
    ck_assert_int_eq(leader_epochs_latest(&p->log->epochs), p->leader_epoch);
    fleet_free(f);
}
END_TEST

Suite *fence_suite(void)
{
    Suite *s = suite_create("fence");
    TCase *t = tcase_create("cut off");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_leader_that_is_cut_off_sends_its_producers_away, 0, 12);
    tcase_add_loop_test(t, a_controller_that_is_cut_off_leads_no_partition_three_seconds_later, 0,
                        12);
    tcase_add_loop_test(t, a_leader_that_does_not_hear_the_controller_is_replaced, 0, 12);
    tcase_add_loop_test(t, a_cut_between_two_brokers_holds_up_neither_for_long, 0, 12);
    tcase_add_loop_test(t, an_election_sends_no_producer_away, 0, 40);
    tcase_add_test(t, a_node_alone_is_never_cut_off);
    suite_add_tcase(s, t);
    t = tcase_create("full disks");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_follower_with_a_full_disk_holds_up_nobody, 0, 6);
    tcase_add_loop_test(t, a_leader_with_a_full_disk_gives_the_lead_away, 0, 6);
    tcase_add_loop_test(t, when_all_disks_are_full_every_partition_keeps_a_leader, 0, 6);
    tcase_add_test(t, a_node_alone_with_a_full_disk_stays_unfenced);
    suite_add_tcase(s, t);
    t = tcase_create("misfits");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, a_replica_whose_metadata_is_damaged_is_copied_anew, 0, 6);
    tcase_add_loop_test(t, a_replica_that_was_copied_anew_is_sound_from_then_on, 0, 6);
    tcase_add_loop_test(t, a_log_that_was_cut_for_damage_has_no_recovery_point_above_what_is_synced,
                        0, 3);
    tcase_add_loop_test(t, a_replica_whose_last_epoch_rots_is_copied_anew, 0, 6);
    tcase_add_loop_test(t, a_gap_between_segments_of_a_disk_that_lied_is_filled, 0, 12);
    tcase_add_loop_test(t, a_leader_whose_log_tells_of_an_epoch_to_come_gives_the_lead_away, 0, 6);
    tcase_add_loop_test(t, an_epoch_to_come_without_records_is_forgotten, 0, 6);
    suite_add_tcase(s, t);
    return s;
}
