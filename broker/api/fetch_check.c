/* SPDX-License-Identifier: Apache-2.0 */
/* fetch_check.c - see fetch_check.h. Driven by fetch.c, for each partition, at each look. */
#include "broker/api/fetch_check.h"

enum { VERSION_RACK = 11, VERSION_DIVERGING = 12, VERSION_REPLICA_STATE = 15 };

void fetch_identify(const struct call *c, struct fetcher_identity *ret_who)
{
    const struct fetch_request *req = c->request;
    *ret_who = (struct fetcher_identity){ .replica = req->replica_id,
                                          .replica_epoch = -1,
                                          .rack = req->rack_id };
    if (c->version >= VERSION_REPLICA_STATE) {
        ret_who->replica = req->replica_state.replica_id;
        ret_who->replica_epoch = req->replica_state.replica_epoch;
    }
}

/* The leader alone serves followers and old consumers; newer ones may read from any replica. */
static bool may_serve(const struct call *c, const struct fetcher_identity *who,
                      const struct partition *p)
{
    return p->role == PARTITION_LEADER ||
           (p->role == PARTITION_FOLLOWER && who->replica < 0 && c->version >= VERSION_RACK);
}

/* A replica in the consumer's rack that is in sync, fetches, and has what is asked for; -1 when
 * the leader is as good. A consumer that was sent to a dead node stays with it for minutes
 * (librdkafka), and the metadata tells of the death later than the broken connection. */
static int32_t closest(const struct call *c, const struct fetcher_identity *who,
                       const struct partition *p, int64_t offset)
{
    const struct broker *b = c->broker;
    int32_t best = -1;
    int64_t best_end = -1;
    if (who->replica >= 0 || who->rack.len == 0 || c->version < VERSION_RACK || !p->isr ||
        b->config->replica_selector != REPLICA_SELECTOR_CLOSEST ||
        slice_eq_str(who->rack, b->config->rack)) {
        return -1;
    }
    for (int32_t i = 0; i < p->isr->count; i++) {
        const struct isr_replica *r = &p->isr->replicas[i];
        const struct image_broker *node = image_broker(&b->image, r->id);
        if (r->in_isr && !r->hung_up && node && !node->fenced && node->rack &&
            slice_eq_str(who->rack, node->rack) && r->start_offset <= offset &&
            r->end_offset >= offset && r->end_offset > best_end) {
            best = r->id;
            best_end = r->end_offset;
        }
    }
    return best;
}

void fetch_check(const struct call *c, const struct fetcher_identity *who,
                 const struct partition *p, const struct fetch_request_partition *ask,
                 struct fetch_verdict *ret_verdict)
{
    struct fetch_verdict *v = ret_verdict;
    *v = fetch_verdict_none();
    int64_t offset = ask->fetch_offset;
    v->code = partition_check_epoch(p, ask->current_leader_epoch);
    if (!v->code && !may_serve(c, who, p)) {
        v->code = KAFKA_NOT_LEADER_OR_FOLLOWER;
    }
    bool misdated = p->damage == PARTITION_MISDATED;
    if (!v->code && ((p->log && p->log->offline) || p->damage == PARTITION_SHORT ||
                     (misdated && who->replica >= 0))) {
        v->code = KAFKA_KAFKA_STORAGE_ERROR;
    }
    if (v->code) {
        return;
    }
    if (p->role == PARTITION_LEADER) {
        v->preferred_replica = closest(c, who, p, offset);
    }
    if (c->version >= VERSION_DIVERGING && ask->last_fetched_epoch >= 0 && !misdated) {
        int32_t epoch;
        int64_t end;
        partition_epoch_end(p, ask->last_fetched_epoch, &epoch, &end);
        if (epoch < 0) {
            v->code = KAFKA_OFFSET_OUT_OF_RANGE;
        } else if (epoch < ask->last_fetched_epoch || end < offset) {
            v->diverging_epoch = epoch;
            v->diverging_end_offset = end;
        }
    }
    if (v->diverging_epoch < 0 &&
        (offset < partition_start_offset(p) || offset > partition_end_offset(p))) {
        v->code = KAFKA_OFFSET_OUT_OF_RANGE;
    }
}

bool fetch_is_urgent(const struct fetch_verdict *verdict)
{
    return verdict->code || verdict->diverging_epoch >= 0 || verdict->preferred_replica >= 0;
}

bool fetch_begins_early(const struct fetcher_identity *who,
                        const struct fetch_request_partition *ask, int64_t leader_start_offset)
{
    return who->replica >= 0 && ask->log_start_offset >= 0 &&
           ask->log_start_offset < leader_start_offset;
}

int64_t fetch_upper_offset(const struct fetcher_identity *who, const struct partition *p)
{
    return who->replica >= 0 ? partition_end_offset(p) : p->high_watermark;
}

enum kafka_error fetch_note_follower(const struct call *c, const struct fetcher_identity *who,
                                     struct partition *p, const struct fetch_request_partition *ask)
{
    struct isr_fetch f = { .replica = who->replica,
                           .broker_epoch = who->replica_epoch,
                           .offset = ask->fetch_offset,
                           .start_offset = ask->log_start_offset };
    return partition_fetched(c->broker, p, &f);
}
