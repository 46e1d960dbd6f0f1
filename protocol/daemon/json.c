/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.c - JSON out. Driven by the agent for every line, by log, REST and sinks.
 *   (J1) What is written is valid JSON and valid UTF-8, whatever bytes come in.
 *   (J2) Bytes that need no change are copied sixteen at a time where the machine can.
 */
#include "protocol/daemon/json.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { STRIDE = 16 };

/* --- strings ---------------------------------------------------------------------------------- */

/* Copies plain bytes (ASCII without controls, quote and backslash) from src to dst, which has room
 * for len + STRIDE bytes. Returns how many there were before the first other one. */
static size_t copy_plain(uint8_t *dst, const uint8_t *src, size_t len)
{
    size_t i = 0;
#ifdef __SSE2__
    const __m128i space = _mm_set1_epi8(0x20);
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    for (; len - i >= STRIDE; i += STRIDE) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(src + i));
        _mm_storeu_si128((__m128i *)(void *)(dst + i), v);
        /* Signed: bytes from 0x80 are negative, and so below the space too. */
        __m128i other =
            _mm_or_si128(_mm_cmplt_epi8(v, space),
                         _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));
        int mask = _mm_movemask_epi8(other);
        if (mask) {
            return i + (size_t)__builtin_ctz((unsigned)mask);
        }
    }
#else
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    for (; len - i >= 8; i += 8) {
        uint64_t v;
        memcpy(&v, src + i, 8);
        memcpy(dst + i, &v, 8);
        uint64_t q = v ^ (ones * '"'), b = v ^ (ones * '\\');
        if ((v | (v - ones * 0x20) | (q - ones) | (b - ones)) & highs) {
            break; /* perhaps one of them: the loop below looks closer */
        }
    }
#endif
    for (; i < len; i++) {
        uint8_t c = src[i];
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\') {
            break;
        }
        dst[i] = c;
    }
    return i;
}

/* The length of the sequence at p when it is valid UTF-8; otherwise minus the length of what one
 * U+FFFD stands for (the maximal subpart of an ill-formed sequence, Unicode 15 section 3.9). */
static inline int utf8_sequence(const uint8_t *p, size_t len)
{
    uint8_t lead = p[0], low = 0x80, high = 0xbf;
    int more;
    if (lead >= 0xc2 && lead <= 0xdf) {
        more = 1;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        more = 2;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        more = 3;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return -1;
    }
    for (int i = 1; i <= more; i++) {
        if ((size_t)i >= len || p[i] < low || p[i] > high) {
            return -i;
        }
        low = 0x80;
        high = 0xbf;
    }
    return more + 1;
}

/* Writes the escape of an ASCII byte that is not plain; returns its length, at most 6. */
static size_t escape(uint8_t *dst, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    static const uint8_t letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'
    };
    dst[0] = '\\';
    dst[1] = c < 0x20 ? letters[c] : c;
    if (dst[1]) {
        return 2;
    }
    memcpy(dst + 1, "u00", 3);
    dst[4] = (uint8_t)hex[c >> 4];
    dst[5] = (uint8_t)hex[c & 15];
    return 6;
}

/* Room for `left` further plain bytes and one escape more; dst is where the text ends now. */
static inline uint8_t *make_room(struct buf *out, uint8_t *dst, size_t left)
{
    size_t need = left + STRIDE + 8;
    out->len = (size_t)(dst - out->ptr);
    return out->cap - out->len >= need ? dst : buf_reserve(out, need);
}

/* Copies the sequence at p, or U+FFFD in its place. Moves both pointers. */
static inline void copy_sequence(uint8_t **dst, const uint8_t **p, const uint8_t *end)
{
    const uint8_t *s = *p;
    uint8_t *d = *dst;
    int len = utf8_sequence(s, (size_t)(end - s));
    if (len > 0) {
        d[0] = s[0];
        d[1] = s[1];
        if (len > 2) {
            d[2] = s[2];
        }
        if (len > 3) {
            d[3] = s[3];
        }
        *dst = d + len;
        *p = s + len;
    } else {
        memcpy(d, "\xef\xbf\xbd", 3);
        *dst = d + 3;
        *p = s - len;
    }
}

void json_append_string(struct buf *out, struct slice s)
{
    const uint8_t *p = s.len ? s.ptr : (const uint8_t *)"", *end = p + s.len;
    uint8_t *dst = buf_reserve(out, s.len + STRIDE + 8);
    *dst++ = '"';
    while (p < end) {
        size_t n = copy_plain(dst, p, (size_t)(end - p));
        p += n;
        dst += n;
        while (p < end && *p >= 0x80) {
            copy_sequence(&dst, &p, end);
            dst = make_room(out, dst, (size_t)(end - p));
        }
        while (p < end && (*p < 0x20 || *p == '"' || *p == '\\')) {
            dst += escape(dst, *p++);
            dst = make_room(out, dst, (size_t)(end - p));
        }
    }
    *dst++ = '"';
    out->len = (size_t)(dst - out->ptr);
}

bool json_is_utf8(struct slice s)
{
    size_t i = 0;
    while (i < s.len) {
        int len = s.ptr[i] < 0x80 ? 1 : utf8_sequence(s.ptr + i, s.len - i);
        if (len < 0) {
            return false;
        }
        i += (size_t)len;
    }
    return true;
}

/* --- the writer ------------------------------------------------------------------------------- */

void json_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){ .out = out };
}

static void comma(struct json_writer *w)
{
    if (w->need_comma[w->depth]) {
        buf_append_byte(w->out, ',');
    }
    w->need_comma[w->depth] = true;
}

static void begin(struct json_writer *w, uint8_t bracket)
{
    comma(w);
    buf_append_byte(w->out, bracket);
    assert(w->depth + 1 < JSON_WRITER_DEPTH_MAX);
    w->depth++;
    w->need_comma[w->depth] = false;
}

static void end(struct json_writer *w, uint8_t bracket)
{
    assert(w->depth > 0);
    w->depth--;
    buf_append_byte(w->out, bracket);
}

void json_begin_object(struct json_writer *w)
{
    begin(w, '{');
}

void json_end_object(struct json_writer *w)
{
    end(w, '}');
}

void json_begin_array(struct json_writer *w)
{
    begin(w, '[');
}

void json_end_array(struct json_writer *w)
{
    end(w, ']');
}

void json_key_slice(struct json_writer *w, struct slice key)
{
    comma(w);
    json_append_string(w->out, key);
    buf_append_byte(w->out, ':');
    w->need_comma[w->depth] = false; /* the value sets it again */
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_slice(w, slice_str(key));
}

void json_string(struct json_writer *w, struct slice value)
{
    comma(w);
    if (slice_is_null(value)) {
        buf_append_str(w->out, "null");
    } else {
        json_append_string(w->out, value);
    }
}

void json_str(struct json_writer *w, const char *value)
{
    json_string(w, slice_str(value));
}

void json_int(struct json_writer *w, int64_t value)
{
    comma(w);
    buf_printf(w->out, "%" PRId64, value);
}

void json_double(struct json_writer *w, double value)
{
    comma(w);
    if (!isfinite(value)) {
        buf_append_str(w->out, "null");
        return;
    }
    char text[32];
    for (int digits = 15; digits <= 17; digits++) { /* the shortest that reads back the same */
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        double back = strtod(text, NULL);
        if (back <= value && back >= value) {
            break;
        }
    }
    buf_append_str(w->out, text);
}

void json_bool(struct json_writer *w, bool value)
{
    comma(w);
    buf_append_str(w->out, value ? "true" : "false");
}

void json_null(struct json_writer *w)
{
    comma(w);
    buf_append_str(w->out, "null");
}

void json_raw(struct json_writer *w, struct slice value)
{
    comma(w);
    buf_append_slice(w->out, value);
}

void json_write(struct json_writer *w, const struct json_value *v)
{
    switch (v->kind) {
    case JSON_NULL:
        json_null(w);
        break;
    case JSON_BOOL:
        json_bool(w, v->integer != 0);
        break;
    case JSON_INT:
    case JSON_DOUBLE:
        json_raw(w, v->text);
        break;
    case JSON_STRING:
        json_string(w, v->text);
        break;
    case JSON_ARRAY:
        json_begin_array(w);
        for (const struct json_value *c = v->child; c; c = c->next) {
            json_write(w, c);
        }
        json_end_array(w);
        break;
    case JSON_OBJECT:
        json_begin_object(w);
        for (const struct json_value *c = v->child; c; c = c->next) {
            json_key_slice(w, c->key);
            json_write(w, c);
        }
        json_end_object(w);
        break;
    }
}
