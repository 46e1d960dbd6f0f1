/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_cache.h - open files, counted and bounded.
 * A node has many more segment files than descriptors: a file is opened when it is needed and the
 * one unused longest is closed. Whoever still sends from a file holds a reference of its own, so
 * neither the bound nor a deletion takes it away. Used on the owner's thread only; open_file's
 * vfs_file may be synced or read on a worker as long as a reference is held.
 */
#ifndef LOGBOOM_BROKER_FILE_CACHE_H
#define LOGBOOM_BROKER_FILE_CACHE_H

#include "protocol/base/list.h"
#include "protocol/daemon/vfs.h"

enum { SEGMENT_PATH_MAX = 4096 };

/* A file of a segment: <dir>/<20 digits of base offset><suffix>. */
struct segment_name {
    const char *dir;
    int64_t base_offset;
    const char *suffix; /* ".log", ".index.deleted", ... */
};

/* Writes the path. Directories are bounded when a log is opened, so that it always fits. */
void segment_name_format(struct segment_name name, char ret_path[SEGMENT_PATH_MAX]);

struct open_file {
    struct vfs *vfs;
    struct vfs_file *file;
    uint32_t refs;
};

/* Where a file belongs to: embedded in its owner, zeroed when closed. */
struct file_slot {
    struct list_node lru;
    struct open_file *open; /* NULL: not open */
};

struct file_cache {
    struct vfs *vfs;
    struct list_node lru; /* of file_slot, newest first */
    uint32_t open_count, open_max;
};

/* open_max is what the cache keeps open; references held by others come on top. */
void file_cache_init(struct file_cache *c, struct vfs *vfs, uint32_t open_max);
/* Every slot must have been closed. */
void file_cache_deinit(struct file_cache *c);
/* The slot's file, opened for reading and writing when it is not open (flags are added to VFS_READ
 * | VFS_WRITE). The result is valid until the next call into the cache; take a reference to keep
 * it. */
enum err file_cache_get(struct file_cache *c, struct file_slot *slot, struct segment_name name,
                        unsigned flags, struct open_file **ret_file, struct error *err);
/* Drops the cache's reference. A closed slot is left as it is. */
void file_cache_close(struct file_cache *c, struct file_slot *slot);

static inline struct open_file *open_file_ref(struct open_file *f)
{
    f->refs++;
    return f;
}

/* Fits struct piece.release (env.h). The last reference closes the file. */
void open_file_unref(void *open_file);

#endif
