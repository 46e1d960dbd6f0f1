/* SPDX-License-Identifier: Apache-2.0 */
/*
 * agent_plan.c - see agent_plan.h. Driven by main.c, for --check-config and at start.
 *
 * Invariants:
 * I1. Nothing here opens a file or a socket.
 * I2. Whatever a stock filebeat.yml holds is either meant, or warned about, or refused with the
 * place
 *     and what to write instead.
 */
#include "agent/agent_plan.h"

#include "protocol/base/alloc.h"
#include "protocol/base/units.h"
#include "protocol/wire/writer.h"

#include <stdlib.h>

#define TABLE(title_, struct_, rows_)                                                              \
    {                                                                                              \
        title_, rows_, sizeof(rows_) / sizeof((rows_)[0]), sizeof(struct struct_)                  \
    }

#define CONFIG_STRUCT agent_config
#define C             CONFIG_ROW
static const struct config_row agent_rows[] = {
#include "protocol/net/service_config.def"
#include "agent/agent_config.def"
};
#undef C
#undef CONFIG_STRUCT
const struct config_table agent_config_table = TABLE("agent", agent_config, agent_rows);

#define CONFIG_STRUCT input_config
#define C             CONFIG_ROW
static const struct config_row input_rows[] = {
#include "agent/input/input_config.def"
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table input_table = TABLE("input filestream", input_config, input_rows);

struct kafka_settings {
#define OUTPUT_KAFKA
#define C CONFIG_MEMBER
#include "agent/ship/output_config.def"
#undef C
};
#define CONFIG_STRUCT kafka_settings
#define C             CONFIG_ROW
static const struct config_row kafka_rows[] = {
#include "agent/ship/output_config.def"
};
#undef C
#undef CONFIG_STRUCT
#undef OUTPUT_KAFKA
static const struct config_table kafka_table = TABLE("output.kafka", kafka_settings, kafka_rows);

struct file_settings {
#define OUTPUT_FILE
#define C CONFIG_MEMBER
#include "agent/ship/output_config.def"
#undef C
};
#define CONFIG_STRUCT file_settings
#define C             CONFIG_ROW
static const struct config_row file_rows[] = {
#include "agent/ship/output_config.def"
};
#undef C
#undef CONFIG_STRUCT
#undef OUTPUT_FILE
static const struct config_table file_table = TABLE("output.file", file_settings, file_rows);

struct console_settings {
#define OUTPUT_CONSOLE
#define C CONFIG_MEMBER
#include "agent/ship/output_config.def"
#undef C
};
#define CONFIG_STRUCT console_settings
#define C             CONFIG_ROW
static const struct config_row console_rows[] = {
#include "agent/ship/output_config.def"
};
#undef C
#undef CONFIG_STRUCT
#undef OUTPUT_CONSOLE
static const struct config_table console_table =
    TABLE("output.console", console_settings, console_rows);

struct multiline_settings {
#define PARSER_MULTILINE
#define C CONFIG_MEMBER
#include "agent/ship/output_config.def"
#undef C
};
#define CONFIG_STRUCT multiline_settings
#define C             CONFIG_ROW
static const struct config_row multiline_rows[] = {
#include "agent/ship/output_config.def"
};
#undef C
#undef CONFIG_STRUCT
#undef PARSER_MULTILINE
static const struct config_table multiline_table =
    TABLE("parser multiline", multiline_settings, multiline_rows);

struct ndjson_settings {
#define PARSER_NDJSON
#define C CONFIG_MEMBER
#include "agent/ship/output_config.def"
#undef C
};
#define CONFIG_STRUCT ndjson_settings
#define C             CONFIG_ROW
static const struct config_row ndjson_rows[] = {
#include "agent/ship/output_config.def"
};
#undef C
#undef CONFIG_STRUCT
#undef PARSER_NDJSON
static const struct config_table ndjson_table =
    TABLE("parser ndjson", ndjson_settings, ndjson_rows);

struct container_settings {
#define PARSER_CONTAINER
#define C CONFIG_MEMBER
#include "agent/ship/output_config.def"
#undef C
};
#define CONFIG_STRUCT container_settings
#define C             CONFIG_ROW
static const struct config_row container_rows[] = {
#include "agent/ship/output_config.def"
};
#undef C
#undef CONFIG_STRUCT
#undef PARSER_CONTAINER
static const struct config_table container_table =
    TABLE("parser container", container_settings, container_rows);

struct reading {
    struct arena *arena;
    plan_warn *warn;
    void *warn_ctx;
    struct error *err;
};

static enum err load(const struct reading *r, const struct config_table *table,
                     const struct yaml_node *map, void *config)
{
    if (map && map->kind != YAML_MAPPING && map->kind != YAML_NULL) {
        return yaml_error(map, r->err, "%s takes a mapping", table->title);
    }
    return config_load(table, map && map->kind == YAML_MAPPING ? map : NULL, r->arena, r->warn,
                       r->warn_ctx, config, r->err);
}

/* The scalar of a mapping's key; NULL when there is none, or n is no mapping. */
static const struct yaml_node *scalar_of(const struct yaml_node *n, const char *key)
{
    const struct yaml_node *v = n->kind == YAML_MAPPING ? yaml_get(n, key) : NULL;
    return v && v->kind == YAML_SCALAR ? v : NULL;
}

/* --- parsers ---------------------------------------------------------------------------------- */

static enum err read_multiline(const struct reading *r, const struct yaml_node *at,
                               struct parse_config *p)
{
    struct multiline_settings s;
    struct error why;
    enum err rc = load(r, &multiline_table, at, &s);
    if (rc) {
        return rc;
    }
    if (s.type == MULTILINE_COUNT ? s.count_lines < 1 : !s.pattern) {
        return yaml_error(at, r->err,
                          s.type == MULTILINE_COUNT ? "multiline needs count_lines"
                                                    : "multiline needs a pattern");
    }
    if ((s.pattern && regex_new(s.pattern, &p->pattern, &why)) ||
        (s.flush_pattern && regex_new(s.flush_pattern, &p->flush_pattern, &why))) {
        return yaml_error(at, r->err, "%s", why.text);
    }
    p->multiline_enabled = true;
    p->timeout_ns = (uint64_t)s.timeout_ms * NS_PER_MS;
    p->multiline = (struct multiline_config){
        .type = (enum multiline_type)s.type,
        .match = (enum multiline_match)s.match,
        .negate = s.negate,
        .skip_newline = s.skip_newline,
        .max_lines = (uint32_t)s.max_lines,
        .count_lines = (uint32_t)s.count_lines,
        .max_bytes = p->max_bytes,
    };
    return ERR_OK;
}

static enum err read_ndjson(const struct reading *r, const struct yaml_node *at,
                            struct ndjson_config *n)
{
    struct ndjson_settings s;
    enum err rc = load(r, &ndjson_table, at, &s);
    if (!rc) {
        *n = (struct ndjson_config){
            true,          s.overwrite_keys, s.add_error_key, s.ignore_decoding_error,
            s.expand_keys, s.target,         s.message_key,   s.document_id
        };
    }
    return rc;
}

static enum err read_container(const struct reading *r, const struct yaml_node *at,
                               struct parse_config *p)
{
    struct container_settings s;
    enum err rc = load(r, &container_table, at, &s);
    if (!rc) {
        p->container = true;
        p->format = (enum container_format)s.format;
        p->skip_stderr = s.stream == 1;
        p->skip_stdout = s.stream == 2;
    }
    return rc;
}

static enum err read_parsers(const struct reading *r, struct input_plan *in)
{
    const struct yaml_node *list = in->cfg.parsers;
    struct parse_config *p = &in->filestream.parse;
    if (!list || list->kind == YAML_NULL) {
        return ERR_OK;
    }
    if (list->kind != YAML_SEQUENCE) {
        return yaml_error(list, r->err, "parsers is a list, each item one parser");
    }
    for (const struct yaml_node *n = list->child; n; n = n->next) {
        const struct yaml_node *at =
            n->kind == YAML_MAPPING && n->child_count == 1 ? n->child : NULL;
        enum err rc;
        if (!at) {
            rc = yaml_error(n, r->err, "each item of parsers is one mapping, as in - ndjson: {}");
        } else if (slice_eq_str(at->key, "multiline")) {
            rc = in->ndjson.enabled ? yaml_error(at, r->err, "multiline must come before ndjson")
                                    : read_multiline(r, at, p);
        } else if (slice_eq_str(at->key, "ndjson")) {
            rc = read_ndjson(r, at, &in->ndjson);
        } else if (slice_eq_str(at->key, "container")) {
            rc = in->ndjson.enabled || p->multiline_enabled
                     ? yaml_error(at, r->err, "container must be the first parser")
                     : read_container(r, at, p);
        } else {
            rc = yaml_error(at, r->err,
                            "unknown parser \"%.*s\"; there are container, multiline and "
                            "ndjson",
                            SLICE_ARG(at->key));
        }
        if (rc) {
            return rc;
        }
    }
    return ERR_OK;
}

/* --- inputs ----------------------------------------------------------------------------------- */

static enum err read_patterns(const struct reading *r, const struct yaml_node *at,
                              const struct config_list *list, struct regex_set *ret_set)
{
    struct error why;
    return regex_set_init(ret_set, list->items, list->count, &why)
               ? yaml_error(at, r->err, "%s", why.text)
               : ERR_OK;
}

static void fill_filestream(struct input_plan *in)
{
    const struct input_config *c = &in->cfg;
    struct filestream_config *f = &in->filestream;
    f->id = c->id;
    f->paths = c->paths.items;
    f->path_count = c->paths.count;
    f->recursive_glob = c->recursive_glob;
    f->symlinks = c->symlinks;
    f->check_interval_ns = (uint64_t)c->check_interval_ms * NS_PER_MS;
    f->ignore_older_ns = (uint64_t)c->ignore_older_ms * NS_PER_MS;
    f->clean_inactive_ns = c->clean_inactive_ms * NS_PER_MS;
    f->clean_removed = c->clean_removed;
    f->close_inactive_ns = (uint64_t)c->close_inactive_ms * NS_PER_MS;
    f->close_renamed = c->close_renamed;
    f->close_removed = c->close_removed;
    f->close_eof = c->close_eof;
    f->harvester_limit = (uint32_t)c->harvester_limit;
    f->message_max_bytes = (size_t)c->message_max_bytes;
    f->parse.max_bytes = f->message_max_bytes;
}

static enum err read_input(const struct reading *r, const struct yaml_node *at,
                           struct input_plan *in)
{
    const struct yaml_node *type = scalar_of(at, "type");
    if (!type) {
        return yaml_error(at, r->err,
                          "an input is a mapping with a type, as in {type: filestream, "
                          "id: web, paths: [/var/log/*.log]}");
    }
    if (slice_eq_str(type->text, "log")) {
        if (r->warn) {
            r->warn(r->warn_ctx, "input type log is read as filestream");
        }
    } else if (!slice_eq_str(type->text, "filestream")) {
        return yaml_error(type, r->err, "there is no input of type \"%.*s\"; there is filestream",
                          SLICE_ARG(type->text));
    }
    enum err rc = load(r, &input_table, at, &in->cfg);
    if (rc) {
        return rc;
    }
    if (in->cfg.clean_inactive_ms > 0 && in->cfg.enabled &&
        in->cfg.clean_inactive_ms <= in->cfg.ignore_older_ms + in->cfg.check_interval_ms) {
        return yaml_error(at, r->err,
                          "clean_inactive must be longer than ignore_older and "
                          "prospector.scanner.check_interval together, or files that are "
                          "forgotten are read again");
    }
    if (!in->cfg.id) {
        if (!slice_eq_str(type->text, "log")) {
            return yaml_error(at, r->err,
                              "a filestream input needs an id: its state is kept by it");
        }
        in->cfg.id = "log";
    }
    fill_filestream(in);
    struct filestream_config *f = &in->filestream;
    rc = read_patterns(r, at, &in->cfg.include_lines, &f->parse.include);
    rc = rc ? rc : read_patterns(r, at, &in->cfg.exclude_lines, &f->parse.exclude);
    rc = rc ? rc : read_patterns(r, at, &in->cfg.include_files, &f->include_files);
    rc = rc ? rc : read_patterns(r, at, &in->cfg.exclude_files, &f->exclude_files);
    rc = rc ? rc : read_parsers(r, in);
    rc = rc ? rc
            : processors_init(&in->processors, in->cfg.processors, r->arena, r->warn, r->warn_ctx,
                              r->err);
    if (!rc) {
        struct discover d;
        struct error why;
        if (discover_init(&d, f->paths, f->path_count, f->recursive_glob, f->symlinks, &why)) {
            return yaml_error(at, r->err, "%s", why.text);
        }
        discover_deinit(&d);
    }
    return rc;
}

static enum err read_inputs(const struct reading *r, struct agent_plan *p)
{
    const struct yaml_node *list = p->cfg->inputs;
    if (!list || list->kind != YAML_SEQUENCE || !list->child) {
        return err_set(r->err, ERR_CONFIG,
                       "filebeat.inputs: there is no input; write for example\n"
                       "filebeat.inputs:\n- {type: filestream, id: logs, paths: [/var/log/*.log]}");
    }
    p->inputs = mem_array(list->child_count, sizeof(*p->inputs));
    for (const struct yaml_node *n = list->child; n; n = n->next) {
        struct input_plan *in = &p->inputs[p->input_count++];
        enum err rc = read_input(r, n, in);
        if (rc) {
            return rc;
        }
        for (size_t i = 0; in->cfg.enabled && i + 1 < p->input_count; i++) {
            if (p->inputs[i].cfg.enabled && strcmp(p->inputs[i].cfg.id, in->cfg.id) == 0) {
                return yaml_error(n, r->err, "two inputs have the id \"%s\"", in->cfg.id);
            }
        }
    }
    return ERR_OK;
}

/* --- outputs ---------------------------------------------------------------------------------- */

/* Into the boot arena, as the text is. */
static enum err read_pattern(const struct reading *r, const char *text,
                             struct pattern **ret_pattern, struct error *err)
{
    struct pattern *p = arena_alloc(r->arena, sizeof(*p));
    enum err rc = p ? pattern_compile(text, r->arena, p, err)
                    : err_set(err, ERR_LIMIT, "the configuration is too large");
    if (!rc) {
        *ret_pattern = p;
    }
    return rc;
}

static enum err add_topic(const struct reading *r, struct agent_plan *p, const struct yaml_node *at,
                          const char *text, const struct yaml_node *when)
{
    struct error why;
    p->topics = mem_rearray(p->topics, p->topic_count + 1, sizeof(*p->topics));
    struct topic_rule *rule = &p->topics[p->topic_count++];
    *rule = (struct topic_rule){ 0 };
    if (read_pattern(r, text, &rule->topic, &why)) {
        return yaml_error(at, r->err, "%s", why.text);
    }
    return when ? condition_new(when, &rule->when, r->err) : ERR_OK;
}

static enum err read_topics(const struct reading *r, struct agent_plan *p,
                            const struct kafka_settings *s)
{
    const struct yaml_node *at = p->cfg->output_kafka;
    for (const struct yaml_node *n = s->topics ? s->topics->child : NULL; n; n = n->next) {
        const struct yaml_node *topic = scalar_of(n, "topic");
        if (!topic) {
            return yaml_error(n, r->err, "each item of topics is {topic: name, when: condition}");
        }
        enum err rc = add_topic(r, p, n, (const char *)topic->text.ptr, yaml_get(n, "when"));
        if (rc) {
            return rc;
        }
    }
    if (s->topic) {
        return add_topic(r, p, at, s->topic, NULL);
    }
    return p->topic_count ? ERR_OK : yaml_error(at, r->err, "output.kafka needs a topic");
}

static void put_header_text(struct writer *w, struct slice text)
{
    writer_varint(w, (int32_t)text.len);
    writer_bytes(w, text.ptr, text.len);
}

static enum err read_headers(const struct reading *r, struct agent_plan *p,
                             const struct yaml_node *list)
{
    struct writer w;
    writer_init(&w, &p->headers);
    for (const struct yaml_node *n = list ? list->child : NULL; n; n = n->next) {
        const struct yaml_node *key = scalar_of(n, "key"), *value = scalar_of(n, "value");
        if (!key || !value) {
            return yaml_error(n, r->err, "each item of headers is {key: name, value: text}");
        }
        put_header_text(&w, key->text);
        put_header_text(&w, value->text);
        p->kafka.header_count++;
    }
    p->kafka.headers = p->kafka.header_count ? buf_slice(&p->headers) : slice_null();
    return ERR_OK;
}

static enum err read_partition(const struct reading *r, struct agent_plan *p,
                               const struct yaml_node *at, bool has_key)
{
    p->kafka.partition = has_key ? PARTITION_BY_KEY : PARTITION_BY_FILE;
    p->kafka.group_events = 1;
    if (!at || at->kind == YAML_NULL) {
        return ERR_OK;
    }
    const struct yaml_node *how = at->kind == YAML_MAPPING ? at->child : NULL;
    if (!how || at->child_count != 1) {
        return yaml_error(at, r->err, "partition is one of hash, round_robin and random");
    }
    const struct yaml_node *group =
        how->kind == YAML_MAPPING ? yaml_get(how, "group_events") : NULL;
    int64_t events = 1;
    if (group && (units_int(group->text, &events) || events < 1 || events > 1 << 30)) {
        return yaml_error(group, r->err, "group_events is a number from 1");
    }
    p->kafka.group_events = (uint32_t)events;
    if (slice_eq_str(how->key, "round_robin")) {
        p->kafka.partition = PARTITION_ROUND_ROBIN;
    } else if (slice_eq_str(how->key, "random")) {
        p->kafka.partition = PARTITION_RANDOM;
    } else if (!slice_eq_str(how->key, "hash")) {
        return yaml_error(how, r->err, "partition is one of hash, round_robin and random");
    } else {
        const struct yaml_node *by = how->kind == YAML_MAPPING ? yaml_get(how, "hash") : NULL;
        for (const struct yaml_node *n = by ? by->child : NULL; n; n = n->next) {
            if (!slice_eq_str(n->text, "log.file.path")) {
                return yaml_error(n, r->err,
                                  "hash is by log.file.path only; for another field set "
                                  "key: '%%{[field]}'");
            }
            p->kafka.partition = PARTITION_BY_FILE;
        }
    }
    return ERR_OK;
}

static enum err refuse_security(const struct reading *r, const struct agent_plan *p,
                                const struct kafka_settings *s)
{
    const struct yaml_node *enabled = s->ssl ? yaml_get(s->ssl, "enabled") : NULL;
    if (s->username || s->password || s->sasl) {
        return yaml_error(p->cfg->output_kafka, r->err,
                          "output.kafka: this version cannot log in (SASL) to a broker; remove "
                          "username, password and sasl, and use a listener without");
    }
    if (s->ssl && !(enabled && slice_eq_str(enabled->text, "false"))) {
        return yaml_error(s->ssl, r->err,
                          "output.kafka: this version has no TLS; remove ssl, and use "
                          "a plaintext listener");
    }
    return ERR_OK;
}

static enum err read_kafka(const struct reading *r, struct agent_plan *p)
{
    struct kafka_settings s;
    struct error why;
    enum err rc = load(r, &kafka_table, p->cfg->output_kafka, &s);
    rc = rc ? rc : refuse_security(r, p, &s);
    rc = rc ? rc : read_topics(r, p, &s);
    rc = rc ? rc : read_headers(r, p, s.headers);
    rc = rc ? rc : read_partition(r, p, s.partition, s.key != NULL);
    if (rc) {
        return rc;
    }
    if ((s.key && read_pattern(r, s.key, &p->key, &why)) ||
        (s.format && read_pattern(r, s.format, &p->format, &why))) {
        return yaml_error(p->cfg->output_kafka, r->err, "%s", why.text);
    }
    static const enum codec codecs[] = { CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4,
                                         CODEC_ZSTD };
    int64_t linger_ms = s.bulk_flush_ms ? s.bulk_flush_ms : p->cfg->queue_flush_ms;
    size_t max = (size_t)s.max_message_bytes;
    p->output = OUTPUT_KAFKA;
    p->kafka.values_are_json = !p->format;
    p->kafka.client = (struct client_config){
        .bootstrap = s.hosts.items,
        .bootstrap_count = s.hosts.count,
        .client_id = s.client_id,
        .request_timeout_ns = (uint64_t)s.timeout_ms * NS_PER_MS,
        .metadata_max_age_ns = (uint64_t)s.refresh_ms * NS_PER_MS,
        .backoff_ns = (uint64_t)s.backoff_init_ms * NS_PER_MS,
        .backoff_max_ns = (uint64_t)s.backoff_max_ms * NS_PER_MS,
        .allow_auto_topic_creation = true,
    };
    p->kafka.producer = (struct producer_config){
        .acks = (int16_t)s.required_acks,
        .idempotence = s.required_acks == -1,
        .codec = codecs[s.compression],
        .level = (int)s.compression_level,
        .batch_bytes_max = max < 1000 << 10 ? 1000 << 10 : max,
        .record_bytes_max = max,
        .linger_ns = (uint64_t)linger_ms * NS_PER_MS,
        .buffer_bytes_max = (size_t)p->cfg->queue_bytes,
    };
    return ERR_OK;
}

static enum err read_file_output(const struct reading *r, struct agent_plan *p)
{
    struct file_settings s;
    struct error why;
    enum err rc = load(r, &file_table, p->cfg->output_file, &s);
    if (rc) {
        return rc;
    }
    struct buf path = { 0 };
    buf_printf(&path, "%s/%s.ndjson", s.path, s.filename);
    p->file_path = (const char *)arena_copy(r->arena, buf_slice(&path)).ptr;
    buf_deinit(&path);
    p->output = OUTPUT_FILE;
    return s.format && read_pattern(r, s.format, &p->format, &why)
               ? yaml_error(p->cfg->output_file, r->err, "%s", why.text)
               : ERR_OK;
}

static enum err read_console(const struct reading *r, struct agent_plan *p)
{
    struct console_settings s;
    struct error why;
    enum err rc = load(r, &console_table, p->cfg->output_console, &s);
    p->output = OUTPUT_CONSOLE;
    return rc ? rc
           : s.format && read_pattern(r, s.format, &p->format, &why)
               ? yaml_error(p->cfg->output_console, r->err, "%s", why.text)
               : ERR_OK;
}

static bool is_enabled(const struct yaml_node *output)
{
    const struct yaml_node *enabled =
        output && output->kind == YAML_MAPPING ? yaml_get(output, "enabled") : NULL;
    return output && !(enabled && slice_eq_str(enabled->text, "false"));
}

static enum err read_output(const struct reading *r, struct agent_plan *p)
{
    const struct agent_config *c = p->cfg;
    if (is_enabled(c->output_elasticsearch) || is_enabled(c->output_logstash)) {
        return yaml_error(c->output_elasticsearch ? c->output_elasticsearch : c->output_logstash,
                          r->err,
                          "the agent sends to Kafka only: write output.kafka, and let "
                          "logboom-connect (or Logstash) read from there");
    }
    int count =
        is_enabled(c->output_kafka) + is_enabled(c->output_file) + is_enabled(c->output_console);
    if (count != 1) {
        return err_set(r->err, ERR_CONFIG, "%s",
                       count ? "more than one output: keep one of output.kafka, output.file and "
                               "output.console"
                             : "no output: write for example output.kafka: {hosts: "
                               "[\"127.0.0.1:9092\"], topic: logs}");
    }
    return is_enabled(c->output_kafka)  ? read_kafka(r, p)
           : is_enabled(c->output_file) ? read_file_output(r, p)
                                        : read_console(r, p);
}

/* --- the whole -------------------------------------------------------------------------------- */

static enum err read_registry(const struct reading *r, struct agent_plan *p)
{
    const struct agent_config *c = p->cfg;
    char *end = NULL;
    unsigned long mode = strtoul(c->registry_mode, &end, 8);
    if (*end || mode == 0 || mode > 0777) {
        return err_set(r->err, ERR_CONFIG,
                       "filebeat.registry.file_permissions: \"%s\" is no octal mode like 0600",
                       c->registry_mode);
    }
    if (strstr(c->path_data, "${path.") || strstr(c->registry_path, "${path.")) {
        return err_set(r->err, ERR_CONFIG,
                       "path.data and filebeat.registry.path: there is no ${path.home} & co here; "
                       "write the directory itself");
    }
    p->registry_mode = (unsigned)mode;
    struct buf dir = { 0 };
    if (c->registry_path[0] != '/') {
        buf_printf(&dir, "%s/", c->path_data);
    }
    buf_append_str(&dir, c->registry_path);
    p->registry_dir = (const char *)arena_copy(r->arena, buf_slice(&dir)).ptr;
    buf_deinit(&dir);
    return ERR_OK;
}

static enum err check_encoders(const struct agent_plan *p, struct error *err)
{
    static const struct agent_facts facts = { "name", "id", "ephemeral", "version" };
    for (size_t i = 0; i < p->input_count; i++) {
        struct encoder *e = NULL;
        enum err rc = p->inputs[i].cfg.enabled
                          ? agent_plan_encoder(p, &p->inputs[i], &facts, &e, err)
                          : ERR_OK;
        encoder_free(e);
        if (rc) {
            return rc;
        }
    }
    return ERR_OK;
}

enum err agent_plan_init(struct agent_plan *p, const struct agent_config *cfg, struct arena *arena,
                         plan_warn *warn, void *warn_ctx, struct error *err)
{
    struct error local;
    struct reading r = { arena, warn, warn_ctx, err ? err : &local };
    *p = (struct agent_plan){ .cfg = cfg };
    enum err rc = read_registry(&r, p);
    rc = rc ? rc : processors_init(&p->processors, cfg->processors, arena, warn, warn_ctx, r.err);
    rc = rc ? rc : read_inputs(&r, p);
    rc = rc ? rc : read_output(&r, p);
    rc = rc ? rc : check_encoders(p, r.err);
    if (rc) {
        agent_plan_deinit(p);
    }
    return rc;
}

void agent_plan_deinit(struct agent_plan *p)
{
    for (size_t i = 0; i < p->input_count; i++) {
        struct input_plan *in = &p->inputs[i];
        processors_deinit(&in->processors);
        if (!in->taken) {
            regex_set_deinit(&in->filestream.exclude_files);
            regex_set_deinit(&in->filestream.include_files);
            parse_config_deinit(&in->filestream.parse);
        }
    }
    for (size_t i = 0; i < p->topic_count; i++) {
        condition_free(p->topics[i].when);
    }
    mem_free(p->topics);
    mem_free(p->inputs);
    processors_deinit(&p->processors);
    buf_deinit(&p->headers);
    *p = (struct agent_plan){ 0 };
}

enum err agent_plan_encoder(const struct agent_plan *p, const struct input_plan *in,
                            const struct agent_facts *facts, struct encoder **ret_encoder,
                            struct error *err)
{
    struct encoder_config cfg = {
        .agent = facts,
        .input_type = "filestream",
        .fields = in->cfg.fields,
        .fields_under_root = in->cfg.fields_under_root,
        .tags = in->cfg.tags.items,
        .tag_count = in->cfg.tags.count,
        .global_fields = p->cfg->fields,
        .global_fields_under_root = p->cfg->fields_under_root,
        .global_tags = p->cfg->tags.items,
        .global_tag_count = p->cfg->tags.count,
        .disable_host = p->cfg->disable_host,
        .ndjson = in->ndjson,
        .processors = &in->processors,
        .global_processors = &p->processors,
        .format = p->format,
        .topics = p->topics,
        .topic_count = p->topic_count,
        .key = p->key,
        .value_bytes_max = p->output == OUTPUT_KAFKA ? p->kafka.producer.record_bytes_max : 0,
    };
    enum err rc = encoder_new(&cfg, ret_encoder, err);
    return rc ? err_wrap(err, "input %s", in->cfg.id) : ERR_OK;
}

void agent_plan_print_help(FILE *out)
{
    static const struct config_table *const tables[] = { &input_table,     &container_table,
                                                         &multiline_table, &ndjson_table,
                                                         &kafka_table,     &file_table,
                                                         &console_table };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        fprintf(out, "\n%s:\n", tables[i]->title);
        config_print_help(tables[i], out);
    }
    processors_print_help(out);
}
