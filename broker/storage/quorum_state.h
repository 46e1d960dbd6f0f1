/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_state.h - the file quorum-state beside the metadata log: epoch, leader and vote, which
 * must survive whatever happens, or a voter votes twice. One line of JSON: version 0 for fixed
 * voters (KIP-595), version 1 for voters that may change (KIP-853). A second line, which Kafka does
 * not look at and does not write, has the checksum of the first.
 */
#ifndef LOGBOOM_BROKER_QUORUM_STATE_H
#define LOGBOOM_BROKER_QUORUM_STATE_H

#include "protocol/daemon/vfs.h"
#include "protocol/wire/schema.h"

struct quorum_state {
    int version; /* 0 or 1 */
    int32_t leader_id;
    int32_t leader_epoch;
    int32_t voted_id;
    struct uuid voted_directory_id; /* version 1 */
    const int32_t *voters;          /* version 0, for writing: the ids */
    uint32_t voter_count;
};

/* ERR_NOT_FOUND when there is no file; ERR_CORRUPT with a sentence that says what to do when there
 * is no sense in it. voters are not read. */
enum err quorum_state_read(struct vfs *v, const char *path, struct quorum_state *ret_state,
                           struct error *err);
/* Replaces the file; it is on the disk when this returns ERR_OK. */
enum err quorum_state_write(struct vfs *v, const char *path, const struct quorum_state *state,
                            struct error *err);

#endif
