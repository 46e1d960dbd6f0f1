/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_voters.h - voters as the consensus machine has them, and as a VotersRecord has them.
 */
#ifndef LOGBOOM_BROKER_QUORUM_VOTERS_H
#define LOGBOOM_BROKER_QUORUM_VOTERS_H

#include "broker/raft/raft.h"

/* Both copy into the arena; ERR_LIMIT at its cap. Strings of the record are copied too. */
enum err voters_from_record(const struct voters_record *record, struct arena *arena,
                            struct raft_voter_set *ret_set);
/* Strings stay the set's. */
enum err voters_to_record(struct raft_voter_set set, struct arena *arena,
                          struct voters_record *ret_record);

#endif
