/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dissect.h - takes a text apart by the literals between its fields, as Filebeat's dissect:
 * `%{key} - %{+key} %{key->} %{} %{?skipped} %{key|integer}`. No regular expression.
 */
#ifndef LOGBOOM_EVENT_DISSECT_H
#define LOGBOOM_EVENT_DISSECT_H

#include "protocol/daemon/json.h"

enum { DISSECT_PARTS_MAX = 64 };
enum dissect_type { DISSECT_STRING, DISSECT_INTEGER, DISSECT_FLOAT, DISSECT_BOOLEAN };

struct dissect_part {
    struct slice until; /* the literal behind it; empty: it takes the rest */
    struct slice name;  /* its dotted path, with the prefix; null: nobody wants it */
    enum dissect_type type;
    bool append; /* `+`: joined to the text that is there, with a space */
    bool padded; /* `->`: any number of the following literal */
};

struct dissect {
    struct slice head; /* where the text begins */
    struct dissect_part parts[DISSECT_PARTS_MAX];
    size_t count;
};

/* target_prefix: the object that gets the keys; NULL or "": the root. The tokenizer must outlive d,
 * names go to the arena. ERR_INVALID with a sentence that begins with "the tokenizer", or "|". */
enum err dissect_init(struct dissect *d, const char *tokenizer, const char *target_prefix,
                      struct arena *arena, struct error *err);
/* ret_values are views of text, as many as there are parts. ERR_MALFORMED when a literal is
 * missing. */
enum err dissect_cut(const struct dissect *d, struct slice text,
                     struct slice ret_values[DISSECT_PARTS_MAX]);
/* Sets a part's value, as its type if it reads as one, else as a string (a view of text). A field
 * that is there stays unless overwrite. ERR_INVALID, ERR_LIMIT as json_set_path(). */
enum err dissect_store(const struct dissect_part *part, struct slice text, struct json_value *root,
                       struct arena *arena, bool overwrite);

#endif
