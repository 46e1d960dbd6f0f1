/* SPDX-License-Identifier: Apache-2.0 */
/* check_group_main.c - suites of broker/group. */
#include "tests/broker/check_group_world.h"
#include "tests/support/suites.h"

int main(void)
{
    Suite *(*const suites[])(void) = { group_suite, group_offsets_suite, group_record_suite,
                                       group_random_suite };
    return RUN_SUITES(suites);
}
