/* SPDX-License-Identifier: Apache-2.0 */
/*
 * registration.h - what this node tells of itself: the request that registers it, its directories,
 * and what a refusal means for the operator. Source: KIP-631, KIP-858 (directories).
 */
#ifndef LOGBOOM_BROKER_REGISTRATION_H
#define LOGBOOM_BROKER_REGISTRATION_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/wire/messages.h"

struct broker;

/* Initialises the arena, in which the request's parts live. */
void registration_fill(const struct broker *b, struct arena *ret_arena,
                       struct broker_registration_request *ret_request);
/* The same as a controller (KIP-919). */
void registration_fill_controller(const struct broker *b, struct arena *ret_arena,
                                  struct controller_registration_request *ret_request);
/* The broker epoch of the last run when that ended in order; or -1. */
int64_t registration_previous_epoch(const struct broker *b);
/* The host that others are to reach the listener by. */
struct slice registration_host(const struct broker *b, uint32_t listener);
/* Ids of directories whose disk failed; room for b->dir_count. */
int32_t registration_offline_dirs(const struct broker *b, struct uuid *ret_ids);
/* Appends a sentence: why, and what to do. */
void registration_refused(const struct broker *b, int16_t error_code, struct buf *text);

#endif
