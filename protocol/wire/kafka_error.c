/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_error.c - names and texts of the protocol's error codes.
 * Driven by whoever logs or shows an answer, and by the retry loops of the clients.
 *   (K1) The list has no gap, so that a code is its place (plus one, for -1).
 */
#include "protocol/wire/kafka_error.h"

#include <stddef.h>

struct row {
    int16_t code;
    bool retriable;
    const char *name;
    const char *text;
};

static const struct row *find(int16_t code)
{
    static const struct row rows[] = {
#define KAFKA_ERROR_ROW(code, name, retriable, text) { code, retriable, #name, text },
        KAFKA_ERROR_LIST(KAFKA_ERROR_ROW)
#undef KAFKA_ERROR_ROW
    };
    static const int count = (int)(sizeof(rows) / sizeof(rows[0]));
    return code >= -1 && code + 1 < count ? &rows[code + 1] : NULL;
}

const char *kafka_error_name(int16_t code)
{
    const struct row *row = find(code);
    return row ? row->name : "UNKNOWN_ERROR_CODE";
}

const char *kafka_error_text(int16_t code)
{
    const struct row *row = find(code);
    return row ? row->text : "an error code that this version does not know";
}

bool kafka_error_is_retriable(int16_t code)
{
    const struct row *row = find(code);
    return row && row->retriable;
}
