/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime.c - see runtime.h. Driven by main.c.
 *
 * Invariants:
 * I1. One process at a time uses a state directory.
 */
#include "agent/runtime.h"

#include "config.h"
#include "protocol/base/alloc.h"
#include "protocol/event/value.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { RESERVED_DESCRIPTORS = 40 };

uint64_t runtime_raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
        return 0;
    }
    return limit.rlim_cur > RESERVED_DESCRIPTORS + 8 ? limit.rlim_cur - RESERVED_DESCRIPTORS : 8;
}

enum err runtime_lock_data(const char *path_data, int *ret_fd, struct error *err)
{
    struct buf path = { 0 };
    enum err rc = vfs_make_dirs(vfs_posix(), path_data, err);
    if (rc) {
        err_wrap(err, "path.data");
        return rc;
    }
    buf_printf(&path, "%s/agent.lock", path_data);
    int fd = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        rc = err_errno(err, errno, "open %s", buf_cstr(&path));
    } else if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        rc = err_set(
            err, ERR_EXISTS,
            "%s is locked: another agent uses this path.data; stop it, or give this one its "
            "own path.data",
            buf_cstr(&path));
        close(fd);
    } else {
        *ret_fd = fd;
    }
    buf_deinit(&path);
    return rc;
}

static const char *keep(struct arena *arena, const char *text)
{
    return (const char *)arena_copy(arena, slice_str(text)).ptr;
}

static const char *random_uuid(struct env env, struct arena *arena)
{
    uint64_t a = env_random(env), b = env_random(env);
    char text[37];
    snprintf(text, sizeof(text), "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32),
             (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
             (unsigned)(b >> 48 & 0x3fff) | 0x8000, (unsigned long long)(b & 0xffffffffffffULL));
    return keep(arena, text);
}

static enum err load_id(const char *path_data, struct env env, struct vfs *vfs, struct arena *arena,
                        const char **ret_id, struct error *err)
{
    struct buf path = { 0 }, json = { 0 };
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct json_value *v = NULL;
    enum err rc = ERR_OK;
    buf_printf(&path, "%s/meta.json", path_data);
    *ret_id = NULL;
    if (vfs_read_file(vfs, buf_cstr(&path), 4096, &bytes, &len, NULL) == ERR_OK) {
        if (json_parse(slice_of(bytes, len), arena, &v, NULL) == ERR_OK) {
            struct slice id = value_text(json_get(v, slice_str("uuid")));
            *ret_id = id.len ? (const char *)arena_copy(arena, id).ptr : NULL;
        }
        mem_free(bytes);
    }
    if (!*ret_id) {
        *ret_id = random_uuid(env, arena);
        buf_printf(&json, "{\"uuid\":\"%s\"}\n", *ret_id);
        rc = vfs_replace_file(vfs, buf_cstr(&path), buf_slice(&json), err);
    }
    buf_deinit(&path);
    buf_deinit(&json);
    return rc;
}

/* KEY=value or KEY="value" of /etc/os-release. */
static const char *os_release(struct slice text, const char *key, struct arena *arena)
{
    size_t n = strlen(key);
    while (text.len) {
        const uint8_t *end = memchr(text.ptr, '\n', text.len);
        size_t len = end ? (size_t)(end - text.ptr) : text.len;
        struct slice line = slice_of(text.ptr, len);
        if (len > n && memcmp(line.ptr, key, n) == 0 && line.ptr[n] == '=') {
            struct slice value = slice_from(line, n + 1);
            if (value.len >= 2 && *value.ptr == '"') {
                value = slice_of(value.ptr + 1, value.len - 2);
            }
            return (const char *)arena_copy(arena, value).ptr;
        }
        text = slice_from(text, len + 1);
    }
    return NULL;
}

enum err runtime_facts(const struct agent_config *cfg, struct env env, struct vfs *vfs,
                       struct arena *arena, struct agent_facts *ret_facts,
                       struct host_facts *ret_host, struct error *err)
{
    struct utsname uts;
    uint8_t *bytes = NULL;
    size_t len = 0;
    struct host_facts host = { .os_type = "linux" };
    if (uname(&uts) == 0) {
        host.name = keep(arena, uts.nodename);
        host.architecture = keep(arena, uts.machine);
        host.kernel = keep(arena, uts.release);
    }
    if (vfs_read_file(vfs, "/etc/os-release", 64 << 10, &bytes, &len, NULL) == ERR_OK) {
        host.os_name = os_release(slice_of(bytes, len), "NAME", arena);
        host.os_version = os_release(slice_of(bytes, len), "VERSION_ID", arena);
        host.os_family = os_release(slice_of(bytes, len), "ID", arena);
        mem_free(bytes);
        bytes = NULL;
    }
    if (vfs_read_file(vfs, "/etc/machine-id", 256, &bytes, &len, NULL) == ERR_OK) {
        while (len && bytes[len - 1] <= ' ') {
            len--;
        }
        host.id = (const char *)arena_copy(arena, slice_of(bytes, len)).ptr;
        mem_free(bytes);
    }
    struct agent_facts facts = {
        .name = cfg->name   ? cfg->name
                : host.name ? host.name
                            : "localhost",
        .ephemeral_id = random_uuid(env, arena),
        .version = PACKAGE_VERSION,
    };
    enum err rc = load_id(cfg->path_data, env, vfs, arena, &facts.id, err);
    if (!rc) {
        *ret_facts = facts;
        *ret_host = host;
    }
    return rc;
}
