/* SPDX-License-Identifier: Apache-2.0 */
/* quorum_state.c - see quorum_state.h. Driven by the quorum. */
#include "broker/storage/quorum_state.h"

#include "protocol/base/alloc.h"
#include "protocol/base/crc32c.h"
#include "protocol/daemon/json.h"

#include <inttypes.h>
#include <string.h>

enum { FILE_BYTES_MAX = 64 * 1024 };

static bool get_int(const struct json_value *json, const char *key, int64_t min, int32_t *ret_value)
{
    const struct json_value *v = json_get(json, slice_str(key));
    if (!v || v->kind != JSON_INT || v->integer < min || v->integer > INT32_MAX) {
        return false;
    }
    *ret_value = (int32_t)v->integer;
    return true;
}

static bool parse(const struct json_value *json, struct quorum_state *ret_state)
{
    struct quorum_state s = { 0 };
    int32_t version;
    if (json->kind != JSON_OBJECT || !get_int(json, "data_version", 0, &version) || version > 1 ||
        !get_int(json, "leaderId", -1, &s.leader_id) ||
        !get_int(json, "leaderEpoch", 0, &s.leader_epoch) ||
        !get_int(json, "votedId", -1, &s.voted_id)) {
        return false;
    }
    s.version = version;
    if (version == 1) {
        const struct json_value *id = json_get(json, slice_str("votedDirectoryId"));
        if (!id || id->kind != JSON_STRING || uuid_parse(id->text, &s.voted_directory_id)) {
            return false;
        }
    }
    *ret_state = s;
    return true;
}

static void append_check(struct buf *text, struct slice line)
{
    buf_printf(text, "\n# crc32c %08" PRIx32 "\n", crc32c(line));
}

/* The first line, all that Kafka reads and writes; null when the second one says that it is not
 * what was written. */
static struct slice checked_line(struct slice file)
{
    const uint8_t *end = memchr(file.ptr, '\n', file.len);
    struct slice line = end ? slice_of(file.ptr, (size_t)(end - file.ptr)) : file;
    struct slice rest = slice_from(file, line.len);
    struct buf check = { 0 };
    append_check(&check, line);
    bool good = rest.len <= 1 || slice_eq(rest, buf_slice(&check));
    buf_deinit(&check);
    return good ? line : slice_null();
}

enum err quorum_state_read(struct vfs *v, const char *path, struct quorum_state *ret_state,
                           struct error *err)
{
    uint8_t *bytes;
    size_t len;
    enum err e = vfs_read_file(v, path, FILE_BYTES_MAX, &bytes, &len, err);
    if (e && e != ERR_LIMIT) {
        return e;
    }
    bool good = false;
    if (!e) {
        struct arena arena;
        struct json_value *json;
        arena_init(&arena, FILE_BYTES_MAX * 8);
        struct slice line = checked_line(slice_of(bytes, len));
        good = !slice_is_null(line) && json_parse(line, &arena, &json, NULL) == ERR_OK &&
               parse(json, ret_state);
        arena_deinit(&arena);
        mem_free(bytes);
    }
    return good ? ERR_OK
                : err_set(err, ERR_CORRUPT,
                          "%s is damaged: it holds this node's vote, and a node that forgets its "
                          "vote could elect a second leader. Put the file back from a backup, or "
                          "take this controller out of the quorum (`logboom quorum "
                          "remove-controller`), format its directory anew and add it again",
                          path);
}

static void append_id(struct buf *text, const struct uuid *id)
{
    char name[23];
    uuid_format(id, name);
    buf_append_str(text, name);
}

enum err quorum_state_write(struct vfs *v, const char *path, const struct quorum_state *state,
                            struct error *err)
{
    struct buf text = { 0 };
    if (state->version == 0) {
        buf_printf(&text,
                   "{\"clusterId\":\"\",\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,"
                   "\"appliedOffset\":0,\"currentVoters\":[",
                   (int)state->leader_id, (int)state->leader_epoch, (int)state->voted_id);
        for (uint32_t i = 0; i < state->voter_count; i++) {
            buf_printf(&text, "%s{\"voterId\":%d}", i ? "," : "", (int)state->voters[i]);
        }
        buf_append_str(&text, "],\"data_version\":0}");
    } else {
        buf_printf(&text,
                   "{\"leaderId\":%d,\"leaderEpoch\":%d,\"votedId\":%d,\"votedDirectoryId\":\"",
                   (int)state->leader_id, (int)state->leader_epoch, (int)state->voted_id);
        append_id(&text, &state->voted_directory_id);
        buf_append_str(&text, "\",\"data_version\":1}");
    }
    struct buf check = { 0 };
    append_check(&check, buf_slice(&text));
    buf_append_slice(&text, buf_slice(&check));
    buf_deinit(&check);
    enum err e = vfs_replace_file(v, path, buf_slice(&text), err);
    buf_deinit(&text);
    return e;
}
