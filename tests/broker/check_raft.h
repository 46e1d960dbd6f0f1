/* SPDX-License-Identifier: Apache-2.0 */
/* check_raft.h - the suites of broker/raft. */
#ifndef LOGBOOM_TESTS_CHECK_RAFT_H
#define LOGBOOM_TESTS_CHECK_RAFT_H

#include <check.h>

Suite *raft_suite(void);
Suite *raft_world_suite(void);
Suite *raft_random_suite(void);

#endif
