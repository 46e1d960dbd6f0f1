/* SPDX-License-Identifier: Apache-2.0 */
/* check_quorum_main.c - suites of the quorum's world side. */
#include "tests/broker/quorum_bench.h"
#include "tests/support/suites.h"

int main(void)
{
    Suite *(*const suites[])(void) = { quorum_suite, quorum_damage_suite, format_suite,
                                       quorum_trio_suite, calls_suite };
    return RUN_SUITES(suites);
}
