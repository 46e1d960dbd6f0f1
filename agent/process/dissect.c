/* SPDX-License-Identifier: Apache-2.0 */
/* dissect.c - see dissect.h. Driven by processor.c. Pure but for the tokenizer's copy. */
#include "agent/process/dissect.h"

#include "protocol/base/alloc.h"

static enum err parse_key(struct slice key, struct dissect_part *part, struct error *err)
{
    static const struct {
        const char *name;
        enum dissect_type type;
    } types[] = { { "integer", DISSECT_INTEGER }, { "long", DISSECT_INTEGER },
                  { "float", DISSECT_FLOAT },     { "double", DISSECT_FLOAT },
                  { "boolean", DISSECT_BOOLEAN }, { "string", DISSECT_STRING },
                  { "ip", DISSECT_STRING } };
    const uint8_t *bar = key.len ? memchr(key.ptr, '|', key.len) : NULL;
    if (bar) {
        struct slice type = slice_from(key, (size_t)(bar - key.ptr) + 1);
        size_t i = 0, n = sizeof(types) / sizeof(types[0]);
        while (i < n && !slice_eq_str(type, types[i].name)) {
            i++;
        }
        if (i == n) {
            return err_set(
                err, ERR_CONFIG,
                "dissect: unknown type \"%.*s\"; there are integer, long, float, double, "
                "boolean, string, ip",
                SLICE_ARG(type));
        }
        part->type = types[i].type;
        key.len = (size_t)(bar - key.ptr);
    }
    if (key.len >= 2 && memcmp(key.ptr + key.len - 2, "->", 2) == 0) {
        part->padded = true;
        key.len -= 2;
    }
    if (key.len && *key.ptr == '+') {
        part->append = true;
        key = slice_from(key, 1);
    } else if (key.len && *key.ptr == '?') {
        key.len = 0;
    }
    part->key = key;
    return ERR_OK;
}

enum err dissect_init(struct dissect *d, const char *tokenizer, struct error *err)
{
    *d = (struct dissect){ .tokenizer = mem_strdup(tokenizer) };
    const char *at = d->tokenizer;
    for (;;) {
        const char *open = strstr(at, "%{");
        if (!open) {
            break;
        }
        const char *close = strchr(open, '}');
        d->parts = mem_rearray(d->parts, d->part_count + 1, sizeof(*d->parts));
        struct dissect_part *part = &d->parts[d->part_count++];
        *part = (struct dissect_part){ .before = slice_of(at, (size_t)(open - at)) };
        if (!close || (d->part_count > 1 && open == at)) {
            dissect_deinit(d);
            return err_set(err, ERR_CONFIG, "dissect: tokenizer \"%s\": %s", tokenizer,
                           close ? "two fields stand side by side" : "a %{ is not closed");
        }
        enum err rc = parse_key(slice_of(open + 2, (size_t)(close - open) - 2), part, err);
        if (rc) {
            dissect_deinit(d);
            return rc;
        }
        at = close + 1;
    }
    if (d->part_count == 0) {
        dissect_deinit(d);
        return err_set(err, ERR_CONFIG, "dissect: tokenizer \"%s\" has no %%{field}", tokenizer);
    }
    d->end = slice_str(at);
    return ERR_OK;
}

void dissect_deinit(struct dissect *d)
{
    mem_free(d->parts);
    mem_free(d->tokenizer);
    *d = (struct dissect){ 0 };
}

enum err dissect_run(const struct dissect *d, struct slice text, struct slice *ret_values)
{
    struct slice first = d->parts[0].before;
    if (text.len < first.len || (first.len && memcmp(text.ptr, first.ptr, first.len) != 0)) {
        return ERR_MALFORMED;
    }
    struct slice rest = slice_from(text, first.len);
    for (size_t i = 0; i < d->part_count; i++) {
        struct slice until = i + 1 < d->part_count ? d->parts[i + 1].before : d->end;
        if (until.len == 0) {
            ret_values[i] = rest;
            return ERR_OK;
        }
        const uint8_t *at = rest.len ? memmem(rest.ptr, rest.len, until.ptr, until.len) : NULL;
        if (!at) {
            return ERR_MALFORMED;
        }
        ret_values[i] = slice_of(rest.ptr, (size_t)(at - rest.ptr));
        rest = slice_from(rest, ret_values[i].len + until.len);
        while (d->parts[i].padded && rest.len >= until.len &&
               memcmp(rest.ptr, until.ptr, until.len) == 0) {
            rest = slice_from(rest, until.len);
        }
    }
    return rest.len == 0 ? ERR_OK : ERR_MALFORMED;
}
