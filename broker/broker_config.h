/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_config.h - the settings of a node and of a topic, each one a row in a .def file.
 */
#ifndef LOGBOOM_BROKER_CONFIG_H
#define LOGBOOM_BROKER_CONFIG_H

#include "broker/controller/image.h"
#include "broker/storage/log.h"
#include "protocol/daemon/config.h"

#define SERVICE_HTTP_PORT "9644"

struct broker_config {
#define C CONFIG_MEMBER
#include "protocol/net/service_config.def"
#include "broker/broker_config.def"
#undef C
};

struct topic_config {
#define T(kind, field, name, synonym, value, min, max, about) CONFIG_CTYPE_##kind field;
#include "broker/topic_config.def"
#undef T
};

enum { DURABILITY_FSYNC, DURABILITY_PAGE_CACHE };
enum { REPLICA_SELECTOR_CLOSEST, REPLICA_SELECTOR_LEADER };
enum { TIMESTAMP_CREATE_TIME, TIMESTAMP_LOG_APPEND_TIME };

/* The values of Kafka's DescribeConfigs. */
enum config_source {
    CONFIG_SOURCE_TOPIC = 1,
    CONFIG_SOURCE_BROKER = 2,
    CONFIG_SOURCE_ALL_BROKERS = 3,
    CONFIG_SOURCE_STATIC_BROKER = 4,
    CONFIG_SOURCE_DEFAULT = 5,
};

extern const struct config_table broker_config_table;
extern const struct config_table topic_config_table;

/* Checks across fields: lists that must not be empty, limits that must fit one another. */
enum err broker_config_check(const struct broker_config *config, struct error *err);
/* log.retention.*, log.roll.*: the finest unit that is set wins. */
int64_t broker_config_retention_ms(const struct broker_config *config);
int64_t broker_config_roll_ms(const struct broker_config *config);

/* A topic's settings: its own over the node's. settings may be NULL; values that do not parse (they
 * were written by another release) count as not set. Strings live in the arena or in config. */
void topic_config_resolve(const struct broker_config *config, const struct image_settings *settings,
                          struct arena *arena, struct topic_config *ret_config);
/* Whether a value is one for this setting of a topic; value is never null. */
enum err topic_config_check(struct slice name, struct slice value, struct error *err);
/* Whether a value (null: none) is one for this setting of a node that has these settings now, and
 * one that may be altered while it runs. */
enum err broker_config_check_altered(const struct broker_config *now, struct slice name,
                                     struct slice value, struct error *err);
/* What the metadata say of a node's setting: for this node, else for all; NULL when nothing.
 * ret_source may be NULL. */
const char *broker_config_altered(const struct image *image, int32_t node_id, struct slice name,
                                  enum config_source *ret_source);
/* The name of the node's setting behind a row of the topic table. */
const char *topic_config_synonym(const struct config_row *row);
/* What the storage needs of it. */
void topic_config_for_log(const struct topic_config *config, int64_t producer_id_expiration_ms,
                          struct log_config *ret_config);

#endif
