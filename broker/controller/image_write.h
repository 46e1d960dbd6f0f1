/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_write.h - the image as records again: what a snapshot holds.
 * Pure. Applied to an empty image in their order, the records give an equal image; they have the
 * versions that the image's metadata.version asks for, and Kafka's order (features first).
 */
#ifndef LOGBOOM_CONTROLLER_IMAGE_WRITE_H
#define LOGBOOM_CONTROLLER_IMAGE_WRITE_H

#include "broker/controller/image.h"

/* Where image_write() goes on; zeroed to begin. The image must not change before the end. */
struct image_write_cursor {
    unsigned part;
    uint32_t item;
    int32_t partition; /* of the topic before item */
    const struct image_topic *topic;
};

/* Adds records up to about bytes_max more bytes. false when nothing is left to be added. */
bool image_write(const struct image *img, struct image_write_cursor *cursor, size_t bytes_max,
                 struct metadata_records *out);
/* One registration, in one record. */
void image_write_broker(const struct image *img, const struct image_broker *b,
                        struct metadata_records *out);
void image_write_controller(const struct image *img, const struct image_controller *k,
                            struct metadata_records *out);

#endif
