/* SPDX-License-Identifier: Apache-2.0 */
/*
 * standalone.h - how a node that is the whole quorum comes up: it writes what the cluster begins
 * with and its own registration itself, while broker_start() runs, and so serves when that returns.
 */
#ifndef LOGBOOM_BROKER_STANDALONE_H
#define LOGBOOM_BROKER_STANDALONE_H

#include "protocol/base/err.h"

struct broker;

/* After quorum_start() of a sole voter. Blocks. */
enum err standalone_register(struct broker *b, struct error *err);

#endif
