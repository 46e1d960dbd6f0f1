/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_storage.c - figures of broker/storage: append, recovery, opening many partitions.
 * Usage: bench_storage DIRECTORY [MEGABYTES]. The directory is made and left with one log,
 * bench-0, which kafka-dump-log can be shown, and 1000 empty partitions.
 */
#include "broker/storage/append_info.h"
#include "broker/storage/log.h"
#include "broker/storage/log_dirs.h"
#include "protocol/base/alloc.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

enum { BATCH_BYTES = 128 << 10, PARTITIONS = 1000 };

static double wall_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void must(enum err e, const struct error *err)
{
    if (e) {
        (void)fprintf(stderr, "bench_storage: %s (%s)\n", err_text(e), err->text);
        exit(EXIT_FAILURE);
    }
}

static struct slice make_batch(struct batch_builder *b, struct buf *out)
{
    static const char line[] = "127.0.0.1 - - [22/Nov/2026:06:25:24 +0000] \"GET /index.html "
                               "HTTP/1.1\" 200 4523 \"-\" \"Mozilla/5.0 (X11; Linux x86_64)\"";
    for (int i = 0; batch_builder_size_with(b, 0, sizeof(line)) < BATCH_BYTES; i++) {
        struct record r = { .timestamp_ms = 1790000000000 + i,
                            .value = slice_of(line, sizeof(line) - 1) };
        batch_builder_append(b, &r);
    }
    const struct batch_seal seal = { .producer_id = 4001, .base_sequence = 0 };
    struct slice bytes;
    struct error none = { 0 };
    must(batch_builder_seal(b, &seal, out, &bytes), &none);
    return bytes;
}

static void bench_append(struct partition_log *log, uint64_t total_bytes)
{
    struct batch_builder builder = { 0 };
    struct buf out = { 0 };
    struct slice batch = make_batch(&builder, &out);
    uint8_t *bytes = (uint8_t *)(uintptr_t)batch.ptr;
    struct error err = { 0 };
    int32_t sequence = 0;
    double wall = wall_s(), cpu = cpu_s();
    for (uint64_t done = 0; done < total_bytes; done += batch.len) {
        batch_stamp_producer(bytes, 4001, 0, sequence); /* the producer's work, one checksum */
        sequence = producer_sequence_add(sequence, builder.record_count);
        append_info_stamp(bytes, batch.len, log->end_offset, 3, -1);
        must(log_append(log, batch, 1790000000000, &err), &err);
    }
    wall = wall_s() - wall;
    cpu = cpu_s() - cpu;
    double gb = (double)total_bytes / 1e9;
    printf("append: %.0f MB/s, %.3f CPU-s/GB (one checksum included)\n", gb * 1000 / wall,
           cpu / gb);
    batch_builder_deinit(&builder);
    buf_deinit(&out);
}

/* What the same bytes cost without a log: the limit. */
static void bench_limit(const char *dir, uint64_t total_bytes)
{
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/limit", dir);
    struct error err = { 0 };
    struct vfs *v = vfs_posix();
    struct vfs_file *f;
    must(v->ops->open(v, path, VFS_WRITE | VFS_CREATE, &f, &err), &err);
    uint8_t *bytes = mem_zalloc(BATCH_BYTES);
    struct iovec iov = { bytes, BATCH_BYTES };
    double wall = wall_s(), cpu = cpu_s();
    for (uint64_t done = 0; done < total_bytes; done += BATCH_BYTES) {
        must(v->ops->pwritev(v, f, &iov, 1, done), &err);
    }
    double gb = (double)total_bytes / 1e9;
    wall = wall_s() - wall;
    printf("limit (write alone): %.0f MB/s, %.3f CPU-s/GB\n", gb * 1000 / wall,
           (cpu_s() - cpu) / gb);
    v->ops->close(v, f);
    must(v->ops->unlink(v, path, &err), &err);
    mem_free(bytes);
}

static void bench_partitions(struct log_open_args args, const char *dir)
{
    struct partition_log **logs = mem_array(PARTITIONS, sizeof(*logs));
    struct error err = { 0 };
    struct uuid id = { { 9 } };
    char path[SEGMENT_PATH_MAX];
    args.dir = path;
    args.topic = "many";
    for (int round = 0; round < 2; round++) {
        size_t before = mallinfo2().uordblks;
        double wall = wall_s();
        for (int i = 0; i < PARTITIONS; i++) {
            (void)snprintf(path, sizeof(path), "%s/many-%d", dir, i);
            args.partition = i;
            args.clean = true;
            must(round ? log_open(&args, &logs[i], NULL, &err)
                       : log_create(&args, &id, &logs[i], &err),
                 &err);
        }
        printf("%s %d empty partitions: %.1f ms, %zu bytes of memory each\n",
               round ? "open" : "create", PARTITIONS, (wall_s() - wall) * 1000,
               (mallinfo2().uordblks - before) / PARTITIONS);
        for (int i = 0; i < PARTITIONS; i++) {
            log_free(logs[i]);
        }
    }
    mem_free(logs);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "bench_storage.dir";
    uint64_t bytes = (argc > 2 ? strtoull(argv[2], NULL, 10) : 2000) * 1000000;
    struct error err = { 0 };
    must(vfs_make_dirs(vfs_posix(), dir, &err), &err);
    struct file_cache files;
    file_cache_init(&files, vfs_posix(), 256);
    struct log_config config;
    log_config_default(&config);
    config.segment_bytes = 256 << 20;
    char path[SEGMENT_PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/bench-0", dir);
    struct log_open_args args = { .files = &files,
                                  .dir = path,
                                  .topic = "bench",
                                  .config = &config,
                                  .recovery_point = -1,
                                  .log_start_offset = -1,
                                  .now_ms = 1790000000000 };
    struct uuid id = { { 7 } };
    struct partition_log *log;
    bench_limit(dir, bytes);
    must(log_create(&args, &id, &log, &err), &err);
    bench_append(log, bytes);
    int64_t end = log->end_offset;
    log_free(log);
    struct log_recovery r;
    double wall = wall_s();
    must(log_open(&args, &log, &r, &err), &err);
    wall = wall_s() - wall;
    printf("recover all after a kill: %.0f MB/s (%llu bytes, end %s)\n",
           (double)r.scanned_bytes / 1e6 / wall, (unsigned long long)r.scanned_bytes,
           log->end_offset == end ? "right" : "WRONG");
    must(log_shutdown(log, &err), &err);
    log_free(log);
    args.recovery_point = end - 1000;
    wall = wall_s();
    must(log_open(&args, &log, &r, &err), &err);
    printf("recover a tail of %llu bytes: %.2f ms\n", (unsigned long long)r.scanned_bytes,
           (wall_s() - wall) * 1000);
    must(log_shutdown(log, &err), &err);
    log_free(log);
    args.clean = true;
    wall = wall_s();
    must(log_open(&args, &log, &r, &err), &err);
    printf("open after a clean shutdown: %.2f ms\n", (wall_s() - wall) * 1000);
    log_free(log);
    bench_partitions(args, dir);
    file_cache_deinit(&files);
    return EXIT_SUCCESS;
}
