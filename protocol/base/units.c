/* SPDX-License-Identifier: Apache-2.0 */
/*
 * units.c - durations, sizes and integers as people write them.
 * Driven by the configuration readers and by whatever prints for people.
 *   (U1) Arithmetic is exact: a value that does not fit is refused, never rounded or wrapped. Only
 *        digits below one unit of the result (a tenth of a nanosecond) are cut.
 *   (U2) units_duration_ns(units_format_duration(x)) == x for every x.
 */
#include "protocol/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* A number with a fraction: whole + part / scale. */
struct number {
    uint64_t whole;
    uint64_t part, scale;
};

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Takes "12", "12.5" or ".5" off the front of *text. */
static enum err take_number(struct slice *text, struct number *ret)
{
    struct number n = { 0, 0, 1 };
    size_t i = 0, digits = 0;
    for (; i < text->len && is_digit(text->ptr[i]); i++, digits++) {
        if (__builtin_mul_overflow(n.whole, 10u, &n.whole) ||
            __builtin_add_overflow(n.whole, (uint64_t)(text->ptr[i] - '0'), &n.whole)) {
            return ERR_LIMIT;
        }
    }
    if (i < text->len && text->ptr[i] == '.') {
        for (i++; i < text->len && is_digit(text->ptr[i]); i++, digits++) {
            if (n.scale < UINT64_C(1000000000000000000)) {
                n.part = n.part * 10 + (uint64_t)(text->ptr[i] - '0');
                n.scale *= 10;
            }
        }
    }
    *text = slice_from(*text, i);
    *ret = n;
    return digits ? ERR_OK : ERR_INVALID;
}

/* *sum += n * factor */
static enum err add_scaled(uint64_t *sum, const struct number *n, uint64_t factor)
{
    uint64_t product, part = (uint64_t)((unsigned __int128)n->part * factor / n->scale);
    if (__builtin_mul_overflow(n->whole, factor, &product) ||
        __builtin_add_overflow(product, part, &product) ||
        __builtin_add_overflow(*sum, product, sum)) {
        return ERR_LIMIT;
    }
    return ERR_OK;
}

static bool take_sign(struct slice *text)
{
    if (text->len && (text->ptr[0] == '-' || text->ptr[0] == '+')) {
        bool negative = text->ptr[0] == '-';
        *text = slice_from(*text, 1);
        return negative;
    }
    return false;
}

static enum err apply_sign(bool negative, uint64_t magnitude, int64_t *ret_value)
{
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) {
        return ERR_LIMIT;
    }
    *ret_value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return ERR_OK;
}

/* Takes letters (and the bytes of a micro sign) off the front. */
static struct slice take_word(struct slice *text)
{
    size_t i = 0;
    while (i < text->len && !is_digit(text->ptr[i]) && text->ptr[i] != '.') {
        i++;
    }
    struct slice word = slice_head(*text, i);
    *text = slice_from(*text, i);
    return word;
}

enum err units_duration_ns(struct slice text, int64_t bare_unit_ns, int64_t *ret_ns)
{
    static const struct unit units[] = {
        { "ns", 1 },
        { "us", 1000 },
        { "\xc2\xb5s", 1000 }, /* the micro sign */
        { "\xce\xbcs", 1000 }, /* the Greek letter */
        { "ms", 1000000 },
        { "s", UINT64_C(1000000000) },
        { "m", UINT64_C(60000000000) },
        { "h", UINT64_C(3600000000000) },
        { "d", UINT64_C(86400000000000) },
    };
    bool negative = take_sign(&text);
    uint64_t sum = 0;
    bool first = true;
    do {
        struct number n;
        enum err err = take_number(&text, &n);
        if (err) {
            return err;
        }
        struct slice word = take_word(&text);
        uint64_t factor = first && !word.len && !text.len ? (uint64_t)bare_unit_ns : 0;
        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
            if (slice_eq_str(word, units[i].name)) {
                factor = units[i].factor;
            }
        }
        if (!factor) {
            return ERR_INVALID;
        }
        err = add_scaled(&sum, &n, factor);
        if (err) {
            return err;
        }
        first = false;
    } while (text.len);
    return apply_sign(negative, sum, ret_ns);
}

enum err units_size_bytes(struct slice text, int64_t *ret_bytes)
{
    static const struct unit units[] = {
        { "", 1 },
        { "B", 1 },
        { "KB", 1000 },
        { "MB", 1000000 },
        { "GB", 1000000000 },
        { "TB", UINT64_C(1000000000000) },
        { "K", UINT64_C(1) << 10 },
        { "M", UINT64_C(1) << 20 },
        { "G", UINT64_C(1) << 30 },
        { "KiB", UINT64_C(1) << 10 },
        { "MiB", UINT64_C(1) << 20 },
        { "GiB", UINT64_C(1) << 30 },
        { "TiB", UINT64_C(1) << 40 },
    };
    bool negative = take_sign(&text);
    struct number n;
    enum err err = take_number(&text, &n);
    if (err) {
        return err;
    }
    if (text.len > 1 && text.ptr[0] == ' ') {
        text = slice_from(text, 1);
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        const char *name = units[i].name;
        if (text.len == strlen(name) && strncasecmp((const char *)text.ptr, name, text.len) == 0) {
            uint64_t sum = 0;
            err = add_scaled(&sum, &n, units[i].factor);
            return err ? err : apply_sign(negative, sum, ret_bytes);
        }
    }
    return ERR_INVALID;
}

enum err units_int(struct slice text, int64_t *ret_value)
{
    bool negative = take_sign(&text);
    uint64_t value = 0;
    bool too_big = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c == '_' && i > 0 && i + 1 < text.len && text.ptr[i - 1] != '_') {
            continue;
        }
        if (!is_digit(c)) {
            return ERR_INVALID;
        }
        too_big = too_big || __builtin_mul_overflow(value, 10u, &value) ||
                  __builtin_add_overflow(value, (uint64_t)(c - '0'), &value);
    }
    if (!text.len) {
        return ERR_INVALID;
    }
    return too_big ? ERR_LIMIT : apply_sign(negative, value, ret_value);
}

/* "1.5ms": value in units of `factor`, without trailing zeros. Returns the length. */
static int format_fraction(char *at, size_t room, uint64_t value, uint64_t factor, const char *name)
{
    int n = snprintf(at, room, "%" PRIu64, value / factor);
    uint64_t rest = value % factor;
    if (rest) {
        at[n++] = '.';
        for (uint64_t digit = factor / 10; rest; digit /= 10) {
            at[n++] = (char)('0' + rest / digit);
            rest %= digit;
        }
    }
    return n + snprintf(at + n, room - (size_t)n, "%s", name);
}

const char *units_format_duration(int64_t ns, char ret_text[32])
{
    static const struct unit big[] = {
        { "d", UINT64_C(86400000000000) },
        { "h", UINT64_C(3600000000000) },
        { "m", UINT64_C(60000000000) },
    };
    uint64_t left = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    char *at = ret_text, *end = ret_text + 32;
    if (ns < 0) {
        *at++ = '-';
    }
    if (left > 0 && left < UINT64_C(1000000000)) {
        uint64_t factor = left >= 1000000 ? 1000000 : left >= 1000 ? 1000 : 1;
        const char *name = factor == 1000000 ? "ms" : factor == 1000 ? "us" : "ns";
        (void)format_fraction(at, (size_t)(end - at), left, factor, name);
        return ret_text;
    }
    bool any = false;
    for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
        uint64_t count = left / big[i].factor;
        if (count) {
            at += snprintf(at, (size_t)(end - at), "%" PRIu64 "%s", count, big[i].name);
            left %= big[i].factor;
            any = true;
        }
    }
    if (left || !any) {
        (void)format_fraction(at, (size_t)(end - at), left, UINT64_C(1000000000), "s");
    }
    return ret_text;
}

const char *units_format_size(uint64_t bytes, char ret_text[32])
{
    static const char *const names[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    unsigned unit = 0;
    double value = (double)bytes;
    /* 1023.95 would print as 1024.0. */
    while (value >= (unit ? 1023.95 : 1024.0) && unit + 1 < sizeof(names) / sizeof(names[0])) {
        value /= 1024;
        unit++;
    }
    char number[24];
    int n = snprintf(number, sizeof(number), "%.1f", value);
    if (n > 2 && number[n - 1] == '0') {
        number[n - 2] = '\0';
    }
    (void)snprintf(ret_text, 32, "%s %s", number, names[unit]);
    return ret_text;
}
