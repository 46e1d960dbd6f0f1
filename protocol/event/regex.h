/* SPDX-License-Identifier: Apache-2.0 */
/*
 * regex.h - a compiled regular expression (PCRE2, JIT where the machine has it). Bytes that are not
 * UTF-8 match as themselves or not at all, they are never an error. One thread at a time.
 */
#ifndef LOGBOOM_EVENT_REGEX_H
#define LOGBOOM_EVENT_REGEX_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

struct regex;

/* ERR_CONFIG names the place in the pattern. Freed by regex_free(). */
enum err regex_new(const char *pattern, struct regex **ret_regex, struct error *err);
void regex_free(struct regex *r);
bool regex_matches(const struct regex *r, struct slice text);
/* The first match at or after `from`: [*ret_begin, *ret_end). False: none, or none within the
 * limit. */
bool regex_find(const struct regex *r, struct slice text, size_t from, size_t *ret_begin,
                size_t *ret_end);

/* Any of several. */
struct regex_set {
    struct regex **items;
    size_t count;
};
enum err regex_set_init(struct regex_set *s, const char *const *patterns, size_t count,
                        struct error *err);
void regex_set_deinit(struct regex_set *s);
bool regex_set_matches(const struct regex_set *s, struct slice text);

#endif
