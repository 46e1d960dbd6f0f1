/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_snapshot_read.c - walks snapshots and bootstrap.checkpoint (the same format) batch by
 * batch; see metadata_snapshot.h. Driven by the quorum at start-up and when it has fetched one.
 *   (S2) Nobody is told of a record whose batch's checksum is wrong.
 */
#include "broker/storage/metadata_snapshot.h"

#include "protocol/base/alloc.h"

enum { BATCH_BYTES_MAX = 64 << 20, PLAIN_BYTES_MAX = 64 << 20 };

struct walk {
    struct vfs *vfs;
    struct vfs_file *file;
    const char *path;
    uint64_t pos, size_bytes;
    int64_t next_offset;
    struct buf bytes, scratch;
    const struct snapshot_visitor *visitor;
    bool header, footer;
    struct error *err;
};

static enum err corrupt(struct walk *w, const char *what)
{
    return err_set(w->err, ERR_CORRUPT, "%s is damaged at byte %llu: %s", w->path,
                   (unsigned long long)w->pos, what);
}

static enum err read_bytes(struct walk *w, size_t from, size_t len)
{
    size_t n = 0;
    uint8_t *at = buf_reserve(&w->bytes, len);
    enum err e = w->vfs->ops->pread(w->vfs, w->file, at, len, w->pos + from, &n);
    if (e) {
        return err_set(w->err, e, "read %s: %s", w->path, err_text(e));
    }
    w->bytes.len += n;
    return n == len ? ERR_OK : corrupt(w, "it ends too early");
}

/* The next batch into w->bytes, its checksum and place looked at. */
static enum err next_batch(struct walk *w, struct batch_view *ret_batch)
{
    struct batch_view head;
    uint32_t size;
    buf_reset(&w->bytes);
    enum err e = read_bytes(w, 0, BATCH_HEADER_BYTES);
    if (e) {
        return e;
    }
    if (batch_parse_header(buf_slice(&w->bytes), &head, &size) || size > BATCH_BYTES_MAX) {
        return corrupt(w, "this is no record batch");
    }
    e = read_bytes(w, BATCH_HEADER_BYTES, size - BATCH_HEADER_BYTES);
    if (e) {
        return e;
    }
    if (batch_parse(buf_slice(&w->bytes), ret_batch) || batch_check_crc(ret_batch)) {
        return corrupt(w, "the checksum of a batch is wrong");
    }
    if (ret_batch->base_offset != w->next_offset || ret_batch->record_count < 0) {
        return corrupt(w, "a batch is missing or out of its place");
    }
    return ERR_OK;
}

static enum err tell(struct walk *w, const struct batch_view *batch, const struct record *rec)
{
    const struct snapshot_visitor *v = w->visitor;
    if (!(batch->attributes & BATCH_ATTR_CONTROL)) {
        if (!w->header || w->footer) {
            return corrupt(w, "a record stands outside of header and footer");
        }
        return v && v->record ? v->record(v->ctx, rec->value, w->err) : ERR_OK;
    }
    int type = control_record_type(rec->key);
    if (w->footer || (type == CONTROL_SNAPSHOT_HEADER) == w->header) {
        return corrupt(w, "header or footer are out of their places");
    }
    w->header |= type == CONTROL_SNAPSHOT_HEADER;
    w->footer |= type == CONTROL_SNAPSHOT_FOOTER;
    return v && v->control ? v->control(v->ctx, type, rec->value, w->err) : ERR_OK;
}

static enum err walk_batch(struct walk *w, const struct batch_view *batch)
{
    struct batch_iter it;
    struct record rec;
    enum err e = batch_iter_init(&it, batch, &w->scratch, PLAIN_BYTES_MAX);
    enum err told = ERR_OK;
    while (!e && !told && !(e = batch_iter_next(&it, &rec))) {
        told = tell(w, batch, &rec);
    }
    if (told) {
        return told;
    }
    return e == ERR_NOT_FOUND ? ERR_OK : corrupt(w, "a record cannot be read");
}

static enum err walk(struct walk *w)
{
    enum err e = ERR_OK;
    while (!e && w->pos < w->size_bytes) {
        struct batch_view batch;
        e = next_batch(w, &batch);
        if (!e) {
            e = walk_batch(w, &batch);
        }
        if (!e) {
            w->pos += batch.bytes.len;
            w->next_offset = batch_last_offset(&batch) + 1;
        }
    }
    return !e && !w->footer ? corrupt(w, "it ends without its footer") : e;
}

static enum err walk_file(struct vfs *v, const char *path, const struct snapshot_visitor *visitor,
                          struct error *err)
{
    struct walk w = { .vfs = v, .path = path, .visitor = visitor, .err = err };
    enum err e = v->ops->open(v, path, VFS_READ, &w.file, err);
    if (e) {
        return e;
    }
    e = v->ops->size(v, w.file, &w.size_bytes);
    e = e ? err_set(err, e, "read %s: %s", path, err_text(e)) : walk(&w);
    v->ops->close(v, w.file);
    buf_deinit(&w.bytes);
    buf_deinit(&w.scratch);
    return e;
}

enum err metadata_snapshot_check(struct vfs *v, const char *path, struct error *err)
{
    return walk_file(v, path, NULL, err);
}

enum err metadata_snapshot_read(struct vfs *v, const char *path,
                                const struct snapshot_visitor *visitor, struct error *err)
{
    return walk_file(v, path, visitor, err);
}
