/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filestream.h - the input that tails files: which files there are (filestream.c, rotation.c), and
 * reading them (harvester.c). Everything runs on the loop's thread.
 */
#ifndef LOGBOOM_AGENT_INPUT_FILESTREAM_H
#define LOGBOOM_AGENT_INPUT_FILESTREAM_H

#include "agent/input/parse.h"
#include "agent/ship/encoder.h"
#include "agent/ship/registry.h"
#include "agent/watch/discover.h"
#include "agent/watch/notify.h"
#include "protocol/base/map.h"
#include "protocol/daemon/metrics.h"

struct agent_metrics {
#define M METRIC_MEMBER
#include "agent/agent_metrics.def"
#undef M
};

enum { READ_BYTES = 256 << 10 };

/* What all inputs share; the agent owns it. */
struct input_context {
    struct env env;
    struct files *files;
    struct notify *notify; /* NULL: scans only */
    struct registry *registry;
    struct output *output;
    struct log log;
    struct agent_metrics *metrics;
    uint64_t open_max;      /* descriptors that files may take, so that the rest works; 0: any */
    uint8_t *read_buf;      /* READ_BYTES + IDENTITY_TAIL_BYTES; one file at a time uses it */
    struct list_node ready; /* files with something to do, in turn */
    /* Something became ready: the agent's pump shall run. */
    void (*wake)(void *owner);
    void *owner;
};

struct filestream_config {
    const char *id;
    const char *const *paths;
    size_t path_count;
    bool recursive_glob, symlinks;
    struct regex_set exclude_files, include_files;
    uint64_t check_interval_ns;
    uint64_t ignore_older_ns;  /* 0: off */
    int64_t clean_inactive_ns; /* <= 0: off */
    bool clean_removed;
    uint64_t close_inactive_ns;
    bool close_renamed, close_removed, close_eof;
    uint32_t harvester_limit; /* 0: none */
    size_t message_max_bytes;
    struct parse_config parse;
};

enum file_state {
    FILE_NEW, /* nothing in it yet: no registry entry */
    /* looks like the copy of a file that is being read: waits for what becomes of that */
    FILE_HELD,
    FILE_ACTIVE, /* has an entry; open or not */
    FILE_ENDING, /* no more will come: the rest is being shipped, then it is forgotten */
};

/* An event that the output did not take yet. */
struct stashed {
    size_t text_at, text_len;
    struct tail_event event; /* its text is rebuilt from the buffer */
};

struct filestream;

struct file {
    struct filestream *input;
    enum file_state state;
    struct file_place place;
    char *path;
    int fd;                       /* -1: closed */
    struct registry_entry *entry; /* NULL in FILE_NEW and FILE_HELD */
    struct tracker tracker;
    uint64_t unsent_from; /* no event that begins there or behind has ever left */
    uint64_t line_pos;    /* where the line begins that is not complete yet */
    uint64_t tail_hash;   /* of the tail_len bytes before line_pos + lines.part_bytes */
    uint16_t tail_len;
    struct lines lines;
    struct parse *parse; /* NULL while the input needs none */
    struct buf stash_text;
    struct stashed *stash;
    size_t stash_count, stash_cap;
    uint64_t size_bytes; /* when last looked at */
    int64_t mtime_ns;
    uint64_t active_ns; /* monotonic: when something was last read */
    uint64_t seen_scan;
    uint32_t missed_scans;
    struct list_node ready_node;   /* in context->ready */
    struct list_node waiting_node; /* in input->waiting: for a descriptor */
    struct list_node node;         /* in input->files */
    struct timer timer;            /* multiline's timeout; the retry after lines came back */
    bool ready, waiting, eof, renamed, undurable;
};

/* An entry of the registry that waits for its file; NULL once it is found. */
struct claim {
    uint64_t dev, ino;
    struct registry_entry *entry;
};

struct filestream {
    struct input_context *ctx;
    struct filestream_config cfg;
    struct encoder *encoder;
    struct discover discover;
    struct log log;
    struct list_node files;
    struct map by_place; /* dev, ino -> struct file */
    struct map by_path;  /* -> struct file, the newest of that name */
    struct list_node waiting;
    struct claim *claims; /* entries of the last run, by place, until their files are found */
    size_t claim_count;
    uint32_t whole_scans;
    struct registry_entry *
        *orphans; /* in a scan: their files were truncated, a copy may continue them */
    size_t orphan_count;
    uint32_t open_count;
    uint64_t scan_no, scan_errors;
    bool stopped;
    struct file *
        *deferred; /* new in this scan: looked at once all known ones were; NULL: gone again */
    size_t deferred_count, deferred_cap;
    struct timer scan_timer;
};

/* cfg (with everything it points to) and encoder become the input's. */
enum err filestream_new(struct input_context *ctx, const struct filestream_config *cfg,
                        struct encoder *encoder, struct filestream **ret_input, struct error *err);
/* First scan and on. */
void filestream_start(struct filestream *fs);
/* No more scans, no more reading. */
void filestream_stop(struct filestream *fs);
/* Nothing may be in flight (the output is gone). */
void filestream_free(struct filestream *fs);
void filestream_scan(struct filestream *fs);
/* A hint from the kernel; true when the path is this input's. */
bool filestream_notify(struct filestream *fs, enum notify_kind kind, const char *path);
/* The registry is about to be written, or was. */
void filestream_update_entry(struct registry_entry *e);
void filestream_flushed(struct filestream *fs);
/* Bytes known to be in the file and not acknowledged. */
uint64_t file_lag_bytes(const struct file *f);

/* --- harvester.c: one file -------------------------------------------------------------------- */

enum turn {
    TURN_MORE,    /* there is more to read */
    TURN_IDLE,    /* read to the end, or waiting for something that will wake it */
    TURN_BLOCKED, /* the output takes nothing now */
    TURN_PARKED,  /* its topic takes nothing now */
};
/* Reads and ships at most one buffer. */
enum turn file_turn(struct file *f);
void file_wake(struct file *f);
enum err file_open(struct file *f);
void file_close(struct file *f, const char *reason);
/* Begins (or resumes) at an offset whose tail the mark tells. */
void file_seek(struct file *f, uint64_t offset, uint64_t tail_hash, uint16_t tail_len);
void file_init_harvest(struct file *f);
void file_deinit_harvest(struct file *f);
/* Ships what the parsers hold back: nothing more will come. */
void file_finish(struct file *f);
/* Records the clock's hour for events from start on; nothing leaves before that is durable. */
void file_begin_hour(struct file *f, uint64_t start);
bool file_is_settled(const struct file *f);
/* Brings entry->mark up to tracker.committed. */
void file_update_mark(struct file *f);

/* --- filestream.c, for the others ------------------------------------------------------------- */

struct file *filestream_new_file(struct filestream *fs, const char *path,
                                 const struct file_info *info);
void filestream_forget(struct file *f, const char *reason);
void filestream_set_path(struct file *f, const char *path);
void filestream_rekey(struct file *f, const struct file_place *place);
void filestream_begin(struct file *f);
void filestream_attach(struct file *f, struct registry_entry *e);
bool filestream_wants_path(const struct filestream *fs, const char *path);
void filestream_admit_waiting(struct filestream *fs);

/* --- rotation.c: copies ----------------------------------------------------------------------- */

/* The file found its content begun anew: whoever copied the old content away is continued, and the
 * file is a new one. f may be gone afterwards. */
void filestream_truncated(struct file *f);
/* Whether f is a copy of a file that is being read, or continues one that was: then it is taken
 * care of. */
bool filestream_adopt_copy(struct file *f);
/* Reads the bytes that a mark speaks of; the buffers have IDENTITY_PREFIX_BYTES and
 * IDENTITY_TAIL_BYTES. */
enum err rotation_read(struct files *files, int fd, const struct file_mark *mark,
                       uint8_t *prefix_buf, uint8_t *tail_buf, struct slice *ret_prefix,
                       struct slice *ret_tail);

#endif
