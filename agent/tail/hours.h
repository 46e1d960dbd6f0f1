/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hours.h - in which UTC hour the lines of a file are stamped, by their offset, so that a line that
 * is sent again falls into the hour (and day, and index) of the first time. Times are Unix
 * milliseconds. See docs/decisions/0033.
 */
#ifndef LOGBOOM_AGENT_TAIL_HOURS_H
#define LOGBOOM_AGENT_TAIL_HOURS_H

#include <stdbool.h>
#include <stdint.h>

enum { HOURS_MAX = 12, HOUR_MS = 3600 * 1000 };

/* Events that begin in [offset[i], offset[i + 1]) are stamped within hour[i]. Part of the
 * registry's entry; a zeroed one is valid and knows nothing yet. */
struct file_hours {
    uint64_t offset[HOURS_MAX]; /* ascending; the first also stands for all before it */
    uint32_t hour[HOURS_MAX];   /* since 1970 */
    uint8_t count;
    bool closed; /* a clean stop: no event at or behind the entry's offset has ever left */
};

/* What a stamp is decided by. */
struct hours_event {
    uint64_t start;       /* of the event's first byte */
    uint64_t unsent_from; /* no event that begins there or behind has ever left */
    uint64_t needed_from; /* no event that begins before will ever be sent again */
    int64_t now_ms;
};

/* True: *ret_ms is the event's time. False: hours_begin() first, and the result made durable before
 * anything of the file leaves. */
bool hours_stamp(const struct file_hours *h, const struct hours_event *e, int64_t *ret_ms);
/* The time within what is recorded, though a new hour could begin; h->count > 0 and not closed. */
int64_t hours_hold(const struct file_hours *h, const struct hours_event *e);
/* Begins the hour of e->now_ms at e->start, as far as that is allowed; drops what is not needed any
 * more; opens what was closed. hours_stamp() with the same event is true afterwards. */
void hours_begin(struct file_hours *h, const struct hours_event *e);

#endif
