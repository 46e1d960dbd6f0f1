/* SPDX-License-Identifier: Apache-2.0 */
/*
 * features.c - see features.h. Driven by UpdateFeatures, by registrations, and by the controller
 * that finds an empty log.
 *   (F1) A level is finalized only when every registered broker and every voter supports it: a node
 *        that does not know it could not read what follows.
 */
#include "broker/controller/features.h"

#define METADATA_VERSION_NAME "metadata.version"
#define KRAFT_VERSION_NAME    "kraft.version"
#define ELR_NAME              "eligible.leader.replicas.version"

const struct feature_support feature_table[] = {
    { METADATA_VERSION_NAME, METADATA_VERSION_MIN, METADATA_VERSION, METADATA_VERSION },
    { KRAFT_VERSION_NAME, 0, 1, 0 },
    { ELR_NAME, 0, 1, 1 },
};
const uint32_t feature_table_count = sizeof(feature_table) / sizeof(feature_table[0]);

const struct feature_support *feature_find(struct slice name)
{
    for (uint32_t i = 0; i < feature_table_count; i++) {
        if (slice_eq_str(name, feature_table[i].name)) {
            return &feature_table[i];
        }
    }
    return NULL;
}

static enum kafka_error refuse(struct slice name, int16_t level, const char *why, struct error *err)
{
    err_set(err, ERR_INVALID, "Invalid update version %d for feature %.*s. %s", (int)level,
            SLICE_ARG(name), why);
    return KAFKA_INVALID_UPDATE_VERSION;
}

/* A feature that a node does not name is one that it supports at level 0 only. */
static bool supports(const struct image_feature_range *features, int32_t count, struct slice name,
                     int16_t level)
{
    for (int32_t i = 0; i < count; i++) {
        if (slice_eq_str(name, features[i].name)) {
            return level >= features[i].min && level <= features[i].max;
        }
    }
    return level == 0;
}

static enum kafka_error refuse_for(struct slice name, int16_t level, const char *role, int32_t id,
                                   const char *why, struct error *err)
{
    err_set(err, ERR_INVALID, "Invalid update version %d for feature %.*s. %s %d %s", (int)level,
            SLICE_ARG(name), role, (int)id, why);
    return KAFKA_INVALID_UPDATE_VERSION;
}

static enum kafka_error check_nodes(const struct image *img, struct slice name, int16_t level,
                                    const int32_t *controllers, uint32_t controller_count,
                                    struct error *err)
{
    static const char no[] = "does not support this feature level.";
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        if (!supports(b->features, b->feature_count, name, level)) {
            return refuse_for(name, level, "Broker", b->id, no, err);
        }
    }
    if (image_metadata_version(img) < METADATA_CONTROLLERS) {
        return KAFKA_NONE; /* controllers do not register yet */
    }
    for (uint32_t i = 0; i < controller_count; i++) {
        const struct image_controller *c = image_controller(img, controllers[i]);
        if (!c) {
            return refuse_for(name, level, "Controller", controllers[i],
                              "has not registered, and may not support this feature.", err);
        }
        if (!supports(c->features, c->feature_count, name, level)) {
            return refuse_for(name, level, "Controller", c->id, no, err);
        }
    }
    return KAFKA_NONE;
}

static enum kafka_error check_step(struct slice name, int16_t now, int16_t level,
                                   int8_t upgrade_type, struct error *err)
{
    if (upgrade_type < FEATURE_UPGRADE || upgrade_type > FEATURE_DOWNGRADE_UNSAFE) {
        return refuse(name, level, "The controller does not support the given upgrade type.", err);
    }
    if (level < now && upgrade_type == FEATURE_UPGRADE) {
        return refuse(name, level,
                      "Can't downgrade the version of this feature without setting the upgrade "
                      "type to either safe or unsafe downgrade.",
                      err);
    }
    if (level > now && upgrade_type != FEATURE_UPGRADE) {
        return refuse(name, level, "Can't downgrade to a newer version.", err);
    }
    if (level < now && slice_eq_str(name, METADATA_VERSION_NAME)) {
        return refuse(name, level,
                      "Refusing to perform the requested downgrade because it might delete "
                      "metadata information.",
                      err);
    }
    return KAFKA_NONE;
}

static void add_level(struct slice name, int16_t level, struct metadata_records *out)
{
    struct feature_level_record rec;
    schema_init(&feature_level_record_schema, &rec);
    rec.name = name;
    rec.feature_level = level;
    metadata_records_add(out, &feature_level_record_schema, 0, &rec);
}

enum kafka_error feature_change(const struct image *img, struct slice name, int16_t level,
                                int8_t upgrade_type, const int32_t *controllers,
                                uint32_t controller_count, struct metadata_records *out,
                                struct error *err)
{
    const struct feature_support *known = feature_find(name);
    if (!known || level < known->min || level > known->max) {
        return refuse(name, level, "Local controller does not support this feature level.", err);
    }
    enum kafka_error code =
        check_step(name, image_feature(img, known->name), level, upgrade_type, err);
    if (!code && level == image_feature(img, known->name)) {
        return KAFKA_NONE;
    }
    if (!code && strcmp(known->name, ELR_NAME) == 0 && level > 0 &&
        image_metadata_version(img) < METADATA_ELR) {
        return refuse(name, level, "It needs metadata.version 23 (4.0-IV1) or later.", err);
    }
    code = code ? code : check_nodes(img, name, level, controllers, controller_count, err);
    if (!code) {
        add_level(name, level, out);
    }
    return code;
}

void feature_bootstrap(const struct image *img, bool alone, struct metadata_records *out)
{
    if (image_metadata_version(img) > 0) {
        return;
    }
    add_level(slice_str(METADATA_VERSION_NAME), METADATA_VERSION, out);
    for (uint32_t i = 1; i < feature_table_count && !alone; i++) {
        if (feature_table[i].fresh > 0) {
            add_level(slice_str(feature_table[i].name), feature_table[i].fresh, out);
        }
    }
}
