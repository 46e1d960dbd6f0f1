/* SPDX-License-Identifier: Apache-2.0 */
/* suites.h - the one main() of every Check binary: a table of suites, and the closing line. */
#ifndef LOGBOOM_TESTS_SUPPORT_SUITES_H
#define LOGBOOM_TESTS_SUPPORT_SUITES_H

#include <check.h>
#include <stdlib.h>

/* Runs the suites one after the other; exit code 0 only when every test passed. A test that hangs
 * ends after a minute where it says nothing itself: Check's 4 s are short beside other tests. */
static inline int run_suites(Suite *(*const suites[])(void), size_t count)
{
    (void)setenv("CK_DEFAULT_TIMEOUT", "60", 0);
    SRunner *runner = srunner_create(NULL);
    for (size_t i = 0; i < count; i++) {
        srunner_add_suite(runner, suites[i]());
    }
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#define RUN_SUITES(table) run_suites(table, sizeof(table) / sizeof((table)[0]))

#endif
