/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfs.h - the seam to the disk.
 * The programs use vfs_posix(); the simulator gives a disk that crashes, fills up and lies. All
 * calls are synchronous; sync calls that must not hold up the loop run on a worker (env.h,
 * env_work). Paths are NUL-terminated. A failed call leaves *ret_* untouched.
 */
#ifndef LOGBOOM_DAEMON_VFS_H
#define LOGBOOM_DAEMON_VFS_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

struct iovec;

enum vfs_flags {
    VFS_READ = 1,
    VFS_WRITE = 2,
    VFS_CREATE = 4, /* create when absent */
    VFS_EXCL = 8,   /* with VFS_CREATE: ERR_EXISTS when present */
    VFS_TRUNC = 16,
};

/* An open file. fd is what sendfile() takes, -1 where there is no such thing. */
struct vfs_file {
    int fd;
};

struct vfs_stat {
    uint64_t size_bytes;
    int64_t mtime_ms;
    bool is_dir;
};

struct vfs;

struct vfs_ops {
    enum err (*open)(struct vfs *v, const char *path, unsigned flags, struct vfs_file **ret_file,
                     struct error *err);
    void (*close)(struct vfs *v, struct vfs_file *f);
    /* Reads up to len bytes; *ret_n < len only at the end of the file. */
    enum err (*pread)(struct vfs *v, struct vfs_file *f, void *bytes, size_t len, uint64_t pos,
                      size_t *ret_n);
    /* Writes everything or fails (the file may then hold a part of it behind pos). */
    enum err (*pwritev)(struct vfs *v, struct vfs_file *f, const struct iovec *iov, int count,
                        uint64_t pos);
    /* fdatasync. After a failure nothing of the file's unsynced part may be trusted. Any thread. */
    enum err (*sync)(struct vfs *v, struct vfs_file *f);
    enum err (*truncate)(struct vfs *v, struct vfs_file *f, uint64_t size_bytes);
    enum err (*size)(struct vfs *v, struct vfs_file *f, uint64_t *ret_bytes);
    /* Locks the file against other processes until it is closed; ERR_AGAIN when one has it. */
    enum err (*lock)(struct vfs *v, struct vfs_file *f);
    enum err (*stat)(struct vfs *v, const char *path, struct vfs_stat *ret_stat);
    enum err (*rename)(struct vfs *v, const char *from, const char *to, struct error *err);
    enum err (*unlink)(struct vfs *v, const char *path, struct error *err);
    enum err (*mkdir)(struct vfs *v, const char *path, struct error *err);
    enum err (*rmdir)(struct vfs *v, const char *path, struct error *err);
    /* Calls each(ctx, name) for every entry but "." and "..", sorted by name. */
    enum err (*list)(struct vfs *v, const char *path, void (*each)(void *ctx, const char *name),
                     void *ctx, struct error *err);
    /* Makes names durable. Any thread. */
    enum err (*sync_dir)(struct vfs *v, const char *path);
    enum err (*free_bytes)(struct vfs *v, const char *path, uint64_t *ret_bytes);
};

struct vfs {
    const struct vfs_ops *ops;
};

/* The operating system's files; one static object without state. */
struct vfs *vfs_posix(void);

/* Convenience over the ops. */
/* The whole file in fresh memory (mem_free), with a NUL behind it; ERR_LIMIT above max_bytes. */
enum err vfs_read_file(struct vfs *v, const char *path, size_t max_bytes, uint8_t **ret_bytes,
                       size_t *ret_len, struct error *err);
/* Writes path.tmp, syncs, renames over path, syncs the directory: old or new after a crash. */
enum err vfs_replace_file(struct vfs *v, const char *path, struct slice bytes, struct error *err);
/* mkdir -p; the names of new directories are on the disk when it returns. */
enum err vfs_make_dirs(struct vfs *v, const char *path, struct error *err);
/* Removes a directory and the files directly in it. */
enum err vfs_remove_dir(struct vfs *v, const char *path, struct error *err);

#endif
