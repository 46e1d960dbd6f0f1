/* SPDX-License-Identifier: Apache-2.0 */
/* replica_suites.h - the suites of tests/check_replica. */
#ifndef LOGBOOM_TESTS_BROKER_REPLICA_SUITES_H
#define LOGBOOM_TESTS_BROKER_REPLICA_SUITES_H

#include <check.h>

Suite *isr_suite(void);
Suite *follower_suite(void);
Suite *quota_suite(void);
Suite *replica_model_suite(void);

#endif
