/* SPDX-License-Identifier: Apache-2.0 */
/*
 * transaction.h - metadata transactions: records between BeginTransaction and EndTransaction count
 * together or, after AbortTransaction, not at all.
 * Pure. Stands between the reader of `__cluster_metadata` and image_apply(). Source: KIP-868.
 */
#ifndef LOGBOOM_CONTROLLER_TRANSACTION_H
#define LOGBOOM_CONTROLLER_TRANSACTION_H

#include "broker/controller/records.h"

/* A zeroed one is outside a transaction. */
struct metadata_transaction {
    bool open;
    struct metadata_records held;
    int64_t *offsets; /* of the held ones */
    uint32_t offset_cap;
};

enum metadata_transaction_step {
    TRANSACTION_APPLY, /* the record goes to image_apply() now */
    TRANSACTION_HELD,  /* nothing is to be done yet */
    TRANSACTION_ENDED, /* the held ones are to be applied now, by metadata_transaction_held() */
};

void metadata_transaction_deinit(struct metadata_transaction *t);
/* The next record of the log. ERR_CORRUPT for brackets that do not fit, ERR_LIMIT when too much is
 * held. */
enum err metadata_transaction_feed(struct metadata_transaction *t, struct slice record,
                                   int64_t offset, enum metadata_transaction_step *ret_step);
/* Held record i with its offset; false behind the last. Valid until the next feed. */
bool metadata_transaction_held(const struct metadata_transaction *t, uint32_t i,
                               struct slice *ret_record, int64_t *ret_offset);

#endif
