/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint.c - Kafka's small text files. Driven by log.c, recovery.c and log_dirs.c.
 * The common shape is "version\ncount\nline...\n". The count must match the lines, which is what
 * tells a torn file (Kafka replaces files as we do, but a disk may not).
 */
#include "broker/storage/checkpoint.h"

#include "protocol/base/alloc.h"
#include "protocol/base/arena.h"
#include "protocol/base/buf.h"
#include "protocol/base/units.h"
#include "protocol/daemon/json.h"

#include <stdlib.h>
#include <sys/uio.h>

enum { CHECKPOINT_BYTES_MAX = 64 << 20, CHECKPOINT_LINE_MIN = 4, TOPIC_LENGTH_MAX = 249 };

/* --- lines ------------------------------------------------------------------------------------ */

/* A text file that is read line by line. */
struct lines {
    const char *path;
    struct slice rest;
    unsigned line;
    uint8_t *bytes;
};

/* The next line without its newline; false at the end. */
static bool lines_next(struct lines *l, struct slice *ret_line)
{
    if (!l->rest.len) {
        return false;
    }
    const uint8_t *end = memchr(l->rest.ptr, '\n', l->rest.len);
    size_t n = end ? (size_t)(end - l->rest.ptr) : l->rest.len;
    *ret_line = slice_head(l->rest, n);
    l->rest = slice_from(l->rest, n + 1);
    l->line++;
    return true;
}

static enum err lines_bad(const struct lines *l, struct error *err, const char *what)
{
    return err_set(err, ERR_CORRUPT, "%s: line %u: %s", l->path, l->line, what);
}

/* The next word of a line, words being parted by one space. */
static struct slice next_word(struct slice *line)
{
    const uint8_t *space = line->len ? memchr(line->ptr, ' ', line->len) : NULL;
    size_t n = space ? (size_t)(space - line->ptr) : line->len;
    struct slice word = slice_head(*line, n);
    *line = slice_from(*line, n + 1);
    return word;
}

static bool parse_int(struct slice word, int64_t max, int64_t *ret_value)
{
    int64_t value;
    if (units_int(word, &value) || value < 0 || value > max) {
        return false;
    }
    *ret_value = value;
    return true;
}

/* Reads the file and its first two lines; *ret_count is the number of lines that follow. */
static enum err lines_open(struct vfs *v, const char *path, struct lines *ret_lines,
                           int64_t *ret_count, struct error *err)
{
    struct lines l = { .path = path };
    size_t len;
    enum err e = vfs_read_file(v, path, CHECKPOINT_BYTES_MAX, &l.bytes, &len, err);
    if (e) {
        return e;
    }
    l.rest = slice_of(l.bytes, len);
    struct slice line;
    int64_t version = -1, count = -1;
    /* A last line without its newline is a torn one: its number may have lost digits. */
    if (!len || l.bytes[len - 1] != '\n') {
        e = lines_bad(&l, err, "the file does not end with a whole line");
    } else if (!lines_next(&l, &line) || !parse_int(line, INT32_MAX, &version) || version != 0) {
        e = lines_bad(&l, err, "version 0 was expected");
    } else if (!lines_next(&l, &line) ||
               !parse_int(line, (int64_t)(len / CHECKPOINT_LINE_MIN), &count)) {
        e = lines_bad(&l, err, "the number of entries was expected");
    }
    if (e) {
        mem_free(l.bytes);
        return e;
    }
    *ret_lines = l;
    *ret_count = count;
    return ERR_OK;
}

/* Takes one line of the file; ERR_CORRUPT by lines_bad(). */
typedef enum err line_fn(void *ctx, const struct lines *l, struct slice line, struct error *err);

/* Gives every line behind the first two to take(); a file that is not there has none. */
static enum err read_lines(struct vfs *v, const char *path, line_fn *take, void *ctx,
                           struct error *err)
{
    struct lines l;
    struct slice line;
    int64_t count, seen = 0;
    enum err e = lines_open(v, path, &l, &count, err);
    if (e) {
        return e == ERR_NOT_FOUND ? ERR_OK : e;
    }
    for (; !e && lines_next(&l, &line); seen++) {
        e = take(ctx, &l, line, err);
    }
    if (!e && seen != count) {
        e = lines_bad(&l, err, "the number of entries is another");
    }
    mem_free(l.bytes);
    return e;
}

/* --- offsets of partitions -------------------------------------------------------------------- */

void offset_checkpoint_deinit(struct offset_checkpoint *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        mem_free(c->lines[i].topic);
    }
    mem_free(c->lines);
    *c = (struct offset_checkpoint){ 0 };
}

static struct offset_line *add_line(struct offset_checkpoint *c)
{
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 8;
        c->lines = mem_rearray(c->lines, c->cap, sizeof(*c->lines));
    }
    return &c->lines[c->count++];
}

void offset_checkpoint_add(struct offset_checkpoint *c, const char *topic, int32_t partition,
                           int64_t offset)
{
    *add_line(c) = (struct offset_line){ mem_strdup(topic), partition, offset };
}

static int line_order(const void *a, const void *b)
{
    const struct offset_line *x = a, *y = b;
    int c = strcmp(x->topic, y->topic);
    c = c ? c : (x->partition > y->partition) - (x->partition < y->partition);
    return c ? c : (x->offset > y->offset) - (x->offset < y->offset);
}

/* Of several lines for a partition the first one stays, with the lowest offset. */
static void drop_twins(struct offset_checkpoint *c)
{
    uint32_t kept = 1;
    for (uint32_t i = 1; i < c->count; i++) {
        const struct offset_line *last = &c->lines[kept - 1];
        if (last->partition == c->lines[i].partition &&
            strcmp(last->topic, c->lines[i].topic) == 0) {
            mem_free(c->lines[i].topic);
        } else {
            c->lines[kept++] = c->lines[i];
        }
    }
    c->count = kept;
}

int64_t offset_checkpoint_find(const struct offset_checkpoint *c, const char *topic,
                               int32_t partition)
{
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int order = strcmp(c->lines[mid].topic, topic);
        if (order == 0) {
            order = (c->lines[mid].partition > partition) - (c->lines[mid].partition < partition);
        }
        if (order == 0) {
            return c->lines[mid].offset;
        }
        if (order < 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return -1;
}

bool offset_checkpoint_equals(const struct offset_checkpoint *a, const struct offset_checkpoint *b)
{
    bool equal = a->count == b->count;
    for (uint32_t i = 0; equal && i < a->count; i++) {
        const struct offset_line *x = &a->lines[i], *y = &b->lines[i];
        equal = x->offset == y->offset && x->partition == y->partition &&
                strcmp(x->topic, y->topic) == 0;
    }
    return equal;
}

static enum err take_offset_line(void *ctx, const struct lines *l, struct slice line,
                                 struct error *err)
{
    int64_t partition, offset;
    struct slice topic = next_word(&line);
    if (!topic.len || topic.len > TOPIC_LENGTH_MAX ||
        !parse_int(next_word(&line), INT32_MAX, &partition) ||
        !parse_int(next_word(&line), INT64_MAX, &offset) || line.len) {
        return lines_bad(l, err, "`topic partition offset` was expected");
    }
    *add_line(ctx) =
        (struct offset_line){ mem_strndup(topic.ptr, topic.len), (int32_t)partition, offset };
    return ERR_OK;
}

enum err offset_checkpoint_read(struct vfs *v, const char *path, struct offset_checkpoint *ret_c,
                                struct error *err)
{
    struct offset_checkpoint c = { 0 };
    enum err e = read_lines(v, path, take_offset_line, &c, err);
    if (e) {
        offset_checkpoint_deinit(&c);
        return e;
    }
    if (c.count) {
        qsort(c.lines, c.count, sizeof(*c.lines), line_order);
        drop_twins(&c);
    }
    *ret_c = c;
    return ERR_OK;
}

enum err offset_checkpoint_write(struct vfs *v, const char *path, const struct offset_checkpoint *c,
                                 struct error *err)
{
    struct buf text = { 0 };
    buf_printf(&text, "0\n%u\n", c->count);
    for (uint32_t i = 0; i < c->count; i++) {
        buf_printf(&text, "%s %d %lld\n", c->lines[i].topic, (int)c->lines[i].partition,
                   (long long)c->lines[i].offset);
    }
    enum err e = vfs_replace_file(v, path, buf_slice(&text), err);
    buf_deinit(&text);
    return e;
}

/* --- leader epochs ---------------------------------------------------------------------------- */

static enum err take_epoch_line(void *ctx, const struct lines *l, struct slice line,
                                struct error *err)
{
    struct leader_epochs *t = ctx;
    int64_t epoch, offset;
    if (!parse_int(next_word(&line), INT32_MAX, &epoch) ||
        !parse_int(next_word(&line), INT64_MAX, &offset) || line.len) {
        return lines_bad(l, err, "`epoch offset` was expected");
    }
    if (t->count && (t->entries[t->count - 1].epoch >= epoch ||
                     t->entries[t->count - 1].start_offset >= offset)) {
        return lines_bad(l, err, "epochs and offsets must grow");
    }
    leader_epochs_assign(t, (int32_t)epoch, offset);
    return ERR_OK;
}

enum err leader_epochs_read(struct vfs *v, const char *path, struct leader_epochs *ret_t,
                            struct error *err)
{
    struct leader_epochs t = { 0 };
    enum err e = read_lines(v, path, take_epoch_line, &t, err);
    if (e) {
        leader_epochs_deinit(&t);
        return e;
    }
    t.changed = false;
    *ret_t = t;
    return ERR_OK;
}

static struct buf epochs_text(const struct leader_epochs *t)
{
    struct buf text = { 0 };
    buf_printf(&text, "0\n%u\n", t->count);
    for (uint32_t i = 0; i < t->count; i++) {
        buf_printf(&text, "%d %lld\n", (int)t->entries[i].epoch,
                   (long long)t->entries[i].start_offset);
    }
    return text;
}

enum err leader_epochs_write(struct vfs *v, const char *path, struct leader_epochs *t,
                             struct error *err)
{
    struct buf text = epochs_text(t);
    enum err e = vfs_replace_file(v, path, buf_slice(&text), err);
    buf_deinit(&text);
    if (!e) {
        t->changed = false;
    }
    return e;
}

enum err leader_epochs_put(struct vfs *v, const char *path, struct leader_epochs *t,
                           struct vfs_file **ret_file, struct error *err)
{
    struct buf text = epochs_text(t), tmp = { 0 };
    struct vfs_file *file;
    buf_printf(&tmp, "%s.tmp", path);
    enum err e = v->ops->open(v, buf_cstr(&tmp), VFS_WRITE | VFS_CREATE | VFS_TRUNC, &file, err);
    if (!e) {
        struct iovec iov = { text.ptr, text.len };
        e = v->ops->pwritev(v, file, &iov, 1, 0);
        e = e ? err_set(err, e, "write %s: %s", buf_cstr(&tmp), err_text(e))
              : v->ops->rename(v, buf_cstr(&tmp), path, err);
        if (e) {
            v->ops->close(v, file);
        }
    }
    if (!e) {
        t->changed = false;
        *ret_file = file;
    }
    buf_deinit(&text);
    buf_deinit(&tmp);
    return e;
}

/* --- partition.metadata ----------------------------------------------------------------------- */

enum err partition_metadata_read(struct vfs *v, const char *path, struct uuid *ret_topic_id,
                                 struct error *err)
{
    struct lines l = { .path = path };
    size_t len;
    enum err e = vfs_read_file(v, path, 4096, &l.bytes, &len, err);
    if (e) {
        return e;
    }
    l.rest = slice_of(l.bytes, len);
    struct slice line;
    struct uuid id;
    if (!lines_next(&l, &line) || !slice_eq_str(line, "version: 0")) {
        e = lines_bad(&l, err, "`version: 0` was expected");
    } else if (!lines_next(&l, &line) || !slice_starts(line, "topic_id: ") ||
               uuid_parse(slice_from(line, strlen("topic_id: ")), &id)) {
        e = lines_bad(&l, err, "`topic_id: <22 characters>` was expected");
    }
    mem_free(l.bytes);
    if (!e) {
        *ret_topic_id = id;
    }
    return e;
}

enum err partition_metadata_write(struct vfs *v, const char *path, const struct uuid *topic_id,
                                  struct error *err)
{
    char id[23];
    uuid_format(topic_id, id);
    struct buf text = { 0 };
    buf_printf(&text, "version: 0\ntopic_id: %s", id);
    enum err e = vfs_replace_file(v, path, buf_slice(&text), err);
    buf_deinit(&text);
    return e;
}

/* --- the clean-shutdown marker ---------------------------------------------------------------- */

enum err clean_shutdown_read(struct vfs *v, const char *path, int64_t *ret_broker_epoch)
{
    uint8_t *bytes;
    size_t len;
    enum err e = vfs_read_file(v, path, 4096, &bytes, &len, NULL);
    if (e && e != ERR_LIMIT) {
        return e;
    }
    *ret_broker_epoch = -1;
    if (e) {
        return ERR_OK;
    }
    struct arena arena;
    arena_init(&arena, 64 << 10);
    struct json_value *marker;
    if (json_parse(slice_of(bytes, len), &arena, &marker, NULL) == ERR_OK) {
        const struct json_value *epoch = json_get(marker, slice_str("brokerEpoch"));
        if (epoch && epoch->kind == JSON_INT) {
            *ret_broker_epoch = epoch->integer;
        }
    }
    arena_deinit(&arena);
    mem_free(bytes);
    return ERR_OK;
}

enum err clean_shutdown_write(struct vfs *v, const char *path, int64_t broker_epoch,
                              struct error *err)
{
    struct buf text = { 0 };
    buf_printf(&text, "{\"version\":0,\"brokerEpoch\":%lld}", (long long)broker_epoch);
    enum err e = vfs_replace_file(v, path, buf_slice(&text), err);
    buf_deinit(&text);
    return e;
}
