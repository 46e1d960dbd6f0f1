/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cli.h - what the subcommands of `logboom` share: arguments, a client that waits, output.
 * One process, one command: memory lives in one arena until the end.
 */
#ifndef LOGBOOM_CLI_CLI_H
#define LOGBOOM_CLI_CLI_H

#include "protocol/client/client.h"
#include "protocol/daemon/json.h"
#include "protocol/net/loop.h"

#include <stdio.h>

enum { CLI_WORDS_MAX = 64, CLI_LIST_MAX = 64, CLI_ARENA_BYTES_MAX = 256 << 20 };

struct cli_list {
    const char *items[CLI_LIST_MAX];
    size_t count;
};

/* Every option of every command; a command names those that it takes. INT64_MIN: not given. */
struct cli_args {
    const char *bootstrap;
    bool json, help;
    int64_t timeout_s;
    int64_t partitions, replication_factor;
    struct cli_list config;
    bool from_beginning, follow;
    int64_t offset, partition, max_messages;
    const char *timestamp;
    const char *group;
    const char *key_separator, *compression, *acks;
    bool keys;
    bool unclean, plan, execute, progress, cancel;
    const char *throttle;
    struct cli_list drain;
    const char *dir;
    int64_t port_base;
    bool restart;
    const char *words[CLI_WORDS_MAX]; /* what is no option, the command's own words left out */
    size_t word_count;
};

struct cli {
    struct cli_args args;
    struct arena arena;
    struct loop *loop;
    struct env env;
    struct log log;
    struct client *client;
    FILE *out;
};

struct cli_command {
    const char *words;    /* "topic list" */
    const char *operands; /* "TOPIC..." */
    size_t operands_min, operands_max;
    const char *options; /* names, separated by blanks */
    bool offline;        /* needs no broker */
    const char *about;
    enum err (*run)(struct cli *c, struct error *err);
};

/* Sends a request, waits for its answer and returns a copy that lives in the arena. max_version as
 * in client_call(). Transport errors become a sentence that names the brokers asked. */
enum err cli_call(struct cli *c, int32_t node_id, const struct schema *request_schema,
                  const void *request, int16_t max_version, const void **ret_response,
                  struct error *err);
/* ERR_OK for KAFKA_NONE; otherwise err says `what: KAFKA_NAME: message or the code's own text`. */
enum err cli_check(int16_t error_code, struct slice message, struct error *err, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));
/* Waits for one turn of the loop. False when args.timeout_s passed since `since_ns`. */
bool cli_wait(struct cli *c, uint64_t since_ns);
/* Memory of the command; never NULL (the arena is large, and its end is the command's). */
void *cli_alloc(struct cli *c, size_t count, size_t size);

/* Metadata of the named topics, or of all when count is 0. */
struct metadata_response;
enum err cli_metadata(struct cli *c, const char *const *topics, size_t count,
                      const struct metadata_response **ret_metadata, struct error *err);
/* The offsets of all partitions of a topic at a timestamp (-1 latest, -2 earliest), by index; -1
 * where there is none. */
struct metadata_response_topic;
enum err cli_offsets(struct cli *c, const struct metadata_response_topic *topic, int64_t timestamp,
                     int64_t **ret_offsets, struct error *err);

/* The number of a node, a partition or a port, as a word of the command line says it: ERR_INVALID
 * below 0, above INT32_MAX and for other text. */
enum err cli_number(struct slice text, int32_t *ret_number);
/* A line of JSON on the output. */
void cli_print_json(struct cli *c, struct buf *json);
/* Members of a JSON object. */
void cli_json_int(struct json_writer *w, const char *key, int64_t value);
void cli_json_string(struct json_writer *w, const char *key, struct slice value);
void cli_json_ids(struct json_writer *w, const char *key, const int32_t *ids, int32_t count);

/* The program of the broker: beside this one, else to be found by PATH. The text is in *ret_path,
 * which the caller frees. */
const char *cli_broker_path(struct buf *ret_path);
/* Becomes `logboom-broker storage ...`; returns an exit code only when it cannot. */
int cli_storage(char **argv);

enum err cli_topic_create(struct cli *c, struct error *err);
enum err cli_topic_list(struct cli *c, struct error *err);
enum err cli_topic_describe(struct cli *c, struct error *err);
enum err cli_topic_delete(struct cli *c, struct error *err);
enum err cli_produce(struct cli *c, struct error *err);
enum err cli_consume(struct cli *c, struct error *err);
enum err cli_group_list(struct cli *c, struct error *err);
enum err cli_group_describe(struct cli *c, struct error *err);
enum err cli_log_dump(struct cli *c, struct error *err);
enum err cli_dev_cluster(struct cli *c, struct error *err);
enum err cli_cluster_status(struct cli *c, struct error *err);
enum err cli_cluster_rebalance(struct cli *c, struct error *err);
enum err cli_cluster_elect(struct cli *c, struct error *err);
enum err cli_cluster_unregister(struct cli *c, struct error *err);
enum err cli_quorum_status(struct cli *c, struct error *err);
enum err cli_quorum_add(struct cli *c, struct error *err);
enum err cli_quorum_remove(struct cli *c, struct error *err);

#endif
