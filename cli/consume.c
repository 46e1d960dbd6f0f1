/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consume.c - `logboom consume`: records of a topic on the standard output.
 * Reads from the oldest record to the end as it was when the end was reached; --follow goes on.
 *   (R1) With a group, an offset is committed only after its record was printed.
 */
#include "cli/cli.h"

#include "protocol/base/units.h"
#include "protocol/client/consumer.h"

#include <signal.h>

enum { DECOMPRESSED_BYTES_MAX = 256 << 20 };

struct reading {
    struct cli *c;
    struct consumer *consumer;
    struct buf scratch, line;
    size_t open; /* partitions that have not reached their end */
    size_t assigned;
    int64_t left; /* records still wanted; -1: no limit */
    bool stop;
    enum err err;
    struct error *ret_err;
};

static void print_record(struct reading *r, const struct consumer_partition *part,
                         const struct record *rec)
{
    if (!r->c->args.json) {
        if (r->c->args.keys) {
            buf_append_slice(&r->line, rec->key);
            buf_append_byte(&r->line, '\t');
        }
        buf_append_slice(&r->line, rec->value);
        buf_append_byte(&r->line, '\n');
        return;
    }
    struct json_writer w;
    json_init(&w, &r->line);
    json_begin_object(&w);
    json_key(&w, "topic");
    json_string(&w, part->topic);
    json_key(&w, "partition");
    json_int(&w, part->partition);
    json_key(&w, "offset");
    json_int(&w, rec->offset);
    json_key(&w, "timestamp");
    json_int(&w, rec->timestamp_ms);
    json_key(&w, "key");
    json_string(&w, rec->key);
    json_key(&w, "value");
    json_string(&w, rec->value);
    struct reader pos = reader_of(rec->headers);
    struct record_header header;
    for (int32_t i = 0; i < rec->header_count && record_headers_next(&pos, &header) == ERR_OK;
         i++) {
        if (i == 0) {
            json_key(&w, "headers");
            json_begin_object(&w);
        }
        json_key_slice(&w, header.key);
        json_string(&w, header.value);
        if (i + 1 == rec->header_count) {
            json_end_object(&w);
        }
    }
    json_end_object(&w);
    buf_append_byte(&r->line, '\n');
}

static void fail(struct reading *r, enum err err, const struct consumer_partition *part,
                 int64_t offset)
{
    if (!r->err) {
        r->err = err_set(r->ret_err, err, "%.*s-%d, batch at offset %lld: %s",
                         SLICE_ARG(part->topic), part->partition, (long long)offset, err_text(err));
    }
    r->stop = true;
}

static void on_batches(void *user, struct consumer_partition *part,
                       const struct batch_view *batches, size_t count)
{
    struct reading *r = user;
    int64_t next = part->position;
    for (size_t i = 0; i < count && !r->stop; i++) {
        struct batch_iter it;
        struct record rec;
        r->scratch.len = 0;
        enum err e = batch_iter_init(&it, &batches[i], &r->scratch, DECOMPRESSED_BYTES_MAX);
        while (!e && !r->stop && (e = batch_iter_next(&it, &rec)) == ERR_OK) {
            if (rec.offset >= part->position) {
                print_record(r, part, &rec);
                next = rec.offset + 1;
                r->stop = r->left > 0 && --r->left == 0;
            }
        }
        if (e && e != ERR_NOT_FOUND) {
            fail(r, e, part, batches[i].base_offset);
        }
    }
    fwrite(r->line.ptr, 1, r->line.len, r->c->out);
    buf_reset(&r->line);
    if (fflush(r->c->out) != 0) {
        r->stop = true; /* nobody reads any more: the end, as with `| head` */
    } else if (r->c->args.group && next > part->position) {
        consumer_commit(r->consumer, part, next, (uint64_t)200 * NS_PER_MS);
    }
}

static void on_assigned(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct reading *r = user;
    (void)parts;
    r->open += count;
    r->assigned += count;
}

static void on_revoking(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct reading *r = user;
    (void)parts;
    r->open = count < r->open ? r->open - count : 0;
    consumer_revoked(r->consumer);
}

static void on_lost(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct reading *r = user;
    (void)parts;
    r->open = count < r->open ? r->open - count : 0;
}

static void on_trouble(void *user, enum kafka_error error, const char *text, bool fatal)
{
    struct reading *r = user;
    if (fatal) {
        r->err = err_set(r->ret_err, ERR_KAFKA, "%s: %s", kafka_error_name((int16_t)error), text);
        r->stop = true;
    } else {
        fprintf(stderr, "logboom: %s: %s\n", kafka_error_name((int16_t)error), text);
    }
}

static void on_end(void *user, struct consumer_partition *part)
{
    struct reading *r = user;
    if (!part->user) { /* the first time */
        part->user = r;
        r->open -= r->open > 0;
    }
}

static const struct consumer_events events = { on_assigned, on_revoking, on_lost,
                                               on_batches,  on_trouble,  on_end };

/* What to ask the offsets of: a time, -2 for the first, -1 for the end. */
static enum err start_time(const struct cli *c, int64_t *ret_timestamp, struct error *err)
{
    const struct cli_args *a = &c->args;
    int64_t timestamp = a->offset != INT64_MIN && a->offset < 0 ? -1 : -2;
    int64_t ago_ns;
    if (a->timestamp && a->timestamp[0] == '-' &&
        !units_duration_ns(slice_str(a->timestamp + 1), NS_PER_S, &ago_ns)) {
        timestamp = env_wall_ms(c->env) - ago_ns / NS_PER_MS;
    } else if (a->timestamp && (units_int(slice_str(a->timestamp), &timestamp) || timestamp < 0)) {
        return err_set(err, ERR_INVALID, "--timestamp takes Unix milliseconds or -15m, not \"%s\"",
                       a->timestamp);
    }
    *ret_timestamp = timestamp;
    return ERR_OK;
}

/* Where a partition begins: INT64_MIN where it has nothing (no record at or after the time). */
static enum err start_offsets(struct cli *c, const struct metadata_response_topic *t,
                              int64_t timestamp, int64_t **ret_offsets, struct error *err)
{
    const struct cli_args *a = &c->args;
    enum err e = cli_offsets(c, t, timestamp, ret_offsets, err);
    int64_t *first = NULL;
    if (!e && a->offset != INT64_MIN) {
        e = cli_offsets(c, t, -2, &first, err);
    }
    for (int32_t i = 0; !e && i < t->partitions_n; i++) {
        int64_t *offset = &(*ret_offsets)[i];
        if (a->offset != INT64_MIN) {
            *offset = a->offset >= 0 ? a->offset : *offset + a->offset;
            *offset = *offset < first[i] ? first[i] : *offset;
        } else if (*offset < 0) {
            *offset = OFFSET_LATEST;
        }
    }
    return e;
}

static enum err assign_all(struct cli *c, struct reading *r, struct error *err)
{
    const struct metadata_response *meta;
    int64_t timestamp = -2, *offsets;
    enum err e = start_time(c, &timestamp, err);
    if (!e) {
        e = cli_metadata(c, c->args.words, 1, &meta, err);
    }
    if (!e) {
        e = meta->topics_n == 1
                ? cli_check(meta->topics[0].error_code, slice_null(), err, "topic %s",
                            c->args.words[0])
                : err_set(err, ERR_MALFORMED, "metadata of topic %s: an empty answer",
                          c->args.words[0]);
    }
    if (!e) {
        e = start_offsets(c, &meta->topics[0], timestamp, &offsets, err);
    }
    for (int32_t i = 0; !e && i < meta->topics[0].partitions_n; i++) {
        if (c->args.partition == INT64_MIN || c->args.partition == i) {
            consumer_assign(r->consumer, meta->topics[0].name, i, offsets[i]);
            r->open++;
            r->assigned++;
        }
    }
    if (!e && !r->assigned) {
        e = err_set(err, ERR_INVALID, "topic %s has no partition %lld", c->args.words[0],
                    (long long)c->args.partition);
    }
    return e;
}

static void on_interrupt(void *owner, int signum)
{
    (void)signum;
    ((struct reading *)owner)->stop = true;
}

static void on_closed(void *user)
{
    *(bool *)user = true;
}

enum err cli_consume(struct cli *c, struct error *err)
{
    struct reading r = { .c = c,
                         .left = c->args.max_messages == INT64_MIN ? -1 : c->args.max_messages,
                         .ret_err = err };
    if (r.left == 0 || r.left < -1) {
        return err_set(err, ERR_INVALID, "--max-messages must be positive");
    }
    if (c->args.group &&
        (c->args.offset != INT64_MIN || c->args.timestamp || c->args.partition != INT64_MIN)) {
        return err_set(
            err, ERR_INVALID,
            "--group reads where the group stands: leave out --offset, --timestamp, --partition");
    }
    struct consumer_config cfg = { .group_id = c->args.group,
                                   .topics = c->args.words,
                                   .topic_count = c->args.group ? 1 : 0,
                                   .offset_reset = OFFSET_RESET_EARLIEST };
    loop_on_signal(c->loop, SIGINT, on_interrupt, &r);
    loop_on_signal(c->loop, SIGTERM, on_interrupt, &r);
    client_want_topic(c->client, slice_str(c->args.words[0]));
    r.consumer = consumer_new(c->client, &cfg, &events, &r);
    r.err = c->args.group ? ERR_OK : assign_all(c, &r, err);
    while (!r.err && !r.stop && (c->args.follow || r.open || !r.assigned)) {
        loop_turn(c->loop, (uint64_t)100 * NS_PER_MS);
    }
    if (c->args.group) {
        bool closed = false;
        uint64_t began_ns = env_mono_ns(c->env);
        consumer_close(r.consumer, on_closed, &closed);
        while (!closed && cli_wait(c, began_ns)) {
        }
    }
    consumer_free(r.consumer);
    buf_deinit(&r.scratch);
    buf_deinit(&r.line);
    return r.err;
}
