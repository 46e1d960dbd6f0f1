/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processors.c - the kinds of processors, in Filebeat's spelling. Driven by processor.c.
 *
 * Each kind is: its settings (a config table), what else to prepare, and what it does to an event.
 * Failures leave the event unchanged; kinds that say so put the reason into error.message.
 */
#include "agent/process/processor.h"
#include "protocol/base/alloc.h"
#include "protocol/event/dissect.h"
#include "protocol/event/regex.h"
#include "protocol/event/time_format.h"
#include "protocol/event/time_layout.h"
#include "protocol/event/value.h"

#define TABLE(title_, struct_, rows_)                                                              \
    {                                                                                              \
        title_, rows_, sizeof(rows_) / sizeof((rows_)[0]), sizeof(struct struct_)                  \
    }

static void fail(struct event *e, const char *what, struct slice field)
{
    char text[256];
    int n = snprintf(text, sizeof(text), "%s [%.*s]", what,
                     (int)(field.len > 128 ? 128 : field.len), (const char *)field.ptr);
    struct slice copy = arena_copy(e->arena, slice_of(text, (size_t)n));
    if (!slice_is_null(copy)) {
        event_set_text(e, "error.message", copy);
    }
}

static struct json_value *get(struct event *e, const char *path)
{
    return json_get_path(e->root, slice_str(path));
}

static void set(struct event *e, struct slice path, struct json_value *v)
{
    if (v) {
        (void)json_set_path(e->root, e->arena, path, v);
    }
}

/* --- add_fields, add_labels, add_tags, drop_event --------------------------------------------- */

struct add_fields {
#define C CONFIG_MEMBER
#define PROCESSOR_ADD_FIELDS
#include "agent/process/processors.def"
#undef PROCESSOR_ADD_FIELDS
#undef C
};
#define CONFIG_STRUCT add_fields
#define C             CONFIG_ROW
static const struct config_row add_fields_rows[] = {
#define PROCESSOR_ADD_FIELDS
#include "agent/process/processors.def"
#undef PROCESSOR_ADD_FIELDS
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table add_fields_table =
    TABLE("processor add_fields", add_fields, add_fields_rows);

static void add_fields_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct add_fields *cfg = config;
    struct json_value *v = value_from_yaml(cfg->fields, e->arena);
    if (v && v->kind == JSON_OBJECT) {
        (void)value_merge(e->root, e->arena, slice_str(cfg->target ? cfg->target : ""), v, true);
    }
}

struct add_labels {
#define C CONFIG_MEMBER
#define PROCESSOR_ADD_LABELS
#include "agent/process/processors.def"
#undef PROCESSOR_ADD_LABELS
#undef C
};
#define CONFIG_STRUCT add_labels
#define C             CONFIG_ROW
static const struct config_row add_labels_rows[] = {
#define PROCESSOR_ADD_LABELS
#include "agent/process/processors.def"
#undef PROCESSOR_ADD_LABELS
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table add_labels_table =
    TABLE("processor add_labels", add_labels, add_labels_rows);

static void add_labels_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct add_labels *cfg = config;
    struct json_value *v = value_from_yaml(cfg->labels, e->arena);
    if (v && v->kind == JSON_OBJECT) {
        (void)value_merge(e->root, e->arena, slice_str("labels"), v, true);
    }
}

struct add_tags {
#define C CONFIG_MEMBER
#define PROCESSOR_ADD_TAGS
#include "agent/process/processors.def"
#undef PROCESSOR_ADD_TAGS
#undef C
};
#define CONFIG_STRUCT add_tags
#define C             CONFIG_ROW
static const struct config_row add_tags_rows[] = {
#define PROCESSOR_ADD_TAGS
#include "agent/process/processors.def"
#undef PROCESSOR_ADD_TAGS
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table add_tags_table =
    TABLE("processor add_tags", add_tags, add_tags_rows);

static void add_tags_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct add_tags *cfg = config;
    for (size_t i = 0; i < cfg->tags.count; i++) {
        event_add_to_list(e, cfg->target, slice_str(cfg->tags.items[i]));
    }
}

static void drop_event_run(const void *config, const struct host_facts *host, struct event *e)
{
    e->dropped = true;
}

/* --- drop_fields, rename, copy_fields --------------------------------------------------------- */

struct drop_fields {
#define C CONFIG_MEMBER
#define PROCESSOR_DROP_FIELDS
#include "agent/process/processors.def"
#undef PROCESSOR_DROP_FIELDS
#undef C
};
#define CONFIG_STRUCT drop_fields
#define C             CONFIG_ROW
static const struct config_row drop_fields_rows[] = {
#define PROCESSOR_DROP_FIELDS
#include "agent/process/processors.def"
#undef PROCESSOR_DROP_FIELDS
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table drop_fields_table =
    TABLE("processor drop_fields", drop_fields, drop_fields_rows);

static void drop_fields_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct drop_fields *cfg = config;
    for (size_t i = 0; i < cfg->fields.count; i++) {
        (void)json_remove_path(e->root, slice_str(cfg->fields.items[i]));
    }
}

struct rename_fields {
#define C CONFIG_MEMBER
#define PROCESSOR_RENAME
#include "agent/process/processors.def"
#undef PROCESSOR_RENAME
#undef C
};
#define CONFIG_STRUCT rename_fields
#define C             CONFIG_ROW
static const struct config_row rename_rows[] = {
#define PROCESSOR_RENAME
#include "agent/process/processors.def"
#undef PROCESSOR_RENAME
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table rename_table =
    TABLE("processor rename", rename_fields, rename_rows);

static enum err rename_init(void *config, const struct yaml_node *node, struct arena *arena,
                            struct error *err)
{
    const struct rename_fields *cfg = config;
    if (cfg->fields->kind != YAML_SEQUENCE) {
        return yaml_error(cfg->fields, err, "fields is a list of {from: name, to: name}");
    }
    for (const struct yaml_node *n = cfg->fields->child; n; n = n->next) {
        const struct yaml_node *from = yaml_get(n, "from"), *to = yaml_get(n, "to");
        if (!from || !to || from->kind != YAML_SCALAR || to->kind != YAML_SCALAR) {
            return yaml_error(n, err, "each item is {from: name, to: name}");
        }
    }
    return ERR_OK;
}

static void move_fields(const struct rename_fields *cfg, struct event *e, bool keep)
{
    for (const struct yaml_node *n = cfg->fields->child; n; n = n->next) {
        struct slice from = yaml_get(n, "from")->text, to = yaml_get(n, "to")->text;
        struct json_value *v = json_get_path(e->root, from);
        if (!v || json_get_path(e->root, to)) {
            if (v || !cfg->ignore_missing) {
                fail(e, v ? "rename: the target is there already" : "rename: no such field",
                     v ? to : from);
                if (cfg->fail_on_error) {
                    return;
                }
            }
            continue;
        }
        if (keep) {
            v = value_copy(e->arena, v);
        } else {
            v = json_remove_path(e->root, from);
            v->next = NULL;
        }
        set(e, to, v);
    }
}

static void rename_run(const void *config, const struct host_facts *host, struct event *e)
{
    move_fields(config, e, false);
}

static void copy_fields_run(const void *config, const struct host_facts *host, struct event *e)
{
    move_fields(config, e, true);
}

/* --- dissect ---------------------------------------------------------------------------------- */

struct dissect_config {
#define C CONFIG_MEMBER
#define PROCESSOR_DISSECT
#include "agent/process/processors.def"
#undef PROCESSOR_DISSECT
#undef C
    struct dissect dissect;
};
#define CONFIG_STRUCT dissect_config
#define C             CONFIG_ROW
static const struct config_row dissect_rows[] = {
#define PROCESSOR_DISSECT
#include "agent/process/processors.def"
#undef PROCESSOR_DISSECT
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table dissect_table =
    TABLE("processor dissect", dissect_config, dissect_rows);

static enum err dissect_config_init(void *config, const struct yaml_node *node, struct arena *arena,
                                    struct error *err)
{
    struct dissect_config *cfg = config;
    struct error why;
    return dissect_init(&cfg->dissect, cfg->tokenizer, cfg->target_prefix, arena, &why)
               ? yaml_error(node, err, "dissect: %s", why.text)
               : ERR_OK;
}

static struct slice trim(struct slice s, int64_t where)
{
    while ((where & 1) && s.len && *s.ptr == ' ') {
        s = slice_from(s, 1);
    }
    while ((where & 2) && s.len && s.ptr[s.len - 1] == ' ') {
        s.len--;
    }
    return s;
}

static void dissect_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct dissect_config *cfg = config;
    const struct dissect *d = &cfg->dissect;
    struct slice text = value_text(get(e, cfg->field)), values[DISSECT_PARTS_MAX];
    if (slice_is_null(text) || dissect_cut(d, text, values)) {
        if (!cfg->ignore_failure) {
            event_add_to_list(e, "log.flags", slice_str("dissect_parsing_error"));
        }
        return;
    }
    for (size_t i = 0; i < d->count; i++) {
        if (!slice_is_null(d->parts[i].name)) {
            (void)dissect_store(&d->parts[i], trim(values[i], cfg->trim_values), e->root, e->arena,
                                cfg->overwrite_keys);
        }
    }
}

/* --- timestamp -------------------------------------------------------------------------------- */

struct timestamp_config {
#define C CONFIG_MEMBER
#define PROCESSOR_TIMESTAMP
#include "agent/process/processors.def"
#undef PROCESSOR_TIMESTAMP
#undef C
    struct time_layout *compiled; /* one for each of layouts */
    int64_t offset_ms;
};
#define CONFIG_STRUCT timestamp_config
#define C             CONFIG_ROW
static const struct config_row timestamp_rows[] = {
#define PROCESSOR_TIMESTAMP
#include "agent/process/processors.def"
#undef PROCESSOR_TIMESTAMP
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table timestamp_table =
    TABLE("processor timestamp", timestamp_config, timestamp_rows);

static enum err timestamp_init(void *config, const struct yaml_node *node, struct arena *arena,
                               struct error *err)
{
    struct timestamp_config *cfg = config;
    cfg->compiled = arena_array(arena, cfg->layouts.count, sizeof(*cfg->compiled));
    if (!cfg->compiled) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    for (size_t i = 0; i < cfg->layouts.count; i++) {
        struct error why;
        if (time_layout_compile(cfg->layouts.items[i], &cfg->compiled[i], &why)) {
            return yaml_error(node, err, "timestamp: %s", why.text);
        }
    }
    if (!time_parse_offset(slice_str(cfg->timezone), &cfg->offset_ms)) {
        return yaml_error(node, err, "timezone \"%s\" is neither UTC nor an offset like +02:00",
                          cfg->timezone);
    }
    return ERR_OK;
}

static void timestamp_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct timestamp_config *cfg = config;
    struct slice text = value_text(get(e, cfg->field));
    if (slice_is_null(text)) {
        if (!cfg->ignore_missing && !cfg->ignore_failure) {
            fail(e, "timestamp: no such field", slice_str(cfg->field));
        }
        return;
    }
    for (size_t i = 0; i < cfg->layouts.count; i++) {
        int64_t wall_ms;
        char formatted[TIME_ISO_BYTES];
        if (!time_layout_parse(&cfg->compiled[i], text, cfg->offset_ms, e->time_ms, &wall_ms)) {
            continue;
        }
        time_format_iso(wall_ms, formatted);
        struct slice copy = arena_copy(e->arena, slice_of(formatted, TIME_ISO_LEN));
        if (!slice_is_null(copy)) {
            event_set_text(e, cfg->target_field, copy);
            if (strcmp(cfg->target_field, "@timestamp") == 0) {
                e->time_ms = wall_ms;
            }
        }
        return;
    }
    if (!cfg->ignore_failure) {
        fail(e, "timestamp: the text fits none of the layouts", slice_str(cfg->field));
    }
}

/* --- decode_json_fields ----------------------------------------------------------------------- */

struct decode_json {
#define C CONFIG_MEMBER
#define PROCESSOR_DECODE_JSON
#include "agent/process/processors.def"
#undef PROCESSOR_DECODE_JSON
#undef C
};
#define CONFIG_STRUCT decode_json
#define C             CONFIG_ROW
static const struct config_row decode_json_rows[] = {
#define PROCESSOR_DECODE_JSON
#include "agent/process/processors.def"
#undef PROCESSOR_DECODE_JSON
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table decode_json_table =
    TABLE("processor decode_json_fields", decode_json, decode_json_rows);

static void decode_json_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct decode_json *cfg = config;
    for (size_t i = 0; i < cfg->fields.count; i++) {
        const char *field = cfg->fields.items[i];
        struct slice text = value_text(get(e, field));
        struct json_value *v = NULL;
        if (slice_is_null(text)) {
            continue;
        }
        if (json_parse(text, e->arena, &v, NULL) ||
            (v->kind != JSON_OBJECT && !(v->kind == JSON_ARRAY && cfg->process_array))) {
            if (cfg->add_error_key) {
                fail(e, "decode_json_fields: no JSON in", slice_str(field));
            }
            continue;
        }
        if (v->kind == JSON_OBJECT && cfg->target) {
            (void)value_merge(e->root, e->arena, slice_str(cfg->target), v, cfg->overwrite_keys);
        } else {
            set(e, slice_str(cfg->target && *cfg->target ? cfg->target : field), v);
        }
    }
}

/* --- add_host_metadata ------------------------------------------------------------------------ */

struct host_config {
#define C CONFIG_MEMBER
#define PROCESSOR_HOST
#include "agent/process/processors.def"
#undef PROCESSOR_HOST
#undef C
};
#define CONFIG_STRUCT host_config
#define C             CONFIG_ROW
static const struct config_row host_rows[] = {
#define PROCESSOR_HOST
#include "agent/process/processors.def"
#undef PROCESSOR_HOST
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table host_table =
    TABLE("processor add_host_metadata", host_config, host_rows);

static void host_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct host_config *cfg = config;
    const struct {
        const char *path, *text;
    } facts[] = {
        { "host.name", host->name },
        { "host.hostname", host->name },
        { "host.id", host->id },
        { "host.architecture", host->architecture },
        { "host.os.type", host->os_type },
        { "host.os.kernel", host->kernel },
        { "host.os.name", host->os_name },
        { "host.os.version", host->os_version },
        { "host.os.family", host->os_family },
    };
    for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
        if (facts[i].text && *facts[i].text && (cfg->replace_fields || !get(e, facts[i].path))) {
            event_set_text(e, facts[i].path, slice_str(facts[i].text));
        }
    }
    if (cfg->geo) {
        set(e, slice_str("host.geo"), value_from_yaml(cfg->geo, e->arena));
    }
}

/* --- truncate_fields, replace ----------------------------------------------------------------- */

struct truncate_config {
#define C CONFIG_MEMBER
#define PROCESSOR_TRUNCATE
#include "agent/process/processors.def"
#undef PROCESSOR_TRUNCATE
#undef C
};
#define CONFIG_STRUCT truncate_config
#define C             CONFIG_ROW
static const struct config_row truncate_rows[] = {
#define PROCESSOR_TRUNCATE
#include "agent/process/processors.def"
#undef PROCESSOR_TRUNCATE
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table truncate_table =
    TABLE("processor truncate_fields", truncate_config, truncate_rows);

static void truncate_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct truncate_config *cfg = config;
    for (size_t i = 0; i < cfg->fields.count; i++) {
        struct json_value *v = get(e, cfg->fields.items[i]);
        size_t max = (size_t)cfg->max_bytes;
        if (!v || v->kind != JSON_STRING || v->text.len <= max) {
            continue;
        }
        while (max > 0 && (v->text.ptr[max] & 0xc0) == 0x80) {
            max--;
        }
        v->text.len = max;
        event_add_to_list(e, "log.flags", slice_str("truncated"));
    }
}

struct replace_rule {
    struct slice field, replacement;
    struct regex *regex;
};

struct replace_config {
#define C CONFIG_MEMBER
#define PROCESSOR_REPLACE
#include "agent/process/processors.def"
#undef PROCESSOR_REPLACE
#undef C
    struct replace_rule *rules;
    size_t rule_count;
};
#define CONFIG_STRUCT replace_config
#define C             CONFIG_ROW
static const struct config_row replace_rows[] = {
#define PROCESSOR_REPLACE
#include "agent/process/processors.def"
#undef PROCESSOR_REPLACE
};
#undef C
#undef CONFIG_STRUCT
static const struct config_table replace_table =
    TABLE("processor replace", replace_config, replace_rows);

static void replace_deinit(void *config)
{
    struct replace_config *cfg = config;
    for (size_t i = 0; i < cfg->rule_count; i++) {
        regex_free(cfg->rules[i].regex);
    }
    mem_free(cfg->rules);
}

static enum err replace_init(void *config, const struct yaml_node *node, struct arena *arena,
                             struct error *err)
{
    struct replace_config *cfg = config;
    cfg->rules = mem_array(cfg->fields->child_count + 1, sizeof(*cfg->rules));
    for (const struct yaml_node *n = cfg->fields->child; n; n = n->next) {
        const struct yaml_node *field = yaml_get(n, "field"), *pattern = yaml_get(n, "pattern");
        const struct yaml_node *with = yaml_get(n, "replacement");
        struct error why = { 0 };
        struct replace_rule *rule = &cfg->rules[cfg->rule_count];
        if (!field || !pattern || !with ||
            regex_new((const char *)pattern->text.ptr, &rule->regex, &why)) {
            replace_deinit(cfg);
            return yaml_error(n, err, "%s",
                              why.text[0] ? why.text
                                          : "each item is {field, pattern, replacement}");
        }
        rule->field = field->text;
        rule->replacement = with->text;
        cfg->rule_count++;
    }
    return ERR_OK;
}

static void replace_run(const void *config, const struct host_facts *host, struct event *e)
{
    const struct replace_config *cfg = config;
    struct buf out = { 0 };
    for (size_t i = 0; i < cfg->rule_count; i++) {
        const struct replace_rule *rule = &cfg->rules[i];
        struct json_value *v = json_get_path(e->root, rule->field);
        if (!v || v->kind != JSON_STRING) {
            if (!cfg->ignore_missing) {
                fail(e, "replace: no such text field", rule->field);
            }
            continue;
        }
        size_t at = 0, begin, end;
        buf_reset(&out);
        while (at <= v->text.len && regex_find(rule->regex, v->text, at, &begin, &end)) {
            buf_append(&out, v->text.ptr + at, begin - at);
            buf_append_slice(&out, rule->replacement);
            if (end == begin && begin < v->text.len) {
                buf_append_byte(&out, v->text.ptr[begin]);
            }
            at = end > begin ? end : end + 1;
        }
        buf_append_slice(&out, slice_from(v->text, at));
        struct slice copy = arena_copy(e->arena, buf_slice(&out));
        if (!slice_is_null(copy)) {
            v->text = copy;
        }
    }
    buf_deinit(&out);
}

/* --- the list --------------------------------------------------------------------------------- */

const struct processor_kind processor_kinds[] = {
    { "add_fields", sizeof(struct add_fields), &add_fields_table, NULL, NULL, add_fields_run,
      .constant = true },
    { "add_tags", sizeof(struct add_tags), &add_tags_table, NULL, NULL, add_tags_run,
      .constant = true },
    { "add_labels", sizeof(struct add_labels), &add_labels_table, NULL, NULL, add_labels_run,
      .constant = true },
    { "add_host_metadata", sizeof(struct host_config), &host_table, NULL, NULL, host_run,
      .constant = true },
    { "drop_fields", sizeof(struct drop_fields), &drop_fields_table, NULL, NULL, drop_fields_run,
      .constant = true },
    { "rename", sizeof(struct rename_fields), &rename_table, rename_init, NULL, rename_run,
      .constant = true },
    { "copy_fields", sizeof(struct rename_fields), &rename_table, rename_init, NULL,
      copy_fields_run, .constant = true },
    { "drop_event", 0, NULL, NULL, NULL, drop_event_run },
    { "dissect", sizeof(struct dissect_config), &dissect_table, dissect_config_init, NULL,
      dissect_run },
    { "timestamp", sizeof(struct timestamp_config), &timestamp_table, timestamp_init, NULL,
      timestamp_run },
    { "decode_json_fields", sizeof(struct decode_json), &decode_json_table, NULL, NULL,
      decode_json_run },
    { "truncate_fields", sizeof(struct truncate_config), &truncate_table, NULL, NULL,
      truncate_run },
    { "replace", sizeof(struct replace_config), &replace_table, replace_init, replace_deinit,
      replace_run },
    { .name = "add_cloud_metadata", .ignored = true },
    { .name = "add_docker_metadata", .ignored = true },
    { .name = "add_kubernetes_metadata", .ignored = true },
    { .name = "add_process_metadata", .ignored = true },
    { .name = "add_locale", .ignored = true },
};
const size_t processor_kind_count = sizeof(processor_kinds) / sizeof(processor_kinds[0]);
