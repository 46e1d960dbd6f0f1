/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_bench.h - one node in this process, on a virtual clock and a disk that fails on purpose,
 * for the tests of quorum, snapshots and formatting.
 */
#ifndef LOGBOOM_TESTS_BROKER_QUORUM_BENCH_H
#define LOGBOOM_TESTS_BROKER_QUORUM_BENCH_H

#include "broker/broker.h"
#include "broker/format.h"
#include "tests/support/fake_env.h"
#include "tests/support/fault_vfs.h"
#include "tests/support/scratch_dir.h"

#include <check.h>

struct bench {
    struct scratch_dir scratch;
    struct fault_vfs disk;
    struct fake_env env;
    struct arena arena;
    struct broker_config config;
    struct broker_listener *listeners;
    uint32_t listener_count;
    struct broker *broker; /* NULL: not running */
    struct error err;      /* of the last failure */
};

void bench_init(struct bench *w);
void bench_deinit(struct bench *w);
/* Over the defaults; the logs are in the scratch directory. */
void bench_set(struct bench *w, const char *name, const char *value);
/* A controller of a cluster: listeners and bootstrap servers of nodes 1 to 3. */
void bench_set_cluster(struct bench *w);
enum err bench_start(struct bench *w);
/* As a kill would. */
void bench_kill(struct bench *w);
/* In order, so that it is a clean start next time. */
void bench_stop(struct bench *w);
/* Formats with --standalone, --initial-controllers (when given) or neither. */
enum err bench_format(struct bench *w, enum format_quorum quorum, const char *controllers);
/* A change of the metadata under way. */
struct topic_op {
    struct metadata_op op;
    const char *name;
    enum err status;
    bool done;
};
/* Asks for a topic without partitions; t->done when that has ended within 100 ms. */
void bench_submit_topic(struct bench *w, struct topic_op *t, const char *name);
/* Makes a topic without partitions in the metadata; what became of it. */
enum err bench_add_topic(struct bench *w, const char *name);
bool bench_has_topic(const struct bench *w, const char *name);
/* Path of a file in the metadata log's directory; valid until the next call. */
const char *bench_metadata_path(struct bench *w, const char *name);
/* Turns one bit of a file's byte around; false when the file is shorter. */
bool bench_flip(const char *path, long at);
/* How many files with this suffix the metadata log's directory has. */
int bench_count_files(struct bench *w, const char *suffix);

Suite *quorum_suite(void);
Suite *quorum_damage_suite(void);
Suite *format_suite(void);
Suite *quorum_trio_suite(void);
Suite *calls_suite(void);

#define BENCH_CLUSTER_ID "MkU3OEVBNTcwNTJENDM2Qk"

#endif
