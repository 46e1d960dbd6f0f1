/* SPDX-License-Identifier: Apache-2.0 */
/*
 * json.h - JSON out (a writer into a buf) and JSON in (a small tree, parsed by yajl).
 */
#ifndef LOGBOOM_DAEMON_JSON_H
#define LOGBOOM_DAEMON_JSON_H

#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/err.h"

/* --- out -------------------------------------------------------------------------------------- */

/* Appends s as a JSON string with its quotes. Invalid UTF-8 bytes become U+FFFD, control characters
 * \u00XX; valid text is copied in long runs (this is the agent's hot path). */
void json_append_string(struct buf *out, struct slice s);
/* True for well-formed UTF-8: nothing overlong, no surrogates, nothing cut short. */
bool json_is_utf8(struct slice s);

/* What the parser accepts, and, twice as deep, what the writer can do (assert: ours to keep), so
 * that whatever was parsed can be written inside something else. */
enum { JSON_DEPTH_MAX = 64, JSON_WRITER_DEPTH_MAX = 2 * JSON_DEPTH_MAX };

/* A writer that places commas. */
struct json_writer {
    struct buf *out;
    uint8_t depth;
    bool need_comma[JSON_WRITER_DEPTH_MAX];
};
void json_init(struct json_writer *w, struct buf *out);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_slice(struct json_writer *w, struct slice key);
void json_string(struct json_writer *w, struct slice value); /* the null slice writes null */
void json_str(struct json_writer *w, const char *value);
void json_int(struct json_writer *w, int64_t value);
void json_double(struct json_writer *w, double value); /* what is no number writes null */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
/* Bytes that are JSON already. */
void json_raw(struct json_writer *w, struct slice value);

/* --- in --------------------------------------------------------------------------------------- */

enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_value {
    enum json_kind kind;
    struct slice key;  /* in an object */
    struct slice text; /* strings, decoded; numbers, as written (kept exact when written again) */
    int64_t integer;   /* JSON_INT, JSON_BOOL */
    double number;     /* JSON_INT too */
    struct json_value *child, *last, *next;
    uint32_t child_count;
};

/* Parses one value (white space around it allowed) into the arena. ERR_MALFORMED with the place in
 * err, ERR_LIMIT at the arena's cap or when nested deeper than JSON_DEPTH_MAX. Numbers that do not
 * fit int64_t are JSON_DOUBLE. Duplicate keys: the last wins for json_get. */
enum err json_parse(struct slice text, struct arena *arena, struct json_value **ret_value,
                    struct error *err);
/* The member of an object; NULL when absent or when v is no object. */
struct json_value *json_get(const struct json_value *v, struct slice key);
/* A dotted path: first the whole as one key, then part by part ("log.file.path"). */
struct json_value *json_get_path(const struct json_value *v, struct slice dotted);
/* Writes a value as compact JSON. */
void json_write(struct json_writer *w, const struct json_value *v);

/* --- change (nodes live in the same arena) ------------------------------------------------------
 */

struct json_value *json_new(struct arena *arena, enum json_kind kind);
struct json_value *json_new_string(struct arena *arena, struct slice text);
struct json_value *json_new_int(struct arena *arena, int64_t value);
/* Sets a member, replacing one of that key; creates objects on the way for a dotted path.
 * ERR_INVALID when a part of the path is there and no object; ERR_LIMIT at the cap, and when the
 * path and the value together would be nested deeper than JSON_DEPTH_MAX. The value must not hang
 * elsewhere. */
enum err json_set_path(struct json_value *object, struct arena *arena, struct slice dotted,
                       struct json_value *value);
/* Takes a member out and returns it; NULL when absent. */
struct json_value *json_remove_path(struct json_value *object, struct slice dotted);

#endif
