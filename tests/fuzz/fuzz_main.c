/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_main.c - replays a corpus with any compiler, so that `make check` keeps every finding
 * mended. fuzz_NAME without arguments replays tests/fuzz/corpus/NAME, otherwise the files that are
 * named.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/support/files.h"

#include "protocol/base/alloc.h"

#include <stdio.h>
#include <stdlib.h>

/* An exact copy on the heap, so that a sanitizer sees a read past the end. */
static void replay(void *ctx, const char *name, struct slice bytes)
{
    (void)ctx;
    (void)name;
    uint8_t *copy = mem_alloc(bytes.len + 1);
    memcpy(copy, bytes.ptr, bytes.len);
    (void)LLVMFuzzerTestOneInput(copy, bytes.len);
    mem_free(copy);
}

int main(int argc, char **argv)
{
    struct buf b = { 0 };
    int count = 0;
    for (int i = 1; i < argc; i++, count++) {
        buf_reset(&b);
        if (!files_read(argv[i], &b)) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return EXIT_FAILURE;
        }
        replay(NULL, argv[i], buf_slice(&b));
    }
    if (argc == 1) {
        const char *name = strstr(argv[0], "fuzz_");
        for (const char *next = name; next; next = strstr(next + 1, "fuzz_")) {
            name = next;
        }
        buf_printf(&b, "tests/fuzz/corpus/%s", name ? name + strlen("fuzz_") : "");
        count = files_each(buf_cstr(&b), replay, NULL);
    }
    buf_deinit(&b);
    if (count <= 0) {
        fprintf(stderr, "%s: there is no corpus to replay\n", argv[0]);
        return EXIT_FAILURE;
    }
    printf("%d inputs replayed\n", count);
    return EXIT_SUCCESS;
}
