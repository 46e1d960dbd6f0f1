/* SPDX-License-Identifier: Apache-2.0 */
/*
 * offsets.c - the committed offsets of a group, and OffsetCommit.
 * Driven by coordinator_offset_commit() and finished appends; fetch.c reads, expiry.c removes.
 *   (O1) An entry holds the value of the last commit whose record is durable.
 *   (O2) An entry lives while it holds a value or a commit to it is in flight; so a group that is
 *        deleted meanwhile writes tombstones for what is on its way, too.
 *   (O3) Of two appends the one with the larger token wins, in whatever order they are reported.
 */
#include "broker/group/group.h"

#include "protocol/base/alloc.h"

struct slice group_offset_key(struct buf *out, struct slice topic, int32_t partition)
{
    buf_reset(out);
    buf_append(out, &partition, sizeof(partition));
    buf_append_slice(out, topic);
    return buf_slice(out);
}

struct group_offset *group_offset_entry(struct group *g, struct slice topic, int32_t partition)
{
    struct buf key = { 0 };
    struct slice k = group_offset_key(&key, topic, partition);
    struct group_offset *o = map_get(&g->offsets, k);
    if (!o && g->offsets.count < g->c->config.offsets_per_group_max) {
        o = mem_zalloc(sizeof(*o));
        o->topic = group_own(topic);
        o->partition = partition;
        map_put(&g->offsets, k, o);
    }
    buf_deinit(&key);
    return o;
}

void group_offset_free(struct group_offset *o)
{
    group_own_set(&o->topic, slice_null());
    group_own_set(&o->metadata, slice_null());
    mem_free(o);
}

void group_offset_release(struct group *g, struct group_offset *o)
{
    if (o->committed || o->in_flight > 0) {
        return;
    }
    struct buf key = { 0 };
    map_remove(&g->offsets, group_offset_key(&key, o->topic, o->partition));
    buf_deinit(&key);
    group_offset_free(o);
}

void group_offset_set(struct group *g, struct group_offset *o, const struct group_op_offset *from)
{
    g->c->stats.offsets += !o->committed;
    o->committed = true;
    o->topic_id = from->topic_id;
    o->offset = from->offset;
    o->leader_epoch = from->leader_epoch;
    group_own_set(&o->metadata, from->metadata);
    o->commit_ms = from->commit_ms;
    o->expire_ms = from->expire_ms;
}

void group_offset_clear(struct group *g, struct group_offset *o)
{
    g->c->stats.offsets -= o->committed;
    o->committed = false;
}

/* --- commit --- */

/* Whether the sender may commit for the group; *ret_member only for members. */
static int16_t check_commit(const struct group *g, const struct offset_commit_request *req,
                            struct group_member **ret_member)
{
    int32_t generation = req->generation_id_or_member_epoch;
    if (g->state == GROUP_DEAD) {
        return KAFKA_COORDINATOR_NOT_AVAILABLE;
    }
    if (generation < 0 && g->state == GROUP_EMPTY) {
        return KAFKA_NONE; /* a simple consumer, which assigns partitions to itself */
    }
    if (generation < 0 && req->member_id.len == 0 && slice_is_null(req->group_instance_id)) {
        return KAFKA_UNKNOWN_MEMBER_ID;
    }
    int16_t error = group_member_check(g, req->member_id, req->group_instance_id, ret_member);
    if (error) {
        return error;
    }
    if (generation != g->generation) {
        return KAFKA_ILLEGAL_GENERATION;
    }
    return g->state == GROUP_COMPLETING ? KAFKA_REBALANCE_IN_PROGRESS : KAFKA_NONE;
}

/* The group that the commit goes to; made for the first commit of a simple consumer. */
static int16_t commit_group(struct coordinator *c, struct group_now now,
                            const struct offset_commit_request *req, struct group **ret_group)
{
    int16_t error = coordinator_check(c, req->group_id);
    if (error) {
        return error;
    }
    struct group *g = group_find(c, req->group_id);
    if (!g) {
        if (req->generation_id_or_member_epoch >= 0) {
            return KAFKA_ILLEGAL_GENERATION;
        }
        if (c->stats.groups >= c->config.groups_max) {
            return KAFKA_POLICY_VIOLATION;
        }
        *ret_group = group_new(c, req->group_id);
        return KAFKA_NONE;
    }
    struct group_member *m = NULL;
    error = check_commit(g, req, &m);
    if (error) {
        return error;
    }
    if (m && !m->join.waiting && !m->sync.waiting) {
        group_touch_session(m, now);
    }
    *ret_group = g;
    return KAFKA_NONE;
}

struct commit {
    struct coordinator *c;
    struct group_now now;
    const struct offset_commit_request *req;
    int16_t version;
    struct group *group;
    struct group_item *append;
    struct group_op *op;
};

static int16_t check_offset(const struct commit *cm, const struct offset_commit_request_topic *t,
                            const struct offset_commit_request_partition *p)
{
    if (slice_is_null(t->name)) {
        return KAFKA_UNKNOWN_TOPIC_ID;
    }
    if (t->name.len > GROUP_NAME_BYTES_MAX || p->partition_index < 0) {
        return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
    }
    return p->committed_metadata.len > cm->c->config.offset_metadata_bytes_max
               ? KAFKA_OFFSET_METADATA_TOO_LARGE
               : KAFKA_NONE;
}

static void add_offset(struct commit *cm, const struct offset_commit_request_topic *t,
                       const struct offset_commit_request_partition *p, int16_t *ret_error)
{
    struct group_offset *entry = group_offset_entry(cm->group, t->name, p->partition_index);
    if (!entry) {
        coordinator_trace(cm->c, GROUP_TRACE_REFUSED, cm->group,
                          "the group holds as many offsets as it may", slice_null(), slice_null());
        *ret_error = KAFKA_POLICY_VIOLATION;
        return;
    }
    int64_t wall_ms = cm->now.wall_ms;
    struct group_op_offset *o = &cm->op->offsets[cm->op->offset_count++];
    *o = (struct group_op_offset){
        .entry = entry,
        .topic_id = t->topic_id,
        .offset = p->committed_offset,
        .leader_epoch = p->committed_leader_epoch,
        .metadata = slice_is_null(p->committed_metadata)
                        ? slice_str("")
                        : arena_copy(&cm->op->arena, p->committed_metadata),
        .commit_ms = wall_ms,
        .expire_ms = -1,
        .error = ret_error,
    };
    if (cm->version >= 2 && cm->version <= 4 && cm->req->retention_time_ms >= 0 &&
        cm->req->retention_time_ms <= INT64_MAX - wall_ms) {
        o->expire_ms = wall_ms + cm->req->retention_time_ms;
    }
    entry->in_flight++;

    struct offset_commit_value v = {
        .offset = o->offset,
        .leader_epoch = o->leader_epoch,
        .metadata = o->metadata,
        .commit_timestamp = o->commit_ms,
        .expire_timestamp = o->expire_ms,
        .topic_id = o->topic_id,
    };
    struct buf key = { 0 }, value = { 0 };
    group_record_write_offset_key(&key, cm->group->id, t->name, p->partition_index);
    group_record_write_offset(&value, &v);
    group_item_add_record(cm->append, buf_slice(&key), buf_slice(&value));
    buf_deinit(&key);
    buf_deinit(&value);
}

static size_t count_partitions(const struct offset_commit_request *req)
{
    size_t n = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        n += req->topics[i].partitions_n > 0 ? (size_t)req->topics[i].partitions_n : 0;
    }
    return n;
}

/* Builds the reply with its error codes set as far as they are known, and adds what may be
 * committed to the append, if there is one. */
static struct group_item *commit_reply(struct commit *cm, int16_t group_error,
                                       const int16_t *errors, void *call)
{
    const struct offset_commit_request *req = cm->req;
    struct group_item *item = coordinator_reply(cm->c, call, &offset_commit_response_schema);
    struct offset_commit_response *r =
        (struct offset_commit_response *)(uintptr_t)item->out.response;
    r->topics = schema_new(&offset_commit_response_topic_schema, &item->arena,
                           req->topics_n > 0 ? (size_t)req->topics_n : 0);
    size_t at = 0;
    for (int32_t i = 0; i < req->topics_n; i++) {
        const struct offset_commit_request_topic *from = &req->topics[i];
        struct offset_commit_response_topic *to = &r->topics[r->topics_n++];
        to->name = group_item_copy(item, from->name);
        to->topic_id = from->topic_id;
        to->partitions = schema_new(&offset_commit_response_partition_schema, &item->arena,
                                    from->partitions_n > 0 ? (size_t)from->partitions_n : 0);
        for (int32_t k = 0; k < from->partitions_n; k++, at++) {
            const struct offset_commit_request_partition *p = &from->partitions[k];
            struct offset_commit_response_partition *answer = &to->partitions[to->partitions_n++];
            answer->partition_index = p->partition_index;
            answer->error_code = group_error            ? group_error
                                 : errors && errors[at] ? errors[at]
                                                        : check_offset(cm, from, p);
            if (!answer->error_code) {
                add_offset(cm, from, p, &answer->error_code);
            }
        }
    }
    return item;
}

void coordinator_offset_commit(struct coordinator *c, struct group_now now,
                               const struct offset_commit_request *req, int16_t version,
                               const int16_t *errors, void *call)
{
    struct commit cm = { .c = c, .now = now, .req = req, .version = version };
    int16_t error = commit_group(c, now, req, &cm.group);
    if (error) {
        coordinator_push(c, commit_reply(&cm, error, errors, call));
        return;
    }
    size_t n = count_partitions(req);
    cm.append = coordinator_append(cm.group, GROUP_OP_COMMIT, n, &cm.op);
    cm.op->offsets = arena_array(&cm.op->arena, n, sizeof(*cm.op->offsets));
    struct group_item *reply = commit_reply(&cm, KAFKA_NONE, errors, call);
    if (cm.op->offset_count == 0) {
        coordinator_append_cancel(c, cm.append, cm.op);
        coordinator_push(c, reply);
        group_free_if_unused(cm.group);
        return;
    }
    cm.op->reply = reply;
    reply->waiting = 1;
    coordinator_push(c, cm.append);
}

static int16_t commit_error(int16_t error)
{
    switch (error) {
    case KAFKA_MESSAGE_TOO_LARGE:
    case KAFKA_RECORD_LIST_TOO_LARGE:
    case KAFKA_INVALID_FETCH_SIZE:
        return KAFKA_INVALID_COMMIT_OFFSET_SIZE;
    default:
        return group_append_error(error);
    }
}

void group_commit_done(struct group *g, const struct group_op *op, int16_t error)
{
    for (size_t i = 0; i < op->offset_count; i++) {
        const struct group_op_offset *from = &op->offsets[i];
        *from->error = commit_error(error);
        if (!g) {
            continue;
        }
        struct group_offset *o = from->entry;
        o->in_flight--;
        if (!error && op->token >= o->token) {
            o->token = op->token;
            group_offset_set(g, o, from);
            g->c->stats.offsets_committed_total++;
        }
        group_offset_release(g, o);
    }
    if (g) {
        group_free_if_unused(g);
    }
}
