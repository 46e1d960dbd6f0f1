/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder.h - a line becomes the value of a record: Filebeat's JSON, a format string, or the bare
 * line. Where nothing but the line's own fields varies, the JSON around them is worked out once per
 * input; otherwise a tree is built for each event.
 */
#ifndef LOGBOOM_AGENT_SHIP_ENCODER_H
#define LOGBOOM_AGENT_SHIP_ENCODER_H

#include "agent/process/processor.h"
#include "agent/ship/output.h"
#include "agent/tail/identity.h"
#include "agent/tail/multiline.h"

/* Who the agent is; the same in every event. */
struct agent_facts {
    const char *name, *id, *ephemeral_id, *version;
};

/* `parsers: - ndjson:` */
struct ndjson_config {
    bool enabled, overwrite_keys, add_error_key, ignore_decoding_error, expand_keys;
    const char *target;      /* NULL and "": the root */
    const char *message_key; /* NULL: the message goes */
    const char *document_id; /* NULL: none */
};

/* A choice of `topics:`. */
struct topic_rule {
    struct pattern *topic;
    struct condition *when; /* NULL: always */
};

/* What an encoder is made for: one per input. Everything is the caller's and outlives it. */
struct encoder_config {
    const struct agent_facts *agent;
    const char *input_type;
    const struct yaml_node *fields; /* NULL: none */
    bool fields_under_root;
    const char *const *tags;
    size_t tag_count;
    const struct yaml_node *global_fields;
    bool global_fields_under_root;
    const char *const *global_tags;
    size_t global_tag_count;
    bool disable_host;
    struct ndjson_config ndjson;
    const struct processors *processors;        /* the input's */
    const struct processors *global_processors; /* run after them */
    const struct pattern *format;               /* codec.format.string; NULL: JSON */
    const struct topic_rule *topics; /* the first that holds, and whose pattern can be filled in */
    size_t topic_count;
    const struct pattern *key; /* NULL: none */
    size_t value_bytes_max;    /* 0: no limit */
};

/* What varies from file to file. */
struct encoder_source {
    struct slice path;
    uint64_t inode, device;
    const char *id_text; /* FILE_ID_TEXT_BYTES */
};

struct encoded {
    struct slice value; /* until the next call */
    struct slice key;   /* null: none */
    struct route *route;
    int64_t time_ms;
    bool cut; /* the message was shortened to fit value_bytes_max */
};

struct encoder;

/* ERR_CONFIG when no topic can be chosen for any event. */
enum err encoder_new(const struct encoder_config *cfg, struct encoder **ret_encoder,
                     struct error *err);
void encoder_free(struct encoder *e);
/* ERR_OK; ERR_CANCELED: a processor dropped it; ERR_NOT_FOUND: no topic can be chosen; ERR_LIMIT:
 * the event around the message alone is too large. */
enum err encoder_encode(struct encoder *e, const struct encoder_source *source,
                        const struct tail_event *line, int64_t time_ms,
                        struct encoded *ret_encoded);

enum encoder_mode { ENCODER_BARE, ENCODER_TEMPLATE, ENCODER_TREE };
enum encoder_mode encoder_mode(const struct encoder *e);

#endif
