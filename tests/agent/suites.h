/* SPDX-License-Identifier: Apache-2.0 */
/* suites.h - the suites of check_agent. */
#ifndef LOGBOOM_TESTS_AGENT_SUITES_H
#define LOGBOOM_TESTS_AGENT_SUITES_H

#include "tests/support/suites.h"

Suite *tail_suite(void);
Suite *registry_suite(void);
Suite *process_suite(void);
Suite *hours_suite(void);
Suite *watch_suite(void);

#endif
