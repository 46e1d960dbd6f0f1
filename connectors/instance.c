/* SPDX-License-Identifier: Apache-2.0 */
/*
 * instance.c - path.data: a lock and an id. Driven by worker.c.
 *   (N1) The id is durable before a group hears it; a damaged file is replaced by a new id, which
 *        costs one session timeout and nothing else.
 */
#include "connectors/instance.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"

#include <stdio.h>

enum { ID_CHARS = 32 };

static bool is_id(struct slice text)
{
    size_t n = 0;
    while (n < text.len && strchr("0123456789abcdef", text.ptr[n]) && text.ptr[n]) {
        n++;
    }
    return n == ID_CHARS && text.len == ID_CHARS + 1 && text.ptr[n] == '\n';
}

static enum err take_lock(struct instance *i, const char *dir, struct error *err)
{
    struct buf path = { 0 };
    buf_printf(&path, "%s/.lock", dir);
    enum err e = i->vfs->ops->open(i->vfs, buf_cstr(&path), VFS_READ | VFS_WRITE | VFS_CREATE,
                                   &i->lock, err);
    if (!e && i->vfs->ops->lock(i->vfs, i->lock)) {
        e = err_set(
            err, ERR_AGAIN,
            "path.data %s is used by another logboom-connect; stop it, or give each process "
            "a directory of its own",
            dir);
    }
    buf_deinit(&path);
    return e;
}

static enum err read_or_make_id(struct instance *i, struct env env, const char *dir,
                                struct error *err)
{
    struct buf path = { 0 };
    uint8_t *bytes = NULL;
    size_t len = 0;
    buf_printf(&path, "%s/instance.id", dir);
    enum err e = vfs_read_file(i->vfs, buf_cstr(&path), 4096, &bytes, &len, NULL);
    if (!e && is_id(slice_of(bytes, len))) {
        memcpy(i->id, bytes, ID_CHARS);
    } else {
        char text[ID_CHARS + 2];
        snprintf(text, sizeof(text), "%016llx%016llx\n", (unsigned long long)env_random(env),
                 (unsigned long long)env_random(env));
        e = vfs_replace_file(i->vfs, buf_cstr(&path), slice_str(text), err);
        memcpy(i->id, text, ID_CHARS);
    }
    mem_free(bytes);
    buf_deinit(&path);
    return e;
}

enum err instance_open(struct instance *ret_instance, struct vfs *v, struct env env,
                       const char *dir, struct error *err)
{
    struct instance i = { .vfs = v };
    if (dir && *dir) {
        enum err e = vfs_make_dirs(v, dir, err);
        if (!e) {
            e = take_lock(&i, dir, err);
        }
        if (!e) {
            e = read_or_make_id(&i, env, dir, err);
        }
        if (e) {
            instance_close(&i);
            return e == ERR_AGAIN ? e : err_wrap(err, "path.data");
        }
    }
    *ret_instance = i;
    return ERR_OK;
}

void instance_close(struct instance *i)
{
    if (i->lock) {
        i->vfs->ops->close(i->vfs, i->lock);
        i->lock = NULL;
    }
}
