/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assignor.h - who reads which partition: range, roundrobin, cooperative-sticky.
 * Pure. Run by the leader of a group on what the members sent; the results are those that the Java
 * client's assignors of the same names allow, so that members of either kind can lead.
 * Source: KIP-54 (sticky), KIP-429 (cooperative), KIP-345 (static members come first).
 */
#ifndef LOGBOOM_CLIENT_ASSIGNOR_H
#define LOGBOOM_CLIENT_ASSIGNOR_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"

#include <stdint.h>

struct assignor_partition {
    int32_t topic; /* index into the topics */
    int32_t partition;
};

struct assignor_topic {
    struct slice name;
    int32_t partition_count;
};

struct assignor_member {
    struct slice member_id;
    struct slice instance_id; /* null for a dynamic member */
    const int32_t *topics;    /* indices of the topics it subscribes to */
    int32_t topic_count;
    const struct assignor_partition *owned; /* what it says it has (KIP-429) */
    int32_t owned_count;
    int32_t generation; /* of the group when it got them; -1 unknown */
    /* The result; in the arena. */
    struct assignor_partition *assigned;
    int32_t assigned_count;
};

struct assignor_input {
    const struct assignor_topic *topics; /* sorted by name */
    int32_t topic_count;
    struct assignor_member *members;
    int32_t member_count;
};

struct assignor {
    const char *name;
    bool cooperative; /* members keep what they have while they join */
    /* Fills in assigned of every member; the order of members is changed. ERR_LIMIT at the arena's
     * cap. */
    enum err (*assign)(struct assignor_input *in, struct arena *arena);
};

/* NULL for an unknown name. */
const struct assignor *assignor_find(struct slice name);

#endif
