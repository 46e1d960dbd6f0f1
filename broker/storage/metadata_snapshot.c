/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_snapshot.c - building and writing snapshots; see metadata_snapshot.h. Driven by the
 * quorum (taking, fetching) and by format.c. Reading is in metadata_snapshot_read.c.
 *   (S1) A name without .part is a whole snapshot, bytes and name on the disk.
 */
#include "broker/storage/metadata_snapshot.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

enum { BATCH_BYTES = 512 * 1024, OFFSET_DIGITS = 20, EPOCH_DIGITS = 10 };

#define PART ".part"

/* --- names ------------------------------------------------------------------------------------ */

void metadata_snapshot_path(const char *dir, struct snapshot_id id, struct buf *out)
{
    buf_printf(out, "%s/%020lld-%010d." SNAPSHOT_SUFFIX, dir, (long long)id.end_offset,
               (int)id.epoch);
}

bool metadata_snapshot_parse_name(const char *name, struct snapshot_id *ret_id)
{
    static const char digits[] = "0123456789";
    if (strspn(name, digits) != OFFSET_DIGITS || name[OFFSET_DIGITS] != '-') {
        return false;
    }
    const char *epoch = name + OFFSET_DIGITS + 1;
    if (strspn(epoch, digits) != EPOCH_DIGITS ||
        strcmp(epoch + EPOCH_DIGITS, "." SNAPSHOT_SUFFIX) != 0) {
        return false;
    }
    unsigned long long end_offset = strtoull(name, NULL, 10);
    unsigned long long number = strtoull(epoch, NULL, 10);
    if (end_offset > INT64_MAX || number > INT32_MAX) {
        return false;
    }
    *ret_id = (struct snapshot_id){ (int64_t)end_offset, (int32_t)number };
    return true;
}

int control_record_type(struct slice key)
{
    if (key.len < 4) {
        return -1;
    }
    struct reader r = reader_of(slice_from(key, 2));
    return reader_i16(&r);
}

/* --- lists ------------------------------------------------------------------------------------ */

struct listing {
    struct vfs *vfs;
    const char *dir;
    struct snapshot_list list;
};

static void list_one(void *ctx, const char *name)
{
    struct listing *l = ctx;
    struct snapshot_id id;
    if (metadata_snapshot_parse_name(name, &id)) {
        l->list.ids = mem_rearray(l->list.ids, l->list.count + 1u, sizeof(id));
        l->list.ids[l->list.count++] = id; /* names are sorted, and so are the ids */
        return;
    }
    size_t len = strlen(name), tail = strlen("." SNAPSHOT_SUFFIX PART);
    if (len > tail && strcmp(name + len - tail, "." SNAPSHOT_SUFFIX PART) == 0) {
        struct buf path = { 0 };
        buf_printf(&path, "%s/%s", l->dir, name);
        (void)l->vfs->ops->unlink(l->vfs, buf_cstr(&path), NULL); /* harmless where it stays */
        buf_deinit(&path);
    }
}

void snapshot_list_deinit(struct snapshot_list *l)
{
    mem_free(l->ids);
    *l = (struct snapshot_list){ 0 };
}

enum err metadata_snapshot_list(struct vfs *v, const char *dir, struct snapshot_list *ret_list,
                                struct error *err)
{
    struct listing l = { .vfs = v, .dir = dir };
    enum err e = v->ops->list(v, dir, list_one, &l, err);
    if (e) {
        snapshot_list_deinit(&l.list);
        return e;
    }
    *ret_list = l.list;
    return ERR_OK;
}

enum err metadata_snapshot_remove(struct vfs *v, const char *dir, struct snapshot_id id,
                                  struct error *err)
{
    struct buf path = { 0 };
    metadata_snapshot_path(dir, id, &path);
    enum err e = v->ops->unlink(v, buf_cstr(&path), err);
    buf_deinit(&path);
    return e == ERR_NOT_FOUND ? ERR_OK : e;
}

/* --- building --------------------------------------------------------------------------------- */

static void add_control(struct snapshot_builder *b, enum control_record type,
                        const struct schema *schema, const void *msg)
{
    const uint8_t key[] = { 0, 0, 0, (uint8_t)type };
    struct buf body = { 0 };
    struct writer w;
    writer_init(&w, &body);
    enum err e = schema_encode(schema, 0, &w, msg);
    assert(e == ERR_OK);
    (void)e;
    writer_deinit(&w);
    struct record rec = { .timestamp_ms = b->now_ms,
                          .key = slice_of(key, sizeof(key)),
                          .value = buf_slice(&body) };
    batch_builder_append(&b->batch, &rec);
    buf_deinit(&body);
}

static void close_batch(struct snapshot_builder *b, int16_t attributes)
{
    if (b->batch.record_count == 0) {
        return;
    }
    const struct batch_seal seal = { .codec = CODEC_NONE,
                                     .attributes = attributes,
                                     .producer_id = -1,
                                     .producer_epoch = -1,
                                     .base_sequence = -1 };
    struct slice bytes;
    struct buf unused = { 0 };
    enum err e = batch_builder_seal(&b->batch, &seal, &unused, &bytes);
    assert(e == ERR_OK);
    (void)e;
    buf_deinit(&unused);
    batch_stamp(b->batch.buf.ptr, b->next_offset, b->epoch);
    b->next_offset += b->batch.record_count;
    buf_append_slice(&b->bytes, bytes);
    batch_builder_reset(&b->batch);
}

void snapshot_builder_init(struct snapshot_builder *b, int32_t epoch, int64_t now_ms,
                           const struct snapshot_header *header)
{
    *b = (struct snapshot_builder){ .epoch = epoch, .now_ms = now_ms };
    struct snapshot_header_record head;
    schema_init(&snapshot_header_record_schema, &head);
    head.last_contained_log_timestamp = header->last_contained_log_timestamp_ms;
    add_control(b, CONTROL_SNAPSHOT_HEADER, &snapshot_header_record_schema, &head);
    if (header->kraft_version > 0) {
        struct kraft_version_record version;
        schema_init(&kraft_version_record_schema, &version);
        version.kraft_version = header->kraft_version;
        add_control(b, CONTROL_KRAFT_VERSION, &kraft_version_record_schema, &version);
        if (header->voters) {
            add_control(b, CONTROL_KRAFT_VOTERS, &voters_record_schema, header->voters);
        }
    }
    close_batch(b, BATCH_ATTR_CONTROL);
}

void snapshot_builder_add(struct snapshot_builder *b, struct slice value)
{
    if (b->batch.record_count && batch_builder_size_with(&b->batch, 0, value.len) > BATCH_BYTES) {
        close_batch(b, 0);
    }
    struct record rec = { .timestamp_ms = b->now_ms, .value = value };
    batch_builder_append(&b->batch, &rec);
}

void snapshot_builder_finish(struct snapshot_builder *b)
{
    close_batch(b, 0);
    struct snapshot_footer_record foot;
    schema_init(&snapshot_footer_record_schema, &foot);
    add_control(b, CONTROL_SNAPSHOT_FOOTER, &snapshot_footer_record_schema, &foot);
    close_batch(b, BATCH_ATTR_CONTROL);
}

void snapshot_builder_deinit(struct snapshot_builder *b)
{
    buf_deinit(&b->bytes);
    batch_builder_deinit(&b->batch);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void close_writer(struct snapshot_writer *w)
{
    if (w->file) {
        w->vfs->ops->close(w->vfs, w->file);
    }
    mem_free(w->dir);
    mem_free(w->part);
    *w = (struct snapshot_writer){ 0 };
}

enum err snapshot_writer_open(struct snapshot_writer *w, struct vfs *v, const char *dir,
                              struct snapshot_id id, struct error *err)
{
    struct buf path = { 0 };
    metadata_snapshot_path(dir, id, &path);
    buf_append_str(&path, PART);
    *w = (struct snapshot_writer){ .vfs = v, .id = id, .dir = mem_strdup(dir) };
    w->part = mem_strdup(buf_cstr(&path));
    buf_deinit(&path);
    enum err e = v->ops->open(v, w->part, VFS_WRITE | VFS_CREATE | VFS_TRUNC, &w->file, err);
    if (e) {
        close_writer(w);
    }
    return e;
}

enum err snapshot_writer_append(struct snapshot_writer *w, struct slice bytes, struct error *err)
{
    struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes.ptr, .iov_len = bytes.len };
    enum err e = bytes.len ? w->vfs->ops->pwritev(w->vfs, w->file, &iov, 1, w->size_bytes) : ERR_OK;
    if (e) {
        return err_set(err, e, "write %s: %s", w->part, err_text(e));
    }
    w->size_bytes += bytes.len;
    return ERR_OK;
}

enum err snapshot_writer_commit(struct snapshot_writer *w, struct error *err)
{
    struct buf path = { 0 };
    metadata_snapshot_path(w->dir, w->id, &path);
    enum err e = w->vfs->ops->sync(w->vfs, w->file);
    if (e) {
        (void)err_set(err, e, "sync %s: %s", w->part, err_text(e));
    }
    if (!e) {
        e = w->vfs->ops->rename(w->vfs, w->part, buf_cstr(&path), err);
    }
    if (!e && (e = w->vfs->ops->sync_dir(w->vfs, w->dir))) {
        (void)err_set(err, e, "sync %s: %s", w->dir, err_text(e));
    }
    buf_deinit(&path);
    close_writer(w);
    return e;
}

void snapshot_writer_abort(struct snapshot_writer *w)
{
    if (w->file) {
        (void)w->vfs->ops->unlink(w->vfs, w->part, NULL); /* the next start removes it as well */
        close_writer(w);
    }
}
