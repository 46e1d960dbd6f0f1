/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hours.c - see hours.h. Driven by input/harvester.c for every event that does not tell its own
 * time. Pure.
 *
 * Invariants:
 * H1. The hour of an event depends on its offset and on what is recorded alone. What is recorded
 * for an
 *     offset never changes once an event that begins there, or behind it, may have left.
 * H2. A new hour is recorded at most once per file and hour of the clock. A clock that steps back
 * by
 *     less than an hour does not begin one: time stands still at the start of the hour meanwhile.
 * H3. With all places taken by hours whose events are not acknowledged, time stands still at the
 * end of
 *     the last of them, until acknowledgements come.
 */
#include "agent/tail/hours.h"

#include <string.h>

static uint32_t hour_of(int64_t ms)
{
    return ms > 0 ? (uint32_t)(ms / HOUR_MS) : 0;
}

static bool is_full(const struct file_hours *h, uint64_t needed_from)
{
    return h->count == HOURS_MAX && h->offset[1] > needed_from;
}

/* Whether the clock's hour may and should begin at the event. */
static bool wants_new(const struct file_hours *h, const struct hours_event *e)
{
    if (h->count == 0) {
        return true;
    }
    uint64_t last_offset = h->offset[h->count - 1];
    uint32_t last = h->hour[h->count - 1], now = hour_of(e->now_ms);
    if (now == last || now + 1 == last || e->start < last_offset || e->start < e->unsent_from) {
        return false;
    }
    return e->start == last_offset || !is_full(h, e->needed_from);
}

int64_t hours_hold(const struct file_hours *h, const struct hours_event *e)
{
    unsigned i = h->count - 1U;
    while (i > 0 && h->offset[i] > e->start) {
        i--;
    }
    int64_t first = (int64_t)h->hour[i] * HOUR_MS, last = first + HOUR_MS - 1;
    return e->now_ms < first ? first : e->now_ms > last ? last : e->now_ms;
}

bool hours_stamp(const struct file_hours *h, const struct hours_event *e, int64_t *ret_ms)
{
    if (h->closed || wants_new(h, e)) {
        return false;
    }
    *ret_ms = hours_hold(h, e);
    return true;
}

static void drop_unneeded(struct file_hours *h, uint64_t needed_from)
{
    unsigned drop = 0;
    while (drop + 1U < h->count && h->offset[drop + 1] <= needed_from) {
        drop++;
    }
    h->count = (uint8_t)(h->count - drop);
    memmove(h->offset, h->offset + drop, h->count * sizeof(h->offset[0]));
    memmove(h->hour, h->hour + drop, h->count * sizeof(h->hour[0]));
}

void hours_begin(struct file_hours *h, const struct hours_event *e)
{
    h->closed = false;
    if (!wants_new(h, e)) {
        return;
    }
    if (h->count == 0 || h->offset[h->count - 1] != e->start) {
        drop_unneeded(h, e->needed_from);
        h->offset[h->count++] = e->start;
    }
    h->hour[h->count - 1] = hour_of(e->now_ms);
}
