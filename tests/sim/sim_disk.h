/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_disk.h - a disk in memory that crashes, fills up, fails and lies.
 * What a program wrote is in the page cache; a sync makes the bytes of a file, or the names of a
 * directory, durable. A power loss keeps, drops or tears what no sync covered: bytes by pages and
 * sectors, names of a directory by a prefix of their changes, as a journal gives.
 */
#ifndef LOGBOOM_TESTS_SIM_DISK_H
#define LOGBOOM_TESTS_SIM_DISK_H

#include "protocol/base/rng.h"
#include "protocol/daemon/vfs.h"

struct sim_inode;
struct sim_disk;

/* What goes wrong; all zero is a good disk. */
struct sim_disk_faults {
    uint64_t capacity_bytes;  /* 0: no limit */
    uint32_t ops_until_death; /* the n-th change from now on, and all after it, fail without effect,
                                 and died() is told; 0: off */
    uint32_t syncs_until_failure; /* the n-th sync from now on fails once, and its bytes are lost to
                                     the disk, as on Linux; 0: off */
    uint32_t writes_until_failure;
    bool lies; /* syncs return at once and do nothing */
};

struct sim_disk {
    struct vfs vfs;
    struct rng rng;
    struct sim_inode *root;
    struct sim_disk_faults faults;
    bool off; /* its process is dead: whatever is asked fails */
    uint64_t used_bytes;
    int64_t (*wall_ms)(void *ctx);
    void (*died)(void *ctx);
    void *ctx;
    uint64_t syncs, writes; /* how many; for statistics */
};

void sim_disk_init(struct sim_disk *d, uint64_t seed);
/* Every file must be closed. */
void sim_disk_deinit(struct sim_disk *d);
/* Decides what is left. Every file must be closed. */
void sim_disk_power_loss(struct sim_disk *d);
/* Everything so far becomes durable: for set-up. */
void sim_disk_sync_all(struct sim_disk *d);
/* Flips a bit of a file (path from the root), durably; false when there is no such byte. */
bool sim_disk_flip(struct sim_disk *d, const char *path, uint64_t pos);
/* A hash of all names and bytes. */
uint64_t sim_disk_digest(const struct sim_disk *d);

#endif
