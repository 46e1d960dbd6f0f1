/* SPDX-License-Identifier: Apache-2.0 */
/*
 * format.c - see format.h. Driven by storage_tool.c; blocks.
 *   (F1) meta.properties is written last: a directory that has it is formatted as a whole.
 *   (F2) A directory with anything else in it than an interrupted format leaves is not touched.
 */
#include "broker/format.h"

#include "broker/controller/features.h"
#include "protocol/base/alloc.h"
#include "protocol/base/units.h"

#include <stdio.h>

enum { ARENA_BYTES = 1 << 20 };

#define META_PROPERTIES      "meta.properties"
#define BOOTSTRAP_CHECKPOINT "bootstrap.checkpoint"
#define METADATA_DIR         METADATA_TOPIC "-0"

struct formatting {
    struct env env;
    struct vfs *vfs;
    const struct format_request *request;
    struct arena arena;
    struct quorum_config roles;
    struct metadata_records bootstrap;
    struct raft_voter_set voters;
    struct uuid directory_id; /* of the metadata's directory; zero: one at random */
    char release[16];
    struct buf *out;
    struct error *err;
};

/* --- releases and features -------------------------------------------------------------------- */

static const struct {
    const char *name;
    int16_t level;
} releases[] = {
    { "3.3-IV3", 7 },  { "3.4-IV0", 8 },  { "3.5-IV0", 9 },  { "3.5-IV1", 10 }, { "3.5-IV2", 11 },
    { "3.6-IV0", 12 }, { "3.6-IV1", 13 }, { "3.6-IV2", 14 }, { "3.7-IV0", 15 }, { "3.7-IV1", 16 },
    { "3.7-IV2", 17 }, { "3.7-IV3", 18 }, { "3.7-IV4", 19 }, { "3.8-IV0", 20 }, { "3.9-IV0", 21 },
    { "4.0-IV0", 22 }, { "4.0-IV1", 23 }, { "4.0-IV2", 24 }, { "4.0-IV3", 25 }, { "4.1-IV0", 26 },
    { "4.1-IV1", 27 }, { "4.2-IV0", 28 }, { "4.2-IV1", 29 }, { "4.3-IV0", 30 },
};

enum { RELEASES = sizeof(releases) / sizeof(releases[0]) };

/* "4.0" is the last of 4.0's; -1 for none. */
static int16_t release_level(const char *name)
{
    size_t len = strlen(name);
    int16_t level = -1;
    for (size_t i = 0; i < RELEASES; i++) {
        bool family = strncmp(releases[i].name, name, len) == 0 && releases[i].name[len] == '-';
        if (family || strcmp(releases[i].name, name) == 0) {
            level = releases[i].level;
        }
    }
    return level;
}

static void name_release(struct formatting *f, int16_t level)
{
    for (size_t i = 0; i < RELEASES; i++) {
        if (releases[i].level == level) {
            snprintf(f->release, sizeof(f->release), "%s", releases[i].name);
        }
    }
}

static void add_level(struct formatting *f, const char *name, int16_t level)
{
    struct feature_level_record rec;
    schema_init(&feature_level_record_schema, &rec);
    rec.name = slice_str(name);
    rec.feature_level = level;
    metadata_records_add(&f->bootstrap, &feature_level_record_schema, 0, &rec);
}

/* The level that --feature names, or `level`. */
static enum err wanted_level(struct formatting *f, const struct feature_support *feature,
                             int16_t level, int16_t *ret_level)
{
    const struct format_request *r = f->request;
    for (uint32_t i = 0; i < r->feature_count; i++) {
        const char *equals = strchr(r->features[i], '=');
        size_t len = equals ? (size_t)(equals - r->features[i]) : 0;
        int64_t value;
        if (!equals || units_int(slice_str(equals + 1), &value)) {
            return err_set(f->err, ERR_INVALID, "--feature %s: it must look like name=level",
                           r->features[i]);
        }
        if (strlen(feature->name) != len || strncmp(feature->name, r->features[i], len) != 0) {
            continue;
        }
        if (value < feature->min || value > feature->max) {
            return err_set(f->err, ERR_INVALID, "--feature %s: this release knows levels %d to %d",
                           r->features[i], feature->min, feature->max);
        }
        level = (int16_t)value;
    }
    *ret_level = level;
    return ERR_OK;
}

static enum err check_feature_names(struct formatting *f)
{
    const struct format_request *r = f->request;
    for (uint32_t i = 0; i < r->feature_count; i++) {
        const char *equals = strchr(r->features[i], '=');
        size_t len = equals ? (size_t)(equals - r->features[i]) : strlen(r->features[i]);
        if (!feature_find(slice_of(r->features[i], len))) {
            return err_set(f->err, ERR_INVALID, "--feature %s: this release does not know it",
                           r->features[i]);
        }
    }
    return ERR_OK;
}

static enum err plan_features(struct formatting *f)
{
    const struct format_request *r = f->request;
    int16_t release = METADATA_VERSION;
    enum err e = check_feature_names(f);
    if (!e && r->release_version && (release = release_level(r->release_version)) < 0) {
        e = err_set(f->err, ERR_INVALID,
                    "--release-version %s: this release knows those from %s to %s",
                    r->release_version, releases[0].name, releases[RELEASES - 1].name);
    }
    bool dynamic = r->quorum != FORMAT_PLAIN;
    for (uint32_t i = 0; !e && i < feature_table_count; i++) {
        const struct feature_support *feature = &feature_table[i];
        bool kraft = strcmp(feature->name, "kraft.version") == 0;
        bool elr = strcmp(feature->name, "eligible.leader.replicas.version") == 0;
        int16_t level = i == 0                          ? release
                        : kraft                         ? dynamic
                        : elr && release < METADATA_ELR ? 0
                                                        : feature->fresh;
        e = wanted_level(f, feature, level, &level);
        if (!e && i == 0) {
            release = level;
            name_release(f, level);
        }
        if (!e && kraft && level != dynamic) {
            e = err_set(f->err, ERR_INVALID,
                        "--feature kraft.version=%d: it is 1 with --standalone, "
                        "--initial-controllers and --no-initial-controllers, and 0 otherwise",
                        (int)level);
        }
        if (!e && !kraft && level > 0) {
            add_level(f, feature->name, level);
        }
    }
    return e;
}

/* --- the first voters ------------------------------------------------------------------------- */

static enum err bad_controller(struct formatting *f, struct slice text)
{
    return err_set(f->err, ERR_INVALID,
                   "--initial-controllers: \"%.*s\": it must look like "
                   "1@127.0.0.1:9093:JEXY6aqzQY-32P5TStzaFg",
                   SLICE_ARG(text));
}

static struct slice controller_listener(const struct formatting *f)
{
    const struct config_list *names = &f->request->config->controller_listener_names;
    return slice_str(names->count ? names->items[0] : "CONTROLLER");
}

/* One voter with its only endpoint. */
static enum err set_voter(struct formatting *f, struct raft_voter *v, int32_t id, struct slice host,
                          uint16_t port, const struct uuid *directory_id)
{
    struct raft_endpoint *e = arena_alloc(&f->arena, sizeof(*e));
    struct slice copy = arena_copy(&f->arena, host);
    if (!e || slice_is_null(copy)) {
        return err_set(f->err, ERR_LIMIT, "there are too many controllers");
    }
    *e = (struct raft_endpoint){ .name = controller_listener(f), .host = copy, .port = port };
    *v = (struct raft_voter){ .id = id,
                              .directory_id = *directory_id,
                              .endpoints = e,
                              .endpoint_count = 1,
                              .kraft_version_max = 1 };
    return ERR_OK;
}

static enum err parse_controller(struct formatting *f, struct slice text, struct raft_voter *v)
{
    char line[512];
    if (text.len >= sizeof(line)) {
        return bad_controller(f, text);
    }
    memcpy(line, text.ptr, text.len);
    line[text.len] = '\0';
    char *at = strchr(line, '@');
    char *directory = strrchr(line, ':');
    struct uuid id;
    int64_t node, port;
    if (!at || !directory || directory < at || uuid_parse(slice_str(directory + 1), &id)) {
        return bad_controller(f, text);
    }
    *at = *directory = '\0';
    char *colon = strrchr(at + 1, ':');
    if (!colon || colon == at + 1 || units_int(slice_str(line), &node) || node < 0 ||
        node > INT32_MAX || units_int(slice_str(colon + 1), &port) || port <= 0 || port > 65535) {
        return bad_controller(f, text);
    }
    return set_voter(f, v, (int32_t)node, slice_of(at + 1, (size_t)(colon - at - 1)),
                     (uint16_t)port, &id);
}

static enum err check_controllers(struct formatting *f)
{
    int32_t own = (int32_t)f->request->config->node_id;
    bool named = false;
    for (size_t i = 0; i < f->voters.count; i++) {
        const struct raft_voter *v = &f->voters.voters[i];
        if (v->id == own) {
            named = true;
            f->directory_id = v->directory_id;
        }
        for (size_t k = 0; k < i; k++) {
            if (f->voters.voters[k].id == v->id ||
                uuid_eq(&f->voters.voters[k].directory_id, &v->directory_id)) {
                return err_set(f->err, ERR_INVALID,
                               "--initial-controllers: node %d or its directory id is named twice",
                               (int)v->id);
            }
        }
    }
    if (!named && f->roles.controller) {
        return err_set(f->err, ERR_INVALID,
                       "--initial-controllers does not name this node (node.id %d), which "
                       "process.roles makes a controller; one that joins later is formatted with "
                       "--no-initial-controllers",
                       (int)own);
    }
    return ERR_OK;
}

static enum err parse_controllers(struct formatting *f)
{
    struct slice rest = slice_str(f->request->initial_controllers);
    struct raft_voter *voters = arena_array(&f->arena, RAFT_VOTERS_MAX, sizeof(*voters));
    size_t count = 0;
    while (rest.len) {
        const uint8_t *comma = memchr(rest.ptr, ',', rest.len);
        size_t n = comma ? (size_t)(comma - rest.ptr) : rest.len;
        if (!voters || count == RAFT_VOTERS_MAX) {
            return err_set(f->err, ERR_INVALID, "--initial-controllers: there are too many");
        }
        enum err e = parse_controller(f, slice_head(rest, n), &voters[count++]);
        if (e) {
            return e;
        }
        rest = slice_from(rest, n + 1);
    }
    f->voters = (struct raft_voter_set){ voters, count };
    return count ? check_controllers(f)
                 : err_set(f->err, ERR_INVALID, "--initial-controllers names nobody");
}

static struct uuid random_id(struct formatting *f)
{
    struct uuid id;
    do {
        for (size_t i = 0; i < 2; i++) {
            uint64_t r = env_random(f->env);
            memcpy(id.bytes + i * 8, &r, 8);
        }
    } while (id.bytes[0] >> 2 == 62 || id.bytes[0] == 0); /* no '-' in front, none reserved */
    return id;
}

static enum err plan_standalone(struct formatting *f)
{
    const struct format_request *r = f->request;
    struct raft_voter *voter = arena_alloc(&f->arena, sizeof(*voter));
    for (uint32_t i = 0; voter && i < r->listener_count; i++) {
        const struct broker_listener *l = &r->listeners[i];
        const char *host = l->advertised_host ? l->advertised_host : l->host;
        if (!quorum_config_is_controller_listener(r->config, slice_str(l->name))) {
            continue;
        }
        f->directory_id = random_id(f);
        f->voters = (struct raft_voter_set){ voter, 1 };
        return set_voter(f, voter, (int32_t)r->config->node_id, slice_str(host),
                         l->advertised_host ? l->advertised_port : l->port, &f->directory_id);
    }
    return err_set(f->err, ERR_INVALID,
                   "--standalone needs a controller: process.roles with controller, and a listener "
                   "that is named in controller.listener.names, e.g. CONTROLLER://127.0.0.1:9093");
}

static enum err plan_quorum(struct formatting *f)
{
    const struct format_request *r = f->request;
    enum err e = quorum_config_parse(r->config, &f->arena, &f->roles, f->err);
    if (e) {
        return e;
    }
    if (f->roles.voter_count && r->quorum != FORMAT_PLAIN) {
        return err_set(f->err, ERR_INVALID,
                       "controller.quorum.voters is set: its voters are fixed, and --standalone, "
                       "--initial-controllers and --no-initial-controllers have no place");
    }
    if (r->quorum == FORMAT_PLAIN && f->roles.controller && !f->roles.voter_count) {
        return err_set(f->err, ERR_INVALID,
                       "controller.quorum.voters is not set on this controller: say --standalone "
                       "(it is the first voter), --initial-controllers (it is one of those), or "
                       "--no-initial-controllers (it joins later)");
    }
    return r->quorum == FORMAT_STANDALONE ? plan_standalone(f)
           : r->quorum == FORMAT_INITIAL  ? parse_controllers(f)
                                          : ERR_OK;
}

/* --- directories ------------------------------------------------------------------------------ */

struct listing {
    bool other;
};

static bool ends_with(const char *name, const char *tail)
{
    size_t n = strlen(name), t = strlen(tail);
    return n >= t && strcmp(name + n - t, tail) == 0;
}

static void look_at_metadata(void *ctx, const char *name)
{
    struct listing *l = ctx;
    l->other |= !ends_with(name, ".checkpoint") && !ends_with(name, ".checkpoint.part");
}

static void look_at(void *ctx, const char *name)
{
    static const char *const ours[] = { ".lock",
                                        "lost+found",
                                        METADATA_DIR,
                                        BOOTSTRAP_CHECKPOINT,
                                        BOOTSTRAP_CHECKPOINT ".tmp",
                                        META_PROPERTIES ".tmp" };
    struct listing *l = ctx;
    bool known = false;
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        known |= strcmp(name, ours[i]) == 0;
    }
    l->other |= !known;
}

/* (F2) */
static enum err check_empty(struct formatting *f, const char *dir)
{
    struct listing l = { 0 };
    struct buf metadata = { 0 };
    struct vfs_stat st;
    buf_printf(&metadata, "%s/" METADATA_DIR, dir);
    enum err e = f->vfs->ops->list(f->vfs, dir, look_at, &l, f->err);
    if (!e && f->vfs->ops->stat(f->vfs, buf_cstr(&metadata), &st) == ERR_OK) {
        e = f->vfs->ops->list(f->vfs, buf_cstr(&metadata), look_at_metadata, &l, f->err);
    }
    buf_deinit(&metadata);
    return !e && l.other ? err_set(f->err, ERR_CONFIG,
                                   "log directory %s has no meta.properties and is not empty: it "
                                   "is not formatted. Use an empty directory",
                                   dir)
                         : e;
}

static enum err write_bootstrap(struct formatting *f, const char *dir)
{
    const struct snapshot_header header = { 0 };
    struct snapshot_builder builder;
    struct buf path = { 0 };
    buf_printf(&path, "%s/" BOOTSTRAP_CHECKPOINT, dir);
    snapshot_builder_init(&builder, 0, env_wall_ms(f->env), &header);
    for (uint32_t i = 0; i < f->bootstrap.count; i++) {
        snapshot_builder_add(&builder, metadata_records_at(&f->bootstrap, i));
    }
    snapshot_builder_finish(&builder);
    enum err e = vfs_replace_file(f->vfs, buf_cstr(&path), buf_slice(&builder.bytes), f->err);
    snapshot_builder_deinit(&builder);
    buf_deinit(&path);
    return e;
}

/* The 0-0 checkpoint. */
static enum err write_voters(struct formatting *f, const char *dir)
{
    struct buf path = { 0 };
    buf_printf(&path, "%s/" METADATA_DIR, dir);
    struct voters_record voters;
    enum err e = raft_voters_to_record(f->voters, &f->arena, &voters);
    if (e) {
        err_set(f->err, e, "there are too many controllers");
    } else {
        e = vfs_make_dirs(f->vfs, buf_cstr(&path), f->err);
    }
    const struct snapshot_header header = { .last_contained_log_timestamp_ms = env_wall_ms(f->env),
                                            .kraft_version = 1,
                                            .voters = &voters };
    struct snapshot_writer writer = { 0 };
    if (!e) {
        e = snapshot_writer_open(&writer, f->vfs, buf_cstr(&path), (struct snapshot_id){ 0 },
                                 f->err);
    }
    if (!e) {
        struct snapshot_builder builder;
        snapshot_builder_init(&builder, 0, env_wall_ms(f->env), &header);
        snapshot_builder_finish(&builder);
        e = snapshot_writer_append(&writer, buf_slice(&builder.bytes), f->err);
        snapshot_builder_deinit(&builder);
    }
    if (!e) {
        e = snapshot_writer_commit(&writer, f->err);
    }
    snapshot_writer_abort(&writer);
    buf_deinit(&path);
    return e;
}

static enum err format_dir(struct formatting *f, const char *path, bool metadata)
{
    struct log_dir *dir;
    enum err e = log_dir_open(f->vfs, path, &dir, f->err);
    if (e) {
        return e;
    }
    e = check_empty(f, path);
    if (!e && metadata) {
        e = write_bootstrap(f, path);
    }
    if (!e && metadata && f->voters.count) {
        e = write_voters(f, path);
    }
    struct uuid id = metadata && !uuid_is_zero(&f->directory_id) ? f->directory_id : random_id(f);
    if (!e) {
        e = log_dir_format(dir, f->request->cluster_id, (int32_t)f->request->config->node_id, &id,
                           f->err);
    }
    log_dir_free(dir);
    if (!e) {
        buf_printf(f->out, "Formatting %s directory %s with metadata.version %s.\n",
                   !metadata         ? "data"
                   : f->voters.count ? "dynamic metadata voter"
                                     : "metadata",
                   path, f->release);
    }
    return e;
}

/* Formatted already, of another node, or to be formatted. */
static enum err visit_dir(struct formatting *f, const char *path, bool metadata)
{
    struct meta_properties meta;
    struct buf name = { 0 };
    buf_printf(&name, "%s/" META_PROPERTIES, path);
    enum err e = meta_properties_read(f->vfs, buf_cstr(&name), &meta, f->err);
    buf_deinit(&name);
    if (e == ERR_NOT_FOUND) {
        return format_dir(f, path, metadata);
    }
    if (e) {
        return e;
    }
    if (!f->request->ignore_formatted) {
        return err_set(f->err, ERR_EXISTS,
                       "Log directory %s is already formatted. Use --ignore-formatted to ignore "
                       "this directory and format the others.",
                       path);
    }
    if (strcmp(meta.cluster_id, f->request->cluster_id) != 0) {
        return err_set(f->err, ERR_CONFIG, "log directory %s belongs to cluster %s, not to %s",
                       path, meta.cluster_id, f->request->cluster_id);
    }
    buf_printf(f->out, "Log directory %s is already formatted.\n", path);
    return ERR_OK;
}

/* The directory of the metadata first, then the others. */
static enum err each_dir(const struct broker_config *config, const char *default_dir,
                         enum err (*visit)(void *ctx, const char *path, bool metadata), void *ctx)
{
    const struct config_list *list = config->log_dirs.count ? &config->log_dirs : &config->log_dir;
    const char *first = list->count ? list->items[0] : default_dir;
    const char *metadata = config->metadata_log_dir;
    metadata = metadata && metadata[0] ? metadata : first;
    enum err e = visit(ctx, metadata, true);
    for (size_t i = 0; !e && i < (list->count ? list->count : 1); i++) {
        const char *path = list->count ? list->items[i] : default_dir;
        e = strcmp(path, metadata) == 0 ? ERR_OK : visit(ctx, path, false);
    }
    return e;
}

static enum err visit_format(void *ctx, const char *path, bool metadata)
{
    return visit_dir(ctx, path, metadata);
}

enum err format_storage(struct env env, struct vfs *vfs, const struct format_request *request,
                        struct buf *out, struct error *err)
{
    struct formatting f = { .env = env, .vfs = vfs, .request = request, .out = out, .err = err };
    struct uuid id;
    if (uuid_parse(slice_str(request->cluster_id), &id)) {
        return err_set(err, ERR_INVALID,
                       "--cluster-id %s: it must be one that `logboom storage random-uuid` makes",
                       request->cluster_id);
    }
    arena_init(&f.arena, ARENA_BYTES);
    enum err e = plan_quorum(&f);
    if (!e) {
        e = plan_features(&f);
    }
    if (!e) {
        e = each_dir(request->config, request->default_dir, visit_format, &f);
    }
    metadata_records_deinit(&f.bootstrap);
    arena_deinit(&f.arena);
    return e;
}

/* --- info ------------------------------------------------------------------------------------- */

struct info {
    struct vfs *vfs;
    struct buf dirs, metadata, problems;
    struct error *err;
};

static enum err visit_info(void *ctx, const char *path, bool metadata)
{
    struct info *i = ctx;
    struct meta_properties meta;
    struct buf name = { 0 };
    struct error why;
    char id[23];
    (void)metadata;
    buf_printf(&name, "%s/" META_PROPERTIES, path);
    enum err e = meta_properties_read(i->vfs, buf_cstr(&name), &meta, &why);
    buf_deinit(&name);
    buf_printf(&i->dirs, "  %s\n", path);
    if (e == ERR_NOT_FOUND) {
        buf_printf(&i->problems, "  %s is not formatted.\n", path);
    } else if (e) {
        buf_printf(&i->problems, "  %s\n", why.text);
    } else {
        uuid_format(&meta.directory_id, id);
        buf_printf(&i->metadata,
                   "Found metadata: {cluster.id=%s, directory.id=%s, node.id=%d, version=%d}\n",
                   meta.cluster_id, id, (int)meta.node_id, meta.version);
    }
    return ERR_OK;
}

enum err format_info(struct vfs *vfs, const struct broker_config *config, const char *default_dir,
                     struct buf *out, bool *ret_good, struct error *err)
{
    struct info i = { .vfs = vfs, .err = err };
    enum err e = each_dir(config, default_dir, visit_info, &i);
    buf_append_str(out, "Found log directory:\n");
    buf_append_slice(out, buf_slice(&i.dirs));
    buf_append_byte(out, '\n');
    buf_append_slice(out, buf_slice(&i.metadata));
    if (i.problems.len) {
        buf_append_str(out, "Found problem:\n");
        buf_append_slice(out, buf_slice(&i.problems));
    }
    *ret_good = i.problems.len == 0;
    buf_deinit(&i.dirs);
    buf_deinit(&i.metadata);
    buf_deinit(&i.problems);
    return e;
}
