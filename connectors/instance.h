/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.h - the name under which this worker is known to its groups, kept in path.data.
 * It makes the flows static members (KIP-345): after a crash the next start takes the partitions
 * over at once, instead of waiting for the session of its predecessor to end.
 */
#ifndef LOGBOOM_CONNECTORS_INSTANCE_H
#define LOGBOOM_CONNECTORS_INSTANCE_H

#include "protocol/daemon/env.h"

struct instance {
    struct vfs *vfs;
    struct vfs_file *lock; /* NULL: there is no path.data, and no id */
    char id[33];           /* "" without path.data */
};

/* Locks dir (made when absent) and reads its id, or makes one. A NULL or empty dir gives no id.
 * ERR_AGAIN when another process has the directory: two with one name would fence each other. */
enum err instance_open(struct instance *ret_instance, struct vfs *v, struct env env,
                       const char *dir, struct error *err);
void instance_close(struct instance *i);

#endif
