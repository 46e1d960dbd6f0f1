/* SPDX-License-Identifier: Apache-2.0 */
/*
 * disk_space.h - log directories that are full, until there is room again. A node of a cluster with
 * a full directory has itself fenced, so that others lead and nobody waits for it (lifecycle.h).
 */
#ifndef LOGBOOM_BROKER_DISK_SPACE_H
#define LOGBOOM_BROKER_DISK_SPACE_H

#include "protocol/daemon/env.h"

#include <stdbool.h>

struct broker;
struct broker_dir;
struct buf;

struct disk_space {
    struct timer timer; /* the next look at the full ones */
    uint32_t full_dirs;
};

void disk_space_init(struct broker *b);
void disk_space_deinit(struct broker *b);
/* A write there ended with ERR_NO_SPACE. */
void disk_space_failed(struct broker *b, struct broker_dir *dir);
bool disk_space_is_out(const struct broker *b);
/* Which directory is full and what to do, for /healthz; nothing when none is. */
void disk_space_describe(const struct broker *b, struct buf *text);

#endif
