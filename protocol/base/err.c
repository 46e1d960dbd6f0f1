/* SPDX-License-Identifier: Apache-2.0 */
/* err.c - error codes and texts. Driven by everything that can fail. Texts that do not fit are
 * cut. */
#include "protocol/base/err.h"

#include "protocol/base/slice.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *err_text(enum err code)
{
    static const char *const texts[] = {
#define ERR_TEXT(code, text) text,
        ERR_LIST(ERR_TEXT)
#undef ERR_TEXT
    };
    return (unsigned)code < ERR_COUNT ? texts[code] : "unknown error";
}

enum err err_of_errno(int errnum)
{
    switch (errnum) {
    case 0:
        return ERR_OK;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
        return ERR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EAGAIN:
    case EINTR:
        return ERR_AGAIN;
    case ETIMEDOUT:
        return ERR_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return ERR_LIMIT;
    default:
        return ERR_IO;
    }
}

enum err err_set(struct error *err, enum err code, const char *format, ...)
{
    if (err) {
        va_list ap;
        va_start(ap, format);
        (void)vsnprintf(err->text, sizeof(err->text), format, ap);
        va_end(ap);
        err->code = code;
    }
    return code;
}

enum err err_errno(struct error *err, int errnum, const char *format, ...)
{
    enum err code = err_of_errno(errnum);
    if (err) {
        va_list ap;
        va_start(ap, format);
        int n = vsnprintf(err->text, sizeof(err->text), format, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof(err->text)) {
            (void)snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", strerror(errnum));
        }
        err->code = code;
    }
    return code;
}

enum err err_wrap(struct error *err, const char *format, ...)
{
    if (!err) {
        return ERR_IO;
    }
    char inner[sizeof(err->text)];
    memcpy(inner, err->text, sizeof(inner));
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(err->text, sizeof(err->text), format, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n + 3 < sizeof(err->text)) {
        struct slice rest = slice_head(slice_str(inner), sizeof(err->text) - (size_t)n - 3);
        (void)snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %.*s", SLICE_ARG(rest));
    }
    return err->code;
}
