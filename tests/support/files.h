/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - what tests read from the source tree: $srcdir/tests/..., as automake's runner sets it.
 */
#ifndef LOGBOOM_TESTS_SUPPORT_FILES_H
#define LOGBOOM_TESTS_SUPPORT_FILES_H

#include "protocol/base/buf.h"

/* Called with the path below the folder, e.g. "kcat/Fetch_v11_request.bin", and the bytes. */
typedef void files_fn(void *ctx, const char *name, struct slice bytes);

/* Every regular file at most two levels below $srcdir/folder, in the order of names. Returns how
 * many there were, or -1 when the folder cannot be read. */
int files_each(const char *folder, files_fn *each, void *ctx);
/* The whole of a file (at most 64 MiB); false when it cannot be read. */
bool files_read(const char *path, struct buf *out);

#endif
