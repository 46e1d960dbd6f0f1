/* SPDX-License-Identifier: Apache-2.0 */
/* check_wire_main.c - suites of protocol/wire. */
#include "tests/support/suites.h"

Suite *messages_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { messages_suite };
    return RUN_SUITES(suites);
}
