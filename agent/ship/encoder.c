/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encoder.c - see encoder.h. Driven by input/harvester.c for every line.
 *
 * A template is the event's JSON with marks in the place of what varies, cut at the marks. It is
 * made by the same code that builds a single event, processors included, so that the two ways
 * cannot differ; there is one per combination of line flags.
 *
 * Invariants:
 * I1. For a given line the three modes carry the same message bytes; JSON replaces what is no
 * UTF-8. I2. event.id depends on the file's id and the line's offset alone.
 * I3. In template and bare mode nothing is allocated per event once the buffers have grown.
 */
#include "agent/ship/encoder.h"

#include "protocol/base/alloc.h"
#include "protocol/event/time_format.h"
#include "protocol/event/value.h"

#include <assert.h>
#include <inttypes.h>

enum slot {
    SLOT_TIME,
    SLOT_MESSAGE,
    SLOT_OFFSET,
    SLOT_PATH,
    SLOT_INODE,
    SLOT_DEVICE,
    SLOT_EVENT_ID,
    SLOT_COUNT
};
/* Nobody writes this into a configuration. */
#define MARK "@~logboom-8d3f1c-slot-"
enum { MARK_BYTES = sizeof(MARK), TREE_BYTES_MAX = 256 << 20 };

struct piece_of_template {
    struct slice before; /* JSON up to the slot */
    enum slot slot;
};

struct event_template {
    uint8_t *json;
    struct piece_of_template *pieces;
    size_t piece_count;
    struct slice end;
};

struct encoder {
    struct encoder_config cfg;
    enum encoder_mode mode;
    struct event_template templates[LINE_FLAGS_ALL + 1];
    struct arena arena; /* one event's tree */
    struct buf value, key, topic;
    struct buf fixed_topic;
    struct route fixed_route;   /* when the topic never varies */
    struct route varying_route; /* its text in `topic` */
    int64_t time_ms;
    char time_text[TIME_ISO_BYTES];
};

/* --- one event as a tree ---------------------------------------------------------------------- */

struct slots {
    struct slice values[SLOT_COUNT];
    uint64_t offset;
    bool marks; /* values are marks, the offset too */
};

static void add_flags(struct event *ev, unsigned flags)
{
    if (flags & LINE_TRUNCATED) {
        event_add_to_list(ev, "log.flags", slice_str("truncated"));
    }
    if (flags & LINE_MULTILINE) {
        event_add_to_list(ev, "log.flags", slice_str("multiline"));
    }
}

static void add_fields(struct event *ev, const struct yaml_node *fields, bool under_root)
{
    struct json_value *v = fields ? value_from_yaml(fields, ev->arena) : NULL;
    if (v && v->kind == JSON_OBJECT) {
        (void)value_merge(ev->root, ev->arena, slice_str(under_root ? "" : "fields"), v, true);
    }
}

static void add_constants(const struct encoder_config *cfg, struct event *ev)
{
    event_set_text(ev, "input.type", slice_str(cfg->input_type));
    for (size_t i = 0; i < cfg->global_tag_count; i++) {
        event_add_to_list(ev, "tags", slice_str(cfg->global_tags[i]));
    }
    for (size_t i = 0; i < cfg->tag_count; i++) {
        event_add_to_list(ev, "tags", slice_str(cfg->tags[i]));
    }
    add_fields(ev, cfg->global_fields, cfg->global_fields_under_root);
    add_fields(ev, cfg->fields, cfg->fields_under_root);
    event_set_text(ev, "ecs.version", slice_str("8.0.0"));
    if (!cfg->disable_host) {
        event_set_text(ev, "host.name", slice_str(cfg->agent->name));
    }
    event_set_text(ev, "agent.id", slice_str(cfg->agent->id));
    event_set_text(ev, "agent.ephemeral_id", slice_str(cfg->agent->ephemeral_id));
    event_set_text(ev, "agent.name", slice_str(cfg->agent->name));
    event_set_text(ev, "agent.type", slice_str("logboom-agent"));
    event_set_text(ev, "agent.version", slice_str(cfg->agent->version));
}

static void parse_ndjson(const struct ndjson_config *cfg, struct event *ev, struct slice message)
{
    struct json_value *v = NULL;
    if (json_parse(message, ev->arena, &v, NULL) || v->kind != JSON_OBJECT) {
        if (cfg->add_error_key && !cfg->ignore_decoding_error) {
            event_set_text(ev, "error.message", slice_str("the line is no JSON object"));
            event_set_text(ev, "error.type", slice_str("json"));
        }
        return;
    }
    (void)json_remove_path(ev->root, slice_str("message"));
    if (cfg->document_id) {
        struct slice id = value_text(json_get_path(v, slice_str(cfg->document_id)));
        if (!slice_is_null(id)) {
            event_set_text(ev, "@metadata._id", id);
            (void)json_remove_path(v, slice_str(cfg->document_id));
        }
    }
    if (cfg->message_key) {
        struct slice text = value_text(json_get_path(v, slice_str(cfg->message_key)));
        if (!slice_is_null(text)) {
            event_set_text(ev, "message", text);
        }
    }
    (void)value_merge(ev->root, ev->arena, slice_str(cfg->target ? cfg->target : ""), v,
                      cfg->overwrite_keys);
}

static void build_tree(const struct encoder *e, const struct slots *s, unsigned flags,
                       struct event *ev)
{
    const struct encoder_config *cfg = &e->cfg;
    event_set_text(ev, "@timestamp", s->values[SLOT_TIME]);
    event_set_text(ev, "@metadata.beat", slice_str("logboom-agent"));
    event_set_text(ev, "@metadata.type", slice_str("_doc"));
    event_set_text(ev, "@metadata.version", slice_str(cfg->agent->version));
    if (s->marks) {
        event_set_text(ev, "log.offset", s->values[SLOT_OFFSET]);
    } else {
        struct json_value *offset = json_new_int(ev->arena, (int64_t)s->offset);
        if (offset) {
            (void)json_set_path(ev->root, ev->arena, slice_str("log.offset"), offset);
        }
    }
    event_set_text(ev, "log.file.path", s->values[SLOT_PATH]);
    event_set_text(ev, "log.file.inode", s->values[SLOT_INODE]);
    event_set_text(ev, "log.file.device_id", s->values[SLOT_DEVICE]);
    add_flags(ev, flags);
    event_set_text(ev, "message", s->values[SLOT_MESSAGE]);
    if (flags & (LINE_STDOUT | LINE_STDERR)) {
        event_set_text(ev, "stream", slice_str(flags & LINE_STDOUT ? "stdout" : "stderr"));
    }
    event_set_text(ev, "event.id", s->values[SLOT_EVENT_ID]);
    add_constants(cfg, ev);
    if (cfg->ndjson.enabled && !s->marks) {
        parse_ndjson(&cfg->ndjson, ev, s->values[SLOT_MESSAGE]);
    }
    processors_run(cfg->processors, ev);
    processors_run(cfg->global_processors, ev);
}

static struct event begin_tree(struct encoder *e, int64_t time_ms)
{
    arena_reset(&e->arena);
    struct event ev = { .arena = &e->arena, .time_ms = time_ms };
    ev.root = json_new(ev.arena, JSON_OBJECT);
    assert(ev.root);
    return ev;
}

static void write_tree(const struct event *ev, struct buf *out)
{
    struct json_writer w;
    json_init(&w, out);
    json_write(&w, ev->root);
}

/* --- templates -------------------------------------------------------------------------------- */

static void set_marks(struct slots *s, char text[SLOT_COUNT][MARK_BYTES + 2])
{
    s->marks = true;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        memcpy(text[i], MARK, MARK_BYTES);
        text[i][MARK_BYTES - 1] = (char)('a' + i);
        text[i][MARK_BYTES] = '~';
        s->values[i] = slice_of(text[i], MARK_BYTES + 1);
    }
}

/* Message and offset bring their own quotes, or none. */
static bool takes_quotes(enum slot slot)
{
    return slot == SLOT_MESSAGE || slot == SLOT_OFFSET || slot == SLOT_PATH;
}

static void cut_template(struct event_template *t, struct slice json)
{
    size_t from = 0;
    for (;;) {
        const uint8_t *at = memmem(json.ptr + from, json.len - from, MARK, MARK_BYTES - 1);
        if (!at) {
            t->end = slice_from(json, from);
            return;
        }
        enum slot slot = (enum slot)(at[MARK_BYTES - 1] - 'a');
        size_t pos = (size_t)(at - json.ptr), next = pos + MARK_BYTES + 1;
        if (takes_quotes(slot)) {
            pos--;
            next++;
        }
        t->pieces = mem_rearray(t->pieces, t->piece_count + 1, sizeof(*t->pieces));
        t->pieces[t->piece_count++] =
            (struct piece_of_template){ slice_of(json.ptr + from, pos - from), slot };
        from = next;
    }
}

static const struct event_template *get_template(struct encoder *e, unsigned flags)
{
    struct event_template *t = &e->templates[flags];
    if (!t->json) {
        struct slots s = { 0 };
        char marks[SLOT_COUNT][MARK_BYTES + 2];
        struct buf json = { 0 };
        set_marks(&s, marks);
        struct event ev = begin_tree(e, 0);
        build_tree(e, &s, flags, &ev);
        write_tree(&ev, &json);
        size_t len = json.len;
        t->json = buf_take(&json);
        cut_template(t, slice_of(t->json, len));
    }
    return t;
}

/* Decimal digits; returns their number. */
static size_t format_u64(uint64_t n, char text[24])
{
    char reversed[24];
    size_t len = 0;
    do {
        reversed[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    for (size_t i = 0; i < len; i++) {
        text[i] = reversed[len - 1 - i];
    }
    return len;
}

static void fill_template(struct encoder *e, const struct event_template *t,
                          const struct encoder_source *source, const struct tail_event *line,
                          struct slice message)
{
    char text[EVENT_ID_TEXT_BYTES];
    for (size_t i = 0; i < t->piece_count; i++) {
        buf_append_slice(&e->value, t->pieces[i].before);
        switch (t->pieces[i].slot) {
        case SLOT_TIME:
            buf_append(&e->value, e->time_text, TIME_ISO_LEN);
            break;
        case SLOT_MESSAGE:
            json_append_string(&e->value, message);
            break;
        case SLOT_OFFSET:
            buf_append(&e->value, text, format_u64(line->start, text));
            break;
        case SLOT_PATH:
            json_append_string(&e->value, source->path);
            break;
        case SLOT_INODE:
            buf_append(&e->value, text, format_u64(source->inode, text));
            break;
        case SLOT_DEVICE:
            buf_append(&e->value, text, format_u64(source->device, text));
            break;
        case SLOT_EVENT_ID:
            buf_append(&e->value, text, event_id_format(source->id_text, line->start, text));
            break;
        case SLOT_COUNT:
            break;
        }
    }
    buf_append_slice(&e->value, t->end);
}

/* --- topics ----------------------------------------------------------------------------------- */

static bool choose_topic(const struct encoder *e, const struct event *ev, struct buf *out)
{
    for (size_t i = 0; i < e->cfg.topic_count; i++) {
        const struct topic_rule *rule = &e->cfg.topics[i];
        buf_reset(out);
        if ((!rule->when || event_holds(ev, rule->when)) &&
            event_expand(ev, rule->topic, out) == ERR_OK && out->len > 0) {
            return true;
        }
    }
    return false;
}

static bool topics_vary(const struct encoder_config *cfg)
{
    for (size_t i = 0; i < cfg->topic_count; i++) {
        if (pattern_uses(cfg->topics[i].topic, event_field_varies) ||
            (cfg->topics[i].when && condition_uses(cfg->topics[i].when, event_field_varies))) {
            return true;
        }
    }
    return false;
}

/* --- encoding --------------------------------------------------------------------------------- */

static void set_time(struct encoder *e, int64_t time_ms)
{
    if (e->time_ms != time_ms) {
        e->time_ms = time_ms;
        time_format_iso(time_ms, e->time_text);
    }
}

static enum err encode_tree(struct encoder *e, const struct encoder_source *source,
                            const struct tail_event *line, struct slice message, unsigned flags,
                            struct encoded *out)
{
    char inode[24], device[24], id[EVENT_ID_TEXT_BYTES];
    struct slots s = { .offset = line->start };
    s.values[SLOT_TIME] = slice_of(e->time_text, TIME_ISO_LEN);
    s.values[SLOT_MESSAGE] = message;
    s.values[SLOT_PATH] = source->path;
    s.values[SLOT_INODE] = slice_of(inode, format_u64(source->inode, inode));
    s.values[SLOT_DEVICE] = slice_of(device, format_u64(source->device, device));
    s.values[SLOT_EVENT_ID] = slice_of(id, event_id_format(source->id_text, line->start, id));
    struct event ev = begin_tree(e, e->time_ms);
    build_tree(e, &s, flags, &ev);
    if (ev.dropped) {
        return ERR_CANCELED;
    }
    buf_reset(&e->value);
    if (e->cfg.format) {
        (void)event_expand(&ev, e->cfg.format, &e->value);
    } else {
        write_tree(&ev, &e->value);
    }
    out->time_ms = ev.time_ms;
    out->key = slice_null();
    if (e->cfg.key) {
        buf_reset(&e->key);
        if (event_expand(&ev, e->cfg.key, &e->key) == ERR_OK) {
            out->key = buf_slice(&e->key);
        }
    }
    struct buf chosen = { 0 };
    if (e->cfg.topic_count > 0) {
        if (!choose_topic(e, &ev, &chosen)) {
            buf_deinit(&chosen);
            return ERR_NOT_FOUND;
        }
        if (!slice_eq(buf_slice(&chosen), e->varying_route.topic)) {
            buf_reset(&e->topic);
            buf_append_slice(&e->topic, buf_slice(&chosen));
            e->varying_route = (struct route){ buf_slice(&e->topic), NULL };
        }
    }
    buf_deinit(&chosen);
    out->route = &e->varying_route;
    return ERR_OK;
}

static enum err encode_once(struct encoder *e, const struct encoder_source *source,
                            const struct tail_event *line, struct slice message, unsigned flags,
                            struct encoded *out)
{
    *out = (struct encoded){ .route = &e->fixed_route, .time_ms = e->time_ms };
    switch (e->mode) {
    case ENCODER_BARE:
        out->value = message.ptr ? message : slice_of("", 0);
        return ERR_OK;
    case ENCODER_TEMPLATE:
        buf_reset(&e->value);
        fill_template(e, get_template(e, flags), source, line, message);
        break;
    case ENCODER_TREE: {
        enum err rc = encode_tree(e, source, line, message, flags, out);
        if (rc) {
            return rc;
        }
        break;
    }
    }
    out->value = buf_slice(&e->value);
    return ERR_OK;
}

enum err encoder_encode(struct encoder *e, const struct encoder_source *source,
                        const struct tail_event *line, int64_t time_ms, struct encoded *ret_encoded)
{
    struct encoded out;
    struct slice message = line->text;
    unsigned flags = line->flags & LINE_FLAGS_ALL;
    bool cut = false;
    set_time(e, time_ms);
    for (;;) {
        enum err rc = encode_once(e, source, line, message, flags, &out);
        if (rc) {
            return rc;
        }
        size_t len = out.value.len + out.key.len, max = e->cfg.value_bytes_max;
        if (max == 0 || len <= max) {
            break;
        }
        if (message.len == 0) {
            return ERR_LIMIT;
        }
        /* Escapes may make the message longer than it is: come nearer by the ratio. */
        size_t around = len > message.len ? len - message.len : 0;
        size_t keep = message.len / 2;
        if (around < max && message.len > max - around) {
            keep = max - around;
        }
        message.len = keep < message.len ? keep : message.len / 2;
        flags |= LINE_TRUNCATED;
        cut = true;
    }
    out.cut = cut;
    *ret_encoded = out;
    return ERR_OK;
}

enum encoder_mode encoder_mode(const struct encoder *e)
{
    return e->mode;
}

/* --- life ------------------------------------------------------------------------------------- */

static enum encoder_mode choose_mode(const struct encoder_config *cfg)
{
    bool constant = processors_are_constant(cfg->processors) &&
                    processors_are_constant(cfg->global_processors) && !cfg->ndjson.enabled &&
                    !cfg->key && !topics_vary(cfg);
    if (!constant) {
        return ENCODER_TREE;
    }
    if (!cfg->format) {
        return ENCODER_TEMPLATE;
    }
    return pattern_is_field(cfg->format, "message") ? ENCODER_BARE : ENCODER_TREE;
}

enum err encoder_new(const struct encoder_config *cfg, struct encoder **ret_encoder,
                     struct error *err)
{
    struct encoder *e = mem_zalloc(sizeof(*e));
    e->cfg = *cfg;
    e->mode = choose_mode(cfg);
    e->time_ms = -1;
    arena_init(&e->arena, TREE_BYTES_MAX);
    if (e->mode != ENCODER_TREE && cfg->topic_count > 0) {
        struct slots s = { 0 };
        char marks[SLOT_COUNT][MARK_BYTES + 2];
        set_marks(&s, marks);
        struct event ev = begin_tree(e, 0);
        build_tree(e, &s, 0, &ev);
        if (!choose_topic(e, &ev, &e->fixed_topic)) {
            encoder_free(e);
            return err_set(
                err, ERR_CONFIG,
                "output.kafka.topic: a field that it names is not set for this input, and "
                "has no default; write %%{[field]:default} or set the field");
        }
        e->fixed_route.topic = buf_slice(&e->fixed_topic);
    }
    *ret_encoder = e;
    return ERR_OK;
}

void encoder_free(struct encoder *e)
{
    if (!e) {
        return;
    }
    for (size_t i = 0; i <= LINE_FLAGS_ALL; i++) {
        mem_free(e->templates[i].json);
        mem_free(e->templates[i].pieces);
    }
    arena_deinit(&e->arena);
    buf_deinit(&e->value);
    buf_deinit(&e->key);
    buf_deinit(&e->topic);
    buf_deinit(&e->fixed_topic);
    mem_free(e);
}
