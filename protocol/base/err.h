/* SPDX-License-Identifier: Apache-2.0 */
/*
 * err.h - error codes and the text that travels with them.
 * Hot paths return the bare code. What an operator will read takes `struct error *err` last and
 * wraps on the way up: "open segment /data/x.log: Permission denied". assert() is for our own bugs.
 */
#ifndef LOGBOOM_BASE_ERR_H
#define LOGBOOM_BASE_ERR_H

#include <stdarg.h>

/* code, text */
#define ERR_LIST(X)                                                                                \
    X(OK, "no error")                                                                              \
    X(SHORT, "the bytes end too early")                                                            \
    X(MALFORMED, "malformed bytes")                                                                \
    X(LIMIT, "a limit would be passed")                                                            \
    X(CHECKSUM, "checksum mismatch")                                                               \
    X(UNSUPPORTED, "not supported")                                                                \
    X(INVALID, "invalid argument")                                                                 \
    X(CONFIG, "wrong configuration")                                                               \
    X(NOT_FOUND, "not found")                                                                      \
    X(EXISTS, "exists already")                                                                    \
    X(AGAIN, "not now, try again")                                                                 \
    X(IO, "input/output error")                                                                    \
    X(NO_SPACE, "no space left on device")                                                         \
    X(PERMISSION, "permission denied")                                                             \
    X(CLOSED, "closed")                                                                            \
    X(TIMEOUT, "timed out")                                                                        \
    X(CORRUPT, "corrupt data")                                                                     \
    X(KAFKA, "the broker answered with an error")                                                  \
    X(CANCELED, "canceled")

enum err {
#define ERR_ENUM(code, text) ERR_##code,
    ERR_LIST(ERR_ENUM)
#undef ERR_ENUM
        ERR_COUNT
};

struct error {
    enum err code;
    char text[1024]; /* "" when nothing failed; otherwise a sentence fit for an operator */
};

/* The list's text for a code. */
const char *err_text(enum err code);
/* Fills err (which may be NULL) and returns the code, for `return err_set(err, ERR_X, ...)`. */
enum err err_set(struct error *err, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As err_set() with the text of an errno behind it; the code follows from the errno. */
enum err err_errno(struct error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "context: " before the text that is there; returns the code that is there. */
enum err err_wrap(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The code of an errno, for hot paths. */
enum err err_of_errno(int errnum);

#endif
