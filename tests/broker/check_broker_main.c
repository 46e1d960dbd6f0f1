/* SPDX-License-Identifier: Apache-2.0 */
/* check_broker_main.c - suites of the node as a whole. */
#include "tests/support/suites.h"

Suite *broker_data_suite(void);
Suite *broker_admin_suite(void);
Suite *broker_hostile_suite(void);
Suite *broker_replica_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { broker_data_suite, broker_admin_suite, broker_hostile_suite,
                                       broker_replica_suite };
    return RUN_SUITES(suites);
}
