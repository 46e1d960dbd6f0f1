/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_changes.c - see sim_changes.h. Driven by its tick and its answers.
 *   (A1) A change whose answer is lost may have happened or not: what it was about is unknown from
 *        when it is sent until another one is promised.
 */
#include "tests/sim/sim_changes.h"

#include "tests/sim/sim_cluster.h"

enum { CONFIG_SET = 0, CONFIG_DELETE = 1, TIMEOUT_MS = 5000 };

const char *sim_change_name(enum sim_change kind)
{
    static const char *const names[SIM_CHANGE_COUNT] = {
        [SIM_CHANGE_TOPIC_SETTING] = "topic-settings",
        [SIM_CHANGE_BROKER_SETTING] = "broker-settings",
        [SIM_CHANGE_PARTITIONS] = "more-partitions",
        [SIM_CHANGE_REASSIGN] = "reassignments",
        [SIM_CHANGE_CANCEL] = "cancelled-reassignments",
        [SIM_CHANGE_DELETE_RECORDS] = "deleted-records",
        [SIM_CHANGE_ELECT] = "elections",
        [SIM_CHANGE_ADD_NODE] = "another-node",
        [SIM_CHANGE_VOTERS] = "voters",
        [SIM_CHANGE_TOPICS] = "topics",
    };
    return names[kind];
}

static struct sim_ledger_partition *place_of(struct sim_changes *ch)
{
    return &ch->cluster->workload.ledger.partitions[ch->place];
}

void sim_changes_ask(struct sim_changes *ch, int32_t node, const struct schema *schema,
                     const void *request, client_done *done)
{
    ch->busy = true;
    ch->asked++;
    sim_trace(&ch->cluster->world, ch->client.host, "asks: %s", sim_change_name(ch->kind));
    client_call(ch->client.client, node, schema, request, -1, 0, done, ch);
}

void sim_changes_answered(struct sim_changes *ch, enum err err, int16_t code)
{
    ch->busy = false;
    ch->promised += !err && code == KAFKA_NONE;
    sim_digest(&ch->cluster->world, (uint64_t)ch->kind, (uint64_t)code);
    sim_trace(&ch->cluster->world, ch->client.host, "%s: %s", sim_change_name(ch->kind),
              err ? err_text(err) : kafka_error_text(code));
}

/* --- settings --------------------------------------------------------------------------------- */

static void on_altered(void *user, enum err err, int16_t version, const void *response)
{
    const struct incremental_alter_configs_response *r = response;
    (void)version;
    sim_changes_answered(user, err,
                         !err && r->responses_n ? r->responses[0].error_code : (int16_t)KAFKA_NONE);
}

/* value NULL: back to the default. */
static void alter(struct sim_changes *ch, int8_t type, struct slice resource, const char *name,
                  const char *value)
{
    struct incremental_alter_configs_request_alterable_config config;
    struct incremental_alter_configs_request_alter_configs_resource on;
    struct incremental_alter_configs_request request;
    schema_init(&incremental_alter_configs_request_alterable_config_schema, &config);
    schema_init(&incremental_alter_configs_request_alter_configs_resource_schema, &on);
    schema_init(&incremental_alter_configs_request_schema, &request);
    config.name = slice_str(name);
    config.config_operation = value ? CONFIG_SET : CONFIG_DELETE;
    config.value = value ? slice_str(value) : (struct slice){ 0 };
    on.resource_type = type;
    on.resource_name = resource;
    on.configs = &config;
    on.configs_n = 1;
    request.resources = &on;
    request.resources_n = 1;
    sim_trace(&ch->cluster->world, ch->client.host, "%s of '%.*s' shall be %s", name,
              SLICE_ARG(resource), value ? value : "the default");
    sim_changes_ask(ch, NODE_CONTROLLER, &incremental_alter_configs_request_schema, &request,
                    on_altered);
}

/* Retention may delete records from now on, whether the change is heard of or not. */
static void let_age(struct sim_changes *ch, const char *topic)
{
    struct sim_ledger *l = &ch->cluster->workload.ledger;
    for (uint32_t i = 0; i < l->partition_count; i++) {
        l->partitions[i].ages =
            l->partitions[i].ages || !topic || strcmp(l->partitions[i].topic, topic) == 0;
    }
}

static void change_topic_setting(struct sim_changes *ch)
{
    struct sim_world *w = &ch->cluster->world;
    struct sim_workload *wl = &ch->cluster->workload;
    const struct sim_topic *t = &wl->topics[sim_random(w, wl->topic_count)];
    bool back = sim_chance(w, 4);
    const char *name = "min.insync.replicas";
    char value[24];
    switch (sim_random(w, wl->options.deletes ? 5 : 3)) {
    case 0:
        snprintf(value, sizeof(value), "%d",
                 1 + (int)sim_random(w, (uint64_t)t->replication_factor));
        break;
    case 1:
        name = "segment.ms";
        snprintf(value, sizeof(value), "%d", 100 + (int)sim_random(w, 3000));
        break;
    case 2:
        name = "unclean.leader.election.enable";
        snprintf(value, sizeof(value), "false");
        break;
    case 3:
        name = "retention.ms";
        snprintf(value, sizeof(value), "%d", 500 + (int)sim_random(w, 10000));
        let_age(ch, t->name);
        break;
    default:
        name = "retention.bytes";
        snprintf(value, sizeof(value), "%d", 1000 + (int)sim_random(w, 50000));
        let_age(ch, t->name);
        break;
    }
    alter(ch, CONFIG_RESOURCE_TOPIC, slice_str(t->name), name, back ? NULL : value);
}

static void change_broker_setting(struct sim_changes *ch)
{
    struct sim_world *w = &ch->cluster->world;
    bool back = sim_chance(w, 3);
    char node[16] = "", value[24];
    const char *name;
    switch (sim_random(w, 4)) {
    case 0: /* of the cluster alone: the controller counts by it */
        name = "min.insync.replicas";
        snprintf(value, sizeof(value), "%d", 1 + (int)sim_random(w, 2));
        break;
    case 1:
        name = "leader.replication.throttled.rate";
        snprintf(value, sizeof(value), "%d", 10000 + (int)sim_random(w, 1000000));
        break;
    case 2:
        name = "log.segment.delete.delay.ms";
        snprintf(value, sizeof(value), "%d", (int)sim_random(w, 3000));
        break;
    default:
        name = "log.roll.ms";
        snprintf(value, sizeof(value), "%d", 100 + (int)sim_random(w, 3000));
        break;
    }
    if (strcmp(name, "min.insync.replicas") != 0 && sim_chance(w, 2)) {
        snprintf(node, sizeof(node), "%d", 1 + (int)sim_random(w, ch->cluster->node_count));
    }
    alter(ch, CONFIG_RESOURCE_BROKER, slice_str(node), name, back ? NULL : value);
}

/* --- partitions ------------------------------------------------------------------------------- */

static void on_grown(void *user, enum err err, int16_t version, const void *response)
{
    struct sim_changes *ch = user;
    const struct create_partitions_response *r = response;
    int16_t code = !err && r->results_n ? r->results[0].error_code : (int16_t)KAFKA_NONE;
    (void)version;
    if (!err && code == KAFKA_NONE) {
        struct sim_workload *wl = &ch->cluster->workload;
        struct sim_topic *t = &wl->topics[ch->place];
        t->partitions = ch->wanted > t->partitions ? ch->wanted : t->partitions;
    }
    sim_changes_answered(ch, err, code);
}

static void grow(struct sim_changes *ch)
{
    struct sim_world *w = &ch->cluster->world;
    struct sim_workload *wl = &ch->cluster->workload;
    ch->place = (uint32_t)sim_random(w, wl->topic_count);
    const struct sim_topic *t = &wl->topics[ch->place];
    if (t->partitions == t->partitions_max) {
        return;
    }
    struct create_partitions_request_topic topic;
    struct create_partitions_request request;
    schema_init(&create_partitions_request_topic_schema, &topic);
    schema_init(&create_partitions_request_schema, &request);
    ch->wanted =
        t->partitions + 1 + (int32_t)sim_random(w, (uint64_t)(t->partitions_max - t->partitions));
    topic.name = slice_str(t->name);
    topic.count = ch->wanted;
    topic.assignments_n = -1;
    request.topics = &topic;
    request.topics_n = 1;
    request.timeout_ms = TIMEOUT_MS;
    sim_changes_ask(ch, NODE_CONTROLLER, &create_partitions_request_schema, &request, on_grown);
}

/* --- reassignments ---------------------------------------------------------------------------- */

static void on_reassigned(void *user, enum err err, int16_t version, const void *response)
{
    struct sim_changes *ch = user;
    const struct alter_partition_reassignments_response *r = response;
    int16_t code = err ? (int16_t)KAFKA_NONE : r->error_code;
    (void)version;
    if (!err && code == KAFKA_NONE && r->responses_n && r->responses[0].partitions_n) {
        code = r->responses[0].partitions[0].error_code;
    }
    if (!err && code == KAFKA_NONE) {
        ch->targets[ch->place] = ch->asked_target;
    }
    sim_changes_answered(ch, err, code);
}

/* count 0: what is under way is to be given up. */
static void ask_reassignment(struct sim_changes *ch, const struct sim_target *target)
{
    struct alter_partition_reassignments_request_reassignable_partition partition;
    struct alter_partition_reassignments_request_reassignable_topic topic;
    struct alter_partition_reassignments_request request;
    schema_init(&alter_partition_reassignments_request_reassignable_partition_schema, &partition);
    schema_init(&alter_partition_reassignments_request_reassignable_topic_schema, &topic);
    schema_init(&alter_partition_reassignments_request_schema, &request);
    struct sim_ledger_partition *lp = place_of(ch);
    int32_t replicas[SIM_REPLICAS_MAX];
    memcpy(replicas, target->replicas, sizeof(replicas));
    partition.partition_index = lp->index;
    partition.replicas = replicas;
    partition.replicas_n = target->count ? target->count : -1;
    topic.name = slice_str(lp->topic);
    topic.partitions = &partition;
    topic.partitions_n = 1;
    request.topics = &topic;
    request.topics_n = 1;
    request.timeout_ms = TIMEOUT_MS;
    ch->asked_target = *target;
    ch->targets[ch->place].count = 0; /* (A1) */
    sim_changes_ask(ch, NODE_CONTROLLER, &alter_partition_reassignments_request_schema, &request,
                    on_reassigned);
}

static void pick_place(struct sim_changes *ch)
{
    ch->place =
        (uint32_t)sim_random(&ch->cluster->world, ch->cluster->workload.ledger.partition_count);
}

static void reassign(struct sim_changes *ch)
{
    struct sim_world *w = &ch->cluster->world;
    struct sim_target target = { .count = 0 };
    uint32_t nodes = ch->cluster->node_count;
    int32_t factor = ch->cluster->workload.options.replication_factor;
    int32_t count =
        factor - (factor > 2 && sim_chance(w, 3)) + ((uint32_t)factor < nodes && sim_chance(w, 4));
    while (target.count < count) {
        int32_t id = 1 + (int32_t)sim_random(w, nodes);
        if (!image_has_id(target.replicas, target.count, id)) {
            target.replicas[target.count++] = id;
        }
    }
    pick_place(ch);
    ask_reassignment(ch, &target);
}

static void cancel(struct sim_changes *ch)
{
    static const struct sim_target none = { .count = 0 };
    pick_place(ch);
    ask_reassignment(ch, &none);
}

/* --- records ---------------------------------------------------------------------------------- */

static void on_deleted(void *user, enum err err, int16_t version, const void *response)
{
    struct sim_changes *ch = user;
    const struct delete_records_response *r = response;
    int16_t code = KAFKA_NONE;
    (void)version;
    if (!err && r->topics_n && r->topics[0].partitions_n) {
        code = r->topics[0].partitions[0].error_code;
        if (code == KAFKA_NONE) {
            sim_inspect_deleted(ch->cluster, place_of(ch),
                                r->topics[0].partitions[0].low_watermark);
        }
    }
    sim_changes_answered(ch, err, code);
}

static void delete_records(struct sim_changes *ch)
{
    struct sim_world *w = &ch->cluster->world;
    pick_place(ch);
    struct sim_ledger_partition *lp = place_of(ch);
    const struct client_topic *t = client_topic(ch->client.client, slice_str(lp->topic));
    int32_t leader = t && lp->index < t->partition_count ? t->partitions[lp->index].leader_id : -1;
    if (leader < 0 || lp->committed == 0) {
        client_refresh(ch->client.client);
        return;
    }
    struct delete_records_request_partition partition;
    struct delete_records_request_topic topic;
    struct delete_records_request request;
    schema_init(&delete_records_request_partition_schema, &partition);
    schema_init(&delete_records_request_topic_schema, &topic);
    schema_init(&delete_records_request_schema, &request);
    bool all = sim_chance(w, 4);
    partition.partition_index = lp->index;
    partition.offset = all ? -1 : (int64_t)sim_random(w, (uint64_t)lp->committed + 1);
    topic.name = slice_str(lp->topic);
    topic.partitions = &partition;
    topic.partitions_n = 1;
    request.topics = &topic;
    request.topics_n = 1;
    request.timeout_ms = TIMEOUT_MS;
    sim_ledger_delete(lp, all ? INT64_MAX : partition.offset);
    sim_changes_ask(ch, leader, &delete_records_request_schema, &request, on_deleted);
}

/* --- elections -------------------------------------------------------------------------------- */

static void on_elected(void *user, enum err err, int16_t version, const void *response)
{
    const struct elect_leaders_response *r = response;
    (void)version;
    sim_changes_answered(user, err, err ? (int16_t)KAFKA_NONE : r->error_code);
}

static void elect(struct sim_changes *ch)
{
    struct elect_leaders_request request;
    schema_init(&elect_leaders_request_schema, &request);
    request.topic_partitions_n = -1; /* all of them, the preferred leaders */
    request.timeout_ms = TIMEOUT_MS;
    sim_changes_ask(ch, NODE_CONTROLLER, &elect_leaders_request_schema, &request, on_elected);
}

/* --- voters ----------------------------------------------------------------------------------- */

static void on_added(void *user, enum err err, int16_t version, const void *response)
{
    const struct add_raft_voter_response *r = response;
    (void)version;
    sim_changes_answered(user, err, err ? (int16_t)KAFKA_NONE : r->error_code);
}

static void on_removed(void *user, enum err err, int16_t version, const void *response)
{
    const struct remove_raft_voter_response *r = response;
    (void)version;
    sim_changes_answered(user, err, err ? (int16_t)KAFKA_NONE : r->error_code);
}

static void add_voter(struct sim_changes *ch, const struct sim_node *n)
{
    struct raft_endpoint listener;
    struct add_raft_voter_request request;
    schema_init(&raft_endpoint_schema, &listener);
    schema_init(&add_raft_voter_request_schema, &request);
    listener.name = slice_str("CONTROLLER");
    listener.host = slice_str(n->host->address);
    listener.port = SIM_CONTROLLER_PORT;
    request.cluster_id = slice_str(SIM_CLUSTER_ID);
    request.timeout_ms = TIMEOUT_MS;
    request.voter_id = n->id;
    request.voter_directory_id = n->broker->metadata_dir->meta.directory_id;
    request.listeners = &listener;
    request.listeners_n = 1;
    sim_trace(&ch->cluster->world, n->host, "shall be a voter");
    sim_changes_ask(ch, NODE_CONTROLLER, &add_raft_voter_request_schema, &request, on_added);
}

static void remove_voter(struct sim_changes *ch, const struct raft_voter *v)
{
    struct remove_raft_voter_request request;
    schema_init(&remove_raft_voter_request_schema, &request);
    request.cluster_id = slice_str(SIM_CLUSTER_ID);
    request.voter_id = v->id;
    request.voter_directory_id = v->directory_id;
    sim_trace(&ch->cluster->world, ch->cluster->nodes[v->id - 1].host, "shall be no voter");
    sim_changes_ask(ch, NODE_CONTROLLER, &remove_raft_voter_request_schema, &request, on_removed);
}

/* One who is no voter becomes one, or one who is does not stay it, as far as some node knows. */
static void change_voters(struct sim_changes *ch)
{
    struct sim_cluster *c = ch->cluster;
    const struct sim_node *n = &c->nodes[sim_random(&c->world, c->node_count)];
    const struct raft *r = n->broker ? n->broker->quorum.raft : NULL;
    if (!r) {
        return;
    }
    struct raft_voter_set set = raft_voters(r);
    const struct raft_voter *voter = NULL;
    for (size_t i = 0; i < set.count; i++) {
        voter = set.voters[i].id == n->id ? &set.voters[i] : voter;
    }
    if (!voter) {
        add_voter(ch, n);
    } else if (set.count > 1) {
        remove_voter(ch, voter);
    }
}

/* --- when ------------------------------------------------------------------------------------- */

static void change(struct sim_changes *ch)
{
    switch (ch->kind) {
    case SIM_CHANGE_TOPIC_SETTING:
        change_topic_setting(ch);
        break;
    case SIM_CHANGE_BROKER_SETTING:
        change_broker_setting(ch);
        break;
    case SIM_CHANGE_PARTITIONS:
        grow(ch);
        break;
    case SIM_CHANGE_REASSIGN:
        reassign(ch);
        break;
    case SIM_CHANGE_CANCEL:
        cancel(ch);
        break;
    case SIM_CHANGE_DELETE_RECORDS:
        delete_records(ch);
        break;
    case SIM_CHANGE_ADD_NODE:
        (void)sim_cluster_grow(ch->cluster);
        break;
    case SIM_CHANGE_VOTERS:
        change_voters(ch);
        break;
    case SIM_CHANGE_TOPICS:
        sim_changes_topics(ch);
        break;
    case SIM_CHANGE_ELECT:
    default:
        elect(ch);
        break;
    }
}

static void on_tick(void *owner)
{
    struct sim_changes *ch = owner;
    struct sim_world *w = &ch->cluster->world;
    if (ch->over) {
        return;
    }
    if (!ch->busy) {
        uint64_t at = sim_random(w, (uint64_t)__builtin_popcount(ch->options.kinds));
        int kind = 0;
        while (!(ch->options.kinds & 1u << kind) || at-- > 0) {
            kind++;
        }
        if ((ch->options.kinds & 1u << SIM_CHANGE_TOPICS) && sim_chance(w, 3)) {
            kind = SIM_CHANGE_TOPICS; /* a life has many parts */
        }
        ch->kind = (enum sim_change)kind;
        change(ch);
    }
    sim_host_turn_ends(ch->client.host);
    sim_event_arm(w, &ch->client.tick, w->now_ns + 1 + sim_random(w, 2 * ch->options.interval_ns));
}

void sim_changes_start(struct sim_changes *ch, struct sim_cluster *c)
{
    *ch = (struct sim_changes){ .cluster = c, .options = c->options.changes };
    if (!ch->options.kinds) {
        return;
    }
    ch->client.workload = &c->workload;
    ch->client.host = sim_host_new(&c->world, "ops", "10.0.1.2");
    ch->client.tick = (struct sim_event){
        .fire = on_tick, .owner = ch, .host = ch->client.host, .kind = SIM_EVENT_FAULT
    };
    sim_client_start(&ch->client);
    for (uint32_t i = 0; i < c->workload.topic_count; i++) {
        client_want_topic(ch->client.client, slice_str(c->workload.topics[i].name));
    }
    sim_host_turn_ends(ch->client.host);
    sim_event_arm(&c->world, &ch->client.tick, c->world.now_ns + ch->options.interval_ns);
}

void sim_changes_end(struct sim_changes *ch)
{
    ch->over = true;
}

static void nothing(void *owner)
{
    (void)owner;
}

void sim_changes_deinit(struct sim_changes *ch)
{
    sim_client_kill(&ch->client, nothing, NULL);
    batch_builder_deinit(&ch->batch);
}

/* --- promises --------------------------------------------------------------------------------- */

static bool target_is_reached(const struct sim_target *target, const struct image_partition *ip)
{
    return ip->replica_count == target->count &&
           memcmp(ip->replicas, target->replicas,
                  (size_t)target->count * sizeof(*target->replicas)) == 0;
}

bool sim_changes_are_done(const struct sim_changes *ch, const struct image *img, char *ret_why,
                          size_t why_size)
{
    const struct sim_workload *wl = &ch->cluster->workload;
    for (uint32_t i = 0; i < wl->topic_count; i++) {
        const struct image_topic *t = image_topic(img, slice_str(wl->topics[i].name));
        if (!t || t->partition_count < wl->topics[i].partitions) {
            snprintf(ret_why, why_size, "%s has %d partitions of %d", wl->topics[i].name,
                     t ? (int)t->partition_count : 0, (int)wl->topics[i].partitions);
            return false;
        }
    }
    for (uint32_t i = 0; i < wl->ledger.partition_count; i++) {
        const struct sim_ledger_partition *lp = &wl->ledger.partitions[i];
        const struct image_topic *t = image_topic(img, slice_str(lp->topic));
        const struct image_partition *ip = t ? image_partition(t, lp->index) : NULL;
        if (ip && (ip->adding_count || ip->removing_count)) {
            snprintf(ret_why, why_size, "%s-%d: a reassignment is not over", lp->topic,
                     (int)lp->index);
            return false;
        }
        if (ch->targets[i].count && (!ip || !target_is_reached(&ch->targets[i], ip))) {
            snprintf(ret_why, why_size, "%s-%d: its replicas are not those it was reassigned to",
                     lp->topic, (int)lp->index);
            return false;
        }
    }
    return true;
}
