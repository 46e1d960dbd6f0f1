/* SPDX-License-Identifier: Apache-2.0 */
/* sim_lives.c - the changes that make topics, fill them and delete them (sim_topics.h). Driven by
 * sim_changes.c. */
#include "tests/sim/sim_cluster.h"

enum { TIMEOUT_MS = 5000, PARTITIONS_MAX = 3 };

static struct sim_topics *topics_of(struct sim_changes *ch)
{
    return &ch->cluster->topics;
}

/* --- creation --------------------------------------------------------------------------------- */

static void on_created(void *user, enum err err, int16_t version, const void *response)
{
    const struct create_topics_response *r = response;
    (void)version;
    sim_changes_answered(user, err, !err && r->topics_n ? r->topics[0].error_code : (int16_t)0);
}

static void create(struct sim_changes *ch, uint32_t name)
{
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request request;
    schema_init(&create_topics_request_creatable_topic_schema, &topic);
    schema_init(&create_topics_request_schema, &request);
    topic.name = slice_str(sim_life_name(name));
    topic.num_partitions = 1 + (int32_t)sim_random(&ch->cluster->world, PARTITIONS_MAX);
    topic.replication_factor = ch->cluster->workload.options.replication_factor;
    request.topics = &topic;
    request.topics_n = 1;
    request.timeout_ms = TIMEOUT_MS;
    sim_changes_ask(ch, NODE_CONTROLLER, &create_topics_request_schema, &request, on_created);
}

/* --- deletion --------------------------------------------------------------------------------- */

static void on_deleted(void *user, enum err err, int16_t version, const void *response)
{
    struct sim_changes *ch = user;
    const struct delete_topics_response *r = response;
    int16_t code = !err && r->responses_n ? r->responses[0].error_code : (int16_t)KAFKA_NONE;
    (void)version;
    sim_topics_deleted(topics_of(ch), ch->place, !err && code != KAFKA_REQUEST_TIMED_OUT);
    sim_changes_answered(ch, err, code);
}

static void delete (struct sim_changes *ch, uint32_t name)
{
    struct delete_topics_request_delete_topic_state topic;
    struct delete_topics_request request;
    schema_init(&delete_topics_request_delete_topic_state_schema, &topic);
    schema_init(&delete_topics_request_schema, &request);
    topic.name = slice_str(sim_life_name(name));
    request.topics = &topic;
    request.topics_n = 1;
    request.timeout_ms = TIMEOUT_MS;
    ch->place = name;
    sim_topics_delete(topics_of(ch), name);
    sim_changes_ask(ch, NODE_CONTROLLER, &delete_topics_request_schema, &request, on_deleted);
}

/* --- records ---------------------------------------------------------------------------------- */

static void on_produced(void *user, enum err err, int16_t version, const void *response)
{
    struct sim_changes *ch = user;
    const struct produce_response *r = response;
    int16_t code = KAFKA_NONE;
    (void)version;
    if (!err && r->responses_n && r->responses[0].partition_responses_n) {
        const struct produce_response_partition_produce_response *row =
            &r->responses[0].partition_responses[0];
        struct sim_life *life = &topics_of(ch)->lives[ch->place];
        code = row->error_code;
        if (code == KAFKA_NONE && life->record_count < SIM_LIFE_RECORDS_MAX) {
            life->records[life->record_count++] =
                (struct sim_life_record){ row->index, row->base_offset, ch->number };
        }
    }
    sim_changes_answered(ch, err, code);
}

/* One record to a topic, by its id. */
static void produce(struct sim_changes *ch, uint32_t place)
{
    struct sim_cluster *c = ch->cluster;
    const struct sim_node *n = &c->nodes[sim_random(&c->world, c->node_count)];
    const struct sim_life *life = &topics_of(ch)->lives[place];
    const struct image_topic *t =
        n->broker ? image_topic_by_id(&n->broker->image, &life->id) : NULL;
    ch->place = place;
    if (!t) {
        return;
    }
    int32_t index = (int32_t)sim_random(&c->world, (uint64_t)t->partition_count);
    struct produce_request_partition_produce_data part;
    struct produce_request_topic_produce_data topic;
    struct produce_request request;
    struct buf value = { 0 };
    struct batch_seal seal = { .producer_id = -1, .producer_epoch = -1, .base_sequence = -1 };
    schema_init(&produce_request_partition_produce_data_schema, &part);
    schema_init(&produce_request_topic_produce_data_schema, &topic);
    schema_init(&produce_request_schema, &request);
    sim_life_value(life, ++ch->number, &value);
    batch_builder_reset(&ch->batch);
    batch_builder_append(&ch->batch,
                         &(struct record){ .timestamp_ms = sim_host_wall_ms(ch->client.host),
                                           .value = buf_slice(&value) });
    part.index = index;
    if (batch_builder_seal(&ch->batch, &seal, NULL, &part.records.bytes)) {
        sim_fail(&c->world, "a batch cannot be built");
    }
    topic.name = slice_str(life->name);
    topic.topic_id = life->id;
    topic.partition_data = &part;
    topic.partition_data_n = 1;
    request.acks = -1;
    request.timeout_ms = TIMEOUT_MS;
    request.topic_data = &topic;
    request.topic_data_n = 1;
    sim_changes_ask(ch, t->partitions[index].leader, &produce_request_schema, &request,
                    on_produced);
    buf_deinit(&value);
}

/* The place of the topic that has this name as far as one knows; SIM_LIVES_MAX: there is none. */
static uint32_t living(const struct sim_topics *ts, uint32_t name)
{
    uint32_t place = SIM_LIVES_MAX;
    for (uint32_t i = 0; i < ts->count; i++) {
        const struct sim_life *life = &ts->lives[i];
        if (life->gone < 0 && !life->asked && strcmp(life->name, sim_life_name(name)) == 0) {
            place = i;
        }
    }
    return place;
}

void sim_changes_topics(struct sim_changes *ch)
{
    struct sim_world *w = &ch->cluster->world;
    uint32_t name = (uint32_t)sim_random(w, SIM_LIFE_NAMES);
    uint32_t place = living(topics_of(ch), name);
    if (place == SIM_LIVES_MAX) {
        create(ch, name);
    } else if (sim_chance(w, 4)) {
        delete (ch, name);
    } else {
        produce(ch, place);
    }
}
