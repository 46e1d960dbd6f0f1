/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_message.h - the promise that fuzz_request.c and fuzz_response.c hold the codec to. */
#ifndef LOGBOOM_TESTS_FUZZ_FUZZ_MESSAGE_H
#define LOGBOOM_TESTS_FUZZ_FUZZ_MESSAGE_H

#include "protocol/wire/reader.h"
#include "protocol/wire/schema.h"

/* Decodes; what decodes must encode, to the size foretold, and decode again to an equal message. */
void fuzz_message(const struct schema *s, int16_t version, struct reader *r);

#endif
