/* SPDX-License-Identifier: Apache-2.0 */
/*
 * elect.c - `logboom cluster elect`: leadership back to the first replicas, or, told so, to a
 * replica that is not in sync (ElectLeaders, KIP-183, KIP-460). Driven by main.c.
 */
#include "cli/cluster.h"

#include <stdlib.h>

enum { ELECTION_PREFERRED = 0, ELECTION_UNCLEAN = 1 };

/* "topic:3" names one partition, "topic" all of them. */
static enum err take_operand(struct cli *c, const char *word,
                             struct elect_leaders_request_topic_partitions *ret, struct error *err)
{
    const char *colon = strrchr(word, ':');
    if (colon) {
        int32_t partition;
        if (cli_number(slice_str(colon + 1), &partition)) {
            return err_set(err, ERR_INVALID, "a partition is TOPIC:NUMBER, not \"%s\"", word);
        }
        ret->topic = slice_of(word, (size_t)(colon - word));
        ret->partitions = cli_alloc(c, 1, sizeof(*ret->partitions));
        ret->partitions[0] = partition;
        ret->partitions_n = 1;
        return ERR_OK;
    }
    const struct metadata_response *meta;
    enum err e = cli_metadata(c, &word, 1, &meta, err);
    if (!e && meta->topics_n == 1) {
        e = cli_check(meta->topics[0].error_code, slice_null(), err, "topic %s", word);
    }
    if (e || meta->topics_n != 1) {
        return e ? e : err_set(err, ERR_MALFORMED, "metadata of topic %s: an empty answer", word);
    }
    int32_t count = meta->topics[0].partitions_n;
    ret->topic = slice_str(word);
    ret->partitions = cli_alloc(c, (size_t)count + 1, sizeof(*ret->partitions));
    for (int32_t i = 0; i < count; i++) {
        ret->partitions[i] = meta->topics[0].partitions[i].partition_index;
    }
    ret->partitions_n = count;
    return ERR_OK;
}

static void print_one(struct cli *c, struct slice topic, int32_t partition, const char *result)
{
    if (!c->args.json) {
        fprintf(c->out, "%.*s-%d %s\n", SLICE_ARG(topic), partition, result);
        return;
    }
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
    cli_json_string(&w, "topic", topic);
    cli_json_int(&w, "partition", partition);
    cli_json_string(&w, "result", slice_str(result));
    json_end_object(&w);
    cli_print_json(c, &out);
}

static enum err print_results(struct cli *c, const struct elect_leaders_response *r,
                              struct error *err)
{
    enum err e = ERR_OK;
    for (int32_t i = 0; i < r->replica_election_results_n; i++) {
        const struct elect_leaders_response_replica_election_result *t =
            &r->replica_election_results[i];
        for (int32_t j = 0; j < t->partition_result_n; j++) {
            const struct elect_leaders_response_partition_result *p = &t->partition_result[j];
            if (p->error_code == KAFKA_NONE) {
                print_one(c, t->topic, p->partition_id, "elected");
            } else if (p->error_code == KAFKA_ELECTION_NOT_NEEDED) {
                print_one(c, t->topic, p->partition_id, "led as wanted already");
            } else {
                print_one(c, t->topic, p->partition_id, kafka_error_name(p->error_code));
                e = cli_check(p->error_code, p->error_message, err, "elect a leader of %.*s-%d",
                              SLICE_ARG(t->topic), p->partition_id);
            }
        }
    }
    return e;
}

enum err cli_cluster_elect(struct cli *c, struct error *err)
{
    struct elect_leaders_request req;
    size_t count = c->args.word_count;
    schema_init(&elect_leaders_request_schema, &req);
    if (c->args.unclean && !count) {
        return err_set(err, ERR_INVALID,
                       "--unclean may lose records: name each TOPIC:PARTITION it is for");
    }
    req.election_type = c->args.unclean ? ELECTION_UNCLEAN : ELECTION_PREFERRED;
    req.timeout_ms = (int32_t)(c->args.timeout_s * 1000);
    req.topic_partitions =
        schema_new(&elect_leaders_request_topic_partitions_schema, &c->arena, count);
    req.topic_partitions_n = count ? (int32_t)count : -1;
    enum err e = ERR_OK;
    for (size_t i = 0; !e && i < count; i++) {
        e = take_operand(c, c->args.words[i], &req.topic_partitions[i], err);
    }
    const void *answer;
    if (!e) {
        e = cli_call(c, NODE_CONTROLLER, &elect_leaders_request_schema, &req, -1, &answer, err);
    }
    if (!e) {
        const struct elect_leaders_response *r = answer;
        e = cli_check(r->error_code, slice_null(), err, "elect leaders");
        if (!e) {
            e = print_results(c, r, err);
        }
    }
    return e;
}
