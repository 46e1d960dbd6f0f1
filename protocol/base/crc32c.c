/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crc32c.c - CRC-32C.
 * Driven by the record batch code on both ends, by storage, and by the checkpoints.
 *
 * The instruction takes 8 bytes in one cycle but answers after three, so three streams go side by
 * side. Their checksums are joined by moving one past the bytes of the next, which is a
 * multiplication by a power of x modulo the polynomial: one carry-less multiplication, whose 64-bit
 * product the crc instruction itself reduces.
 *
 *   (C1) All versions give the same result for the same bytes (tests compare them).
 *   (C2) No state: what the processor can do is asked of the C library's own start-up record.
 */
#include "protocol/base/crc32c.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* A checksum is linear over exclusive or, so the 256 entries of a row follow from eight. */
#define ENTRY(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                   \
    (((i)&1 ? b0 : 0u) ^ ((i)&2 ? b1 : 0u) ^ ((i)&4 ? b2 : 0u) ^ ((i)&8 ? b3 : 0u) ^               \
     ((i)&16 ? b4 : 0u) ^ ((i)&32 ? b5 : 0u) ^ ((i)&64 ? b6 : 0u) ^ ((i)&128 ? b7 : 0u))
#define ENTRIES_4(i, ...)                                                                          \
    ENTRY((i), __VA_ARGS__), ENTRY((i) + 1, __VA_ARGS__), ENTRY((i) + 2, __VA_ARGS__),             \
        ENTRY((i) + 3, __VA_ARGS__)
#define ENTRIES_16(i, ...)                                                                         \
    ENTRIES_4((i), __VA_ARGS__), ENTRIES_4((i) + 4, __VA_ARGS__), ENTRIES_4((i) + 8, __VA_ARGS__), \
        ENTRIES_4((i) + 12, __VA_ARGS__)
#define ENTRIES_64(i, ...)                                                                         \
    ENTRIES_16((i), __VA_ARGS__), ENTRIES_16((i) + 16, __VA_ARGS__),                               \
        ENTRIES_16((i) + 32, __VA_ARGS__), ENTRIES_16((i) + 48, __VA_ARGS__)
#define ROW(...)                                                                                   \
    {                                                                                              \
        ENTRIES_64(0, __VA_ARGS__), ENTRIES_64(64, __VA_ARGS__), ENTRIES_64(128, __VA_ARGS__),     \
            ENTRIES_64(192, __VA_ARGS__)                                                           \
    }

/* rows[k][b]: the checksum of byte b with k zero bytes behind it. */
static const uint32_t rows[8][256] = {
    ROW(0xf26b8303, 0xe13b70f7, 0xc79a971f, 0x8ad958cf, 0x105ec76f, 0x20bd8ede, 0x417b1dbc,
        0x82f63b78),
    ROW(0x13a29877, 0x274530ee, 0x4e8a61dc, 0x9d14c3b8, 0x3fc5f181, 0x7f8be302, 0xff17c604,
        0xfbc3faf9),
    ROW(0xa541927e, 0x4f6f520d, 0x9edea41a, 0x38513ec5, 0x70a27d8a, 0xe144fb14, 0xc76580d9,
        0x8b277743),
    ROW(0xdd45aab8, 0xbf672381, 0x7b2231f3, 0xf64463e6, 0xe964b13d, 0xd725148b, 0xaba65fe7,
        0x52a0c93f),
    ROW(0x38116fac, 0x7022df58, 0xe045beb0, 0xc5670b91, 0x8f2261d3, 0x1ba8b557, 0x37516aae,
        0x6ea2d55c),
    ROW(0xef306b19, 0xdb8ca0c3, 0xb2f53777, 0x6006181f, 0xc00c303e, 0x85f4168d, 0x0e045beb,
        0x1c08b7d6),
    ROW(0x68032cc8, 0xd0065990, 0xa5e0c5d1, 0x4e2dfd53, 0x9c5bfaa6, 0x3d5b83bd, 0x7ab7077a,
        0xf56e0ef4),
    ROW(0x493c7d27, 0x9278fa4e, 0x211d826d, 0x423b04da, 0x847609b4, 0x0d006599, 0x1a00cb32,
        0x34019664),
};

uint32_t crc32c_extend_table(uint32_t crc, const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    crc = ~crc;
    for (; len >= 8; p += 8, len -= 8) {
        crc = rows[7][(crc ^ p[0]) & 0xff] ^ rows[6][(crc >> 8 ^ p[1]) & 0xff] ^
              rows[5][(crc >> 16 ^ p[2]) & 0xff] ^ rows[4][(crc >> 24 ^ p[3]) & 0xff] ^
              rows[3][p[4]] ^ rows[2][p[5]] ^ rows[1][p[6]] ^ rows[0][p[7]];
    }
    for (; len; p++, len--) {
        crc = crc >> 8 ^ rows[0][(crc ^ *p) & 0xff];
    }
    return ~crc;
}

#if defined(__x86_64__)

enum { LONG_BYTES = 1024, SHORT_BYTES = 128 };

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Three adjacent blocks of block_bytes; past_two and past_one are x^(8n - 33), reflected, for n of
 * two blocks and of one. */
__attribute__((target("sse4.2,pclmul"))) static inline uint32_t
three_blocks(uint32_t crc, const uint8_t *p, size_t block_bytes, uint32_t past_two,
             uint32_t past_one)
{
    uint64_t a = crc, b = 0, c = 0;
    for (size_t i = 0; i < block_bytes; i += 8) {
        a = _mm_crc32_u64(a, load64(p + i));
        b = _mm_crc32_u64(b, load64(p + block_bytes + i));
        c = _mm_crc32_u64(c, load64(p + 2 * block_bytes + i));
    }
    __m128i moved_a = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a),
                                           _mm_cvtsi64_si128((long long)past_two), 0);
    __m128i moved_b = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)b),
                                           _mm_cvtsi64_si128((long long)past_one), 0);
    uint64_t moved = (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(moved_a, moved_b));
    return (uint32_t)(_mm_crc32_u64(0, moved) ^ c);
}

__attribute__((target("sse4.2,pclmul"))) static uint32_t extend_sse(uint32_t crc, const uint8_t *p,
                                                                    size_t len)
{
    crc = ~crc;
    for (; len >= 3 * LONG_BYTES; p += 3 * LONG_BYTES, len -= 3 * LONG_BYTES) {
        crc = three_blocks(crc, p, LONG_BYTES, 0xa51b6135, 0x170076fa);
    }
    for (; len >= 3 * SHORT_BYTES; p += 3 * SHORT_BYTES, len -= 3 * SHORT_BYTES) {
        crc = three_blocks(crc, p, SHORT_BYTES, 0xb9e02b86, 0x0d3b6092);
    }
    uint64_t wide = crc;
    for (; len >= 8; p += 8, len -= 8) {
        wide = _mm_crc32_u64(wide, load64(p));
    }
    crc = (uint32_t)wide;
    for (; len; p++, len--) {
        crc = _mm_crc32_u8(crc, *p);
    }
    return ~crc;
}

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t len)
{
    if (__builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul")) {
        return extend_sse(crc, bytes, len);
    }
    return crc32c_extend_table(crc, bytes, len);
}

#elif defined(__aarch64__) && defined(__linux__)

__attribute__((target("+crc"))) static uint32_t extend_armv8(uint32_t crc, const uint8_t *p,
                                                             size_t len)
{
    crc = ~crc;
    for (; len >= 8; p += 8, len -= 8) {
        uint64_t v;
        memcpy(&v, p, 8);
        crc = __crc32cd(crc, v);
    }
    for (; len; p++, len--) {
        crc = __crc32cb(crc, *p);
    }
    return ~crc;
}

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t len)
{
    if (getauxval(AT_HWCAP) & HWCAP_CRC32) {
        return extend_armv8(crc, bytes, len);
    }
    return crc32c_extend_table(crc, bytes, len);
}

#else

uint32_t crc32c_extend(uint32_t crc, const void *bytes, size_t len)
{
    return crc32c_extend_table(crc, bytes, len);
}

#endif
