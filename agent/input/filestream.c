/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filestream.c - which files an input has: scans, hints, names, places, the registry's entries.
 * Driven by agent.c. Reading them is harvester.c, copies are rotation.c.
 *
 * Invariants:
 * I1. The scan is the truth; hints only make it faster.
 * I2. Only scans without any failure count a file as missing, and only the third one in a row
 * forgets
 *     it: a directory that is being renamed in may hide a name from one scan.
 * I3. A scan looks at all known files first, then at those that have entries, then at unknown ones:
 * a
 *     truncation is known before the copy it explains.
 * I4. by_place and by_path point to at most one file a key, the newest.
 */
#include "agent/input/filestream.h"

#include "protocol/base/alloc.h"

#include <stdlib.h>

enum { MISSED_SCANS = 3, RESCAN_MS = 50 };

static struct slice place_key(const struct file_place *place)
{
    return slice_of(place, 2 * sizeof(uint64_t)); /* dev, ino; births are compared after */
}

/* --- names and places ------------------------------------------------------------------------- */

void filestream_set_path(struct file *f, const char *path)
{
    struct filestream *fs = f->input;
    if (f->path && strcmp(f->path, path) == 0) {
        map_put(&fs->by_path, slice_str(path), f);
        return;
    }
    char *copy = mem_strdup(path);
    if (f->path && map_get(&fs->by_path, slice_str(f->path)) == f) {
        map_remove(&fs->by_path, slice_str(f->path));
    }
    mem_free(f->path);
    f->path = copy;
    map_put(&fs->by_path, slice_str(copy), f);
    if (f->entry) {
        registry_set_path(f->entry, copy);
        registry_touch(fs->ctx->registry, f->entry);
    }
}

void filestream_rekey(struct file *f, const struct file_place *place)
{
    struct filestream *fs = f->input;
    if (map_get(&fs->by_place, place_key(&f->place)) == f) {
        map_remove(&fs->by_place, place_key(&f->place));
    }
    if (!place) {
        if (map_get(&fs->by_path, slice_str(f->path)) == f) {
            map_remove(&fs->by_path, slice_str(f->path));
        }
        return;
    }
    f->place = *place;
    map_put(&fs->by_place, place_key(place), f);
}

struct file *filestream_new_file(struct filestream *fs, const char *path,
                                 const struct file_info *info)
{
    struct file *f = mem_zalloc(sizeof(*f));
    f->input = fs;
    f->place = info->place;
    f->size_bytes = info->size_bytes;
    f->mtime_ns = info->mtime_ns;
    f->seen_scan = fs->scan_no;
    file_init_harvest(f);
    list_push_back(&fs->files, &f->node);
    map_put(&fs->by_place, place_key(&f->place), f);
    filestream_set_path(f, path);
    fs->ctx->metrics->files++;
    return f;
}

static void free_file(struct file *f)
{
    struct filestream *fs = f->input;
    for (size_t i = 0; i < fs->deferred_count; i++) {
        if (fs->deferred[i] == f) {
            fs->deferred[i] = NULL;
        }
    }
    filestream_rekey(f, NULL);
    list_remove(&f->node);
    file_deinit_harvest(f);
    mem_free(f->path);
    mem_free(f);
    fs->ctx->metrics->files--;
}

void filestream_forget(struct file *f, const char *reason)
{
    struct filestream *fs = f->input;
    struct registry_entry *e = f->entry;
    file_close(f, reason);
    f->entry = NULL;
    if (e) {
        e->owner = NULL;
        registry_remove(fs->ctx->registry, e);
    }
    free_file(f);
}

void filestream_attach(struct file *f, struct registry_entry *e)
{
    f->entry = e;
    e->owner = f;
    f->state = FILE_ACTIVE;
    f->tracker.committed = e->mark.offset;
    /* Another run may have sent all that was there, unless it stopped in order. */
    f->unsent_from = e->hours.closed ? e->mark.offset : f->size_bytes;
    file_seek(f, e->mark.offset, e->mark.tail_hash, e->mark.tail_len);
    if (strcmp(e->path, f->path) != 0) {
        registry_set_path(e, f->path);
        registry_touch(f->input->ctx->registry, e);
    }
    if (f->size_bytes != e->mark.offset) {
        file_wake(f);
    }
}

void filestream_admit_waiting(struct filestream *fs)
{
    struct list_node *node = list_pop_front(&fs->waiting);
    if (node) {
        struct file *f = list_entry(node, struct file, waiting_node);
        f->waiting = false;
        fs->ctx->metrics->files_waiting--;
        file_wake(f);
    }
}

bool filestream_wants_path(const struct filestream *fs, const char *path)
{
    const struct filestream_config *cfg = &fs->cfg;
    return discover_matches(&fs->discover, path) &&
           !(cfg->exclude_files.count && regex_set_matches(&cfg->exclude_files, slice_str(path))) &&
           (!cfg->include_files.count || regex_set_matches(&cfg->include_files, slice_str(path)));
}

/* --- new files -------------------------------------------------------------------------------- */

static bool is_too_old(const struct filestream *fs, int64_t mtime_ns, int64_t limit_ns)
{
    int64_t now_ms = env_wall_ms(fs->ctx->env);
    return limit_ns > 0 && mtime_ns / NS_PER_MS < now_ms - limit_ns / NS_PER_MS;
}

/* A file without an entry has something in it: give it one. f may be gone afterwards. */
void filestream_begin(struct file *f)
{
    struct filestream *fs = f->input;
    struct files *files = fs->ctx->files;
    if (f->size_bytes == 0 || is_too_old(fs, f->mtime_ns, (int64_t)fs->cfg.ignore_older_ns)) {
        return;
    }
    if (filestream_adopt_copy(f)) {
        return;
    }
    struct registry_entry *e = registry_add(fs->ctx->registry, fs->cfg.id, f->path, &f->place);
    uint8_t prefix[IDENTITY_PREFIX_BYTES];
    size_t got = 0;
    if (file_open(f) == ERR_OK &&
        files->ops->pread(files, f->fd, prefix, sizeof(prefix), 0, &got) == ERR_OK) {
        e->mark.prefix_len = (uint16_t)got;
        e->mark.prefix_hash = identity_hash(slice_of(prefix, got));
    }
    e->seen_ms = env_wall_ms(fs->ctx->env);
    e->mtime_ns = f->mtime_ns;
    log_info(&fs->log, "new file", KV_STR("path", f->path), KV_UINT("inode", f->place.ino),
             KV_SLICE("id", slice_of(e->id_text, sizeof(e->id_text))),
             KV_UINT("size", f->size_bytes));
    filestream_attach(f, e);
    f->unsent_from = 0;
    file_begin_hour(f, 0);
    file_wake(f);
}

static int compare_claims(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    if (x->dev != y->dev) {
        return x->dev < y->dev ? -1 : 1;
    }
    return x->ino == y->ino ? 0 : x->ino < y->ino ? -1 : 1;
}

static enum identity_verdict judge_entry(struct file *f, const struct registry_entry *e,
                                         enum err *ret_rc)
{
    struct files *files = f->input->ctx->files;
    if (!file_place_eq(&e->place, &f->place)) {
        return IDENTITY_REUSED;
    }
    if (e->mtime_ns == f->mtime_ns && e->size_bytes == f->size_bytes &&
        e->mark.offset == f->size_bytes && e->place.btime_ns != 0) {
        return IDENTITY_SAME; /* untouched since: not even opened */
    }
    uint8_t prefix_buf[IDENTITY_PREFIX_BYTES], tail_buf[IDENTITY_TAIL_BYTES];
    struct slice prefix, tail;
    *ret_rc = file_open(f);
    if (!*ret_rc) {
        *ret_rc = rotation_read(files, f->fd, &e->mark, prefix_buf, tail_buf, &prefix, &tail);
    }
    return *ret_rc ? IDENTITY_SAME
                   : identity_judge(&e->place, &e->mark, &f->place, f->size_bytes, prefix, tail);
}

static void add_orphan(struct filestream *fs, struct registry_entry *e)
{
    fs->ctx->metrics->files_truncated++;
    log_info(&fs->log, "a file began anew while nobody looked", KV_STR("path", e->path),
             KV_UINT("offset", e->mark.offset));
    fs->orphans = mem_rearray(fs->orphans, fs->orphan_count + 1, sizeof(struct registry_entry *));
    fs->orphans[fs->orphan_count++] = e;
}

/* Finds the entry of an earlier run that this file is, the newest first. False: the file cannot be
 * looked at now, and was dropped until the next scan. */
static bool claim_entry(struct file *f)
{
    struct filestream *fs = f->input;
    struct claim key = { f->place.dev, f->place.ino, NULL };
    size_t low = 0, high = fs->claim_count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_claims(&fs->claims[mid], &key) <= 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    for (size_t i = low; i-- > 0 && compare_claims(&fs->claims[i], &key) == 0;) {
        struct registry_entry *e = fs->claims[i].entry;
        enum err rc = ERR_OK;
        if (!e) {
            continue;
        }
        enum identity_verdict verdict = judge_entry(f, e, &rc);
        if (rc) {
            free_file(f);
            return false;
        }
        fs->claims[i].entry = NULL;
        if (verdict == IDENTITY_REUSED) {
            fs->ctx->metrics->files_reused++;
            registry_remove(fs->ctx->registry, e);
        } else if (verdict == IDENTITY_TRUNCATED || f->entry) {
            add_orphan(fs, e);
        } else {
            filestream_attach(f, e);
        }
    }
    if (f->entry && f->fd >= 0 && f->size_bytes == f->entry->mark.offset &&
        is_too_old(fs, f->mtime_ns, (int64_t)fs->cfg.close_inactive_ns)) {
        file_close(f, "inactive");
    }
    return true;
}

/* --- what a scan finds ------------------------------------------------------------------------ */

static void defer(struct filestream *fs, struct file *f)
{
    if (fs->deferred_count == fs->deferred_cap) {
        fs->deferred_cap = fs->deferred_cap ? 2 * fs->deferred_cap : 64;
        fs->deferred = mem_rearray(fs->deferred, fs->deferred_cap, sizeof(struct file *));
    }
    fs->deferred[fs->deferred_count++] = f;
}

/* The path leads to a file that is known. */
static void known_file(struct file *f, const char *path, const struct file_info *info)
{
    struct filestream *fs = f->input;
    bool again = f->seen_scan == fs->scan_no;
    f->seen_scan = fs->scan_no;
    f->missed_scans = 0;
    if (strcmp(f->path, path) != 0 && !again) {
        log_info(&fs->log, "file renamed", KV_STR("from", f->path), KV_STR("to", path));
        fs->ctx->metrics->files_renamed++;
        f->renamed = true;
        filestream_set_path(f, path);
    } else if (map_get(&fs->by_path, slice_str(path)) != f && strcmp(f->path, path) == 0) {
        filestream_set_path(f, path);
    }
    uint64_t pos = f->line_pos + lines_pending_bytes(&f->lines);
    bool moved = f->mtime_ns != info->mtime_ns || f->size_bytes != info->size_bytes;
    f->mtime_ns = info->mtime_ns;
    f->size_bytes = info->size_bytes;
    if (f->state == FILE_NEW || f->state == FILE_HELD) {
        f->state = FILE_NEW;
        defer(fs, f);
    } else if (moved || info->size_bytes != pos) {
        file_wake(f);
    } else if (f->fd >= 0 && f->eof && file_is_settled(f) &&
               (env_mono_ns(fs->ctx->env) - f->active_ns > fs->cfg.close_inactive_ns ||
                (f->renamed && fs->cfg.close_renamed))) {
        file_close(f, f->renamed && fs->cfg.close_renamed ? "renamed" : "inactive");
    }
}

static void watch_link(const struct filestream *fs, const char *path)
{
    struct files *files = fs->ctx->files;
    struct notify *n = fs->ctx->notify;
    struct file_info info;
    if (n && fs->cfg.symlinks && files->ops->stat(files, path, false, &info) == ERR_OK &&
        info.kind == FILE_KIND_SYMLINK && n->ops->add_link(n, path)) {
        log_warn(&fs->log, "what a link leads to cannot be watched, the scan finds its changes",
                 KV_STR("path", path));
    }
}

static void found(void *ctx, const char *path, const struct file_info *info)
{
    struct filestream *fs = ctx;
    if (!filestream_wants_path(fs, path)) {
        return;
    }
    struct file *f = map_get(&fs->by_place, place_key(&info->place));
    if (f && !file_place_eq(&f->place, &info->place)) {
        fs->ctx->metrics->files_reused++;
        log_info(&fs->log, "inode reused", KV_STR("path", path), KV_UINT("inode", info->place.ino));
        filestream_rekey(f, NULL);
        f->state = FILE_ENDING;
        file_wake(f);
        f = NULL;
    }
    if (f) {
        known_file(f, path, info);
    } else {
        watch_link(fs, path);
        defer(fs, filestream_new_file(fs, path, info));
    }
}

static void look_at_deferred(struct filestream *fs)
{
    for (size_t i = 0; fs->claim_count > 0 && i < fs->deferred_count; i++) {
        if (fs->deferred[i] && !fs->deferred[i]->entry) {
            (void)claim_entry(fs->deferred[i]);
        }
    }
    for (size_t i = 0; i < fs->deferred_count; i++) {
        struct file *f = fs->deferred[i];
        if (f && !f->entry) {
            filestream_begin(f);
        }
    }
    fs->deferred_count = 0;
    while (fs->orphan_count > 0) {
        registry_remove(fs->ctx->registry, fs->orphans[--fs->orphan_count]);
    }
}

/* Not found by a scan that saw everything. */
static void file_missing(struct file *f)
{
    struct filestream *fs = f->input;
    struct files *files = fs->ctx->files;
    struct file_info info;
    f->missed_scans++;
    if (f->state == FILE_ENDING) {
        file_wake(f);
        return;
    }
    if (!f->entry || f->fd < 0) {
        if (f->missed_scans >= MISSED_SCANS && file_is_settled(f) &&
            (!f->entry || fs->cfg.clean_removed)) {
            filestream_forget(f, "removed");
        }
        return;
    }
    if (files->ops->fstat(files, f->fd, &info)) {
        return;
    }
    uint64_t pos = f->line_pos + lines_pending_bytes(&f->lines);
    f->size_bytes = info.size_bytes;
    bool idle = env_mono_ns(fs->ctx->env) - f->active_ns > fs->cfg.close_inactive_ns;
    if (!f->eof || !file_is_settled(f) ||
        (info.size_bytes != pos && f->mtime_ns != info.mtime_ns)) {
        f->mtime_ns = info.mtime_ns;
        file_wake(f);
    } else if (f->missed_scans >= MISSED_SCANS &&
               (idle || (info.links == 0 && fs->cfg.close_removed) ||
                !files->ops->may_have_writer(files, f->fd))) {
        file_finish(f);
        f->state = FILE_ENDING;
        file_wake(f);
    }
}

/* Entries that no file was found for, and those too old to keep. */
static void clean_registry(struct filestream *fs)
{
    struct registry *r = fs->ctx->registry;
    for (size_t i = 0; i < fs->claim_count; i++) {
        struct registry_entry *e = fs->claims[i].entry;
        if (e && ((fs->cfg.clean_removed && fs->whole_scans >= MISSED_SCANS) ||
                  is_too_old(fs, e->mtime_ns, fs->cfg.clean_inactive_ns))) {
            registry_remove(r, e);
            fs->claims[i].entry = NULL;
        }
    }
    list_for_each(node, &fs->files) {
        struct file *f = list_entry(node, struct file, node);
        if (f->entry && f->fd < 0 && file_is_settled(f) && f->state == FILE_ACTIVE &&
            f->size_bytes == f->line_pos &&
            is_too_old(fs, f->mtime_ns, fs->cfg.clean_inactive_ns)) {
            filestream_forget(f, "clean_inactive");
        }
    }
}

static void scan_dir(void *ctx, const char *path, bool awaited)
{
    struct filestream *fs = ctx;
    struct notify *n = fs->ctx->notify;
    enum err rc = n ? n->ops->add_dir(n, path, awaited) : ERR_OK;
    if (rc && rc != ERR_NOT_FOUND) {
        log_warn(&fs->log, "a directory cannot be watched, the scan finds what happens in it",
                 KV_STR("path", path), KV_STR("error", err_text(rc)));
    }
}

static void scan_failed(void *ctx, const char *path, enum err why)
{
    struct filestream *fs = ctx;
    fs->scan_errors++;
    fs->ctx->metrics->scan_errors++;
    log_warn(&fs->log, "a scan could not look at everything: no file counts as missing now",
             KV_STR("path", path), KV_STR("error", err_text(why)));
}

void filestream_scan(struct filestream *fs)
{
    static const struct discover_events events = { scan_dir, found, scan_failed };
    if (fs->stopped) {
        return;
    }
    fs->scan_no++;
    fs->scan_errors = 0;
    fs->ctx->metrics->scans++;
    discover_walk(&fs->discover, fs->ctx->files, &events, fs);
    look_at_deferred(fs);
    if (fs->scan_errors == 0) {
        fs->whole_scans++;
        list_for_each(node, &fs->files) {
            struct file *f = list_entry(node, struct file, node);
            if (f->seen_scan != fs->scan_no) {
                file_missing(f);
            }
        }
        clean_registry(fs);
    }
    for (size_t waiting = fs->ctx->metrics->files_waiting;
         waiting > 0 && !list_is_empty(&fs->waiting); waiting--) {
        filestream_admit_waiting(fs);
    }
    timer_arm_in(fs->ctx->env, &fs->scan_timer, fs->cfg.check_interval_ns);
}

static void scan_timer_fired(void *owner)
{
    filestream_scan(owner);
}

/* --- hints ------------------------------------------------------------------------------------ */

/* What comes in a burst is looked at once; what never ends does not put the scan off. */
static void scan_soon(struct filestream *fs)
{
    uint64_t at = env_mono_ns(fs->ctx->env) + (uint64_t)RESCAN_MS * NS_PER_MS;
    fs->ctx->metrics->rescans++;
    if (!timer_is_armed(&fs->scan_timer) || fs->scan_timer.node.key > at) {
        timer_arm(fs->ctx->env, &fs->scan_timer, at);
    }
}

static bool is_dir_on_the_way(const struct filestream *fs, const char *path)
{
    struct files *files = fs->ctx->files;
    struct file_info info;
    return discover_leads_on(&fs->discover, path) &&
           files->ops->stat(files, path, true, &info) == ERR_OK && info.kind == FILE_KIND_DIR;
}

bool filestream_notify(struct filestream *fs, enum notify_kind kind, const char *path)
{
    if (fs->stopped) {
        return false;
    }
    if (kind == NOTIFY_RESCAN || (kind == NOTIFY_APPEARED && is_dir_on_the_way(fs, path))) {
        scan_soon(fs);
        return false;
    }
    struct file *f = map_get(&fs->by_path, slice_str(path));
    if (f && f->state == FILE_ACTIVE && kind == NOTIFY_CHANGED) {
        file_wake(f);
        return true;
    }
    if (kind == NOTIFY_GONE) {
        if (f) {
            file_wake(f);
        }
        return f != NULL;
    }
    struct file_info info;
    if ((!f && !filestream_wants_path(fs, path)) ||
        fs->ctx->files->ops->stat(fs->ctx->files, path, fs->cfg.symlinks, &info) ||
        info.kind != FILE_KIND_REGULAR) {
        return false;
    }
    /* Between scans a file is looked at as by a scan of its own. */
    struct file *known = map_get(&fs->by_place, place_key(&info.place));
    if (known) {
        known->seen_scan = 0;
    }
    found(fs, path, &info);
    look_at_deferred(fs);
    return true;
}

/* --- life ------------------------------------------------------------------------------------- */

void filestream_update_entry(struct registry_entry *e)
{
    struct file *f = e->owner;
    if (f) {
        file_update_mark(f);
        e->hours.closed =
            e->hours.closed || (f->input->stopped && f->unsent_from <= e->mark.offset);
    }
}

void filestream_flushed(struct filestream *fs)
{
    list_for_each(node, &fs->files) {
        struct file *f = list_entry(node, struct file, node);
        if (f->undurable && f->entry && registry_is_durable(fs->ctx->registry, f->entry)) {
            f->undurable = false;
            file_wake(f);
        }
    }
}

enum err filestream_new(struct input_context *ctx, const struct filestream_config *cfg,
                        struct encoder *encoder, struct filestream **ret_input, struct error *err)
{
    struct filestream *fs = mem_zalloc(sizeof(*fs));
    fs->ctx = ctx;
    fs->cfg = *cfg;
    enum err rc = discover_init(&fs->discover, cfg->paths, cfg->path_count, cfg->recursive_glob,
                                cfg->symlinks, err);
    if (rc) {
        mem_free(fs);
        return rc;
    }
    fs->encoder = encoder;
    fs->log = log_for(&ctx->log, "filestream");
    list_init(&fs->files);
    list_init(&fs->waiting);
    fs->scan_timer.fire = scan_timer_fired;
    fs->scan_timer.owner = fs;
    *ret_input = fs;
    return ERR_OK;
}

void filestream_start(struct filestream *fs)
{
    uint32_t cursor = 0;
    struct registry_entry *e;
    size_t cap = 0;
    while ((e = registry_next(fs->ctx->registry, &cursor))) {
        if (strcmp(e->input_id, fs->cfg.id) != 0) {
            continue;
        }
        if (fs->claim_count == cap) {
            cap = cap ? 2 * cap : 64;
            fs->claims = mem_rearray(fs->claims, cap, sizeof(*fs->claims));
        }
        fs->claims[fs->claim_count++] = (struct claim){ e->place.dev, e->place.ino, e };
    }
    if (fs->claim_count > 0) {
        qsort(fs->claims, fs->claim_count, sizeof(*fs->claims), compare_claims);
    }
    filestream_scan(fs);
}

void filestream_stop(struct filestream *fs)
{
    fs->stopped = true;
    timer_cancel(fs->ctx->env, &fs->scan_timer);
    list_for_each(node, &fs->files) {
        struct file *f = list_entry(node, struct file, node);
        timer_cancel(fs->ctx->env, &f->timer);
        if (f->ready) {
            list_remove(&f->ready_node);
            f->ready = false;
        }
        if (f->entry && !f->entry->hours.closed) {
            registry_touch(fs->ctx->registry,
                           f->entry); /* to be closed, see filestream_update_entry */
        }
    }
}

void filestream_free(struct filestream *fs)
{
    fs->stopped = true;
    timer_cancel(fs->ctx->env, &fs->scan_timer);
    list_for_each(node, &fs->files) {
        struct file *f = list_entry(node, struct file, node);
        file_close(f, "stopped");
        if (f->entry) {
            f->entry->owner = NULL;
        }
        free_file(f);
    }
    map_deinit(&fs->by_place);
    map_deinit(&fs->by_path);
    discover_deinit(&fs->discover);
    encoder_free(fs->encoder);
    regex_set_deinit(&fs->cfg.exclude_files);
    regex_set_deinit(&fs->cfg.include_files);
    parse_config_deinit(&fs->cfg.parse);
    mem_free(fs->claims);
    mem_free(fs->orphans);
    mem_free(fs->deferred);
    mem_free(fs);
}
