/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lines.c - node types file and stdout: an event is a line. Driven by flow/flow.c (put), one timer,
 * and a worker that opens, writes and syncs. Events gather in the open group while the worker
 * writes the one before; a group is acknowledged when all of its lines are written, and synced
 * where sync says so.
 *   (F1) one group at a time is with the worker; the loop does not touch it meanwhile.
 *   (F2) a file grows by whole groups: what a failed write left behind is cut off before the next
 *        try.
 *   (F3) a file that ends in the middle of a line (a crash) is continued on a new line. What a
 *        crash left of a document is cut off before: its event was not acknowledged, and comes
 *        again.
 */
#include "connectors/sinks/sink.h"

#include "connectors/nodes/nodes.h"
#include "protocol/base/alloc.h"
#include "protocol/base/list.h"
#include "protocol/base/map.h"
#include "protocol/daemon/json.h"
#include "protocol/daemon/vfs.h"

#include <errno.h>
#include <sys/uio.h>
#include <unistd.h>

#define LINES_ROWS(C)                                                                              \
    SINK_ROWS(C)                                                                                   \
    C(ENUM, codec, "codec", "json", "json|message", "", 0,                                         \
      "json: the whole event; message: its field message, bare.")                                  \
    C(DURATION_MS, linger_ms, "linger", "50ms", "0", "1h", 0,                                      \
      "How long lines gather before they are written.")

#define FILE_ROWS(C)                                                                               \
    LINES_ROWS(C)                                                                                  \
    C(STR, path, "path", "", "", "", CONFIG_REQUIRED,                                              \
      "The file, appended to; may have %{[field]} and %{+yyyy.MM.dd}.")                            \
    C(BOOL, sync, "sync", "true", "", "", 0, "Sync the file before its records count as delivered.")

struct lines_config {
    LINES_ROWS(CONFIG_MEMBER)
};

struct file_config {
    FILE_ROWS(CONFIG_MEMBER)
};

#define CONFIG_STRUCT lines_config
static const struct config_row stdout_rows[] = { LINES_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
#define CONFIG_STRUCT file_config
static const struct config_row file_rows[] = { FILE_ROWS(CONFIG_ROW) };
#undef CONFIG_STRUCT
static const struct config_table stdout_table = { "node stdout", stdout_rows,
                                                  sizeof(stdout_rows) / sizeof(stdout_rows[0]),
                                                  sizeof(struct lines_config) };
static const struct config_table file_table = { "node file", file_rows,
                                                sizeof(file_rows) / sizeof(file_rows[0]),
                                                sizeof(struct file_config) };

enum { CODEC_JSON, CODEC_MESSAGE };
enum { GROUP_BYTES_MAX = 1 << 20, OPEN_FILES_MAX = 64, TORN_BYTES_MAX = 16 << 20 };

/* A destination; path NULL is standard output. Between groups the loop's, during one the
 * worker's. */
struct target {
    char *path;
    struct vfs_file *file; /* NULL: not open */
    uint64_t size;
    struct buf filling, writing;
};

struct group_item {
    struct ack ack;
    size_t bytes;
};

struct group {
    struct group_item *items;
    size_t count, cap, bytes;
};

struct lines {
    struct sink sink; /* first */
    const struct lines_config *cfg;
    const struct pattern *path; /* NULL: standard output */
    bool sync;
    struct vfs *vfs;
    struct map targets;   /* by path */
    struct target **todo; /* those of the group with the worker: the map may grow meanwhile */
    size_t todo_count;
    struct target *standard_output;
    size_t target_count;
    struct group filling, writing;
    bool busy, closing;
    uint32_t failures;
    struct timer timer;
    struct work work;
    struct error problem; /* of the last write */
    struct buf scratch;
};

/* --- the worker ---------------------------------------------------------------------------- */

static enum err write_all(int fd, struct slice bytes, struct error *err)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno != EINTR) {
            return err_errno(err, errno, "write standard output");
        }
        bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return ERR_OK;
}

/* What stands behind the file's last line feed; not more than TORN_BYTES_MAX of it. */
static enum err read_last_line(struct vfs *vfs, const struct target *t, struct buf *ret_line)
{
    for (size_t want = 4096;; want *= 4) {
        size_t len = want < t->size ? want : (size_t)t->size, n = 0;
        buf_reset(ret_line);
        uint8_t *bytes = buf_reserve(ret_line, len);
        enum err e = vfs->ops->pread(vfs, t->file, bytes, len, t->size - len, &n);
        if (e != ERR_OK) {
            return e;
        }
        ret_line->len = n;
        const uint8_t *line_feed = memrchr(bytes, '\n', n);
        if (line_feed) {
            buf_drop(ret_line, (size_t)(line_feed - bytes) + 1);
        }
        if (line_feed || len == t->size || want >= TORN_BYTES_MAX) {
            return ERR_OK;
        }
    }
}

/* Somebody else's file may end in a whole document. */
static bool is_torn_document(struct slice line)
{
    struct arena arena;
    struct json_value *v;
    arena_init(&arena, 2 * (size_t)TORN_BYTES_MAX);
    bool torn = line.len < TORN_BYTES_MAX && *line.ptr == '{' &&
                json_parse(line, &arena, &v, NULL) == ERR_MALFORMED;
    arena_deinit(&arena);
    return torn;
}

/* (F3) */
static enum err end_last_line(struct lines *l, struct target *t)
{
    struct iovec line_feed = { .iov_base = (char[]){ '\n' }, .iov_len = 1 };
    struct buf line = { 0 };
    enum err e = t->size > 0 ? read_last_line(l->vfs, t, &line) : ERR_OK;
    if (e == ERR_OK && line.len > 0 && l->cfg->codec == CODEC_JSON &&
        is_torn_document(buf_slice(&line))) {
        e = l->vfs->ops->truncate(l->vfs, t->file, t->size - line.len);
        t->size -= e == ERR_OK ? line.len : 0;
    } else if (e == ERR_OK && line.len > 0) {
        e = l->vfs->ops->pwritev(l->vfs, t->file, &line_feed, 1, t->size);
        t->size += e == ERR_OK ? 1 : 0;
    }
    buf_deinit(&line);
    return e;
}

static enum err open_target(struct lines *l, struct target *t, struct error *err)
{
    enum err e =
        l->vfs->ops->open(l->vfs, t->path, VFS_READ | VFS_WRITE | VFS_CREATE, &t->file, err);
    if (e != ERR_OK) {
        return e;
    }
    e = l->vfs->ops->size(l->vfs, t->file, &t->size);
    e = e ? e : end_last_line(l, t);
    if (e != ERR_OK) {
        l->vfs->ops->close(l->vfs, t->file);
        t->file = NULL;
        return err_set(err, e, "open %s: %s", t->path, err_text(e));
    }
    return ERR_OK;
}

static enum err write_target(struct lines *l, struct target *t, struct error *err)
{
    if (!t->path) {
        return write_all(STDOUT_FILENO, buf_slice(&t->writing), err);
    }
    enum err e = t->file ? ERR_OK : open_target(l, t, err);
    if (e != ERR_OK) {
        return e;
    }
    struct iovec iov = { .iov_base = t->writing.ptr, .iov_len = t->writing.len };
    e = l->vfs->ops->pwritev(l->vfs, t->file, &iov, 1, t->size);
    if (e == ERR_OK && l->sync) {
        e = l->vfs->ops->sync(l->vfs, t->file);
    }
    if (e != ERR_OK) {
        l->vfs->ops->truncate(l->vfs, t->file, t->size); /* a failure shows again in the next try */
        l->vfs->ops->close(l->vfs, t->file);
        t->file = NULL;
        return err_set(err, e, "write %s: %s", t->path, err_text(e));
    }
    t->size += t->writing.len;
    return ERR_OK;
}

static void run(struct work *w)
{
    struct lines *l = container_of(w, struct lines, work);
    l->problem.code = ERR_OK;
    for (size_t i = 0; i < l->todo_count; i++) {
        struct target *t = l->todo[i];
        if (t->writing.len > 0 && write_target(l, t, &l->problem) != ERR_OK) {
            return;
        }
        buf_reset(&t->writing); /* not again when another file of the group fails */
    }
}

/* --- the loop ------------------------------------------------------------------------------ */

static void write_next(struct lines *l);
static void free_lines(struct lines *l);

static void close_targets(struct lines *l)
{
    struct target *t;
    for (uint32_t cursor = 0; (t = map_next(&l->targets, &cursor, NULL)) != NULL;) {
        if (t->file && t->filling.len == 0) {
            l->vfs->ops->close(l->vfs, t->file);
            t->file = NULL;
        }
        if (!t->file && t->path && t->filling.len == 0 && t->writing.len == 0) {
            map_remove(&l->targets, slice_str(t->path));
            buf_deinit(&t->filling);
            buf_deinit(&t->writing);
            mem_free(t->path);
            mem_free(t);
            l->target_count--;
        }
    }
}

static void done(struct work *w)
{
    struct lines *l = container_of(w, struct lines, work);
    l->busy = false;
    if (l->closing) {
        free_lines(l);
        return;
    }
    if (l->problem.code != ERR_OK) {
        uint64_t delay =
            retry_delay_ns(&l->sink.retry, l->failures++, env_random(l->sink.world.env));
        l->sink.trouble = "the file cannot be written";
        log_error(&l->sink.world.log, "lines cannot be written; trying again, nothing is lost",
                  KV_STR("node", l->sink.node->name), KV_STR("why", l->problem.text));
        timer_arm_in(l->sink.world.env, &l->timer, delay);
        return;
    }
    l->failures = 0;
    l->sink.trouble = NULL;
    struct group g = l->writing;
    l->writing = (struct group){ 0 };
    for (size_t i = 0; i < g.count; i++) {
        sink_done(&l->sink, g.items[i].ack, g.items[i].bytes);
    }
    l->sink.counters.sent_bytes += g.bytes;
    g.count = g.bytes = 0;
    l->writing = g; /* its array is used again */
    if (l->target_count > OPEN_FILES_MAX) {
        close_targets(l);
    }
    if (l->filling.count > 0 && !timer_is_armed(&l->timer)) {
        write_next(l);
    }
}

static void start_work(struct lines *l)
{
    l->busy = true;
    l->sink.counters.requests++;
    l->work = (struct work){ .run = run, .done = done };
    env_work(l->sink.world.env, &l->work);
}

static void write_next(struct lines *l)
{
    struct target *t;
    if (l->busy) {
        return;
    }
    if (l->writing.count > 0) {
        start_work(l); /* the group that failed */
        return;
    }
    if (l->filling.count == 0) {
        return;
    }
    struct group g = l->writing;
    l->writing = l->filling;
    l->filling = g;
    l->todo = mem_rearray(l->todo, l->target_count + 1, sizeof(struct target *));
    l->todo_count = 0;
    for (uint32_t cursor = 0; (t = map_next(&l->targets, &cursor, NULL)) != NULL;) {
        struct buf empty = t->writing;
        t->writing = t->filling;
        t->filling = empty;
        l->todo[l->todo_count++] = t;
    }
    start_work(l);
}

static void timer_fired(void *owner)
{
    write_next(owner);
}

static struct target *target_of(struct lines *l, struct event *ev, struct failure *f)
{
    struct error why = { .text = "" };
    if (!l->path) {
        return l->standard_output;
    }
    buf_reset(&l->scratch);
    if (event_expand(ev, l->path, &l->scratch, &why) != ERR_OK) {
        failure_set(f, "TASK_PUT", "missing_field", "%s", why.text);
        return NULL;
    }
    if (!pattern_is_constant(l->path) && strstr(buf_cstr(&l->scratch), "..")) {
        failure_set(f, "TASK_PUT", "bad_path", "the path %s leads upwards", buf_cstr(&l->scratch));
        return NULL;
    }
    struct target *t = map_get(&l->targets, buf_slice(&l->scratch));
    if (!t) {
        t = mem_zalloc(sizeof(*t));
        t->path = mem_strdup(buf_cstr(&l->scratch));
        map_put(&l->targets, slice_str(t->path), t);
        l->target_count++;
    }
    return t;
}

static bool write_line(struct lines *l, struct event *ev, struct buf *out, struct failure *f)
{
    static const struct slice message = SLICE_LIT("message");
    struct error why = { .text = "" };
    if (l->cfg->codec == CODEC_MESSAGE) {
        if (!event_append_field(ev, message, out)) {
            failure_set(f, "TASK_PUT", "missing_field", "the event has no field message");
            return false;
        }
    } else if (event_append_document(ev, out, &why) != ERR_OK) {
        failure_set(f, "VALUE_CONVERTER", "json_parse_error", "%s", why.text);
        return false;
    }
    buf_append_byte(out, '\n');
    return true;
}

static void put(struct sink *s, struct event *ev, struct ack ack)
{
    struct lines *l = (struct lines *)s;
    struct failure f;
    struct target *t = target_of(l, ev, &f);
    size_t start = t ? t->filling.len : 0;
    if (!t || !write_line(l, ev, &t->filling, &f)) {
        if (t) {
            t->filling.len = start;
        }
        sink_took(s, 0);
        sink_dead(s, ack, 0, &f);
        return;
    }
    struct group *g = &l->filling;
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 256;
        g->items = mem_rearray(g->items, g->cap, sizeof(*g->items));
    }
    size_t bytes = t->filling.len - start;
    g->items[g->count++] = (struct group_item){ .ack = ack, .bytes = bytes };
    g->bytes += bytes;
    sink_took(s, bytes);
    if (l->busy || l->writing.count > 0) {
        return; /* done() or the retry goes on */
    }
    if (g->bytes >= GROUP_BYTES_MAX) {
        timer_arm_in(s->world.env, &l->timer, 0);
    } else if (!timer_is_armed(&l->timer)) {
        timer_arm_in(s->world.env, &l->timer, (uint64_t)l->cfg->linger_ms * NS_PER_MS);
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static enum err file_init(struct node *n, struct arena *arena, struct error *err)
{
    const struct file_config *c = n->config;
    struct pattern *path = arena_alloc(arena, sizeof(*path));
    struct error why = { .text = "" };
    if (!path) {
        return err_set(err, ERR_LIMIT, "the configuration is too large");
    }
    if (pattern_compile(c->path, arena, path, &why) != ERR_OK) {
        const struct yaml_node *at = yaml_get(n->at, "path");
        return yaml_error(at ? at : n->at, err, "node %s: path: %s", n->name, why.text);
    }
    n->state = path;
    return ERR_OK;
}

static struct lines *lines_new(struct node *n, const struct sink_env *world)
{
    struct lines *l = mem_zalloc(sizeof(*l));
    sink_init(&l->sink, n, world);
    l->cfg = n->config;
    l->vfs = vfs_posix();
    l->timer.fire = timer_fired;
    l->timer.owner = l;
    return l;
}

static enum err file_open(struct node *n, const struct sink_env *world, struct sink **ret_sink,
                          struct error *err)
{
    const struct file_config *c = n->config;
    struct lines *l = lines_new(n, world);
    l->path = n->state;
    l->sync = c->sync;
    *ret_sink = &l->sink;
    return ERR_OK;
}

static enum err stdout_open(struct node *n, const struct sink_env *world, struct sink **ret_sink,
                            struct error *err)
{
    static const struct slice key = SLICE_LIT("-");
    struct lines *l = lines_new(n, world);
    l->standard_output = mem_zalloc(sizeof(*l->standard_output));
    map_put(&l->targets, key, l->standard_output);
    l->target_count = 1;
    *ret_sink = &l->sink;
    return ERR_OK;
}

static void flush(struct sink *s)
{
    struct lines *l = (struct lines *)s;
    if (!l->busy && l->writing.count == 0 && l->filling.count > 0) {
        timer_cancel(s->world.env, &l->timer);
        write_next(l);
    }
}

static void free_lines(struct lines *l)
{
    struct target *t;
    for (uint32_t cursor = 0; (t = map_next(&l->targets, &cursor, NULL)) != NULL;) {
        if (t->file) {
            l->vfs->ops->close(l->vfs, t->file);
        }
        buf_deinit(&t->filling);
        buf_deinit(&t->writing);
        mem_free(t->path);
        mem_free(t);
    }
    map_deinit(&l->targets);
    buf_deinit(&l->scratch);
    mem_free(l->todo);
    mem_free(l->filling.items);
    mem_free(l->writing.items);
    mem_free(l);
}

static void close_sink(struct sink *s)
{
    struct lines *l = (struct lines *)s;
    timer_cancel(s->world.env, &l->timer);
    l->closing = true;
    if (!l->busy) {
        free_lines(l);
    }
}

static const struct sink_ops file_ops = {
    .open = file_open, .put = put, .flush = flush, .close = close_sink
};
static const struct sink_ops stdout_ops = {
    .open = stdout_open, .put = put, .flush = flush, .close = close_sink
};

const struct node_type node_file = {
    .name = "file",
    .role = NODE_SINK,
    .about = "Appends events to files.",
    .table = &file_table,
    .init = file_init,
    .sink = &file_ops,
};

const struct node_type node_stdout = {
    .name = "stdout",
    .role = NODE_SINK,
    .about = "Writes events to standard output.",
    .table = &stdout_table,
    .sink = &stdout_ops,
};
