/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_main.c - suites of protocol/client. */
#include "tests/support/suites.h"

Suite *client_producer_suite(void);
Suite *client_assignor_suite(void);
Suite *client_group_suite(void);
Suite *client_consumer_suite(void);
Suite *client_member_suite(void);
Suite *client_failover_suite(void);
Suite *client_silent_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { client_producer_suite, client_assignor_suite,
                                       client_group_suite,    client_consumer_suite,
                                       client_member_suite,   client_failover_suite,
                                       client_silent_suite };
    return RUN_SUITES(suites);
}
