/* SPDX-License-Identifier: Apache-2.0 */
/*
 * check_raft.c - one consensus machine alone: what it answers, what it puts out, in which order.
 */
#include "tests/broker/check_raft.h"
#include "tests/broker/raft_solo.h"

#include "protocol/wire/kafka_error.h"

/* --- votes --- */

START_TEST(a_vote_is_saved_before_it_is_told)
{
    solo_start();
    drain();
    uint32_t saves = solo.saves;
    struct vote_result v = ask_vote(vote_of(2, 5, 0, 0, false));
    ck_assert(v.granted);
    ck_assert_uint_gt(solo.saves, saves); /* next() saw it before the reply */
    ck_assert_int_eq(solo.saved.epoch, 5);
    ck_assert_int_eq(solo.saved.voted_id, 2);
}
END_TEST

START_TEST(one_vote_an_epoch)
{
    solo_start();
    drain();
    ck_assert(ask_vote(vote_of(2, 5, 0, 0, false)).granted);
    ck_assert(!ask_vote(vote_of(3, 5, 4, 100, false)).granted);
    ck_assert(ask_vote(vote_of(2, 5, 0, 0, false)).granted); /* asked again */
    ck_assert(ask_vote(vote_of(3, 6, 5, 0, false)).granted);
}
END_TEST

START_TEST(a_vote_outlives_a_restart)
{
    solo.opening.state = (struct raft_hard_state){ 5, -1, 2, dir(2) };
    solo_start();
    drain();
    ck_assert(!ask_vote(vote_of(3, 5, 0, 0, false)).granted);
    ck_assert(ask_vote(vote_of(2, 5, 0, 0, false)).granted);
}
END_TEST

START_TEST(a_shorter_log_gets_no_vote)
{
    struct raft_epoch_start epochs[] = { { 2, 0 }, { 3, 10 } };
    solo.opening.log_end_offset = 20;
    solo.opening.epochs = epochs;
    solo.opening.epoch_count = 2;
    solo.opening.state.epoch = 3;
    solo_start();
    drain();
    ck_assert(!ask_vote(vote_of(2, 4, 3, 19, false)).granted);
    ck_assert(!ask_vote(vote_of(2, 5, 2, 500, false)).granted);
    ck_assert(!ask_vote(vote_of(2, 5, 2, 500, true)).granted);
    ck_assert(ask_vote(vote_of(2, 6, 3, 20, false)).granted);
}
END_TEST

START_TEST(an_empty_log_behind_a_snapshot_ends_in_the_snapshots_epoch)
{
    solo.opening.log_start_offset = solo.opening.log_end_offset = 20;
    solo.opening.snapshot.id = (struct raft_offset_epoch){ 20, 3 };
    solo.opening.state.epoch = 3;
    solo_start();
    drain();
    ck_assert(!ask_vote(vote_of(2, 4, 2, 500, false)).granted);
    ck_assert(!ask_vote(vote_of(2, 5, 3, 19, false)).granted);
    ck_assert(ask_vote(vote_of(2, 6, 3, 20, false)).granted);
}
END_TEST

START_TEST(votes_are_refused_by_name)
{
    solo_start();
    drain();
    struct vote_request *req = vote_of(2, 1, 0, 0, false);
    req->cluster_id = slice_str("another");
    ck_assert_int_eq(ask_vote(req).top, KAFKA_INCONSISTENT_CLUSTER_ID);
    req = vote_of(2, 1, 0, 0, false);
    req->topics->partitions->voter_directory_id = dir(7);
    ck_assert_int_eq(ask_vote(req).error, KAFKA_INVALID_VOTER_KEY);
    req->voter_id = 3;
    ck_assert_int_eq(ask_vote(req).error, KAFKA_INVALID_VOTER_KEY);
    ck_assert(ask_vote(vote_of(2, 9, 0, 0, false)).granted);
    ck_assert_int_eq(ask_vote(vote_of(3, 8, 0, 0, false)).error, KAFKA_FENCED_LEADER_EPOCH);
}
END_TEST

START_TEST(a_pre_vote_binds_nobody)
{
    solo_start();
    drain();
    ck_assert(ask_vote(vote_of(2, 0, 0, 0, true)).granted);
    ck_assert(ask_vote(vote_of(3, 0, 0, 0, true)).granted);
    ck_assert_int_eq(raft_epoch(solo.raft), 0);
    ck_assert_int_eq(solo.saved.epoch, 0);
}
END_TEST

START_TEST(who_hears_its_leader_gives_no_pre_vote)
{
    uint64_t token = follow(3);
    ck_assert(ask_vote(vote_of(3, 3, 0, 0, true)).granted); /* nothing heard yet */
    answer_fetch(token, 2, 3, slice_null(), -1, nowhere);
    struct vote_result v = ask_vote(vote_of(3, 3, 3, 100, true));
    ck_assert(!v.granted);
    ck_assert_int_eq(v.leader_id, 2);
    ck_assert(!ask_vote(vote_of(3, 3, 2, 100, false)).granted);
}
END_TEST

START_TEST(who_misses_its_leaders_answer_gives_a_pre_vote_before_its_own_time_out)
{
    uint64_t token = follow(3);
    answer_fetch(token, 2, 3, slice_null(), -1, nowhere);
    (void)next_fetch();
    tick(1499);
    ck_assert(!ask_vote(vote_of(3, 3, 3, 100, true)).granted);
    tick(1);
    ck_assert(ask_vote(vote_of(3, 3, 3, 100, true)).granted);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_FOLLOWER); /* it binds nobody */
    ck_assert(!ask_vote(vote_of(3, 3, 2, 100, false)).granted);
}
END_TEST

START_TEST(a_leader_that_fell_silent_is_remembered_with_its_last_word)
{
    int32_t id;
    uint64_t heard_ns, then;
    uint64_t token = follow(3);
    ck_assert(!raft_fell_silent(solo.raft, &id, &heard_ns)); /* never heard */
    tick(100);
    then = solo.now_ns;
    answer_fetch(token, 2, 3, slice_null(), -1, nowhere);
    while (raft_role(solo.raft) == RAFT_FOLLOWER) {
        tick(10);
    }
    drain();
    ck_assert(raft_fell_silent(solo.raft, &id, &heard_ns));
    ck_assert_int_eq(id, 2);
    ck_assert_uint_eq(heard_ns, then);
    begin(3, 4); /* another one leads: of node 2 nothing is known any more */
    ck_assert(!raft_fell_silent(solo.raft, &id, &heard_ns));
}
END_TEST

START_TEST(a_leader_that_resigned_did_not_fall_silent)
{
    int32_t id;
    uint64_t heard_ns;
    uint64_t token = follow(3);
    answer_fetch(token, 2, 3, slice_null(), -1, nowhere);
    ck_assert(raft_fell_silent(solo.raft, &id, &heard_ns));
    refuse_fetch(next_fetch(), 2, 3, KAFKA_NOT_LEADER_OR_FOLLOWER);
    ck_assert(!raft_fell_silent(solo.raft, &id, &heard_ns));
}
END_TEST

START_TEST(an_election_asks_first_and_then_counts)
{
    solo_start();
    drain();
    tick(2100);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_PROSPECTIVE);
    ck_assert_int_eq(raft_epoch(solo.raft), 0);
    grant_next();
    ck_assert_int_eq(raft_role(solo.raft), RAFT_CANDIDATE);
    const struct vote_request *req;
    do {
        req = must_send(52)->request;
    } while (req->topics->partitions->pre_vote);
    ck_assert_int_eq(solo.saved.epoch, 1); /* saved before the request */
    ck_assert_int_eq(solo.saved.voted_id, 1);
}
END_TEST

START_TEST(a_peer_without_pre_vote_is_asked_for_its_vote)
{
    solo_start();
    drain();
    tick(2100);
    const struct raft_output *out = must_send(52);
    ck_assert_int_eq(out->version_min, 2);
    raft_failed(solo.raft, solo_now(), out->token, RAFT_FAILED_VERSION);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_CANDIDATE);
    out = must_send(52);
    while (((const struct vote_request *)out->request)->topics->partitions->pre_vote) {
        out = must_send(52);
    }
    ck_assert_int_eq(out->version_min, 0);
}
END_TEST

START_TEST(an_answer_of_an_old_round_does_not_count)
{
    solo_start();
    drain();
    tick(2100);
    const struct raft_output *out = must_send(52);
    uint64_t old = out->token;
    drain();
    ck_assert(!ask_vote(vote_of(3, 7, 0, 0, true)).error); /* a higher epoch */
    ck_assert_int_eq(raft_epoch(solo.raft), 7);
    struct vote_response resp;
    struct vote_response_topic_data topic;
    struct vote_response_partition_data p = { .leader_id = -1, .vote_granted = true };
    schema_init(&vote_response_schema, &resp);
    resp.topics = &topic;
    resp.topics_n = 1;
    topic = (struct vote_response_topic_data){ TOPIC, &p, 1 };
    raft_response(solo.raft, solo_now(), old, &resp);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_UNATTACHED);
}
END_TEST

/* --- the leader --- */

START_TEST(a_sole_voter_leads_at_once_and_commits_what_is_synced)
{
    solo.opening.snapshot.voters.count = 1;
    solo_start();
    ck_assert_int_eq(raft_role(solo.raft), RAFT_LEADER);
    const struct raft_output *out = next(RAFT_APPEND);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(solo.saved.leader_id, 1); /* saved before the append */
    drain();
    ck_assert_int_eq(raft_high_watermark(solo.raft), 0);
    sync_all();
    out = next(RAFT_COMMIT);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(out->offset, 3); /* leader change, kraft.version, voters */
    int64_t base, end;
    struct slice b = batch(2, 0, 0);
    ck_assert_int_eq(raft_propose(solo.raft, solo_now(), 1, solo.batch, b.len, &base, &end),
                     ERR_OK);
    ck_assert_int_eq(base, 3);
    ck_assert_int_eq(end, 5);
    ck_assert_int_eq(raft_high_watermark(solo.raft), 3);
    sync_all();
    ck_assert_int_eq(raft_high_watermark(solo.raft), 5);
}
END_TEST

START_TEST(a_leader_that_restarts_does_not_lead_its_epoch_again)
{
    solo.opening.state = (struct raft_hard_state){ 4, 1, 1, dir(1) };
    solo_start();
    ck_assert_int_eq(raft_role(solo.raft), RAFT_RESIGNED);
    drain();
    ck_assert(!ask_vote(vote_of(2, 4, 3, 100, false)).granted);
    tick(2100);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_PROSPECTIVE);
}
END_TEST

START_TEST(a_majority_commits_what_it_holds_of_the_own_epoch)
{
    struct raft_epoch_start epochs[] = { { 1, 0 } };
    solo.opening.log_end_offset = 10;
    solo.opening.epochs = epochs;
    solo.opening.epoch_count = 1;
    solo.opening.state.epoch = 1;
    lead();
    drain();
    ck_assert_int_eq(raft_epoch(solo.raft), 2);
    sync_all();
    int64_t end = raft_log_end_offset(solo.raft);
    /* All of the old epoch is on a majority: that commits nothing yet, and nothing is told. */
    const struct fetch_response_partition_data *p = fetched(fetch(2, 2, 10, 1, 0, -1));
    ck_assert_int_eq(p->high_watermark, -1);
    ck_assert_int_eq(raft_high_watermark(solo.raft), 0);
    p = fetched(fetch(2, 2, end, 2, 0, -1));
    ck_assert_int_eq(p->high_watermark, end);
}
END_TEST

START_TEST(the_leaders_own_part_counts_once_synced)
{
    lead();
    drain();
    int64_t end = raft_log_end_offset(solo.raft);
    (void)fetch(2, 1, end, 1, 0, -1);
    ck_assert_int_eq(raft_high_watermark(solo.raft), 0);
    sync_all();
    ck_assert_int_eq(raft_high_watermark(solo.raft), end);
}
END_TEST

START_TEST(a_sync_of_records_cut_since_does_not_count)
{
    uint64_t token = follow(3);
    struct slice b = batch(4, 0, 2);
    answer_fetch(token, 2, 3, b, -1, nowhere);
    uint64_t truncations = raft_truncations(solo.raft);
    drain();
    raft_synced(solo.raft, solo_now(), 4, truncations);
    token = next_fetch();
    answer_fetch(token, 2, 3, slice_null(), -1, (struct raft_offset_epoch){ 0, 0 });
    const struct raft_output *out = next(RAFT_TRUNCATE);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(out->offset, 0);
    token = next_fetch();
    b = batch(4, 0, 3);
    answer_fetch(token, 2, 3, b, -1, nowhere);
    raft_synced(solo.raft, solo_now(), 4, truncations);
    ck_assert_ptr_null(next_send(1));
    raft_synced(solo.raft, solo_now(), 4, raft_truncations(solo.raft));
    ck_assert_ptr_nonnull(next_send(1));
}
END_TEST

START_TEST(a_proposal_of_another_epoch_is_refused)
{
    lead();
    int64_t base, end;
    struct slice b = batch(1, 0, 0);
    ck_assert_int_eq(raft_propose(solo.raft, solo_now(), 0, solo.batch, b.len, &base, &end),
                     ERR_AGAIN);
    ck_assert_int_eq(raft_propose(solo.raft, solo_now(), 1, solo.batch, b.len - 1, &base, &end),
                     ERR_MALFORMED);
    ck_assert_int_eq(raft_propose(solo.raft, solo_now(), 1, solo.batch, b.len, &base, &end),
                     ERR_OK);
}
END_TEST

START_TEST(a_fetch_waits_for_records_the_high_watermark_or_its_time)
{
    lead();
    drain();
    sync_all();
    int64_t end = raft_log_end_offset(solo.raft), base, ret_end;
    (void)fetch(2, 1, end, 1, 0, -1);
    ck_assert_int_eq(raft_high_watermark(solo.raft), end);
    ck_assert_ptr_null(fetch(2, 1, end, 1, 500, end)); /* all known: it waits */
    tick(499);
    ck_assert_ptr_null(next(RAFT_REPLY));
    tick(1);
    const struct raft_output *out = next(RAFT_REPLY);
    ck_assert_int_eq(fetched(out)->error_code, 0);
    ck_assert_int_eq(out->fill, RAFT_FILL_NOTHING);
    ck_assert_ptr_null(fetch(3, 1, end, 1, 500, end));
    struct slice b = batch(1, 0, 0);
    ck_assert(!raft_propose(solo.raft, solo_now(), 1, solo.batch, b.len, &base, &ret_end));
    out = next(RAFT_REPLY);
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(out->fill, RAFT_FILL_RECORDS);
    ck_assert_int_eq(out->offset, end);
    ck_assert_int_eq(out->limit_offset, end + 1);
    ck_assert_ptr_null(fetch(3, 1, end + 1, 1, 500, end)); /* has all, knows what is committed */
    sync_all();
    out = next(RAFT_REPLY); /* two of three hold it now: word of that goes out at once */
    ck_assert_int_eq(fetched(out)->high_watermark, end + 1);
}
END_TEST

START_TEST(fetches_are_refused_by_name_and_told_where_the_leader_is)
{
    follow(3);
    const struct fetch_response_partition_data *p = fetched(fetch(3, 2, 0, 0, 0, -1));
    ck_assert_int_eq(p->error_code, KAFKA_FENCED_LEADER_EPOCH);
    ck_assert_int_eq(p->current_leader.leader_id, 2);
    ck_assert_int_eq(p->current_leader.leader_epoch, 3);
    p = fetched(fetch(3, 4, 0, 0, 0, -1));
    ck_assert_int_eq(p->error_code, KAFKA_UNKNOWN_LEADER_EPOCH);
    const struct raft_output *out = fetch(3, 3, 0, 0, 0, -1);
    p = fetched(out);
    ck_assert_int_eq(p->error_code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    const struct fetch_response *resp = out->response;
    ck_assert_int_eq(resp->node_endpoints_n, 1);
    ck_assert_int_eq(resp->node_endpoints->node_id, 2);
    ck_assert_int_eq(resp->node_endpoints->port, 9002);
    ck_assert(slice_eq_str(resp->node_endpoints->host, "two"));
}
END_TEST

START_TEST(a_diverging_follower_is_told_where)
{
    struct raft_epoch_start epochs[] = { { 1, 0 }, { 3, 10 } };
    solo.opening.log_end_offset = 20;
    solo.opening.epochs = epochs;
    solo.opening.epoch_count = 2;
    solo.opening.state.epoch = 3;
    lead();
    drain();
    const struct fetch_response_partition_data *p = fetched(fetch(2, 4, 15, 1, 500, -1));
    ck_assert_int_eq(p->diverging_epoch.epoch, 1);
    ck_assert_int_eq(p->diverging_epoch.end_offset, 10);
    p = fetched(fetch(2, 4, 15, 2, 500, -1));
    ck_assert_int_eq(p->diverging_epoch.epoch, 1);
    ck_assert_int_eq(p->diverging_epoch.end_offset, 10);
    p = fetched(fetch(2, 4, 500, 3, 500, -1));
    ck_assert_int_eq(p->diverging_epoch.epoch, 3);
    ck_assert_int_eq(p->diverging_epoch.end_offset, 20);
    ck_assert_int_eq(fetched(fetch(2, 4, 15, 3, 500, -1))->diverging_epoch.epoch, -1);
}
END_TEST

START_TEST(a_follower_below_the_log_is_sent_to_the_snapshot)
{
    struct raft_epoch_start epochs[] = { { 3, 10 } };
    solo.opening.log_start_offset = 12;
    solo.opening.log_start_epoch = 3;
    solo.opening.log_end_offset = 20;
    solo.opening.epochs = epochs;
    solo.opening.epoch_count = 1;
    solo.opening.state.epoch = 3;
    solo.opening.snapshot.id = (struct raft_offset_epoch){ 12, 3 };
    lead();
    drain();
    const int64_t offsets[] = { 0, 11, 12 };
    for (size_t i = 0; i < 3; i++) {
        const struct fetch_response_partition_data *p = fetched(fetch(2, 4, offsets[i], 2, 0, -1));
        ck_assert_int_eq(p->snapshot_id.end_offset, 12);
        ck_assert_int_eq(p->snapshot_id.epoch, 3);
    }
    ck_assert_int_eq(fetched(fetch(2, 4, 12, 3, 0, -1))->snapshot_id.end_offset, -1);
}
END_TEST

START_TEST(no_client_reads_above_the_high_watermark)
{
    lead();
    drain();
    const struct raft_output *out = fetch(-1, 1, 0, 0, 0, -1);
    ck_assert_int_eq(fetched(out)->error_code, 0);
    ck_assert_int_eq(out->fill, RAFT_FILL_NOTHING);
    sync_all();
    (void)fetch(2, 1, raft_log_end_offset(solo.raft), 1, 0, -1);
    out = fetch(-1, 1, 0, 0, 0, -1);
    ck_assert_int_eq(out->fill, RAFT_FILL_RECORDS);
    ck_assert_int_eq(out->limit_offset, raft_high_watermark(solo.raft));
}
END_TEST

START_TEST(a_leader_without_a_majority_resigns)
{
    lead();
    drain();
    (void)fetch(2, 1, 0, 0, 0, -1);
    tick(2900);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_LEADER);
    (void)fetch(3, 1, 0, 0, 0, -1);
    tick(2900);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_LEADER);
    tick(101);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_RESIGNED);
}
END_TEST

START_TEST(a_resigning_leader_names_the_longest_log_first)
{
    lead();
    drain();
    sync_all();
    (void)fetch(3, 1, raft_log_end_offset(solo.raft), 1, 0, -1);
    (void)fetch(2, 1, 0, 0, 0, -1);
    ck_assert_ptr_null(fetch(3, 1, raft_log_end_offset(solo.raft), 1, 500, 1000));
    raft_shutdown(solo.raft, solo_now());
    const struct raft_output *out = next(RAFT_REPLY);
    ck_assert_int_eq(fetched(out)->error_code, KAFKA_NOT_LEADER_OR_FOLLOWER);
    ck_assert(!raft_is_shut_down(solo.raft));
    for (int i = 0; i < 2; i++) {
        out = must_send(54);
        const struct end_quorum_epoch_request *req = out->request;
        const struct end_quorum_epoch_request_partition_data *p = req->topics->partitions;
        ck_assert_int_eq(p->preferred_candidates_n, 2);
        ck_assert_int_eq(p->preferred_candidates[0].candidate_id, 3);
        ck_assert_int_eq(p->preferred_successors[1], 2);
        struct end_quorum_epoch_response resp;
        schema_init(&end_quorum_epoch_response_schema, &resp);
        raft_response(solo.raft, solo_now(), out->token, &resp);
    }
    ck_assert(raft_is_shut_down(solo.raft));
    tick(60000);
    ck_assert_int_eq(raft_role(solo.raft), RAFT_UNATTACHED);
}
END_TEST

/* --- the follower --- */

START_TEST(a_follower_fetches_once_its_log_is_synced)
{
    uint64_t token = follow(3);
    struct slice b = batch(4, 0, 3);
    answer_fetch(token, 2, 3, b, 100, nowhere);
    const struct raft_output *out = next(RAFT_APPEND);
    ck_assert_ptr_nonnull(out);
    ck_assert_ptr_eq(out->bytes.ptr, solo.batch); /* no copy */
    ck_assert_uint_eq(out->bytes.len, b.len);
    out = next(RAFT_COMMIT);
    ck_assert_int_eq(out->offset, 4); /* no more than it has */
    ck_assert_ptr_null(next_send(1));
    raft_synced(solo.raft, solo_now(), 4, raft_truncations(solo.raft));
    out = must_send(1);
    const struct fetch_request *req = out->request;
    ck_assert_int_eq(req->topics->partitions->fetch_offset, 4);
    ck_assert_int_eq(req->topics->partitions->last_fetched_epoch, 3);
    ck_assert_int_eq(req->topics->partitions->high_watermark, 4);
}
END_TEST

START_TEST(a_damaged_batch_is_refused)
{
    uint64_t token = follow(3);
    struct slice b = batch(4, 0, 3);
    solo.batch[b.len - 1] ^= 1;
    answer_fetch(token, 2, 3, b, 100, nowhere);
    ck_assert_ptr_null(next(RAFT_APPEND));
    struct raft_stats stats;
    raft_stats(solo.raft, &stats);
    ck_assert_uint_eq(stats.damaged_responses_total, 1);
    tick(100);
    token = next_fetch();
    b = batch(4, 1, 3); /* does not continue the log */
    answer_fetch(token, 2, 3, b, 100, nowhere);
    tick(100);
    token = next_fetch();
    b = batch(4, 0, 4); /* of an epoch that is not yet */
    answer_fetch(token, 2, 3, b, 100, nowhere);
    ck_assert_int_eq(raft_log_end_offset(solo.raft), 0);
    tick(100);
    token = next_fetch();
    b = batch(4, 0, 3);
    answer_fetch(token, 2, 3, b, 100, nowhere);
    ck_assert_int_eq(raft_log_end_offset(solo.raft), 4);
}
END_TEST

START_TEST(divergence_below_the_high_watermark_is_a_fault)
{
    uint64_t token = follow(3);
    struct slice b = batch(4, 0, 3);
    answer_fetch(token, 2, 3, b, 4, nowhere);
    drain();
    raft_synced(solo.raft, solo_now(), 4, raft_truncations(solo.raft));
    token = next_fetch();
    answer_fetch(token, 2, 3, slice_null(), 4, (struct raft_offset_epoch){ 2, 3 });
    ck_assert_ptr_nonnull(next(RAFT_FAULT));
    ck_assert_int_eq(raft_log_end_offset(solo.raft), 4);
}
END_TEST

START_TEST(a_fetch_answered_after_a_new_leader_changes_nothing)
{
    uint64_t token = follow(3);
    (void)begin(3, 4);
    struct slice b = batch(4, 0, 3);
    answer_fetch(token, 2, 3, b, 100, nowhere);
    ck_assert_int_eq(raft_log_end_offset(solo.raft), 0);
    ck_assert_int_eq(raft_leader_id(solo.raft), 3);
}
END_TEST

START_TEST(a_second_leader_of_an_epoch_is_not_followed)
{
    follow(3);
    const struct raft_output *out = begin(3, 3);
    const struct begin_quorum_epoch_response *resp = out->response;
    ck_assert_int_ne(resp->topics->partitions->error_code, 0);
    ck_assert_int_ne(resp->topics->partitions->error_code, KAFKA_INVALID_REQUEST);
    ck_assert_int_eq(raft_leader_id(solo.raft), 2);
}
END_TEST

START_TEST(refused_connections_bring_an_election_before_the_time_out)
{
    uint64_t token = follow(3);
    answer_fetch(token, 2, 3, slice_null(), -1, nowhere);
    token = next_fetch();
    raft_failed(solo.raft, solo_now(), token, RAFT_FAILED_UNREACHABLE);
    uint64_t passed = 0;
    while (raft_role(solo.raft) == RAFT_FOLLOWER && passed < 5000) {
        const struct raft_output *out = next_send(1);
        if (out) {
            raft_failed(solo.raft, solo_now(), out->token, RAFT_FAILED_UNREACHABLE);
        }
        tick(10);
        passed += 10;
    }
    ck_assert_uint_ge(passed, 300);
    ck_assert_uint_le(passed, 700);
}
END_TEST

/* --- DescribeQuorum, statics --- */

START_TEST(the_quorum_is_described)
{
    lead();
    drain();
    sync_all();
    (void)fetch(2, 1, raft_log_end_offset(solo.raft), 1, 0, -1);
    (void)fetch(4, 1, 0, 0, 0, -1);
    struct describe_quorum_request req;
    struct describe_quorum_request_topic_data topic;
    struct describe_quorum_request_partition_data p = { 0 };
    schema_init(&describe_quorum_request_schema, &req);
    topic = (struct describe_quorum_request_topic_data){ TOPIC, &p, 1 };
    req.topics = &topic;
    req.topics_n = 1;
    raft_request(solo.raft, solo_now(), 55, &req, &solo_mark);
    const struct raft_output *out = next(RAFT_REPLY);
    const struct describe_quorum_response *resp = out->response;
    const struct describe_quorum_response_partition_data *d = resp->topics->partitions;
    ck_assert_int_eq(d->leader_id, 1);
    ck_assert_int_eq(d->current_voters_n, 3);
    ck_assert_int_eq(d->observers_n, 1);
    ck_assert_int_eq(d->observers->replica_id, 4);
    ck_assert_int_eq(d->high_watermark, 3);
    ck_assert_int_eq(resp->nodes_n, 3);
}
END_TEST

START_TEST(static_voters_are_not_changed)
{
    solo.opening.snapshot = (struct raft_snapshot){ .id = { -1, 0 } };
    solo.config.static_voters = (struct raft_voter_set){ solo.voters, 1 };
    solo_start();
    sync_all();
    ck_assert_int_eq(raft_high_watermark(solo.raft), 1); /* a leader change, no more */
    drain();
    struct remove_raft_voter_request req;
    schema_init(&remove_raft_voter_request_schema, &req);
    req.voter_id = 1;
    req.voter_directory_id = dir(1);
    raft_request(solo.raft, solo_now(), 81, &req, &solo_mark);
    const struct raft_output *out = next(RAFT_REPLY);
    const struct remove_raft_voter_response *resp = out->response;
    ck_assert_int_eq(resp->error_code, KAFKA_UNSUPPORTED_VERSION);
    ck_assert(!slice_is_null(resp->error_message));
}
END_TEST

START_TEST(a_voters_new_endpoint_is_written_down)
{
    lead();
    drain();
    sync_all();
    (void)fetch(2, 1, raft_log_end_offset(solo.raft), 1, 0, -1);
    drain();
    struct update_raft_voter_request req;
    struct raft_endpoint listener = { slice_str("CONTROLLER"), slice_str("moved"), 7 };
    schema_init(&update_raft_voter_request_schema, &req);
    req.current_leader_epoch = 1;
    req.voter_id = 2;
    req.voter_directory_id = dir(2);
    req.listeners = &listener;
    req.listeners_n = 1;
    req.kraft_version_feature.max_supported_version = 1;
    raft_request(solo.raft, solo_now(), 82, &req, &solo_mark);
    const struct raft_output *out = next(RAFT_REPLY);
    const struct update_raft_voter_response *resp = out->response;
    ck_assert_int_eq(resp->error_code, 0);
    ck_assert_int_eq(resp->current_leader.leader_id, 1);
    struct raft_voter_set set = raft_voters(solo.raft);
    ck_assert_uint_eq(set.count, 3);
    ck_assert(slice_eq_str(set.voters[1].endpoints[0].host, "moved"));
    ck_assert(slice_eq_str(raft_voters_at(solo.raft, 3).voters[1].endpoints[0].host, "two"));
}
END_TEST

START_TEST(a_new_leader_changes_no_voters_before_it_has_committed)
{
    lead();
    drain();
    struct remove_raft_voter_request req;
    schema_init(&remove_raft_voter_request_schema, &req);
    req.voter_id = 3;
    req.voter_directory_id = dir(3);
    raft_request(solo.raft, solo_now(), 81, &req, &solo_mark);
    const struct raft_output *out = next(RAFT_REPLY);
    ck_assert_int_eq(((const struct remove_raft_voter_response *)out->response)->error_code,
                     KAFKA_REQUEST_TIMED_OUT);
    sync_all();
    (void)fetch(2, 1, raft_log_end_offset(solo.raft), 1, 0, -1);
    raft_request(solo.raft, solo_now(), 81, &req, &solo_mark);
    ck_assert_ptr_null(next(RAFT_REPLY)); /* until it is committed */
    ck_assert_uint_eq(raft_voters(solo.raft).count, 2);
    /* And no other one meanwhile. */
    req.voter_id = 2;
    req.voter_directory_id = dir(2);
    raft_request(solo.raft, solo_now(), 81, &req, &solo_mark);
    out = next(RAFT_REPLY);
    ck_assert_int_eq(((const struct remove_raft_voter_response *)out->response)->error_code,
                     KAFKA_REQUEST_TIMED_OUT);
    sync_all();
    (void)fetch(2, 1, raft_log_end_offset(solo.raft), 1, 0, -1);
    ck_assert_int_eq(raft_high_watermark(solo.raft), raft_log_end_offset(solo.raft));
}
END_TEST

Suite *raft_suite(void)
{
    Suite *s = suite_create("raft");
    TCase *t = tcase_create("machine");
    tcase_add_checked_fixture(t, solo_setup, solo_teardown);
    tcase_add_test(t, a_vote_is_saved_before_it_is_told);
    tcase_add_test(t, one_vote_an_epoch);
    tcase_add_test(t, a_vote_outlives_a_restart);
    tcase_add_test(t, a_shorter_log_gets_no_vote);
    tcase_add_test(t, an_empty_log_behind_a_snapshot_ends_in_the_snapshots_epoch);
    tcase_add_test(t, votes_are_refused_by_name);
    tcase_add_test(t, a_pre_vote_binds_nobody);
    tcase_add_test(t, who_hears_its_leader_gives_no_pre_vote);
    tcase_add_test(t, who_misses_its_leaders_answer_gives_a_pre_vote_before_its_own_time_out);
    tcase_add_test(t, a_leader_that_fell_silent_is_remembered_with_its_last_word);
    tcase_add_test(t, a_leader_that_resigned_did_not_fall_silent);
    tcase_add_test(t, an_election_asks_first_and_then_counts);
    tcase_add_test(t, a_peer_without_pre_vote_is_asked_for_its_vote);
    tcase_add_test(t, an_answer_of_an_old_round_does_not_count);
    tcase_add_test(t, a_sole_voter_leads_at_once_and_commits_what_is_synced);
    tcase_add_test(t, a_leader_that_restarts_does_not_lead_its_epoch_again);
    tcase_add_test(t, a_majority_commits_what_it_holds_of_the_own_epoch);
    tcase_add_test(t, the_leaders_own_part_counts_once_synced);
    tcase_add_test(t, a_sync_of_records_cut_since_does_not_count);
    tcase_add_test(t, a_proposal_of_another_epoch_is_refused);
    tcase_add_test(t, a_fetch_waits_for_records_the_high_watermark_or_its_time);
    tcase_add_test(t, fetches_are_refused_by_name_and_told_where_the_leader_is);
    tcase_add_test(t, a_diverging_follower_is_told_where);
    tcase_add_test(t, a_follower_below_the_log_is_sent_to_the_snapshot);
    tcase_add_test(t, no_client_reads_above_the_high_watermark);
    tcase_add_test(t, a_leader_without_a_majority_resigns);
    tcase_add_test(t, a_resigning_leader_names_the_longest_log_first);
    tcase_add_test(t, a_follower_fetches_once_its_log_is_synced);
    tcase_add_test(t, a_damaged_batch_is_refused);
    tcase_add_test(t, divergence_below_the_high_watermark_is_a_fault);
    tcase_add_test(t, a_fetch_answered_after_a_new_leader_changes_nothing);
    tcase_add_test(t, a_second_leader_of_an_epoch_is_not_followed);
    tcase_add_test(t, refused_connections_bring_an_election_before_the_time_out);
    tcase_add_test(t, the_quorum_is_described);
    tcase_add_test(t, static_voters_are_not_changed);
    tcase_add_test(t, a_voters_new_endpoint_is_written_down);
    tcase_add_test(t, a_new_leader_changes_no_voters_before_it_has_committed);
    suite_add_tcase(s, t);
    return s;
}
