/* SPDX-License-Identifier: Apache-2.0 */
/*
 * consumer_rig.h - a consumer against scripted brokers, and a user that checks what it is given:
 * every record once it is there, in order within an assignment, never behind one that was not
 * given, never committed beyond what was given. Record i of partition p has the value i * 4 + p.
 */
#ifndef LOGBOOM_TESTS_PROTOCOL_CONSUMER_RIG_H
#define LOGBOOM_TESTS_PROTOCOL_CONSUMER_RIG_H

#include "protocol/client/consumer.h"
#include "tests/support/fake_broker.h"

struct consumer_rig {
    struct fake_env env;
    struct fake_cluster cluster;
    struct client *client;
    struct consumer *consumer;
    struct consumer_partition *parts[FAKE_PARTITIONS]; /* held now */
    int64_t next[FAKE_PARTITIONS];                     /* in this assignment; -1 before its first */
    int64_t given[FAKE_PARTITIONS]; /* everything below was given at least once */
    int64_t start[FAKE_PARTITIONS]; /* what lies below is not expected */
    int64_t last_end[FAKE_PARTITIONS];
    struct timer revoked;
    struct timer calm;
    bool commits; /* what was given is committed */
    bool lazy;    /* consumer_revoked() is never called */
    bool chaotic; /* pauses, seeks back, slow revocations */
    bool closed;
    uint64_t revoke_after_ns, request_timeout_ns;
    uint64_t records, batches, assigned, revoking, lost, troubles, fatals;
    int16_t trouble;
    char trouble_text[512];
    void (*on_batches)(struct consumer_rig *r, struct consumer_partition *part);
};

void consumer_rig_init(struct consumer_rig *r, uint64_t seed, uint64_t records_each);
/* group_id and topics are filled in. */
void consumer_rig_start(struct consumer_rig *r, struct consumer_config cfg);
void consumer_rig_run(struct consumer_rig *r, uint64_t ns);
/* Until every record was given (and committed, when the rig commits); fails after limit_s. */
void consumer_rig_finish(struct consumer_rig *r, uint64_t limit_s);
void consumer_rig_deinit(struct consumer_rig *r);
/* What happens to the next requests of an API. */
void consumer_rig_script(struct consumer_rig *r, int16_t api, enum fake_act act, int16_t error,
                         int times);

#endif
