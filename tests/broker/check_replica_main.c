/* SPDX-License-Identifier: Apache-2.0 */
/* check_replica_main.c - suites of replication as pure machines. */
#include "tests/broker/replica_suites.h"
#include "tests/support/suites.h"

int main(void)
{
    Suite *(*const suites[])(void) = { isr_suite, follower_suite, quota_suite,
                                       replica_model_suite };
    return RUN_SUITES(suites);
}
