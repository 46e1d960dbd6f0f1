/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_properties.h - meta.properties: whose log directory this is.
 * Version 1 (KRaft: cluster.id, node.id, directory.id) is read and written, version 0 (broker.id,
 * cluster.id) is read.
 */
#ifndef LOGBOOM_BROKER_META_PROPERTIES_H
#define LOGBOOM_BROKER_META_PROPERTIES_H

#include "protocol/daemon/vfs.h"
#include "protocol/wire/schema.h"

struct meta_properties {
    int version;
    char cluster_id[64];      /* "" when absent */
    int32_t node_id;          /* -1 when absent */
    struct uuid directory_id; /* zero in version 0 */
};

/* ERR_NOT_FOUND when there is no file; ERR_CORRUPT with the line otherwise. Keys that are not known
 * are passed over. */
enum err meta_properties_read(struct vfs *v, const char *path, struct meta_properties *ret_meta,
                              struct error *err);
/* Writes version 1. */
enum err meta_properties_write(struct vfs *v, const char *path, const struct meta_properties *meta,
                               struct error *err);

#endif
