/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.c - see identity.h. Driven by input/filestream.c, which brings the bytes. Pure.
 *
 * Invariants:
 * I1. SAME is answered only when place, prefix and tail all agree and the file reaches the offset.
 * I2. A file system without birth times (0) is judged by inode and content.
 * I3. No answer depends on a name: a rename changes nothing.
 */
#include "agent/tail/identity.h"

#include "protocol/base/map.h"

uint64_t identity_hash(struct slice bytes)
{
    if (bytes.len == 0) {
        return 0;
    }
    uint64_t low = map_hash(bytes, 0x6c6f67626f6f6d31U);
    return low ? low : 1;
}

bool file_place_eq(const struct file_place *a, const struct file_place *b)
{
    return a->dev == b->dev && a->ino == b->ino &&
           (a->btime_ns == b->btime_ns || a->btime_ns == 0 || b->btime_ns == 0);
}

bool identity_content_fits(const struct file_mark *mark, struct slice prefix, struct slice tail)
{
    return prefix.len >= mark->prefix_len && tail.len >= mark->tail_len &&
           identity_hash(slice_head(prefix, mark->prefix_len)) == mark->prefix_hash &&
           identity_hash(slice_head(tail, mark->tail_len)) == mark->tail_hash;
}

enum identity_verdict identity_judge(const struct file_place *known, const struct file_mark *mark,
                                     const struct file_place *now, uint64_t size_bytes,
                                     struct slice prefix, struct slice tail)
{
    if (!file_place_eq(known, now)) {
        return IDENTITY_REUSED;
    }
    if (size_bytes < mark->offset || !identity_content_fits(mark, prefix, tail)) {
        return IDENTITY_TRUNCATED;
    }
    return IDENTITY_SAME;
}

static bool is_separator(uint8_t c)
{
    return c == '.' || c == '-' || c == '_';
}

/* The steps: every cut at a separator, from the right, first as it is, then with the extension of
 * the name put back ("app-20260101.log" -> "app" -> "app.log"). */
bool rotation_original_name(struct slice name, unsigned step, struct buf *ret_name)
{
    size_t dot = name.len;
    for (size_t i = name.len; i > 1; i--) {
        if (name.ptr[i - 1] == '.') {
            dot = i - 1;
            break;
        }
    }
    unsigned at = 0;
    for (size_t i = name.len; i > 1; i--) {
        if (!is_separator(name.ptr[i - 1])) {
            continue;
        }
        if (at++ == step) {
            buf_reset(ret_name);
            buf_append(ret_name, name.ptr, i - 1);
            return true;
        }
        if (i - 1 < dot && dot < name.len && at++ == step) {
            buf_reset(ret_name);
            buf_append(ret_name, name.ptr, i - 1);
            buf_append(ret_name, name.ptr + dot, name.len - dot);
            return true;
        }
    }
    return false;
}

static const char hex_digits[16] = "0123456789abcdef";

void file_id_format(const struct file_id *id, char ret_text[FILE_ID_TEXT_BYTES])
{
    for (size_t i = 0; i < FILE_ID_BYTES; i++) {
        ret_text[2 * i] = hex_digits[id->bytes[i] >> 4];
        ret_text[2 * i + 1] = hex_digits[id->bytes[i] & 15];
    }
}

size_t event_id_format(const char file_id_text[FILE_ID_TEXT_BYTES], uint64_t offset,
                       char ret_text[EVENT_ID_TEXT_BYTES])
{
    memcpy(ret_text, file_id_text, FILE_ID_TEXT_BYTES);
    ret_text[FILE_ID_TEXT_BYTES] = '-';
    unsigned digits = 1;
    while (digits < 16 && offset >> (4 * digits)) {
        digits++;
    }
    for (unsigned i = 0; i < digits; i++) {
        ret_text[FILE_ID_TEXT_BYTES + 1 + i] = hex_digits[offset >> (4 * (digits - 1 - i)) & 15];
    }
    return FILE_ID_TEXT_BYTES + 1 + digits;
}
