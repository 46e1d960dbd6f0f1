/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_plan.h - agent.yml, read and checked: everything that --check-config should find, before
 * anything is opened. Strings live in the service's boot arena.
 */
#ifndef LOGBOOM_AGENT_PLAN_H
#define LOGBOOM_AGENT_PLAN_H

#include "agent/input/filestream.h"
#include "agent/ship/output_kafka.h"

#define SERVICE_HTTP_PORT "5066"

struct agent_config {
#define C CONFIG_MEMBER
#include "protocol/net/service_config.def"
#include "agent/agent_config.def"
#undef C
};
extern const struct config_table agent_config_table;

struct input_config {
#define C CONFIG_MEMBER
#include "agent/input/input_config.def"
#undef C
};

struct input_plan {
    struct input_config cfg;
    struct filestream_config filestream;
    struct ndjson_config ndjson;
    struct processors processors;
    bool taken; /* filestream's compiled patterns belong to an input now */
};

enum output_kind { OUTPUT_KAFKA, OUTPUT_FILE, OUTPUT_CONSOLE };

struct agent_plan {
    const struct agent_config *cfg;
    struct input_plan *inputs;
    size_t input_count;
    struct processors processors;
    enum output_kind output;
    struct output_kafka_config kafka;
    const char *file_path;
    struct pattern *format, *key;
    struct topic_rule *topics;
    size_t topic_count;
    struct buf headers;
    unsigned registry_mode;
    const char *registry_dir;
};

typedef void plan_warn(void *ctx, const char *text);

enum err agent_plan_init(struct agent_plan *p, const struct agent_config *cfg, struct arena *arena,
                         plan_warn *warn, void *warn_ctx, struct error *err);
void agent_plan_deinit(struct agent_plan *p);
/* The encoder of an input; facts outlives it. */
enum err agent_plan_encoder(const struct agent_plan *p, const struct input_plan *in,
                            const struct agent_facts *facts, struct encoder **ret_encoder,
                            struct error *err);
/* The tables of inputs, parsers, outputs and processors. */
void agent_plan_print_help(FILE *out);

#endif
