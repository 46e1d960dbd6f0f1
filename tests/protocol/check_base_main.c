/* SPDX-License-Identifier: Apache-2.0 */
/* check_base_main.c - suites of protocol/base. */
#include "tests/support/suites.h"

Suite *base_suite(void);
Suite *crc32c_suite(void);
Suite *units_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { base_suite, crc32c_suite, units_suite };
    return RUN_SUITES(suites);
}
