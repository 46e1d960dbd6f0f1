/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.c - libyaml's events make a tree of places and texts. Driven by service_main(), by tests and
 * by whoever reads a file of settings. (Y1) No mapping holds two children of one key: what is set
 * twice is an error that names both places. (Y2) depth <= YAML_DEPTH_MAX, dotted parts counted, so
 * walks may recurse. (Y3) Every text in the tree has a NUL behind it; a key part holds a dot only
 * when it was quoted.
 */
#include "protocol/daemon/yaml.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

enum {
    YAML_DEPTH_MAX = 64,
    YAML_NODES_MAX = 100 * 1000,
    YAML_KEYS_MAX = 10 * 1000, /* in one mapping: they are searched one by one */
    YAML_BYTES_MAX = 8 << 20,
};

struct build {
    yaml_parser_t parser;
    struct arena *arena;
    const char *file;
    struct error *err;
    unsigned nodes;
};

/* --- messages --------------------------------------------------------------------------------- */

static enum err vfail(struct error *err, const char *file, uint32_t line, uint32_t column,
                      const char *format, va_list ap) __attribute__((format(printf, 5, 0)));

static enum err vfail(struct error *err, const char *file, uint32_t line, uint32_t column,
                      const char *format, va_list ap)
{
    char text[sizeof(err->text)];
    (void)vsnprintf(text, sizeof(text), format, ap);
    if (line == 0) {
        return err_set(err, ERR_CONFIG, "%s: %s", file, text);
    }
    return err_set(err, ERR_CONFIG, "%s:%u:%u: %s", file, line, column, text);
}

enum err yaml_error(const struct yaml_node *at, struct error *err, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    enum err e = vfail(err, at->file, at->line, at->column, format, ap);
    va_end(ap);
    return e;
}

static enum err fail_at(struct build *b, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static enum err fail_at(struct build *b, yaml_mark_t mark, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    enum err e =
        vfail(b->err, b->file, (uint32_t)mark.line + 1, (uint32_t)mark.column + 1, format, ap);
    va_end(ap);
    return e;
}

static enum err fail_memory(struct build *b, yaml_mark_t mark)
{
    (void)fail_at(b, mark, "the file needs more memory than it may have (%zu bytes)",
                  b->arena->cap_bytes);
    if (b->err) {
        b->err->code = ERR_LIMIT;
    }
    return ERR_LIMIT;
}

/* libyaml's complaint, with what to do where its words do not tell. */
static enum err fail_parser(struct build *b)
{
    const yaml_parser_t *p = &b->parser;
    const char *what = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR) {
        yaml_mark_t at = p->mark; /* the reader knows the line, not the column */
        return fail_at(b, at, "%s; the file must be UTF-8 text", what);
    }
    const char *hint = "";
    if (strstr(what, "cannot start any token")) {
        hint = "; indent with spaces, not tabs, and quote values that begin with @, ` or %";
    } else if (strstr(what, "tab character")) {
        hint = "; indent with spaces";
    } else if (strstr(what, "mapping values are not allowed")) {
        hint = "; check the indentation, and quote values that hold \": \"";
    } else if (strstr(what, "expected key") || strstr(what, "expected <block end>")) {
        hint = "; check the indentation of this line";
    } else if (strstr(what, "expected ':'")) {
        hint = "; a line in a mapping is `key: value`";
    } else if (strstr(what, "unexpected end of stream")) {
        hint = "; a quote is not closed";
    }
    return fail_at(b, p->problem_mark, "%s%s", what, hint);
}

/* --- environment variables ----------------------------------------------------------------------
 */

static bool is_name(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = s.ptr[i];
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return s.len > 0;
}

/* Appends the value of what stands between ${ and }. */
static enum err append_variable(struct build *b, yaml_mark_t mark, struct slice inside,
                                struct buf *out)
{
    const uint8_t *colon = inside.len ? memchr(inside.ptr, ':', inside.len) : NULL;
    struct slice name = colon ? slice_head(inside, (size_t)(colon - inside.ptr)) : inside;
    if (slice_starts(inside, "path.")) {
        buf_append_str(out, "${");
        buf_append_slice(out, inside);
        buf_append_byte(out, '}');
        return ERR_OK;
    }
    if (!is_name(name)) {
        return fail_at(b, mark,
                       "${%.*s} does not name an environment variable; put the text in "
                       "single quotes to keep it as it is",
                       SLICE_ARG(inside));
    }
    char *name_text = mem_strndup(name.ptr, name.len);
    const char *value = getenv(name_text);
    mem_free(name_text);
    if (!value && !colon) {
        return fail_at(b, mark,
                       "the environment variable %.*s is not set; set it, or give a default "
                       "as in ${%.*s:default}",
                       SLICE_ARG(name), SLICE_ARG(name));
    }
    struct slice text = value ? slice_str(value) : slice_from(inside, name.len + 1);
    if (text.len > YAML_BYTES_MAX - out->len) {
        return fail_memory(b, mark);
    }
    buf_append_slice(out, text);
    return ERR_OK;
}

/* Replaces every ${...}; the text goes to the arena. */
static enum err expand(struct build *b, yaml_mark_t mark, struct slice text, struct slice *ret_text)
{
    struct buf out = { 0 };
    enum err e = ERR_OK;
    for (size_t i = 0; i < text.len && !e;) {
        struct slice rest = slice_from(text, i);
        if (!slice_starts(rest, "${")) {
            buf_append_byte(&out, rest.ptr[0]);
            i++;
            continue;
        }
        const uint8_t *close = memchr(rest.ptr, '}', rest.len);
        if (!close) {
            e = fail_at(b, mark, "${ without }; put the text in single quotes to keep it as it is");
        } else {
            size_t len = (size_t)(close - rest.ptr);
            e = append_variable(b, mark, slice_of(rest.ptr + 2, len - 2), &out);
            i += len + 1;
        }
    }
    struct slice copy = e ? slice_null() : arena_copy(b->arena, buf_slice(&out));
    buf_deinit(&out);
    if (!e && slice_is_null(copy)) {
        e = fail_memory(b, mark);
    }
    if (!e) {
        *ret_text = copy;
    }
    return e;
}

/* --- mappings --------------------------------------------------------------------------------- */

static struct yaml_node *find_child(const struct yaml_node *map, struct slice key)
{
    for (struct yaml_node *c = map->kind == YAML_MAPPING ? map->child : NULL; c; c = c->next) {
        if (slice_eq(c->key, key)) {
            return c;
        }
    }
    return NULL;
}

static void append_child(struct yaml_node *parent, struct yaml_node *child)
{
    struct yaml_node **link = &parent->child;
    while (*link) {
        link = &(*link)->next;
    }
    *link = child;
    child->next = NULL;
    parent->child_count++;
}

/* The next part of a dotted key; the rest is null after the last one. */
static struct slice next_part(struct slice *rest)
{
    const uint8_t *dot = rest->len ? memchr(rest->ptr, '.', rest->len) : NULL;
    struct slice part = dot ? slice_head(*rest, (size_t)(dot - rest->ptr)) : *rest;
    *rest = dot ? slice_from(*rest, part.len + 1) : slice_null();
    return part;
}

/* Moves a value's content into a node that is there already under the same key. */
static enum err merge(struct yaml_node *into, struct yaml_node *value, struct error *err)
{
    if (into->kind == YAML_NULL && value->kind == YAML_MAPPING) {
        into->kind = YAML_MAPPING;
    }
    if (into->kind != YAML_MAPPING || value->kind != YAML_MAPPING) {
        char first[256];
        (void)snprintf(first, sizeof(first), into->line ? "%s:%u:%u" : "%s", into->file, into->line,
                       into->column);
        return yaml_error(value, err,
                          "\"%.*s\" is set twice: the first time at %s; remove one of "
                          "the two",
                          SLICE_ARG(value->key), first);
    }
    for (struct yaml_node *c = value->child, *next; c; c = next) {
        next = c->next;
        struct yaml_node *there = find_child(into, c->key);
        if (!there) {
            append_child(into, c);
        } else {
            enum err e = merge(there, c, err);
            if (e) {
                return e;
            }
        }
    }
    return ERR_OK;
}

/* Wraps a value into one mapping per part before the last, so that a.b: 1 is a: {b: 1}. value holds
 * the place of the key. */
static struct yaml_node *wrap(struct arena *arena, struct slice key, bool quoted,
                              struct yaml_node *value)
{
    struct slice rest = key;
    struct slice part = quoted ? key : next_part(&rest);
    struct yaml_node *top = NULL, *holder = NULL;
    for (bool last = quoted || slice_is_null(rest);; last = slice_is_null(rest)) {
        struct yaml_node *n = last ? value : arena_alloc(arena, sizeof(*n));
        struct slice copy = arena_copy(arena, part);
        if (!n || slice_is_null(copy)) {
            return NULL;
        }
        if (!last) {
            *n = (struct yaml_node){ .kind = YAML_MAPPING,
                                     .file = value->file,
                                     .line = value->line,
                                     .column = value->column };
        }
        n->key = copy;
        if (holder) {
            append_child(holder, n);
        } else {
            top = n;
        }
        if (last) {
            return top;
        }
        holder = n;
        part = next_part(&rest);
    }
}

static unsigned count_parts(struct slice key)
{
    unsigned n = 1;
    for (size_t i = 0; i < key.len; i++) {
        n += key.ptr[i] == '.';
    }
    return n;
}

static bool has_empty_part(struct slice key)
{
    for (struct slice rest = key; !slice_is_null(rest);) {
        if (next_part(&rest).len == 0) {
            return true;
        }
    }
    return false;
}

/* --- nodes ------------------------------------------------------------------------------------ */

static enum err read_node(struct build *b, yaml_event_t *ev, unsigned depth, struct yaml_node *n);

static enum err next_event(struct build *b, yaml_event_t *ev)
{
    return yaml_parser_parse(&b->parser, ev) ? ERR_OK : fail_parser(b);
}

static struct yaml_node *new_node(struct build *b, yaml_mark_t mark)
{
    struct yaml_node *n = arena_alloc(b->arena, sizeof(*n));
    if (n) {
        n->file = b->file;
        n->line = (uint32_t)mark.line + 1;
        n->column = (uint32_t)mark.column + 1;
    }
    return n;
}

static bool is_null_text(struct slice s)
{
    return s.len == 0 || slice_eq_str(s, "~") || slice_eq_str(s, "null") ||
           slice_eq_str(s, "Null") || slice_eq_str(s, "NULL");
}

static enum err read_scalar(struct build *b, const yaml_event_t *ev, struct yaml_node *n)
{
    yaml_scalar_style_t style = ev->data.scalar.style;
    struct slice text = slice_of(ev->data.scalar.value, ev->data.scalar.length);
    if (text.len && memchr(text.ptr, 0, text.len)) {
        return fail_at(b, ev->start_mark, "the value holds a NUL character; remove it");
    }
    if (style == YAML_PLAIN_SCALAR_STYLE || style == YAML_DOUBLE_QUOTED_SCALAR_STYLE) {
        enum err e = expand(b, ev->start_mark, text, &n->text);
        if (e) {
            return e;
        }
    } else {
        n->text = arena_copy(b->arena, text);
        if (slice_is_null(n->text)) {
            return fail_memory(b, ev->start_mark);
        }
    }
    n->quoted = style != YAML_PLAIN_SCALAR_STYLE;
    n->kind = !n->quoted && is_null_text(n->text) ? YAML_NULL : YAML_SCALAR;
    return ERR_OK;
}

static enum err read_sequence(struct build *b, unsigned depth, struct yaml_node *n)
{
    n->kind = YAML_SEQUENCE;
    for (struct yaml_node **link = &n->child;; link = &(*link)->next) {
        yaml_event_t ev;
        enum err e = next_event(b, &ev);
        if (e) {
            return e;
        }
        if (ev.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&ev);
            return ERR_OK;
        }
        *link = new_node(b, ev.start_mark);
        e = *link ? read_node(b, &ev, depth + 1, *link) : fail_memory(b, ev.start_mark);
        yaml_event_delete(&ev);
        if (e) {
            return e;
        }
        n->child_count++;
    }
}

/* One `key: value`, whose key event is there; it goes below map. */
static enum err read_pair(struct build *b, const yaml_event_t *key_ev, unsigned depth,
                          struct yaml_node *map)
{
    yaml_mark_t at = key_ev->start_mark;
    if (key_ev->type != YAML_SCALAR_EVENT) {
        return fail_at(b, at, "a key must be a plain name, as in `name: value`");
    }
    if (key_ev->data.scalar.anchor || key_ev->data.scalar.tag) {
        return fail_at(b, at, "anchors and tags are not supported; write the name out");
    }
    bool quoted = key_ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    struct slice key = slice_of(key_ev->data.scalar.value, key_ev->data.scalar.length);
    if (slice_eq_str(key, "<<") && !quoted) {
        return fail_at(b, at, "merge keys (<<) are not supported; write the settings out");
    }
    if (!quoted && has_empty_part(key)) {
        return fail_at(b, at,
                       "the key \"%.*s\" has an empty part between dots; quote it when the dots "
                       "belong to the name",
                       SLICE_ARG(key));
    }
    yaml_event_t ev;
    enum err e = next_event(b, &ev);
    if (e) {
        return e;
    }
    struct yaml_node *value = new_node(b, at);
    unsigned parts = quoted ? 1 : count_parts(key);
    b->nodes += parts - 1;
    e = value ? read_node(b, &ev, depth + parts, value) : fail_memory(b, at);
    yaml_event_delete(&ev);
    if (e) {
        return e;
    }
    if (map->child_count >= YAML_KEYS_MAX) {
        return fail_at(b, at, "a mapping with more than %d keys", YAML_KEYS_MAX);
    }
    struct yaml_node *top = wrap(b->arena, key, quoted, value);
    if (!top) {
        return fail_memory(b, at);
    }
    struct yaml_node *there = find_child(map, top->key);
    if (there) {
        return merge(there, top, b->err);
    }
    append_child(map, top);
    return ERR_OK;
}

static enum err read_mapping(struct build *b, unsigned depth, struct yaml_node *n)
{
    n->kind = YAML_MAPPING;
    for (;;) {
        yaml_event_t ev;
        enum err e = next_event(b, &ev);
        if (e) {
            return e;
        }
        bool end = ev.type == YAML_MAPPING_END_EVENT;
        e = end ? ERR_OK : read_pair(b, &ev, depth, n);
        yaml_event_delete(&ev);
        if (e || end) {
            return e;
        }
    }
}

static enum err read_node(struct build *b, yaml_event_t *ev, unsigned depth, struct yaml_node *n)
{
    if (depth > YAML_DEPTH_MAX) {
        return fail_at(b, ev->start_mark, "nested deeper than %d levels", YAML_DEPTH_MAX);
    }
    if (++b->nodes > YAML_NODES_MAX) {
        return fail_at(b, ev->start_mark, "more than %d values in one file", YAML_NODES_MAX);
    }
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (ev->type == YAML_SCALAR_EVENT) {
        anchor = ev->data.scalar.anchor;
        tag = ev->data.scalar.tag;
    } else if (ev->type == YAML_SEQUENCE_START_EVENT) {
        anchor = ev->data.sequence_start.anchor;
        tag = ev->data.sequence_start.tag;
    } else if (ev->type == YAML_MAPPING_START_EVENT) {
        anchor = ev->data.mapping_start.anchor;
        tag = ev->data.mapping_start.tag;
    }
    if (anchor || ev->type == YAML_ALIAS_EVENT) {
        return fail_at(b, ev->start_mark,
                       "anchors (&) and aliases (*) are not supported; write the "
                       "value out, or quote it when the character belongs to it");
    }
    if (tag) {
        return fail_at(b, ev->start_mark,
                       "tags (!) are not supported; quote the value when the "
                       "character belongs to it");
    }
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(b, ev, n);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(b, depth, n);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(b, depth, n);
    default:
        return fail_at(b, ev->start_mark, "a value is missing");
    }
}

/* --- documents -------------------------------------------------------------------------------- */

/* The one document of a stream; root stays as it is when there is none. */
static enum err read_stream(struct build *b, struct yaml_node *root)
{
    bool seen = false;
    for (;;) {
        yaml_event_t ev;
        enum err e = next_event(b, &ev);
        if (e) {
            return e;
        }
        bool end = ev.type == YAML_STREAM_END_EVENT;
        if (ev.type == YAML_DOCUMENT_START_EVENT && seen) {
            e = fail_at(b, ev.start_mark, "a second document (---); a file holds one");
        } else if (ev.type == YAML_DOCUMENT_START_EVENT) {
            yaml_event_t first;
            seen = true;
            e = next_event(b, &first);
            if (!e) {
                e = read_node(b, &first, 1, root);
                yaml_event_delete(&first);
            }
        }
        yaml_event_delete(&ev);
        if (e || end) {
            return e;
        }
    }
}

/* As yaml_parse(), but nothing gives a YAML_NULL. */
static enum err parse(struct slice text, const char *file, struct arena *arena,
                      struct yaml_node **ret_root, struct error *err)
{
    if (text.len > YAML_BYTES_MAX) {
        return err_set(err, ERR_LIMIT, "%s has more than the %d bytes it may have", file,
                       YAML_BYTES_MAX);
    }
    struct build b = { .arena = arena, .err = err };
    struct slice name = arena_copy(arena, slice_str(file));
    b.file = slice_is_null(name) ? "" : (const char *)name.ptr;
    struct yaml_node *root = new_node(&b, (yaml_mark_t){ 0 });
    if (!root || slice_is_null(name)) {
        return err_set(err, ERR_LIMIT, "%s: no memory is left for it", file);
    }
    if (!yaml_parser_initialize(&b.parser)) {
        return err_set(err, ERR_LIMIT, "%s: no memory is left for it", file);
    }
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, text.len ? text.ptr : (const uint8_t *)"", text.len);
    enum err e = read_stream(&b, root);
    yaml_parser_delete(&b.parser);
    if (!e) {
        *ret_root = root;
    }
    return e;
}

enum err yaml_parse(struct slice text, const char *file, struct arena *arena,
                    struct yaml_node **ret_root, struct error *err)
{
    enum err e = parse(text, file, arena, ret_root, err);
    if (!e && (*ret_root)->kind == YAML_NULL) {
        (*ret_root)->kind = YAML_MAPPING;
    }
    return e;
}

/* Not vfs_read_file(): a configuration may come from a pipe, whose size nobody knows. */
static enum err read_file(const char *path, struct buf *out, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_errno(err, errno, "open %s", path);
    }
    ssize_t n;
    do {
        n = read(fd, buf_reserve(out, 16384), 16384);
        out->len += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && out->len <= YAML_BYTES_MAX) || (n < 0 && errno == EINTR));
    enum err e = n < 0 ? err_errno(err, errno, "read %s", path) : ERR_OK;
    close(fd);
    return e;
}

enum err yaml_load(const char *path, struct arena *arena, struct yaml_node **ret_root,
                   struct error *err)
{
    struct buf text = { 0 };
    enum err e = read_file(path, &text, err);
    if (!e) {
        e = yaml_parse(buf_slice(&text), path, arena, ret_root, err);
    }
    buf_deinit(&text);
    return e;
}

/* --- the tree --------------------------------------------------------------------------------- */

struct yaml_node *yaml_get(const struct yaml_node *map, const char *dotted_path)
{
    struct slice rest = slice_str(dotted_path);
    while (map) {
        struct yaml_node *whole = find_child(map, rest); /* a key whose dots were quoted */
        struct slice part = next_part(&rest);
        if (whole || slice_is_null(rest)) {
            return whole;
        }
        map = find_child(map, part);
    }
    return NULL;
}

/* Puts top (one key, perhaps a chain of mappings) below map; what is there and no mapping is
 * replaced. */
static void overlay(struct yaml_node *map, struct yaml_node *top)
{
    for (;;) {
        struct yaml_node *there = find_child(map, top->key);
        if (!there) {
            append_child(map, top);
            return;
        }
        bool chain = top->kind == YAML_MAPPING && top->child_count == 1;
        if (there->kind != YAML_MAPPING || !chain) {
            struct yaml_node *next = there->next;
            *there = *top;
            there->next = next;
            return;
        }
        map = there;
        top = top->child;
    }
}

enum err yaml_set(struct yaml_node *root, const char *assignment, struct arena *arena,
                  struct error *err)
{
    const char *equals = strchr(assignment, '=');
    struct slice key = equals ? slice_of(assignment, (size_t)(equals - assignment)) : slice_null();
    if (key.len == 0 || has_empty_part(key)) {
        return err_set(err, ERR_CONFIG,
                       "--set %s: write it as name=value, for example "
                       "--set logging.level=debug",
                       assignment);
    }
    char file[256];
    (void)snprintf(file, sizeof(file), "--set %.*s", SLICE_ARG(key));
    if (count_parts(key) >= YAML_DEPTH_MAX) {
        return err_set(err, ERR_CONFIG, "%s: nested deeper than %d levels", file, YAML_DEPTH_MAX);
    }
    struct yaml_node *value;
    enum err e = parse(slice_str(equals + 1), file, arena, &value, err);
    if (e) {
        return e;
    }
    value->line = value->column = 0;
    struct yaml_node *top = wrap(arena, key, false, value);
    if (!top) {
        return err_set(err, ERR_LIMIT, "%s: no memory is left for it", file);
    }
    overlay(root, top);
    return ERR_OK;
}
