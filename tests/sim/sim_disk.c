/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_disk.c - see sim_disk.h. Driven by the program through struct vfs, by faults (sim_faults.c).
 *
 *   (D1) file->data is what the program reads, file->durable what the last syncs wrote. They differ
 *        in their size, in pages that are marked dirty, and in those that a failed sync lost.
 *   (D2) dir->names is what the program sees; dir->durable and the changes in dir->journal, in
 *        order, make it.
 *   (D3) An inode lives as long as a name, a durable name, a journal entry or an open file has it.
 */
#include "tests/sim/sim_disk.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/crc32c.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/uio.h>

enum { PAGE_BYTES = 4096, SECTOR_BYTES = 512 };

enum change_kind { CHANGE_ADD, CHANGE_REMOVE, CHANGE_RENAME };

struct change {
    enum change_kind kind;
    char *name, *to;
    struct sim_inode *inode; /* a reference */
};

struct sim_inode {
    uint32_t refs;
    bool is_dir, locked;
    int64_t mtime_ms;
    /* a file */
    struct buf data, durable;
    struct buf dirty; /* a byte per page: it differs from the durable one */
    bool size_changed;
    /* a directory */
    struct map names, kept; /* of struct sim_inode: now, and durable */
    struct change *journal;
    size_t journal_count, journal_cap;
};

struct sim_file {
    struct vfs_file file;
    struct sim_inode *inode;
    bool has_lock;
};

static struct sim_disk *disk_of(struct vfs *v)
{
    return container_of(v, struct sim_disk, vfs);
}

static struct sim_file *file_of(struct vfs_file *f)
{
    return container_of(f, struct sim_file, file);
}

/* --- inodes ----------------------------------------------------------------------------------- */

static struct sim_inode *inode_new(bool is_dir)
{
    struct sim_inode *i = mem_zalloc(sizeof(*i));
    i->refs = 1;
    i->is_dir = is_dir;
    return i;
}

static struct sim_inode *inode_ref(struct sim_inode *i)
{
    i->refs++;
    return i;
}

static void inode_unref(struct sim_disk *d, struct sim_inode *i);

static void journal_drop(struct sim_disk *d, struct sim_inode *dir, size_t from)
{
    for (size_t n = from; n < dir->journal_count; n++) {
        struct change *c = &dir->journal[n];
        mem_free(c->name);
        mem_free(c->to);
        inode_unref(d, c->inode);
    }
    dir->journal_count = from;
}

static void names_free(struct sim_disk *d, struct map *names)
{
    uint32_t cursor = 0;
    struct sim_inode *child;
    while ((child = map_next(names, &cursor, NULL))) {
        inode_unref(d, child);
    }
    map_deinit(names);
    *names = (struct map){ 0 };
}

static void inode_unref(struct sim_disk *d, struct sim_inode *i)
{
    if (!i || --i->refs) {
        return;
    }
    d->used_bytes -= i->data.len;
    buf_deinit(&i->data);
    buf_deinit(&i->durable);
    buf_deinit(&i->dirty);
    names_free(d, &i->names);
    names_free(d, &i->kept);
    journal_drop(d, i, 0);
    mem_free(i->journal);
    mem_free(i);
}

static void names_put(struct sim_disk *d, struct map *names, const char *name, struct sim_inode *i)
{
    inode_unref(d, map_put(names, slice_str(name), inode_ref(i)));
}

static void names_remove(struct sim_disk *d, struct map *names, const char *name)
{
    inode_unref(d, map_remove(names, slice_str(name)));
}

/* Applies a change to a set of names. */
static void change_apply(struct sim_disk *d, struct map *names, const struct change *c)
{
    if (c->kind == CHANGE_ADD) {
        names_put(d, names, c->name, c->inode);
    } else if (c->kind == CHANGE_REMOVE) {
        names_remove(d, names, c->name);
    } else {
        names_put(d, names, c->to, c->inode);
        names_remove(d, names, c->name);
    }
}

static void change(struct sim_disk *d, struct sim_inode *dir, enum change_kind kind,
                   const char *name, const char *to, struct sim_inode *i)
{
    if (dir->journal_count == dir->journal_cap) {
        dir->journal_cap = dir->journal_cap ? dir->journal_cap * 2 : 8;
        dir->journal = mem_rearray(dir->journal, dir->journal_cap, sizeof(*dir->journal));
    }
    struct change *c = &dir->journal[dir->journal_count++];
    *c = (struct change){ .kind = kind,
                          .name = mem_strdup(name),
                          .to = to ? mem_strdup(to) : NULL,
                          .inode = inode_ref(i) };
    change_apply(d, &dir->names, c);
}

static void keep_names(struct sim_disk *d, struct sim_inode *dir, size_t count)
{
    for (size_t n = 0; n < count; n++) {
        change_apply(d, &dir->kept, &dir->journal[n]);
    }
    journal_drop(d, dir, 0);
}

/* --- paths ------------------------------------------------------------------------------------ */

/* The directory that holds the path's last part, which goes to *ret_name; NULL when there is
 * none. */
static struct sim_inode *parent_of(struct sim_disk *d, const char *path, const char **ret_name)
{
    struct sim_inode *at = d->root;
    for (;;) {
        while (*path == '/') {
            path++;
        }
        const char *slash = strchr(path, '/');
        if (!slash) {
            *ret_name = path;
            return at;
        }
        at = map_get(&at->names, slice_of(path, (size_t)(slash - path)));
        if (!at || !at->is_dir) {
            return NULL;
        }
        path = slash + 1;
    }
}

static struct sim_inode *find(struct sim_disk *d, const char *path)
{
    const char *name = NULL;
    struct sim_inode *dir = parent_of(d, path, &name);
    return !dir                                      ? NULL
           : *name == '\0' || strcmp(name, ".") == 0 ? dir
                                                     : map_get(&dir->names, slice_str(name));
}

/* --- faults ----------------------------------------------------------------------------------- */

/* A change is about to be made: whether it fails, since the disk is off or its time has come. */
static bool fails(struct sim_disk *d)
{
    if (d->off) {
        return true;
    }
    if (d->faults.ops_until_death && --d->faults.ops_until_death == 0) {
        d->off = true;
        d->died(d->ctx);
        return true;
    }
    return false;
}

static bool counts_down(uint32_t *counter)
{
    return *counter && --*counter == 0;
}

static enum err io_error(struct error *err, const char *what, const char *path)
{
    return err_set(err, ERR_IO, "%s %s: %s", what, path, err_text(ERR_IO));
}

static enum err not_found(struct error *err, const char *what, const char *path)
{
    return err_set(err, ERR_NOT_FOUND, "%s %s: No such file or directory", what, path);
}

/* --- files ------------------------------------------------------------------------------------ */

static void mark_dirty(struct sim_inode *i, uint64_t pos, size_t len)
{
    for (uint64_t page = pos / PAGE_BYTES; len && page <= (pos + len - 1) / PAGE_BYTES; page++) {
        i->dirty.ptr[page] = 1;
    }
}

static void resize(struct sim_disk *d, struct sim_inode *i, uint64_t size)
{
    size_t old = i->data.len, new = (size_t)size;
    d->used_bytes = d->used_bytes - old + new;
    if (new > old) {
        memset(buf_reserve(&i->data, new - old), 0, new - old);
    }
    i->data.len = new;
    size_t pages = (new + PAGE_BYTES - 1) / PAGE_BYTES;
    if (pages > i->dirty.len) {
        size_t more = pages - i->dirty.len;
        memset(buf_reserve(&i->dirty, more), 0, more);
        i->dirty.len = pages;
    }
    if (new > old) {
        mark_dirty(i, old, new - old);
    }
    i->size_changed = i->size_changed || new != old;
}

static enum err op_open(struct vfs *v, const char *path, unsigned flags, struct vfs_file **ret_file,
                        struct error *err)
{
    struct sim_disk *d = disk_of(v);
    const char *name = NULL;
    struct sim_inode *dir = parent_of(d, path, &name);
    struct sim_inode *i = dir ? map_get(&dir->names, slice_str(name)) : NULL;
    if (d->off) {
        return io_error(err, "open", path);
    }
    if (i && (flags & VFS_EXCL)) {
        return err_set(err, ERR_EXISTS, "open %s: File exists", path);
    }
    if (!i) {
        if (!dir || !(flags & VFS_CREATE)) {
            return not_found(err, "open", path);
        }
        if (fails(d)) {
            return io_error(err, "open", path);
        }
        i = inode_new(false);
        i->mtime_ms = d->wall_ms(d->ctx);
        change(d, dir, CHANGE_ADD, name, NULL, i);
        i->refs--;
    } else if (i->is_dir) {
        return err_set(err, ERR_INVALID, "open %s: Is a directory", path);
    } else if (flags & VFS_TRUNC) {
        if (fails(d)) {
            return io_error(err, "open", path);
        }
        resize(d, i, 0);
    }
    struct sim_file *f = mem_zalloc(sizeof(*f));
    f->file.fd = -1;
    f->inode = inode_ref(i);
    *ret_file = &f->file;
    return ERR_OK;
}

static void op_close(struct vfs *v, struct vfs_file *file)
{
    struct sim_file *f = file_of(file);
    if (f->has_lock) {
        f->inode->locked = false;
    }
    inode_unref(disk_of(v), f->inode);
    mem_free(f);
}

static enum err op_pread(struct vfs *v, struct vfs_file *file, void *bytes, size_t len,
                         uint64_t pos, size_t *ret_n)
{
    const struct sim_inode *i = file_of(file)->inode;
    if (disk_of(v)->off) {
        return ERR_IO;
    }
    size_t left = pos < i->data.len ? i->data.len - (size_t)pos : 0;
    size_t n = len < left ? len : left;
    if (n) {
        memcpy(bytes, i->data.ptr + pos, n);
    }
    *ret_n = n;
    return ERR_OK;
}

/* Writes at most `most` bytes of iov. */
static void write_some(struct sim_disk *d, struct sim_inode *i, const struct iovec *iov, int count,
                       uint64_t pos, size_t most)
{
    size_t len = 0;
    for (int n = 0; n < count; n++) {
        len += iov[n].iov_len;
    }
    len = len < most ? len : most;
    if (pos + len > i->data.len) {
        resize(d, i, pos + len);
    }
    mark_dirty(i, pos, len);
    for (int n = 0; n < count && len; n++) {
        size_t part = iov[n].iov_len < len ? iov[n].iov_len : len;
        if (part) {
            memcpy(i->data.ptr + pos, iov[n].iov_base, part);
        }
        pos += part;
        len -= part;
    }
    i->mtime_ms = d->wall_ms(d->ctx);
}

static enum err op_pwritev(struct vfs *v, struct vfs_file *file, const struct iovec *iov, int count,
                           uint64_t pos)
{
    struct sim_disk *d = disk_of(v);
    struct sim_inode *i = file_of(file)->inode;
    size_t len = 0;
    for (int n = 0; n < count; n++) {
        len += iov[n].iov_len;
    }
    bool was_on = !d->off;
    if (fails(d)) {
        if (was_on) { /* it dies in the middle of this write */
            write_some(d, i, iov, count, pos, (size_t)rng_below(&d->rng, len + 1));
        }
        return ERR_IO;
    }
    d->writes++;
    if (counts_down(&d->faults.writes_until_failure)) {
        write_some(d, i, iov, count, pos, (size_t)rng_below(&d->rng, len + 1));
        return ERR_IO;
    }
    uint64_t grows = pos + len > i->data.len ? pos + len - i->data.len : 0;
    if (d->faults.capacity_bytes && d->used_bytes + grows > d->faults.capacity_bytes) {
        uint64_t left =
            d->faults.capacity_bytes > d->used_bytes ? d->faults.capacity_bytes - d->used_bytes : 0;
        uint64_t over = grows - left;
        write_some(d, i, iov, count, pos, len > over ? len - (size_t)over : 0);
        return ERR_NO_SPACE;
    }
    write_some(d, i, iov, count, pos, len);
    return ERR_OK;
}

/* The bytes of [page] as they are now become the durable ones. */
static void keep_bytes(struct sim_inode *i, size_t from, size_t to)
{
    if (to > i->data.len) {
        to = i->data.len;
    }
    if (i->durable.len < to) {
        size_t more = to - i->durable.len;
        memset(buf_reserve(&i->durable, more), 0, more);
        i->durable.len = to;
    }
    if (from < to) {
        memcpy(i->durable.ptr + from, i->data.ptr + from, to - from);
    }
}

static void keep_file(struct sim_inode *i)
{
    if (i->size_changed && i->durable.len > i->data.len) {
        i->durable.len = i->data.len;
    }
    for (size_t page = 0; page < i->dirty.len; page++) {
        if (i->dirty.ptr[page]) {
            keep_bytes(i, page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
            i->dirty.ptr[page] = 0;
        }
    }
    if (i->size_changed) {
        keep_bytes(i, i->data.len, i->data.len);
    }
    i->size_changed = false;
}

static enum err op_sync(struct vfs *v, struct vfs_file *file)
{
    struct sim_disk *d = disk_of(v);
    struct sim_inode *i = file_of(file)->inode;
    if (fails(d)) {
        return ERR_IO;
    }
    d->syncs++;
    if (counts_down(&d->faults.syncs_until_failure)) {
        for (size_t page = 0; page < i->dirty.len; page++) {
            i->dirty.ptr[page] = 0; /* clean now, and never written */
        }
        return ERR_IO;
    }
    if (!d->faults.lies) {
        keep_file(i);
    }
    return ERR_OK;
}

static enum err op_truncate(struct vfs *v, struct vfs_file *file, uint64_t size_bytes)
{
    struct sim_disk *d = disk_of(v);
    struct sim_inode *i = file_of(file)->inode;
    if (fails(d)) {
        return ERR_IO;
    }
    resize(d, i, size_bytes);
    i->mtime_ms = d->wall_ms(d->ctx);
    return ERR_OK;
}

static enum err op_size(struct vfs *v, struct vfs_file *file, uint64_t *ret_bytes)
{
    if (disk_of(v)->off) {
        return ERR_IO;
    }
    *ret_bytes = file_of(file)->inode->data.len;
    return ERR_OK;
}

static enum err op_lock(struct vfs *v, struct vfs_file *file)
{
    struct sim_file *f = file_of(file);
    if (disk_of(v)->off) {
        return ERR_IO;
    }
    if (f->inode->locked && !f->has_lock) {
        return ERR_AGAIN;
    }
    f->inode->locked = f->has_lock = true;
    return ERR_OK;
}

/* --- names ------------------------------------------------------------------------------------ */

static enum err op_stat(struct vfs *v, const char *path, struct vfs_stat *ret_stat)
{
    struct sim_disk *d = disk_of(v);
    const struct sim_inode *i = find(d, path);
    if (d->off || !i) {
        return d->off ? ERR_IO : ERR_NOT_FOUND;
    }
    *ret_stat = (struct vfs_stat){ .size_bytes = i->data.len,
                                   .mtime_ms = i->mtime_ms,
                                   .is_dir = i->is_dir };
    return ERR_OK;
}

static enum err op_rename(struct vfs *v, const char *from, const char *to, struct error *err)
{
    struct sim_disk *d = disk_of(v);
    const char *name = NULL, *new_name = NULL;
    struct sim_inode *dir = parent_of(d, from, &name);
    const struct sim_inode *new_dir = parent_of(d, to, &new_name);
    struct sim_inode *i = dir ? map_get(&dir->names, slice_str(name)) : NULL;
    if (fails(d)) {
        return io_error(err, "rename", from);
    }
    if (!i || !new_dir) {
        return not_found(err, "rename", from);
    }
    assert(dir == new_dir); /* a journal per directory knows no other */
    const struct sim_inode *old = map_get(&dir->names, slice_str(new_name));
    if (old && old->is_dir && old->names.count) {
        return err_set(err, ERR_EXISTS, "rename %s to %s: Directory not empty", from, to);
    }
    if (old != i) {
        change(d, dir, CHANGE_RENAME, name, new_name, i);
    }
    return ERR_OK;
}

static enum err op_remove(struct vfs *v, const char *path, bool is_dir, struct error *err)
{
    struct sim_disk *d = disk_of(v);
    const char *name = NULL;
    struct sim_inode *dir = parent_of(d, path, &name);
    struct sim_inode *i = dir ? map_get(&dir->names, slice_str(name)) : NULL;
    if (fails(d)) {
        return io_error(err, "remove", path);
    }
    if (!i) {
        return not_found(err, "remove", path);
    }
    if (i->is_dir != is_dir || i->names.count) {
        return err_set(err, i->names.count ? ERR_EXISTS : ERR_INVALID, "remove %s: refused", path);
    }
    change(d, dir, CHANGE_REMOVE, name, NULL, i);
    return ERR_OK;
}

static enum err op_unlink(struct vfs *v, const char *path, struct error *err)
{
    return op_remove(v, path, false, err);
}

static enum err op_rmdir(struct vfs *v, const char *path, struct error *err)
{
    return op_remove(v, path, true, err);
}

static enum err op_mkdir(struct vfs *v, const char *path, struct error *err)
{
    struct sim_disk *d = disk_of(v);
    const char *name = NULL;
    struct sim_inode *dir = parent_of(d, path, &name);
    if (fails(d)) {
        return io_error(err, "make directory", path);
    }
    if (!dir) {
        return not_found(err, "make directory", path);
    }
    if (map_get(&dir->names, slice_str(name))) {
        return err_set(err, ERR_EXISTS, "make directory %s: File exists", path);
    }
    struct sim_inode *i = inode_new(true);
    i->mtime_ms = d->wall_ms(d->ctx);
    change(d, dir, CHANGE_ADD, name, NULL, i);
    i->refs--;
    return ERR_OK;
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in order, in fresh memory. */
static char **sorted_names(const struct map *names, size_t *ret_count)
{
    char **list = mem_array(names->count + 1u, sizeof(*list));
    size_t count = 0;
    uint32_t cursor = 0;
    struct slice key;
    while (map_next(names, &cursor, &key)) {
        list[count++] = mem_strndup(key.ptr, key.len);
    }
    qsort(list, count, sizeof(*list), name_order);
    *ret_count = count;
    return list;
}

static enum err op_list(struct vfs *v, const char *path, void (*each)(void *ctx, const char *name),
                        void *ctx, struct error *err)
{
    struct sim_disk *d = disk_of(v);
    const struct sim_inode *dir = find(d, path);
    if (d->off) {
        return io_error(err, "list directory", path);
    }
    if (!dir || !dir->is_dir) {
        return not_found(err, "list directory", path);
    }
    size_t count;
    char **names = sorted_names(&dir->names, &count);
    for (size_t n = 0; n < count; n++) {
        each(ctx, names[n]);
        mem_free(names[n]);
    }
    mem_free(names);
    return ERR_OK;
}

static enum err op_sync_dir(struct vfs *v, const char *path)
{
    struct sim_disk *d = disk_of(v);
    struct sim_inode *dir = find(d, path);
    if (fails(d)) {
        return ERR_IO;
    }
    if (!dir || !dir->is_dir) {
        return ERR_NOT_FOUND;
    }
    d->syncs++;
    if (!d->faults.lies) {
        keep_names(d, dir, dir->journal_count);
    }
    return ERR_OK;
}

static enum err op_free_bytes(struct vfs *v, const char *path, uint64_t *ret_bytes)
{
    struct sim_disk *d = disk_of(v);
    uint64_t capacity = d->faults.capacity_bytes ? d->faults.capacity_bytes : (uint64_t)1 << 40;
    if (d->off || !find(d, path)) {
        return d->off ? ERR_IO : ERR_NOT_FOUND;
    }
    *ret_bytes = capacity > d->used_bytes ? capacity - d->used_bytes : 0;
    return ERR_OK;
}

/* --- power loss ------------------------------------------------------------------------------- */

/* What is left of one dirty page: the old one, the new one, or sectors of both. */
static void lose_page(struct sim_disk *d, struct sim_inode *i, size_t page)
{
    size_t from = page * PAGE_BYTES, to = from + PAGE_BYTES;
    uint64_t fate = rng_below(&d->rng, 4);
    if (fate == 0) {
        return;
    }
    for (size_t at = from; at < to; at += SECTOR_BYTES) {
        if (fate == 1 || rng_below(&d->rng, 2)) {
            keep_bytes(i, at, at + SECTOR_BYTES);
        }
    }
}

static void lose_file(struct sim_disk *d, struct sim_inode *i)
{
    size_t old = i->durable.len, new = i->data.len;
    for (size_t page = 0; page < i->dirty.len; page++) {
        if (i->dirty.ptr[page] && page * PAGE_BYTES < new) {
            lose_page(d, i, page);
        }
    }
    if (i->size_changed || i->durable.len != old) { /* the size is metadata of its own */
        size_t least = old < new ? old : new, most = old < new ? new : old;
        uint64_t fate = rng_below(&d->rng, 3);
        size_t size = fate == 0   ? old
                      : fate == 1 ? new
                                  : least + (size_t)rng_below(&d->rng, most - least + 1);
        if (size > i->durable.len) {
            memset(buf_reserve(&i->durable, size - i->durable.len), 0, size - i->durable.len);
        }
        i->durable.len = size;
    }
    d->used_bytes = d->used_bytes - i->data.len + i->durable.len;
    buf_reset(&i->data);
    buf_append_slice(&i->data, buf_slice(&i->durable));
    size_t pages = (i->data.len + PAGE_BYTES - 1) / PAGE_BYTES;
    buf_reset(&i->dirty);
    memset(buf_reserve(&i->dirty, pages + 1), 0, pages + 1);
    i->dirty.len = pages;
    i->size_changed = false;
}

static void lose(struct sim_disk *d, struct sim_inode *i)
{
    i->locked = false;
    if (!i->is_dir) {
        lose_file(d, i);
        return;
    }
    keep_names(d, i, (size_t)rng_below(&d->rng, i->journal_count + 1));
    names_free(d, &i->names);
    uint32_t cursor = 0;
    struct slice key;
    struct sim_inode *child;
    while ((child = map_next(&i->kept, &cursor, &key))) {
        map_put(&i->names, key, inode_ref(child));
        lose(d, child);
    }
}

void sim_disk_power_loss(struct sim_disk *d)
{
    lose(d, d->root);
}

static void keep(struct sim_disk *d, struct sim_inode *i)
{
    if (!i->is_dir) {
        keep_file(i);
        return;
    }
    keep_names(d, i, i->journal_count);
    uint32_t cursor = 0;
    struct sim_inode *child;
    while ((child = map_next(&i->names, &cursor, NULL))) {
        keep(d, child);
    }
}

void sim_disk_sync_all(struct sim_disk *d)
{
    keep(d, d->root);
}

bool sim_disk_flip(struct sim_disk *d, const char *path, uint64_t pos)
{
    struct sim_inode *i = find(d, path);
    if (!i || i->is_dir || pos >= i->data.len || pos >= i->durable.len) {
        return false;
    }
    uint8_t bit = (uint8_t)(1u << rng_below(&d->rng, 8));
    i->data.ptr[pos] ^= bit;
    i->durable.ptr[pos] ^= bit;
    return true;
}

static uint64_t digest_of(const struct sim_inode *i, uint64_t seed)
{
    if (!i->is_dir) {
        return seed * 31 + crc32c(buf_slice(&i->data)) + i->data.len;
    }
    size_t count;
    char **names = sorted_names(&i->names, &count);
    for (size_t n = 0; n < count; n++) {
        seed = seed * 31 + crc32c(slice_str(names[n]));
        seed = digest_of(map_get(&i->names, slice_str(names[n])), seed);
        mem_free(names[n]);
    }
    mem_free(names);
    return seed;
}

uint64_t sim_disk_digest(const struct sim_disk *d)
{
    return digest_of(d->root, 1);
}

/* --- life ------------------------------------------------------------------------------------- */

static int64_t no_clock(void *ctx)
{
    (void)ctx;
    return 0;
}

static void nobody(void *ctx)
{
    (void)ctx;
}

void sim_disk_init(struct sim_disk *d, uint64_t seed)
{
    static const struct vfs_ops ops = {
        .open = op_open,
        .close = op_close,
        .pread = op_pread,
        .pwritev = op_pwritev,
        .sync = op_sync,
        .truncate = op_truncate,
        .size = op_size,
        .lock = op_lock,
        .stat = op_stat,
        .rename = op_rename,
        .unlink = op_unlink,
        .mkdir = op_mkdir,
        .rmdir = op_rmdir,
        .list = op_list,
        .sync_dir = op_sync_dir,
        .free_bytes = op_free_bytes,
    };
    *d = (struct sim_disk){ .vfs = { &ops }, .wall_ms = no_clock, .died = nobody };
    rng_seed(&d->rng, seed);
    d->root = inode_new(true);
}

void sim_disk_deinit(struct sim_disk *d)
{
    inode_unref(d, d->root);
    d->root = NULL;
}
