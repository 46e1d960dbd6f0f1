/* SPDX-License-Identifier: Apache-2.0 */
/* check_wire_main.c - suites of protocol/wire. */
#include "tests/support/suites.h"

Suite *api_suite(void);
Suite *compress_suite(void);
Suite *fields_suite(void);
Suite *golden_suite(void);
Suite *messages_suite(void);
Suite *reader_suite(void);
Suite *record_batch_suite(void);

int main(void)
{
    Suite *(*const suites[])(void) = { messages_suite,     api_suite,    compress_suite,
                                       record_batch_suite, fields_suite, golden_suite,
                                       reader_suite };
    return RUN_SUITES(suites);
}
