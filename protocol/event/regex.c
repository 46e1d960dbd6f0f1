/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex.c - see regex.h. Driven by conditions, and by the agent's parsers and processors.
 *
 * Invariants:
 * I1. Work per match is bounded (match limit): a pattern that explodes does not match.
 * I2. A pattern runs on bytes, which is faster and cannot stumble over text that is no UTF-8, only
 *     where it cannot tell bytes from characters.
 */
#include "protocol/event/regex.h"

#include "protocol/base/alloc.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

struct regex {
    pcre2_code *code;
    pcre2_match_data *match;
    pcre2_match_context *context;
};

enum { MATCH_LIMIT = 1000000 };

/* How a pattern is best run. */
struct plan {
    bool bytes; /* nothing in it could match a part of a character (I2) */
    bool jit;
};

/* Patterns in ASCII without a negated set, a negated class as \S, or a single point run on bytes;
 * ".*" and ".+" take whole characters either way, unless they are lazy. Negated classes do without
 * the JIT: that of PCRE2 10.42 never lets them match a character beyond ASCII where text may be
 * invalid UTF-8. */
static struct plan plan_of(const char *pattern)
{
    struct plan plan = { .bytes = true, .jit = true };
    for (const char *p = pattern; *p; p++) {
        bool point = *p == '.' && ((p[1] != '*' && p[1] != '+') || p[2] == '?');
        if ((*p & 0x80) || point || (*p == '[' && p[1] == '^')) {
            plan.bytes = false;
        } else if (*p == '\\' && p[1]) {
            p++;
            plan.bytes = plan.bytes && !(*p & 0x80) && !strchr("CDHNPRSVWXpx", *p);
            plan.jit = plan.jit && !strchr("DHNRSVWX", *p);
        }
    }
    plan.jit = plan.jit || plan.bytes;
    return plan;
}

enum err regex_new(const char *pattern, struct regex **ret_regex, struct error *err)
{
    struct plan plan = plan_of(pattern);
    uint32_t options = plan.bytes ? 0 : PCRE2_MATCH_INVALID_UTF | PCRE2_UTF;
    size_t len = strlen(pattern);
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern, len, options, &code, &at, NULL);
    if (!compiled) {
        PCRE2_UCHAR text[200] = { 0 };
        pcre2_get_error_message(code, text, sizeof(text));
        return err_set(err, ERR_CONFIG,
                       "the regular expression \"%s\" is wrong at character %zu: %s", pattern,
                       at + 1, (const char *)text);
    }
    if (plan.jit) {
        (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE); /* else the same, more slowly */
    }
    struct regex *r = mem_zalloc(sizeof(*r));
    r->code = compiled;
    r->match = pcre2_match_data_create(1, NULL);
    r->context = pcre2_match_context_create(NULL);
    if (!r->match || !r->context) {
        abort(); /* no memory, as everywhere (alloc.h) */
    }
    pcre2_set_match_limit(r->context, MATCH_LIMIT);
    *ret_regex = r;
    return ERR_OK;
}

void regex_free(struct regex *r)
{
    if (r) {
        pcre2_match_context_free(r->context);
        pcre2_match_data_free(r->match);
        pcre2_code_free(r->code);
        mem_free(r);
    }
}

bool regex_find(const struct regex *r, struct slice text, size_t from, size_t *ret_begin,
                size_t *ret_end)
{
    PCRE2_SPTR bytes = text.ptr ? text.ptr : (PCRE2_SPTR) "";
    int rc = pcre2_match(r->code, bytes, text.len, from, 0, r->match, r->context);
    if (rc < 0) {
        return false;
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(r->match);
    *ret_begin = at[0];
    *ret_end = at[1];
    return true;
}

bool regex_matches(const struct regex *r, struct slice text)
{
    size_t begin, end;
    return regex_find(r, text, 0, &begin, &end);
}

enum err regex_set_init(struct regex_set *s, const char *const *patterns, size_t count,
                        struct error *err)
{
    *s = (struct regex_set){ .items = mem_array(count ? count : 1, sizeof(*s->items)) };
    for (size_t i = 0; i < count; i++) {
        enum err rc = regex_new(patterns[i], &s->items[i], err);
        if (rc) {
            regex_set_deinit(s);
            return rc;
        }
        s->count++;
    }
    return ERR_OK;
}

void regex_set_deinit(struct regex_set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        regex_free(s->items[i]);
    }
    mem_free(s->items);
    *s = (struct regex_set){ 0 };
}

bool regex_set_matches(const struct regex_set *s, struct slice text)
{
    for (size_t i = 0; i < s->count; i++) {
        if (regex_matches(s->items[i], text)) {
            return true;
        }
    }
    return false;
}
