/* SPDX-License-Identifier: Apache-2.0 */
/*
 * raft_output.c - the queue of outputs, and the requests that wait for an answer.
 * Driven by all other files of the machine; drained by raft_next_output().
 *   (O1) While the hard state differs from what was last put out, no output but RAFT_SAVE_STATE
 *        enters the queue: raft_push() puts that one in front. So a vote, a new epoch and a
 *        leadership are on the disk before anybody hears of them.
 *   (O2) Every token is in `sent` from its RAFT_SEND until its answer.
 */
#include "broker/raft/raft_machine.h"

#include "protocol/base/alloc.h"

#include <assert.h>

struct raft_item *raft_item_new(enum raft_output_kind kind)
{
    struct raft_item *item = mem_zalloc(sizeof(*item));
    item->out.kind = kind;
    /* What goes in is bounded by the number of voters and endpoints. */
    arena_init(&item->arena, SIZE_MAX);
    return item;
}

void raft_item_free(struct raft_item *item)
{
    if (item) {
        arena_deinit(&item->arena);
        mem_free(item);
    }
}

const struct raft_output *raft_next_output(struct raft *r)
{
    raft_item_free(r->current);
    struct list_node *node = list_pop_front(&r->outputs);
    r->current = node ? list_entry(node, struct raft_item, node) : NULL;
    return r->current ? &r->current->out : NULL;
}

void raft_push_state(struct raft *r)
{
    if (!r->state_dirty) {
        return;
    }
    r->state_dirty = false;
    struct raft_item *item = raft_item_new(RAFT_SAVE_STATE);
    item->out.state = r->state;
    item->out.kraft_version = raft_kraft_version(r);
    list_push_back(&r->outputs, &item->node);
}

void raft_push(struct raft *r, struct raft_item *item)
{
    raft_push_state(r);
    list_push_back(&r->outputs, &item->node);
}

void raft_push_offset(struct raft *r, enum raft_output_kind kind, int64_t offset)
{
    struct raft_item *item = raft_item_new(kind);
    item->out.offset = offset;
    raft_push(r, item);
}

void raft_push_fault(struct raft *r, const char *text)
{
    struct raft_item *item = raft_item_new(RAFT_FAULT);
    item->out.text = text;
    raft_push(r, item);
}

void *raft_item_alloc(struct raft_item *item, size_t count, size_t size)
{
    return arena_array(&item->arena, count, size);
}

void *raft_item_structs(struct raft_item *item, const struct schema *schema, size_t count)
{
    return schema_new(schema, &item->arena, count);
}

struct raft_item *raft_reply(void *call, const struct schema *schema)
{
    struct raft_item *item = raft_item_new(RAFT_REPLY);
    item->out.call = call;
    item->out.response_schema = schema;
    item->out.response = raft_item_structs(item, schema, 1);
    return item;
}

struct raft_item *raft_send(struct raft *r, int16_t api_key, const struct schema *schema,
                            int16_t version_min, const struct raft_destination *to)
{
    struct raft_item *item = raft_item_new(RAFT_SEND);
    item->out.token = r->next_token++;
    item->out.to = *to;
    item->out.to.host = arena_copy(&item->arena, to->host);
    item->out.api_key = api_key;
    item->out.version_min = version_min;
    item->out.request_schema = schema;
    item->out.request = raft_item_structs(item, schema, 1);
    r->sent = mem_rearray(r->sent, r->sent_count + 1, sizeof(*r->sent));
    r->sent[r->sent_count++] = (struct raft_sent){
        .token = item->out.token,
        .api_key = api_key,
        .to = to->node_id,
        .epoch = r->state.epoch,
    };
    return item;
}

bool raft_sent_take(struct raft *r, uint64_t token, struct raft_sent *ret_sent)
{
    for (size_t i = 0; i < r->sent_count; i++) {
        if (r->sent[i].token == token) {
            *ret_sent = r->sent[i];
            r->sent[i] = r->sent[--r->sent_count];
            return true;
        }
    }
    return false;
}
