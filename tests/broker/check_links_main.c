/* SPDX-License-Identifier: Apache-2.0 */
/* check_links_main.c - suites of what nodes say to one another. */
#include "tests/support/suites.h"

Suite *peer_suite(void);
Suite *forward_suite(void);
Suite *lifecycle_suite(void);
Suite *fence_suite(void);
Suite *deletion_suite(void);
Suite *checkpoints_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { peer_suite, forward_suite, lifecycle_suite, fence_suite,
                                       deletion_suite, checkpoints_suite };
    return RUN_SUITES(suites);
}
