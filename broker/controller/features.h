/* SPDX-License-Identifier: Apache-2.0 */
/*
 * features.h - the features that this release knows, and whether a level may be finalized.
 * Pure. The same table is what a node registers with and what ApiVersions tells. Source: KIP-584,
 * KIP-778.
 */
#ifndef LOGBOOM_CONTROLLER_FEATURES_H
#define LOGBOOM_CONTROLLER_FEATURES_H

#include "broker/controller/image.h"
#include "protocol/wire/kafka_error.h"

struct feature_support {
    const char *name;
    int16_t min, max;
    int16_t fresh; /* the level in a new cluster of several nodes */
};

extern const struct feature_support feature_table[];
extern const uint32_t feature_table_count;

/* NULL: this release does not know it. */
const struct feature_support *feature_find(struct slice name);

/* UpdateFeatures' upgrade types. */
enum feature_upgrade_type {
    FEATURE_UPGRADE = 1,
    FEATURE_DOWNGRADE_SAFE = 2,
    FEATURE_DOWNGRADE_UNSAFE = 3,
};

/* Adds the record that finalizes the level, if every node supports it: INVALID_UPDATE_VERSION with
 * the reason otherwise. controllers: the ids of the quorum's voters, who must have registered. A
 * level that is there already makes no record. */
enum kafka_error feature_change(const struct image *img, struct slice name, int16_t level,
                                int8_t upgrade_type, const int32_t *controllers,
                                uint32_t controller_count, struct metadata_records *out,
                                struct error *err);
/* The records of a cluster that has none yet. alone: a single node, which keeps metadata.version
 * only. */
void feature_bootstrap(const struct image *img, bool alone, struct metadata_records *out);

#endif
