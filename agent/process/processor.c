/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processor.c - the list of processors: reading it, running it. See processor.h.
 *
 * Invariants:
 * I1. A processor that fails leaves the event as it was; no event is lost to a processor but by
 *     drop_event.
 */
#include "agent/process/processor.h"

#include "protocol/base/alloc.h"

struct processor {
    const struct processor_kind *kind;
    void *config;
    struct condition *when;
};

static const struct processor_kind *find_kind(const struct yaml_node *at, struct error *err,
                                              enum err *ret_rc)
{
    const char *names[64];
    size_t count = 0;
    for (size_t i = 0; i < processor_kind_count; i++) {
        if (slice_eq_str(at->key, processor_kinds[i].name)) {
            return &processor_kinds[i];
        }
        if (count < sizeof(names) / sizeof(names[0])) {
            names[count++] = processor_kinds[i].name;
        }
    }
    const char *near = config_nearest(at->key, names, count);
    *ret_rc = yaml_error(at, err, "unknown processor \"%.*s\"%s%s%s", SLICE_ARG(at->key),
                         near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

/* The settings without `when`, which is common to all. */
static struct yaml_node without_when(const struct yaml_node *node, struct arena *arena,
                                     const struct yaml_node **ret_when)
{
    struct yaml_node copy = *node;
    copy.child = NULL;
    copy.child_count = 0;
    struct yaml_node **tail = &copy.child;
    *ret_when = NULL;
    for (const struct yaml_node *n = node->child; n; n = n->next) {
        if (slice_eq_str(n->key, "when")) {
            *ret_when = n;
            continue;
        }
        struct yaml_node *kept = arena_alloc(arena, sizeof(*kept));
        if (!kept) {
            break;
        }
        *kept = *n;
        kept->next = NULL;
        *tail = kept;
        tail = &kept->next;
        copy.child_count++;
    }
    return copy;
}

struct reading {
    struct arena *arena;
    void (*warn)(void *ctx, const char *text);
    void *warn_ctx;
};

static enum err read_one(struct processor *p, const struct yaml_node *node, const struct reading *r,
                         struct error *err)
{
    enum err rc = ERR_OK;
    p->kind = find_kind(node, err, &rc);
    if (!p->kind) {
        return rc;
    }
    if (p->kind->ignored) {
        if (r->warn) {
            char text[160];
            snprintf(text, sizeof(text), "%s:%u: the processor %s does nothing here", node->file,
                     node->line, p->kind->name);
            r->warn(r->warn_ctx, text);
        }
        return ERR_OK;
    }
    if (node->kind != YAML_MAPPING && node->kind != YAML_NULL) {
        return yaml_error(node, err, "%s takes a mapping of settings", p->kind->name);
    }
    const struct yaml_node *when;
    struct yaml_node settings = without_when(node, r->arena, &when);
    p->config = mem_zalloc(p->kind->config_size + 1);
    if (p->kind->table) {
        rc = config_load(p->kind->table, node->kind == YAML_MAPPING ? &settings : NULL, r->arena,
                         r->warn, r->warn_ctx, p->config, err);
    } else if (settings.child) {
        rc = yaml_error(settings.child, err, "%s has no settings", p->kind->name);
    }
    if (!rc && p->kind->init) {
        rc = p->kind->init(p->config, node, r->arena, err);
    }
    if (rc) {
        mem_free(p->config);
        p->config = NULL;
        p->kind = NULL;
        return rc;
    }
    return when ? condition_new(when, &p->when, err) : ERR_OK;
}

enum err processors_init(struct processors *p, const struct yaml_node *list, struct arena *arena,
                         void (*warn)(void *ctx, const char *text), void *warn_ctx,
                         struct error *err)
{
    struct reading r = { arena, warn, warn_ctx };
    *p = (struct processors){ 0 };
    if (!list || list->kind == YAML_NULL) {
        return ERR_OK;
    }
    if (list->kind != YAML_SEQUENCE) {
        return yaml_error(list, err, "processors is a list, each item one processor");
    }
    p->items = mem_array(list->child_count + 1, sizeof(*p->items));
    for (const struct yaml_node *n = list->child; n; n = n->next) {
        enum err rc;
        if (n->kind != YAML_MAPPING || n->child_count != 1) {
            rc = yaml_error(n, err,
                            "each item of processors is one mapping, as in "
                            "- add_tags: {tags: [web]}");
        } else {
            rc = read_one(&p->items[p->count++], n->child, &r, err);
        }
        if (rc) {
            processors_deinit(p);
            return rc;
        }
    }
    return ERR_OK;
}

void processors_deinit(struct processors *p)
{
    for (size_t i = 0; i < p->count; i++) {
        struct processor *item = &p->items[i];
        if (item->kind && item->kind->deinit && item->config) {
            item->kind->deinit(item->config);
        }
        mem_free(item->config);
        condition_free(item->when);
    }
    mem_free(p->items);
    *p = (struct processors){ 0 };
}

void processors_run(const struct processors *p, struct event *e)
{
    for (size_t i = 0; i < p->count && !e->dropped; i++) {
        const struct processor *item = &p->items[i];
        if (item->config && (!item->when || event_holds(e, item->when))) {
            item->kind->run(item->config, &p->host, e);
        }
    }
}

bool processors_are_constant(const struct processors *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct processor *item = &p->items[i];
        if (item->config && (!item->kind->constant ||
                             (item->when && condition_uses(item->when, event_field_varies)))) {
            return false;
        }
    }
    return true;
}

void processors_print_help(FILE *out)
{
    for (size_t i = 0; i < processor_kind_count; i++) {
        const struct processor_kind *kind = &processor_kinds[i];
        if (!kind->ignored) {
            fprintf(out, "\nprocessor %s%s\n", kind->name, kind->table ? ":" : " (no settings)");
            if (kind->table) {
                config_print_help(kind->table, out);
            }
        }
    }
}
