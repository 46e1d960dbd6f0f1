/* SPDX-License-Identifier: Apache-2.0 */
/* quorum_bench.c - see quorum_bench.h. */
#include "tests/broker/quorum_bench.h"

#include "broker/runtime.h"
#include "protocol/base/alloc.h"

#include <stdio.h>

void bench_init(struct bench *w)
{
    *w = (struct bench){ 0 };
    scratch_dir_init(&w->scratch);
    fault_vfs_init(&w->disk);
    fake_env_init(&w->env, 1);
    arena_init(&w->arena, 4 << 20);
    ck_assert_int_eq(config_load(&broker_config_table, NULL, &w->arena, NULL, NULL, &w->config,
                                 &w->err),
                     ERR_OK);
    bench_set(w, "log.dirs", w->scratch.path);
}

void bench_deinit(struct bench *w)
{
    bench_kill(w);
    arena_deinit(&w->arena);
    fake_env_deinit(&w->env);
    fault_vfs_deinit(&w->disk);
    scratch_dir_deinit(&w->scratch);
}

void bench_set(struct bench *w, const char *name, const char *value)
{
    ck_assert_msg(config_set(&broker_config_table, name, slice_str(value), &w->arena, &w->config,
                             &w->err) == ERR_OK,
                  "%s", w->err.text);
}

void bench_set_cluster(struct bench *w)
{
    bench_set(w, "listeners", "PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093");
    bench_set(w, "controller.quorum.bootstrap.servers",
              "127.0.0.1:19093,127.0.0.1:29093,127.0.0.1:39093");
}

static void take_listeners(struct bench *w)
{
    ck_assert_msg(runtime_listeners(&w->config, NULL, &w->arena, &w->listeners, &w->listener_count,
                                    &w->err) == ERR_OK,
                  "%s", w->err.text);
}

enum err bench_start(struct bench *w)
{
    take_listeners(w);
    struct broker_args args = { .config = &w->config,
                                .env = w->env.env,
                                .vfs = &w->disk.vfs,
                                .default_dir = w->scratch.path,
                                .listeners = w->listeners,
                                .listener_count = w->listener_count,
                                .host_name = "localhost" };
    return broker_start(&args, &w->broker, &w->err);
}

void bench_kill(struct bench *w)
{
    if (w->broker) {
        broker_free(w->broker);
        w->broker = NULL;
    }
}

void bench_stop(struct bench *w)
{
    ck_assert_msg(broker_shutdown(w->broker, &w->err) == ERR_OK, "%s", w->err.text);
    bench_kill(w);
}

enum err bench_format(struct bench *w, enum format_quorum quorum, const char *controllers)
{
    take_listeners(w);
    struct format_request request = { .config = &w->config,
                                      .listeners = w->listeners,
                                      .listener_count = w->listener_count,
                                      .default_dir = w->scratch.path,
                                      .cluster_id = BENCH_CLUSTER_ID,
                                      .quorum = quorum,
                                      .initial_controllers = controllers };
    struct buf out = { 0 };
    enum err e = format_storage(w->env.env, &w->disk.vfs, &request, &out, &w->err);
    buf_deinit(&out);
    return e;
}


static void prepare(struct metadata_op *op, struct metadata_records *out)
{
    const struct topic_op *t = container_of(op, struct topic_op, op);
    struct topic_record rec;
    schema_init(&topic_record_schema, &rec);
    rec.name = slice_str(t->name);
    rec.topic_id = broker_random_uuid(op->broker);
    metadata_records_add(out, &topic_record_schema, 0, &rec);
}

static void done(struct metadata_op *op, enum err status)
{
    struct topic_op *t = container_of(op, struct topic_op, op);
    t->status = status;
    t->done = true;
}

void bench_submit_topic(struct bench *w, struct topic_op *t, const char *name)
{
    *t = (struct topic_op){ .op = { .prepare = prepare, .done = done }, .name = name };
    metadata_submit(w->broker, &t->op);
    for (int i = 0; !t->done && i < 100; i++) {
        fake_env_run(&w->env, w->env.now_ns + NS_PER_MS);
    }
}

enum err bench_add_topic(struct bench *w, const char *name)
{
    struct topic_op t;
    bench_submit_topic(w, &t, name);
    ck_assert_msg(t.done, "the change of the metadata never ended");
    return t.status;
}

bool bench_has_topic(const struct bench *w, const char *name)
{
    return image_topic(&w->broker->image, slice_str(name)) &&
           topic_find(&w->broker->topics, slice_str(name));
}

const char *bench_metadata_path(struct bench *w, const char *name)
{
    static char path[600];
    snprintf(path, sizeof(path), "%s/" METADATA_TOPIC "-0/%s", w->scratch.path, name);
    return path;
}

bool bench_flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    int byte = fseek(f, at, SEEK_SET) ? EOF : fgetc(f);
    bool inside = byte != EOF;
    if (inside) {
        ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
        ck_assert_int_ne(fputc(byte ^ 4, f), EOF);
    }
    fclose(f);
    return inside;
}

struct counting {
    const char *suffix;
    int count;
};

static void count_one(void *ctx, const char *name)
{
    struct counting *c = ctx;
    size_t n = strlen(name), t = strlen(c->suffix);
    c->count += n >= t && strcmp(name + n - t, c->suffix) == 0;
}

int bench_count_files(struct bench *w, const char *suffix)
{
    struct counting c = { .suffix = suffix };
    struct vfs *v = vfs_posix();
    ck_assert_int_eq(v->ops->list(v, bench_metadata_path(w, ""), count_one, &c, &w->err), ERR_OK);
    return c.count;
}
