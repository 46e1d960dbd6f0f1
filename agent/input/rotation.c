/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rotation.c - copytruncate: telling the copy of a known file from a new file that begins alike.
 * Driven by filestream.c (a file appeared) and harvester.c (content was replaced).
 *
 * A file is a copy only when its name is made from the other's ("app.log" -> "app.log.1",
 * "app-20260101.log"), in the same directory, and its content agrees at the beginning and before
 * the position that was read to. While the original still has all of that content, the copy is
 * held: all that it holds is read through the original. When the original is truncated, the copy
 * takes its place, with its id and position, and the original begins as a new file. See
 * docs/decisions.
 *
 * Invariants:
 * I1. A file is never skipped on account of its content unless another one with the same content is
 *     being read, or was read to that very position.
 */
#include "agent/input/filestream.h"

#include "protocol/base/alloc.h"

enum err rotation_read(struct files *files, int fd, const struct file_mark *mark,
                       uint8_t *prefix_buf, uint8_t *tail_buf, struct slice *ret_prefix,
                       struct slice *ret_tail)
{
    size_t prefix = 0, tail = 0;
    enum err rc = files->ops->pread(files, fd, prefix_buf, mark->prefix_len, 0, &prefix);
    if (!rc) {
        rc = files->ops->pread(files, fd, tail_buf, mark->tail_len, mark->offset - mark->tail_len,
                               &tail);
    }
    if (!rc) {
        *ret_prefix = slice_of(prefix_buf, prefix);
        *ret_tail = slice_of(tail_buf, tail);
    }
    return rc;
}

static bool fits(struct files *files, int fd, const struct file_mark *mark)
{
    uint8_t prefix_buf[IDENTITY_PREFIX_BYTES], tail_buf[IDENTITY_TAIL_BYTES];
    struct slice prefix, tail;
    return rotation_read(files, fd, mark, prefix_buf, tail_buf, &prefix, &tail) == ERR_OK &&
           identity_content_fits(mark, prefix, tail);
}

/* The mark of a file's position now (not of what is committed). */
static struct file_mark mark_now(const struct file *f)
{
    struct file_mark mark = f->entry->mark;
    mark.offset = f->line_pos + lines_pending_bytes(&f->lines);
    mark.tail_hash = f->tail_hash;
    mark.tail_len = f->tail_len;
    return mark;
}

/* The mark that an existing content has at its end. */
static enum err mark_at(struct files *files, int fd, uint64_t offset, struct file_mark *ret_mark)
{
    uint8_t prefix_buf[IDENTITY_PREFIX_BYTES], tail_buf[IDENTITY_TAIL_BYTES];
    struct slice prefix, tail;
    struct file_mark mark = { .offset = offset };
    mark.prefix_len = (uint16_t)(offset < sizeof(prefix_buf) ? offset : sizeof(prefix_buf));
    mark.tail_len = (uint16_t)(offset < sizeof(tail_buf) ? offset : sizeof(tail_buf));
    enum err rc = rotation_read(files, fd, &mark, prefix_buf, tail_buf, &prefix, &tail);
    if (!rc) {
        mark.prefix_hash = identity_hash(prefix);
        mark.tail_hash = identity_hash(tail);
        *ret_mark = mark;
    }
    return rc;
}

static size_t dir_len(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* Whether name (without directory) may have been made from base. */
static bool is_made_from(const char *name, const char *base)
{
    struct buf original = { 0 };
    bool made = false;
    for (unsigned step = 0; !made && rotation_original_name(slice_str(name), step, &original);
         step++) {
        made = slice_eq_str(buf_slice(&original), base);
    }
    buf_deinit(&original);
    return made;
}

/* --- a file appeared: is it a copy? ----------------------------------------------------------- */

/* Equal as far as both reach, at the beginning and at the end of that. */
static bool same_so_far(struct files *files, int a, int b)
{
    struct file_info ia, ib;
    struct file_mark ma, mb;
    if (files->ops->fstat(files, a, &ia) || files->ops->fstat(files, b, &ib)) {
        return false;
    }
    uint64_t common = ia.size_bytes < ib.size_bytes ? ia.size_bytes : ib.size_bytes;
    return common > 0 && mark_at(files, a, common, &ma) == ERR_OK &&
           mark_at(files, b, common, &mb) == ERR_OK && ma.prefix_hash == mb.prefix_hash &&
           ma.tail_hash == mb.tail_hash;
}

static void move_orphan(struct filestream *fs, size_t at, struct file *f)
{
    struct registry_entry *e = fs->orphans[at];
    fs->orphans[at] = fs->orphans[--fs->orphan_count];
    struct files *files = fs->ctx->files;
    struct file_mark mark;
    fs->ctx->metrics->files_copied++;
    log_info(&fs->log, "a rotated copy continues a truncated file", KV_STR("path", f->path),
             KV_STR("original", e->path), KV_UINT("offset", e->mark.offset));
    if (f->size_bytes < e->mark.offset && mark_at(files, f->fd, f->size_bytes, &mark) == ERR_OK) {
        e->mark = mark; /* the copy ends before what was shipped: there is nothing more in it */
    }
    e->place = f->place;
    registry_set_path(e, f->path);
    registry_touch(fs->ctx->registry, e);
    filestream_attach(f, e);
}

static bool continues_orphan(struct file *f, const char *original)
{
    struct filestream *fs = f->input;
    for (size_t i = 0; i < fs->orphan_count; i++) {
        const struct registry_entry *e = fs->orphans[i];
        if (strcmp(e->path, original) == 0 && e->mark.prefix_len > 0 && file_open(f) == ERR_OK &&
            fits(fs->ctx->files, f->fd, &e->mark)) {
            move_orphan(fs, i, f);
            return true;
        }
    }
    return false;
}

/* True: f is taken care of, and may be gone. */
static bool copies_live(struct file *f, const char *original)
{
    struct filestream *fs = f->input;
    struct files *files = fs->ctx->files;
    struct file *o = map_get(&fs->by_path, slice_str(original));
    if (!o || o == f || o->state != FILE_ACTIVE || file_open(o) || file_open(f)) {
        return false;
    }
    /* First compare, then ask whether the original was truncated meanwhile: in the other order a
     * truncation between the two would look like a difference. */
    if (!same_so_far(files, o->fd, f->fd)) {
        struct file_mark mark = mark_now(o);
        struct file_info info;
        if (files->ops->fstat(files, o->fd, &info) ||
            (info.size_bytes >= mark.offset && fits(files, o->fd, &mark))) {
            return false;
        }
        struct file_place place = f->place;
        filestream_truncated(o); /* finds f, if f is its copy */
        return map_get(&fs->by_place, slice_of(&place, 2 * sizeof(uint64_t))) != f;
    }
    if (f->state != FILE_HELD) {
        log_info(&fs->log, "a file looks like a rotated copy: held until the original is truncated",
                 KV_STR("path", f->path), KV_STR("original", original));
    }
    f->state = FILE_HELD;
    file_close(f, "held");
    return true;
}

bool filestream_adopt_copy(struct file *f)
{
    struct buf name = { 0 }, path = { 0 };
    size_t dir = dir_len(f->path);
    bool adopted = false;
    struct buf own = { 0 };
    buf_append_str(&own, f->path);
    for (unsigned step = 0;
         !adopted && rotation_original_name(slice_from(buf_slice(&own), dir), step, &name);
         step++) {
        buf_reset(&path);
        buf_append(&path, own.ptr, dir);
        buf_append_slice(&path, buf_slice(&name));
        adopted = continues_orphan(f, buf_cstr(&path)) || copies_live(f, buf_cstr(&path));
    }
    buf_deinit(&name);
    buf_deinit(&path);
    buf_deinit(&own);
    return adopted;
}

/* --- content was replaced: who has the old one? ----------------------------------------------- */

struct copy_search {
    struct file *f;
    struct file_mark mark; /* of the position */
    char *path;            /* the best so far; NULL: none */
    int fd;
    struct file_info info;
};

static void look_at_copy(void *ctx, const char *name, enum file_kind kind)
{
    struct copy_search *s = ctx;
    struct filestream *fs = s->f->input;
    struct files *files = fs->ctx->files;
    size_t dir = dir_len(s->f->path);
    if (!is_made_from(name, s->f->path + dir)) {
        return;
    }
    struct buf path = { 0 };
    struct file_info info;
    int fd = -1;
    buf_append(&path, s->f->path, dir);
    buf_append_str(&path, name);
    const char *text = buf_cstr(&path);
    if (filestream_wants_path(fs, text) && files->ops->open(files, text, &fd) == ERR_OK) {
        bool good = files->ops->fstat(files, fd, &info) == ERR_OK && info.kind == FILE_KIND_REGULAR;
        const struct file *known =
            good ? map_get(&fs->by_place, slice_of(&info.place, 2 * sizeof(uint64_t))) : NULL;
        good = good && info.size_bytes > 0 && (!known || !known->entry) &&
               (!s->path || info.mtime_ns > s->info.mtime_ns);
        /* A copy made before the last lines were read reaches to less than the position. */
        good = good &&
               (info.size_bytes >= s->mark.offset
                    ? fits(files, fd, &s->mark)
                    : s->f->entry->mark.offset > 0 && info.size_bytes >= s->f->entry->mark.offset &&
                          fits(files, fd, &s->f->entry->mark));
        if (good) {
            if (s->path) {
                mem_free(s->path);
                files->ops->close(files, s->fd);
            }
            s->path = mem_strdup(text);
            s->fd = fd;
            s->info = info;
            fd = -1;
        }
    }
    if (fd >= 0) {
        files->ops->close(files, fd);
    }
    buf_deinit(&path);
}

/* f goes on in the copy: same id, same position, same lines in flight. */
static void move_to_copy(struct file *f, struct copy_search *s)
{
    struct filestream *fs = f->input;
    struct files *files = fs->ctx->files;
    struct file *known = map_get(&fs->by_place, slice_of(&s->info.place, 2 * sizeof(uint64_t)));
    if (known && known != f) {
        filestream_forget(known, "the copy of another");
    }
    if (f->fd >= 0) {
        files->ops->close(files, f->fd);
    } else {
        fs->open_count++;
        fs->ctx->metrics->files_open++;
    }
    f->fd = s->fd;
    f->size_bytes = s->info.size_bytes;
    f->mtime_ns = s->info.mtime_ns;
    filestream_rekey(f, &s->info.place);
    filestream_set_path(f, s->path);
    struct file_mark end;
    if (s->info.size_bytes < s->mark.offset &&
        mark_at(files, f->fd, s->info.size_bytes, &end) == ERR_OK) {
        file_finish(f);
        file_seek(f, end.offset, end.tail_hash, end.tail_len);
    }
    f->entry->place = f->place;
    registry_touch(fs->ctx->registry, f->entry);
    fs->ctx->metrics->files_copied++;
    log_info(&fs->log, "a truncated file goes on in its copy", KV_STR("path", f->path),
             KV_UINT("offset", s->mark.offset), KV_UINT("size", s->info.size_bytes));
    file_wake(f);
}

void filestream_truncated(struct file *f)
{
    struct filestream *fs = f->input;
    struct files *files = fs->ctx->files;
    struct copy_search s = { .f = f, .mark = mark_now(f) };
    struct buf dir = { 0 };
    char *path = mem_strdup(f->path);
    fs->ctx->metrics->files_truncated++;
    log_info(&fs->log, "a file begins anew", KV_STR("path", path),
             KV_UINT("offset", s.mark.offset));
    buf_append(&dir, path, dir_len(path));
    /* At 0, an earlier run may have sent what it did not come to write down. */
    if (s.mark.prefix_len > 0) {
        (void)files->ops->list(files, buf_cstr(&dir), look_at_copy, &s);
    }
    buf_deinit(&dir);
    if (s.path) {
        move_to_copy(f, &s);
        mem_free(s.path);
    } else {
        file_finish(f);
        f->state = FILE_ENDING;
        file_close(f, "truncated");
        filestream_rekey(f, NULL);
        file_wake(f);
    }
    struct file_info info;
    if (files->ops->stat(files, path, fs->cfg.symlinks, &info) == ERR_OK &&
        info.kind == FILE_KIND_REGULAR &&
        !map_get(&fs->by_place, slice_of(&info.place, 2 * sizeof(uint64_t)))) {
        filestream_begin(filestream_new_file(fs, path, &info));
    }
    mem_free(path);
}
