/* SPDX-License-Identifier: Apache-2.0 */
/* standalone.c - see standalone.h. Driven by broker.c. */
#include "broker/standalone.h"

#include "broker/broker.h"
#include "broker/controller/broker_changes.h"
#include "broker/controller/features.h"
#include "broker/registration.h"

static void add_beginning(struct broker *b, struct metadata_records *out)
{
    const struct metadata_records *given = quorum_bootstrap_records(b);
    for (uint32_t i = 0; i < given->count; i++) {
        metadata_records_add_raw(out, metadata_records_at(given, i));
    }
    if (given->count == 0) {
        feature_bootstrap(&b->image, true, out);
    }
}

/* The broker epoch of a registration is its own offset. */
static enum err add_registration(struct broker *b, struct metadata_records *out, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct register_broker_record rec;
    schema_init(&register_broker_record_schema, &rec);
    rec.broker_id = b->node_id;
    rec.incarnation_id = b->incarnation;
    rec.broker_epoch = b->broker_epoch = quorum_end_offset(b) + out->count;
    rec.rack = slice_str(b->config->rack);
    rec.fenced = true;
    rec.end_points =
        schema_new(&register_broker_record_broker_endpoint_schema, &arena, b->listener_count + 1);
    rec.features =
        schema_new(&register_broker_record_broker_feature_schema, &arena, feature_table_count);
    rec.log_dirs = arena_array(&arena, b->dir_count, sizeof(struct uuid));
    if (!rec.end_points || !rec.features || !rec.log_dirs) {
        arena_deinit(&arena);
        return err_set(err, ERR_LIMIT, "there are too many listeners or log directories");
    }
    for (uint32_t i = 0; i < b->listener_count; i++) {
        const struct broker_listener *l = &b->listeners[i];
        struct register_broker_record_broker_endpoint *e = &rec.end_points[rec.end_points_n];
        if (l->kind == LISTENER_CONTROLLER) {
            continue;
        }
        e->name = slice_str(l->name);
        e->host = registration_host(b, i);
        e->port = l->advertised_host ? l->advertised_port : l->port;
        rec.end_points_n++;
    }
    for (uint32_t i = 0; i < feature_table_count; i++) {
        struct register_broker_record_broker_feature *f = &rec.features[rec.features_n++];
        f->name = slice_str(feature_table[i].name);
        f->min_supported_version = feature_table[i].min;
        f->max_supported_version = feature_table[i].max;
    }
    rec.log_dirs_n = (int32_t)b->dir_count;
    for (uint32_t i = 0; i < b->dir_count; i++) {
        rec.log_dirs[i] = b->dirs[i].dir->meta.directory_id;
    }
    metadata_records_add(out, &register_broker_record_schema, REGISTER_BROKER_RECORD_VERSION, &rec);
    arena_deinit(&arena);
    return ERR_OK;
}

static void add_unfencing(struct broker *b, struct metadata_records *out)
{
    enum { UNFENCE = -1 };
    struct broker_registration_change_record change;
    schema_init(&broker_registration_change_record_schema, &change);
    change.broker_id = b->node_id;
    change.broker_epoch = b->broker_epoch;
    change.fenced = UNFENCE;
    metadata_records_add(out, &broker_registration_change_record_schema,
                         BROKER_REGISTRATION_CHANGE_RECORD_VERSION, &change);
}

/* Proposes what `change` adds, a batch after the other. */
static enum err propose_all(struct broker *b,
                            void (*change)(struct broker *b, const struct change_policy *policy,
                                           struct metadata_records *out, bool *ret_more),
                            struct error *err)
{
    const struct change_policy policy = controller_policy(b);
    struct metadata_records records = { 0 };
    enum err e = ERR_OK;
    for (bool more = true; !e && more;) {
        metadata_records_reset(&records);
        change(b, &policy, &records, &more);
        e = records.count ? quorum_propose_now(b, &records, err) : ERR_OK;
    }
    metadata_records_deinit(&records);
    return e;
}

/* As with any registration (decision 0051): followers may have records that this disk has lost, and
 * were it to go on in the same leader epoch nobody would find where the logs differ. */
static void end_former_life(struct broker *b, const struct change_policy *policy,
                            struct metadata_records *out, bool *ret_more)
{
    broker_change_return(&b->image, policy, b->node_id, registration_previous_epoch(b), out,
                         ret_more);
}

/* After the levels are there, and before anybody leads by it. */
static void share_min_isr(struct broker *b, const struct change_policy *policy,
                          struct metadata_records *out, bool *ret_more)
{
    *ret_more = false;
    if (image_elr_enabled(&b->image)) {
        controller_share_min_isr(b, out);
    }
}

static void elect(struct broker *b, const struct change_policy *policy,
                  struct metadata_records *out, bool *ret_more)
{
    broker_change_elect_leaderless(&b->image, policy, out, ret_more);
}

static enum err register_now(struct broker *b, struct error *err)
{
    struct metadata_records records = { 0 };
    enum err e = ERR_OK;
    if (image_feature(&b->image, "metadata.version") == 0) {
        add_beginning(b, &records);
    }
    if (b->roles.broker) {
        e = add_registration(b, &records, err);
        if (!e) {
            add_unfencing(b, &records);
        }
    }
    if (!e && records.count) {
        e = quorum_propose_now(b, &records, err);
    }
    metadata_records_deinit(&records);
    return e;
}

enum err standalone_register(struct broker *b, struct error *err)
{
    enum err e = b->roles.broker ? propose_all(b, end_former_life, err) : ERR_OK;
    e = e ? e : register_now(b, err);
    e = e ? e : propose_all(b, share_min_isr, err);
    return !e && b->roles.broker ? propose_all(b, elect, err) : e;
}
