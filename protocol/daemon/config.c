/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.c - rows make checked settings out of a YAML mapping. Driven by service_main(), by the
 * broker's AlterConfigs and by the owners of inputs, nodes and topics. (C1) The struct is written
 * only when everything was right. (C2) What a SECRET row holds is in no message. (C3) No key is
 * passed over: each one is a row, below a NODE row, or an error with its place.
 */
#include "protocol/daemon/config.h"

#include "protocol/base/units.h"

#include <assert.h>
#include <inttypes.h>
#include <strings.h>

enum { NAME_BYTES_MAX = 128, NS_IN_MS = 1000000, MS_IN_S = 1000 };

/* --- rows by name -------------------------------------------------------------------------------
 */

static const struct config_row *find_row(const struct config_table *table, struct slice name)
{
    for (size_t i = 0; i < table->count; i++) {
        if (slice_eq_str(name, table->rows[i].name)) {
            return &table->rows[i];
        }
    }
    return NULL;
}

const struct config_row *config_find(const struct config_table *table, struct slice name)
{
    const struct config_row *row = find_row(table, name);
    return row && row->flags & CONFIG_ALIAS ? find_row(table, slice_str(row->value)) : row;
}

/* Optimal string alignment: insertions, deletions, changes, and swaps of neighbours. */
static size_t distance(struct slice a, struct slice b)
{
    size_t rows[3][NAME_BYTES_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.len; j++) {
        before[j] = 0;
        last[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = last[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        size_t *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[b.len];
}

const char *config_nearest(struct slice unknown, const char *const *names, size_t count)
{
    if (unknown.len > NAME_BYTES_MAX) {
        return NULL;
    }
    const char *best = NULL;
    size_t best_distance = 2 + unknown.len / 5; /* farther is no typing error */
    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_str(names[i]);
        size_t d = name.len <= NAME_BYTES_MAX ? distance(unknown, name) : SIZE_MAX;
        if (d < best_distance && d < name.len) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

static size_t count_parts(struct slice name)
{
    size_t n = 1;
    for (size_t i = 0; i < name.len; i++) {
        n += name.ptr[i] == '.';
    }
    return n;
}

/* The first n parts of a dotted name. */
static struct slice head_parts(struct slice name, size_t n)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '.' && --n == 0) {
            return slice_head(name, i);
        }
    }
    return name;
}

/* The nearest among the names, and among the groups of as many parts as the unknown name has. */
static const char *nearest_row(const struct config_table *table, struct slice unknown,
                               struct arena *arena)
{
    const char **names = arena_array(arena, table->count * 2, sizeof(*names));
    if (!names) {
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->rows[i].flags & CONFIG_IGNORED) {
            continue;
        }
        struct slice name = slice_str(table->rows[i].name);
        names[count++] = table->rows[i].name;
        struct slice group = arena_copy(arena, head_parts(name, count_parts(unknown)));
        if (!slice_is_null(group) && group.len < name.len) {
            names[count++] = (const char *)group.ptr;
        }
    }
    return config_nearest(unknown, names, count);
}

/* --- values ----------------------------------------------------------------------------------- */

/* The place in "none|gzip|lz4"; -1 when it is none of them. Letters may differ in case. */
static int64_t enum_place(const char *choices, struct slice text)
{
    int64_t place = 0;
    for (const char *c = choices; c; place++) {
        const char *bar = strchr(c, '|');
        size_t len = bar ? (size_t)(bar - c) : strlen(c);
        if (len == text.len && strncasecmp(c, (const char *)text.ptr, len) == 0) {
            return place;
        }
        c = bar ? bar + 1 : NULL;
    }
    return -1;
}

static enum err parse_bool(struct slice text, int64_t *ret_value)
{
    static const char *const spelled[] = { "false", "true", "no", "yes", "off", "on" };
    for (size_t i = 0; i < sizeof(spelled) / sizeof(spelled[0]); i++) {
        if (text.len == strlen(spelled[i]) &&
            strncasecmp((const char *)text.ptr, spelled[i], text.len) == 0) {
            *ret_value = i % 2;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* Milliseconds; a bare number may be as large as Kafka's 9223372036854775807. */
static enum err parse_duration(struct slice text, int64_t bare_ms, int64_t *ret_ms)
{
    int64_t n;
    if (units_int(text, &n) == ERR_OK) {
        return __builtin_mul_overflow(n, bare_ms, ret_ms) ? ERR_LIMIT : ERR_OK;
    }
    enum err e = units_duration_ns(text, bare_ms * NS_IN_MS, &n);
    if (e) {
        return e;
    }
    if (n % NS_IN_MS) {
        return ERR_INVALID;
    }
    *ret_ms = n / NS_IN_MS;
    return ERR_OK;
}

static enum err parse_number(const struct config_row *row, struct slice text, int64_t *ret_value)
{
    switch (row->kind) {
    case CONFIG_BOOL:
        return parse_bool(text, ret_value);
    case CONFIG_INT:
        return units_int(text, ret_value);
    case CONFIG_SIZE:
        return units_size_bytes(text, ret_value);
    case CONFIG_DURATION_MS:
        return parse_duration(text, 1, ret_value);
    case CONFIG_DURATION_S:
        return parse_duration(text, MS_IN_S, ret_value);
    case CONFIG_ENUM:
        *ret_value = enum_place(row->min, text);
        return *ret_value < 0 ? ERR_INVALID : ERR_OK;
    default:
        return ERR_INVALID;
    }
}

/* What a row takes, with an example, for messages. */
static const char *expected(const struct config_row *row, char ret_text[512])
{
    switch (row->kind) {
    case CONFIG_BOOL:
        return "true or false";
    case CONFIG_INT:
        return "a whole number, such as 42";
    case CONFIG_SIZE:
        return "a size, such as 10MB, 64KiB or 1048576";
    case CONFIG_DURATION_MS:
        return "a duration, such as 500ms, 5s or 2h45m (a bare number is milliseconds)";
    case CONFIG_DURATION_S:
        return "a duration, such as 500ms, 5s or 2h45m (a bare number is seconds)";
    case CONFIG_LIST:
        return "a list, such as [a, b]";
    case CONFIG_ENUM:
        (void)snprintf(ret_text, 512, "one of %s", row->min);
        for (size_t i = 0; ret_text[i] && i + 1 < 512; i++) {
            ret_text[i] = ret_text[i] == '|' ? ',' : ret_text[i];
        }
        return ret_text;
    case CONFIG_STR:
    case CONFIG_SECRET:
    case CONFIG_NODE:
        break;
    }
    return "one text";
}

static enum err wrong_type(const struct config_row *row, const struct yaml_node *at,
                           struct error *err)
{
    char choices[512];
    const char *what = expected(row, choices);
    if (at->kind == YAML_SEQUENCE || at->kind == YAML_MAPPING) {
        return yaml_error(at, err, "\"%s\" must be %s; found a %s", row->name, what,
                          at->kind == YAML_SEQUENCE ? "list" : "mapping");
    }
    return yaml_error(at, err, "\"%s\" must be %s; found \"%.*s\"", row->name, what,
                      SLICE_ARG(slice_head(at->text, 200)));
}

static enum err check_range(const struct config_row *row, const struct yaml_node *at, int64_t value,
                            struct error *err)
{
    int64_t bound;
    if (row->kind == CONFIG_ENUM || row->kind == CONFIG_BOOL) {
        return ERR_OK;
    }
    if (row->min[0] && parse_number(row, slice_str(row->min), &bound) == ERR_OK && value < bound) {
        return yaml_error(at, err, "\"%s\" must be at least %s; found %.*s", row->name, row->min,
                          SLICE_ARG(slice_head(at->text, 200)));
    }
    if (row->max[0] && parse_number(row, slice_str(row->max), &bound) == ERR_OK && value > bound) {
        return yaml_error(at, err, "\"%s\" must be at most %s; found %.*s", row->name, row->max,
                          SLICE_ARG(slice_head(at->text, 200)));
    }
    return ERR_OK;
}

static struct slice trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

static enum err no_memory(const struct yaml_node *at, struct error *err)
{
    (void)yaml_error(at, err, "the settings need more memory than they may have");
    if (err) {
        err->code = ERR_LIMIT;
    }
    return ERR_LIMIT;
}

/* One scalar with commas; an empty text is an empty list. */
static enum err split_list(const struct yaml_node *at, struct arena *arena,
                           struct config_list *ret_list, struct error *err)
{
    size_t commas = 0;
    for (size_t i = 0; i < at->text.len; i++) {
        commas += at->text.ptr[i] == ',';
    }
    struct config_list list = { arena_array(arena, commas + 1, sizeof(*list.items)), 0 };
    if (!list.items) {
        return no_memory(at, err);
    }
    struct slice rest = at->text;
    for (size_t i = 0; i <= commas; i++) {
        const uint8_t *comma = rest.len ? memchr(rest.ptr, ',', rest.len) : NULL;
        size_t len = comma ? (size_t)(comma - rest.ptr) : rest.len;
        struct slice item = arena_copy(arena, trim(slice_head(rest, len)));
        if (slice_is_null(item)) {
            return no_memory(at, err);
        }
        if (item.len) {
            list.items[list.count++] = (const char *)item.ptr;
        }
        rest = slice_from(rest, len + 1);
    }
    *ret_list = list;
    return ERR_OK;
}

static enum err take_list(const struct config_row *row, const struct yaml_node *at,
                          struct arena *arena, struct config_list *ret_list, struct error *err)
{
    if (at->kind == YAML_SCALAR) {
        return split_list(at, arena, ret_list, err);
    }
    if (at->kind != YAML_SEQUENCE) {
        return wrong_type(row, at, err);
    }
    struct config_list list = { arena_array(arena, at->child_count, sizeof(*list.items)), 0 };
    if (!list.items) {
        return no_memory(at, err);
    }
    for (const struct yaml_node *c = at->child; c; c = c->next) {
        struct slice item = c->kind == YAML_SCALAR ? arena_copy(arena, c->text) : slice_null();
        if (c->kind != YAML_SCALAR) {
            return yaml_error(c, err, "\"%s\" must be %s; an element of it is no text", row->name,
                              "a list of texts, such as [a, b]");
        }
        if (slice_is_null(item)) {
            return no_memory(at, err);
        }
        list.items[list.count++] = (const char *)item.ptr;
    }
    *ret_list = list;
    return ERR_OK;
}

/* Puts one value into the struct. */
static enum err store(const struct config_row *row, const struct yaml_node *at, struct arena *arena,
                      void *config, struct error *err)
{
    void *member = (char *)config + row->offset;
    int64_t number;
    if (row->kind == CONFIG_NODE) {
        *(const struct yaml_node **)member = at;
        return ERR_OK;
    }
    if (row->kind == CONFIG_LIST) {
        return take_list(row, at, arena, member, err);
    }
    if (at->kind != YAML_SCALAR) {
        return wrong_type(row, at, err);
    }
    if (row->kind == CONFIG_STR || row->kind == CONFIG_SECRET) {
        struct slice copy = arena_copy(arena, at->text);
        if (slice_is_null(copy)) {
            return no_memory(at, err);
        }
        *(const char **)member = (const char *)copy.ptr;
        return ERR_OK;
    }
    if (parse_number(row, at->text, &number)) {
        return wrong_type(row, at, err);
    }
    enum err e = check_range(row, at, number, err);
    if (!e && row->kind == CONFIG_BOOL) {
        *(bool *)member = number != 0;
    } else if (!e) {
        *(int64_t *)member = number;
    }
    return e;
}

/* --- loading ---------------------------------------------------------------------------------- */

struct load {
    const struct config_table *table;
    struct arena *arena;
    void (*warn)(void *ctx, const char *text);
    void *warn_ctx;
    void *config;                 /* being filled */
    const struct yaml_node **set; /* by row: where it was set */
    struct error *err;
};

static enum err set_defaults(struct load *l)
{
    for (size_t i = 0; i < l->table->count; i++) {
        const struct config_row *row = &l->table->rows[i];
        if (!row->value[0] || row->flags & (CONFIG_ALIAS | CONFIG_IGNORED)) {
            continue;
        }
        struct yaml_node at = { .kind = YAML_SCALAR,
                                .text = slice_str(row->value),
                                .file = "default" };
        enum err e =
            row->kind == CONFIG_NODE ? ERR_OK : store(row, &at, l->arena, l->config, l->err);
        if (e) {
            return e; /* a wrong row: every start and every test of the table sees it */
        }
    }
    return ERR_OK;
}

static void warn_at(struct load *l, const struct yaml_node *at, const char *what, const char *name,
                    const char *more)
{
    struct error text;
    if (l->warn) {
        (void)yaml_error(at, &text, "\"%s\" %s%s%s", name, what, more[0] ? " " : "", more);
        l->warn(l->warn_ctx, text.text);
    }
}

static enum err take_row(struct load *l, const struct config_row *row, const struct yaml_node *at)
{
    if (row->flags & CONFIG_IGNORED) {
        warn_at(l, at, "has no effect here and is passed over:", row->name, row->about);
        return ERR_OK;
    }
    if (row->flags & CONFIG_ALIAS) {
        warn_at(l, at, "is another spelling of", row->name, row->value);
        row = find_row(l->table, slice_str(row->value));
        if (!row) {
            return yaml_error(at, l->err, "the alias stands for no setting");
        }
    }
    const struct yaml_node **set = &l->set[row - l->table->rows];
    if (*set) {
        return yaml_error(at, l->err,
                          "\"%s\" is set twice, under two spellings: the other one stands "
                          "at %s:%u:%u; remove one of the two",
                          row->name, (*set)->file, (*set)->line, (*set)->column);
    }
    *set = at;
    return at->kind == YAML_NULL ? ERR_OK : store(row, at, l->arena, l->config, l->err);
}

/* Whether settings lie below a name. */
static bool is_group(const struct config_table *table, struct slice name)
{
    for (size_t i = 0; i < table->count; i++) {
        struct slice row = slice_str(table->rows[i].name);
        if (row.len > name.len && row.ptr[name.len] == '.' &&
            slice_eq(slice_head(row, name.len), name)) {
            return true;
        }
    }
    return false;
}

static enum err unknown(struct load *l, struct buf *path, const struct yaml_node *at)
{
    /* What was written as one dotted key is told as one. */
    while (at->kind == YAML_MAPPING && at->child_count == 1 && at->child->line == at->line &&
           at->child->column == at->column) {
        at = at->child;
        buf_append_byte(path, '.');
        buf_append_slice(path, at->key);
    }
    const char *name = buf_cstr(path);
    const char *near = nearest_row(l->table, buf_slice(path), l->arena);
    if (near) {
        return yaml_error(at, l->err, "unknown setting \"%s\"; did you mean \"%s\"?", name, near);
    }
    return yaml_error(at, l->err, "unknown setting \"%s\"; %s has none of a similar name", name,
                      l->table->title);
}

static enum err walk(struct load *l, const struct yaml_node *map, struct buf *path)
{
    for (const struct yaml_node *c = map->child; c; c = c->next) {
        size_t len = path->len;
        if (len) {
            buf_append_byte(path, '.');
        }
        buf_append_slice(path, c->key);
        const struct config_row *row = find_row(l->table, buf_slice(path));
        enum err e;
        if (row && (c->kind != YAML_MAPPING || row->kind == CONFIG_NODE ||
                    !is_group(l->table, buf_slice(path)))) {
            e = take_row(l, row, c);
        } else if (!is_group(l->table, buf_slice(path))) {
            e = unknown(l, path, c);
        } else if (c->kind == YAML_MAPPING) {
            e = walk(l, c, path);
        } else {
            e = c->kind == YAML_NULL
                    ? ERR_OK
                    : yaml_error(c, l->err,
                                 "\"%s\" is a group of settings; found a value; write the "
                                 "settings below it, one a line",
                                 buf_cstr(path));
        }
        if (e) {
            return e;
        }
        path->len = len;
    }
    return ERR_OK;
}

static enum err check_required(struct load *l, const struct yaml_node *map)
{
    for (size_t i = 0; i < l->table->count; i++) {
        const struct config_row *row = &l->table->rows[i];
        if (!(row->flags & CONFIG_REQUIRED) || (l->set[i] && l->set[i]->kind != YAML_NULL)) {
            continue;
        }
        if (map) {
            return yaml_error(map, l->err, "\"%s\" must be set (%s): %s", row->name,
                              l->table->title, row->about);
        }
        return err_set(l->err, ERR_CONFIG, "\"%s\" must be set (%s): %s", row->name,
                       l->table->title, row->about);
    }
    return ERR_OK;
}

enum err config_load(const struct config_table *table, const struct yaml_node *map,
                     struct arena *arena, void (*warn)(void *ctx, const char *text), void *warn_ctx,
                     void *ret_config, struct error *err)
{
    if (map && map->kind != YAML_MAPPING && map->kind != YAML_NULL) {
        return yaml_error(map, err, "expected settings of %s, as in `name: value`; found a %s",
                          table->title, map->kind == YAML_SEQUENCE ? "list" : "single value");
    }
    struct load l = { table,
                      arena,
                      warn,
                      warn_ctx,
                      arena_alloc(arena, table->struct_size),
                      arena_array(arena, table->count, sizeof(*l.set)),
                      err };
    if (!l.config || !l.set) {
        return err_set(err, ERR_LIMIT, "the settings of %s need more memory than they may have",
                       table->title);
    }
    struct buf path = { 0 };
    enum err e = set_defaults(&l);
    if (!e && map) {
        e = walk(&l, map, &path);
    }
    buf_deinit(&path);
    if (!e) {
        e = check_required(&l, map);
    }
    if (!e) {
        memcpy(ret_config, l.config, table->struct_size);
    }
    return e;
}

enum err config_set(const struct config_table *table, const char *name, struct slice value,
                    struct arena *arena, void *config, struct error *err)
{
    const struct config_row *row = config_find(table, slice_str(name));
    if (!row) {
        const char *near = nearest_row(table, slice_str(name), arena);
        return err_set(err, ERR_CONFIG,
                       near ? "unknown setting \"%s\"; did you mean \"%s\"?"
                            : "unknown setting \"%s\"",
                       name, near);
    }
    if (row->flags & CONFIG_IGNORED) {
        return ERR_OK;
    }
    if (row->kind == CONFIG_NODE) {
        return err_set(err, ERR_UNSUPPORTED, "\"%s\" cannot be set as one text", name);
    }
    struct slice copy = arena_copy(arena, value);
    if (slice_is_null(copy)) {
        return err_set(err, ERR_LIMIT, "\"%s\" needs more memory than it may have", name);
    }
    struct yaml_node at = { .kind = YAML_SCALAR, .text = copy, .file = table->title };
    return store(row, &at, arena, config, err);
}
