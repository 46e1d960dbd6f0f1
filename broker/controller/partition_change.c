/* SPDX-License-Identifier: Apache-2.0 */
/*
 * partition_change.c - see partition_change.h. Driven by brokers.c, isr.c, reassign.c.
 *   (L1) A leader is in the ISR, or was elected alone: by an unclean election or from the ELR.
 *   (L2) Without an unclean election nobody leads who lacks what was committed: who was out of the
 *        ISR, or has come back from an unclean shutdown.
 *   (L3) ISR and ELR have nobody in common, and everybody in them is a replica.
 *   (L4) The ELR is empty when the ISR has min.insync.replicas, or the feature is off.
 */
#include "broker/controller/partition_change.h"

#include <assert.h>
#include <stdlib.h>

enum { LEADER_UNCHANGED = -2, RECOVERED = 0, RECOVERING = 1 };

/* --- lists ------------------------------------------------------------------------------------ */

void id_list_set(struct id_list *l, const int32_t *ids, int32_t count)
{
    assert(count >= 0 && count <= IMAGE_REPLICAS_MAX);
    l->count = count;
    if (count > 0) {
        memcpy(l->ids, ids, (size_t)count * sizeof(*ids));
    }
}

bool id_list_has(const struct id_list *l, int32_t id)
{
    return image_has_id(l->ids, l->count, id);
}

bool id_list_add(struct id_list *l, int32_t id)
{
    if (l->count == IMAGE_REPLICAS_MAX) {
        return false;
    }
    l->ids[l->count++] = id;
    return true;
}

void id_list_remove(struct id_list *l, int32_t id)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < l->count; i++) {
        if (l->ids[i] != id) {
            l->ids[kept++] = l->ids[i];
        }
    }
    l->count = kept;
}

bool id_list_is(const struct id_list *l, const int32_t *ids, int32_t count)
{
    return l->count == count &&
           (count == 0 || memcmp(l->ids, ids, (size_t)count * sizeof(*ids)) == 0);
}

/* --- settings --------------------------------------------------------------------------------- */

/* The topic's own value, else the cluster's. */
static const char *setting_of(const struct image *img, const struct image_topic *t,
                              const char *name)
{
    const struct image_settings *own =
        image_settings(img, CONFIG_RESOURCE_TOPIC, slice_str(t->name));
    const char *value = image_setting(own, slice_str(name));
    if (value) {
        return value;
    }
    const struct image_settings *cluster =
        image_settings(img, CONFIG_RESOURCE_BROKER, slice_str(""));
    return image_setting(cluster, slice_str(name));
}

int32_t change_min_isr(const struct image *img, const struct change_policy *policy,
                       const struct image_topic *t, const struct image_partition *p)
{
    int32_t replicas = p->replica_count - p->adding_count;
    const char *text = setting_of(img, t, "min.insync.replicas");
    long own = image_elr_enabled(img) ? -1 : policy->min_insync_replicas;
    long wanted = text ? strtol(text, NULL, 10) : own;
    if (wanted < 1) {
        wanted = replicas >= 3 ? 2 : 1;
    }
    return wanted < replicas ? (int32_t)wanted : replicas;
}

bool change_unclean_allowed(const struct image *img, const struct change_policy *policy,
                            const struct image_topic *t)
{
    const char *text = setting_of(img, t, "unclean.leader.election.enable");
    return text ? strcmp(text, "true") == 0 : policy->unclean_leader_election;
}

/* --- who may lead ----------------------------------------------------------------------------- */

static const struct uuid *directory_of(const struct partition_change *c, int32_t broker_id)
{
    return broker_id == c->directory_broker ? &c->directory
                                            : image_directory_of(c->partition, broker_id);
}

static bool is_live(const struct partition_change *c, int32_t id)
{
    const struct image_broker *b = image_broker(c->img, id);
    if (!b || id == c->leaving || id == c->unclean ||
        (id != c->arriving && (b->fenced || b->in_controlled_shutdown))) {
        return false;
    }
    const struct uuid *dir = directory_of(c, id);
    return !dir || image_directory_is_online(b, dir);
}

static bool may_lead(const struct partition_change *c, int32_t id)
{
    bool complete = id_list_has(&c->isr, id) || (c->isr.count == 0 && id_list_has(&c->elr, id));
    return complete && is_live(c, id);
}

/* Nobody is known to be complete: the one that led last has at least what it had written. It is
 * marked as an unclean election all the same. */
static bool may_last_leader_lead(const struct partition_change *c)
{
    const struct image_partition *p = c->partition;
    return c->elr_enabled && c->elr.count == 0 && c->isr.count == 0 &&
           p->last_known_elr_count == 1 && id_list_has(&c->replicas, p->last_known_elr[0]) &&
           is_live(c, p->last_known_elr[0]);
}

static int32_t elect(const struct partition_change *c, bool *ret_unclean)
{
    int32_t leader = c->partition->leader;
    *ret_unclean = false;
    if (c->election == ELECTION_PREFERRED && may_lead(c, c->replicas.ids[0])) {
        return c->replicas.ids[0];
    }
    if (leader >= 0 && id_list_has(&c->replicas, leader) && may_lead(c, leader)) {
        return leader;
    }
    for (int32_t i = 0; i < c->replicas.count; i++) {
        if (may_lead(c, c->replicas.ids[i])) {
            return c->replicas.ids[i];
        }
    }
    *ret_unclean = true;
    if (may_last_leader_lead(c)) {
        return c->partition->last_known_elr[0];
    }
    for (int32_t i = 0; c->election == ELECTION_UNCLEAN && i < c->replicas.count; i++) {
        if (is_live(c, c->replicas.ids[i])) {
            return c->replicas.ids[i];
        }
    }
    *ret_unclean = false;
    return NO_LEADER;
}

/* --- steps of a change ------------------------------------------------------------------------ */

void partition_change_init(struct partition_change *c, const struct image *img,
                           const struct change_policy *policy, const struct image_topic *t,
                           int32_t index)
{
    const struct image_partition *p = &t->partitions[index];
    c->img = img;
    c->topic = t;
    c->index = index;
    c->partition = p;
    c->min_isr = change_min_isr(img, policy, t, p);
    c->elr_enabled = image_elr_enabled(img);
    c->election = ELECTION_ONLINE;
    c->leaving = c->arriving = c->unclean = c->directory_broker = NO_BROKER;
    id_list_set(&c->isr, p->isr, p->isr_count);
    id_list_set(&c->replicas, p->replicas, p->replica_count);
    id_list_set(&c->adding, p->adding, p->adding_count);
    id_list_set(&c->removing, p->removing, p->removing_count);
    id_list_set(&c->elr, p->elr, p->elr_count);
    id_list_set(&c->last_known_elr, p->last_known_elr, p->last_known_elr_count);
    c->recovering = p->recovering;
    c->leader = p->leader;
}

/* A reassignment is done when everybody who stays is in sync. */
static void complete_reassignment(struct partition_change *c)
{
    if (c->adding.count == 0 && c->removing.count == 0) {
        return;
    }
    struct id_list isr = c->isr, replicas = c->replicas;
    for (int32_t i = 0; i < c->removing.count; i++) {
        id_list_remove(&isr, c->removing.ids[i]);
        id_list_remove(&replicas, c->removing.ids[i]);
    }
    if (isr.count == 0 || replicas.count == 0) {
        return;
    }
    for (int32_t i = 0; i < replicas.count; i++) {
        if (!id_list_has(&isr, replicas.ids[i])) {
            return;
        }
    }
    c->isr = isr;
    c->replicas = replicas;
    c->adding.count = c->removing.count = 0;
}

/* Who leaves an ISR that is too small stays eligible: nothing was committed without it. */
static void find_eligible(struct partition_change *c)
{
    struct id_list candidates = c->elr;
    c->elr.count = 0;
    if (!c->elr_enabled || c->isr.count >= c->min_isr) {
        return;
    }
    for (int32_t i = 0; i < c->partition->isr_count; i++) {
        if (!id_list_has(&candidates, c->partition->isr[i])) {
            id_list_add(&candidates, c->partition->isr[i]);
        }
    }
    for (int32_t i = 0; i < candidates.count; i++) {
        int32_t id = candidates.ids[i];
        if (!id_list_has(&c->isr, id) && id != c->unclean && id_list_has(&c->replicas, id) &&
            image_broker(c->img, id)) {
            id_list_add(&c->elr, id);
        }
    }
}

static void put_leader(struct partition_change *c, struct partition_change_record *rec)
{
    const struct image_partition *p = c->partition;
    bool unclean;
    int32_t leader = elect(c, &unclean);
    if (leader == p->leader) {
        return;
    }
    rec->leader = c->leader = leader;
    if (id_list_has(&c->elr, leader) || unclean) {
        id_list_set(&c->isr, &leader, 1);
        id_list_remove(&c->elr, leader);
    }
    /* min.insync.replicas fell while nobody led: what is committed from now on is the leader's. */
    if (unclean || c->isr.count >= c->min_isr) {
        c->elr.count = 0;
    }
    c->recovering = c->recovering || unclean;
}

/* Followers must learn of another epoch when a replica goes, and, before 3.6, when the ISR shrinks
 * (KAFKA-15021). */
static void bump_epoch(struct partition_change *c, struct partition_change_record *rec)
{
    const struct image_partition *p = c->partition;
    bool shrinks = image_metadata_version(c->img) < METADATA_SKIPS_EPOCH && rec->isr_n >= 0;
    for (int32_t i = 0; rec->leader == LEADER_UNCHANGED && i < p->replica_count; i++) {
        int32_t id = p->replicas[i];
        bool leaves_isr =
            shrinks && image_has_id(p->isr, p->isr_count, id) && !id_list_has(&c->isr, id);
        if (leaves_isr || !id_list_has(&c->replicas, id)) {
            rec->leader = p->leader;
        }
    }
}

static void put_last_known(struct partition_change *c, struct partition_change_record *rec)
{
    const struct image_partition *p = c->partition;
    if (!c->elr_enabled) {
        c->last_known_elr.count = 0;
        return;
    }
    bool leads = rec->leader >= 0 || (rec->leader == LEADER_UNCHANGED && p->leader >= 0);
    if (leads) {
        c->last_known_elr.count = 0;
    } else if (p->leader >= 0) { /* also when the ISR is empty only later: then nobody leads */
        id_list_set(&c->last_known_elr, &p->leader, 1);
    }
}

static void put_list(struct id_list *l, const int32_t *now, int32_t now_count, int32_t **ret_ids,
                     int32_t *ret_count)
{
    if (!id_list_is(l, now, now_count)) {
        *ret_ids = l->ids;
        *ret_count = l->count;
    }
}

static void put_assignment(struct partition_change *c, struct partition_change_record *rec,
                           struct uuid *dirs)
{
    const struct image_partition *p = c->partition;
    bool moved = c->replicas.count != p->replica_count;
    for (int32_t i = 0; i < c->replicas.count; i++) {
        const struct uuid *dir = directory_of(c, c->replicas.ids[i]);
        dirs[i] = dir ? *dir : image_directory_for_new(c->img, c->replicas.ids[i]);
        moved = moved || !uuid_eq(&dirs[i], &p->directories[i]);
    }
    if (moved && image_metadata_version(c->img) >= METADATA_DIRECTORIES) {
        rec->directories = dirs;
        rec->directories_n = c->replicas.count;
    }
    put_list(&c->replicas, p->replicas, p->replica_count, &rec->replicas, &rec->replicas_n);
    put_list(&c->adding, p->adding, p->adding_count, &rec->adding_replicas,
             &rec->adding_replicas_n);
    put_list(&c->removing, p->removing, p->removing_count, &rec->removing_replicas,
             &rec->removing_replicas_n);
}

bool partition_change_add(struct partition_change *c, struct metadata_records *out)
{
    const struct image_partition *p = c->partition;
    struct uuid dirs[IMAGE_REPLICAS_MAX];
    struct partition_change_record rec;
    schema_init(&partition_change_record_schema, &rec);
    rec.topic_id = c->topic->id;
    rec.partition_id = c->index;
    complete_reassignment(c);
    find_eligible(c);
    put_leader(c, &rec);
    /* Without eligible replicas an empty ISR would forget who was complete: it stays as it was. */
    if (c->isr.count > 0 || c->elr_enabled) {
        put_list(&c->isr, p->isr, p->isr_count, &rec.isr, &rec.isr_n);
    } else {
        id_list_set(&c->isr, p->isr, p->isr_count);
    }
    bump_epoch(c, &rec);
    put_last_known(c, &rec);
    put_list(&c->elr, p->elr, p->elr_count, &rec.eligible_leader_replicas,
             &rec.eligible_leader_replicas_n);
    put_list(&c->last_known_elr, p->last_known_elr, p->last_known_elr_count, &rec.last_known_elr,
             &rec.last_known_elr_n);
    put_assignment(c, &rec, dirs);
    if (c->recovering != p->recovering) {
        rec.leader_recovery_state = c->recovering ? RECOVERING : RECOVERED;
    }
    bool changes = rec.isr_n >= 0 || rec.leader != LEADER_UNCHANGED || rec.replicas_n >= 0 ||
                   rec.adding_replicas_n >= 0 || rec.removing_replicas_n >= 0 ||
                   rec.leader_recovery_state >= 0 || rec.directories_n >= 0 ||
                   rec.eligible_leader_replicas_n >= 0 || rec.last_known_elr_n >= 0;
    if (changes) {
        metadata_records_add(out, &partition_change_record_schema,
                             metadata_record_version(&partition_change_record_schema,
                                                     image_metadata_version(c->img)),
                             &rec);
    }
    return changes;
}
