/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_space.c - see disk_space.h. Driven by writes that fail and by its timer.
 *   (D1) A directory is full from a write that failed until it has ROOM_BYTES more than it had
 *        then, so that a node does not come and go with every segment's tail.
 *   (D2) A file system that tells more free bytes than a batch can want (quotas) is tried again by
 *        time.
 */
#include "broker/disk_space.h"

#include "broker/broker.h"

enum {
    LOOK_MS = 500,
    ROOM_BYTES = 8 << 20,
    UNTOLD_BYTES = 64 << 20,
    UNTOLD_S = 30,
};

/* 0 when it is not known. */
static uint64_t free_bytes(struct broker *b, const struct broker_dir *dir)
{
    uint64_t bytes;
    return b->vfs->ops->free_bytes(b->vfs, dir->dir->path, &bytes) == ERR_OK ? bytes : 0;
}

static bool has_room(struct broker *b, const struct broker_dir *dir)
{
    bool untold = dir->full_free_bytes >= UNTOLD_BYTES &&
                  env_mono_ns(b->env) - dir->full_since_ns >= (uint64_t)UNTOLD_S * NS_PER_S;
    return untold || free_bytes(b, dir) >= dir->full_free_bytes + ROOM_BYTES;
}

static void look_again(struct broker *b)
{
    timer_arm_in(b->env, &b->disk_space.timer, (uint64_t)LOOK_MS * NS_PER_MS);
}

static void on_timer(void *owner)
{
    struct broker *b = owner;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        struct broker_dir *dir = &b->dirs[i];
        if (dir->is_full && has_room(b, dir)) {
            dir->is_full = false;
            b->disk_space.full_dirs--;
            log_info(&b->log, "a log directory has room again", KV_STR("dir", dir->dir->path),
                     KV_UINT("free_bytes", free_bytes(b, dir)));
            flusher_kick(&dir->flusher); /* what could not be synced without room */
        }
    }
    if (disk_space_is_out(b)) {
        look_again(b);
    } else {
        lifecycle_disk_changed(b);
    }
}

void disk_space_init(struct broker *b)
{
    b->disk_space.timer = (struct timer){ .fire = on_timer, .owner = b };
}

void disk_space_deinit(struct broker *b)
{
    timer_cancel(b->env, &b->disk_space.timer);
}

void disk_space_failed(struct broker *b, struct broker_dir *dir)
{
    b->metrics.no_space++;
    if (dir->is_full) {
        return;
    }
    dir->is_full = true;
    dir->full_free_bytes = free_bytes(b, dir);
    dir->full_since_ns = env_mono_ns(b->env);
    log_error(&b->log,
              "a log directory is full: nothing is written there until it has room; add space, or "
              "shorten the retention of its topics. In a cluster others lead meanwhile",
              KV_STR("dir", dir->dir->path), KV_UINT("free_bytes", dir->full_free_bytes),
              KV_UINT("room_bytes", dir->full_free_bytes + ROOM_BYTES));
    if (b->disk_space.full_dirs++ == 0) {
        look_again(b);
        lifecycle_disk_changed(b);
    }
}

bool disk_space_is_out(const struct broker *b)
{
    return b->disk_space.full_dirs > 0;
}

void disk_space_describe(const struct broker *b, struct buf *text)
{
    for (uint32_t i = 0; i < b->dir_count; i++) {
        if (b->dirs[i].is_full) {
            buf_printf(text,
                       "; log directory %s is full: add space, or shorten the retention of its "
                       "topics",
                       b->dirs[i].dir->path);
        }
    }
}
