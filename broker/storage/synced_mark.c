/* SPDX-License-Identifier: Apache-2.0 */
/* synced_mark.c - see synced_mark.h. Driven by the metadata log. */
#include "broker/storage/synced_mark.h"

#include "protocol/base/crc32c.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

/* Twenty digits, a blank, the checksum of the digits in hexadecimal, a line's end. */
enum { DIGITS = 20, LINE_BYTES = DIGITS + 1 + 8 + 1 };

static void format_line(int64_t offset, char ret_line[LINE_BYTES + 1])
{
    char digits[DIGITS + 1];
    (void)snprintf(digits, sizeof(digits), "%020" PRId64, offset);
    (void)snprintf(ret_line, LINE_BYTES + 1, "%s %08" PRIx32 "\n", digits,
                   crc32c(slice_of(digits, DIGITS)));
}

static int64_t parse_line(const char *line)
{
    char again[LINE_BYTES + 1];
    int64_t offset = 0;
    for (unsigned i = 0; i < DIGITS; i++) {
        if (line[i] < '0' || line[i] > '9' || offset > (INT64_MAX - 9) / 10) {
            return 0;
        }
        offset = offset * 10 + (line[i] - '0');
    }
    format_line(offset, again);
    return memcmp(again, line, LINE_BYTES) == 0 ? offset : 0;
}

static enum err write_line(struct synced_mark *m, int64_t offset)
{
    char line[LINE_BYTES + 1];
    format_line(offset, line);
    const struct iovec iov = { line, LINE_BYTES };
    enum err e = m->vfs->ops->pwritev(m->vfs, m->file, &iov, 1, 0);
    if (!e) {
        m->offset = offset;
    }
    return e;
}

enum err synced_mark_open(struct synced_mark *m, struct vfs *v, const char *path,
                          struct error *err)
{
    char line[LINE_BYTES];
    size_t got = 0;
    struct vfs_file *file;
    enum err e = v->ops->open(v, path, VFS_READ | VFS_WRITE | VFS_CREATE, &file, err);
    if (e) {
        return e;
    }
    e = v->ops->pread(v, file, line, sizeof(line), 0, &got);
    if (e) {
        v->ops->close(v, file);
        return err_set(err, e, "read %s: %s", path, err_text(e));
    }
    *m = (struct synced_mark){ v, file, got == sizeof(line) ? parse_line(line) : 0 };
    return ERR_OK;
}

void synced_mark_raise(struct synced_mark *m, int64_t offset)
{
    if (m->file && offset > m->offset) {
        (void)write_line(m, offset);
    }
}

enum err synced_mark_lower(struct synced_mark *m, int64_t offset, struct error *err)
{
    if (!m->file || offset >= m->offset) {
        return ERR_OK;
    }
    enum err e = write_line(m, offset);
    if (!e) {
        e = m->vfs->ops->sync(m->vfs, m->file);
    }
    return e ? err_set(err, e, "write " SYNCED_MARK_FILE ": %s", err_text(e)) : ERR_OK;
}

void synced_mark_close(struct synced_mark *m)
{
    if (m->file) {
        m->vfs->ops->close(m->vfs, m->file);
        m->file = NULL;
    }
}
