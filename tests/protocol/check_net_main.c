/* SPDX-License-Identifier: Apache-2.0 */
/* check_net_main.c - suites of protocol/net. */
#include "tests/support/suites.h"

Suite *loop_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { loop_suite };
    return RUN_SUITES(suites);
}
