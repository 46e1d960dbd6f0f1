/* SPDX-License-Identifier: Apache-2.0 */
/* check_controller_main.c - suites of broker/controller. */
#include "tests/support/suites.h"

Suite *controller_suite(void);
Suite *controller_brokers_suite(void);
Suite *controller_isr_suite(void);
Suite *controller_moves_suite(void);
Suite *controller_random_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { controller_suite, controller_brokers_suite,
                                       controller_isr_suite, controller_moves_suite,
                                       controller_random_suite };
    return RUN_SUITES(suites);
}
