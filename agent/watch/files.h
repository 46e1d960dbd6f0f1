/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files.h - the seam to the watched files: what vfs.h leaves out because only a tailer wants it
 * (device, inode, birth time, links, directory entries with their kind). The files are other
 * people's: they are only ever read.
 */
#ifndef LOGBOOM_AGENT_WATCH_FILES_H
#define LOGBOOM_AGENT_WATCH_FILES_H

#include "agent/tail/identity.h"
#include "protocol/base/err.h"

enum file_kind {
    FILE_KIND_UNKNOWN,
    FILE_KIND_REGULAR,
    FILE_KIND_DIR,
    FILE_KIND_SYMLINK,
    FILE_KIND_OTHER
};

struct file_info {
    struct file_place place;
    uint64_t size_bytes;
    int64_t mtime_ns;
    uint32_t links; /* 0: deleted, and held by somebody's descriptor only */
    enum file_kind kind;
};

struct files;

struct files_ops {
    /* follow: what a symbolic link points to. */
    enum err (*stat)(struct files *f, const char *path, bool follow, struct file_info *ret_info);
    /* A descriptor, or ERR_*: ERR_LIMIT when there are no more descriptors. Never blocks on a
     * FIFO. */
    enum err (*open)(struct files *f, const char *path, int *ret_fd);
    enum err (*fstat)(struct files *f, int fd, struct file_info *ret_info);
    /* Up to len bytes; *ret_n < len only at the end of the file. */
    enum err (*pread)(struct files *f, int fd, void *bytes, size_t len, uint64_t pos,
                      size_t *ret_n);
    void (*close)(struct files *f, int fd);
    /* False only when it is known that nobody has the file open for writing. */
    bool (*may_have_writer)(struct files *f, int fd);
    /* each() for every entry but "." and "..", in no order; kind may be unknown. An error in the
     * middle is an error: the caller must not conclude that anything is absent. */
    enum err (*list)(struct files *f, const char *dir,
                     void (*each)(void *ctx, const char *name, enum file_kind kind), void *ctx);
};

struct files {
    const struct files_ops *ops;
};

/* The operating system's; one static object without state. */
struct files *files_posix(void);

#endif
