/* SPDX-License-Identifier: Apache-2.0 */
/* check_controller_world.c - see check_controller_world.h. */
#include "tests/broker/check_controller_world.h"

#include "protocol/base/alloc.h"

static struct uuid some_uuid(struct world *w)
{
    struct uuid id = { { 0 } };
    uint64_t n = ++w->seed;
    memcpy(id.bytes, &n, sizeof(n));
    id.bytes[15] = 200;
    return id;
}

void world_init(struct world *w, bool elr)
{
    *w = (struct world){ .policy = { .min_insync_replicas = -1 } };
    image_init(&w->img, 1);
    image_init(&w->twin, 2);
    feature_bootstrap(&w->img, !elr, &w->recs);
    world_apply(w);
    ck_assert_int_eq(image_metadata_version(&w->img), METADATA_VERSION);
    ck_assert_int_eq(image_elr_enabled(&w->img), elr);
}

void world_deinit(struct world *w)
{
    image_deinit(&w->img);
    image_deinit(&w->twin);
    metadata_records_deinit(&w->recs);
}

/* --- invariants ------------------------------------------------------------------------------- */

static void check_subset(const int32_t *part, int32_t count, const struct image_partition *p)
{
    for (int32_t i = 0; i < count; i++) {
        ck_assert(image_has_id(p->replicas, p->replica_count, part[i]));
        ck_assert(!image_has_id(part, i, part[i]));
    }
}

static void check_partition(const struct world *w, const struct image_partition *p)
{
    ck_assert_int_ge(p->replica_count, 1);
    check_subset(p->replicas, p->replica_count, p);
    check_subset(p->isr, p->isr_count, p);
    check_subset(p->elr, p->elr_count, p);
    check_subset(p->adding, p->adding_count, p);
    check_subset(p->removing, p->removing_count, p);
    ck_assert(p->leader == NO_LEADER || image_has_id(p->isr, p->isr_count, p->leader));
    for (int32_t i = 0; i < p->elr_count; i++) {
        ck_assert(!image_has_id(p->isr, p->isr_count, p->elr[i]));
    }
    ck_assert(image_elr_enabled(&w->img) || (p->elr_count == 0 && p->isr_count > 0));
    ck_assert_int_le(p->last_known_elr_count, 1);
    ck_assert(p->last_known_elr_count == 0 || p->leader == NO_LEADER);
}

/* A copy of what must not go back, or not without a reason. */
struct before {
    bool there;
    int32_t leader, leader_epoch, partition_epoch;
    bool recovering;
    int32_t isr[IMAGE_REPLICAS_MAX], isr_count, elr[IMAGE_REPLICAS_MAX], elr_count;
    int32_t last_known;
};

static struct before note(const struct image_partition *p)
{
    struct before b = { .there = true,
                        .leader = p->leader,
                        .leader_epoch = p->leader_epoch,
                        .partition_epoch = p->partition_epoch,
                        .recovering = p->recovering,
                        .isr_count = p->isr_count,
                        .elr_count = p->elr_count,
                        .last_known = p->last_known_elr_count ? p->last_known_elr[0] : -1 };
    for (int32_t i = 0; i < p->isr_count; i++) {
        b.isr[i] = p->isr[i];
    }
    for (int32_t i = 0; i < p->elr_count; i++) {
        b.elr[i] = p->elr[i];
    }
    return b;
}

static void check_step(const struct world *w, const struct before *b,
                       const struct image_partition *p)
{
    ck_assert_int_eq(p->partition_epoch, b->partition_epoch + 1);
    ck_assert(p->leader_epoch == b->leader_epoch || p->leader_epoch == b->leader_epoch + 1);
    ck_assert(p->leader == b->leader || p->leader_epoch > b->leader_epoch);
    if (p->leader == NO_LEADER || p->leader == b->leader) {
        return;
    }
    bool clean = image_has_id(b->isr, b->isr_count, p->leader) ||
                 image_has_id(b->elr, b->elr_count, p->leader) ||
                 image_has_id(w->wish.isr, w->wish.isr_count, p->leader);
    bool last = b->isr_count == 0 && b->last_known == p->leader && p->elr_count == 0;
    ck_assert(clean || last || w->policy.unclean_leader_election);
    ck_assert(clean || p->recovering); /* an unclean leader says so */
}

void world_apply(struct world *w)
{
    for (uint32_t i = 0; i < w->recs.count; i++) {
        struct slice rec = metadata_records_at(&w->recs, i);
        struct image_change change, twin;
        struct before before = { .there = false };
        struct arena arena;
        arena_init(&arena, 1 << 20);
        const struct schema *s;
        int16_t version;
        void *msg;
        ck_assert_int_eq(metadata_record_decode(rec, &arena, &s, &version, &msg), ERR_OK);
        if (s == &partition_change_record_schema) {
            const struct partition_change_record *pc = msg;
            before = note(&image_topic_by_id(&w->img, &pc->topic_id)->partitions[pc->partition_id]);
        }
        ck_assert_int_eq(image_apply(&w->img, rec, w->img.end_offset, &change), ERR_OK);
        ck_assert_int_eq(image_apply(&w->twin, rec, w->twin.end_offset, &twin), ERR_OK);
        if (change.kind == IMAGE_CHANGE_PARTITION) {
            const struct image_partition *p = &change.topic->partitions[change.index];
            check_partition(w, p);
            if (before.there) {
                check_step(w, &before, p);
            }
        }
        image_change_release(&change);
        image_change_release(&twin);
        arena_deinit(&arena);
    }
    metadata_records_reset(&w->recs);
}

static void write_all(const struct image *img, struct metadata_records *out)
{
    struct image_write_cursor cursor = { 0 };
    while (image_write(img, &cursor, 1000, out)) {
    }
}

void world_check_snapshot(struct world *w)
{
    struct metadata_records first = { 0 }, second = { 0 }, third = { 0 };
    struct image copy;
    image_init(&copy, 3);
    write_all(&w->img, &first);
    write_all(&w->twin, &second);
    for (uint32_t i = 0; i < first.count; i++) {
        struct image_change change;
        ck_assert_int_eq(image_apply(&copy, metadata_records_at(&first, i), w->img.end_offset - 1,
                                     &change),
                         ERR_OK);
        image_change_release(&change);
    }
    write_all(&copy, &third);
    ck_assert(slice_eq(buf_slice(&first.bytes), buf_slice(&second.bytes)));
    ck_assert(slice_eq(buf_slice(&first.bytes), buf_slice(&third.bytes)));
    image_deinit(&copy);
    metadata_records_deinit(&first);
    metadata_records_deinit(&second);
    metadata_records_deinit(&third);
}

/* --- doing things ----------------------------------------------------------------------------- */

enum kafka_error world_register(struct world *w, int32_t id, const char *rack, int64_t previous)
{
    struct broker_registration_request req;
    struct broker_registration_request_feature features[] = {
        { slice_str("metadata.version"), METADATA_VERSION_MIN, METADATA_VERSION },
        { slice_str("eligible.leader.replicas.version"), 0, 1 },
    };
    struct uuid dir = { { 0, [14] = (uint8_t)id, [15] = 255 } };
    schema_init(&broker_registration_request_schema, &req);
    req.broker_id = id;
    req.cluster_id = slice_str("cluster");
    req.incarnation_id = some_uuid(w);
    req.rack = rack ? slice_str(rack) : slice_null();
    req.features = features;
    req.features_n = 2;
    req.log_dirs = &dir;
    req.log_dirs_n = 1;
    req.previous_broker_epoch = previous;
    struct broker_registration how = { .request = &req,
                                       .cluster_id = slice_str("cluster"),
                                       .next_offset = w->img.end_offset };
    struct error err;
    int64_t epoch = -1;
    bool more;
    enum kafka_error code =
        broker_change_register(&w->img, &w->policy, &how, &w->recs, &epoch, &more, &err);
    ck_assert(!more);
    if (!code) {
        ck_assert_int_eq(epoch, w->img.end_offset + w->recs.count - 1);
    }
    world_apply(w);
    return code;
}

void world_unfence(struct world *w, int32_t id)
{
    bool more;
    broker_change_unfence(&w->img, &w->policy, id, &w->recs, &more);
    ck_assert(!more);
    world_apply(w);
}

void world_fence(struct world *w, int32_t id)
{
    bool more;
    broker_change_fence(&w->img, &w->policy, id, &w->recs, &more);
    ck_assert(!more);
    world_apply(w);
}

void world_brokers(struct world *w, int32_t n)
{
    for (int32_t id = 1; id <= n; id++) {
        ck_assert_int_eq(world_register(w, id, NULL, -1), KAFKA_NONE);
        world_unfence(w, id);
    }
}

static enum kafka_error create(struct world *w, const struct change_topic *topic)
{
    struct change_placement where = { .seed = ++w->seed };
    struct uuid id = some_uuid(w);
    struct error err;
    enum kafka_error code = change_create_topic(&w->img, topic, &id, &where, &w->recs, &err);
    world_apply(w);
    return code;
}

enum kafka_error world_topic(struct world *w, const char *name, int32_t partitions,
                             int16_t replication)
{
    struct change_topic topic = { .name = slice_str(name),
                                  .partitions = partitions,
                                  .replication = replication };
    return create(w, &topic);
}

void world_topic_on(struct world *w, const char *name, const int32_t *replicas, int32_t count)
{
    int32_t ids[IMAGE_REPLICAS_MAX];
    memcpy(ids, replicas, (size_t)count * sizeof(*ids));
    struct create_topics_request_creatable_replica_assignment hand = { .partition_index = 0,
                                                                       .broker_ids = ids,
                                                                       .broker_ids_n = count };
    struct change_topic topic = { .name = slice_str(name),
                                  .partitions = -1,
                                  .replication = -1,
                                  .assignments = &hand,
                                  .assignment_count = 1 };
    ck_assert_int_eq(create(w, &topic), KAFKA_NONE);
}

void world_setting(struct world *w, const char *topic, const char *name, const char *value)
{
    struct change_setting s = { slice_str(name), slice_str(value) };
    change_settings(&w->img, CONFIG_RESOURCE_TOPIC, slice_str(topic), &s, 1, &w->recs);
    world_apply(w);
}

const struct image_partition *world_partition(struct world *w, const char *topic, int32_t index)
{
    const struct image_topic *t = image_topic(&w->img, slice_str(topic));
    ck_assert_ptr_nonnull(t);
    const struct image_partition *p = image_partition(t, index);
    ck_assert_ptr_nonnull(p);
    return p;
}

enum kafka_error world_alter(struct world *w, const struct image_topic *t, int32_t index,
                             const struct isr_wish *wish)
{
    enum kafka_error code = isr_change_alter(&w->img, &w->policy, t, index, wish, &w->recs);
    ck_assert(!code || code == KAFKA_NEW_LEADER_ELECTED || w->recs.count == 0);
    w->wish = *wish;
    world_apply(w);
    w->wish = (struct isr_wish){ 0 };
    return code;
}

enum kafka_error world_isr(struct world *w, const char *topic, int32_t index, const int32_t *isr,
                           int32_t count)
{
    const struct image_partition *p = world_partition(w, topic, index);
    struct isr_wish wish = { .broker_id = p->leader,
                             .leader_epoch = p->leader_epoch,
                             .partition_epoch = p->partition_epoch,
                             .isr = isr,
                             .isr_count = count };
    return world_alter(w, image_topic(&w->img, slice_str(topic)), index, &wish);
}

void world_check_ids(const int32_t *have, int32_t have_count, const int32_t *want, int32_t count)
{
    ck_assert_int_eq(have_count, count);
    for (int32_t i = 0; i < count; i++) {
        ck_assert_int_eq(have[i], want[i]);
    }
}
