/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault_vfs.c - a disk that fails on purpose. Driven by tests only.
 * Counted operations are those that may fail in life: open, read, write, sync, truncate, rename,
 * unlink, mkdir, list, sync_dir. size, stat and close never fail here.
 */
#include "tests/support/fault_vfs.h"

#include "protocol/base/alloc.h"
#include "protocol/base/list.h"

#include <assert.h>
#include <sys/uio.h>

struct fault_file {
    struct vfs_file file; /* what the code under test sees */
    struct vfs_file *real;
    char *path;
};

static struct fault_vfs *fault_of(struct vfs *v)
{
    return container_of(v, struct fault_vfs, vfs);
}

static struct fault_file *file_of(struct vfs_file *f)
{
    return container_of(f, struct fault_file, file);
}

static struct vfs *real(void)
{
    return vfs_posix();
}

/* Whether this operation fails. */
static bool fails(struct fault_vfs *f)
{
    f->operations++;
    if (f->countdown > 1) {
        f->countdown--;
        return false;
    }
    if (f->countdown == 1) {
        f->countdown = f->fail_on ? 1 : 0;
        return true;
    }
    return false;
}

static enum err failure(struct fault_vfs *f, struct error *err, const char *what, const char *path)
{
    return err_set(err, f->fail_with, "%s %s: made to fail", what, path);
}

static void note_size(struct fault_vfs *f, const char *path, uint64_t size)
{
    uint64_t *value = mem_alloc(sizeof(*value));
    *value = size;
    mem_free(map_put(&f->synced, slice_str(path), value));
}

static enum err fault_open(struct vfs *v, const char *path, unsigned flags,
                           struct vfs_file **ret_file, struct error *err)
{
    struct fault_vfs *f = fault_of(v);
    if (fails(f)) {
        return failure(f, err, "open", path);
    }
    struct vfs_file *opened;
    enum err e = real()->ops->open(real(), path, flags, &opened, err);
    if (e) {
        return e;
    }
    struct fault_file *file = mem_zalloc(sizeof(*file));
    file->file.fd = opened->fd;
    file->real = opened;
    file->path = mem_strdup(path);
    if ((flags & VFS_WRITE) && !map_get(&f->synced, slice_str(path))) {
        uint64_t size = 0; /* what is there before we write has been there for long */
        (void)real()->ops->size(real(), opened, &size);
        note_size(f, path, size);
    }
    *ret_file = &file->file;
    return ERR_OK;
}

static void fault_close(struct vfs *v, struct vfs_file *file)
{
    struct fault_file *f = file_of(file);
    real()->ops->close(real(), f->real);
    mem_free(f->path);
    mem_free(f);
}

static enum err fault_pread(struct vfs *v, struct vfs_file *file, void *bytes, size_t len,
                            uint64_t pos, size_t *ret_n)
{
    struct fault_vfs *f = fault_of(v);
    if (fails(f)) {
        return f->fail_with;
    }
    enum err e = real()->ops->pread(real(), file_of(file)->real, bytes, len, pos, ret_n);
    f->bytes_read += e ? 0 : *ret_n;
    return e;
}

/* Writes the first n bytes of iov. */
static void write_part(struct vfs_file *file, const struct iovec *iov, int count, size_t n,
                       uint64_t pos)
{
    for (int i = 0; i < count && n; i++) {
        struct iovec part = { iov[i].iov_base, iov[i].iov_len < n ? iov[i].iov_len : n };
        (void)real()->ops->pwritev(real(), file_of(file)->real, &part, 1, pos);
        pos += part.iov_len;
        n -= part.iov_len;
    }
}

static enum err fault_pwritev(struct vfs *v, struct vfs_file *file, const struct iovec *iov,
                              int count, uint64_t pos)
{
    struct fault_vfs *f = fault_of(v);
    size_t len = 0;
    for (int i = 0; i < count; i++) {
        len += iov[i].iov_len;
    }
    uint64_t size = 0;
    (void)real()->ops->size(real(), file_of(file)->real, &size);
    if (fails(f)) {
        if (f->torn_writes) {
            write_part(file, iov, count, len / 2, pos);
        }
        return f->fail_with;
    }
    int64_t grows = pos + len > size ? (int64_t)(pos + len - size) : 0;
    if (f->space_bytes >= 0 && grows > f->space_bytes) {
        write_part(file, iov, count, (size_t)f->space_bytes, pos);
        return ERR_NO_SPACE; /* the part is given back by the truncation that must follow */
    }
    if (f->space_bytes >= 0) {
        f->space_bytes -= grows;
    }
    return real()->ops->pwritev(real(), file_of(file)->real, iov, count, pos);
}

static enum err fault_sync(struct vfs *v, struct vfs_file *file)
{
    struct fault_vfs *f = fault_of(v);
    if (f->sync_fails || fails(f)) {
        return f->sync_fails ? ERR_IO : f->fail_with;
    }
    uint64_t size = 0;
    enum err e = real()->ops->size(real(), file_of(file)->real, &size);
    note_size(f, file_of(file)->path, size);
    return e;
}

static enum err fault_truncate(struct vfs *v, struct vfs_file *file, uint64_t size_bytes)
{
    struct fault_vfs *f = fault_of(v);
    return fails(f) ? f->fail_with : real()->ops->truncate(real(), file_of(file)->real, size_bytes);
}

static enum err fault_size(struct vfs *v, struct vfs_file *file, uint64_t *ret_bytes)
{
    return real()->ops->size(real(), file_of(file)->real, ret_bytes);
}

static enum err fault_lock(struct vfs *v, struct vfs_file *file)
{
    struct fault_vfs *f = fault_of(v);
    return fails(f) ? f->fail_with : real()->ops->lock(real(), file_of(file)->real);
}

static enum err fault_stat(struct vfs *v, const char *path, struct vfs_stat *ret_stat)
{
    return real()->ops->stat(real(), path, ret_stat);
}

static enum err fault_rename(struct vfs *v, const char *from, const char *to, struct error *err)
{
    struct fault_vfs *f = fault_of(v);
    if (fails(f)) {
        return failure(f, err, "rename", from);
    }
    enum err e = real()->ops->rename(real(), from, to, err);
    uint64_t *size = e ? NULL : map_remove(&f->synced, slice_str(from));
    if (size) {
        mem_free(map_put(&f->synced, slice_str(to), size));
    }
    return e;
}

static enum err fault_unlink(struct vfs *v, const char *path, struct error *err)
{
    struct fault_vfs *f = fault_of(v);
    if (fails(f)) {
        return failure(f, err, "unlink", path);
    }
    mem_free(map_remove(&f->synced, slice_str(path)));
    return real()->ops->unlink(real(), path, err);
}

static enum err fault_mkdir(struct vfs *v, const char *path, struct error *err)
{
    struct fault_vfs *f = fault_of(v);
    return fails(f) ? failure(f, err, "mkdir", path) : real()->ops->mkdir(real(), path, err);
}

static enum err fault_rmdir(struct vfs *v, const char *path, struct error *err)
{
    struct fault_vfs *f = fault_of(v);
    return fails(f) ? failure(f, err, "rmdir", path) : real()->ops->rmdir(real(), path, err);
}

static enum err fault_list(struct vfs *v, const char *path,
                           void (*each)(void *ctx, const char *name), void *ctx, struct error *err)
{
    struct fault_vfs *f = fault_of(v);
    return fails(f) ? failure(f, err, "list", path)
                    : real()->ops->list(real(), path, each, ctx, err);
}

static enum err fault_sync_dir(struct vfs *v, const char *path)
{
    struct fault_vfs *f = fault_of(v);
    return fails(f) ? f->fail_with : ERR_OK;
}

static enum err fault_free_bytes(struct vfs *v, const char *path, uint64_t *ret_bytes)
{
    return real()->ops->free_bytes(real(), path, ret_bytes);
}

void fault_vfs_init(struct fault_vfs *f)
{
    static const struct vfs_ops ops = {
        .open = fault_open,
        .close = fault_close,
        .pread = fault_pread,
        .pwritev = fault_pwritev,
        .sync = fault_sync,
        .truncate = fault_truncate,
        .size = fault_size,
        .lock = fault_lock,
        .stat = fault_stat,
        .rename = fault_rename,
        .unlink = fault_unlink,
        .mkdir = fault_mkdir,
        .rmdir = fault_rmdir,
        .list = fault_list,
        .sync_dir = fault_sync_dir,
        .free_bytes = fault_free_bytes,
    };
    *f = (struct fault_vfs){ .vfs = { &ops }, .fail_with = ERR_IO, .space_bytes = -1 };
}

void fault_vfs_deinit(struct fault_vfs *f)
{
    uint32_t cursor = 0;
    void *value;
    while ((value = map_next(&f->synced, &cursor, NULL)) != NULL) {
        mem_free(value);
    }
    map_deinit(&f->synced);
}

void fault_vfs_power_loss(struct fault_vfs *f)
{
    uint32_t cursor = 0;
    struct slice key;
    const uint64_t *size;
    while ((size = map_next(&f->synced, &cursor, &key)) != NULL) {
        char *path = mem_strndup(key.ptr, key.len);
        struct vfs_file *file;
        uint64_t now = 0;
        if (real()->ops->open(real(), path, VFS_READ | VFS_WRITE, &file, NULL) == ERR_OK) {
            if (real()->ops->size(real(), file, &now) == ERR_OK && now > *size) {
                (void)real()->ops->truncate(real(), file, *size);
            }
            real()->ops->close(real(), file);
        }
        mem_free(path);
    }
}
