/* SPDX-License-Identifier: Apache-2.0 */
/* scratch_dir.h - a directory of its own for one test, removed with everything in it. */
#ifndef LOGBOOM_TESTS_SUPPORT_SCRATCH_DIR_H
#define LOGBOOM_TESTS_SUPPORT_SCRATCH_DIR_H

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch_dir {
    char path[256];
};

static inline int scratch_remove_one(const char *path, const struct stat *st, int type,
                                     struct FTW *place)
{
    (void)st;
    (void)type;
    (void)place;
    return remove(path);
}

static inline void scratch_dir_init(struct scratch_dir *d)
{
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(d->path, sizeof(d->path), "%.200s/logboom-test-XXXXXX", tmp ? tmp : "/tmp");
    char *made = mkdtemp(d->path);
    assert(made);
    (void)made;
}

static inline void scratch_dir_deinit(struct scratch_dir *d)
{
    (void)nftw(d->path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
