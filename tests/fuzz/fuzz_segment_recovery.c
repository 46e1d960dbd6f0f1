/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_segment_recovery.c - a partition's directory with any bytes in its log, indexes, snapshot
 * and epochs. Promises: it opens; what it then holds can be read to its end; opening again finds
 * the same. Input: byte 0 = which file gets what share, then the bytes.
 */
#include "broker/storage/log.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/scratch_dir.h"

#include <assert.h>

static void put(const char *dir, const char *name, struct slice bytes)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    assert(f);
    size_t n = fwrite(bytes.ptr, 1, bytes.len, f);
    assert(n == bytes.len);
    (void)fclose(f);
}

static int64_t read_all(struct partition_log *log)
{
    struct buf out = { 0 };
    int64_t offset = log->start_offset;
    while (offset < log->end_offset) {
        buf_reset(&out);
        enum err e = log_read_copy(log, offset, 4096, INT64_MAX, &out);
        struct batch_view b;
        if (e || !out.len) {
            break;
        }
        for (struct slice rest = buf_slice(&out); rest.len; rest = slice_from(rest, b.bytes.len)) {
            e = batch_parse(rest, &b);
            assert(!e && !batch_check_crc(&b));
            assert(batch_last_offset(&b) >= offset);
            offset = batch_last_offset(&b) + 1;
        }
    }
    buf_deinit(&out);
    return offset;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct scratch_dir scratch;
    struct slice rest = slice_of(bytes, len);
    scratch_dir_init(&scratch);
    if (len) { /* log | index | time index | snapshot | epochs, in 1/4 steps of what is left */
        static const char *const names[] = { "00000000000000000000.index",
                                             "00000000000000000000.timeindex",
                                             "00000000000000000003.snapshot",
                                             "leader-epoch-checkpoint" };
        rest = slice_from(rest, 1);
        for (unsigned i = 0; i < 4; i++) {
            size_t share = bytes[0] & (1u << i) ? rest.len / 4 : 0;
            if (bytes[0] & (1u << i)) {
                put(scratch.path, names[i], slice_head(rest, share));
            }
            rest = slice_from(rest, share);
        }
    }
    put(scratch.path, "00000000000000000000.log", rest);
    struct file_cache files;
    file_cache_init(&files, vfs_posix(), 8);
    struct log_config config;
    log_config_default(&config);
    config.index_interval_bytes = 64;
    struct log_open_args args = { .files = &files,
                                  .dir = scratch.path,
                                  .topic = "t",
                                  .config = &config,
                                  .recovery_point = -1,
                                  .log_start_offset = -1,
                                  .now_ms = 1 };
    int64_t ends[2];
    for (unsigned round = 0; round < 2; round++) {
        struct partition_log *log;
        struct error err;
        enum err e = log_open(&args, &log, NULL, &err);
        assert(!e);
        assert(log->start_offset <= log->end_offset);
        ends[round] = log->end_offset;
        int64_t read = read_all(log);
        assert(read == log->end_offset);
        struct log_timestamp t;
        (void)log_find_timestamp(log, 0, INT64_MAX, &t);
        e = log_shutdown(log, &err);
        assert(!e);
        log_free(log);
        args.clean = true;
    }
    assert(ends[0] == ends[1]);
    file_cache_deinit(&files);
    scratch_dir_deinit(&scratch);
    return 0;
}
