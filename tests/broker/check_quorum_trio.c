/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_quorum_trio.c - three nodes in processes of their own: election, the leader's end by kill,
 * a voter that comes back empty, a node of another cluster.
 */
#include "protocol/net/loop.h"
#include "tests/broker/node.h"
#include "tests/broker/quorum_bench.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

enum { NODES = 3, WAIT_MS = 20000 };

struct trio {
    struct scratch_dir scratch;
    struct node nodes[NODES]; /* pid 0: not running */
    char dirs[NODES][320];
    char listeners[NODES][128], ids[NODES][12];
    uint16_t ports[NODES][2]; /* clients', controllers' */
    int held[NODES][2];       /* sockets that keep them, also while their node is down */
    char servers[128];
    char voters[256];
};

static const char *const directory_ids[NODES] = { "JEXY6aqzQY-32P5TStzaFg",
                                                  "MvDxzVmcRsaTz33bUuRU6A",
                                                  "07R5amHmR32VDA6jHkGbTA" };
static const char other_cluster[] = "4L6g3nShT-eMCtK--X86sw";

/* A socket that is bound and does not listen: whoever listens with SO_REUSEADDR, as nodes do, has
 * the port beside it, and the kernel gives it to nobody who asks for any. */
static int hold_port(uint16_t *ret_port)
{
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_port = ntohs(at.sin_port);
    return fd;
}

static void settings_of(const struct trio *t, int i, struct node_setting ret_settings[8])
{
    const struct node_setting settings[8] = {
        { "node.id", t->ids[i] },
        { "listeners", t->listeners[i] },
        { "controller.quorum.bootstrap.servers", t->servers },
        { NULL, NULL },
    };
    memcpy(ret_settings, settings, sizeof(settings));
}

static void format(struct trio *t, int i, const char *cluster_id, bool voter)
{
    struct bench w; /* its configuration and listeners, with the node's own directory */
    struct node_setting settings[8];
    struct loop *loop;
    bench_init(&w);
    settings_of(t, i, settings);
    bench_set(&w, "log.dirs", t->dirs[i]);
    for (const struct node_setting *s = settings; s->name; s++) {
        bench_set(&w, s->name, s->value);
    }
    const struct format_request request = {
        .config = &w.config,
        .cluster_id = cluster_id,
        .quorum = voter ? FORMAT_INITIAL : FORMAT_NO_INITIAL,
        .initial_controllers = t->voters,
    };
    struct buf out = { 0 };
    ck_assert_int_eq(loop_new(1, &loop, &w.err), ERR_OK);
    ck_assert_msg(format_storage(loop_env(loop), vfs_posix(), &request, &out, &w.err) == ERR_OK,
                  "%s", w.err.text);
    loop_free(loop);
    buf_deinit(&out);
    bench_deinit(&w);
}

static void start(struct trio *t, int i)
{
    struct node_setting settings[8];
    settings_of(t, i, settings);
    node_start(&t->nodes[i], t->dirs[i], settings);
}

static void trio_init(struct trio *t)
{
    struct scratch_dir scratch;
    scratch_dir_init(&scratch);
    *t = (struct trio){ .scratch = scratch };
    for (int i = 0; i < NODES; i++) {
        t->held[i][0] = hold_port(&t->ports[i][0]);
        t->held[i][1] = hold_port(&t->ports[i][1]);
        snprintf(t->ids[i], sizeof(t->ids[i]), "%d", i + 1);
        snprintf(t->dirs[i], sizeof(t->dirs[i]), "%s/%d", scratch.path, i + 1);
        snprintf(t->listeners[i], sizeof(t->listeners[i]),
                 "PLAINTEXT://127.0.0.1:%d,CONTROLLER://127.0.0.1:%d", t->ports[i][0],
                 t->ports[i][1]);
        size_t n = strlen(t->servers), v = strlen(t->voters);
        snprintf(t->servers + n, sizeof(t->servers) - n, "%s127.0.0.1:%d", i ? "," : "",
                 t->ports[i][1]);
        snprintf(t->voters + v, sizeof(t->voters) - v, "%s%d@127.0.0.1:%d:%s", i ? "," : "", i + 1,
                 t->ports[i][1], directory_ids[i]);
    }
}

static void trio_deinit(struct trio *t)
{
    for (int i = 0; i < NODES; i++) {
        if (t->nodes[i].pid) {
            node_kill(&t->nodes[i]);
        }
        close(t->held[i][0]);
        close(t->held[i][1]);
    }
    scratch_dir_deinit(&t->scratch);
}

/* --- DescribeQuorum --------------------------------------------------------------------------- */

struct answer {
    struct wire_client client;
    const struct describe_quorum_response_partition_data *partition;
};

static void ask(const struct trio *t, int i, struct answer *ret_answer)
{
    struct describe_quorum_request req;
    struct describe_quorum_request_topic_data topic;
    struct describe_quorum_request_partition_data partition;
    schema_init(&describe_quorum_request_schema, &req);
    schema_init(&describe_quorum_request_topic_data_schema, &topic);
    schema_init(&describe_quorum_request_partition_data_schema, &partition);
    topic.topic_name = slice_str(METADATA_TOPIC);
    topic.partitions = &partition;
    topic.partitions_n = 1;
    req.topics = &topic;
    req.topics_n = 1;
    wire_client_open_port(&ret_answer->client, t->ports[i][1]);
    const struct describe_quorum_response *resp =
        wire_client_call(&ret_answer->client, API_DescribeQuorum, 2, &req);
    ck_assert_int_eq(resp->error_code, 0);
    ck_assert_int_eq(resp->topics_n, 1);
    ck_assert_int_eq(resp->topics[0].partitions_n, 1);
    ret_answer->partition = &resp->topics[0].partitions[0];
}

static bool all_caught_up(const struct describe_quorum_response_partition_data *p)
{
    int64_t leader_end = 0;
    for (int32_t i = 0; i < p->current_voters_n; i++) {
        if (p->current_voters[i].replica_id == p->leader_id) {
            leader_end = p->current_voters[i].log_end_offset;
        }
    }
    for (int32_t i = 0; i < p->current_voters_n; i++) {
        if (p->current_voters[i].log_end_offset < leader_end) {
            return false;
        }
    }
    return p->high_watermark > 0 && p->high_watermark == leader_end;
}

/* Asks the running nodes until one leads and, when `whole`, every voter has its log. Returns its
 * index; the answer is the caller's to close. */
static int wait_for_leader(const struct trio *t, bool whole, struct answer *ret_answer)
{
    for (int round = 0; round < WAIT_MS / 50; round++) {
        for (int i = 0; i < NODES; i++) {
            if (!t->nodes[i].pid) {
                continue;
            }
            ask(t, i, ret_answer);
            const struct describe_quorum_response_partition_data *p = ret_answer->partition;
            if (p->error_code == 0 && p->leader_id == i + 1 && (!whole || all_caught_up(p))) {
                return i;
            }
            wire_client_close(&ret_answer->client);
        }
        nanosleep(&(struct timespec){ .tv_nsec = 50 * NS_PER_MS }, NULL);
    }
    ck_abort_msg("no leader in time");
}

static void check_voters(const struct answer *a)
{
    ck_assert_int_eq(a->partition->current_voters_n, NODES);
    for (int32_t i = 0; i < NODES; i++) {
        char id[23];
        int32_t node = a->partition->current_voters[i].replica_id;
        ck_assert(node >= 1 && node <= NODES);
        uuid_format(&a->partition->current_voters[i].replica_directory_id, id);
        ck_assert_str_eq(id, directory_ids[node - 1]);
    }
}

/* --- claims ----------------------------------------------------------------------------------- */

START_TEST(three_nodes_elect_and_survive_the_leaders_end)
{
    struct trio t;
    struct answer a;
    trio_init(&t);
    for (int i = 0; i < NODES; i++) {
        format(&t, i, BENCH_CLUSTER_ID, true);
        start(&t, i);
    }
    int32_t epoch = 0;
    for (int round = 0; round < 2; round++) {
        int leader = wait_for_leader(&t, true, &a);
        check_voters(&a);
        ck_assert_int_gt(a.partition->leader_epoch, epoch);
        epoch = a.partition->leader_epoch;
        wire_client_close(&a.client);
        node_kill(&t.nodes[leader]);
        int next = wait_for_leader(&t, false, &a);
        ck_assert_int_ne(next, leader);
        ck_assert_int_gt(a.partition->leader_epoch, epoch);
        epoch = a.partition->leader_epoch - 1;
        wire_client_close(&a.client);
        start(&t, leader);
    }
    wait_for_leader(&t, true, &a);
    wire_client_close(&a.client);
    trio_deinit(&t);
}
END_TEST

START_TEST(voter_that_comes_back_empty_is_an_observer)
{
    struct trio t;
    struct answer a;
    trio_init(&t);
    for (int i = 0; i < NODES; i++) {
        format(&t, i, BENCH_CLUSTER_ID, true);
        start(&t, i);
    }
    int leader = wait_for_leader(&t, true, &a);
    wire_client_close(&a.client);
    int lost = (leader + 1) % NODES;
    node_kill(&t.nodes[lost]);
    ck_assert_int_eq(nftw(t.dirs[lost], scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    format(&t, lost, BENCH_CLUSTER_ID, false);
    start(&t, lost);
    bool seen = false;
    for (int round = 0; round < WAIT_MS / 50 && !seen; round++) {
        wait_for_leader(&t, false, &a);
        check_voters(&a); /* the directory that is gone is still the voter */
        for (int32_t i = 0; i < a.partition->observers_n; i++) {
            seen |= a.partition->observers[i].replica_id == lost + 1;
        }
        wire_client_close(&a.client);
        nanosleep(&(struct timespec){ .tv_nsec = 50 * NS_PER_MS }, NULL);
    }
    ck_assert_msg(seen, "the node never followed");
    trio_deinit(&t);
}
END_TEST

START_TEST(node_of_another_cluster_stays_out_and_harms_nobody)
{
    struct trio t;
    struct answer a;
    trio_init(&t);
    for (int i = 0; i < NODES; i++) {
        format(&t, i, i == 2 ? other_cluster : BENCH_CLUSTER_ID, true);
        start(&t, i);
    }
    for (int round = 0; round < 20; round++) {
        int leader = wait_for_leader(&t, false, &a);
        ck_assert_int_ne(leader, 2);
        for (int32_t i = 0; i < a.partition->current_voters_n; i++) {
            bool foreign = a.partition->current_voters[i].replica_id == 3;
            ck_assert(!foreign || a.partition->current_voters[i].log_end_offset <= 0);
        }
        wire_client_close(&a.client);
        nanosleep(&(struct timespec){ .tv_nsec = 100 * NS_PER_MS }, NULL);
    }
    trio_deinit(&t);
}
END_TEST

Suite *quorum_trio_suite(void)
{
    Suite *s = suite_create("quorum of three");
    TCase *tc = tcase_create("trio");
    tcase_set_timeout(tc, 90);
    tcase_add_test(tc, three_nodes_elect_and_survive_the_leaders_end);
    tcase_add_test(tc, voter_that_comes_back_empty_is_an_observer);
    tcase_add_test(tc, node_of_another_cluster_stays_out_and_harms_nobody);
    suite_add_tcase(s, tc);
    return s;
}
