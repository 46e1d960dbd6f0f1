/* SPDX-License-Identifier: Apache-2.0 */
/* check_daemon_main.c - suites of protocol/daemon. */
#include "tests/support/suites.h"

Suite *json_suite(void);
Suite *log_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { json_suite, log_suite };
    return RUN_SUITES(suites);
}
