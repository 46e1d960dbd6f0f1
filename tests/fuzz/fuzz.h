/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz.h - what a fuzz target is: one function that libFuzzer, or fuzz_main.c over a corpus, calls.
 * A target never fails on bad input; it aborts when our own code breaks a promise.
 */
#ifndef LOGBOOM_TESTS_FUZZ_FUZZ_H
#define LOGBOOM_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* libFuzzer's entry point: always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif
