/* SPDX-License-Identifier: Apache-2.0 */
/*
 * event.c - the lazily parsed document of a record. Driven by the nodes and sinks of a flow, on the
 * loop thread. Everything it makes is in the event's arena, which the flow resets after each
 * record.
 *   (E1) root, once made, mirrors the value until `changed` is set.
 *   (E2) what event_append_document() writes holds no line feed: bulk and NDJSON framing rely on
 *        it.
 */
#include "connectors/flow/event.h"

#include "protocol/event/time_format.h"
#include "protocol/event/value.h"

#include <assert.h>

void event_init(struct event *ev, struct arena *arena, struct slice topic, int32_t partition,
                const struct record *record)
{
    *ev =
        (struct event){ .arena = arena, .topic = topic, .partition = partition, .record = record };
}

/* Whether the value begins like a JSON object, leading white space aside. */
static bool looks_like_object(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return c == '{';
        }
    }
    return false;
}

static enum err wrap_line(struct event *ev, struct error *err)
{
    static const struct slice timestamp_key = SLICE_LIT("@timestamp");
    static const struct slice message_key = SLICE_LIT("message");
    char stamp[TIME_ISO_BYTES];
    time_format_iso(ev->record->timestamp_ms, stamp);
    struct slice stamp_text = arena_copy(ev->arena, slice_str(stamp));
    struct slice value = ev->record->value;
    struct json_value *root = json_new(ev->arena, JSON_OBJECT);
    struct json_value *when = json_new_string(ev->arena, stamp_text);
    const uint8_t *bytes = value.ptr ? value.ptr : (const uint8_t *)"";
    struct json_value *line = json_new_string(ev->arena, slice_of(bytes, value.len));
    if (slice_is_null(stamp_text) || !root || !when || !line ||
        json_set_path(root, ev->arena, timestamp_key, when) != ERR_OK ||
        json_set_path(root, ev->arena, message_key, line) != ERR_OK) {
        return err_set(err, ERR_LIMIT, "the record takes more memory than a record may");
    }
    ev->root = root;
    ev->changed = true;
    return ERR_OK;
}

enum err event_root(struct event *ev, struct json_value **ret_root, struct error *err)
{
    if (!ev->root) {
        enum err e;
        if (looks_like_object(ev->record->value)) {
            e = json_parse(ev->record->value, ev->arena, &ev->root, err);
        } else {
            e = wrap_line(ev, err);
        }
        if (e != ERR_OK) {
            ev->root = NULL;
            return e;
        }
    }
    *ret_root = ev->root;
    return ERR_OK;
}

const struct json_value *event_field(struct event *ev, struct slice dotted)
{
    struct json_value *root;
    if (event_root(ev, &root, NULL) != ERR_OK) {
        return NULL;
    }
    return json_get_path(root, dotted);
}

bool event_append_field(struct event *ev, struct slice dotted, struct buf *out)
{
    const struct json_value *v = event_field(ev, dotted);
    if (!v || v->kind == JSON_NULL) {
        return false;
    }
    if (v->kind == JSON_STRING) {
        buf_append_slice(out, v->text);
        return true;
    }
    struct json_writer w;
    json_init(&w, out);
    json_write(&w, v);
    return true;
}

int64_t event_time_ms(struct event *ev)
{
    static const struct slice key = SLICE_LIT("@timestamp");
    const struct json_value *v = event_field(ev, key);
    int64_t ms;
    if (v && v->kind == JSON_STRING && time_parse_iso(v->text, 0, &ms)) {
        return ms;
    }
    return ev->record->timestamp_ms;
}

enum err event_append_document(struct event *ev, struct buf *out, struct error *err)
{
    struct slice value = ev->record->value;
    bool one_line = value.len > 0 && memchr(value.ptr, '\n', value.len) == NULL;
    if (!ev->changed && one_line && looks_like_object(value)) {
        buf_append_slice(out, value);
        return ERR_OK;
    }
    struct json_value *root;
    enum err e = event_root(ev, &root, err);
    if (e != ERR_OK) {
        return e;
    }
    struct json_writer w;
    json_init(&w, out);
    json_write(&w, root);
    return ERR_OK;
}

enum err event_clone(const struct event *ev, struct event *ret_copy, struct error *err)
{
    struct event copy = *ev;
    if (ev->root) {
        copy.root = value_copy(ev->arena, ev->root);
        if (!copy.root) {
            return err_set(err, ERR_LIMIT, "the record takes more memory than a record may");
        }
    }
    *ret_copy = copy;
    return ERR_OK;
}

static const struct json_value *field(void *event, struct slice dotted)
{
    return event_field(event, dotted);
}

static int64_t time_ms(void *event)
{
    return event_time_ms(event);
}

static const struct event_access access_of_connect = { field, time_ms };

bool event_holds(struct event *ev, const struct condition *c)
{
    return condition_holds(c, &access_of_connect, ev);
}

enum err event_expand(struct event *ev, const struct pattern *p, struct buf *out, struct error *err)
{
    return pattern_expand(p, &access_of_connect, ev, out, err);
}
