/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harvester.c - reads one file: bytes to lines to events to the output. Driven by the agent's pump,
 * a buffer at a time, so that all files get their turn.
 *
 * Nothing is kept per file but positions: an incomplete line is read again when there is more of
 * it, unless it is longer than half a buffer.
 *
 * Invariants:
 * I1. No line leaves before its file's registry entry is durable (so event.id survives any crash).
 * I2. The bytes before the position are compared at every read: content that was replaced under us
 * is
 *     noticed however large the file has become.
 * I3. tracker.committed never passes a line that is held back by a parser, stashed or in flight.
 * I4. Events of a file reach the output in the order of their ends; what the output refuses is
 * stashed,
 *     and nothing is read until the stash is empty.
 * I5. An event that is sent again has a @timestamp in the UTC hour of the first time, unless the
 * line
 *     tells its own: the hours are recorded by offset, durably, before their events leave
 *     (tail/hours.c).
 */
#include "agent/input/filestream.h"

#include "protocol/base/alloc.h"

enum { RETRY_S = 5, LINE_BYTES_MAX_REREAD = READ_BYTES / 2 };

static uint64_t position_of(const struct file *f)
{
    return f->line_pos + lines_pending_bytes(&f->lines);
}

uint64_t file_lag_bytes(const struct file *f)
{
    uint64_t done = f->entry ? f->tracker.committed : 0;
    return f->size_bytes > done ? f->size_bytes - done : 0;
}

bool file_is_settled(const struct file *f)
{
    return f->tracker.outstanding == 0 && f->stash_count == 0;
}

void file_wake(struct file *f)
{
    struct input_context *ctx = f->input->ctx;
    if (!f->ready && !f->input->stopped) {
        f->ready = true;
        list_push_back(&ctx->ready, &f->ready_node);
        ctx->wake(ctx->owner);
    }
}

/* --- opening and closing ---------------------------------------------------------------------- */

static void wait_for_descriptor(struct file *f)
{
    if (!f->waiting) {
        f->waiting = true;
        list_push_back(&f->input->waiting, &f->waiting_node);
        f->input->ctx->metrics->files_waiting++;
    }
}

enum err file_open(struct file *f)
{
    struct filestream *fs = f->input;
    struct input_context *ctx = fs->ctx;
    if (f->fd >= 0) {
        return ERR_OK;
    }
    if ((fs->cfg.harvester_limit && fs->open_count >= fs->cfg.harvester_limit) ||
        (ctx->open_max && ctx->metrics->files_open >= ctx->open_max)) {
        wait_for_descriptor(f);
        return ERR_LIMIT;
    }
    int fd;
    struct file_info info;
    enum err rc = ctx->files->ops->open(ctx->files, f->path, &fd);
    if (rc == ERR_LIMIT) {
        wait_for_descriptor(f);
        return rc;
    }
    if (rc) {
        if (rc != ERR_NOT_FOUND) {
            ctx->metrics->read_errors++;
            log_warn(&fs->log, "a file cannot be opened", KV_STR("path", f->path),
                     KV_STR("error", err_text(rc)));
        }
        return rc;
    }
    rc = ctx->files->ops->fstat(ctx->files, fd, &info);
    if (rc || !file_place_eq(&info.place, &f->place)) {
        ctx->files->ops->close(ctx->files, fd); /* the name belongs to another file by now */
        return rc ? rc : ERR_NOT_FOUND;
    }
    f->fd = fd;
    f->size_bytes = info.size_bytes;
    f->mtime_ns = info.mtime_ns;
    fs->open_count++;
    ctx->metrics->files_opened++;
    ctx->metrics->files_open++;
    log_debug(&fs->log, "file opened", KV_STR("path", f->path), KV_UINT("offset", position_of(f)));
    return ERR_OK;
}

void file_close(struct file *f, const char *reason)
{
    struct filestream *fs = f->input;
    struct input_context *ctx = fs->ctx;
    if (f->fd < 0) {
        return;
    }
    if (f->entry && f->entry->dirty) {
        file_update_mark(f);
    }
    ctx->files->ops->close(ctx->files, f->fd);
    f->fd = -1;
    fs->open_count--;
    ctx->metrics->files_closed++;
    ctx->metrics->files_open--;
    log_info(&fs->log, "file closed", KV_STR("path", f->path), KV_STR("reason", reason),
             KV_UINT("offset", position_of(f)));
    filestream_admit_waiting(fs);
}

void file_seek(struct file *f, uint64_t offset, uint64_t tail_hash, uint16_t tail_len)
{
    lines_reset(&f->lines);
    f->line_pos = offset;
    f->tail_hash = tail_hash;
    f->tail_len = tail_len;
    f->eof = false;
}

/* --- out -------------------------------------------------------------------------------------- */

void file_begin_hour(struct file *f, uint64_t start)
{
    struct input_context *ctx = f->input->ctx;
    struct registry_entry *e = f->entry;
    struct hours_event h = { start, f->unsent_from, e->mark.offset, env_wall_ms(ctx->env) };
    hours_begin(&e->hours, &h);
    registry_demand(ctx->registry, e);
}

/* ERR_AGAIN: the registry must get to know the hour first. */
static enum err choose_time(struct file *f, const struct tail_event *ev, int64_t *ret_ms)
{
    const struct registry_entry *e = f->entry;
    struct input_context *ctx = f->input->ctx;
    struct hours_event h = { ev->start, f->unsent_from, e->mark.offset, env_wall_ms(ctx->env) };
    if (!registry_is_durable(ctx->registry, e)) {
        return ERR_AGAIN;
    }
    if (ev->time_ms && !e->hours.closed) {
        *ret_ms = ev->time_ms;
        return ERR_OK;
    }
    if (!hours_stamp(&e->hours, &h, ret_ms)) {
        if (registry_get_stats(ctx->registry).failing && e->hours.count > 0 && !e->hours.closed) {
            *ret_ms = hours_hold(&e->hours, &h); /* a full disk shall not hold lines back */
            return ERR_OK;
        }
        file_begin_hour(f, ev->start);
        return ERR_AGAIN;
    }
    return ERR_OK;
}

/* ERR_OK: taken, or left out for good. */
static enum err try_ship(struct file *f, const struct tail_event *ev)
{
    struct filestream *fs = f->input;
    struct input_context *ctx = fs->ctx;
    struct agent_metrics *m = ctx->metrics;
    struct encoder_source source = { slice_str(f->path), f->place.ino, f->place.dev,
                                     f->entry->id_text };
    struct encoded out;
    int64_t time_ms;
    enum err rc = choose_time(f, ev, &time_ms);
    if (rc) {
        return rc;
    }
    rc = encoder_encode(fs->encoder, &source, ev, time_ms, &out);
    if (rc == ERR_CANCELED) {
        m->events_filtered++;
        return ERR_OK;
    }
    if (rc) {
        m->dropped_no_topic += rc == ERR_NOT_FOUND;
        m->dropped_too_large += rc != ERR_NOT_FOUND;
        log_error(&fs->log,
                  rc == ERR_NOT_FOUND ? "an event was dropped: no topic could be chosen"
                                      : "an event was dropped: too large without its message",
                  KV_STR("path", f->path), KV_UINT("offset", ev->start));
        return ERR_OK;
    }
    uint64_t low = f->parse ? parse_low(f->parse) : UINT64_MAX;
    uint32_t hash;
    memcpy(&hash, f->entry->id.bytes, sizeof(hash));
    struct out_event e = {
        .route = out.route,
        .tracker = &f->tracker,
        .source_hash = hash,
        .key = out.key,
        .value = out.value,
        .time_ms = out.time_ms,
        .position = ev->end < low ? ev->end : low,
    };
    rc = ctx->output->ops->append(ctx->output, &e);
    if (rc == ERR_AGAIN || rc == ERR_NOT_FOUND) {
        return rc;
    }
    f->unsent_from = ev->start < f->unsent_from ? f->unsent_from : ev->start + 1;
    m->events_truncated += out.cut || (ev->flags & LINE_TRUNCATED);
    if (rc) {
        m->dropped_too_large++;
        log_error(&fs->log, "an event was dropped: the output never takes it",
                  KV_STR("path", f->path), KV_UINT("offset", ev->start),
                  KV_STR("error", err_text(rc)));
    } else {
        m->events_sent++;
    }
    return ERR_OK;
}

static void stash(struct file *f, const struct tail_event *ev)
{
    if (f->stash_count == f->stash_cap) {
        f->stash_cap = f->stash_cap ? 2 * f->stash_cap : 2;
        f->stash = mem_rearray(f->stash, f->stash_cap, sizeof(*f->stash));
    }
    struct stashed *s = &f->stash[f->stash_count++];
    *s = (struct stashed){ f->stash_text.len, ev->text.len, *ev };
    buf_append_slice(&f->stash_text, ev->text);
}

static void emit(void *ctx, const struct tail_event *ev)
{
    struct file *f = ctx;
    if (!parse_wants(&f->input->cfg.parse, ev->text)) {
        f->input->ctx->metrics->events_filtered++;
        return;
    }
    if (f->stash_count > 0 || try_ship(f, ev)) {
        stash(f, ev);
    }
}

static void drop_stash(struct file *f)
{
    f->stash_count = 0;
    if (f->stash_text.cap > 64 << 10) {
        buf_deinit(&f->stash_text);
    }
    buf_reset(&f->stash_text);
}

/* ERR_OK when the stash is empty. */
static enum err ship_stash(struct file *f)
{
    size_t done = 0;
    enum err rc = ERR_OK;
    for (; done < f->stash_count; done++) {
        struct stashed *s = &f->stash[done];
        s->event.text = slice_of(f->stash_text.ptr + s->text_at, s->text_len);
        rc = try_ship(f, &s->event);
        if (rc) {
            break;
        }
    }
    if (done == f->stash_count) {
        drop_stash(f);
        return ERR_OK;
    }
    memmove(f->stash, f->stash + done, (f->stash_count - done) * sizeof(*f->stash));
    f->stash_count -= done;
    return rc;
}

/* --- acknowledgements ------------------------------------------------------------------------- */

/* With nothing in flight everything before the line being read is done with, sent or not wanted. */
static void settle(struct file *f)
{
    if (!file_is_settled(f) || f->tracker.frozen || !f->entry) {
        return;
    }
    uint64_t low = f->parse ? parse_low(f->parse) : UINT64_MAX;
    uint64_t safe = f->line_pos < low ? f->line_pos : low;
    if (f->tracker.committed != safe) {
        f->tracker.committed = safe;
        registry_touch(f->input->ctx->registry, f->entry);
    }
}

/* A file that is read and acknowledged to its end does not keep a descriptor that others need. */
static void close_at_end(struct file *f)
{
    if (f->eof && file_is_settled(f) && f->state == FILE_ACTIVE) {
        if (f->input->cfg.close_eof) {
            file_close(f, "eof");
        } else if (!list_is_empty(&f->input->waiting)) {
            file_close(f, "others wait");
        }
    }
}

static void acked(struct tracker *t)
{
    struct file *f = container_of(t, struct file, tracker);
    if (f->entry) {
        registry_touch(f->input->ctx->registry, f->entry);
    }
    if (t->outstanding > 0) {
        return;
    }
    if (t->frozen) {
        timer_arm_in(f->input->ctx->env, &f->timer, (uint64_t)RETRY_S * NS_PER_S);
        return;
    }
    settle(f);
    if (f->state == FILE_ENDING) {
        file_wake(f);
    } else {
        close_at_end(f);
    }
}

/* Reads from committed on again: the output gave lines back. */
static bool rewind_file(struct file *f)
{
    struct input_context *ctx = f->input->ctx;
    uint8_t tail[IDENTITY_TAIL_BYTES];
    uint64_t offset = f->tracker.committed;
    size_t len = offset < sizeof(tail) ? (size_t)offset : sizeof(tail), got = 0;
    if (file_open(f) || ctx->files->ops->pread(ctx->files, f->fd, tail, len, offset - len, &got) ||
        got < len) {
        return false;
    }
    if (f->parse) {
        parse_reset(f->parse);
    }
    drop_stash(f);
    file_seek(f, offset, identity_hash(slice_of(tail, len)), (uint16_t)len);
    tracker_thaw(&f->tracker);
    ctx->metrics->rewinds++;
    return true;
}

static void timer_fired(void *owner)
{
    struct file *f = owner;
    if (f->tracker.frozen) {
        if (!rewind_file(f)) {
            timer_arm_in(f->input->ctx->env, &f->timer, (uint64_t)RETRY_S * NS_PER_S);
            return;
        }
        file_wake(f);
        return;
    }
    if (f->parse && f->entry && !f->undurable) {
        parse_flush(f->parse, emit, f);
        settle(f);
        if (f->stash_count > 0) {
            file_wake(f);
        }
    }
}

void file_update_mark(struct file *f)
{
    struct input_context *ctx = f->input->ctx;
    struct registry_entry *e = f->entry;
    uint64_t pos = position_of(f);
    uint64_t offset = f->tracker.committed < pos ? f->tracker.committed : pos;
    uint8_t tail[IDENTITY_TAIL_BYTES], now[IDENTITY_TAIL_BYTES], prefix[IDENTITY_PREFIX_BYTES];
    struct file_mark mark = e->mark;
    size_t got = 0;
    bool touched = false;
    e->seen_ms = env_wall_ms(ctx->env);
    e->mtime_ns = f->mtime_ns;
    e->size_bytes = f->size_bytes;
    mark.offset = offset;
    if (offset == pos) {
        mark.tail_len = f->tail_len;
        mark.tail_hash = f->tail_hash;
    } else if (offset != e->mark.offset) {
        size_t len = offset < sizeof(tail) ? (size_t)offset : sizeof(tail);
        if (f->fd < 0 || ctx->files->ops->pread(ctx->files, f->fd, tail, len, offset - len, &got) ||
            got < len) {
            return;
        }
        mark.tail_len = (uint16_t)len;
        mark.tail_hash = identity_hash(slice_of(tail, len));
        touched = true;
    }
    if (mark.prefix_len < IDENTITY_PREFIX_BYTES && offset > mark.prefix_len && f->fd >= 0) {
        size_t len = offset < sizeof(prefix) ? (size_t)offset : sizeof(prefix);
        if (ctx->files->ops->pread(ctx->files, f->fd, prefix, len, 0, &got) || got < len ||
            identity_hash(slice_of(prefix, mark.prefix_len)) != mark.prefix_hash) {
            return;
        }
        mark.prefix_len = (uint16_t)len;
        mark.prefix_hash = identity_hash(slice_of(prefix, len));
        touched = true;
    }
    /* What was read counts only if the content is still the one that was shipped. */
    if (touched &&
        (ctx->files->ops->pread(ctx->files, f->fd, now, f->tail_len, pos - f->tail_len, &got) ||
         got < f->tail_len || identity_hash(slice_of(now, got)) != f->tail_hash)) {
        return;
    }
    e->mark = mark;
}

/* --- in --------------------------------------------------------------------------------------- */

/* Lines of the bytes, until they end or the output has enough. Returns what is left of them. */
static struct slice take_lines(struct file *f, struct slice bytes)
{
    struct agent_metrics *m = f->input->ctx->metrics;
    const struct parse_config *cfg = &f->input->cfg.parse;
    struct line line;
    while (f->stash_count == 0 && lines_next(&f->lines, &bytes, &line)) {
        struct tail_event ev = { line.text, f->line_pos, f->line_pos + line.size_bytes, line.flags,
                                 0 };
        m->lines_read++;
        m->bytes_read += line.size_bytes;
        if (f->parse) {
            parse_line(f->parse, cfg, &ev, emit, f);
        } else {
            emit(f, &ev);
        }
        f->line_pos = ev.end;
    }
    return bytes;
}

static enum turn read_some(struct file *f)
{
    struct input_context *ctx = f->input->ctx;
    uint64_t pos = position_of(f), from = pos - f->tail_len;
    size_t want = READ_BYTES + f->tail_len, got = 0;
    enum err rc = ctx->files->ops->pread(ctx->files, f->fd, ctx->read_buf, want, from, &got);
    if (rc) {
        ctx->metrics->read_errors++;
        log_warn(&f->input->log, "a file cannot be read", KV_STR("path", f->path),
                 KV_STR("error", err_text(rc)));
        return TURN_IDLE;
    }
    if (got < f->tail_len || identity_hash(slice_of(ctx->read_buf, f->tail_len)) != f->tail_hash) {
        if (f->state == FILE_ACTIVE) {
            filestream_truncated(f);
        }
        return TURN_IDLE;
    }
    struct slice bytes = slice_of(ctx->read_buf + f->tail_len, got - f->tail_len);
    struct slice rest = take_lines(f, bytes);
    if (f->stash_count == 0 && rest.len >= LINE_BYTES_MAX_REREAD) {
        lines_collect(&f->lines, rest);
        rest = slice_of(rest.ptr, 0);
    }
    uint64_t now = position_of(f);
    if (now != pos) {
        size_t at = (size_t)(now - from);
        f->tail_len = (uint16_t)(now < IDENTITY_TAIL_BYTES ? now : IDENTITY_TAIL_BYTES);
        f->tail_hash = identity_hash(slice_of(ctx->read_buf + at - f->tail_len, f->tail_len));
        f->active_ns = env_mono_ns(ctx->env);
    }
    f->eof = got < want && f->stash_count == 0;
    if (from + got > f->size_bytes || got < want) {
        f->size_bytes = from + got;
    }
    return f->stash_count > 0 ? TURN_BLOCKED : f->eof ? TURN_IDLE : TURN_MORE;
}

static enum turn wait_durable(struct file *f)
{
    f->undurable = true;
    registry_flush(f->input->ctx->registry);
    return TURN_IDLE;
}

/* Why the stash is not empty. */
static enum turn blocked_turn(struct file *f, enum err rc)
{
    if (!registry_is_durable(f->input->ctx->registry, f->entry)) {
        return wait_durable(f);
    }
    return rc == ERR_NOT_FOUND ? TURN_PARKED : TURN_BLOCKED;
}

/* Everything of a file that will not grow is out: forget it. */
static enum turn end_turn(struct file *f)
{
    if (file_is_settled(f) && !f->tracker.frozen) {
        filestream_forget(f, "done");
    }
    return TURN_IDLE;
}

enum turn file_turn(struct file *f)
{
    struct input_context *ctx = f->input->ctx;
    if (!f->entry || f->tracker.frozen) {
        return TURN_IDLE;
    }
    if (!registry_is_durable(ctx->registry, f->entry)) {
        return wait_durable(f);
    }
    if (f->stash_count > 0) {
        enum err rc = ship_stash(f);
        if (rc) {
            return blocked_turn(f, rc);
        }
        settle(f);
    }
    if (f->state == FILE_ENDING) {
        return end_turn(f);
    }
    if (file_open(f)) {
        return TURN_IDLE;
    }
    enum turn t = read_some(f);
    if (t == TURN_IDLE && !f->eof) {
        return t; /* truncated (f may be gone) or unreadable */
    }
    settle(f);
    if (f->parse && parse_multiline_pending(f->parse)) {
        timer_arm_in(ctx->env, &f->timer, f->input->cfg.parse.timeout_ns);
    }
    if (t == TURN_BLOCKED) {
        enum err rc = ship_stash(f);
        return rc ? blocked_turn(f, rc) : TURN_MORE;
    }
    close_at_end(f);
    return t;
}

void file_finish(struct file *f)
{
    struct line line;
    if (!f->entry) {
        return;
    }
    if (lines_finish(&f->lines, &line)) {
        struct tail_event ev = { line.text, f->line_pos, f->line_pos + line.size_bytes, line.flags,
                                 0 };
        if (f->parse) {
            parse_line(f->parse, &f->input->cfg.parse, &ev, emit, f);
        } else {
            emit(f, &ev);
        }
        f->line_pos = ev.end;
        lines_reset(&f->lines);
    }
    if (f->parse) {
        parse_flush(f->parse, emit, f);
    }
    settle(f);
}

void file_init_harvest(struct file *f)
{
    f->fd = -1;
    f->lines.max_bytes = f->input->cfg.message_max_bytes;
    f->active_ns = env_mono_ns(f->input->ctx->env);
    f->timer.fire = timer_fired;
    f->timer.owner = f;
    tracker_init(&f->tracker, 0, acked);
    if (parse_config_is_stateful(&f->input->cfg.parse)) {
        f->parse = mem_zalloc(sizeof(*f->parse));
    }
}

void file_deinit_harvest(struct file *f)
{
    timer_cancel(f->input->ctx->env, &f->timer);
    if (f->ready) {
        list_remove(&f->ready_node);
    }
    if (f->waiting) {
        list_remove(&f->waiting_node);
        f->input->ctx->metrics->files_waiting--;
    }
    lines_deinit(&f->lines);
    if (f->parse) {
        parse_deinit(f->parse);
        mem_free(f->parse);
    }
    buf_deinit(&f->stash_text);
    mem_free(f->stash);
    f->tracker.outstanding = 0;
    tracker_deinit(&f->tracker);
}
