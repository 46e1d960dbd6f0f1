/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.c - see container.h. Driven by input/parse.c. Pure.
 *
 * Docker's lines are flat objects of three strings ("log", "stream", "time") and sometimes "attrs";
 * a small scanner reads them without building a tree, and passes over whatever else is there.
 *
 * Invariants:
 * I1. Nothing is read outside the given line, whatever it holds.
 * I2. The joined text never exceeds max_bytes.
 */
#include "agent/tail/container.h"

static struct slice take_word(struct slice *rest)
{
    const uint8_t *space = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
    if (!space) {
        struct slice all = *rest;
        *rest = slice_from(*rest, rest->len);
        return all;
    }
    struct slice word = slice_of(rest->ptr, (size_t)(space - rest->ptr));
    *rest = slice_from(*rest, word.len + 1);
    return word;
}

static enum err parse_stream(struct slice name, enum container_stream *ret_stream)
{
    if (slice_eq_str(name, "stdout")) {
        *ret_stream = CONTAINER_STDOUT;
    } else if (slice_eq_str(name, "stderr")) {
        *ret_stream = CONTAINER_STDERR;
    } else {
        return ERR_MALFORMED;
    }
    return ERR_OK;
}

enum err container_parse_cri(struct slice line, struct container_line *ret_line)
{
    struct slice rest = line;
    struct container_line out = { .time = take_word(&rest) };
    if (out.time.len < 20 || parse_stream(take_word(&rest), &out.stream)) {
        return ERR_MALFORMED;
    }
    struct slice tags = take_word(&rest);
    if (tags.len == 0 || (tags.ptr[0] != 'P' && tags.ptr[0] != 'F')) {
        return ERR_MALFORMED;
    }
    out.partial = tags.ptr[0] == 'P';
    out.text = rest;
    *ret_line = out;
    return ERR_OK;
}

/* --- Docker's JSON ---------------------------------------------------------------------------- */

static void skip_space(struct slice *s)
{
    while (s->len && (*s->ptr == ' ' || *s->ptr == '\t')) {
        *s = slice_from(*s, 1);
    }
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_append_byte(out, (uint8_t)c);
        return;
    }
    if (c < 0x800) {
        buf_append_byte(out, (uint8_t)(0xc0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_append_byte(out, (uint8_t)(0xe0 | c >> 12));
        } else {
            buf_append_byte(out, (uint8_t)(0xf0 | c >> 18));
            buf_append_byte(out, (uint8_t)(0x80 | (c >> 12 & 63)));
        }
        buf_append_byte(out, (uint8_t)(0x80 | (c >> 6 & 63)));
    }
    buf_append_byte(out, (uint8_t)(0x80 | (c & 63)));
}

static bool hex4(struct slice s, uint32_t *ret_value)
{
    if (s.len < 4) {
        return false;
    }
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t c = s.ptr[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit > 15) {
            return false;
        }
        value = value << 4 | digit;
    }
    *ret_value = value;
    return true;
}

/* *s stands behind "\u". */
static bool take_unicode(struct slice *s, struct buf *out)
{
    uint32_t c, low;
    if (!hex4(*s, &c)) {
        return false;
    }
    *s = slice_from(*s, 4);
    if (c >= 0xd800 && c < 0xdc00 && s->len >= 6 && s->ptr[0] == '\\' && s->ptr[1] == 'u' &&
        hex4(slice_from(*s, 2), &low) && low >= 0xdc00 && low < 0xe000) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        *s = slice_from(*s, 6);
    } else if (c >= 0xd800 && c < 0xe000) {
        c = 0xfffd;
    }
    put_utf8(out, c);
    return true;
}

/* Decodes a string, quotes included, onto out. */
static bool take_string(struct slice *s, struct buf *out)
{
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    if (s->len == 0 || *s->ptr != '"') {
        return false;
    }
    *s = slice_from(*s, 1);
    while (s->len) {
        size_t run = 0;
        while (run < s->len && s->ptr[run] != '"' && s->ptr[run] != '\\') {
            run++;
        }
        buf_append(out, s->ptr, run);
        *s = slice_from(*s, run);
        if (s->len == 0) {
            return false;
        }
        bool done = *s->ptr == '"';
        *s = slice_from(*s, 1);
        if (done) {
            return true;
        }
        if (s->len == 0) {
            return false;
        }
        uint8_t c = *s->ptr;
        *s = slice_from(*s, 1);
        const char *at = c ? strchr(plain, c) : NULL;
        if (at) {
            buf_append_byte(out, (uint8_t)meant[at - plain]);
        } else if (c != 'u' || !take_unicode(s, out)) {
            return false;
        }
    }
    return false;
}

/* Passes over a value that is no string: a number, a word, or a nested thing with balanced
 * brackets. */
static bool skip_value(struct slice *s, struct buf *scratch)
{
    unsigned depth = 0;
    while (s->len) {
        uint8_t c = *s->ptr;
        if (c == '"') {
            size_t keep = scratch->len;
            bool ok = take_string(s, scratch);
            scratch->len = keep;
            if (!ok) {
                return false;
            }
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}')) {
            return true;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
        *s = slice_from(*s, 1);
    }
    return false;
}

struct docker_fields {
    size_t log_at, log_len, stream_at, stream_len, time_at, time_len;
    bool has_log;
};

static bool take_member(struct slice *s, struct buf *scratch, struct docker_fields *f)
{
    size_t key_at = scratch->len;
    if (!take_string(s, scratch)) {
        return false;
    }
    struct slice key = slice_from(buf_slice(scratch), key_at);
    bool is_log = slice_eq_str(key, "log");
    bool is_stream = slice_eq_str(key, "stream"), is_time = slice_eq_str(key, "time");
    skip_space(s);
    if (s->len == 0 || *s->ptr != ':') {
        return false;
    }
    *s = slice_from(*s, 1);
    skip_space(s);
    if (!is_log && !is_stream && !is_time) {
        scratch->len = key_at;
        return skip_value(s, scratch);
    }
    size_t at = scratch->len;
    if (!take_string(s, scratch)) {
        return false;
    }
    size_t len = scratch->len - at;
    if (is_log) {
        f->has_log = true;
        f->log_at = at;
        f->log_len = len;
    } else if (is_stream) {
        f->stream_at = at;
        f->stream_len = len;
    } else {
        f->time_at = at;
        f->time_len = len;
    }
    return true;
}

enum err container_parse_docker(struct slice line, struct buf *scratch,
                                struct container_line *ret_line)
{
    struct slice s = line;
    struct docker_fields f = { 0 };
    buf_reset(scratch);
    skip_space(&s);
    if (s.len == 0 || *s.ptr != '{') {
        return ERR_MALFORMED;
    }
    do {
        s = slice_from(s, 1);
        skip_space(&s);
        if (!take_member(&s, scratch, &f)) {
            return ERR_MALFORMED;
        }
        skip_space(&s);
    } while (s.len && *s.ptr == ',');
    if (s.len == 0 || *s.ptr != '}' || !f.has_log) {
        return ERR_MALFORMED;
    }
    struct container_line out = { .time = slice_of(scratch->ptr + f.time_at, f.time_len) };
    if (parse_stream(slice_of(scratch->ptr + f.stream_at, f.stream_len), &out.stream)) {
        return ERR_MALFORMED;
    }
    out.text = slice_of(scratch->ptr + f.log_at, f.log_len);
    out.partial = out.text.len == 0 || out.text.ptr[out.text.len - 1] != '\n';
    if (!out.partial) {
        out.text.len--;
    }
    *ret_line = out;
    return ERR_OK;
}

enum err container_parse(struct slice line, struct buf *scratch, struct container_line *ret_line)
{
    return line.len && *line.ptr == '{' ? container_parse_docker(line, scratch, ret_line)
                                        : container_parse_cri(line, ret_line);
}

/* --- joining ---------------------------------------------------------------------------------- */

void container_join_deinit(struct container_join *j)
{
    buf_deinit(&j->text);
}

bool container_join_push(struct container_join *j, const struct container_line *part,
                         uint64_t start, uint64_t end, unsigned flags, size_t max_bytes,
                         struct tail_event *ret_event)
{
    flags |= part->stream == CONTAINER_STDOUT ? LINE_STDOUT : LINE_STDERR;
    if (!j->pending && !part->partial) {
        *ret_event = (struct tail_event){ part->text, start, end, flags, 0 };
        return true;
    }
    if (!j->pending) {
        buf_reset(&j->text);
        j->pending = true;
        j->start = start;
        j->flags = 0;
    }
    j->flags |= flags;
    size_t room = max_bytes > j->text.len ? max_bytes - j->text.len : 0;
    if (part->text.len > room) {
        j->flags |= LINE_TRUNCATED;
    }
    buf_append_slice(&j->text, slice_head(part->text, room));
    if (part->partial) {
        return false;
    }
    j->pending = false;
    *ret_event = (struct tail_event){ buf_slice(&j->text), j->start, end, j->flags, 0 };
    return true;
}
