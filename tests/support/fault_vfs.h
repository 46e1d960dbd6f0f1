/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fault_vfs.h - a disk that fails on purpose, over vfs_posix().
 * The n-th counted operation fails once (or all from there on); writes may fail half-done; a disk
 * may be full; and what was not synced can be thrown away as a power loss would.
 */
#ifndef LOGBOOM_TESTS_SUPPORT_FAULT_VFS_H
#define LOGBOOM_TESTS_SUPPORT_FAULT_VFS_H

#include "protocol/base/map.h"
#include "protocol/daemon/vfs.h"

struct fault_vfs {
    struct vfs vfs; /* what the code under test gets */
    int countdown;  /* 1 = the next operation fails; 0 = none */
    enum err fail_with;
    bool fail_on;        /* keep failing once the countdown has run out */
    bool torn_writes;    /* a failing write leaves half of its bytes */
    int64_t space_bytes; /* what may still be written beyond old ends; -1 = no limit */
    bool sync_fails;
    uint64_t operations; /* counted ones so far */
    uint64_t bytes_read;
    struct map synced; /* path -> size that the last sync covered */
};

void fault_vfs_init(struct fault_vfs *f);
void fault_vfs_deinit(struct fault_vfs *f);
/* Throws away what no sync covered: files are cut to the size of their last sync (0 when there was
 * none). Directory entries stay. Nothing may be open. */
void fault_vfs_power_loss(struct fault_vfs *f);

#endif
