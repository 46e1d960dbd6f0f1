/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isr.c - see isr.h. Pure; driven by partition.c (fetches, appends, metadata) and isr_keeper.c
 * (proposals and their answers).
 *   (I1) high_watermark never falls.
 *   (I2) It is never above the end of this node, of a member of the ISR, or of a member of the ISR
 *        in flight.
 *   (I3) The ISR is what the metadata said last; a proposal and its answer change only whom (I2)
 *        waits for.
 *   (I4) With fewer members than min.insync.replicas the high watermark rests: what is acknowledged
 *        has been on that many replicas.
 *   (I5) Nobody joins who begins below this node: deleted records do not come back with a leader
 *        that had not heard of it.
 */
#include "broker/replica/isr.h"

#include "protocol/base/alloc.h"

#include <assert.h>

/* --- who is there ----------------------------------------------------------------------------- */

static bool contains(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

struct isr_replica *isr_find(const struct isr *s, int32_t id)
{
    for (int32_t i = 0; i < s->count; i++) {
        if (s->replicas[i].id == id) {
            return &s->replicas[i];
        }
    }
    return NULL;
}

/* Takes the replicas and the ISR over; what is known of those that stay is kept. */
static void assign(struct isr *s, const struct isr_assignment *a, uint64_t now_ns)
{
    struct isr_replica *next = mem_array((size_t)a->replica_count + 1, sizeof(*next));
    int32_t count = 0;
    for (int32_t i = 0; i < a->replica_count; i++) {
        int32_t id = a->replicas[i];
        if (id == a->self) {
            continue;
        }
        const struct isr_replica *old = isr_find(s, id);
        struct isr_replica *r = &next[count++];
        *r = old ? *old
                 : (struct isr_replica){ .id = id,
                                         .broker_epoch = -1,
                                         .eligible_epoch = -1,
                                         .end_offset = -1,
                                         .start_offset = -1,
                                         .end_at_fetch = -1 };
        bool in_isr = contains(a->isr, a->isr_count, id);
        if (in_isr && !r->in_isr) {
            r->caught_up_ns = now_ns; /* it has the whole time to fetch for the first time */
        } else if (!in_isr && r->in_isr) {
            /* Taken out: it tells anew what it has, and joins by what it fetches from now on. */
            r->caught_up_ns = 0;
            r->end_offset = -1;
        }
        r->in_isr = in_isr;
        r->in_proposal = false;
    }
    mem_free(s->replicas);
    s->replicas = next;
    s->count = count;
    s->partition_epoch = a->partition_epoch;
    s->in_flight = false;
}

void isr_init(struct isr *s, const struct isr_config *config, const struct isr_assignment *a,
              int64_t epoch_start_offset, int64_t high_watermark, uint64_t now_ns)
{
    *s = (struct isr){ .config = *config,
                       .self = a->self,
                       .leader_epoch = a->leader_epoch,
                       .min_isr = 1,
                       .epoch_start_offset = epoch_start_offset,
                       .high_watermark = high_watermark };
    assign(s, a, now_ns);
}

void isr_deinit(struct isr *s)
{
    mem_free(s->replicas);
    s->replicas = NULL;
    s->count = 0;
}

void isr_follow(struct isr *s, const struct isr_assignment *a, uint64_t now_ns)
{
    assert(a->leader_epoch == s->leader_epoch);
    if (a->partition_epoch > s->partition_epoch) {
        assign(s, a, now_ns);
    }
}

void isr_set_eligible(struct isr *s, int32_t id, int64_t broker_epoch)
{
    struct isr_replica *r = isr_find(s, id);
    if (r) {
        r->eligible_epoch = broker_epoch;
    }
}

int32_t isr_size(const struct isr *s)
{
    int32_t size = 1;
    for (int32_t i = 0; i < s->count; i++) {
        size += s->replicas[i].in_isr;
    }
    return size;
}

static int32_t least_size(const struct isr *s)
{
    return s->min_isr < s->count + 1 ? s->min_isr : s->count + 1;
}

bool isr_is_under_min(const struct isr *s)
{
    return isr_size(s) < least_size(s);
}

int64_t isr_low_watermark(const struct isr *s, int64_t own_start)
{
    int64_t low = own_start;
    for (int32_t i = 0; i < s->count; i++) {
        const struct isr_replica *r = &s->replicas[i];
        bool may_lead = r->in_isr || r->in_elr || (s->in_flight && r->in_proposal);
        if ((may_lead || r->eligible_epoch >= 0) && r->start_offset < low) {
            low = r->start_offset;
        }
    }
    return low;
}

/* --- fetches and the high watermark ----------------------------------------------------------- */

enum kafka_error isr_fetched(struct isr *s, const struct isr_fetch *f, uint64_t now_ns)
{
    struct isr_replica *r = isr_find(s, f->replica);
    if (!r) {
        return KAFKA_UNKNOWN_LEADER_EPOCH;
    }
    if (f->broker_epoch >= 0 && f->broker_epoch < r->broker_epoch) {
        return KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    if (f->offset >= f->leader_end_offset) {
        r->caught_up_ns = now_ns;
    } else if (r->end_at_fetch >= 0 && f->offset >= r->end_at_fetch &&
               r->fetch_ns > r->caught_up_ns) {
        r->caught_up_ns = r->fetch_ns; /* it has all that there was when it asked before */
    }
    uint64_t gap_ns = r->fetch_ns ? now_ns - r->fetch_ns : 0, faded_ns = r->gap_ns - r->gap_ns / 8;
    r->gap_ns = gap_ns > faded_ns ? gap_ns : faded_ns;
    r->end_at_fetch = f->leader_end_offset;
    r->fetch_ns = now_ns;
    r->end_offset = f->offset;
    r->start_offset = f->start_offset;
    r->hung_up = false;
    if (f->broker_epoch >= 0) {
        r->broker_epoch = f->broker_epoch;
    }
    return KAFKA_NONE;
}

void isr_hung_up(struct isr *s, int32_t id)
{
    struct isr_replica *r = isr_find(s, id);
    if (r) {
        r->hung_up = true;
    }
}

/* Whether its last fetch came from the broker that the metadata means (KIP-903). */
static bool is_eligible(const struct isr_replica *r)
{
    return r->eligible_epoch >= 0 && (r->broker_epoch < 0 || r->broker_epoch == r->eligible_epoch);
}

/* One who may join any moment is waited for: while it is a step behind a busy leader, the high
 * watermark would run away from it for ever. */
static bool is_joining(const struct isr *s, const struct isr_replica *r, uint64_t now_ns)
{
    return !r->in_isr && r->end_offset >= 0 && r->caught_up_ns > 0 && is_eligible(r) &&
           now_ns - r->caught_up_ns < s->config.join_wait_ns;
}

static bool is_waited_for(const struct isr *s, const struct isr_replica *r, uint64_t now_ns)
{
    return r->in_isr || (s->in_flight && r->in_proposal) || is_joining(s, r, now_ns);
}

bool isr_advance(struct isr *s, int64_t own_offset, uint64_t now_ns)
{
    if (isr_is_under_min(s)) {
        return false;
    }
    int64_t to = own_offset;
    for (int32_t i = 0; i < s->count; i++) {
        const struct isr_replica *r = &s->replicas[i];
        if (r->end_offset < to && is_waited_for(s, r, now_ns)) {
            to = r->end_offset;
        }
    }
    if (to <= s->high_watermark) {
        return false;
    }
    s->high_watermark = to;
    return true;
}

uint64_t isr_deadline_ns(const struct isr *s, uint64_t now_ns)
{
    uint64_t deadline = UINT64_MAX;
    for (int32_t i = 0; i < s->count; i++) {
        const struct isr_replica *r = &s->replicas[i];
        uint64_t end = r->caught_up_ns + s->config.join_wait_ns;
        if (is_joining(s, r, now_ns) && !(s->in_flight && r->in_proposal) && end < deadline) {
            deadline = end;
        }
    }
    return deadline;
}

/* --- proposals -------------------------------------------------------------------------------- */

static bool lags(const struct isr *s, const struct isr_replica *r, int64_t leader_end_offset,
                 uint64_t now_ns)
{
    return r->end_offset != leader_end_offset && now_ns - r->caught_up_ns > s->config.lag_ns;
}

/* It misses something and does not ask for it, for longer than a broker's session lasts, and for
 * longer than it takes a slow disk of its own to sync. */
static bool is_silent(const struct isr *s, const struct isr_replica *r, int64_t leader_end_offset,
                      uint64_t now_ns)
{
    uint64_t heard_ns = r->fetch_ns > r->caught_up_ns ? r->fetch_ns : r->caught_up_ns;
    uint64_t limit_ns = r->gap_ns * 2 > s->config.silence_ns ? r->gap_ns * 2 : s->config.silence_ns;
    return r->end_offset != leader_end_offset && now_ns - heard_ns > limit_ns;
}

/* Whom to take out. Silence alone costs no partition its writers: who lags has to go, but one who
 * may only be slow stays where too few would be left. */
struct verdict_on_members {
    int64_t end_offset;
    uint64_t now_ns;
    bool silent_too;
};

static bool must_go(const struct isr *s, const struct isr_replica *r,
                    const struct verdict_on_members *v)
{
    return r->in_isr && (lags(s, r, v->end_offset, v->now_ns) ||
                         (v->silent_too && is_silent(s, r, v->end_offset, v->now_ns)));
}

static int32_t count_leaving(const struct isr *s, const struct verdict_on_members *v)
{
    int32_t n = 0;
    for (int32_t i = 0; i < s->count; i++) {
        n += must_go(s, &s->replicas[i], v);
    }
    return n;
}

static struct verdict_on_members judge_members(const struct isr *s, int64_t end_offset,
                                               uint64_t now_ns)
{
    struct verdict_on_members v = { end_offset, now_ns, true };
    v.silent_too = isr_size(s) - count_leaving(s, &v) >= least_size(s);
    return v;
}

bool isr_should_shrink(const struct isr *s, int64_t end_offset, uint64_t now_ns)
{
    struct verdict_on_members v = judge_members(s, end_offset, now_ns);
    return !s->in_flight && count_leaving(s, &v) > 0;
}

/* (I5) */
static bool has_caught_up(const struct isr *s, const struct isr_replica *r,
                          const struct isr_log *own)
{
    return is_eligible(r) && r->end_offset >= s->high_watermark &&
           r->end_offset >= s->epoch_start_offset && r->start_offset >= own->start_offset;
}

bool isr_propose(struct isr *s, const struct isr_log *own, int64_t self_epoch, uint64_t now_ns,
                 struct isr_proposal *ret_proposal)
{
    if (s->in_flight) {
        return false;
    }
    struct verdict_on_members v = judge_members(s, own->end_offset, now_ns);
    bool grows = false, shrinks = count_leaving(s, &v) > 0;
    for (int32_t i = 0; i < s->count; i++) {
        const struct isr_replica *r = &s->replicas[i];
        grows |= !r->in_isr && has_caught_up(s, r, own);
    }
    if (!grows && !shrinks) {
        return false;
    }
    struct isr_proposal *p = ret_proposal;
    p->count = 0;
    p->members[p->count++] = (struct isr_member){ s->self, self_epoch };
    for (int32_t i = 0; i < s->count; i++) {
        struct isr_replica *r = &s->replicas[i];
        /* One thing at a time: who must go is taken out before others come in. */
        r->in_proposal =
            shrinks ? r->in_isr && !must_go(s, r, &v) : r->in_isr || has_caught_up(s, r, own);
        if (r->in_proposal) {
            p->members[p->count++] = (struct isr_member){ r->id, r->broker_epoch };
        }
    }
    s->in_flight = true;
    p->number = ++s->proposal;
    return true;
}

/* Carried out, or there was nothing to do. What is behind the answer reaches this node by the
 * metadata, and with it all that the controller knew before: another min.insync.replicas perhaps,
 * by which whom it took out stays eligible. Until then the old ISR and the new one count (I2). */
static enum isr_verdict carried_out(struct isr *s, const struct isr_answer *a)
{
    if (a->leader_epoch != s->leader_epoch || a->partition_epoch > s->partition_epoch) {
        return ISR_WAITS;
    }
    s->in_flight = false;
    return ISR_SETTLED;
}

enum isr_verdict isr_answered(struct isr *s, const struct isr_answer *a)
{
    if (!s->in_flight || a->number != s->proposal) {
        return ISR_SETTLED; /* the metadata was faster */
    }
    switch ((int)a->code) {
    case KAFKA_NONE:
        return carried_out(s, a);
    case KAFKA_OPERATION_NOT_ATTEMPTED:
    case KAFKA_INELIGIBLE_REPLICA:
        s->in_flight = false; /* the controller has not changed anything */
        return ISR_SETTLED;
    case KAFKA_UNKNOWN_TOPIC_OR_PARTITION:
    case KAFKA_UNKNOWN_TOPIC_ID:
    case KAFKA_FENCED_LEADER_EPOCH:
    case KAFKA_INVALID_UPDATE_VERSION:
    case KAFKA_INVALID_REQUEST:
    case KAFKA_NEW_LEADER_ELECTED:
        return ISR_WAITS; /* perhaps an earlier try was heard: it stays in flight (I2) */
    default:
        return ISR_RETRY;
    }
}
