/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meta_properties.c - meta.properties. Driven by log_dirs.c.
 * A Java properties file of the simple kind: `key=value` lines and comments. What Kafka writes
 * needs no more of that grammar; a backslash (its escape) is refused rather than misread.
 */
#include "broker/storage/meta_properties.h"

#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/base/units.h"

enum { META_BYTES_MAX = 64 << 10 };

static struct slice trim(struct slice s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t')) {
        s = slice_from(s, 1);
    }
    while (s.len && strchr(" \t\r", s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

static bool set_int(struct slice value, int32_t *ret_value)
{
    int64_t v;
    if (units_int(value, &v) || v < 0 || v > INT32_MAX) {
        return false;
    }
    *ret_value = (int32_t)v;
    return true;
}

/* Takes one `key=value` in; false when the value cannot be. */
static bool set_property(struct meta_properties *m, struct slice key, struct slice value)
{
    if (slice_eq_str(key, "version")) {
        return set_int(value, &m->version);
    }
    if (slice_eq_str(key, "node.id") || slice_eq_str(key, "broker.id")) {
        return set_int(value, &m->node_id);
    }
    if (slice_eq_str(key, "directory.id")) {
        return uuid_parse(value, &m->directory_id) == ERR_OK;
    }
    if (slice_eq_str(key, "cluster.id")) {
        if (!value.len || value.len >= sizeof(m->cluster_id)) {
            return false;
        }
        memcpy(m->cluster_id, value.ptr, value.len);
        m->cluster_id[value.len] = '\0';
    }
    return true;
}

static enum err parse(const char *path, struct slice rest, struct meta_properties *ret_meta,
                      struct error *err)
{
    struct meta_properties m = { .version = -1, .node_id = -1 };
    for (unsigned number = 1; rest.len; number++) {
        const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
        size_t n = end ? (size_t)(end - rest.ptr) : rest.len;
        struct slice line = trim(slice_head(rest, n));
        rest = slice_from(rest, n + 1);
        if (!line.len || line.ptr[0] == '#' || line.ptr[0] == '!') {
            continue;
        }
        const uint8_t *equals = memchr(line.ptr, '=', line.len);
        if (!equals || memchr(line.ptr, '\\', line.len)) {
            return err_set(err, ERR_CORRUPT, "%s: line %u: `key=value` was expected", path, number);
        }
        size_t key_len = (size_t)(equals - line.ptr);
        struct slice key = trim(slice_head(line, key_len));
        if (!set_property(&m, key, trim(slice_from(line, key_len + 1)))) {
            return err_set(err, ERR_CORRUPT, "%s: line %u: the value of %.*s cannot be", path,
                           number, SLICE_ARG(key));
        }
    }
    if (m.version != 0 && m.version != 1) {
        return err_set(err, ERR_CORRUPT, "%s: version must be 0 or 1", path);
    }
    if (m.version == 1 && (m.node_id < 0 || !m.cluster_id[0])) {
        return err_set(err, ERR_CORRUPT, "%s: node.id or cluster.id is missing", path);
    }
    if (m.version == 1 && uuid_is_zero(&m.directory_id)) {
        return err_set(err, ERR_CORRUPT,
                       "%s: directory.id is missing (Apache Kafka before 3.7 wrote none)", path);
    }
    *ret_meta = m;
    return ERR_OK;
}

enum err meta_properties_read(struct vfs *v, const char *path, struct meta_properties *ret_meta,
                              struct error *err)
{
    uint8_t *bytes;
    size_t len;
    enum err e = vfs_read_file(v, path, META_BYTES_MAX, &bytes, &len, err);
    if (e) {
        return e;
    }
    struct error why;
    e = parse(path, slice_of(bytes, len), ret_meta, &why);
    if (e) {
        err_set(err, e,
                "%s. The file is damaged: it says whose directory this is. Put it back as it was "
                "(with the cluster.id of the other nodes, and this node's node.id and "
                "directory.id), or format the directory anew when other nodes have what is in it",
                why.text);
    }
    mem_free(bytes);
    return e;
}

enum err meta_properties_write(struct vfs *v, const char *path, const struct meta_properties *meta,
                               struct error *err)
{
    char id[23];
    uuid_format(&meta->directory_id, id);
    struct buf text = { 0 };
    buf_printf(&text, "#written by logboom-broker\ncluster.id=%s\nversion=1\n", meta->cluster_id);
    if (!uuid_is_zero(&meta->directory_id)) {
        buf_printf(&text, "directory.id=%s\n", id);
    }
    buf_printf(&text, "node.id=%d\n", (int)meta->node_id);
    enum err e = vfs_replace_file(v, path, buf_slice(&text), err);
    buf_deinit(&text);
    return e;
}
