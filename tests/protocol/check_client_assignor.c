/* SPDX-License-Identifier: Apache-2.0 */
/* check_client_assignor.c - range, roundrobin and cooperative-sticky, by example and by
 * property. */
#include "protocol/client/assignor.h"

#include "protocol/base/rng.h"

#include <check.h>
#include <stdio.h>

Suite *client_assignor_suite(void);

enum { MEMBERS = 7, TOPICS = 4, PARTITIONS = 12 };

struct world {
    struct arena arena;
    struct assignor_topic topics[TOPICS];
    struct assignor_member members[MEMBERS];
    struct assignor_input in;
};

static const int32_t all_topics[TOPICS] = { 0, 1, 2, 3 };

static void world_init(struct world *w, int32_t members, int32_t topics, int32_t partitions)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g" };
    *w = (struct world){ 0 };
    arena_init(&w->arena, 1 << 20);
    w->in = (struct assignor_input){ w->topics, topics, w->members, members };
    for (int32_t i = 0; i < topics; i++) {
        w->topics[i] = (struct assignor_topic){ slice_of(names[i], 1), partitions };
    }
    for (int32_t i = 0; i < members; i++) {
        w->members[i] = (struct assignor_member){ .member_id = slice_of(names[i], 1),
                                                  .topics = all_topics,
                                                  .topic_count = topics,
                                                  .generation = -1 };
    }
}

static void assign(struct world *w, const char *name)
{
    ck_assert_int_eq(assignor_find(slice_str(name))->assign(&w->in, &w->arena), ERR_OK);
}

/* "a: 0-0 0-1, b: 1-0" */
static const char *show(const struct world *w, char *text, size_t size)
{
    size_t n = 0;
    text[0] = 0;
    for (int32_t m = 0; m < w->in.member_count; m++) {
        const struct assignor_member *member = &w->members[m];
        n += (size_t)snprintf(text + n, size - n, "%s%.*s:", m ? ", " : "",
                              SLICE_ARG(member->member_id));
        for (int32_t i = 0; i < member->assigned_count; i++) {
            n += (size_t)snprintf(text + n, size - n, " %d-%d", (int)member->assigned[i].topic,
                                  (int)member->assigned[i].partition);
        }
    }
    return text;
}

START_TEST(known_cases_come_out_as_in_the_java_client)
{
    static const struct {
        const char *assignor;
        int32_t members, topics, partitions;
        const char *result;
    } rows[] = {
        { "range", 2, 2, 3, "a: 0-0 0-1 1-0 1-1, b: 0-2 1-2" },
        { "range", 3, 1, 7, "a: 0-0 0-1 0-2, b: 0-3 0-4, c: 0-5 0-6" },
        { "range", 3, 1, 1, "a: 0-0, b:, c:" },
        { "roundrobin", 2, 2, 3, "a: 0-0 0-2 1-1, b: 0-1 1-0 1-2" },
        { "roundrobin", 3, 1, 4, "a: 0-0 0-3, b: 0-1, c: 0-2" },
        { "range", 1, 0, 0, "a:" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct world w;
        char text[512];
        world_init(&w, rows[i].members, rows[i].topics, rows[i].partitions);
        assign(&w, rows[i].assignor);
        ck_assert_str_eq(show(&w, text, sizeof(text)), rows[i].result);
        arena_deinit(&w.arena);
    }
}
END_TEST

START_TEST(static_members_come_first_by_instance_id)
{
    struct world w;
    char text[512];
    world_init(&w, 3, 1, 3);
    w.members[1].instance_id = slice_str("z");
    w.members[2].instance_id = slice_str("y");
    assign(&w, "range");
    ck_assert_str_eq(show(&w, text, sizeof(text)), "c: 0-0, b: 0-1, a: 0-2");
    arena_deinit(&w.arena);
}
END_TEST

/* Random counts and subscriptions. */
static void world_random(struct world *w, struct rng *rng, bool same)
{
    world_init(w, 1 + (int32_t)rng_below(rng, MEMBERS), 1 + (int32_t)rng_below(rng, TOPICS), 0);
    for (int32_t i = 0; i < w->in.topic_count; i++) {
        w->topics[i].partition_count = (int32_t)rng_below(rng, PARTITIONS + 1);
    }
    for (int32_t m = 0; m < w->in.member_count && !same; m++) {
        int32_t *topics = arena_array(&w->arena, TOPICS, sizeof(*topics));
        w->members[m].topics = topics;
        w->members[m].topic_count = 0;
        for (int32_t t = 0; t < w->in.topic_count; t++) {
            if (rng_below(rng, 3)) {
                topics[w->members[m].topic_count++] = t;
            }
        }
    }
}

static bool subscribes(const struct assignor_member *m, int32_t topic)
{
    for (int32_t i = 0; i < m->topic_count; i++) {
        if (m->topics[i] == topic) {
            return true;
        }
    }
    return false;
}

/* Counts the owners of every partition into `owners`; checks that they subscribe. */
static void count_owners(const struct world *w, int owners[TOPICS][PARTITIONS])
{
    memset(owners, 0, sizeof(int[TOPICS][PARTITIONS]));
    for (int32_t m = 0; m < w->in.member_count; m++) {
        const struct assignor_member *member = &w->members[m];
        for (int32_t i = 0; i < member->assigned_count; i++) {
            ck_assert(subscribes(member, member->assigned[i].topic));
            owners[member->assigned[i].topic][member->assigned[i].partition]++;
        }
    }
}

static void check_complete(const struct world *w)
{
    int owners[TOPICS][PARTITIONS];
    count_owners(w, owners);
    for (int32_t t = 0; t < w->in.topic_count; t++) {
        bool wanted = false;
        for (int32_t m = 0; m < w->in.member_count; m++) {
            wanted = wanted || subscribes(&w->members[m], t);
        }
        for (int32_t i = 0; i < w->topics[t].partition_count; i++) {
            ck_assert_int_eq(owners[t][i], wanted);
        }
    }
}

static void check_balanced(const struct world *w)
{
    int32_t least = INT32_MAX, most = 0;
    for (int32_t m = 0; m < w->in.member_count; m++) {
        int32_t n = w->members[m].assigned_count;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    ck_assert_int_le(most - least, 1);
}

START_TEST(every_partition_goes_to_exactly_one_subscriber)
{
    static const char *const names[] = { "range", "roundrobin", "cooperative-sticky" };
    struct rng rng;
    rng_seed(&rng, 5);
    for (int run = 0; run < 3000; run++) {
        struct world w;
        bool same = rng_below(&rng, 2);
        world_random(&w, &rng, same);
        assign(&w, names[run % 3]);
        check_complete(&w);
        if (same && run % 3) {
            check_balanced(&w);
        }
        arena_deinit(&w.arena);
    }
}
END_TEST

/* What each member keeps is what it says it owns the next time. */
static void own_assigned(struct world *w, int32_t generation)
{
    for (int32_t m = 0; m < w->in.member_count; m++) {
        w->members[m].owned = w->members[m].assigned;
        w->members[m].owned_count = w->members[m].assigned_count;
        w->members[m].generation = generation;
    }
}

/* How many partitions must move when `count` members share what the first ones hold. */
static int32_t least_moves(const struct world *w)
{
    int32_t total = 0;
    for (int32_t t = 0; t < w->in.topic_count; t++) {
        total += w->topics[t].partition_count;
    }
    int32_t low = total / w->in.member_count, more = total % w->in.member_count;
    int32_t moves = 0;
    for (int32_t m = 0; m < w->in.member_count; m++) {
        int32_t n = w->members[m].owned_count;
        int32_t may = n > low && more > 0 ? low + 1 : low;
        more -= n > low && more > 0;
        moves += n > may ? n - may : 0;
    }
    return moves;
}

START_TEST(sticky_moves_no_more_than_balance_needs_and_only_after_they_were_given_up)
{
    struct rng rng;
    rng_seed(&rng, 6);
    for (int run = 0; run < 2000; run++) {
        struct world w;
        world_random(&w, &rng, true);
        int32_t joined = w.in.member_count;
        /* First some members alone, then all of them. */
        w.in.member_count = 1 + (int32_t)rng_below(&rng, (uint64_t)joined);
        assign(&w, "cooperative-sticky");
        own_assigned(&w, 1);
        w.in.member_count = joined;
        int32_t moves = least_moves(&w), owned = 0, kept = 0;
        for (int32_t m = 0; m < joined; m++) {
            owned += w.members[m].owned_count;
        }
        assign(&w, "cooperative-sticky");
        for (int32_t m = 0; m < joined; m++) {
            kept += w.members[m].assigned_count;
        }
        ck_assert_int_eq(owned - kept, moves); /* withheld in the first round */
        own_assigned(&w, 2);
        assign(&w, "cooperative-sticky");
        check_complete(&w);
        check_balanced(&w);
        for (int32_t m = 0; m < joined; m++) {
            ck_assert_int_ge(w.members[m].assigned_count, w.members[m].owned_count);
        }
        arena_deinit(&w.arena);
    }
}
END_TEST

START_TEST(of_two_owners_the_younger_generation_keeps_the_partition)
{
    static const struct assignor_partition both[] = { { 0, 0 } };
    struct world w;
    char text[512];
    world_init(&w, 2, 1, 2);
    for (int i = 0; i < 2; i++) {
        w.members[i].owned = both;
        w.members[i].owned_count = 1;
        w.members[i].generation = 4 + i;
    }
    assign(&w, "cooperative-sticky");
    /* The older claim is withheld for one round all the same: its holder may still read. */
    ck_assert_str_eq(show(&w, text, sizeof(text)), "a: 0-1, b:");
    w.members[0].owned_count = 0;
    assign(&w, "cooperative-sticky");
    ck_assert_str_eq(show(&w, text, sizeof(text)), "a: 0-1, b: 0-0");
    arena_deinit(&w.arena);
}
END_TEST

Suite *client_assignor_suite(void)
{
    Suite *s = suite_create("client_assignor");
    TCase *t = tcase_create("assignor");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, known_cases_come_out_as_in_the_java_client);
    tcase_add_test(t, static_members_come_first_by_instance_id);
    tcase_add_test(t, every_partition_goes_to_exactly_one_subscriber);
    tcase_add_test(t, sticky_moves_no_more_than_balance_needs_and_only_after_they_were_given_up);
    tcase_add_test(t, of_two_owners_the_younger_generation_keeps_the_partition);
    suite_add_tcase(s, t);
    return s;
}
