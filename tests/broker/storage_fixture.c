/* SPDX-License-Identifier: Apache-2.0 */
/* storage_fixture.c - what the storage tests share. */
#include "tests/broker/storage_fixture.h"

#include "protocol/base/alloc.h"

static struct log_open_args args_of(struct store *s)
{
    return (struct log_open_args){ .files = &s->files,
                                   .dir = s->dir,
                                   .topic = "t",
                                   .config = &s->config,
                                   .recovery_point = -1,
                                   .log_start_offset = -1,
                                   .now_ms = s->now_ms };
}

void store_init(struct store *s)
{
    memset(s, 0, sizeof(*s));
    scratch_dir_init(&s->scratch);
    (void)snprintf(s->dir, sizeof(s->dir), "%s/t-0", s->scratch.path);
    fault_vfs_init(&s->disk);
    file_cache_init(&s->files, &s->disk.vfs, 4);
    log_config_default(&s->config);
    s->config.segment_bytes = 4096;
    s->config.index_interval_bytes = 256;
    s->now_ms = 1000000;
    struct error err = { 0 };
    struct log_open_args args = args_of(s);
    struct uuid id = { { 1, 2, 3 } };
    ck_assert_msg(log_create(&args, &id, &s->log, &err) == ERR_OK, "%s", err.text);
}

void store_kill(struct store *s)
{
    log_free(s->log);
    s->log = NULL;
}

void store_deinit(struct store *s)
{
    store_kill(s);
    file_cache_deinit(&s->files);
    fault_vfs_deinit(&s->disk);
    scratch_dir_deinit(&s->scratch);
    batch_builder_deinit(&s->builder);
    buf_deinit(&s->out);
}

enum err store_open(struct store *s, bool clean, int64_t recovery_point)
{
    struct log_open_args args = args_of(s);
    args.clean = clean;
    args.recovery_point = recovery_point;
    struct error err = { 0 };
    return log_open(&args, &s->log, &s->recovery, &err);
}

static struct slice build(struct store *s, int64_t base_offset, int32_t epoch, int count,
                          size_t value_len, int64_t timestamp_ms, const struct batch_seal *seal)
{
    uint8_t *value = mem_alloc(value_len + 1);
    batch_builder_reset(&s->builder);
    for (int i = 0; i < count; i++) {
        memset(value, 'a' + (int)((base_offset + i) % 26), value_len);
        struct record r = { .timestamp_ms = timestamp_ms + i,
                            .key = slice_null(),
                            .value = slice_of(value, value_len) };
        batch_builder_append(&s->builder, &r);
    }
    mem_free(value);
    struct slice bytes;
    ck_assert(batch_builder_seal(&s->builder, seal, &s->out, &bytes) == ERR_OK);
    batch_stamp((uint8_t *)(uintptr_t)bytes.ptr, base_offset, epoch);
    return bytes;
}

struct slice store_batch(struct store *s, int64_t base_offset, int32_t epoch, int count,
                         size_t value_len, int64_t timestamp_ms)
{
    const struct batch_seal seal = { .producer_id = -1, .producer_epoch = -1, .base_sequence = -1 };
    return build(s, base_offset, epoch, count, value_len, timestamp_ms, &seal);
}

enum err store_append(struct store *s, int count, size_t value_len, int64_t timestamp_ms)
{
    struct error err;
    return log_append(s->log, store_batch(s, s->log->end_offset, 0, count, value_len, timestamp_ms),
                      s->now_ms, &err);
}

enum err store_append_producer(struct store *s, int64_t producer_id, int16_t epoch,
                               int32_t base_sequence, int count)
{
    struct error err;
    const struct batch_seal seal = { .producer_id = producer_id,
                                     .producer_epoch = epoch,
                                     .base_sequence = base_sequence };
    return log_append(s->log, build(s, s->log->end_offset, 0, count, 20, s->now_ms, &seal),
                      s->now_ms, &err);
}

int64_t store_read_all(struct store *s, int64_t offset, int64_t upper_offset)
{
    struct buf bytes = { 0 }, scratch = { 0 };
    for (;;) {
        buf_reset(&bytes);
        ck_assert(log_read_copy(s->log, offset, 1000, upper_offset, &bytes) == ERR_OK);
        if (!bytes.len) {
            break;
        }
        struct slice rest = buf_slice(&bytes);
        while (rest.len) {
            struct batch_view b;
            struct batch_iter it;
            struct record r;
            ck_assert(batch_parse(rest, &b) == ERR_OK);
            ck_assert(batch_check_crc(&b) == ERR_OK);
            ck_assert_int_le(b.base_offset, offset);
            ck_assert(batch_iter_init(&it, &b, &scratch, 1 << 20) == ERR_OK);
            while (batch_iter_next(&it, &r) == ERR_OK) {
                if (r.offset >= offset) {
                    ck_assert_int_eq(r.offset, offset);
                    ck_assert(!r.value.len || r.value.ptr[0] == 'a' + (int)(r.offset % 26));
                    offset++;
                }
            }
            rest = slice_from(rest, b.bytes.len);
        }
    }
    buf_deinit(&bytes);
    buf_deinit(&scratch);
    return offset;
}

struct slurp {
    struct store *s;
    const char *suffix;
    struct buf *out;
};

static void slurp_one(void *ctx, const char *name)
{
    struct slurp *sl = ctx;
    size_t n = strlen(name), m = strlen(sl->suffix);
    if (n < m || strcmp(name + n - m, sl->suffix) != 0) {
        return;
    }
    char path[700];
    uint8_t *bytes;
    size_t len;
    (void)snprintf(path, sizeof(path), "%s/%s", sl->s->dir, name);
    ck_assert(vfs_read_file(vfs_posix(), path, 64 << 20, &bytes, &len, NULL) == ERR_OK);
    buf_append_str(sl->out, name);
    buf_append(sl->out, bytes, len);
    mem_free(bytes);
}

void store_slurp(struct store *s, const char *suffix, struct buf *out)
{
    struct slurp sl = { s, suffix, out };
    ck_assert(vfs_posix()->ops->list(vfs_posix(), s->dir, slurp_one, &sl, NULL) == ERR_OK);
}
