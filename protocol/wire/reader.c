/* SPDX-License-Identifier: Apache-2.0 */
/* reader.c - varints. Driven by schema.c and record_batch.c.
 *   (R1) Nothing is read at or past r->end; after an error pos == end. */
#include "protocol/wire/reader.h"

uint64_t reader_uvarlong(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = reader_u8(r);
        if (r->err) {
            return 0;
        }
        if (shift == 63 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return value;
        }
    }
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

uint32_t reader_uvarint(struct reader *r)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t byte = reader_u8(r);
        if (r->err) {
            return 0;
        }
        if (shift == 28 && byte > 0x0f) {
            break;
        }
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return value;
        }
    }
    reader_fail(r, ERR_MALFORMED);
    return 0;
}

int32_t reader_varint(struct reader *r)
{
    uint32_t v = reader_uvarint(r);
    return (int32_t)(v >> 1) ^ -(int32_t)(v & 1);
}

int64_t reader_varlong(struct reader *r)
{
    uint64_t v = reader_uvarlong(r);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
