/* SPDX-License-Identifier: Apache-2.0 */
/*
 * produce.c - `logboom produce`: the lines of the standard input become records.
 *   (P1) Reading stops while the producer has no room; the exit code is 0 only when every record
 * was acknowledged.
 */
#include "cli/cli.h"

#include "protocol/base/units.h"
#include "protocol/client/producer.h"

#include <stdlib.h>

struct producing {
    uint64_t delivered, refused;
    enum kafka_error error;
};

static void on_delivered(void *user, const struct producer_delivery *d)
{
    ((struct producing *)user)->delivered += d->records;
}

static void on_refused(void *user, const struct producer_delivery *d, enum kafka_error error,
                       struct slice batch_bytes)
{
    struct producing *p = user;
    (void)batch_bytes;
    p->refused += d->records;
    p->error = error;
}

static void on_ready(void *user)
{
    (void)user; /* the loop below asks again after every turn */
}

static struct record record_of(struct cli *c, struct slice line)
{
    struct record rec = { .timestamp_ms = env_wall_ms(c->env), .value = line };
    if (c->args.key_separator) {
        size_t len = strlen(c->args.key_separator);
        const uint8_t *at = len ? memmem(line.ptr, line.len, c->args.key_separator, len) : NULL;
        if (at) {
            rec.key = slice_of(line.ptr, (size_t)(at - line.ptr));
            rec.value = slice_from(line, rec.key.len + len);
        }
    }
    return rec;
}

static enum err append(struct cli *c, struct producer *p, struct producer_topic *t,
                       struct slice line, struct error *err)
{
    struct record rec = record_of(c, line);
    int32_t partition = c->args.partition == INT64_MIN ? PARTITION_ANY : (int32_t)c->args.partition;
    uint64_t began_ns = env_mono_ns(c->env);
    for (;;) {
        int32_t count = producer_partition_count(t);
        int32_t to = partition;
        if (to == PARTITION_ANY && rec.key.ptr && count > 0) {
            to = (int32_t)(producer_key_hash(rec.key) % (uint32_t)count);
        }
        enum err e = producer_append(p, t, to, &rec, NULL, 0);
        if (e != ERR_AGAIN) {
            return e ? err_set(err, e, "produce to %s: %s", c->args.words[0], err_text(e)) : ERR_OK;
        }
        if (!cli_wait(c, began_ns)) {
            return err_set(err, ERR_TIMEOUT,
                           "produce to %s: no room within %lld s; is the broker at %s?",
                           c->args.words[0], (long long)c->args.timeout_s, c->args.bootstrap);
        }
    }
}

static enum err settings(const struct cli *c, struct producer_config *ret_cfg, struct error *err)
{
    const char *acks = c->args.acks ? c->args.acks : "all";
    *ret_cfg = (struct producer_config){ .acks = -1, .linger_ns = (uint64_t)5 * NS_PER_MS };
    if (strcmp(acks, "all") != 0 && strcmp(acks, "-1") != 0) {
        if (strcmp(acks, "0") != 0 && strcmp(acks, "1") != 0) {
            return err_set(err, ERR_INVALID, "--acks takes all, 1 or 0, not \"%s\"", acks);
        }
        ret_cfg->acks = (int16_t)(acks[0] - '0');
    }
    ret_cfg->idempotence = ret_cfg->acks == -1;
    if (c->args.compression && codec_parse(slice_str(c->args.compression), &ret_cfg->codec)) {
        return err_set(err, ERR_INVALID,
                       "--compression takes none, gzip, snappy, lz4 or zstd, not \"%s\"",
                       c->args.compression);
    }
    return ERR_OK;
}

enum err cli_produce(struct cli *c, struct error *err)
{
    static const struct producer_events events = { on_delivered, on_refused, on_ready };
    struct producing state = { 0 };
    struct producer_config cfg;
    enum err e = settings(c, &cfg, err);
    if (e) {
        return e;
    }
    struct producer *p = producer_new(c->client, &cfg, &events, &state);
    struct producer_topic *t = producer_topic(p, slice_str(c->args.words[0]));
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    uint64_t sent = 0;
    while (!e && (len = getline(&line, &cap, stdin)) >= 0) {
        size_t n = (size_t)len - (len > 0 && line[len - 1] == '\n');
        e = append(c, p, t, slice_of(line, n), err);
        sent += !e;
        if (sent % 1000 == 0) {
            loop_turn(c->loop, 0);
        }
    }
    producer_flush(p);
    uint64_t began_ns = env_mono_ns(c->env);
    while (producer_outstanding(p) && cli_wait(c, began_ns)) {
    }
    uint64_t left = producer_outstanding(p);
    free(line);
    producer_free(p);
    if (!e && state.refused) {
        e = cli_check((int16_t)state.error, slice_null(), err, "%llu of %llu records were refused",
                      (unsigned long long)state.refused, (unsigned long long)sent);
    } else if (!e && left) {
        e = err_set(err, ERR_TIMEOUT, "%llu of %llu records were not acknowledged within %lld s",
                    (unsigned long long)left, (unsigned long long)sent,
                    (long long)c->args.timeout_s);
    }
    if (c->args.json) {
        fprintf(c->out, "{\"topic\":\"%s\",\"records\":%llu}\n", c->args.words[0],
                (unsigned long long)state.delivered);
    }
    return e;
}
