/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quota.h - so many bytes a second, and no more: the throttle of replicas that catch up (KIP-73).
 * Pure: time comes in. What is taken may exceed the room once; the debt is waited off.
 */
#ifndef LOGBOOM_REPLICA_QUOTA_H
#define LOGBOOM_REPLICA_QUOTA_H

#include <stdint.h>

struct quota {
    int64_t rate; /* bytes a second; INT64_MAX: no limit */
    int64_t room; /* bytes; below zero: a debt */
    uint64_t at_ns;
};

/* Another rate from now on. Room that was saved up under the old one is gone; so are debts. */
void quota_set(struct quota *q, int64_t rate, uint64_t now_ns);
/* How much may be taken now; 0 or less: nothing. At most a second's worth is ever saved up. */
int64_t quota_room(struct quota *q, uint64_t now_ns);
void quota_take(struct quota *q, int64_t bytes);
/* When there is room again, worth a tenth of a second; at most a second from now, so that another
 * rate is seen. */
uint64_t quota_ready_ns(const struct quota *q, uint64_t now_ns);

#endif
