/* SPDX-License-Identifier: Apache-2.0 */
/*
 * producer_snapshot.h - `<offset>.snapshot`: the producers of a partition as of an offset.
 * Kafka's version 1: i16 version, u32 crc of the rest, array of {producerId, epoch, lastSequence,
 * lastOffset, offsetDelta, timestamp, coordinatorEpoch, currentTxnFirstOffset}; only the last batch
 * of each producer survives in it.
 */
#ifndef LOGBOOM_BROKER_PRODUCER_SNAPSHOT_H
#define LOGBOOM_BROKER_PRODUCER_SNAPSHOT_H

#include "broker/replica/producer_state.h"
#include "protocol/base/buf.h"
#include "protocol/daemon/vfs.h"

enum { PRODUCER_SNAPSHOT_BYTES_MAX = 64 << 20 };

/* Appends the file's bytes to out. */
void producer_snapshot_encode(const struct producer_state *s, struct buf *out);
/* Adds the file's producers to s. ERR_UNSUPPORTED for another version, ERR_CHECKSUM, ERR_MALFORMED;
 * s is untouched then. */
enum err producer_snapshot_decode(struct slice bytes, struct producer_state *s);
enum err producer_snapshot_write(struct vfs *v, const char *path, const struct producer_state *s,
                                 struct error *err);
enum err producer_snapshot_read(struct vfs *v, const char *path, struct producer_state *s,
                                struct error *err);

#endif
