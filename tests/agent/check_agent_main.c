/* SPDX-License-Identifier: Apache-2.0 */
/* check_agent_main.c - suites of agent/. */
#include "tests/agent/suites.h"

int main(void)
{
    Suite *(*const suites[])(void) = { tail_suite, registry_suite, process_suite, hours_suite,
                                       watch_suite };
    return RUN_SUITES(suites);
}
