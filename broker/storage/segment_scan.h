/* SPDX-License-Identifier: Apache-2.0 */
/*
 * segment_scan.h - reads the batches of a segment's file and compares their checksums, in pieces of
 * bounded size.
 */
#ifndef LOGBOOM_BROKER_SEGMENT_SCAN_H
#define LOGBOOM_BROKER_SEGMENT_SCAN_H

#include "broker/storage/segment.h"

struct segment_scan {
    struct vfs *v;
    struct open_file *file; /* a reference */
    uint32_t end;
    uint32_t from, len; /* of what the buffer holds */
    uint8_t *bytes;
};

/* Takes a reference to the file; `end` is its size. */
void segment_scan_init(struct segment_scan *sc, struct open_file *file, uint32_t end);
void segment_scan_deinit(struct segment_scan *sc);
/* The batch at position, its checksum compared. ERR_CORRUPT when it is not whole or not sound. */
enum err segment_scan_batch(struct segment_scan *sc, uint32_t position,
                            struct segment_batch *ret_batch);

#endif
