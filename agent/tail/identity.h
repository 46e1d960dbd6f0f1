/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity.h - which file is this: device, inode and birth time, a growing hash of its beginning,
 * and a hash of the bytes before the offset up to which it was shipped. An inode alone is never
 * trusted (it is reused), nor is content alone (two files may begin alike).
 */
#ifndef LOGBOOM_AGENT_TAIL_IDENTITY_H
#define LOGBOOM_AGENT_TAIL_IDENTITY_H

#include "protocol/base/buf.h"

enum {
    IDENTITY_PREFIX_BYTES = 1024, /* the prefix grows up to here */
    IDENTITY_TAIL_BYTES = 256,
    FILE_ID_BYTES = 12,
    FILE_ID_TEXT_BYTES = 2 * FILE_ID_BYTES,
    EVENT_ID_TEXT_BYTES = FILE_ID_TEXT_BYTES + 1 + 16,
};

/* What the kernel says; btime_ns is 0 on file systems without a birth time. */
struct file_place {
    uint64_t dev, ino;
    int64_t btime_ns;
};

/* The random name of one generation of a file's content. It survives renames, growth and being
 * copied away; truncation ends it. */
struct file_id {
    uint8_t bytes[FILE_ID_BYTES];
};

/* What is remembered of the content: enough to tell whether an offset still means what it meant. */
struct file_mark {
    uint64_t offset;
    uint64_t prefix_hash; /* of the first prefix_len bytes */
    uint64_t tail_hash;   /* of the tail_len bytes before offset */
    uint16_t prefix_len, tail_len;
};

enum identity_verdict {
    IDENTITY_SAME,      /* resuming at mark->offset is right */
    IDENTITY_REUSED,    /* another file got the inode */
    IDENTITY_TRUNCATED, /* the same inode, and the content begins anew */
};

/* Never 0 for non-empty bytes, so that 0 can mean "no bytes". */
uint64_t identity_hash(struct slice bytes);
/* prefix: the first mark->prefix_len bytes of the file as it is now, tail: the mark->tail_len bytes
 * before mark->offset; either may be shorter when the file is. */
enum identity_verdict identity_judge(const struct file_place *known, const struct file_mark *mark,
                                     const struct file_place *now, uint64_t size_bytes,
                                     struct slice prefix, struct slice tail);
/* Whether content alone fits the mark: for the copy that copytruncate makes. */
bool identity_content_fits(const struct file_mark *mark, struct slice prefix, struct slice tail);
bool file_place_eq(const struct file_place *a, const struct file_place *b);

/* The names from which a rotated name may have been made, nearest first: "app.log.2.1" gives
 * "app.log.2", "app.log", "app"; "app-20260101.log" also "app.log". step counts from 0; false after
 * the last. */
bool rotation_original_name(struct slice name, unsigned step, struct buf *ret_name);

/* "<file id in hex>-<offset in hex>": unique because file ids are, the same at every reading.
 * Returns its length, at most EVENT_ID_TEXT_BYTES. */
size_t event_id_format(const char file_id_text[FILE_ID_TEXT_BYTES], uint64_t offset,
                       char ret_text[EVENT_ID_TEXT_BYTES]);
void file_id_format(const struct file_id *id, char ret_text[FILE_ID_TEXT_BYTES]);

#endif
