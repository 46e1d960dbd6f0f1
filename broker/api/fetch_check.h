/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fetch_check.h - what one partition may give to one fetch: to a consumer or to a follower, from
 * the leader or from a replica close by. Source: KIP-227 aside, KIP-320 (epochs), KIP-392 (closest
 * replica), KIP-595 (DivergingEpoch), KIP-903 (broker epochs of followers).
 */
#ifndef LOGBOOM_BROKER_API_FETCH_CHECK_H
#define LOGBOOM_BROKER_API_FETCH_CHECK_H

#include "broker/broker.h"

/* Who fetches. */
struct fetcher_identity {
    int32_t replica;       /* -1: a consumer */
    int64_t replica_epoch; /* -1: not told */
    struct slice rack;     /* of a consumer; empty: not told */
};

struct fetch_verdict {
    enum kafka_error code;
    int32_t diverging_epoch; /* -1: none */
    int64_t diverging_end_offset;
    int32_t preferred_replica; /* -1: none */
};

static inline struct fetch_verdict fetch_verdict_none(void)
{
    return (struct fetch_verdict){ .diverging_epoch = -1,
                                   .diverging_end_offset = -1,
                                   .preferred_replica = -1 };
}

void fetch_identify(const struct call *c, struct fetcher_identity *ret_who);
void fetch_check(const struct call *c, const struct fetcher_identity *who,
                 const struct partition *p, const struct fetch_request_partition *ask,
                 struct fetch_verdict *ret_verdict);
/* No records are given, and the reply does not wait for any. */
bool fetch_is_urgent(const struct fetch_verdict *verdict);
/* The fetch is a follower's whose log begins below the leader's: it must hear of it, and at once,
 * since it is not in sync before (isr.h), and DeleteRecords may wait for it. */
bool fetch_begins_early(const struct fetcher_identity *who,
                        const struct fetch_request_partition *ask, int64_t leader_start_offset);
/* Nothing that reaches this offset is given. */
int64_t fetch_upper_offset(const struct fetcher_identity *who, const struct partition *p);
/* The leader notes how far its follower is. */
enum kafka_error fetch_note_follower(const struct call *c, const struct fetcher_identity *who,
                                     struct partition *p,
                                     const struct fetch_request_partition *ask);

#endif
