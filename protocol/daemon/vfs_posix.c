/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs_posix.c - the operating system's files behind vfs.h, and the conveniences over any vfs.
 * Stateless, so every function may run on any thread.
 *   (V1) descriptors are close-on-exec;
 *   (V2) an interrupted or partial call is continued here, callers see all or an error;
 *   (V3) a file that vfs_replace_file() made is on the disk, name and bytes, when it returns
 *        ERR_OK.
 */
#include "protocol/daemon/vfs.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static int open_retry(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0644);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static enum err posix_open(struct vfs *v, const char *path, unsigned flags,
                           struct vfs_file **ret_file, struct error *err)
{
    int how = flags & VFS_WRITE ? (flags & VFS_READ ? O_RDWR : O_WRONLY) : O_RDONLY;
    how |= flags & VFS_CREATE ? O_CREAT : 0;
    how |= flags & VFS_EXCL ? O_EXCL : 0;
    how |= flags & VFS_TRUNC ? O_TRUNC : 0;
    int fd = open_retry(path, how);
    if (fd < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    struct vfs_file *f = mem_zalloc(sizeof(*f));
    f->fd = fd;
    *ret_file = f;
    return ERR_OK;
}

static void posix_close(struct vfs *v, struct vfs_file *f)
{
    (void)close(f->fd);
    mem_free(f);
}

static enum err posix_pread(struct vfs *v, struct vfs_file *f, void *bytes, size_t len,
                            uint64_t pos, size_t *ret_n)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(f->fd, (uint8_t *)bytes + done, len - done, (off_t)(pos + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_of_errno(errno);
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *ret_n = done;
    return ERR_OK;
}

/* Writes what is left of one piece after a short write. */
static enum err write_rest(int fd, const struct iovec *piece, size_t from, uint64_t pos)
{
    while (from < piece->iov_len) {
        ssize_t n =
            pwrite(fd, (const uint8_t *)piece->iov_base + from, piece->iov_len - from, (off_t)pos);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_of_errno(errno);
        }
        from += (size_t)n;
        pos += (uint64_t)n;
    }
    return ERR_OK;
}

static enum err posix_pwritev(struct vfs *v, struct vfs_file *f, const struct iovec *iov, int count,
                              uint64_t pos)
{
    while (count > 0) {
        int now = count < IOV_MAX ? count : IOV_MAX;
        ssize_t n = pwritev(f->fd, iov, now, (off_t)pos);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_of_errno(errno);
        }
        pos += (uint64_t)n;
        size_t left = (size_t)n;
        while (count > 0 && left >= iov->iov_len) {
            left -= iov->iov_len;
            iov++;
            count--;
        }
        if (left) { /* a piece was cut: finish it, then go on with whole ones */
            enum err e = write_rest(f->fd, iov, left, pos);
            if (e) {
                return e;
            }
            pos += iov->iov_len - left;
            iov++;
            count--;
        }
    }
    return ERR_OK;
}

static enum err posix_sync(struct vfs *v, struct vfs_file *f)
{
    return fdatasync(f->fd) == 0 ? ERR_OK : err_of_errno(errno);
}

static enum err posix_truncate(struct vfs *v, struct vfs_file *f, uint64_t size_bytes)
{
    int rc;
    do {
        rc = ftruncate(f->fd, (off_t)size_bytes);
    } while (rc < 0 && errno == EINTR);
    return rc == 0 ? ERR_OK : err_of_errno(errno);
}

static enum err posix_size(struct vfs *v, struct vfs_file *f, uint64_t *ret_bytes)
{
    struct stat st;
    if (fstat(f->fd, &st) != 0) {
        return err_of_errno(errno);
    }
    *ret_bytes = (uint64_t)st.st_size;
    return ERR_OK;
}

/* A lock of the open file, not of the process: it conflicts with the one a JVM takes, and closing
 * another descriptor of the same file does not lose it. */
static enum err posix_lock(struct vfs *v, struct vfs_file *f)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(f->fd, F_OFD_SETLK, &whole) == 0) {
        return ERR_OK;
    }
    return errno == EACCES ? ERR_AGAIN : err_of_errno(errno);
}

static enum err posix_stat(struct vfs *v, const char *path, struct vfs_stat *ret_stat)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return err_of_errno(errno);
    }
    ret_stat->size_bytes = (uint64_t)st.st_size;
    ret_stat->mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    ret_stat->is_dir = S_ISDIR(st.st_mode);
    return ERR_OK;
}

static enum err posix_rename(struct vfs *v, const char *from, const char *to, struct error *err)
{
    return rename(from, to) == 0 ? ERR_OK : err_errno(err, errno, "rename %s to %s", from, to);
}

static enum err posix_unlink(struct vfs *v, const char *path, struct error *err)
{
    return unlink(path) == 0 ? ERR_OK : err_errno(err, errno, "remove %s", path);
}

static enum err posix_mkdir(struct vfs *v, const char *path, struct error *err)
{
    return mkdir(path, 0755) == 0 ? ERR_OK : err_errno(err, errno, "make directory %s", path);
}

static enum err posix_rmdir(struct vfs *v, const char *path, struct error *err)
{
    return rmdir(path) == 0 ? ERR_OK : err_errno(err, errno, "remove directory %s", path);
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum err posix_list(struct vfs *v, const char *path,
                           void (*each)(void *ctx, const char *name), void *ctx, struct error *err)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return err_errno(err, errno, "list directory %s", path);
    }
    char **names = NULL;
    size_t count = 0, cap = 0;
    int failed = 0;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            failed = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (count == cap) {
            cap = cap ? cap * 2 : 16;
            names = mem_rearray(names, cap, sizeof(*names));
        }
        names[count++] = mem_strdup(entry->d_name);
    }
    (void)closedir(dir);
    if (count) {
        qsort(names, count, sizeof(*names), name_order);
    }
    for (size_t i = 0; i < count; i++) {
        if (!failed) {
            each(ctx, names[i]);
        }
        mem_free(names[i]);
    }
    mem_free(names);
    return failed ? err_errno(err, failed, "list directory %s", path) : ERR_OK;
}

static enum err posix_sync_dir(struct vfs *v, const char *path)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return err_of_errno(errno);
    }
    enum err e = fsync(fd) == 0 ? ERR_OK : err_of_errno(errno);
    (void)close(fd);
    return e;
}

static enum err posix_free_bytes(struct vfs *v, const char *path, uint64_t *ret_bytes)
{
    struct statvfs st;
    if (statvfs(path, &st) != 0) {
        return err_of_errno(errno);
    }
    *ret_bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_frsize;
    return ERR_OK;
}

struct vfs *vfs_posix(void)
{
    static const struct vfs_ops ops = {
        .open = posix_open,
        .close = posix_close,
        .pread = posix_pread,
        .pwritev = posix_pwritev,
        .sync = posix_sync,
        .truncate = posix_truncate,
        .size = posix_size,
        .lock = posix_lock,
        .stat = posix_stat,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .rmdir = posix_rmdir,
        .list = posix_list,
        .sync_dir = posix_sync_dir,
        .free_bytes = posix_free_bytes,
    };
    static struct vfs posix = { &ops };
    return &posix;
}

enum err vfs_read_file(struct vfs *v, const char *path, size_t max_bytes, uint8_t **ret_bytes,
                       size_t *ret_len, struct error *err)
{
    struct vfs_file *f;
    enum err e = v->ops->open(v, path, VFS_READ, &f, err);
    if (e) {
        return e;
    }
    uint64_t size = 0;
    e = v->ops->size(v, f, &size);
    if (!e && size > max_bytes) {
        v->ops->close(v, f);
        return err_set(err, ERR_LIMIT, "%s has %llu bytes, more than the %zu it may have", path,
                       (unsigned long long)size, max_bytes);
    }
    uint8_t *bytes = NULL;
    size_t n = 0;
    if (!e) {
        bytes = mem_alloc((size_t)size + 1);
        e = v->ops->pread(v, f, bytes, (size_t)size, 0, &n);
    }
    v->ops->close(v, f);
    if (e) {
        mem_free(bytes);
        return err_set(err, e, "read %s: %s", path, err_text(e));
    }
    bytes[n] = '\0';
    *ret_bytes = bytes;
    *ret_len = n;
    return ERR_OK;
}

/* The directory part of a path in *dir: "a/b" -> "a", "b" -> ".", "/b" -> "/". */
static const char *dir_of(const char *path, struct buf *dir)
{
    const char *slash = strrchr(path, '/');
    buf_reset(dir);
    if (!slash) {
        buf_append_str(dir, ".");
    } else {
        buf_append(dir, path, slash == path ? 1 : (size_t)(slash - path));
    }
    return buf_cstr(dir);
}

static enum err write_synced(struct vfs *v, const char *path, struct slice bytes, struct error *err)
{
    struct vfs_file *f;
    enum err e = v->ops->open(v, path, VFS_WRITE | VFS_CREATE | VFS_TRUNC, &f, err);
    if (e) {
        return e;
    }
    struct iovec iov = { (void *)(uintptr_t)bytes.ptr, bytes.len };
    e = bytes.len ? v->ops->pwritev(v, f, &iov, 1, 0) : ERR_OK;
    if (!e) {
        e = v->ops->sync(v, f);
    }
    v->ops->close(v, f);
    return e ? err_set(err, e, "write %s: %s", path, err_text(e)) : ERR_OK;
}

enum err vfs_replace_file(struct vfs *v, const char *path, struct slice bytes, struct error *err)
{
    struct buf text = { 0 };
    buf_printf(&text, "%s.tmp", path);
    const char *tmp = buf_cstr(&text);
    enum err e = write_synced(v, tmp, bytes, err);
    if (!e) {
        e = v->ops->rename(v, tmp, path, err);
    }
    if (e) {
        (void)v->ops->unlink(v, tmp,
                             NULL); /* the reason is in err; a leftover is overwritten later */
    } else {
        e = v->ops->sync_dir(v, dir_of(path, &text));
        if (e) {
            (void)err_set(err, e, "sync the directory of %s: %s", path, err_text(e));
        }
    }
    buf_deinit(&text);
    return e;
}

enum err vfs_make_dirs(struct vfs *v, const char *path, struct error *err)
{
    struct vfs_stat st;
    if (v->ops->stat(v, path, &st) == ERR_OK) {
        return st.is_dir ? ERR_OK
                         : err_set(err, ERR_EXISTS, "%s is there, but is no directory", path);
    }
    struct buf parent = { 0 };
    const char *up = dir_of(path, &parent);
    enum err e = strcmp(up, path) == 0 ? ERR_OK : vfs_make_dirs(v, up, err);
    if (!e) {
        e = v->ops->mkdir(v, path, err);
    }
    if (!e) {
        e = v->ops->sync_dir(v, up);
        if (e) {
            err_set(err, e, "sync the directory of %s: %s", path, err_text(e));
        }
    }
    buf_deinit(&parent);
    return e == ERR_EXISTS ? ERR_OK : e; /* somebody else was faster */
}

struct removal {
    struct vfs *v;
    const char *dir;
    struct buf path;
    enum err err;
    struct error *error;
};

static void remove_one(void *ctx, const char *name)
{
    struct removal *r = ctx;
    if (!r->err) {
        buf_reset(&r->path);
        buf_printf(&r->path, "%s/%s", r->dir, name);
        enum err e = r->v->ops->unlink(r->v, buf_cstr(&r->path), r->error);
        r->err = e == ERR_NOT_FOUND ? ERR_OK : e;
    }
}

enum err vfs_remove_dir(struct vfs *v, const char *path, struct error *err)
{
    struct removal r = { .v = v, .dir = path, .error = err };
    enum err e = v->ops->list(v, path, remove_one, &r, err);
    buf_deinit(&r.path);
    if (e || r.err) {
        return e ? e : r.err;
    }
    return v->ops->rmdir(v, path, err);
}
