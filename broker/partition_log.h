/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_log.h - the storage's `struct log` under the name `struct partition_log`.
 * The daemon's log lines (protocol/daemon/log.h) have a struct of that name too; files that need
 * both include this one.
 */
#ifndef LOGBOOM_BROKER_PARTITION_LOG_H
#define LOGBOOM_BROKER_PARTITION_LOG_H

#define log partition_log
#include "broker/storage/log.h"
#undef log

#endif
