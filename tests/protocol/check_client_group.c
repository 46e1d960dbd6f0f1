/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_group.c - subscriptions and assignments, byte by byte as Apache Kafka's Java
 * consumer (4.3.1, cooperative-sticky, topic t6) sends and reads them; taken from a DescribeGroups
 * answer. */
#include "protocol/client/consumer_internal.h"
#include "tests/support/fake_env.h"

#include <check.h>
#include <stdio.h>

Suite *client_group_suite(void);

static const char fresh_member[] = "0003000000010002743600000004ffffffff00000000ffffffffffff";
static const char member_with_three[] = "0003000000010002743600000004000000020000000100027436000000"
                                        "0300000000000000010000000200000002ffff";
static const char three_assigned[] = "0003000000010002743600000003000000000000000100000002ffffffff";

struct rig {
    struct fake_env env;
    struct client *client;
    struct consumer *consumer;
    struct arena arena;
    size_t assigned, revoking, lost;
    bool answer; /* consumer_revoked() from within revoking() */
};

static void on_assigned(void *user, struct consumer_partition *const *parts, size_t count)
{
    ((struct rig *)user)->assigned += count;
}

static void on_revoking(void *user, struct consumer_partition *const *parts, size_t count)
{
    struct rig *r = user;
    r->revoking += count;
    if (r->answer) {
        consumer_revoked(r->consumer);
    }
}

static void on_lost(void *user, struct consumer_partition *const *parts, size_t count)
{
    ((struct rig *)user)->lost += count;
}

static void rig_init(struct rig *r)
{
    static const char *const topics[] = { "t6" };
    static const char *const assignors[] = { "cooperative-sticky" };
    *r = (struct rig){ .answer = true };
    fake_env_init(&r->env, 1);
    struct client_config client_cfg = { .bootstrap_count = 0 };
    struct consumer_config cfg = { .group_id = "g",
                                   .topics = topics,
                                   .topic_count = 1,
                                   .assignors = assignors,
                                   .assignor_count = 1 };
    struct consumer_events events = { .assigned = on_assigned,
                                      .revoking = on_revoking,
                                      .lost = on_lost };
    r->client = client_new(r->env.env, &client_cfg, NULL);
    r->consumer = consumer_new(r->client, &cfg, &events, r);
    arena_init(&r->arena, 1 << 20);
}

static void rig_deinit(struct rig *r)
{
    consumer_free(r->consumer);
    client_free(r->client);
    arena_deinit(&r->arena);
    fake_env_deinit(&r->env);
}

static const char *to_hex(struct slice s, char *text, size_t size)
{
    ck_assert_uint_gt(size, s.len * 2);
    for (size_t i = 0; i < s.len; i++) {
        snprintf(text + 2 * i, 3, "%02x", s.ptr[i]);
    }
    return text;
}

static struct slice from_hex(const char *text, struct arena *arena)
{
    size_t len = strlen(text) / 2;
    uint8_t *bytes = arena_alloc(arena, len);
    for (size_t i = 0; i < len; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    return slice_of(bytes, len);
}

static void check_subscription(struct rig *r, const char *expected)
{
    char text[512];
    struct join_group_request request;
    schema_init(&join_group_request_schema, &request);
    group_subscriptions(r->consumer, &request, &r->arena);
    ck_assert_int_eq(request.protocols_n, 1);
    ck_assert_str_eq(to_hex(request.protocols[0].metadata, text, sizeof(text)), expected);
}

START_TEST(subscriptions_are_the_java_clients_bytes)
{
    struct rig r;
    rig_init(&r);
    check_subscription(&r, fresh_member);
    r.consumer->group.generation = 2;
    ck_assert_int_eq(group_take_assignment(r.consumer, from_hex(three_assigned, &r.arena)), ERR_OK);
    check_subscription(&r, member_with_three);
    rig_deinit(&r);
}
END_TEST

START_TEST(an_assignment_of_the_java_client_is_taken_over)
{
    struct rig r;
    rig_init(&r);
    ck_assert_int_eq(group_take_assignment(r.consumer, from_hex(three_assigned, &r.arena)), ERR_OK);
    ck_assert_uint_eq(r.assigned, 3);
    for (int32_t i = 0; i < 3; i++) {
        ck_assert_ptr_nonnull(consumer_find_part(r.consumer, slice_str("t6"), i));
    }
    rig_deinit(&r);
}
END_TEST

START_TEST(a_cut_assignment_changes_nothing)
{
    struct rig r;
    rig_init(&r);
    struct slice whole = from_hex(three_assigned, &r.arena);
    for (size_t len = 1; len < whole.len; len++) {
        enum err err = group_take_assignment(r.consumer, slice_head(whole, len));
        ck_assert_msg(err != ERR_OK, "%zu bytes were taken", len);
        ck_assert_uint_eq(r.consumer->part_count, 0);
    }
    rig_deinit(&r);
}
END_TEST

START_TEST(only_what_moves_is_revoked)
{
    struct rig r;
    rig_init(&r);
    struct consumer *c = r.consumer;
    ck_assert_int_eq(group_take_assignment(c, from_hex(three_assigned, &r.arena)), ERR_OK);
    const struct part *kept = consumer_find_part(c, slice_str("t6"), 0);
    ck_assert_int_eq(group_take_assignment(c,
                                           from_hex("000000000001000274360000000100000000ffffffff",
                                                    &r.arena)),
                     ERR_OK);
    ck_assert_uint_eq(r.revoking, 2);
    fake_env_run(&r.env, r.env.now_ns + 1);
    ck_assert_uint_eq(c->part_count, 1);
    ck_assert_ptr_eq(consumer_find_part(c, slice_str("t6"), 0), kept);
    ck_assert_uint_eq(r.lost, 0);
    rig_deinit(&r);
}
END_TEST

START_TEST(partitions_that_are_not_drained_in_time_are_lost)
{
    struct rig r;
    rig_init(&r);
    r.answer = false;
    ck_assert_int_eq(group_take_assignment(r.consumer, from_hex(three_assigned, &r.arena)), ERR_OK);
    ck_assert_int_eq(group_take_assignment(r.consumer, slice_str("")), ERR_OK);
    fake_env_run(&r.env, r.env.now_ns + 299ull * NS_PER_S);
    ck_assert_uint_eq(r.consumer->part_count, 3);
    fake_env_run(&r.env, r.env.now_ns + 2ull * NS_PER_S);
    ck_assert_uint_eq(r.lost, 3);
    ck_assert_uint_eq(r.consumer->part_count, 0);
    rig_deinit(&r);
}
END_TEST

START_TEST(a_commit_never_goes_back)
{
    struct rig r;
    rig_init(&r);
    ck_assert_int_eq(group_take_assignment(r.consumer, from_hex(three_assigned, &r.arena)), ERR_OK);
    struct part *p = consumer_find_part(r.consumer, slice_str("t6"), 1);
    consumer_commit(r.consumer, &p->pub, 10, 0);
    consumer_commit(r.consumer, &p->pub, 7, 0);
    ck_assert_int_eq(p->commit_wanted, 10);
    ck_assert(offsets_pending(r.consumer, false));
    rig_deinit(&r);
}
END_TEST

Suite *client_group_suite(void)
{
    Suite *s = suite_create("client_group");
    TCase *t = tcase_create("group");
    tcase_add_test(t, subscriptions_are_the_java_clients_bytes);
    tcase_add_test(t, an_assignment_of_the_java_client_is_taken_over);
    tcase_add_test(t, a_cut_assignment_changes_nothing);
    tcase_add_test(t, only_what_moves_is_revoked);
    tcase_add_test(t, partitions_that_are_not_drained_in_time_are_lost);
    tcase_add_test(t, a_commit_never_goes_back);
    suite_add_tcase(s, t);
    return s;
}
