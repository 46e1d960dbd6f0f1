/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kafka_load.c - a librdkafka producer and consumer that cost little and print one line.
 * The same load for our broker and for others.
 *
 *   kafka_load produce BOOTSTRAP TOPIC COUNT SIZE [KEY=VALUE...]
 *   kafka_load consume BOOTSTRAP TOPIC COUNT [KEY=VALUE...]
 *
 * KEY=VALUE are librdkafka's settings. Prints seconds, MB/s (10^6 payload bytes) and, for produce,
 * the errors. Exit code 1 when a record failed or not all came.
 */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct load {
    uint64_t acked, failed, bytes;
};

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct load *l = opaque;
    (void)rk;
    if (m->err) {
        l->failed++;
    } else {
        l->acked++;
        l->bytes += m->len;
    }
}

static int report(const struct load *l, double seconds, uint64_t wanted)
{
    printf("records=%" PRIu64 " failed=%" PRIu64 " seconds=%.3f mb_s=%.1f\n", l->acked, l->failed,
           seconds, (double)l->bytes / 1e6 / seconds);
    return l->failed || l->acked < wanted;
}

static int produce(rd_kafka_t *rk, const char *topic, uint64_t count, size_t size, struct load *l)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    char *payload = malloc(size);
    for (size_t i = 0; i < size; i++) {
        payload[i] = (char)('a' + i * 7 % 26);
    }
    double began = now();
    for (uint64_t i = 0; i < count; i++) {
        while (rd_kafka_produce(t, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, payload, size, NULL,
                                0, NULL)) {
            rd_kafka_poll(rk, 10);
        }
        if (i % 500 == 0) {
            rd_kafka_poll(rk, 0);
        }
    }
    rd_kafka_flush(rk, 120000);
    int rc = report(l, now() - began, count);
    free(payload);
    rd_kafka_topic_destroy(t);
    return rc;
}

static int consume(rd_kafka_t *rk, const char *topic, uint64_t count, struct load *l)
{
    const struct rd_kafka_metadata *meta;
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    if (rd_kafka_metadata(rk, 0, t, &meta, 10000)) {
        fprintf(stderr, "kafka_load: no metadata of %s\n", topic);
        return 1;
    }
    rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(16);
    for (int i = 0; i < meta->topics[0].partition_cnt; i++) {
        rd_kafka_topic_partition_list_add(parts, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_metadata_destroy(meta);
    rd_kafka_assign(rk, parts);
    rd_kafka_topic_partition_list_destroy(parts);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
    rd_kafka_message_t *batch[1000];
    double began = now(), heard = began;
    while (l->acked < count && now() - heard < 20) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 200, batch, 1000);
        for (ssize_t i = 0; i < n; i++) {
            if (!batch[i]->err) {
                l->acked++;
                l->bytes += batch[i]->len;
                heard = now();
            }
            rd_kafka_message_destroy(batch[i]);
        }
    }
    int rc = report(l, heard - began, count);
    rd_kafka_queue_destroy(queue);
    rd_kafka_topic_destroy(t);
    return rc;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char err[512];
    if (rd_kafka_conf_set(conf, key, value, err, sizeof(err)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "kafka_load: %s\n", err);
        exit(64);
    }
}

int main(int argc, char **argv)
{
    int producing = argc >= 6 && strcmp(argv[1], "produce") == 0;
    if (!producing && !(argc >= 5 && strcmp(argv[1], "consume") == 0)) {
        fprintf(stderr, "usage: kafka_load produce BOOTSTRAP TOPIC COUNT SIZE [KEY=VALUE...]\n"
                        "       kafka_load consume BOOTSTRAP TOPIC COUNT [KEY=VALUE...]\n");
        return 64;
    }
    struct load l = { 0 };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    if (producing) {
        set(conf, "queue.buffering.max.messages", "200000");
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
        rd_kafka_conf_set_opaque(conf, &l);
    } else {
        set(conf, "group.id", "kafka_load");
        set(conf, "enable.auto.commit", "false");
    }
    for (int i = producing ? 6 : 5; i < argc; i++) {
        char *eq = strchr(argv[i], '=');
        if (eq) {
            *eq = '\0';
            set(conf, argv[i], eq + 1);
        }
    }
    char err[512];
    rd_kafka_t *rk =
        rd_kafka_new(producing ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER, conf, err, sizeof(err));
    if (!rk) {
        fprintf(stderr, "kafka_load: %s\n", err);
        return 1;
    }
    uint64_t count = strtoull(argv[4], NULL, 10);
    int rc;
    if (producing) {
        rc = produce(rk, argv[3], count, strtoull(argv[5], NULL, 10), &l);
    } else {
        rd_kafka_poll_set_consumer(rk);
        rc = consume(rk, argv[3], count, &l);
        rd_kafka_consumer_close(rk);
    }
    rd_kafka_destroy(rk);
    return rc;
}
