/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_changes.c - see broker_changes.h. Driven by controller_node.c and the handlers of
 * BrokerRegistration, BrokerHeartbeat and UnregisterBroker.
 *   (C1) A function that returns an error has added no record.
 *   (C2) What concludes a change comes after all of its partitions: a controller that takes over in
 *        between sees a broker that is still in, finds it overdue, and begins again.
 *   (C3) Who registers again as it is known makes no record. It asks because no answer came in
 *        time; were every question a commit, nobody would be answered in time where those are slow.
 */
#include "broker/controller/broker_changes.h"

#include "broker/controller/features.h"
#include "broker/controller/image_write.h"
#include "protocol/base/alloc.h"

enum { FENCED = 1, UNFENCED = -1, SHUTTING_DOWN = 1 };

static void add(const struct image *img, struct metadata_records *out, const struct schema *s,
                const void *msg)
{
    metadata_records_add(out, s, metadata_record_version(s, image_metadata_version(img)), msg);
}

static bool is_full(const struct metadata_records *out)
{
    enum { LAST_RECORDS_BYTES = 256 * 1024 }; /* room for what concludes the change */
    return metadata_records_size(out) > METADATA_BATCH_BYTES_MAX - LAST_RECORDS_BYTES;
}

/* --- partitions of a broker ------------------------------------------------------------------- */

/* Which partitions a walk is about, and what it does to them. */
struct walk {
    int32_t leaving, arriving, unclean;
    bool shared;             /* only partitions with other replicas */
    const struct uuid *dirs; /* only replicas of the leaving broker in one of these */
    int32_t dir_count;
};

static bool lies_in(const struct image_partition *p, const struct walk *w)
{
    for (int32_t i = 0; i < p->replica_count; i++) {
        for (int32_t d = 0; p->replicas[i] == w->leaving && d < w->dir_count; d++) {
            if (uuid_eq(&p->directories[i], &w->dirs[d])) {
                return true;
            }
        }
    }
    return false;
}

static bool concerns(const struct image_partition *p, const struct walk *w)
{
    if (w->shared && p->replica_count <= 1) {
        return false;
    }
    if (w->leaving != NO_BROKER) {
        return (image_has_id(p->isr, p->isr_count, w->leaving) || p->leader == w->leaving) &&
               (!w->dirs || lies_in(p, w));
    }
    if (w->unclean != NO_BROKER) {
        return image_has_id(p->isr, p->isr_count, w->unclean) || p->leader == w->unclean ||
               image_has_id(p->elr, p->elr_count, w->unclean);
    }
    return p->leader < 0;
}

static void change_partition(const struct image *img, const struct change_policy *policy,
                             const struct image_topic *t, int32_t index, const struct walk *w,
                             bool unclean_allowed, struct metadata_records *out)
{
    struct partition_change c;
    partition_change_init(&c, img, policy, t, index);
    c.leaving = w->leaving;
    c.arriving = w->arriving;
    c.unclean = w->unclean;
    c.election = unclean_allowed ? ELECTION_UNCLEAN : ELECTION_ONLINE;
    id_list_remove(&c.isr, w->leaving);
    id_list_remove(&c.isr, w->unclean);
    partition_change_add(&c, out);
}

static bool makes_a_difference(const struct image_partition *p, const struct walk *w)
{
    /* Without eligible replicas the last one of the ISR stays in it, leaderless: seen before. */
    bool last = p->isr_count == 1 && p->leader < 0;
    return !(last && (p->isr[0] == w->leaving || p->isr[0] == w->unclean)) || p->elr_count > 0;
}

/* false when the records fill a batch before the last partition. */
static bool change_partitions(const struct image *img, const struct change_policy *policy,
                              const struct walk *w, struct metadata_records *out)
{
    uint32_t cursor = 0;
    bool elr = image_elr_enabled(img);
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        bool unclean_allowed = change_unclean_allowed(img, policy, t);
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct image_partition *p = &t->partitions[i];
            if (!concerns(p, w) || (!elr && !unclean_allowed && !makes_a_difference(p, w))) {
                continue;
            }
            if (is_full(out)) {
                return false;
            }
            change_partition(img, policy, t, i, w, unclean_allowed, out);
        }
    }
    return true;
}

static bool remove_broker(const struct image *img, const struct change_policy *policy, int32_t id,
                          bool unclean, struct metadata_records *out)
{
    struct walk w = { .leaving = unclean ? NO_BROKER : id,
                      .arriving = NO_BROKER,
                      .unclean = unclean ? id : NO_BROKER };
    return change_partitions(img, policy, &w, out);
}

/* --- registration ----------------------------------------------------------------------------- */

static enum kafka_error refuse(struct error *err, enum kafka_error code, const char *text)
{
    err_set(err, ERR_INVALID, "%s", text);
    return code;
}

/* The broker, other than id, that has the directory; -1 for none. */
static int32_t owner_of(const struct image *img, const struct uuid *dir, int32_t id)
{
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        for (int32_t i = 0; b->id != id && i < b->log_dir_count; i++) {
            if (uuid_eq(&b->log_dirs[i], dir)) {
                return b->id;
            }
        }
    }
    return -1;
}

static enum kafka_error check_dirs(const struct image *img,
                                   const struct broker_registration_request *req, struct error *err)
{
    if (image_metadata_version(img) < METADATA_DIRECTORIES) {
        return KAFKA_NONE;
    }
    if (req->log_dirs_n < 1) {
        return refuse(err, KAFKA_INVALID_REGISTRATION, "No directories specified in request");
    }
    for (int32_t i = 0; i < req->log_dirs_n; i++) {
        if (directory_is_reserved(&req->log_dirs[i])) {
            return refuse(err, KAFKA_INVALID_REGISTRATION, "Reserved directory ID in request");
        }
        for (int32_t k = 0; k < i; k++) {
            if (uuid_eq(&req->log_dirs[k], &req->log_dirs[i])) {
                return refuse(err, KAFKA_INVALID_REGISTRATION, "Duplicate directory ID in request");
            }
        }
        int32_t owner = owner_of(img, &req->log_dirs[i], req->broker_id);
        if (owner >= 0) {
            char text[23];
            uuid_format(&req->log_dirs[i], text);
            err_set(err, ERR_INVALID, "Broker %d is already registered with directory %s",
                    (int)owner, text);
            return KAFKA_INVALID_REGISTRATION;
        }
    }
    return KAFKA_NONE;
}

static const struct broker_registration_request_feature *
feature_of(const struct broker_registration_request *req, struct slice name)
{
    for (int32_t i = 0; i < req->features_n; i++) {
        if (slice_eq(req->features[i].name, name)) {
            return &req->features[i];
        }
    }
    return NULL;
}

/* A broker that names no range supports level 0, and of metadata.version the oldest one. */
static enum kafka_error check_features(const struct image *img,
                                       const struct broker_registration_request *req,
                                       struct error *err)
{
    uint32_t cursor = 0;
    struct slice name;
    for (const struct image_feature *f; (f = map_next(&img->features, &cursor, &name));) {
        const struct broker_registration_request_feature *own = feature_of(req, name);
        bool is_metadata = slice_eq_str(name, "metadata.version");
        int16_t min = own ? own->min_supported_version : is_metadata ? METADATA_VERSION_MIN : 0;
        int16_t max = own ? own->max_supported_version : min;
        if (f->level != 0 && (f->level < min || f->level > max)) {
            err_set(err, ERR_INVALID,
                    "Unable to register because the broker does not support finalized version %d "
                    "of %.*s. The broker wants a version between %d and %d, inclusive.",
                    (int)f->level, SLICE_ARG(name), (int)min, (int)max);
            return KAFKA_UNSUPPORTED_VERSION;
        }
    }
    return KAFKA_NONE;
}

static enum kafka_error check_registration(const struct image *img,
                                           const struct broker_registration *how, bool *ret_same,
                                           struct error *err)
{
    const struct broker_registration_request *req = how->request;
    const struct image_broker *old = image_broker(img, req->broker_id);
    bool same = old && uuid_eq(&old->incarnation, &req->incarnation_id);
    if (!slice_eq(how->cluster_id, req->cluster_id)) {
        err_set(err, ERR_INVALID, "Expected cluster ID %.*s, but got cluster ID %.*s",
                SLICE_ARG(how->cluster_id), SLICE_ARG(req->cluster_id));
        return KAFKA_INCONSISTENT_CLUSTER_ID;
    }
    if (req->broker_id < 0) {
        return refuse(err, KAFKA_INVALID_REQUEST, "The broker id is negative.");
    }
    if (old && !same && how->session_lives) {
        err_set(err, ERR_EXISTS,
                "Another broker is registered with broker id %d, and its session has not ended.",
                (int)req->broker_id);
        return KAFKA_DUPLICATE_BROKER_REGISTRATION;
    }
    if (req->is_migrating_zk_broker) {
        return refuse(err, KAFKA_BROKER_ID_NOT_REGISTERED,
                      "Controller does not support registering ZK brokers.");
    }
    enum kafka_error code = check_dirs(img, req, err);
    *ret_same = same;
    return code ? code : check_features(img, req, err);
}

/* (C3) Takes back the last record when `known` says the same. */
static void drop_known(struct metadata_records *out, struct metadata_records *known)
{
    if (slice_eq(metadata_records_at(out, out->count - 1), metadata_records_at(known, 0))) {
        metadata_records_cut(out, out->count - 1);
    }
    metadata_records_deinit(known);
}

static void add_registration(const struct image *img, const struct broker_registration_request *req,
                             const struct image_broker *same, int64_t epoch,
                             struct metadata_records *out)
{
    struct register_broker_record rec;
    schema_init(&register_broker_record_schema, &rec);
    rec.broker_id = req->broker_id;
    rec.incarnation_id = req->incarnation_id;
    rec.broker_epoch = epoch;
    rec.rack = req->rack;
    rec.fenced = same ? same->fenced : true;
    rec.in_controlled_shutdown = same && same->in_controlled_shutdown;
    rec.log_dirs = req->log_dirs;
    rec.log_dirs_n = req->log_dirs_n;
    rec.end_points_n = req->listeners_n;
    rec.end_points = mem_array((size_t)req->listeners_n + 1, sizeof(*rec.end_points));
    for (int32_t i = 0; i < req->listeners_n; i++) {
        rec.end_points[i].name = req->listeners[i].name;
        rec.end_points[i].host = req->listeners[i].host;
        rec.end_points[i].port = req->listeners[i].port;
        rec.end_points[i].security_protocol = req->listeners[i].security_protocol;
    }
    rec.features = mem_array((size_t)req->features_n + 1, sizeof(*rec.features));
    for (int32_t i = 0; i < req->features_n; i++) {
        rec.features[i].name = req->features[i].name;
        rec.features[i].min_supported_version = req->features[i].min_supported_version;
        rec.features[i].max_supported_version = req->features[i].max_supported_version;
    }
    rec.features_n = req->features_n;
    if (!feature_of(req, slice_str("metadata.version"))) {
        struct register_broker_record_broker_feature *f = &rec.features[rec.features_n++];
        f->name = slice_str("metadata.version");
        f->min_supported_version = f->max_supported_version = METADATA_VERSION_MIN;
    }
    add(img, out, &register_broker_record_schema, &rec);
    mem_free(rec.end_points);
    mem_free(rec.features);
    if (same) {
        struct metadata_records known = { 0 };
        image_write_broker(img, same, &known);
        drop_known(out, &known);
    }
}

/* false when the records fill a batch before the last partition. */
static bool end_former_life(const struct image *img, const struct change_policy *policy, int32_t id,
                            int64_t previous_epoch, bool shared, struct metadata_records *out)
{
    const struct image_broker *old = image_broker(img, id);
    bool elr = image_elr_enabled(img), clean = old && (old->epoch == previous_epoch || !elr);
    if (!old && !elr) {
        return true; /* it was unregistered, and is on no list */
    }
    struct walk w = { .leaving = clean ? id : NO_BROKER,
                      .arriving = NO_BROKER,
                      .unclean = clean ? NO_BROKER : id,
                      .shared = shared };
    return change_partitions(img, policy, &w, out);
}

void broker_change_return(const struct image *img, const struct change_policy *policy,
                          int32_t broker_id, int64_t previous_epoch, struct metadata_records *out,
                          bool *ret_more)
{
    *ret_more = !end_former_life(img, policy, broker_id, previous_epoch, true, out);
}

enum kafka_error broker_change_register(const struct image *img, const struct change_policy *policy,
                                        const struct broker_registration *how,
                                        struct metadata_records *out, int64_t *ret_epoch,
                                        bool *ret_more, struct error *err)
{
    const struct broker_registration_request *req = how->request;
    const struct image_broker *old = image_broker(img, req->broker_id);
    bool same;
    *ret_more = false;
    enum kafka_error code = check_registration(img, how, &same, err);
    if (code) {
        return code;
    }
    if (!same &&
        !end_former_life(img, policy, req->broker_id, req->previous_broker_epoch, false, out)) {
        *ret_more = true;
        return KAFKA_NONE;
    }
    *ret_epoch = same ? old->epoch : how->next_offset + out->count;
    add_registration(img, req, same ? old : NULL, *ret_epoch, out);
    return KAFKA_NONE;
}

enum kafka_error broker_change_check_epoch(const struct image *img, int32_t broker_id,
                                           int64_t epoch, struct error *err)
{
    const struct image_broker *b = image_broker(img, broker_id);
    if (!b) {
        err_set(err, ERR_INVALID, "No broker registration found for broker id %d", (int)broker_id);
    } else if (b->epoch != epoch) {
        err_set(err, ERR_INVALID, "Expected broker epoch %lld, but got broker epoch %lld",
                (long long)b->epoch, (long long)epoch);
    } else {
        return KAFKA_NONE;
    }
    return KAFKA_STALE_BROKER_EPOCH;
}

/* --- in and out ------------------------------------------------------------------------------- */

static void add_change(const struct image *img, const struct image_broker *b, int8_t fenced,
                       int8_t shutting_down, struct metadata_records *out)
{
    struct broker_registration_change_record rec;
    schema_init(&broker_registration_change_record_schema, &rec);
    rec.broker_id = b->id;
    rec.broker_epoch = b->epoch;
    rec.fenced = fenced;
    rec.in_controlled_shutdown = shutting_down;
    add(img, out, &broker_registration_change_record_schema, &rec);
}

void broker_change_fence(const struct image *img, const struct change_policy *policy,
                         int32_t broker_id, struct metadata_records *out, bool *ret_more)
{
    const struct image_broker *b = image_broker(img, broker_id);
    *ret_more = false;
    if (!b || b->fenced) {
        return;
    }
    if (!remove_broker(img, policy, broker_id, false, out)) {
        *ret_more = true;
        return;
    }
    add_change(img, b, FENCED, 0, out);
}

static bool others_in_sync(const struct image *img, const struct image_partition *p, int32_t id)
{
    for (int32_t i = 0; i < p->isr_count; i++) {
        if (p->isr[i] != id && image_broker_is_active(img, p->isr[i])) {
            return true;
        }
    }
    return false;
}

static bool others_active(const struct image *img, int32_t id)
{
    uint32_t cursor = 0;
    for (const struct image_broker *b; (b = map_next(&img->brokers, &cursor, NULL));) {
        if (b->id != id && image_broker_is_active(img, b->id)) {
            return true;
        }
    }
    return false;
}

bool broker_change_is_needed(const struct image *img, int32_t broker_id)
{
    uint32_t cursor = 0;
    for (const struct image_topic *t; (t = map_next(&img->topics_by_id, &cursor, NULL));) {
        for (int32_t i = 0; i < t->partition_count; i++) {
            const struct image_partition *p = &t->partitions[i];
            if (p->replica_count > 1 && image_has_id(p->isr, p->isr_count, broker_id) &&
                !others_in_sync(img, p, broker_id)) {
                return true;
            }
        }
    }
    return !others_active(img, broker_id);
}

void broker_change_unfence(const struct image *img, const struct change_policy *policy,
                           int32_t broker_id, struct metadata_records *out, bool *ret_more)
{
    const struct image_broker *b = image_broker(img, broker_id);
    *ret_more = false;
    if (!b || !b->fenced) {
        return;
    }
    add_change(img, b, UNFENCED, 0, out);
    struct walk w = { .leaving = NO_BROKER, .arriving = broker_id, .unclean = NO_BROKER };
    *ret_more = !change_partitions(img, policy, &w, out);
}

void broker_change_shut_down(const struct image *img, const struct change_policy *policy,
                             int32_t broker_id, struct metadata_records *out, bool *ret_more)
{
    const struct image_broker *b = image_broker(img, broker_id);
    *ret_more = false;
    if (!b || b->fenced) {
        return;
    }
    if (!b->in_controlled_shutdown) {
        add_change(img, b, 0, SHUTTING_DOWN, out);
    }
    *ret_more = !remove_broker(img, policy, broker_id, false, out);
}

enum kafka_error broker_change_unregister(const struct image *img,
                                          const struct change_policy *policy, int32_t broker_id,
                                          struct metadata_records *out, bool *ret_more,
                                          struct error *err)
{
    const struct image_broker *b = image_broker(img, broker_id);
    *ret_more = false;
    if (!b) {
        err_set(err, ERR_NOT_FOUND, "Broker ID %d is not currently registered", (int)broker_id);
        return KAFKA_BROKER_ID_NOT_REGISTERED;
    }
    if (!remove_broker(img, policy, broker_id, true, out)) {
        *ret_more = true;
        return KAFKA_NONE;
    }
    struct unregister_broker_record rec;
    schema_init(&unregister_broker_record_schema, &rec);
    rec.broker_id = b->id;
    rec.broker_epoch = b->epoch;
    add(img, out, &unregister_broker_record_schema, &rec);
    return KAFKA_NONE;
}

void broker_change_elect_leaderless(const struct image *img, const struct change_policy *policy,
                                    struct metadata_records *out, bool *ret_more)
{
    struct walk w = { .leaving = NO_BROKER, .arriving = NO_BROKER, .unclean = NO_BROKER };
    *ret_more = !change_partitions(img, policy, &w, out);
}

/* --- directories ------------------------------------------------------------------------------ */

static bool is_one_of(const struct uuid *dir, const struct uuid *dirs, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        if (uuid_eq(dir, &dirs[i])) {
            return true;
        }
    }
    return false;
}

bool broker_change_leaves_no_dir(const struct image *img, int32_t broker_id,
                                 const struct uuid *dirs, int32_t count)
{
    const struct image_broker *b = image_broker(img, broker_id);
    for (int32_t i = 0; b && i < b->log_dir_count; i++) {
        if (!is_one_of(&b->log_dirs[i], dirs, count)) {
            return false;
        }
    }
    return b && b->log_dir_count > 0;
}

void broker_change_offline_dirs(const struct image *img, const struct change_policy *policy,
                                int32_t broker_id, const struct uuid *dirs, int32_t count,
                                struct metadata_records *out, bool *ret_more)
{
    const struct image_broker *b = image_broker(img, broker_id);
    *ret_more = false;
    if (!b || count < 1 || image_metadata_version(img) < METADATA_DIRECTORIES) {
        return;
    }
    struct uuid *left = mem_array((size_t)b->log_dir_count + 1, sizeof(*left));
    int32_t kept = 0;
    for (int32_t i = 0; i < b->log_dir_count; i++) {
        if (!is_one_of(&b->log_dirs[i], dirs, count)) {
            left[kept++] = b->log_dirs[i];
        }
    }
    if (kept < b->log_dir_count) {
        struct walk w = { .leaving = broker_id,
                          .arriving = NO_BROKER,
                          .unclean = NO_BROKER,
                          .dirs = dirs,
                          .dir_count = count };
        *ret_more = !change_partitions(img, policy, &w, out);
    }
    /* An empty list in the record means that they are as they were. */
    if (kept > 0 && kept < b->log_dir_count && !*ret_more) {
        struct broker_registration_change_record rec;
        schema_init(&broker_registration_change_record_schema, &rec);
        rec.broker_id = b->id;
        rec.broker_epoch = b->epoch;
        rec.log_dirs = left;
        rec.log_dirs_n = kept;
        add(img, out, &broker_registration_change_record_schema, &rec);
    }
    mem_free(left);
}

void broker_change_cordon(const struct image *img, int32_t broker_id, const struct uuid *dirs,
                          int32_t count, struct metadata_records *out)
{
    const struct image_broker *b = image_broker(img, broker_id);
    if (!b || count < 0 || image_metadata_version(img) < METADATA_VERSION) {
        return;
    }
    bool same = b->cordoned_count == count;
    for (int32_t i = 0; same && i < count; i++) {
        same = is_one_of(&dirs[i], b->cordoned, b->cordoned_count);
    }
    if (same || (b->cordoned_count < 0 && count == 0)) {
        return;
    }
    struct broker_registration_change_record rec;
    schema_init(&broker_registration_change_record_schema, &rec);
    rec.broker_id = b->id;
    rec.broker_epoch = b->epoch;
    rec.cordoned_log_dirs = (struct uuid *)(uintptr_t)dirs;
    rec.cordoned_log_dirs_n = count;
    add(img, out, &broker_registration_change_record_schema, &rec);
}

/* --- controllers ------------------------------------------------------------------------------ */

enum kafka_error
broker_change_register_controller(const struct image *img,
                                  const struct controller_registration_request *request,
                                  struct metadata_records *out, struct error *err)
{
    if (image_metadata_version(img) < METADATA_CONTROLLERS) {
        return refuse(err, KAFKA_UNSUPPORTED_VERSION,
                      "The current MetadataVersion is too old to support controller "
                      "registrations.");
    }
    struct register_controller_record rec;
    schema_init(&register_controller_record_schema, &rec);
    rec.controller_id = request->controller_id;
    rec.incarnation_id = request->incarnation_id;
    rec.end_points_n = request->listeners_n;
    rec.end_points = mem_array((size_t)request->listeners_n + 1, sizeof(*rec.end_points));
    for (int32_t i = 0; i < request->listeners_n; i++) {
        rec.end_points[i].name = request->listeners[i].name;
        rec.end_points[i].host = request->listeners[i].host;
        rec.end_points[i].port = request->listeners[i].port;
        rec.end_points[i].security_protocol = request->listeners[i].security_protocol;
    }
    rec.features_n = request->features_n;
    rec.features = mem_array((size_t)request->features_n + 1, sizeof(*rec.features));
    for (int32_t i = 0; i < request->features_n; i++) {
        rec.features[i].name = request->features[i].name;
        rec.features[i].min_supported_version = request->features[i].min_supported_version;
        rec.features[i].max_supported_version = request->features[i].max_supported_version;
    }
    add(img, out, &register_controller_record_schema, &rec);
    mem_free(rec.end_points);
    mem_free(rec.features);
    const struct image_controller *old = image_controller(img, request->controller_id);
    if (old) {
        struct metadata_records known = { 0 };
        image_write_controller(img, old, &known);
        drop_known(out, &known);
    }
    return KAFKA_NONE;
}
