/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - varints of more than one byte. Driven by schema.c and record_batch.c.
 *   (R1) Nothing is read at or past r->end; after an error pos == end. */
#include "protocol/wire/reader.h"

/* At most bytes_max bytes, of which the last holds at most last_max. */
static inline uint64_t long_varint(struct reader *r, unsigned bytes_max, uint8_t last_max)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes_max; i++) {
        if (r->pos == r->end) {
            reader_fail(r, ERR_SHORT);
            return 0;
        }
        uint8_t byte = *r->pos++;
        if (i + 1 == bytes_max && byte > last_max) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return value;
        }
    }
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

uint64_t reader_long_uvarlong(struct reader *r)
{
    return long_varint(r, 10, 1);
}

uint32_t reader_long_uvarint(struct reader *r)
{
    return (uint32_t)long_varint(r, 5, 0x0f);
}
