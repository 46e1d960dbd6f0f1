/* SPDX-License-Identifier: Apache-2.0 */
/* check_main.c - the suites of connectors/. */
#include "tests/support/suites.h"

Suite *bulk_response_suite(void);
Suite *commit_suite(void);
Suite *decide_suite(void);
Suite *delivery_suite(void);
Suite *graph_suite(void);
Suite *nodes_suite(void);
Suite *text_suite(void);

int main(void)
{
    static Suite *(*const suites[])(void) = { bulk_response_suite, commit_suite, decide_suite,
                                              delivery_suite,      graph_suite,  nodes_suite,
                                              text_suite };
    return RUN_SUITES(suites);
}
