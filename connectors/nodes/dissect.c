/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissect.c - node type dissect: cuts a field at fixed delimiters, as Filebeat's processor does.
 * Driven by flow/flow.c for each event. The tokenizer: %{key}, %{} or %{?key} to skip, %{+key} to
 * append to an earlier key, %{key->} for delimiters repeated as padding, %{key|integer} to convert
 * (integer, long, float, double, boolean, string, ip).
 *   (D1) it matches from the first to the last delimiter, or the event is not changed at all.
 */
#include "connectors/nodes/nodes.h"

#include <stdlib.h>

#define ROWS(C)                                                                                    \
    PROCESSOR_ROWS(C)                                                                              \
    C(STR, tokenizer, "tokenizer", "", "", "", CONFIG_REQUIRED,                                    \
      "The shape of the text: %{ip} - %{user} [%{ts}] \"%{verb} %{path} %{}\" %{status|integer}.") \
    C(STR, field, "field", "message", "", "", 0, "The field that is cut.")                         \
    C(STR, target_prefix, "target_prefix", "dissect", "", "", 0,                                   \
      "The object that gets the keys; empty: the root of the event.")                              \
    C(BOOL, overwrite_keys, "overwrite_keys", "true", "", "", 0,                                   \
      "Whether keys replace fields that are there.")                                               \
    C(ENUM, on_error, "on_error", "dead_letter", "dead_letter|pass|drop", "", 0,                   \
      "What happens to an event whose text has another shape.")

struct dissect_config {
    ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT dissect_config
static const struct config_row rows[] = { ROWS(CONFIG_ROW) };
static const struct config_table table = { "node dissect", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct dissect_config) };

enum convert { CONVERT_STRING, CONVERT_INTEGER, CONVERT_FLOAT, CONVERT_BOOLEAN };
enum { DISSECT_KEYS_MAX = 64 };
enum on_error { ON_ERROR_DEAD_LETTER, ON_ERROR_PASS, ON_ERROR_DROP };

/* One key, and the delimiter behind it (empty at the end: the rest). */
struct dissect_key {
    struct slice name; /* with the prefix; null: skip */
    struct slice delimiter;
    enum convert convert;
    bool append, padded;
};

struct dissect {
    struct slice head; /* before the first key */
    struct dissect_key keys[DISSECT_KEYS_MAX];
    size_t count;
};

static bool read_convert(struct slice word, enum convert *ret_convert)
{
    static const struct {
        const char *word;
        enum convert convert;
    } known[] = {
        { "integer", CONVERT_INTEGER }, { "long", CONVERT_INTEGER },
        { "float", CONVERT_FLOAT },     { "double", CONVERT_FLOAT },
        { "boolean", CONVERT_BOOLEAN }, { "string", CONVERT_STRING },
        { "ip", CONVERT_STRING },
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (slice_eq_str(word, known[i].word)) {
            *ret_convert = known[i].convert;
            return true;
        }
    }
    return false;
}

static struct slice cut_at(struct slice *text, char c)
{
    const uint8_t *at = text->len ? memchr(text->ptr, c, text->len) : NULL;
    if (!at) {
        return slice_null();
    }
    struct slice behind = slice_from(*text, (size_t)(at - text->ptr) + 1);
    *text = slice_head(*text, (size_t)(at - text->ptr));
    return behind;
}

static enum err read_key(struct node *n, struct slice inner, struct arena *arena,
                         struct dissect_key *ret_key, struct error *err)
{
    const struct dissect_config *c = n->config;
    struct dissect_key key = { .name = slice_null() };
    struct slice type = cut_at(&inner, '|');
    if (!slice_is_null(type) && !read_convert(type, &key.convert)) {
        return yaml_error(n->at, err,
                          "node %s: \"%.*s\" is no type (integer, long, float, double, "
                          "boolean, string and ip are)",
                          n->name, SLICE_ARG(type));
    }
    if (inner.len >= 2 && memcmp(inner.ptr + inner.len - 2, "->", 2) == 0) {
        key.padded = true;
        inner.len -= 2;
    }
    if (inner.len > 0 && inner.ptr[0] == '+') {
        key.append = true;
        inner = slice_from(inner, 1);
    }
    if (inner.len > 0 && inner.ptr[0] != '?') {
        struct buf name = { 0 };
        if (c->target_prefix && *c->target_prefix) {
            buf_printf(&name, "%s.", c->target_prefix);
        }
        buf_append_slice(&name, inner);
        key.name = arena_copy(arena, buf_slice(&name));
        buf_deinit(&name);
        if (slice_is_null(key.name)) {
            return err_set(err, ERR_LIMIT, "the configuration is too large");
        }
    }
    *ret_key = key;
    return ERR_OK;
}

static enum err init(struct node *n, struct arena *arena, struct error *err)
{
    const struct dissect_config *c = n->config;
    struct dissect *d = arena_alloc(arena, sizeof(*d));
    if (!d) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    const char *p = strstr(c->tokenizer, "%{");
    d->head = slice_of(c->tokenizer, p ? (size_t)(p - c->tokenizer) : 0);
    while (p) {
        const char *close = strchr(p, '}');
        if (!close || d->count == DISSECT_KEYS_MAX) {
            return yaml_error(n->at, err, "node %s: the tokenizer %s", n->name,
                              close ? "has too many keys" : "lacks the } of a %{");
        }
        struct dissect_key *key = &d->keys[d->count];
        enum err e = read_key(n, slice_of(p + 2, (size_t)(close - p) - 2), arena, key, err);
        if (e != ERR_OK) {
            return e;
        }
        p = strstr(close, "%{");
        key->delimiter = slice_of(close + 1, p ? (size_t)(p - close) - 1 : strlen(close + 1));
        d->count++;
        if (p && key->delimiter.len == 0) {
            return yaml_error(n->at, err,
                              "node %s: two keys of the tokenizer stand side by side: "
                              "nothing tells where the first ends",
                              n->name);
        }
    }
    if (d->count == 0) {
        return yaml_error(n->at, err, "node %s: the tokenizer has no %%{key}", n->name);
    }
    n->state = d;
    return ERR_OK;
}

/* Cuts text into values, one a key. */
static bool cut(const struct dissect *d, struct slice text, struct slice values[])
{
    if (text.len < d->head.len || memcmp(text.ptr, d->head.ptr, d->head.len) != 0) {
        return false;
    }
    text = slice_from(text, d->head.len);
    for (size_t i = 0; i < d->count; i++) {
        const struct dissect_key *key = &d->keys[i];
        if (key->delimiter.len == 0) {
            values[i] = text;
            text = slice_from(text, text.len);
            continue;
        }
        const uint8_t *at = memmem(text.ptr, text.len, key->delimiter.ptr, key->delimiter.len);
        if (!at) {
            return false;
        }
        values[i] = slice_head(text, (size_t)(at - text.ptr));
        text = slice_from(text, values[i].len + key->delimiter.len);
        while (key->padded && text.len >= key->delimiter.len &&
               memcmp(text.ptr, key->delimiter.ptr, key->delimiter.len) == 0) {
            text = slice_from(text, key->delimiter.len);
        }
    }
    return text.len == 0;
}

/* A number or truth value, if the text is one; NULL else. */
static struct json_value *converted(struct arena *arena, struct slice text, enum convert convert)
{
    struct json_value *v;
    if (convert == CONVERT_STRING || json_parse(text, arena, &v, NULL) != ERR_OK) {
        return NULL;
    }
    bool fits = convert == CONVERT_BOOLEAN   ? v->kind == JSON_BOOL
                : convert == CONVERT_INTEGER ? v->kind == JSON_INT
                                             : v->kind == JSON_INT || v->kind == JSON_DOUBLE;
    return fits ? v : NULL;
}

/* The text of the earlier value, a blank, and this one, as Filebeat joins them. */
static struct slice joined(struct event *ev, const struct json_value *earlier, struct slice text)
{
    uint8_t *bytes = arena_alloc(ev->arena, earlier->text.len + text.len + 1);
    if (!bytes) {
        return slice_null();
    }
    memcpy(bytes, earlier->text.ptr, earlier->text.len);
    bytes[earlier->text.len] = ' ';
    memcpy(bytes + earlier->text.len + 1, text.ptr, text.len);
    return slice_of(bytes, earlier->text.len + text.len + 1);
}

static enum err store(const struct dissect_config *c, struct event *ev, struct json_value *root,
                      const struct dissect_key *key, struct slice text)
{
    struct json_value *there = json_get_path(root, key->name);
    if (key->append && there && there->kind == JSON_STRING) {
        text = joined(ev, there, text);
    } else if (there && !c->overwrite_keys) {
        return ERR_OK;
    }
    struct json_value *v = converted(ev->arena, text, key->convert);
    if (!v) {
        v = slice_is_null(text) ? NULL : json_new_string(ev->arena, text);
    }
    return v ? json_set_path(root, ev->arena, key->name, v) : ERR_LIMIT;
}

static enum verdict refuse(const struct dissect_config *c, struct failure *f, const char *why,
                           struct slice text)
{
    if (c->on_error == ON_ERROR_PASS) {
        return VERDICT_PASS;
    }
    if (c->on_error == ON_ERROR_DROP) {
        return VERDICT_DROP;
    }
    return failure_set(f, "TRANSFORMATION", "dissect_error", "dissect: %s %s%.*s", c->field, why,
                       SLICE_ARG(slice_head(text, 100)));
}

static enum verdict process(struct node *n, struct event *ev, unsigned *ret_output,
                            struct failure *f)
{
    const struct dissect_config *c = n->config;
    const struct dissect *d = n->state;
    struct slice values[DISSECT_KEYS_MAX];
    struct error why = { .text = "" };
    struct json_value *root;
    if (event_root(ev, &root, &why) != ERR_OK) {
        return refuse(c, f, why.text, slice_null());
    }
    const struct json_value *v = json_get_path(root, slice_str(c->field));
    if (!v || v->kind != JSON_STRING) {
        return refuse(c, f, "is missing", slice_null());
    }
    if (!cut(d, v->text, values)) {
        return refuse(c, f, "has another shape than the tokenizer: ", v->text);
    }
    for (size_t i = 0; i < d->count; i++) {
        if (slice_is_null(d->keys[i].name)) {
            continue;
        }
        if (store(c, ev, root, &d->keys[i], values[i]) != ERR_OK) {
            return failure_set(f, "TRANSFORMATION", "field_conflict", "dissect: %.*s cannot be set",
                               SLICE_ARG(d->keys[i].name));
        }
        ev->changed = true;
    }
    return VERDICT_PASS;
}

const struct node_type node_dissect = {
    .name = "dissect",
    .role = NODE_PROCESSOR,
    .mutates = true,
    .conditional = true,
    .about = "Cuts text into fields at fixed delimiters.",
    .table = &table,
    .init = init,
    .process = process,
};
