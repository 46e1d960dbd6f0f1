/* SPDX-License-Identifier: Apache-2.0 */
/* event.c - see event.h. Driven by the processors and by ship/. */
#include "agent/process/event.h"

#include "protocol/event/value.h"

bool event_field_varies(struct slice path)
{
    static const char *const varying[] = { "@timestamp", "message", "log", "stream", "event" };
    for (size_t i = 0; i < sizeof(varying) / sizeof(varying[0]); i++) {
        size_t n = strlen(varying[i]);
        if (slice_starts(path, varying[i]) && (path.len == n || path.ptr[n] == '.')) {
            return true;
        }
    }
    return false;
}

static const struct json_value *field(void *event, struct slice dotted)
{
    return json_get_path(((const struct event *)event)->root, dotted);
}

static int64_t time_ms(void *event)
{
    return ((const struct event *)event)->time_ms;
}

static const struct event_access access_of_agent = { field, time_ms };

bool event_holds(const struct event *e, const struct condition *c)
{
    return condition_holds(c, &access_of_agent, (void *)(uintptr_t)e);
}

enum err event_expand(const struct event *e, const struct pattern *p, struct buf *out)
{
    return pattern_expand(p, &access_of_agent, (void *)(uintptr_t)e, out, NULL);
}

void event_set_text(struct event *e, const char *path, struct slice text)
{
    struct json_value *v = json_new_string(e->arena, text);
    if (v) {
        (void)json_set_path(e->root, e->arena, slice_str(path), v);
    }
}

void event_add_to_list(struct event *e, const char *path, struct slice text)
{
    struct json_value *list = json_get_path(e->root, slice_str(path));
    if (!list || list->kind != JSON_ARRAY) {
        list = json_new(e->arena, JSON_ARRAY);
        if (!list || json_set_path(e->root, e->arena, slice_str(path), list)) {
            return;
        }
    }
    for (const struct json_value *v = list->child; v; v = v->next) {
        if (slice_eq(v->text, text)) {
            return;
        }
    }
    struct json_value *v = json_new_string(e->arena, text);
    if (v) {
        value_append_child(list, v);
    }
}
