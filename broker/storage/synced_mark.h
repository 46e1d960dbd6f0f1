/* SPDX-License-Identifier: Apache-2.0 */
/*
 * synced_mark.h - the file synced-offset beside the metadata log: how far the log was on the disk
 * for good. It tells a torn tail (nobody was promised it) from damage to what was acknowledged.
 * Written in place and never synced for its own sake: whatever it holds was true when it was
 * written, and an older one only sees less. Lowering it is synced, before the log is cut.
 */
#ifndef LOGBOOM_BROKER_SYNCED_MARK_H
#define LOGBOOM_BROKER_SYNCED_MARK_H

#include "protocol/daemon/vfs.h"

#define SYNCED_MARK_FILE "synced-offset"

struct synced_mark {
    struct vfs *vfs;
    struct vfs_file *file; /* NULL: not open */
    int64_t offset;        /* 0: nothing is known */
};

/* Opens or makes the file at this path; one that cannot be made sense of tells nothing. */
enum err synced_mark_open(struct synced_mark *m, struct vfs *v, const char *path,
                          struct error *err);
/* Everything below is on the disk. A failure is of no account: the mark then tells less. */
void synced_mark_raise(struct synced_mark *m, int64_t offset);
/* The log is going to be cut there; on the disk when this returns ERR_OK. */
enum err synced_mark_lower(struct synced_mark *m, int64_t offset, struct error *err);
void synced_mark_close(struct synced_mark *m);

#endif
