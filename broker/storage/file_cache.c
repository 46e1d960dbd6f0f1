/* SPDX-License-Identifier: Apache-2.0 */
/*
 * file_cache.c - open files, counted and bounded. Driven by segment.c and entry_file.c.
 *   (F1) a slot is in the list exactly while it is open, and the cache holds one reference then;
 *   (F2) open_count is the length of the list and never above open_max after a call.
 */
#include "broker/storage/file_cache.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <stdio.h>

void segment_name_format(struct segment_name name, char ret_path[SEGMENT_PATH_MAX])
{
    int n = snprintf(ret_path, SEGMENT_PATH_MAX, "%s/%020lld%s", name.dir,
                     (long long)name.base_offset, name.suffix);
    assert(n > 0 && n < SEGMENT_PATH_MAX);
}

void file_cache_init(struct file_cache *c, struct vfs *vfs, uint32_t open_max)
{
    assert(open_max > 0);
    *c = (struct file_cache){ .vfs = vfs, .open_max = open_max };
    list_init(&c->lru);
}

void file_cache_deinit(struct file_cache *c)
{
    assert(list_is_empty(&c->lru));
}

enum err file_cache_get(struct file_cache *c, struct file_slot *slot, struct segment_name name,
                        unsigned flags, struct open_file **ret_file, struct error *err)
{
    if (!slot->open) {
        char path[SEGMENT_PATH_MAX];
        segment_name_format(name, path);
        struct vfs_file *file;
        enum err e = c->vfs->ops->open(c->vfs, path, VFS_READ | VFS_WRITE | flags, &file, err);
        if (e) {
            return e;
        }
        slot->open = mem_alloc(sizeof(*slot->open));
        *slot->open = (struct open_file){ .vfs = c->vfs, .file = file, .refs = 1 };
        list_push_front(&c->lru, &slot->lru);
        c->open_count++;
        if (c->open_count > c->open_max) {
            file_cache_close(c, list_entry(c->lru.prev, struct file_slot, lru));
        }
    } else if (c->lru.next != &slot->lru) {
        list_remove(&slot->lru);
        list_push_front(&c->lru, &slot->lru);
    }
    *ret_file = slot->open;
    return ERR_OK;
}

void file_cache_close(struct file_cache *c, struct file_slot *slot)
{
    if (slot->open) {
        list_remove(&slot->lru);
        c->open_count--;
        open_file_unref(slot->open);
        slot->open = NULL;
    }
}

void open_file_unref(void *open_file)
{
    struct open_file *f = open_file;
    assert(f->refs > 0);
    if (--f->refs == 0) {
        f->vfs->ops->close(f->vfs, f->file);
        mem_free(f);
    }
}
