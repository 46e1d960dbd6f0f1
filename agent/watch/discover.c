/* SPDX-License-Identifier: Apache-2.0 */
/*
 * discover.c - see discover.h. Driven by input/filestream.c at start, at every check_interval, when
 * a directory appeared, and when the kernel's notifications overflowed.
 *
 * The walk carries a set of states, each "pattern g, about to match part p, `deep` directories into
 * its `**`". A directory is listed when one of its states needs to see names, and looked into
 * directly when all of them know the next name.
 *
 * Invariants:
 * I1. Each directory is listed at most once a walk.
 * I2. Every failure but absence is reported.
 * I3. A directory is told of before it is looked at: once it is watched, nothing can come between
 *     what the walk sees and what the kernel tells.
 */
#include "agent/watch/discover.h"

#include "protocol/base/alloc.h"

#include <fnmatch.h>
#include <stdlib.h>

struct state {
    uint16_t glob, part;
    uint8_t deep;
};

struct states {
    struct state *items;
    size_t count, cap;
};

struct entry {
    char *name;
    enum file_kind kind;
};

struct entries {
    struct entry *items;
    size_t count, cap;
};

struct walk {
    const struct discover *d;
    struct files *files;
    const struct discover_events *events;
    void *ctx;
    struct buf path;
};

/* --- patterns --------------------------------------------------------------------------------- */

static void glob_add_part(struct glob *g, const char *text, size_t len, bool recursive)
{
    g->parts = mem_rearray(g->parts, g->part_count + 1, sizeof(*g->parts));
    struct glob_part *part = &g->parts[g->part_count++];
    part->text = mem_strndup(text, len);
    part->deep = recursive && len == 2 && memcmp(text, "**", 2) == 0;
    part->literal = !part->deep && strcspn(part->text, "*?[") == len;
    if (part->literal) {
        char *to = part->text;
        for (const char *from = part->text; *from; from++) {
            if (*from == '\\' && from[1]) {
                from++;
            }
            *to++ = *from;
        }
        *to = '\0';
    }
}

enum err discover_init(struct discover *d, const char *const *patterns, size_t count,
                       bool recursive, bool follow_symlinks, struct error *err)
{
    *d = (struct discover){ .follow_symlinks = follow_symlinks };
    d->globs = mem_array(count ? count : 1, sizeof(*d->globs));
    for (size_t i = 0; i < count; i++) {
        const char *p = patterns[i];
        if (p[0] != '/') {
            discover_deinit(d);
            return err_set(err, ERR_CONFIG, "paths: \"%s\" is not absolute", p);
        }
        struct glob *g = &d->globs[d->glob_count++];
        while (*p) {
            size_t skip = strspn(p, "/"), len = strcspn(p + skip, "/");
            if (len > 0 && !(len == 1 && p[skip] == '.')) {
                glob_add_part(g, p + skip, len, recursive);
            }
            p += skip + len;
        }
        if (g->part_count == 0 || g->part_count > 256 || i > UINT16_MAX) {
            discover_deinit(d);
            return err_set(err, ERR_CONFIG, "paths: \"%s\" names no file", patterns[i]);
        }
        if (g->parts[g->part_count - 1].deep) {
            glob_add_part(g, "*", 1, recursive);
        }
    }
    return ERR_OK;
}

void discover_deinit(struct discover *d)
{
    for (size_t i = 0; i < d->glob_count; i++) {
        for (size_t j = 0; j < d->globs[i].part_count; j++) {
            mem_free(d->globs[i].parts[j].text);
        }
        mem_free(d->globs[i].parts);
    }
    mem_free(d->globs);
    *d = (struct discover){ 0 };
}

static bool part_matches(const struct glob_part *part, const char *name)
{
    return part->literal ? strcmp(part->text, name) == 0 : fnmatch(part->text, name, 0) == 0;
}

/* way: whether the path shall be one on the way to a match, instead of a match. */
static bool glob_matches(const struct glob *g, size_t at, const char *path, unsigned deep, bool way)
{
    while (*path == '/') {
        path++;
    }
    if (at == g->part_count || !*path) {
        return !*path && way == (at < g->part_count);
    }
    size_t len = strcspn(path, "/");
    if (g->parts[at].deep) {
        return glob_matches(g, at + 1, path, 0, way) ||
               (deep < DISCOVER_DEPTH_MAX && glob_matches(g, at, path + len, deep + 1, way));
    }
    char name[256];
    if (len >= sizeof(name)) {
        return false;
    }
    memcpy(name, path, len);
    name[len] = '\0';
    return part_matches(&g->parts[at], name) && glob_matches(g, at + 1, path + len, 0, way);
}

static bool some_glob_matches(const struct discover *d, const char *path, bool way)
{
    for (size_t i = 0; i < d->glob_count; i++) {
        if (glob_matches(&d->globs[i], 0, path, 0, way)) {
            return true;
        }
    }
    return false;
}

bool discover_matches(const struct discover *d, const char *path)
{
    return some_glob_matches(d, path, false);
}

bool discover_leads_on(const struct discover *d, const char *path)
{
    return some_glob_matches(d, path, true);
}

/* --- the walk --------------------------------------------------------------------------------- */

/* Adds a state, and what follows from it when it stands at a `**` that may stand for nothing. */
static void states_add(const struct discover *d, struct states *s, struct state st)
{
    for (size_t i = 0; i < s->count; i++) {
        if (memcmp(&s->items[i], &st, sizeof(st)) == 0) {
            return;
        }
    }
    if (s->count == s->cap) {
        s->cap = s->cap ? 2 * s->cap : 8;
        s->items = mem_rearray(s->items, s->cap, sizeof(*s->items));
    }
    s->items[s->count++] = st;
    if (d->globs[st.glob].parts[st.part].deep) {
        struct state next = { .glob = st.glob, .part = (uint16_t)(st.part + 1) };
        states_add(d, s, next);
    }
}

/* The states behind `name`; whether the name as a whole is what some pattern ends with. */
static bool states_step(const struct discover *d, const struct states *from, const char *name,
                        struct states *ret_next)
{
    bool ends = false;
    for (size_t i = 0; i < from->count; i++) {
        struct state st = from->items[i];
        const struct glob *g = &d->globs[st.glob];
        const struct glob_part *part = &g->parts[st.part];
        if (part->deep) {
            if (st.deep < DISCOVER_DEPTH_MAX) {
                st.deep++;
                states_add(d, ret_next, st);
            }
        } else if (part_matches(part, name)) {
            if (st.part + 1U == g->part_count) {
                ends = true;
            } else {
                struct state next = { .glob = st.glob, .part = (uint16_t)(st.part + 1) };
                states_add(d, ret_next, next);
            }
        }
    }
    return ends;
}

static void add_entry(void *ctx, const char *name, enum file_kind kind)
{
    struct entries *e = ctx;
    if (e->count == e->cap) {
        e->cap = e->cap ? 2 * e->cap : 32;
        e->items = mem_rearray(e->items, e->cap, sizeof(*e->items));
    }
    e->items[e->count++] = (struct entry){ mem_strdup(name), kind };
}

static void add_entry_once(struct entries *e, const char *name)
{
    for (size_t i = 0; i < e->count; i++) {
        if (strcmp(e->items[i].name, name) == 0) {
            return;
        }
    }
    add_entry(e, name, FILE_KIND_UNKNOWN);
}

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void entries_deinit(struct entries *e)
{
    for (size_t i = 0; i < e->count; i++) {
        mem_free(e->items[i].name);
    }
    mem_free(e->items);
}

/* The names to look at below w->path: from the directory, or from the patterns when they know
 * them. */
static bool collect(struct walk *w, const struct states *s, struct entries *ret_entries)
{
    bool list = false;
    bool ends = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct glob *g = &w->d->globs[s->items[i].glob];
        list = list || !g->parts[s->items[i].part].literal;
        ends = ends || s->items[i].part + 1U == g->part_count;
    }
    const char *dir = w->path.len ? buf_cstr(&w->path) : "/";
    if (list || ends) {
        w->events->dir(w->ctx, dir, false); /* (I3) */
    }
    if (list) {
        enum err rc = w->files->ops->list(w->files, dir, add_entry, ret_entries);
        if (rc && rc != ERR_NOT_FOUND) {
            w->events->failed(w->ctx, dir, rc);
        }
        if (rc) {
            return false;
        }
        if (ret_entries->count > 0) {
            qsort(ret_entries->items, ret_entries->count, sizeof(*ret_entries->items),
                  compare_entries);
        }
    } else {
        for (size_t i = 0; i < s->count; i++) {
            add_entry_once(ret_entries, w->d->globs[s->items[i].glob].parts[s->items[i].part].text);
        }
    }
    return true;
}

/* What is at w->path, which ends in a name of the directory that takes dir_len of it. */
static enum err look(struct walk *w, size_t dir_len, bool follow, bool leads_on,
                     struct file_info *ret_info)
{
    enum err rc = w->files->ops->stat(w->files, buf_cstr(&w->path), follow, ret_info);
    if (rc != ERR_NOT_FOUND || !leads_on) {
        return rc;
    }
    struct buf dir = { 0 };
    buf_append(&dir, w->path.ptr, dir_len);
    w->events->dir(w->ctx, dir_len ? buf_cstr(&dir) : "/", true);
    buf_deinit(&dir);
    return w->files->ops->stat(w->files, buf_cstr(&w->path), follow, ret_info); /* (I3) */
}

static void walk_dir(struct walk *w, const struct states *s);

static void visit(struct walk *w, const struct states *s, const struct entry *entry)
{
    struct states next = { 0 };
    bool ends = states_step(w->d, s, entry->name, &next);
    bool maybe_dir = entry->kind == FILE_KIND_DIR || entry->kind == FILE_KIND_UNKNOWN ||
                     (entry->kind == FILE_KIND_SYMLINK && w->d->follow_symlinks);
    if (entry->kind == FILE_KIND_OTHER || (!ends && (next.count == 0 || !maybe_dir))) {
        mem_free(next.items);
        return;
    }
    size_t len = w->path.len;
    buf_append_byte(&w->path, '/');
    buf_append_str(&w->path, entry->name);
    struct file_info info;
    const char *path = buf_cstr(&w->path);
    /* A literal directory on the way may be a link whatever the option says: it was spelled out. */
    bool follow = w->d->follow_symlinks || (!ends && entry->kind == FILE_KIND_UNKNOWN);
    enum err rc = entry->kind == FILE_KIND_DIR && !ends
                      ? ERR_OK
                      : look(w, len, follow, next.count > 0, &info);
    if (entry->kind == FILE_KIND_DIR && !ends) {
        info.kind = FILE_KIND_DIR;
    }
    if (rc && rc != ERR_NOT_FOUND) {
        w->events->failed(w->ctx, path, rc);
    } else if (!rc && info.kind == FILE_KIND_REGULAR && ends) {
        w->events->file(w->ctx, path, &info);
    } else if (!rc && info.kind == FILE_KIND_DIR && next.count > 0) {
        walk_dir(w, &next);
    }
    w->path.len = len;
    mem_free(next.items);
}

static void walk_dir(struct walk *w, const struct states *s)
{
    struct entries entries = { 0 };
    if (collect(w, s, &entries)) {
        for (size_t i = 0; i < entries.count; i++) {
            visit(w, s, &entries.items[i]);
        }
    }
    entries_deinit(&entries);
}

void discover_walk(const struct discover *d, struct files *files,
                   const struct discover_events *events, void *ctx)
{
    struct walk w = { .d = d, .files = files, .events = events, .ctx = ctx };
    struct states start = { 0 };
    for (size_t i = 0; i < d->glob_count; i++) {
        struct state st = { .glob = (uint16_t)i };
        states_add(d, &start, st);
    }
    if (start.count > 0) {
        walk_dir(&w, &start);
    }
    mem_free(start.items);
    buf_deinit(&w.path);
}
