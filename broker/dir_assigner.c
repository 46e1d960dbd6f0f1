/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dir_assigner.c - see dir_assigner.h. Driven by logs that are made or opened, by roles that are
 * taken, by its timer and by the controller's answers.
 *   (A1) One request is under way at a time. What it says is read from the image and the logs when
 *        it is built, so that nothing has to be remembered; it is built again until both agree.
 *   (A2) A replica in a directory that the metadata do not know of may be in sync and never lead.
 *        So a node whose disk was replaced tells where its replicas are now; also those without a
 *        record and thus without a log, but only while somebody leads them: a sole replica whose
 *        records went with the disk stays offline.
 */
#include "broker/dir_assigner.h"

#include "broker/broker.h"
#include "protocol/base/alloc.h"

enum { ASSIGNMENTS_MAX = 2000, REQUEST_BYTES_MAX = 4 << 20, SETTLE_MS = 100, RETRY_MS = 1000 };

static bool is_known_here(const struct broker *b, const struct uuid *dir)
{
    bool known = uuid_is_zero(dir) || uuid_eq(dir, &directory_unassigned);
    for (uint32_t i = 0; i < b->dir_count; i++) {
        known |= uuid_eq(dir, &b->dirs[i].dir->meta.directory_id);
    }
    return known;
}

/* Where this node's replica is, if the metadata say otherwise; or NULL. (A2) */
static const struct uuid *to_tell(const struct broker *b, const struct partition *p)
{
    const struct image_partition *ip = partition_in_image(b, p);
    const struct uuid *told = ip ? image_directory_of(ip, b->node_id) : NULL;
    if (!told) {
        return NULL;
    }
    if (!p->log) {
        bool lost = p->role != PARTITION_NONE && !is_known_here(b, told);
        return lost ? &b->dirs[0].dir->meta.directory_id : NULL;
    }
    const struct uuid *own = partition_directory(p);
    bool matters = b->dir_count > 1 || !is_known_here(b, told) || p->damage;
    return matters && !uuid_eq(told, own) ? own : NULL;
}

struct walk {
    const struct uuid *dir;
    struct arena *arena;
    struct assign_replicas_to_dirs_request_directory_data *out;
    uint32_t *left;
    bool failed;
};

static void add(struct broker *b, struct partition *p, void *ctx)
{
    struct walk *w = ctx;
    const struct uuid *dir = *w->left > 0 && !w->failed ? to_tell(b, p) : NULL;
    if (!dir || !uuid_eq(dir, w->dir)) {
        return;
    }
    struct assign_replicas_to_dirs_request_topic_data *t = &w->out->topics[w->out->topics_n];
    t->partitions = schema_new(&assign_replicas_to_dirs_request_partition_data_schema, w->arena, 1);
    if (!t->partitions) {
        w->failed = true;
        return;
    }
    t->topic_id = p->topic->id;
    t->partitions_n = 1;
    t->partitions[0].partition_index = p->index;
    w->out->topics_n++;
    (*w->left)--;
}

/* false when there is nothing to tell. */
static bool build(struct broker *b, struct arena *arena,
                  struct assign_replicas_to_dirs_request *req)
{
    uint32_t left = ASSIGNMENTS_MAX;
    schema_init(&assign_replicas_to_dirs_request_schema, req);
    req->broker_id = b->node_id;
    req->broker_epoch = b->broker_epoch;
    req->directories =
        schema_new(&assign_replicas_to_dirs_request_directory_data_schema, arena, b->dir_count + 1);
    for (uint32_t i = 0; req->directories && i <= b->dir_count; i++) {
        struct assign_replicas_to_dirs_request_directory_data *out =
            &req->directories[req->directories_n];
        out->id = i < b->dir_count ? b->dirs[i].dir->meta.directory_id : directory_lost;
        struct walk w = { &out->id, arena, out, &left, false };
        out->topics =
            schema_new(&assign_replicas_to_dirs_request_topic_data_schema, arena, left + 1);
        if (!out->topics) {
            break;
        }
        topics_each(b, add, &w);
        req->directories_n += out->topics_n > 0;
    }
    return req->directories_n > 0;
}

static void answered(void *user, enum err err, int16_t version, const void *response)
{
    struct broker *b = container_of((struct dir_assigner *)user, struct broker, dir_assigner);
    const struct assign_replicas_to_dirs_response *resp = response;
    (void)version;
    b->dir_assigner.in_flight = false;
    if (err || resp->error_code) {
        log_info(&b->log, "the controller did not take the replicas' directories; it is told again",
                 KV_STR("error", err ? err_text(err) : kafka_error_text(resp->error_code)));
    }
    /* Until the metadata says what was told: also the parts of an answer that were refused. */
    timer_arm_in(b->env, &b->dir_assigner.timer, (uint64_t)RETRY_MS * NS_PER_MS);
}

static void on_timer(void *owner)
{
    struct broker *b = owner;
    struct arena arena;
    struct assign_replicas_to_dirs_request req;
    if (b->dir_assigner.in_flight || b->state != BROKER_RUNNING) {
        timer_arm_in(b->env, &b->dir_assigner.timer, (uint64_t)SETTLE_MS * NS_PER_MS);
        return;
    }
    arena_init(&arena, REQUEST_BYTES_MAX);
    if (build(b, &arena, &req)) {
        b->dir_assigner.in_flight = true;
        controller_channel_send(b, &assign_replicas_to_dirs_request_schema, &req, -1,
                                (uint64_t)b->config->replica_socket_timeout_ms * NS_PER_MS,
                                answered, &b->dir_assigner);
    }
    arena_deinit(&arena);
}

void dir_assigner_init(struct broker *b)
{
    b->dir_assigner = (struct dir_assigner){ .timer = { .fire = on_timer, .owner = b } };
}

void dir_assigner_deinit(struct broker *b)
{
    timer_cancel(b->env, &b->dir_assigner.timer);
    controller_channel_cancel(b, &b->dir_assigner);
}

void dir_assigner_look(struct broker *b, const struct partition *p)
{
    struct dir_assigner *a = &b->dir_assigner;
    if (!timer_is_armed(&a->timer) && !a->in_flight && to_tell(b, p)) {
        timer_arm_in(b->env, &a->timer, (uint64_t)SETTLE_MS * NS_PER_MS);
    }
}
