/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strip_metadata.c - one walk over the members of an object, no further than to the one that is
 * cut; for the events of logboom-agent that is the second. Driven by sinks/elasticsearch.c. Pure.
 *   (M1) only a member of the outermost object is cut, with one comma.
 *   (M2) reads no byte behind the document; its end counts as a 0 byte.
 */
#include "connectors/sinks/strip_metadata.h"

static const struct slice metadata_key = SLICE_LIT("\"@metadata\"");

static uint8_t byte_at(struct slice s, size_t at)
{
    return at < s.len ? s.ptr[at] : 0;
}

static size_t skip_space(struct slice s, size_t at)
{
    uint8_t c = byte_at(s, at);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
        c = byte_at(s, ++at);
    }
    return at;
}

/* at: the opening quote. */
static size_t skip_string(struct slice s, size_t at)
{
    for (at++; at < s.len && s.ptr[at] != '"'; at++) {
        if (s.ptr[at] == '\\') {
            at++;
        }
    }
    return at + 1;
}

static size_t skip_value(struct slice s, size_t at)
{
    size_t depth = 0;
    while (at < s.len) {
        uint8_t c = s.ptr[at];
        if (c == '"') {
            at = skip_string(s, at);
            if (depth == 0) {
                return at;
            }
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
            return at; /* behind a number, true, false or null */
        }
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
        if (depth == 0 && (c == '}' || c == ']')) {
            return at;
        }
    }
    return at;
}

static void cut(struct buf *document, size_t from, size_t to)
{
    memmove(document->ptr + from, document->ptr + to, document->len - to);
    document->len -= to - from;
}

void strip_metadata(struct buf *document, size_t start)
{
    struct slice s = slice_of(document->ptr + start, document->len - start);
    if (s.len == 0 || !memmem(s.ptr, s.len, metadata_key.ptr, metadata_key.len)) {
        return;
    }
    size_t at = skip_space(s, 0);
    size_t comma = 0; /* in front of the member; 0: it is the first */
    if (byte_at(s, at) != '{') {
        return;
    }
    for (at++;; at++) {
        size_t key = skip_space(s, at);
        if (byte_at(s, key) != '"') {
            return;
        }
        size_t key_end = skip_string(s, key);
        size_t colon = skip_space(s, key_end);
        if (byte_at(s, colon) != ':') {
            return;
        }
        at = skip_space(s, skip_value(s, skip_space(s, colon + 1)));
        uint8_t behind = byte_at(s, at);
        if (behind != ',' && behind != '}') {
            return;
        }
        if (slice_eq(slice_of(s.ptr + key, key_end - key), metadata_key)) {
            if (behind == ',') {
                cut(document, start + key, start + at + 1);
            } else {
                cut(document, start + (comma ? comma : key), start + at);
            }
            return;
        }
        if (behind == '}') {
            return;
        }
        comma = at;
    }
}
