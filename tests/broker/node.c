/* SPDX-License-Identifier: Apache-2.0 */
/* node.c - see node.h. */
#include "tests/broker/node.h"

#include "broker/runtime.h"
#include "protocol/base/alloc.h"

#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_MS = 20000, REPLY_BYTES_MAX = 256 << 20 };

/* --- the node's process ----------------------------------------------------------------------- */

struct process {
    struct loop *loop;
    struct broker *broker;
    bool failed;
};

static void drained(void *ctx)
{
    struct process *p = ctx;
    struct error err;
    p->failed = broker_shutdown(p->broker, &err) != ERR_OK;
    if (p->failed) {
        fprintf(stderr, "shutdown: %s\n", err.text);
    }
    loop_stop(p->loop);
}

static void on_term(void *owner, int signum)
{
    struct process *p = owner;
    (void)signum;
    runtime_close_listeners(p->broker);
    broker_drain(p->broker, drained, p);
}

static void configure(struct broker_config *config, struct arena *arena, const char *dir,
                      const struct node_setting *settings)
{
    struct error err;
    if (config_load(&broker_config_table, NULL, arena, NULL, NULL, config, &err) ||
        config_set(&broker_config_table, "log.dirs", slice_str(dir), arena, config, &err) ||
        config_set(&broker_config_table, "listeners", slice_str("PLAINTEXT://127.0.0.1:0"), arena,
                   config, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    for (; settings && settings->name; settings++) {
        if (config_set(&broker_config_table, settings->name, slice_str(settings->value), arena,
                       config, &err)) {
            fprintf(stderr, "%s\n", err.text);
            exit(2);
        }
    }
}

static void run_node(const char *dir, const struct node_setting *settings, int port_fd)
{
    struct arena arena;
    struct broker_config config;
    struct process p = { 0 };
    struct error err = { 0 };
    arena_init(&arena, 1 << 20);
    configure(&config, &arena, dir, settings);
    struct log_sink *sink = getenv("NODE_LOG") ? log_sink_new(2, LOG_DEBUG, LOG_LOGFMT) : NULL;
    struct broker_args args = { .config = &config, .vfs = vfs_posix(), .default_dir = dir };
    args.log = (struct log){ .sink = sink, .component = "broker" };
    if (loop_new(2, &p.loop, &err) ||
        runtime_listeners(&config, NULL, &arena, &args.listeners, &args.listener_count, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    args.env = loop_env(p.loop);
    if (broker_start(&args, &p.broker, &err) || runtime_listen(p.loop, p.broker, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(2);
    }
    loop_on_signal(p.loop, SIGTERM, on_term, &p);
    const struct broker *b = p.broker;
    uint16_t ports[2] = { b->listeners[0].port, b->listener_count > 1 ? b->listeners[1].port : 0 };
    if (write(port_fd, ports, sizeof(ports)) != sizeof(ports)) {
        exit(2);
    }
    close(port_fd);
    loop_run(p.loop);
    loop_turn(p.loop, 0); /* streams are buried */
    broker_free(p.broker);
    loop_free(p.loop);
    arena_deinit(&arena);
    if (sink) {
        log_sink_free(sink);
    }
    exit(p.failed ? 3 : 0);
}

void node_start(struct node *n, const char *dir, const struct node_setting *settings)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    fflush(NULL);
    n->pid = fork();
    ck_assert_int_ge(n->pid, 0);
    if (n->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fds[0]);
        run_node(dir, settings, fds[1]);
    }
    close(fds[1]);
    uint16_t ports[2];
    ssize_t got = read(fds[0], ports, sizeof(ports));
    close(fds[0]);
    ck_assert_msg(got == sizeof(ports), "the node did not start");
    n->port = ports[0];
    n->controller_port = ports[1];
}

void node_kill(struct node *n)
{
    kill(n->pid, SIGKILL);
    ck_assert_int_eq(waitpid(n->pid, NULL, 0), n->pid);
    n->pid = 0;
}

void node_stop(struct node *n)
{
    int status;
    kill(n->pid, SIGTERM);
    ck_assert_int_eq(waitpid(n->pid, &status, 0), n->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the node ended with status %x",
                  (unsigned)status);
    n->pid = 0;
}

size_t node_rss_bytes(const struct node *n)
{
    char path[64];
    unsigned long total = 0, resident = 0;
    snprintf(path, sizeof(path), "/proc/%d/statm", (int)n->pid);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%lu %lu", &total, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* --- the client ------------------------------------------------------------------------------- */

void wire_client_open(struct wire_client *c, const struct node *n)
{
    wire_client_open_port(c, n->port);
}

void wire_client_open_port(struct wire_client *c, uint16_t port)
{
    *c = (struct wire_client){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    ck_assert_int_eq(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    arena_init(&c->arena, REPLY_BYTES_MAX);
}

void wire_client_close(struct wire_client *c)
{
    close(c->fd);
    arena_deinit(&c->arena);
    mem_free(c->frame);
    c->frame = NULL;
}

void wire_client_send_bytes(struct wire_client *c, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;
    while (len > 0) {
        ssize_t n = send(c->fd, at, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return; /* the node may have closed already: the test looks at that */
        }
        at += n;
        len -= (size_t)n;
    }
}

void wire_client_send(struct wire_client *c, int16_t key, int16_t version, const void *request)
{
    struct request_header header = { .request_api_key = key,
                                     .request_api_version = version,
                                     .correlation_id = ++c->correlation_id,
                                     .client_id = slice_str("test") };
    struct buf frame = { 0 };
    struct writer w;
    writer_init(&w, &frame);
    ck_assert_int_eq(api_frame_request(&w, &header, request), ERR_OK);
    writer_deinit(&w);
    wire_client_send_bytes(c, frame.ptr, frame.len);
    buf_deinit(&frame);
}

bool wire_client_has_input(struct wire_client *c, int timeout_ms)
{
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    return poll(&p, 1, timeout_ms) == 1;
}

static void read_exactly(struct wire_client *c, uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ck_assert_msg(wire_client_has_input(c, ANSWER_TIMEOUT_MS), "no answer in time");
        ssize_t n = recv(c->fd, bytes, len, 0);
        ck_assert_msg(n > 0, "the node closed the connection");
        bytes += n;
        len -= (size_t)n;
    }
}

void *wire_client_receive(struct wire_client *c, int16_t key, int16_t version)
{
    uint8_t head[4];
    read_exactly(c, head, sizeof(head));
    struct reader r = reader_of(slice_of(head, sizeof(head)));
    int32_t len = reader_i32(&r);
    ck_assert_int_ge(len, 4);
    ck_assert_int_lt(len, REPLY_BYTES_MAX);
    mem_free(c->frame);
    c->frame = mem_alloc((size_t)len);
    read_exactly(c, c->frame, (size_t)len);
    r = reader_of(slice_of(c->frame, (size_t)len));
    int32_t correlation_id;
    ck_assert_int_eq(api_response_header_decode(&r, key, version, &correlation_id), ERR_OK);
    ck_assert_int_le(correlation_id, c->correlation_id);
    const struct api *api = api_find(key);
    arena_reset(&c->arena);
    void *msg = arena_alloc(&c->arena, api->response->size);
    ck_assert_int_eq(schema_decode(api->response, version, &r, &c->arena, msg), ERR_OK);
    ck_assert_uint_eq(reader_left(&r), 0);
    return msg;
}

void *wire_client_call(struct wire_client *c, int16_t key, int16_t version, const void *request)
{
    wire_client_send(c, key, version, request);
    return wire_client_receive(c, key, version);
}

bool wire_client_is_closed(struct wire_client *c, int timeout_ms)
{
    uint8_t byte;
    return wire_client_has_input(c, timeout_ms) && recv(c->fd, &byte, 1, 0) <= 0;
}

/* --- the usual -------------------------------------------------------------------------------- */

struct batch_seal plain_seal(void)
{
    return (struct batch_seal){
        .codec = CODEC_NONE, .producer_id = -1, .producer_epoch = -1, .base_sequence = -1
    };
}

struct slice make_batch(struct batch_builder *b, const char *prefix, int count,
                        const struct batch_seal *seal)
{
    struct buf unused = { 0 };
    struct slice bytes;
    batch_builder_reset(b);
    for (int i = 0; i < count; i++) {
        char value[64];
        snprintf(value, sizeof(value), "%s%d", prefix, i);
        struct record rec = { .timestamp_ms = 1700000000000 + i, .value = slice_str(value) };
        batch_builder_append(b, &rec);
    }
    ck_assert_int_eq(batch_builder_seal(b, seal, &unused, &bytes), ERR_OK);
    buf_deinit(&unused);
    return bytes;
}

void create_topic(struct wire_client *c, const char *name, int32_t partitions)
{
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request req;
    schema_init(&create_topics_request_creatable_topic_schema, &topic);
    schema_init(&create_topics_request_schema, &req);
    topic.name = slice_str(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    req.topics = &topic;
    req.topics_n = 1;
    struct create_topics_response *resp = wire_client_call(c, API_CreateTopics, 7, &req);
    ck_assert_int_eq(resp->topics_n, 1);
    ck_assert_int_eq(resp->topics[0].error_code, 0);
}

struct uuid topic_id(struct wire_client *c, const char *name)
{
    struct metadata_request_topic topic;
    struct metadata_request req;
    schema_init(&metadata_request_topic_schema, &topic);
    schema_init(&metadata_request_schema, &req);
    topic.name = slice_str(name);
    req.topics = &topic;
    req.topics_n = 1;
    req.allow_auto_topic_creation = false;
    struct metadata_response *resp = wire_client_call(c, API_Metadata, 12, &req);
    ck_assert_int_eq(resp->topics[0].error_code, 0);
    return resp->topics[0].topic_id;
}

int16_t produce(struct wire_client *c, const char *topic, int16_t acks, struct slice records,
                int64_t *ret_base_offset)
{
    struct produce_request_partition_produce_data data;
    struct produce_request_topic_produce_data td;
    struct produce_request req;
    schema_init(&produce_request_partition_produce_data_schema, &data);
    schema_init(&produce_request_topic_produce_data_schema, &td);
    schema_init(&produce_request_schema, &req);
    data.records.bytes = records;
    td.name = slice_str(topic);
    td.partition_data = &data;
    td.partition_data_n = 1;
    req.acks = acks;
    req.timeout_ms = 10000;
    req.topic_data = &td;
    req.topic_data_n = 1;
    if (acks == 0) {
        wire_client_send(c, API_Produce, 9, &req);
        return 0;
    }
    struct produce_response *resp = wire_client_call(c, API_Produce, 9, &req);
    ck_assert_int_eq(resp->responses_n, 1);
    ck_assert_int_eq(resp->responses[0].partition_responses_n, 1);
    if (ret_base_offset) {
        *ret_base_offset = resp->responses[0].partition_responses[0].base_offset;
    }
    return resp->responses[0].partition_responses[0].error_code;
}

struct fetch_response_partition_data *fetch(struct wire_client *c, const char *topic,
                                            int64_t offset, int32_t max_bytes, int32_t max_wait_ms,
                                            int32_t min_bytes)
{
    struct fetch_request_partition part;
    struct fetch_request_topic t;
    struct fetch_request req;
    schema_init(&fetch_request_partition_schema, &part);
    schema_init(&fetch_request_topic_schema, &t);
    schema_init(&fetch_request_schema, &req);
    part.fetch_offset = offset;
    part.partition_max_bytes = max_bytes;
    t.topic = slice_str(topic);
    t.partitions = &part;
    t.partitions_n = 1;
    req.max_wait_ms = max_wait_ms;
    req.min_bytes = min_bytes;
    req.max_bytes = max_bytes;
    req.topics = &t;
    req.topics_n = 1;
    struct fetch_response *resp = wire_client_call(c, API_Fetch, 11, &req);
    ck_assert_int_eq(resp->error_code, 0);
    ck_assert_int_eq(resp->responses_n, 1);
    ck_assert_int_eq(resp->responses[0].partitions_n, 1);
    return &resp->responses[0].partitions[0];
}

static int append_values(struct slice records, int64_t from, int64_t *ret_next, struct buf *out)
{
    int count = 0;
    struct batch_view batch;
    while (records.len > 0 && batch_parse(records, &batch) == ERR_OK) {
        struct batch_iter it;
        struct record rec;
        struct buf scratch = { 0 };
        ck_assert_int_eq(batch_check_crc(&batch), ERR_OK);
        ck_assert_int_eq(batch_iter_init(&it, &batch, &scratch, 64 << 20), ERR_OK);
        while (batch_iter_next(&it, &rec) == ERR_OK) {
            if (rec.offset >= from) {
                buf_append_slice(out, rec.value);
                buf_append_byte(out, '\n');
                count++;
            }
        }
        *ret_next = batch_last_offset(&batch) + 1;
        records = slice_from(records, batch.bytes.len);
        buf_deinit(&scratch);
    }
    return count;
}

int read_values(struct wire_client *c, const char *topic, int64_t offset, struct buf *out)
{
    int count = 0;
    for (;;) {
        const struct fetch_response_partition_data *p = fetch(c, topic, offset, 1 << 20, 0, 0);
        ck_assert_int_eq(p->error_code, 0);
        int64_t next = offset;
        int n = append_values(p->records.bytes, offset, &next, out);
        if (n == 0) {
            return count;
        }
        count += n;
        offset = next;
    }
}
