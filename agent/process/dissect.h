/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissect.h - takes a text apart by the literals between its fields, as Filebeat's dissect:
 * `%{key} - %{+key} %{key->} %{} %{?skipped} %{key|integer}`. No regular expression.
 */
#ifndef LOGBOOM_AGENT_PROCESS_DISSECT_H
#define LOGBOOM_AGENT_PROCESS_DISSECT_H

#include "protocol/base/err.h"
#include "protocol/base/slice.h"

enum dissect_type { DISSECT_STRING, DISSECT_INTEGER, DISSECT_FLOAT, DISSECT_BOOLEAN };

struct dissect_part {
    /* The literal that ends the part before; of the first: where the text begins. */
    struct slice before;
    struct slice key; /* empty: nobody wants it */
    enum dissect_type type;
    bool append; /* `+`: joined to the part of the same key, with a space */
    bool padded; /* `->`: any number of the following literal */
};

struct dissect {
    char *tokenizer;
    struct dissect_part *parts;
    size_t part_count;
    struct slice end; /* the literal behind the last part */
};

enum err dissect_init(struct dissect *d, const char *tokenizer, struct error *err);
void dissect_deinit(struct dissect *d);
/* ret_values has part_count places; they are views of text. ERR_MALFORMED when a literal is
 * missing. */
enum err dissect_run(const struct dissect *d, struct slice text, struct slice *ret_values);

#endif
