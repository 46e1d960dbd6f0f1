/* SPDX-License-Identifier: Apache-2.0 */
/* quorum_internal.h - what the files behind quorum.h share. Nobody else includes it. */
#ifndef LOGBOOM_BROKER_QUORUM_INTERNAL_H
#define LOGBOOM_BROKER_QUORUM_INTERNAL_H

#include "broker/quorum.h"
#include "protocol/base/buf.h"

enum { QUORUM_ARENA_BYTES = 1 << 20 };

struct raft_now quorum_now(const struct broker *b);
/* Ends the part in the quorum for good (Q2); tells the program, which should end. */
void quorum_die(struct broker *b, enum err why, const char *text);
/* The path of quorum-state; the caller's to free. */
struct buf quorum_state_path(const struct broker *b);

/* --- quorum_peers.c --------------------------------------------------------------------------- */

/* RAFT_SEND. */
void quorum_send(struct broker *b, const struct raft_output *out);
/* RAFT_REPLY. */
void quorum_reply(struct broker *b, const struct raft_output *out);
/* Nobody hears of the answers any more. */
void quorum_cancel_sends(struct broker *b);

#endif
