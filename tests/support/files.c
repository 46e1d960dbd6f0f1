/* SPDX-License-Identifier: Apache-2.0 */
/* files.c - reads recorded files for the golden tests and the fuzz corpora. */
#include "tests/support/files.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FILE_BYTES_MAX = 64 << 20 };

bool files_read(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        return false;
    }
    size_t n;
    do {
        n = fread(buf_reserve(out, 65536), 1, 65536, f);
        out->len += n;
    } while (n > 0 && out->len < FILE_BYTES_MAX);
    bool good = !ferror(f) && n == 0;
    (void)fclose(f);
    return good;
}

static int walk(const char *root, const char *below, int levels, files_fn *each, void *ctx)
{
    struct buf path = { 0 }, name = { 0 }, bytes = { 0 };
    struct dirent **entries;
    buf_printf(&path, "%s/%s", root, below);
    int n = scandir(buf_cstr(&path), &entries, NULL, alphasort), count = n < 0 ? -1 : 0;
    for (int i = 0; i < n; i++) {
        const char *entry = entries[i]->d_name;
        struct stat st;
        buf_reset(&path);
        buf_reset(&name);
        buf_printf(&name, "%s%s%s", below, *below ? "/" : "", entry);
        buf_printf(&path, "%s/%s", root, buf_cstr(&name));
        if (entry[0] != '.' && stat(buf_cstr(&path), &st) == 0) {
            if (S_ISDIR(st.st_mode) && levels > 1) {
                int below_count = walk(root, buf_cstr(&name), levels - 1, each, ctx);
                count += below_count > 0 ? below_count : 0;
            } else if (S_ISREG(st.st_mode)) {
                buf_reset(&bytes);
                if (files_read(buf_cstr(&path), &bytes)) {
                    each(ctx, buf_cstr(&name), buf_slice(&bytes));
                    count++;
                }
            }
        }
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
    buf_deinit(&path);
    buf_deinit(&name);
    buf_deinit(&bytes);
    return count;
}

int files_each(const char *folder, files_fn *each, void *ctx)
{
    const char *srcdir = getenv("srcdir");
    struct buf root = { 0 };
    buf_printf(&root, "%s/%s", srcdir ? srcdir : ".", folder);
    int count = walk(buf_cstr(&root), "", 2, each, ctx);
    buf_deinit(&root);
    return count;
}
