/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image_internal.h - what image.c needs of image_brokers.c: how records of nodes are applied.
 * Errors as image_apply(); the image is unchanged then.
 */
#ifndef LOGBOOM_CONTROLLER_IMAGE_INTERNAL_H
#define LOGBOOM_CONTROLLER_IMAGE_INTERNAL_H

#include "broker/controller/image.h"

enum err image_apply_register_broker(struct image *img, const struct register_broker_record *rec,
                                     int64_t offset, struct image_change *change);
enum err image_apply_unregister_broker(struct image *img,
                                       const struct unregister_broker_record *rec,
                                       struct image_change *change);
enum err image_apply_broker_change(struct image *img,
                                   const struct broker_registration_change_record *rec,
                                   struct image_change *change);
enum err image_apply_fence(struct image *img, int32_t id, int64_t epoch, bool fenced,
                           struct image_change *change);
enum err image_apply_register_controller(struct image *img,
                                         const struct register_controller_record *rec);
void image_free_nodes(struct image *img);
/* Keeps, or takes out, a record that nothing here looks into. ERR_NOT_FOUND:
 * it is none of those. */
enum err image_apply_kept(struct image *img, const struct schema *s, const void *msg,
                          struct slice record);

#endif
