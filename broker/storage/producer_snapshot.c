/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_snapshot.c - the bytes of a .snapshot file. Driven by log.c (roll, shutdown) and
 * recovery. Layout, big-endian: i16 version = 1, u32 CRC-32C of all that follows, i32 count, then
 * 46 bytes each.
 */
#include "broker/storage/producer_snapshot.h"

#include "protocol/base/alloc.h"
#include "protocol/base/crc32c.h"
#include "protocol/wire/reader.h"
#include "protocol/wire/writer.h"

enum {
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_CRC_END = 6,
    SNAPSHOT_HEADER_BYTES = 10,
    SNAPSHOT_ENTRY_BYTES = 46,
};

void producer_snapshot_encode(const struct producer_state *s, struct buf *out)
{
    size_t start = out->len;
    struct writer w;
    writer_init(&w, out);
    writer_i16(&w, SNAPSHOT_VERSION);
    writer_i32(&w, 0);
    writer_i32(&w, (int32_t)producer_state_count(s));
    uint32_t cursor = 0;
    const struct producer_entry *entry;
    while ((entry = map_next(&s->entries, &cursor, NULL)) != NULL) {
        const struct producer_kept none = { -1, 0, -1, entry->last_timestamp_ms };
        const struct producer_kept *last =
            entry->kept_count ? &entry->kept[entry->kept_count - 1] : &none;
        writer_i64(&w, entry->producer_id);
        writer_i16(&w, entry->epoch);
        writer_i32(&w, last->last_sequence);
        writer_i64(&w, last->last_offset);
        writer_i32(&w, last->offset_delta);
        writer_i64(&w, entry->last_timestamp_ms);
        writer_i32(&w, entry->coordinator_epoch);
        writer_i64(&w, entry->current_txn_first_offset);
    }
    uint32_t crc = crc32c(slice_from(buf_slice(out), start + SNAPSHOT_CRC_END));
    for (unsigned i = 0; i < 4; i++) {
        out->ptr[start + 2 + i] = (uint8_t)(crc >> (24 - 8 * i));
    }
    writer_deinit(&w);
}

static struct producer_entry entry_decode(struct reader *r)
{
    struct producer_entry entry = { .producer_id = reader_i64(r) };
    struct producer_kept last;
    entry.epoch = reader_i16(r);
    last.last_sequence = reader_i32(r);
    last.last_offset = reader_i64(r);
    last.offset_delta = reader_i32(r);
    last.timestamp_ms = reader_i64(r);
    entry.last_timestamp_ms = last.timestamp_ms;
    entry.coordinator_epoch = reader_i32(r);
    entry.current_txn_first_offset = reader_i64(r);
    if (last.last_offset >= 0) {
        entry.kept[entry.kept_count++] = last;
    }
    return entry;
}

enum err producer_snapshot_decode(struct slice bytes, struct producer_state *s)
{
    struct reader r = reader_of(bytes);
    int16_t version = reader_i16(&r);
    uint32_t crc = reader_u32(&r);
    int32_t count = reader_i32(&r);
    if (r.err) {
        return ERR_MALFORMED;
    }
    if (version != SNAPSHOT_VERSION) {
        return ERR_UNSUPPORTED;
    }
    if (crc != crc32c(slice_from(bytes, SNAPSHOT_CRC_END))) {
        return ERR_CHECKSUM;
    }
    if (count < 0 || reader_left(&r) != (size_t)count * SNAPSHOT_ENTRY_BYTES) {
        return ERR_MALFORMED;
    }
    for (int32_t i = 0; i < count; i++) {
        struct producer_entry entry = entry_decode(&r);
        producer_state_restore(s, &entry);
    }
    return ERR_OK;
}

enum err producer_snapshot_write(struct vfs *v, const char *path, const struct producer_state *s,
                                 struct error *err)
{
    struct buf out = { 0 };
    producer_snapshot_encode(s, &out);
    enum err e = vfs_replace_file(v, path, buf_slice(&out), err);
    buf_deinit(&out);
    return e;
}

enum err producer_snapshot_read(struct vfs *v, const char *path, struct producer_state *s,
                                struct error *err)
{
    uint8_t *bytes;
    size_t len;
    enum err e = vfs_read_file(v, path, PRODUCER_SNAPSHOT_BYTES_MAX, &bytes, &len, err);
    if (e) {
        return e;
    }
    e = producer_snapshot_decode(slice_of(bytes, len), s);
    mem_free(bytes);
    return e ? err_set(err, e, "producer snapshot %s: %s", path, err_text(e)) : ERR_OK;
}
