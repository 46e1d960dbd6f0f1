/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message_gen.h - random Kafka messages for tests, made from the schema tables, and an independent
 * reading of the wire format to compare the codec with.
 */
#ifndef LOGBOOM_TESTS_PROTOCOL_MESSAGE_GEN_H
#define LOGBOOM_TESTS_PROTOCOL_MESSAGE_GEN_H

#include "protocol/base/arena.h"
#include "protocol/base/rng.h"
#include "protocol/wire/messages.h"

/* Fills msg with values that the version can carry; memory is the arena's (which must not run out).
 */
void message_gen(struct rng *rng, struct arena *arena, const struct schema *s, int16_t version,
                 void *ret_msg);
/* Field by field, null and empty told apart. */
bool message_equal(const struct schema *s, const void *a, const void *b);

/* Where a length or count lies in encoded bytes. */
struct wire_length {
    size_t at;
    size_t size; /* 2 or 4 for classic ones, the varint's own size in flexible versions */
    bool varint;
};

/* Walks well-formed bytes by the tables, noting every length and count; returns how many there are
 * (at most max are stored), or -1 when the bytes are not exactly one message. */
int message_lengths(const struct schema *s, int16_t version, struct slice bytes,
                    struct wire_length *ret_lengths, int max);

#endif
