/* SPDX-License-Identifier: Apache-2.0 */
/* check_storage_main.c - suites of broker/storage and the producer state. */
#include "tests/broker/storage_fixture.h"
#include "tests/support/suites.h"

int main(void)
{
    Suite *(*const suites[])(void) = { log_suite, recovery_suite, checkpoint_suite,
                                       producer_state_suite };
    return RUN_SUITES(suites);
}
