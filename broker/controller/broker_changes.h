/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_changes.h - brokers come, go, and stop leading: the records of it.
 * Pure. Where partitions are involved there may be more records than one batch holds: the function
 * then adds a batch's worth and sets *ret_more; the caller runs it again when these are applied,
 * and what concludes the change (the fencing, the registration) comes with the last ones. Source:
 * KIP-631, KIP-966.
 */
#ifndef LOGBOOM_CONTROLLER_BROKER_CHANGES_H
#define LOGBOOM_CONTROLLER_BROKER_CHANGES_H

#include "broker/controller/partition_change.h"
#include "protocol/wire/kafka_error.h"

struct broker_registration {
    const struct broker_registration_request *request;
    struct slice cluster_id;
    bool session_lives;  /* of the broker that is registered with this id now */
    int64_t next_offset; /* where the first of the records will be */
};

/* BrokerRegistration. *ret_epoch is the broker's epoch: the offset of its record, or, when the same
 * incarnation registers again, the one it has. DUPLICATE_BROKER_REGISTRATION while another
 * incarnation lives, INCONSISTENT_CLUSTER_ID, INVALID_REGISTRATION for directories,
 * UNSUPPORTED_VERSION for features that do not cover the finalized ones. A new incarnation leaves
 * every ISR; one that has not shut down cleanly also loses its eligibility. */
enum kafka_error broker_change_register(const struct image *img, const struct change_policy *policy,
                                        const struct broker_registration *how,
                                        struct metadata_records *out, int64_t *ret_epoch,
                                        bool *ret_more, struct error *err);
/* The same for a controller that is its own broker and the only voter: what comes before its own
 * registration. Partitions without other replicas stay as they are: nobody has what it may have
 * lost. previous_epoch: of its last run, if that ended in order; or -1. */
void broker_change_return(const struct image *img, const struct change_policy *policy,
                          int32_t broker_id, int64_t previous_epoch, struct metadata_records *out,
                          bool *ret_more);
/* STALE_BROKER_EPOCH unless the broker is registered with this epoch. */
enum kafka_error broker_change_check_epoch(const struct image *img, int32_t broker_id,
                                           int64_t epoch, struct error *err);
/* The broker is out: it leaves every ISR, its leaders move, and it is fenced. Nothing when it is
 * fenced already. */
void broker_change_fence(const struct image *img, const struct change_policy *policy,
                         int32_t broker_id, struct metadata_records *out, bool *ret_more);
/* Whether records would have no leader without it: it is the last active broker, or the last active
 * one in sync of a partition of several replicas. */
bool broker_change_is_needed(const struct image *img, int32_t broker_id);
/* It is in: it is unfenced, and leads what has no leader and can have it. */
void broker_change_unfence(const struct image *img, const struct change_policy *policy,
                           int32_t broker_id, struct metadata_records *out, bool *ret_more);
/* It wants to go: its leaders move. */
void broker_change_shut_down(const struct image *img, const struct change_policy *policy,
                             int32_t broker_id, struct metadata_records *out, bool *ret_more);
/* It will not come back. BROKER_ID_NOT_REGISTERED. */
enum kafka_error broker_change_unregister(const struct image *img,
                                          const struct change_policy *policy, int32_t broker_id,
                                          struct metadata_records *out, bool *ret_more,
                                          struct error *err);
/* Whether these are all that the broker has: it can lead and keep nothing. */
bool broker_change_leaves_no_dir(const struct image *img, int32_t broker_id,
                                 const struct uuid *dirs, int32_t count);
/* Directories of the broker have failed: replicas there leave the ISR. Those that are known to be
 * offline make no record, nor does the last one: such a broker is to be fenced. */
void broker_change_offline_dirs(const struct image *img, const struct change_policy *policy,
                                int32_t broker_id, const struct uuid *dirs, int32_t count,
                                struct metadata_records *out, bool *ret_more);
/* Directories that take no new replica; count < 0: not told. */
void broker_change_cordon(const struct image *img, int32_t broker_id, const struct uuid *dirs,
                          int32_t count, struct metadata_records *out);
/* Partitions without a leader get one if anybody can lead (uncleanly where configured). */
void broker_change_elect_leaderless(const struct image *img, const struct change_policy *policy,
                                    struct metadata_records *out, bool *ret_more);
/* ControllerRegistration (KIP-919). UNSUPPORTED_VERSION below metadata.version 3.7-IV0. */
enum kafka_error
broker_change_register_controller(const struct image *img,
                                  const struct controller_registration_request *request,
                                  struct metadata_records *out, struct error *err);

#endif
