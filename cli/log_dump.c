/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log_dump.c - `logboom log dump`: what Kafka's segment and index files hold, without a broker.
 * Reads any .log, .index and .timeindex of Kafka's format; stops at the first bad batch and says
 * so.
 */
#include "cli/cli.h"

#include "protocol/base/alloc.h"
#include "protocol/wire/record_batch.h"

#include <inttypes.h>
#include <stdlib.h>

enum { DUMP_BATCH_BYTES_MAX = 256 << 20 };

static void batch_json(struct cli *c, const struct batch_view *b, uint64_t position)
{
    struct buf out = { 0 };
    struct json_writer w;
    json_init(&w, &out);
    json_begin_object(&w);
#define PAIR(name, value) (json_key(&w, name), json_int(&w, value))
    PAIR("position", (int64_t)position);
    PAIR("base_offset", b->base_offset);
    PAIR("last_offset", batch_last_offset(b));
    PAIR("records", b->record_count);
    PAIR("size_bytes", (int64_t)b->bytes.len);
    PAIR("leader_epoch", b->leader_epoch);
    PAIR("base_timestamp", b->base_timestamp_ms);
    PAIR("max_timestamp", b->max_timestamp_ms);
    PAIR("producer_id", b->producer_id);
    PAIR("producer_epoch", b->producer_epoch);
    PAIR("base_sequence", b->base_sequence);
#undef PAIR
    json_key(&w, "codec");
    json_str(&w, codec_name(batch_codec(b)));
    json_key(&w, "control");
    json_bool(&w, b->attributes & BATCH_ATTR_CONTROL);
    json_end_object(&w);
    cli_print_json(c, &out);
}

static void batch_text(struct cli *c, const struct batch_view *b, uint64_t position)
{
    const char *codec = codec_name(batch_codec(b));
    fprintf(c->out,
            "@%" PRIu64 " offsets %" PRId64 "..%" PRId64
            " records %d bytes %zu epoch %d time %" PRId64 "..%" PRId64
            " codec %s producer %" PRId64 "/%d seq %d%s\n",
            position, b->base_offset, batch_last_offset(b), b->record_count, b->bytes.len,
            b->leader_epoch, b->base_timestamp_ms, b->max_timestamp_ms, codec ? codec : "unknown",
            b->producer_id, b->producer_epoch, b->base_sequence,
            b->attributes & BATCH_ATTR_CONTROL ? " control" : "");
}

static enum err dump_records(struct cli *c, const struct batch_view *b, struct buf *scratch)
{
    struct batch_iter it;
    struct record rec;
    scratch->len = 0;
    enum err e = batch_iter_init(&it, b, scratch, DUMP_BATCH_BYTES_MAX);
    while (!e && (e = batch_iter_next(&it, &rec)) == ERR_OK) {
        if (!c->args.json) {
            fprintf(c->out, "  %" PRId64 " time %" PRId64 " %.*s%s%.*s\n", rec.offset,
                    rec.timestamp_ms, SLICE_ARG(c->args.keys ? rec.key : slice_null()),
                    c->args.keys ? " " : "", SLICE_ARG(rec.value));
        }
    }
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

static enum err dump_log(struct cli *c, const char *path, struct slice bytes, struct error *err)
{
    struct buf scratch = { 0 };
    uint64_t position = 0, records = 0, batches = 0;
    enum err e = ERR_OK;
    while (!e && position < bytes.len) {
        struct batch_view b;
        e = batch_parse(slice_from(bytes, position), &b);
        if (!e) {
            e = batch_check_crc(&b);
        }
        if (e) {
            break;
        }
        (c->args.json ? batch_json : batch_text)(c, &b, position);
        e = dump_records(c, &b, &scratch);
        position += b.bytes.len;
        records += (uint64_t)b.record_count;
        batches++;
    }
    buf_deinit(&scratch);
    if (e) {
        return err_set(err, e,
                       "%s: the batch at byte %" PRIu64 " is bad: %s; %" PRIu64
                       " bytes from there on",
                       path, position, err_text(e), (uint64_t)bytes.len - position);
    }
    if (!c->args.json) {
        fprintf(c->out, "%s: %" PRIu64 " records in %" PRIu64 " batches, %zu bytes, all valid\n",
                path, records, batches, bytes.len);
    }
    return ERR_OK;
}

/* Entries of 8 bytes (relative offset, position) or 12 (timestamp, relative offset). */
static enum err dump_index(struct cli *c, const char *path, struct slice bytes, bool by_time,
                           struct error *err)
{
    size_t size = by_time ? 12 : 8;
    struct reader r = reader_of(bytes);
    while (reader_left(&r) >= size) {
        if (by_time) {
            int64_t timestamp = reader_i64(&r);
            int32_t offset = reader_i32(&r);
            fprintf(c->out,
                    c->args.json ? "{\"timestamp\":%" PRId64 ",\"relative_offset\":%d}\n"
                                 : "time %" PRId64 " relative offset %d\n",
                    timestamp, offset);
        } else {
            int32_t offset = reader_i32(&r);
            int32_t position = reader_i32(&r);
            fprintf(c->out,
                    c->args.json ? "{\"relative_offset\":%d,\"position\":%d}\n"
                                 : "relative offset %d position %d\n",
                    offset, position);
        }
    }
    if (reader_left(&r)) {
        return err_set(err, ERR_CORRUPT, "%s: %zu bytes behind the last whole entry", path,
                       reader_left(&r));
    }
    return ERR_OK;
}

static bool ends_with(const char *path, const char *suffix)
{
    size_t a = strlen(path), b = strlen(suffix);
    return a >= b && strcmp(path + a - b, suffix) == 0;
}

enum err cli_log_dump(struct cli *c, struct error *err)
{
    enum err e = ERR_OK;
    for (size_t i = 0; !e && i < c->args.word_count; i++) {
        const char *path = c->args.words[i];
        uint8_t *bytes;
        size_t len;
        e = vfs_read_file(vfs_posix(), path, (size_t)INT32_MAX, &bytes, &len, err);
        if (e) {
            return e;
        }
        struct slice all = slice_of(bytes, len);
        if (ends_with(path, ".index") || ends_with(path, ".timeindex")) {
            e = dump_index(c, path, all, ends_with(path, ".timeindex"), err);
        } else {
            e = dump_log(c, path, all, err);
        }
        mem_free(bytes);
    }
    return e;
}
