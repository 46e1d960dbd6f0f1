/* SPDX-License-Identifier: Apache-2.0 */
/* check_raft_main.c - suites of broker/raft. */
#include "tests/broker/check_raft.h"
#include "tests/support/suites.h"

int main(void)
{
    Suite *(*const suites[])(void) = { raft_suite, raft_world_suite, raft_random_suite };
    return RUN_SUITES(suites);
}
