/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_topics.c - see sim_topics.h. Driven after every event, by the changes (sim_changes.c), and at
 * the end.
 *   (L1) A topic's images are one interval of offsets: from its creation to its deletion.
 *   (L2) It ends only when somebody asked for that.
 */
#include "tests/sim/sim_topics.h"

#include <inttypes.h>

enum { READ_BYTES = 1 << 20 };

const char *sim_life_name(uint32_t at)
{
    static const char *const names[SIM_LIFE_NAMES] = { "d0", "d1" };
    return names[at];
}

void sim_topics_init(struct sim_topics *ts, struct sim_world *w)
{
    *ts = (struct sim_topics){ .world = w };
}

static struct sim_life *life_of(struct sim_topics *ts, const struct uuid *id)
{
    for (uint32_t i = 0; i < ts->count; i++) {
        if (uuid_eq(&ts->lives[i].id, id)) {
            return &ts->lives[i];
        }
    }
    return NULL;
}

/* --- images ----------------------------------------------------------------------------------- */

static void seen(struct sim_topics *ts, const struct sim_node *n, const struct image_topic *t,
                 int64_t at)
{
    struct sim_life *life = life_of(ts, &t->id);
    if (!life) {
        if (ts->count == SIM_LIVES_MAX) {
            return;
        }
        life = &ts->lives[ts->count++];
        *life = (struct sim_life){ .id = t->id, .first = at, .last = at, .gone = -1 };
        snprintf(life->name, sizeof(life->name), "%s", t->name);
        sim_trace(ts->world, n->host, "topic %s is there at %" PRId64, t->name, at);
    }
    if (life->gone >= 0 && at > life->gone) {
        sim_fail(ts->world, "%s: topic %s was deleted at %" PRId64 " and is back at %" PRId64,
                 n->host->name, life->name, life->gone, at);
    }
    life->first = at < life->first ? at : life->first;
    life->last = at > life->last ? at : life->last;
}

static bool may_be_gone(const struct sim_topics *ts, const struct sim_life *life)
{
    for (uint32_t i = 0; i < SIM_LIFE_NAMES; i++) {
        if (ts->doubtful[i] && strcmp(life->name, sim_life_name(i)) == 0) {
            return true;
        }
    }
    return life->asked;
}

static void missing(const struct sim_topics *ts, const struct sim_node *n, struct sim_life *life,
                    int64_t at)
{
    if (at <= life->first) {
        return; /* not yet */
    }
    if (at < life->last) {
        sim_fail(ts->world, "%s: topic %s is missing at %" PRId64 "; it was there at %" PRId64,
                 n->host->name, life->name, at, life->last);
    }
    if (!may_be_gone(ts, life)) {
        sim_fail(ts->world, "%s: topic %s is gone at %" PRId64 ", and nobody deleted it",
                 n->host->name, life->name, at);
    }
    life->gone = life->gone < 0 || at < life->gone ? at : life->gone;
}

void sim_topics_inspect(struct sim_topics *ts, uint32_t at, const struct sim_node *n)
{
    const struct image *img = &n->broker->image;
    int64_t end = img->end_offset;
    if (end == ts->image_offsets[at]) {
        return;
    }
    ts->image_offsets[at] = end;
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        seen(ts, n, t, end);
    }
    for (uint32_t i = 0; i < ts->count; i++) {
        if (!image_topic_by_id(img, &ts->lives[i].id)) {
            missing(ts, n, &ts->lives[i], end);
        }
    }
}

/* --- deletions -------------------------------------------------------------------------------- */

void sim_topics_delete(struct sim_topics *ts, uint32_t name)
{
    ts->doubtful[name] = true;
    for (uint32_t i = 0; i < ts->count; i++) {
        struct sim_life *life = &ts->lives[i];
        life->asked = life->asked || strcmp(life->name, sim_life_name(name)) == 0;
    }
}

void sim_topics_deleted(struct sim_topics *ts, uint32_t name, bool known)
{
    ts->doubtful[name] = ts->doubtful[name] && !known;
}

/* --- records ---------------------------------------------------------------------------------- */

void sim_life_value(const struct sim_life *life, uint32_t number, struct buf *out)
{
    char id[23];
    uuid_format(&life->id, id);
    buf_reset(out);
    buf_printf(out, "%s %" PRIu32, id, number);
}

/* The number of a value that belongs to this life. */
static uint32_t number_of(const struct sim_topics *ts, const struct sim_life *life,
                          const struct record *rec, const char *who)
{
    char id[23], text[64];
    uint32_t number;
    size_t len = rec->value.len < sizeof(text) - 1 ? rec->value.len : sizeof(text) - 1;
    uuid_format(&life->id, id);
    memcpy(text, rec->value.ptr, len);
    text[len] = '\0';
    if (strncmp(text, id, 22) != 0 || sscanf(text + 22, " %" SCNu32, &number) != 1) {
        sim_fail(ts->world, "%s: topic %s, %s, has a record of another one at %lld: %s", who,
                 life->name, id, (long long)rec->offset, text);
    }
    return number;
}

static void check_batch(const struct sim_topics *ts, const struct sim_life *life, int32_t index,
                        const struct batch_view *batch, bool *found, const char *who)
{
    struct batch_iter it;
    struct record rec;
    struct buf scratch = { 0 };
    if (batch_check_crc(batch) || batch_iter_init(&it, batch, &scratch, READ_BYTES)) {
        sim_fail(ts->world, "%s: %s-%d: the batch at %lld is damaged", who, life->name, (int)index,
                 (long long)batch->base_offset);
    }
    while (batch_iter_next(&it, &rec) == ERR_OK) {
        uint32_t number = number_of(ts, life, &rec, who);
        for (uint32_t i = 0; i < life->record_count; i++) {
            const struct sim_life_record *r = &life->records[i];
            found[i] = found[i] ||
                       (r->partition == index && r->offset == rec.offset && r->number == number);
        }
    }
    buf_deinit(&scratch);
}

static void check_log(const struct sim_topics *ts, const struct sim_life *life,
                      const struct partition *p, const char *who)
{
    bool found[SIM_LIFE_RECORDS_MAX] = { false };
    struct buf bytes = { 0 };
    int64_t next = 0;
    while (p->log && next < p->log->end_offset) {
        buf_reset(&bytes);
        struct batch_view batch;
        if (log_read_copy(p->log, next, READ_BYTES, p->log->end_offset, &bytes)) {
            break;
        }
        struct slice left = buf_slice(&bytes);
        while (left.len && batch_parse(left, &batch) == ERR_OK) {
            check_batch(ts, life, p->index, &batch, found, who);
            next = batch_last_offset(&batch) + 1;
            left = slice_from(left, batch.bytes.len);
        }
        if (!bytes.len) {
            break;
        }
    }
    buf_deinit(&bytes);
    for (uint32_t i = 0; i < life->record_count; i++) {
        if (life->records[i].partition == p->index && !found[i]) {
            sim_fail(ts->world, "G1 durable: %s: %s-%d lacks record %u, acknowledged at %lld", who,
                     life->name, (int)p->index, life->records[i].number,
                     (long long)life->records[i].offset);
        }
    }
}

void sim_topics_check_logs(const struct sim_topics *ts, const struct sim_node *n)
{
    for (uint32_t i = 0; i < ts->count; i++) {
        const struct sim_life *life = &ts->lives[i];
        const struct topic *t = topic_find_id(&n->broker->topics, &life->id);
        bool ours = false;
        for (uint32_t k = 0; k < SIM_LIFE_NAMES; k++) {
            ours = ours || strcmp(life->name, sim_life_name(k)) == 0;
        }
        for (int32_t k = 0; ours && t && k < t->partition_count; k++) {
            if (t->partitions[k]->role != PARTITION_NONE) {
                check_log(ts, life, t->partitions[k], n->host->name);
            }
        }
    }
}
