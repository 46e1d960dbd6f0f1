/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.h - makes log directories a node's: meta.properties, what the cluster begins with
 * (bootstrap.checkpoint), and the first voters (the 0-0 checkpoint). What Apache Kafka's
 * kafka-storage does, with the same files, so that either formats for the other. Sources: KIP-631,
 * KIP-778, KIP-853.
 */
#ifndef LOGBOOM_BROKER_FORMAT_H
#define LOGBOOM_BROKER_FORMAT_H

#include "broker/broker.h"

enum format_quorum {
    FORMAT_PLAIN,      /* controller.quorum.voters names the voters; or a broker alone */
    FORMAT_STANDALONE, /* this node is the first voter */
    FORMAT_INITIAL,    /* `initial_controllers` are the first voters */
    FORMAT_NO_INITIAL, /* others are; this one joins them */
};

struct format_request {
    const struct broker_config *config;
    const struct broker_listener *listeners; /* with their kinds set */
    uint32_t listener_count;
    const char *default_dir; /* where logs go when the configuration says nothing */
    const char *cluster_id;
    enum format_quorum quorum;
    const char *initial_controllers; /* id@host:port:directory-id,... */
    const char *release_version;     /* "4.3-IV0", "4.3", or NULL for the newest */
    const char *const *features;     /* name=level, over those of the release */
    uint32_t feature_count;
    bool ignore_formatted; /* pass over directories that are formatted already */
};

/* Formats; appends a line for each directory to out. An interrupted one may be done again.
 * ERR_INVALID for what the request lacks, ERR_EXISTS when a directory is formatted already,
 * ERR_CONFIG when one holds something else. */
enum err format_storage(struct env env, struct vfs *vfs, const struct format_request *request,
                        struct buf *out, struct error *err);
/* What the directories are, as kafka-storage tells it; *ret_good is false when a node could not
 * start with them. Changes nothing. */
enum err format_info(struct vfs *vfs, const struct broker_config *config, const char *default_dir,
                     struct buf *out, bool *ret_good, struct error *err);

#endif
