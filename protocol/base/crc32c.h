/* SPDX-License-Identifier: Apache-2.0 */
/* crc32c.h - CRC-32C (Castagnoli, RFC 3720 appendix B.4) by the processor's instruction where it
 * has one, by tables elsewhere. The choice is the processor's alone, so nothing is initialised. */
#ifndef LOGBOOM_BASE_CRC32C_H
#define LOGBOOM_BASE_CRC32C_H

#include "protocol/base/slice.h"

/* Continues a checksum: crc32c(crc32c(0, a), b) is the checksum of a followed by b. */
uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t len);

static inline uint32_t crc32c(struct slice s)
{
    return crc32c_extend(0, s.ptr, s.len);
}

/* The table version, for machines without the instruction and for comparing against. */
uint32_t crc32c_extend_table(uint32_t crc, const void *bytes, size_t len);

#endif
