/* SPDX-License-Identifier: Apache-2.0 */
/*
 * error_reply.c - the answer to a request that was not carried out, or of which nobody knows
 * whether it was: every thing that it asked for, with one and the same error. Driven by
 * controller_channel.c.
 *
 * A response tells its error at the top, or for each item of a list. Items repeat the names that
 * the request gave, in fields that are called the same.
 */
#include "broker/api/table.h"

#include <assert.h>

struct told_list {
    int16_t key;
    const char *asked; /* the request's list */
    const char *told;  /* the response's */
};

static const struct told_list lists[] = {
    { API_CreateTopics, "topics", "topics" },
    { API_DeleteTopics, "topics", "responses" },
    { API_DeleteTopics, "topic_names", "responses" },
    { API_CreatePartitions, "topics", "results" },
    { API_AlterConfigs, "resources", "responses" },
    { API_IncrementalAlterConfigs, "resources", "responses" },
};

static const struct field *find(const struct schema *s, const char *name)
{
    for (uint16_t i = 0; i < s->field_count; i++) {
        if (strcmp(s->fields[i].name, name) == 0) {
            return &s->fields[i];
        }
    }
    return NULL;
}

static void *at(const void *msg, uint16_t offset)
{
    return (uint8_t *)(uintptr_t)msg + offset;
}

static size_t size_of(enum field_kind kind)
{
    return kind == KIND_STR    ? sizeof(struct slice)
           : kind == KIND_UUID ? sizeof(struct uuid)
           : kind == KIND_I8   ? sizeof(int8_t)
                               : 0;
}

static bool set_error(const struct schema *s, void *msg, enum kafka_error code, const char *text)
{
    const struct field *error = find(s, "error_code"), *message = find(s, "error_message");
    if (error) {
        *(int16_t *)at(msg, error->offset) = (int16_t)code;
    }
    if (error && message) {
        *(struct slice *)at(msg, message->offset) = slice_str(text);
    }
    return error != NULL;
}

/* Copies what the item was called by. */
static void take_names(const struct schema *from, const void *item, const struct schema *to,
                       void *ret_item)
{
    for (uint16_t i = 0; i < from->field_count; i++) {
        const struct field *f = &from->fields[i], *t = find(to, f->name);
        if (t && f->shape == SHAPE_SCALAR && t->shape == SHAPE_SCALAR && f->kind == t->kind) {
            memcpy(at(ret_item, t->offset), at(item, f->offset), size_of(f->kind));
        }
    }
}

/* The items of one list; false at the call's cap of memory. */
static bool tell_items(struct call *c, const struct told_list *l, void *resp, enum kafka_error code,
                       const char *text)
{
    const struct field *asked = find(c->api->request, l->asked);
    const struct field *told = find(c->api->response, l->told);
    assert(asked && told);
    const struct field *name = find(told->sub, "name"); /* of an item that was asked by it alone */
    int32_t count = *(int32_t *)at(c->request, asked->offset_n);
    if (count <= 0) {
        return true;
    }
    uint8_t *items = schema_new(told->sub, &c->arena, (size_t)count);
    if (!items) {
        return false;
    }
    const uint8_t *from = *(uint8_t **)at(c->request, asked->offset);
    for (int32_t i = 0; i < count; i++) {
        void *item = items + (size_t)i * told->sub->size;
        if (name && asked->shape == SHAPE_VECTOR) {
            memcpy(at(item, name->offset), from + (size_t)i * sizeof(struct slice),
                   sizeof(struct slice));
        } else {
            take_names(asked->sub, from + (size_t)i * asked->sub->size, told->sub, item);
        }
        (void)set_error(told->sub, item, code, text);
    }
    *(void **)at(resp, told->offset) = items;
    *(int32_t *)at(resp, told->offset_n) = count;
    return true;
}

void api_reply_error(struct call *c, enum kafka_error code, const char *text)
{
    void *resp = call_response(c);
    if (!resp) {
        return;
    }
    bool complete = true, said = set_error(c->api->response, resp, code, text);
    for (size_t i = 0; complete && i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (lists[i].key == c->api->key) {
            complete = tell_items(c, &lists[i], resp, code, text);
            said = true;
        }
    }
    if (complete && said) {
        call_reply(c, resp);
    } else {
        call_fail(c, text);
    }
}
