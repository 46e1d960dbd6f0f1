/* SPDX-License-Identifier: Apache-2.0 */
/* consumer_rig.c - the checking user of a consumer. Driven by check_client_consumer.c and
 * check_client_member.c. */
#include "tests/protocol/consumer_rig.h"

#include <check.h>
#include <stdio.h>

static void on_assigned(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct consumer_rig *r = user;
    r->assigned += count;
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_null(r->parts[parts[i]->partition]);
        r->parts[parts[i]->partition] = parts[i];
        r->next[parts[i]->partition] = -1;
    }
}

static void forget(struct consumer_rig *r, struct consumer_partition *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        ck_assert_ptr_eq(r->parts[parts[i]->partition], parts[i]);
        r->parts[parts[i]->partition] = NULL;
    }
}

static void on_revoked(void *owner)
{
    struct consumer_rig *r = owner;
    consumer_revoked(r->consumer);
}

static void on_revoking(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct consumer_rig *r = user;
    r->revoking += count;
    for (size_t i = 0; i < count; i++) {
        /* Told of again when more are added: the same ones, or not held before. */
        r->parts[parts[i]->partition] = NULL;
    }
    if (r->lazy) {
        return;
    }
    uint64_t after = r->chaotic ? rng_below(&r->env.rng, 3ull * NS_PER_S) : r->revoke_after_ns;
    if (after) {
        timer_arm_in(r->env.env, &r->revoked, after);
    } else {
        consumer_revoked(r->consumer);
    }
}

static void on_lost(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct consumer_rig *r = user;
    r->lost += count;
    for (size_t i = 0; i < count; i++) {
        if (r->parts[parts[i]->partition]) {
            forget(r, &parts[i], 1);
        }
    }
    timer_cancel(r->env.env, &r->revoked);
}

static void look(struct consumer_rig *r, const struct consumer_partition *part,
                 const struct record *rec)
{
    int32_t at = part->partition;
    uint64_t value;
    ck_assert_uint_eq(rec->value.len, sizeof(value));
    memcpy(&value, rec->value.ptr, sizeof(value));
    ck_assert_uint_eq(value, (uint64_t)rec->offset * FAKE_PARTITIONS + (uint64_t)at);
    ck_assert_msg(r->next[at] < 0 || rec->offset == r->next[at],
                  "partition %d gives %lld where %lld is next", (int)at, (long long)rec->offset,
                  (long long)r->next[at]);
    ck_assert_msg(rec->offset <= r->given[at], "partition %d jumps from %lld to %lld", (int)at,
                  (long long)r->given[at], (long long)rec->offset);
    r->next[at] = rec->offset + 1;
    r->given[at] = r->given[at] > r->next[at] ? r->given[at] : r->next[at];
    r->records++;
}

static void meddle(struct consumer_rig *r, struct consumer_partition *part)
{
    struct rng *rng = &r->env.rng;
    switch (rng_below(rng, 12)) {
    case 0:
        consumer_pause(r->consumer, part);
        break;
    case 1:
        r->next[part->partition] = (int64_t)rng_below(rng, (uint64_t)r->next[part->partition] + 1);
        consumer_seek(r->consumer, part, r->next[part->partition]);
        break;
    case 2:
        r->next[part->partition] = -1;
        consumer_seek(r->consumer, part, OFFSET_EARLIEST);
        break;
    case 3:
        for (int i = 0; i < FAKE_PARTITIONS; i++) {
            if (r->parts[i]) {
                consumer_resume(r->consumer, r->parts[i]);
            }
        }
        break;
    default:
        break;
    }
}

static void on_batches(void *user, struct consumer_partition *part,
                       const struct batch_view *batches, size_t count)
{
    struct consumer_rig *r = user;
    struct buf scratch = { 0 };
    ck_assert(!r->closed);
    ck_assert_ptr_eq(r->parts[part->partition], part);
    r->batches += count;
    for (size_t i = 0; i < count; i++) {
        struct batch_iter it;
        struct record rec;
        enum err err = batch_iter_init(&it, &batches[i], &scratch, 1 << 20);
        while (!err && (err = batch_iter_next(&it, &rec)) == ERR_OK) {
            if (rec.offset >= part->position) {
                look(r, part, &rec);
            }
        }
        ck_assert_int_eq(err, ERR_NOT_FOUND);
    }
    buf_deinit(&scratch);
    if (r->commits && r->next[part->partition] >= 0) {
        uint64_t delay = r->chaotic ? rng_below(&r->env.rng, NS_PER_S) : 0;
        consumer_commit(r->consumer, part, r->next[part->partition], delay);
    }
    if (r->chaotic) {
        meddle(r, part);
    }
    if (r->on_batches) {
        r->on_batches(r, part);
    }
}

static void on_trouble(void *user, enum kafka_error error, const char *text, bool fatal)
{
    struct consumer_rig *r = user;
    r->troubles++;
    r->fatals += fatal;
    r->trouble = (int16_t)error;
    snprintf(r->trouble_text, sizeof(r->trouble_text), "%s", text);
}

static void on_at_end(void *user, struct consumer_partition *part)
{
    struct consumer_rig *r = user;
    ck_assert(!r->closed);
    r->last_end[part->partition] = part->position;
}

static void on_calm(void *owner)
{
    struct consumer_rig *r = owner;
    r->cluster.faults = (struct fake_faults){ 0 };
    r->cluster.group.granted = (1u << FAKE_PARTITIONS) - 1;
    r->cluster.group.rebalancing = true;
    r->chaotic = false;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        if (r->parts[i]) {
            consumer_resume(r->consumer, r->parts[i]);
        }
    }
}

void consumer_rig_init(struct consumer_rig *r, uint64_t seed, uint64_t records_each)
{
    *r = (struct consumer_rig){ .commits = true, .request_timeout_ns = 5ull * NS_PER_S };
    fake_env_init(&r->env, seed);
    fake_cluster_init(&r->cluster, &r->env);
    for (uint64_t i = 0; i < FAKE_PARTITIONS; i++) {
        for (uint64_t j = 0; j < records_each; j++) {
            fake_partition_append(&r->cluster.partitions[i], j * FAKE_PARTITIONS + i);
        }
        r->next[i] = r->last_end[i] = -1;
    }
    r->revoked = (struct timer){ .fire = on_revoked, .owner = r };
    r->calm = (struct timer){ .fire = on_calm, .owner = r };
}

void consumer_rig_start(struct consumer_rig *r, struct consumer_config cfg)
{
    const char *bootstrap[] = { fake_cluster_address(0), fake_cluster_address(1) };
    static const char *const topics[] = { "lines" };
    struct client_config client_cfg = { .bootstrap = bootstrap,
                                        .bootstrap_count = 2,
                                        .request_timeout_ns = r->request_timeout_ns,
                                        .connect_timeout_ns = 2ull * NS_PER_S };
    struct consumer_events events = { on_assigned, on_revoking, on_lost,
                                      on_batches,  on_trouble,  on_at_end };
    cfg.topics = topics;
    cfg.topic_count = 1;
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        r->given[i] = r->start[i];
    }
    r->client = client_new(r->env.env, &client_cfg, NULL);
    r->consumer = consumer_new(r->client, &cfg, &events, r);
}

void consumer_rig_script(struct consumer_rig *r, int16_t api, enum fake_act act, int16_t error,
                         int times)
{
    r->cluster.script = (struct fake_script){ api, act, error, times };
}

void consumer_rig_run(struct consumer_rig *r, uint64_t ns)
{
    fake_env_run(&r->env, r->env.now_ns + ns);
}

static bool is_finished(const struct consumer_rig *r)
{
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        int64_t end = (int64_t)r->cluster.partitions[i].count;
        if (r->given[i] < end || (r->commits && r->cluster.group.committed[i] < end)) {
            return false;
        }
    }
    return true;
}

static void check_commits(const struct consumer_rig *r)
{
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        ck_assert_int_le(r->cluster.group.committed[i], r->given[i]);
    }
    ck_assert(!r->cluster.group.went_back);
}

void consumer_rig_finish(struct consumer_rig *r, uint64_t limit_s)
{
    uint64_t limit = r->env.now_ns + limit_s * NS_PER_S;
    while (!is_finished(r) && r->env.now_ns < limit) {
        ck_assert(fake_env_step(&r->env));
        check_commits(r);
    }
    for (int i = 0; i < FAKE_PARTITIONS; i++) {
        ck_assert_msg(is_finished(r), "after %d s: partition %d given %d committed %d of %d, %s",
                      (int)limit_s, i, (int)r->given[i], (int)r->cluster.group.committed[i],
                      (int)r->cluster.partitions[i].count, consumer_get_stats(r->consumer).state);
    }
}

void consumer_rig_deinit(struct consumer_rig *r)
{
    timer_cancel(r->env.env, &r->revoked);
    timer_cancel(r->env.env, &r->calm);
    consumer_free(r->consumer);
    client_free(r->client);
    fake_cluster_deinit(&r->cluster);
    fake_env_deinit(&r->env);
}
