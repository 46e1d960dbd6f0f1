/* SPDX-License-Identifier: Apache-2.0 */
/* transaction.c - see transaction.h. Driven by the reader of the metadata log. */
#include "broker/controller/transaction.h"

#include "protocol/base/alloc.h"

enum { HELD_BYTES_MAX = 256 << 20 };

void metadata_transaction_deinit(struct metadata_transaction *t)
{
    metadata_records_deinit(&t->held);
    mem_free(t->offsets);
    *t = (struct metadata_transaction){ 0 };
}

static void hold(struct metadata_transaction *t, struct slice record, int64_t offset)
{
    if (t->held.count == t->offset_cap) {
        t->offset_cap = t->offset_cap ? t->offset_cap * 2 : 16;
        t->offsets = mem_rearray(t->offsets, t->offset_cap, sizeof(*t->offsets));
    }
    t->offsets[t->held.count] = offset;
    metadata_records_add_raw(&t->held, record);
}

enum err metadata_transaction_feed(struct metadata_transaction *t, struct slice record,
                                   int64_t offset, enum metadata_transaction_step *ret_step)
{
    int32_t type = metadata_record_type(record);
    if (type == begin_transaction_record_schema.key) {
        if (t->open) {
            return ERR_CORRUPT;
        }
        metadata_records_reset(&t->held);
        t->open = true;
        *ret_step = TRANSACTION_HELD;
        return ERR_OK;
    }
    bool end = type == end_transaction_record_schema.key;
    if (end || type == abort_transaction_record_schema.key) {
        if (!t->open) {
            return ERR_CORRUPT;
        }
        t->open = false;
        *ret_step = end ? TRANSACTION_ENDED : TRANSACTION_HELD;
        return ERR_OK;
    }
    if (!t->open) {
        *ret_step = TRANSACTION_APPLY;
        return ERR_OK;
    }
    if (t->held.bytes.len + record.len > HELD_BYTES_MAX) {
        return ERR_LIMIT;
    }
    hold(t, record, offset);
    *ret_step = TRANSACTION_HELD;
    return ERR_OK;
}

bool metadata_transaction_held(const struct metadata_transaction *t, uint32_t i,
                               struct slice *ret_record, int64_t *ret_offset)
{
    if (i >= t->held.count) {
        return false;
    }
    *ret_record = metadata_records_at(&t->held, i);
    *ret_offset = t->offsets[i];
    return true;
}
