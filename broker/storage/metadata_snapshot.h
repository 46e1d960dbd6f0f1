/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metadata_snapshot.h - `%020d-%010d.checkpoint`: a snapshot of the metadata log (KIP-630).
 * The records that a log up to end_offset (exclusive) adds up to, as batches whose offsets begin at
 * 0: a control batch with SNAPSHOT_HEADER (and KRAFT_VERSION, VOTERS), data, SNAPSHOT_FOOTER.
 */
#ifndef LOGBOOM_BROKER_METADATA_SNAPSHOT_H
#define LOGBOOM_BROKER_METADATA_SNAPSHOT_H

#include "protocol/base/buf.h"
#include "protocol/daemon/vfs.h"
#include "protocol/wire/messages.h"
#include "protocol/wire/record_batch.h"

#define SNAPSHOT_SUFFIX "checkpoint"

/* Where the log goes on behind a snapshot, and the epoch of the last record in it. */
struct snapshot_id {
    int64_t end_offset;
    int32_t epoch;
};

/* The types of control records, in the second half of their key. */
enum control_record {
    CONTROL_LEADER_CHANGE = 2,
    CONTROL_SNAPSHOT_HEADER = 3,
    CONTROL_SNAPSHOT_FOOTER = 4,
    CONTROL_KRAFT_VERSION = 5,
    CONTROL_KRAFT_VOTERS = 6,
};

static inline int snapshot_id_cmp(struct snapshot_id a, struct snapshot_id b)
{
    if (a.end_offset != b.end_offset) {
        return a.end_offset < b.end_offset ? -1 : 1;
    }
    return (a.epoch > b.epoch) - (a.epoch < b.epoch);
}

/* Appends <dir>/<id>.checkpoint. */
void metadata_snapshot_path(const char *dir, struct snapshot_id id, struct buf *out);
/* false for any other name than a finished snapshot's. */
bool metadata_snapshot_parse_name(const char *name, struct snapshot_id *ret_id);
/* The type of a control record by its key; -1 when it has none. */
int control_record_type(struct slice key);

/* --- what is in a directory ------------------------------------------------------------------- */

struct snapshot_list {
    struct snapshot_id *ids; /* ascending */
    uint32_t count;
};

void snapshot_list_deinit(struct snapshot_list *l);
/* Lists the finished ones, and removes what an interrupted writer left (.part). */
enum err metadata_snapshot_list(struct vfs *v, const char *dir, struct snapshot_list *ret_list,
                                struct error *err);
enum err metadata_snapshot_remove(struct vfs *v, const char *dir, struct snapshot_id id,
                                  struct error *err);

/* --- building: the bytes ---------------------------------------------------------------------- */

struct snapshot_builder {
    struct buf bytes; /* finished batches */
    struct batch_builder batch;
    int64_t next_offset;
    int64_t now_ms;
    int32_t epoch;
};

struct snapshot_header {
    int64_t last_contained_log_timestamp_ms;
    int16_t kraft_version;
    const struct voters_record *voters; /* NULL: none; not used with kraft_version 0 */
};

void snapshot_builder_init(struct snapshot_builder *b, int32_t epoch, int64_t now_ms,
                           const struct snapshot_header *header);
/* A metadata record's value. */
void snapshot_builder_add(struct snapshot_builder *b, struct slice value);
/* Writes the footer; b->bytes is the whole snapshot then. */
void snapshot_builder_finish(struct snapshot_builder *b);
void snapshot_builder_deinit(struct snapshot_builder *b);

/* --- writing: the file ------------------------------------------------------------------------ */

/* A snapshot under way, built here or fetched: a .part file until it is whole. */
struct snapshot_writer {
    struct vfs *vfs;
    struct vfs_file *file; /* NULL: none is open */
    char *dir;
    char *part;
    struct snapshot_id id;
    uint64_t size_bytes;
};

enum err snapshot_writer_open(struct snapshot_writer *w, struct vfs *v, const char *dir,
                              struct snapshot_id id, struct error *err);
enum err snapshot_writer_append(struct snapshot_writer *w, struct slice bytes, struct error *err);
/* Syncs, renames, syncs the directory: it is there as a whole then. Closes w either way. Any
 * thread. */
enum err snapshot_writer_commit(struct snapshot_writer *w, struct error *err);
/* Removes what was written. Nothing happens when none is open. */
void snapshot_writer_abort(struct snapshot_writer *w);

/* --- reading ---------------------------------------------------------------------------------- */

/* What a walk over a snapshot tells, in order. An error ends the walk with it. */
struct snapshot_visitor {
    enum err (*control)(void *ctx, int type, struct slice value, struct error *err);
    enum err (*record)(void *ctx, struct slice value, struct error *err);
    void *ctx;
};

/* Reads the whole file once without telling anybody: every checksum, the offsets, the header at the
 * begin and the footer at the end. ERR_CORRUPT with what is wrong. */
enum err metadata_snapshot_check(struct vfs *v, const char *path, struct error *err);
/* Walks over a file that was checked. Either visitor function may be NULL. */
enum err metadata_snapshot_read(struct vfs *v, const char *path,
                                const struct snapshot_visitor *visitor, struct error *err);
#endif
