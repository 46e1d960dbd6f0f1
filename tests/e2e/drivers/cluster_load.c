/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cluster_load.c - the judge of a cluster under faults, over librdkafka: numbered records go in,
 * acknowledgements are written down, and the log is read again afterwards.
 *
 *   cluster_load produce BOOTSTRAP TOPIC PRODUCER RATE SECONDS JOURNAL [KEY=VALUE...]
 *   cluster_load check BOOTSTRAP TOPIC JOURNAL...
 *
 * produce spreads RATE records a second over all partitions, for SECONDS or until SIGTERM, and
 * waits for every acknowledgement. A value is "PRODUCER.N" (numbers both), N ascending, and blanks
 * up to `pad.bytes` when that is among the settings; the others are librdkafka's. A line of the
 * journal is "PARTITION OFFSET PRODUCER N": a record that was acknowledged at that offset; it is
 * negative when the client library learnt of it without its place. It prints one object of JSON:
 * counts, latencies, and for each partition the times without any acknowledgement while one was due
 * ("windows"). A latency begins when RATE has the record due, however late it was sent.
 * check reads the topic from its beginning with a fresh consumer and prints what is wrong:
 *   lost        acknowledged, and not in the log
 *   moved       acknowledged at this offset, and another record is there
 *   duplicated  the same record twice
 *   reordered   N of one producer does not ascend in a partition
 * Exit code 1 when anything is.
 */
#include "tests/e2e/drivers/latency.h"

#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTITIONS_MAX = 1024, PRODUCERS_MAX = 64, EXAMPLES_MAX = 200, VALUE_BYTES_MAX = 65536 };

static const uint64_t window_us_min = 200000; /* shorter pauses are latency, not an outage */

static volatile sig_atomic_t ending;

static void on_signal(int signum)
{
    (void)signum;
    ending = 1;
}

static uint64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void *grown(void *ptr, size_t size)
{
    ptr = realloc(ptr, size);
    if (!ptr) {
        fputs("cluster_load: out of memory\n", stderr);
        exit(70);
    }
    return ptr;
}

/* --- produce ---------------------------------------------------------------------------------- */

struct window {
    int32_t partition;
    uint64_t at_us, length_us;
};

struct producing {
    const rd_kafka_conf_t *conf; /* of each producer that is made */
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    const char *topic_name;
    FILE *journal;
    unsigned long producer;
    uint64_t began_us, sent, acked, failed;
    uint64_t abandoned; /* with a producer that met the fault below: in the log or not */
    unsigned restarts;
    size_t pad_bytes;
    uint64_t last_ack_us[PARTITIONS_MAX];
    struct latency latency;
    struct window *windows;
    size_t window_count, window_cap;
    char error[256];
};

/* What travels with a record until its acknowledgement. */
struct due {
    uint64_t due_us, sent_us, n;
    unsigned long producer;
};

/* Before 2.4.0 a request that was lost with its connection counts as answered; when it was not
 * taken, the next one is out of order, and the producer has ended for good: librdkafka's pull
 * request 4438. This hides no loss: whatever was acknowledged is still looked for. */
static bool met_known_fault(rd_kafka_t *rk)
{
    char text[512];
    return rd_kafka_version() < 0x020400ff && rd_kafka_fatal_error(rk, text, sizeof(text)) ==
                                                  RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct producing *p = opaque;
    struct due *due = m->_private;
    uint64_t now = now_us();
    if (m->err) {
        if (met_known_fault(rk)) {
            p->abandoned++;
        } else {
            p->failed++;
        }
        snprintf(p->error, sizeof(p->error), "%s", rd_kafka_err2str(m->err));
        free(due);
        return;
    }
    p->acked++;
    fprintf(p->journal, "%" PRId32 " %" PRId64 " %lu %" PRIu64 "\n", m->partition, m->offset,
            due->producer, due->n);
    latency_add(&p->latency, now - due->due_us);
    /* Acknowledgements of a partition come in order: this record was the oldest one due. */
    uint64_t *last = &p->last_ack_us[m->partition];
    uint64_t from = *last > due->sent_us ? *last : due->sent_us;
    if (now - from >= window_us_min) {
        if (p->window_count == p->window_cap) {
            p->window_cap = p->window_cap ? p->window_cap * 2 : 64;
            p->windows = grown(p->windows, p->window_cap * sizeof(*p->windows));
        }
        p->windows[p->window_count++] =
            (struct window){ m->partition, from - p->began_us, now - from };
    }
    *last = now;
    free(due);
}

static int partitions_of(rd_kafka_t *rk, rd_kafka_topic_t *t)
{
    for (int i = 0; i < 60; i++) {
        const struct rd_kafka_metadata *meta;
        int count = 0;
        if (!rd_kafka_metadata(rk, 0, t, &meta, 5000)) {
            count = meta->topics[0].err ? 0 : meta->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(meta);
        }
        if (count > 0) {
            return count < PARTITIONS_MAX ? count : PARTITIONS_MAX;
        }
        struct timespec pause = { 0, 500000000 };
        nanosleep(&pause, NULL);
    }
    fputs("cluster_load: the topic has no partitions after 30 s\n", stderr);
    exit(1);
}

static bool open_journal(struct producing *p, const char *path)
{
    p->journal = fopen(path, "w");
    if (!p->journal) {
        perror(path);
        return false;
    }
    setvbuf(p->journal, NULL, _IOLBF, 0); /* whoever watches it sees each acknowledgement */
    return true;
}

static void print_result(const struct producing *p)
{
    uint64_t seconds_us = now_us() - p->began_us;
    printf("{\"sent\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"failed\":%" PRIu64
           ",\"abandoned\":%" PRIu64 ",\"restarts\":%u,\"error\":\"%s\","
           "\"seconds\":%.3f,\"latency_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"p999\":%.3f,"
           "\"max\":%.3f},\"windows\":[",
           p->sent, p->acked, p->failed, p->abandoned, p->restarts, p->error,
           (double)seconds_us / 1e6, latency_ms(&p->latency, 0.5), latency_ms(&p->latency, 0.99),
           latency_ms(&p->latency, 0.999), (double)p->latency.max / 1000);
    for (size_t i = 0; i < p->window_count; i++) {
        printf("%s{\"partition\":%" PRId32 ",\"at_s\":%.3f,\"ms\":%.1f}", i ? "," : "",
               p->windows[i].partition, (double)p->windows[i].at_us / 1e6,
               (double)p->windows[i].length_us / 1000);
    }
    puts("]}");
}

static bool open_producer(struct producing *p)
{
    char err[512];
    p->rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_dup(p->conf), err, sizeof(err));
    if (!p->rk) {
        fprintf(stderr, "cluster_load: %s\n", err);
        return false;
    }
    p->topic = rd_kafka_topic_new(p->rk, p->topic_name, NULL);
    return true;
}

static void close_producer(struct producing *p)
{
    rd_kafka_topic_destroy(p->topic);
    rd_kafka_destroy(p->rk);
}

/* Another producer, of another number: what the first had on its way may still arrive, late. */
static void begin_anew(struct producing *p)
{
    rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(p->rk, 10000);
    close_producer(p);
    p->restarts++;
    p->producer += PRODUCERS_MAX;
    if (!open_producer(p)) {
        exit(1);
    }
}

/* False when the queue is full: an outage, and the rate falls behind. */
static bool send_next(struct producing *p, char *value, double rate, int partitions)
{
    struct due *due = grown(NULL, sizeof(*due));
    uint64_t due_us = p->began_us + (uint64_t)((double)p->sent / rate * 1e6);
    *due = (struct due){ due_us, now_us(), p->sent, p->producer };
    size_t len = (size_t)snprintf(value, VALUE_BYTES_MAX, "%lu.%" PRIu64, p->producer, p->sent);
    value[len] = ' ';
    len = len < p->pad_bytes ? p->pad_bytes : len;
    if (rd_kafka_produce(p->topic, (int32_t)(p->sent % (uint64_t)partitions), RD_KAFKA_MSG_F_COPY,
                         value, len, NULL, 0, due)) {
        free(due);
        return false;
    }
    p->sent++;
    return true;
}

static int produce(struct producing *p, double rate, double seconds)
{
    if (!open_producer(p)) {
        return 1;
    }
    int partitions = partitions_of(p->rk, p->topic);
    char *value = grown(NULL, VALUE_BYTES_MAX);
    memset(value, ' ', VALUE_BYTES_MAX);
    p->began_us = now_us();
    uint64_t end_us = p->began_us + (uint64_t)(seconds * 1e6);
    for (uint64_t now; (now = now_us()) < end_us && !ending;) {
        uint64_t due_now = (uint64_t)((double)(now - p->began_us) / 1e6 * rate) + 1;
        while (p->sent < due_now && send_next(p, value, rate, partitions)) {
        }
        rd_kafka_poll(p->rk, 1);
        if (met_known_fault(p->rk)) {
            begin_anew(p);
        }
    }
    rd_kafka_flush(p->rk, 90000);
    if (met_known_fault(p->rk)) {
        begin_anew(p);
    }
    p->failed +=
        (uint64_t)rd_kafka_outq_len(p->rk) ? p->sent - p->acked - p->failed - p->abandoned : 0;
    fclose(p->journal);
    print_result(p);
    free(value);
    close_producer(p);
    return p->failed != 0;
}

/* --- check ------------------------------------------------------------------------------------ */

struct acked {
    int64_t offset;
    uint64_t producer, n;
};

struct numbers { /* which N of a producer were seen */
    uint64_t producer;
    uint8_t *bits;
    size_t bytes;
};

struct log_partition {
    struct acked *acked;
    size_t count, cap, next;
    int64_t end;
    struct {
        uint64_t producer, last;
        bool any;
    } order[PRODUCERS_MAX];
};

struct checking {
    struct log_partition partitions[PARTITIONS_MAX];
    struct acked *placeless; /* acknowledged without an offset */
    size_t placeless_count, placeless_cap;
    struct numbers numbers[PRODUCERS_MAX];
    uint64_t records, acked, lost, moved, duplicated, reordered, unacknowledged, foreign;
    unsigned examples;
};

static void example(struct checking *c, const char *what, int32_t partition, int64_t offset,
                    uint64_t producer, uint64_t n)
{
    if (c->examples++ < EXAMPLES_MAX) {
        fprintf(stderr,
                "%s: partition %" PRId32 " offset %" PRId64 " record %" PRIu64 ".%" PRIu64 "\n",
                what, partition, offset, producer, n);
    }
}

static void keep(struct acked **list, size_t *count, size_t *cap, const struct acked *a)
{
    if (*count == *cap) {
        *cap = *cap ? *cap * 2 : 4096;
        *list = grown(*list, *cap * sizeof(**list));
    }
    (*list)[(*count)++] = *a;
}

static void read_journal(struct checking *c, const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(66);
    }
    int32_t partition;
    struct acked a;
    char line[128];
    while (fgets(line, sizeof(line), f)) {
        /* A producer that was killed leaves half a line at the end. */
        if (!strchr(line, '\n') ||
            sscanf(line, "%" SCNd32 " %" SCNd64 " %" SCNu64 " %" SCNu64, &partition, &a.offset,
                   &a.producer, &a.n) != 4 ||
            partition < 0 || partition >= PARTITIONS_MAX) {
            continue;
        }
        struct log_partition *p = &c->partitions[partition];
        if (a.offset < 0) {
            keep(&c->placeless, &c->placeless_count, &c->placeless_cap, &a);
        } else {
            keep(&p->acked, &p->count, &p->cap, &a);
        }
        c->acked++;
    }
    fclose(f);
}

static int by_offset(const void *a, const void *b)
{
    int64_t x = ((const struct acked *)a)->offset, y = ((const struct acked *)b)->offset;
    return (x > y) - (x < y);
}

/* The numbers of this producer; NULL: more producers than any test has. */
static struct numbers *numbers_of(struct checking *c, uint64_t producer)
{
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        if (!c->numbers[i].bits || c->numbers[i].producer == producer) {
            return &c->numbers[i];
        }
    }
    return NULL;
}

static bool is_seen(struct checking *c, uint64_t producer, uint64_t n)
{
    const struct numbers *s = numbers_of(c, producer);
    return s && n / 8 < s->bytes && s->bits[n / 8] >> (n % 8) & 1;
}

/* Marks N as seen; true when it was before. */
static bool seen_before(struct checking *c, uint64_t producer, uint64_t n)
{
    struct numbers *s = numbers_of(c, producer);
    if (!s || n >> 32) {
        return false;
    }
    bool before = is_seen(c, producer, n);
    s->producer = producer;
    if (n / 8 >= s->bytes) {
        size_t bytes = (size_t)(n / 8 + 1) * 2;
        s->bits = grown(s->bits, bytes);
        memset(s->bits + s->bytes, 0, bytes - s->bytes);
        s->bytes = bytes;
    }
    s->bits[n / 8] |= (uint8_t)(1u << (n % 8));
    return before;
}

static bool ascends(struct log_partition *p, uint64_t producer, uint64_t n)
{
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        if (!p->order[i].any || p->order[i].producer == producer) {
            bool ok = !p->order[i].any || n > p->order[i].last;
            p->order[i].any = true;
            p->order[i].producer = producer;
            p->order[i].last = n;
            return ok;
        }
    }
    return true;
}

static void take_record(struct checking *c, const rd_kafka_message_t *m)
{
    struct log_partition *p = &c->partitions[m->partition];
    char value[64];
    snprintf(value, sizeof(value), "%.*s", (int)m->len, (const char *)m->payload);
    uint64_t producer, n;
    c->records++;
    for (; p->next < p->count && p->acked[p->next].offset < m->offset; p->next++) {
        c->lost++;
        example(c, "lost", m->partition, p->acked[p->next].offset, p->acked[p->next].producer,
                p->acked[p->next].n);
    }
    bool due = p->next < p->count && p->acked[p->next].offset == m->offset;
    if (sscanf(value, "%" SCNu64 ".%" SCNu64, &producer, &n) != 2) {
        c->foreign++;
        producer = n = UINT64_MAX;
    } else if (seen_before(c, producer, n)) {
        c->duplicated++;
        example(c, "duplicated", m->partition, m->offset, producer, n);
    } else if (!ascends(p, producer, n)) {
        c->reordered++;
        example(c, "reordered", m->partition, m->offset, producer, n);
    }
    c->unacknowledged += !due;
    for (; p->next < p->count && p->acked[p->next].offset == m->offset; p->next++) {
        if (p->acked[p->next].producer != producer || p->acked[p->next].n != n) {
            c->moved++;
            example(c, "moved", m->partition, m->offset, p->acked[p->next].producer,
                    p->acked[p->next].n);
        }
    }
}

/* Assigns all partitions from their beginning; returns how many have records. */
static int assign_all(rd_kafka_t *rk, const char *topic, int partitions, struct checking *c)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    int open = 0;
    for (int32_t i = 0; i < partitions; i++) {
        int64_t low, high;
        rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;
        for (int attempt = 0; attempt < 30; attempt++) {
            e = rd_kafka_query_watermark_offsets(rk, topic, i, &low, &high, 5000);
            if (!e) {
                break;
            }
            rd_kafka_poll(rk, 200);
        }
        if (e) {
            fprintf(stderr, "cluster_load: the end of %s-%d is unknown: %s\n", topic, (int)i,
                    rd_kafka_err2str(e));
            exit(1);
        }
        c->partitions[i].end = high;
        open += high > low;
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return open;
}

/* After the last record. */
static void count_the_rest_as_lost(struct checking *c)
{
    for (int32_t i = 0; i < PARTITIONS_MAX; i++) {
        struct log_partition *p = &c->partitions[i];
        for (; p->next < p->count; p->next++) {
            c->lost++;
            example(c, "lost", i, p->acked[p->next].offset, p->acked[p->next].producer,
                    p->acked[p->next].n);
        }
    }
    for (size_t i = 0; i < c->placeless_count; i++) {
        const struct acked *a = &c->placeless[i];
        if (!is_seen(c, a->producer, a->n)) {
            c->lost++;
            example(c, "lost", -1, a->offset, a->producer, a->n);
        }
    }
}

static int check(rd_kafka_t *rk, const char *topic, char **journals)
{
    struct checking *c = calloc(1, sizeof(*c));
    if (!c) {
        return 70;
    }
    for (; *journals; journals++) {
        read_journal(c, *journals);
    }
    rd_kafka_topic_t *t = rd_kafka_topic_new(rk, topic, NULL);
    int partitions = partitions_of(rk, t), open = assign_all(rk, topic, partitions, c);
    rd_kafka_topic_destroy(t);
    for (int32_t i = 0; i < PARTITIONS_MAX; i++) {
        if (c->partitions[i].count) {
            qsort(c->partitions[i].acked, c->partitions[i].count, sizeof(struct acked), by_offset);
        }
    }
    uint64_t heard_us = now_us();
    while (open > 0 && now_us() - heard_us < 60000000) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, 200);
        if (m && !m->err) {
            heard_us = now_us();
            take_record(c, m);
            open -= m->offset + 1 == c->partitions[m->partition].end;
        }
        if (m) {
            rd_kafka_message_destroy(m);
        }
    }
    count_the_rest_as_lost(c);
    printf("{\"records\":%" PRIu64 ",\"acked\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"moved\":%" PRIu64
           ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"unacknowledged\":%" PRIu64
           ",\"foreign\":%" PRIu64 ",\"unread_partitions\":%d}\n",
           c->records, c->acked, c->lost, c->moved, c->duplicated, c->reordered, c->unacknowledged,
           c->foreign, open);
    bool wrong = c->lost || c->moved || c->duplicated || c->reordered || open;
    for (int32_t i = 0; i < PARTITIONS_MAX; i++) {
        free(c->partitions[i].acked);
    }
    for (size_t i = 0; i < PRODUCERS_MAX; i++) {
        free(c->numbers[i].bits);
    }
    free(c->placeless);
    free(c);
    return wrong;
}

/* --- main ------------------------------------------------------------------------------------- */

static void set(rd_kafka_conf_t *conf, const char *key, const char *value)
{
    char err[512];
    if (rd_kafka_conf_set(conf, key, value, err, sizeof(err)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "cluster_load: %s\n", err);
        exit(64);
    }
}

static void set_producer(rd_kafka_conf_t *conf, char **pairs, struct producing *p)
{
    set(conf, "enable.idempotence", "true");
    set(conf, "acks", "all");
    set(conf, "linger.ms", "2");
    set(conf, "message.timeout.ms", "0"); /* whatever happens: wait */
    set(conf, "socket.timeout.ms", "10000");
    set(conf, "queue.buffering.max.messages", "1000000");
    for (; *pairs; pairs++) {
        char *eq = strchr(*pairs, '=');
        if (eq) {
            *eq = '\0';
            if (strcmp(*pairs, "pad.bytes") == 0) {
                size_t pad = strtoul(eq + 1, NULL, 10);
                p->pad_bytes = pad < VALUE_BYTES_MAX ? pad : VALUE_BYTES_MAX;
                continue;
            }
            set(conf, *pairs, eq + 1);
        }
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, p);
}

static int run_check(rd_kafka_conf_t *conf, const char *topic, char **journals)
{
    char err[512];
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, err, sizeof(err));
    if (!rk) {
        fprintf(stderr, "cluster_load: %s\n", err);
        return 1;
    }
    rd_kafka_poll_set_consumer(rk);
    int rc = check(rk, topic, journals);
    rd_kafka_consumer_close(rk);
    rd_kafka_destroy(rk);
    return rc;
}

int main(int argc, char **argv)
{
    bool producing = argc >= 8 && strcmp(argv[1], "produce") == 0;
    if (!producing && !(argc >= 4 && strcmp(argv[1], "check") == 0)) {
        fputs("usage: cluster_load produce BOOTSTRAP TOPIC PRODUCER RATE SECONDS JOURNAL "
              "[KEY=VALUE...]\n       cluster_load check BOOTSTRAP TOPIC JOURNAL...\n",
              stderr);
        return 64;
    }
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    struct producing *p = calloc(1, sizeof(*p));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (!p) {
        return 70;
    }
    set(conf, "bootstrap.servers", argv[2]);
    set(conf, "reconnect.backoff.ms", "50");
    set(conf, "reconnect.backoff.max.ms", "500");
    set(conf, "topic.metadata.refresh.fast.interval.ms", "100");
    int rc;
    if (producing) {
        p->producer = strtoul(argv[4], NULL, 10);
        p->topic_name = argv[3];
        p->conf = conf;
        if (!open_journal(p, argv[7])) {
            return 73;
        }
        set_producer(conf, argv + 8, p);
        rc = produce(p, strtod(argv[5], NULL), strtod(argv[6], NULL));
        rd_kafka_conf_destroy(conf);
    } else {
        set(conf, "group.id", "cluster_load");
        set(conf, "enable.auto.commit", "false");
        rc = run_check(conf, argv[3], argv + 4);
    }
    free(p->windows);
    free(p);
    return rc;
}
