/* SPDX-License-Identifier: Apache-2.0 */
/* check_daemon_main.c - suites of protocol/daemon, and of http and service in protocol/net. */
#include "tests/support/suites.h"

Suite *config_suite(void);
Suite *http_suite(void);
Suite *json_suite(void);
Suite *log_suite(void);
Suite *metrics_suite(void);
Suite *service_suite(void);
Suite *yaml_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { json_suite,    log_suite,  yaml_suite,   config_suite,
                                       metrics_suite, http_suite, service_suite };
    return RUN_SUITES(suites);
}
