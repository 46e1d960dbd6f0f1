/* SPDX-License-Identifier: Apache-2.0 */
/* check_recovery.c - what a crash, a full disk and a failing one leave of a log. */
#include "tests/broker/storage_fixture.h"

#include "protocol/base/alloc.h"
#include "protocol/base/rng.h"

static struct store st;

static void setup(void)
{
    store_init(&st);
}

static void teardown(void)
{
    store_deinit(&st);
}

static void log_path(int64_t base_offset, const char *suffix, char ret_path[SEGMENT_PATH_MAX])
{
    segment_name_format((struct segment_name){ st.dir, base_offset, suffix }, ret_path);
}

static void write_file(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "wb");
    ck_assert(f != NULL);
    ck_assert_uint_eq(fwrite(bytes.ptr, 1, bytes.len, f), bytes.len);
    ck_assert_int_eq(fclose(f), 0);
}

static struct slice read_file(const char *path)
{
    uint8_t *bytes;
    size_t len;
    ck_assert(vfs_read_file(vfs_posix(), path, 64 << 20, &bytes, &len, NULL) == ERR_OK);
    return slice_of(bytes, len);
}

START_TEST(torn_tail_is_cut_at_the_last_whole_batch_wherever_it_was_torn)
{
    char path[SEGMENT_PATH_MAX];
    log_path(0, SEGMENT_LOG, path);
    for (int i = 0; i < 5; i++) {
        ck_assert(store_append(&st, 2, 30, 1000 + i) == ERR_OK);
    }
    uint32_t sound = st.log->segments[0]->size_bytes;
    ck_assert(store_append(&st, 3, 30, 2000) == ERR_OK);
    store_kill(&st);
    struct slice whole = read_file(path);
    for (size_t len = sound; len <= whole.len; len++) {
        write_file(path, slice_head(whole, len));
        ck_assert(store_open(&st, false, 4) == ERR_OK);
        ck_assert_int_eq(st.log->end_offset, len == whole.len ? 13 : 10);
        ck_assert_uint_eq(st.recovery.cut_bytes, len == whole.len ? 0 : len - sound);
        ck_assert(store_append(&st, 1, 30, 3000) == ERR_OK);
        ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), st.log->end_offset);
        store_kill(&st);
    }
    mem_free((void *)(uintptr_t)whole.ptr);
}
END_TEST

START_TEST(a_flipped_bit_above_the_recovery_point_ends_the_log_there)
{
    char path[SEGMENT_PATH_MAX];
    log_path(0, SEGMENT_LOG, path);
    uint32_t borders[11] = { 0 };
    for (int i = 0; i < 10; i++) {
        ck_assert(store_append(&st, 2, 10, 1000 + i) == ERR_OK);
        borders[i + 1] = st.log->segments[0]->size_bytes;
    }
    store_kill(&st);
    struct slice whole = read_file(path);
    uint8_t *bytes = (uint8_t *)(uintptr_t)whole.ptr;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 300; round++) {
        size_t at = borders[3] + rng_below(&rng, whole.len - borders[3]);
        uint8_t bit = (uint8_t)(1u << rng_below(&rng, 8));
        int hit = 3;
        while (borders[hit + 1] <= at) {
            hit++;
        }
        size_t in_batch = at - borders[hit];
        if (in_batch < 8 || (in_batch >= 12 && in_batch < 16)) {
            continue; /* base offset and leader epoch lie outside the checksum */
        }
        bytes[at] ^= bit;
        write_file(path, whole);
        bytes[at] ^= bit;
        ck_assert(store_open(&st, false, 6) == ERR_OK);
        ck_assert_int_eq(st.log->end_offset, 2 * hit);
        ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), 2 * hit);
        store_kill(&st);
    }
    mem_free((void *)(uintptr_t)whole.ptr);
}
END_TEST

START_TEST(segments_behind_the_damage_go)
{
    char path[SEGMENT_PATH_MAX];
    for (int i = 0; i < 100; i++) {
        ck_assert(store_append(&st, 1, 150, 1000 + i) == ERR_OK);
    }
    ck_assert_uint_gt(st.log->segment_count, 3);
    int64_t second = st.log->segments[1]->base_offset;
    log_path(second, SEGMENT_LOG, path);
    store_kill(&st);
    struct slice whole = read_file(path);
    ((uint8_t *)(uintptr_t)whole.ptr)[70] ^= 1;
    write_file(path, whole);
    mem_free((void *)(uintptr_t)whole.ptr);
    ck_assert(store_open(&st, false, 0) == ERR_OK);
    ck_assert_int_eq(st.log->end_offset, second);
    ck_assert_uint_eq(st.log->segment_count, 2);
    ck_assert_uint_gt(st.recovery.segments_removed, 1);
    ck_assert(store_append(&st, 1, 150, 5000) == ERR_OK);
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), second + 1);
    store_kill(&st);
    ck_assert(store_open(&st, false, 0) == ERR_OK);
    ck_assert_int_eq(st.log->end_offset, second + 1);
}
END_TEST

START_TEST(rebuilt_indexes_equal_those_written_while_appending)
{
    static const char *const kinds[] = { SEGMENT_INDEX, SEGMENT_TIME_INDEX };
    struct error err;
    struct buf before[2] = { { 0 } }, after = { 0 };
    for (int i = 0; i < 150; i++) {
        ck_assert(store_append(&st, 1 + i % 4, 60, 1000 + i / 3) == ERR_OK);
    }
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    for (unsigned k = 0; k < 2; k++) {
        store_slurp(&st, kinds[k], &before[k]);
    }
    for (int damage = 0; damage < 4; damage++) {
        struct rng rng;
        rng_seed(&rng, (uint64_t)damage);
        ck_assert(store_open(&st, true, -1) == ERR_OK);
        uint32_t count = st.log->segment_count;
        int64_t bases[64];
        ck_assert_uint_le(count, 64);
        for (uint32_t i = 0; i < count; i++) {
            bases[i] = st.log->segments[i]->base_offset;
        }
        store_kill(&st);
        for (uint32_t i = 0; i < count; i++) {
            for (unsigned k = 0; k < 2; k++) {
                char path[SEGMENT_PATH_MAX];
                log_path(bases[i], kinds[k], path);
                struct slice bytes = read_file(path);
                if (damage == 0) {
                    ck_assert_int_eq(unlink(path), 0);
                } else if (damage == 1) {
                    write_file(path, slice_head(bytes, rng_below(&rng, bytes.len + 1)));
                } else {
                    memset((uint8_t *)(uintptr_t)bytes.ptr, damage == 2 ? 0 : 0xff, bytes.len);
                    write_file(path, bytes);
                }
                mem_free((void *)(uintptr_t)bytes.ptr);
            }
        }
        ck_assert(store_open(&st, false, 0) == ERR_OK);
        ck_assert(log_shutdown(st.log, &err) == ERR_OK);
        ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), st.log->end_offset);
        store_kill(&st);
        for (unsigned k = 0; k < 2; k++) {
            buf_reset(&after);
            store_slurp(&st, kinds[k], &after);
            ck_assert(slice_eq(buf_slice(&after), buf_slice(&before[k])));
        }
    }
    buf_deinit(&before[0]);
    buf_deinit(&before[1]);
    buf_deinit(&after);
}
END_TEST

START_TEST(a_lying_index_of_a_closed_segment_costs_a_rebuild_and_no_wrong_answer)
{
    struct error err;
    for (int i = 0; i < 120; i++) {
        ck_assert(store_append(&st, 1, 60, 1000 + i) == ERR_OK);
    }
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    struct rng rng;
    rng_seed(&rng, 3);
    char path[SEGMENT_PATH_MAX];
    log_path(0, SEGMENT_INDEX, path);
    struct slice good = read_file(path);
    for (int round = 0; round < 200; round++) {
        uint8_t *bad = mem_alloc(good.len);
        memcpy(bad, good.ptr, good.len);
        bad[rng_below(&rng, good.len)] ^= (uint8_t)(1 + rng_below(&rng, 255));
        write_file(path, slice_of(bad, good.len));
        mem_free(bad);
        ck_assert(store_open(&st, true, 120) == ERR_OK);
        int64_t from = (int64_t)rng_below(&rng, 120);
        ck_assert_int_eq(store_read_all(&st, from, INT64_MAX), 120);
        store_kill(&st);
    }
    mem_free((void *)(uintptr_t)good.ptr);
}
END_TEST

START_TEST(a_lying_time_index_costs_a_rebuild_and_no_wrong_answer)
{
    struct error err;
    struct log_timestamp found;
    for (int i = 0; i < 60; i++) {
        ck_assert(store_append(&st, 1, 60, 1000 + 10 * i) == ERR_OK);
    }
    int64_t second = st.log->segments[1]->base_offset;
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    char path[SEGMENT_PATH_MAX], offsets_path[SEGMENT_PATH_MAX];
    log_path(0, SEGMENT_TIME_INDEX, path);
    log_path(0, SEGMENT_INDEX, offsets_path);
    struct slice good = read_file(path), offsets = read_file(offsets_path);
    ck_assert_uint_gt(good.len, 60);
    for (size_t bit = 0; bit < good.len * 8; bit += 3) {
        uint8_t *bad = mem_alloc(good.len);
        memcpy(bad, good.ptr, good.len);
        bad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        write_file(path, slice_of(bad, good.len));
        mem_free(bad);
        write_file(offsets_path, offsets); /* or both are made anew */
        ck_assert(store_open(&st, true, 60) == ERR_OK);
        for (int64_t wanted = 0; wanted <= second; wanted++) {
            ck_assert(log_find_timestamp(st.log, 1000 + 10 * wanted, 60, &found) == ERR_OK);
            ck_assert_int_eq(found.offset, wanted);
        }
        ck_assert(log_find_max_timestamp(st.log, &found) == ERR_OK);
        ck_assert_int_eq(found.offset, 59);
        store_kill(&st);
    }
    mem_free((void *)(uintptr_t)good.ptr);
    mem_free((void *)(uintptr_t)offsets.ptr);
}
END_TEST

START_TEST(an_emptied_segment_hides_no_record_unless_compaction_did_it)
{
    struct error err;
    struct buf out = { 0 };
    char path[SEGMENT_PATH_MAX];
    while (st.log->segment_count < 4) {
        ck_assert(store_append(&st, 1, 60, 1000) == ERR_OK);
    }
    int64_t lost = st.log->segments[1]->base_offset, next = st.log->segments[2]->base_offset;
    int64_t end = st.log->end_offset;
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    log_path(lost, SEGMENT_LOG, path);
    write_file(path, slice_str(""));
    ck_assert(store_open(&st, true, end) == ERR_OK);
    ck_assert(log_read_copy(st.log, lost - 1, 1 << 20, end, &out) == ERR_OK);
    ck_assert(log_read_copy(st.log, lost, 1 << 20, end, &out) == ERR_CORRUPT);
    ck_assert(log_read_copy(st.log, next - 1, 1 << 20, end, &out) == ERR_CORRUPT);
    ck_assert_int_eq(store_read_all(&st, next, INT64_MAX), end);
    struct log_config compacted = st.log->config;
    compacted.compact = true;
    log_set_config(st.log, &compacted);
    buf_reset(&out);
    ck_assert(log_read_copy(st.log, lost, 1 << 20, end, &out) == ERR_OK);
    struct batch_view batch;
    ck_assert(batch_parse(buf_slice(&out), &batch) == ERR_OK);
    ck_assert_int_eq(batch.base_offset, next);
    buf_deinit(&out);
}
END_TEST

START_TEST(a_clean_start_reads_next_to_nothing)
{
    struct error err;
    st.config.segment_bytes = 1 << 20;
    log_set_config(st.log, &st.config);
    for (int i = 0; i < 2000; i++) {
        ck_assert(store_append(&st, 1, 1000, 1000 + i) == ERR_OK);
    }
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    int64_t end = st.log->end_offset;
    store_kill(&st);
    st.disk.bytes_read = 0;
    ck_assert(store_open(&st, true, end) == ERR_OK);
    ck_assert_int_eq(st.log->end_offset, end);
    ck_assert_uint_lt(st.disk.bytes_read, 20000);
    store_kill(&st);
    st.disk.bytes_read = 0;
    ck_assert(store_open(&st, false, end - 100) == ERR_OK); /* after a crash: the tail alone */
    ck_assert_int_eq(st.log->end_offset, end);
    ck_assert_uint_lt(st.recovery.scanned_bytes, 110000);
    ck_assert_uint_lt(st.disk.bytes_read, 300000);
}
END_TEST

START_TEST(leftovers_of_an_interrupted_compaction_are_finished_or_undone)
{
    char path[SEGMENT_PATH_MAX], to[SEGMENT_PATH_MAX];
    struct error err;
    for (int i = 0; i < 60; i++) {
        ck_assert(store_append(&st, 1, 150, 1000 + i) == ERR_OK);
    }
    int64_t second = st.log->segments[1]->base_offset, third = st.log->segments[2]->base_offset;
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    /* a valid swap of the first segment, an unfinished one of the second, junk beside */
    log_path(0, SEGMENT_LOG, path);
    struct slice bytes = read_file(path);
    log_path(0, ".log.swap", to);
    write_file(to, bytes);
    write_file(path, slice_head(bytes, 100)); /* would be cut if it were believed */
    mem_free((void *)(uintptr_t)bytes.ptr);
    log_path(second, ".log.swap", to);
    write_file(to, slice_of("junk", 4));
    log_path(second, ".log.cleaned", to);
    write_file(to, slice_of("junk", 4));
    log_path(third, ".log.deleted", to);
    write_file(to, slice_of("junk", 4));
    log_path(7777, SEGMENT_INDEX, to);
    write_file(to, slice_of("junk", 4));
    ck_assert(store_open(&st, false, 0) == ERR_OK);
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), 60);
    struct buf left = { 0 };
    store_slurp(&st, ".swap", &left);
    store_slurp(&st, ".cleaned", &left);
    store_slurp(&st, ".deleted", &left);
    ck_assert_uint_eq(left.len, 0);
    struct vfs_stat stat;
    ck_assert(vfs_posix()->ops->stat(vfs_posix(), to, &stat) == ERR_NOT_FOUND);
    buf_deinit(&left);
}
END_TEST

START_TEST(an_epoch_that_began_below_the_recovery_point_is_remembered_after_a_crash)
{
    struct error err;
    for (int32_t epoch = 3; epoch <= 5; epoch++) {
        for (int i = 0; i < 4; i++) {
            struct slice batch = store_batch(&st, st.log->end_offset, epoch, 10, 8, 1700000000000);
            ck_assert_int_eq(log_append(st.log, batch, st.now_ms, &err), ERR_OK);
        }
        if (epoch < 5) {
            ck_assert_int_eq(log_flush(st.log, &err), ERR_OK);
        }
    }
    int64_t point = st.log->recovery_point;
    ck_assert_int_eq(point, 80);
    store_kill(&st);
    ck_assert_int_eq(store_open(&st, false, point), ERR_OK);
    static const struct leader_epoch want[] = { { 3, 0 }, { 4, 40 }, { 5, 80 } };
    ck_assert_uint_eq(st.log->epochs.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(st.log->epochs.entries[i].epoch, want[i].epoch);
        ck_assert_int_eq(st.log->epochs.entries[i].start_offset, want[i].start_offset);
    }
}
END_TEST

START_TEST(damaged_epochs_are_read_from_the_batches_again)
{
    struct error err;
    char path[SEGMENT_PATH_MAX];
    for (int i = 0; i < 60; i++) {
        struct slice b = store_batch(&st, i, i / 20, 1, 100, 1000 + i);
        ck_assert(log_append(st.log, b, st.now_ms, &err) == ERR_OK);
    }
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    (void)snprintf(path, sizeof(path), "%s/leader-epoch-checkpoint", st.dir);
    struct slice good = read_file(path);
    for (size_t len = 0; len < good.len; len++) {
        write_file(path, slice_head(good, len));
        ck_assert(store_open(&st, true, 60) == ERR_OK);
        ck_assert_uint_eq(st.log->epochs.count, 3);
        ck_assert_int_eq(leader_epochs_of(&st.log->epochs, 39), 1);
        ck_assert_int_eq(st.log->epochs.entries[2].start_offset, 40);
        store_kill(&st);
    }
    mem_free((void *)(uintptr_t)good.ptr);
}
END_TEST

/* Thirty batches of two records; epochs 2, 3 and 6 begin at 0, 20 and 40. */
static void fill_epochs(void)
{
    static const int32_t epochs[] = { 2, 3, 6 };
    struct error err;
    for (int i = 0; i < 60; i += 2) {
        struct slice b = store_batch(&st, i, epochs[i / 20], 2, 100, 1000 + i);
        ck_assert(log_append(st.log, b, st.now_ms, &err) == ERR_OK);
    }
    ck_assert_uint_gt(st.log->segment_count, 1);
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
}

static void assert_epochs(int64_t second, int64_t third)
{
    const struct leader_epoch want[] = { { 2, 0 }, { 3, second }, { 6, third } };
    ck_assert_uint_eq(st.log->epochs.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(st.log->epochs.entries[i].epoch, want[i].epoch);
        ck_assert_int_eq(st.log->epochs.entries[i].start_offset, want[i].start_offset);
    }
}

/* Flips a bit of the epoch that the batch at an offset carries: no checksum covers it. */
static void flip_batch_epoch(int64_t offset, uint8_t bit)
{
    char path[SEGMENT_PATH_MAX];
    struct segment_batch b = { 0 };
    ck_assert(store_open(&st, true, 60) == ERR_OK);
    struct segment *s = st.log->segments[log_segment_index(st.log, offset)];
    ck_assert(segment_find(s, st.log->home, offset, 256, &b) == ERR_OK);
    log_path(s->base_offset, SEGMENT_LOG, path);
    store_kill(&st);
    struct slice bytes = read_file(path);
    ((uint8_t *)(uintptr_t)bytes.ptr)[b.position + 15] ^= bit;
    write_file(path, bytes);
    mem_free((void *)(uintptr_t)bytes.ptr);
}

START_TEST(whichever_bit_of_the_epochs_file_flips_the_batches_are_believed)
{
    static const int64_t points[] = { -1, 0, 30, 60 }; /* the first one: after a stop in order */
    int64_t point = points[_i];
    char path[SEGMENT_PATH_MAX];
    fill_epochs();
    (void)snprintf(path, sizeof(path), "%s/leader-epoch-checkpoint", st.dir);
    struct slice good = read_file(path);
    unsigned doubts = 0, rebuilt = 0;
    for (size_t i = 0; i < good.len * 8; i++) {
        uint8_t *bad = mem_alloc(good.len);
        memcpy(bad, good.ptr, good.len);
        bad[i / 8] ^= (uint8_t)(1u << i % 8);
        write_file(path, slice_of(bad, good.len));
        mem_free(bad);
        ck_assert(store_open(&st, point < 0, point < 0 ? 60 : point) == ERR_OK);
        ck_assert_int_eq(st.log->end_offset, 60); /* nothing was cut */
        rebuilt += st.recovery.epochs_rebuilt;
        if (st.recovery.epochs_in_doubt) { /* 21 or 22 for 20, 41 or 42 for 40: a single batch */
            ck_assert_int_eq(st.recovery.doubtful_offset % 20, 0);
            doubts++;
        } else {
            assert_epochs(20, 40);
            ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), 60);
        }
        store_kill(&st);
    }
    ck_assert_uint_eq(doubts, point == 0 ? 0 : point == 30 ? 2 : 4);
    ck_assert(point == 0 ? rebuilt == 0 : rebuilt > 2);
    mem_free((void *)(uintptr_t)good.ptr);
}
END_TEST

START_TEST(epochs_that_were_made_anew_are_written_down)
{
    struct error err;
    char path[SEGMENT_PATH_MAX];
    fill_epochs();
    (void)snprintf(path, sizeof(path), "%s/leader-epoch-checkpoint", st.dir);
    write_file(path, slice_str("0\n3\n2 0\n3 30\n6 40\n"));
    ck_assert(store_open(&st, true, 60) == ERR_OK);
    ck_assert(st.recovery.epochs_rebuilt);
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    ck_assert(store_open(&st, true, 60) == ERR_OK);
    ck_assert(!st.recovery.epochs_rebuilt);
    assert_epochs(20, 40);
}
END_TEST

/* All batches at the ends of the epochs agree with it, except that one has two epochs then. */
START_TEST(an_epoch_that_begins_inside_of_a_batch_is_not_believed)
{
    char path[SEGMENT_PATH_MAX];
    fill_epochs();
    (void)snprintf(path, sizeof(path), "%s/leader-epoch-checkpoint", st.dir);
    write_file(path, slice_str("0\n3\n2 0\n3 15\n6 40\n"));
    ck_assert(store_open(&st, _i == 0, 60) == ERR_OK);
    ck_assert(st.recovery.epochs_rebuilt);
    assert_epochs(20, 40);
    ck_assert_int_eq(store_read_all(&st, 0, 60), 60);
    store_kill(&st);
    write_file(path, slice_str("0\n3\n2 0\n3 19\n6 40\n"));
    ck_assert(store_open(&st, _i == 0, 60) == ERR_OK);
    ck_assert(!st.recovery.epochs_rebuilt && st.recovery.epochs_in_doubt);
    ck_assert_int_eq(st.recovery.doubtful_offset, 18);
}
END_TEST

/* Its neighbours would take it for a short epoch 3 that began early. */
START_TEST(one_batch_against_the_epochs_file_is_damaged_and_the_file_stays)
{
    struct log_range r;
    fill_epochs();
    flip_batch_epoch(18, 1);
    ck_assert(store_open(&st, _i == 0, 60) == ERR_OK);
    ck_assert(!st.recovery.epochs_rebuilt && st.recovery.epochs_in_doubt);
    ck_assert_int_eq(st.recovery.doubtful_offset, 18);
    assert_epochs(20, 40);
    ck_assert(log_read(st.log, 18, 1000, 60, true, &r) == ERR_CORRUPT);
    ck_assert_int_eq(store_read_all(&st, 0, 18), 18);
    ck_assert_int_eq(store_read_all(&st, 20, 60), 60);
}
END_TEST

START_TEST(batches_whose_epochs_fall_do_not_overrule_the_file)
{
    fill_epochs();
    flip_batch_epoch(0, 4);
    flip_batch_epoch(18, 4);
    ck_assert(store_open(&st, _i == 0, 60) == ERR_OK);
    ck_assert(!st.recovery.epochs_rebuilt && st.recovery.epochs_in_doubt);
    ck_assert_int_eq(st.recovery.doubtful_offset, 0);
    assert_epochs(20, 40);
}
END_TEST

START_TEST(producers_survive_a_kill_by_snapshot_and_tail)
{
    struct error err;
    for (int i = 0; i < 30; i++) {
        ck_assert(store_append_producer(&st, 7, 0, 2 * i, 2) == ERR_OK);
        ck_assert(store_append_producer(&st, 8, 3, i, 1) == ERR_OK);
    }
    ck_assert_uint_gt(st.log->segment_count, 1);
    int64_t end = st.log->end_offset;
    for (int round = 0; round < 3; round++) {
        if (round == 1) {
            ck_assert(log_shutdown(st.log, &err) == ERR_OK);
        }
        store_kill(&st);
        if (round == 2) { /* the newest snapshot is damaged: the one before serves */
            char path[SEGMENT_PATH_MAX];
            log_path(end, SEGMENT_SNAPSHOT, path);
            write_file(path, slice_of("xxxxxxxxxxxxxx", 14));
        }
        ck_assert(store_open(&st, round == 1, end) == ERR_OK);
        struct producer_kept old;
        struct producer_batch retry = { .producer_id = 7,
                                        .base_sequence = 58,
                                        .last_sequence = 59 };
        ck_assert_int_eq(producer_state_check(&st.log->producers, &retry, &old),
                         PRODUCER_DUPLICATE);
        ck_assert_int_eq(old.last_offset, end - 2);
        retry.base_sequence = 61;
        ck_assert_int_eq(producer_state_check(&st.log->producers, &retry, &old),
                         PRODUCER_OUT_OF_ORDER);
        retry = (struct producer_batch){ .producer_id = 8, .producer_epoch = 2 };
        ck_assert_int_eq(producer_state_check(&st.log->producers, &retry, &old),
                         PRODUCER_EPOCH_FENCED);
    }
}
END_TEST

START_TEST(batches_before_the_last_one_of_a_snapshot_are_known_again)
{
    struct error err;
    for (int i = 0; i < 8; i++) {
        ck_assert(store_append_producer(&st, 7, 0, 2 * i, 2) == ERR_OK);
        ck_assert(store_append_producer(&st, 8, 3, i, 1) == ERR_OK);
    }
    int64_t end = st.log->end_offset;
    ck_assert(log_shutdown(st.log, &err) == ERR_OK);
    store_kill(&st);
    ck_assert(store_open(&st, true, end) == ERR_OK);
    struct producer_kept old = { 0 };
    struct producer_batch retry = { .producer_id = 7, .base_sequence = 6, .last_sequence = 7 };
    ck_assert_int_eq(log_check_producer(st.log, &retry, &old), PRODUCER_DUPLICATE);
    ck_assert_int_eq(old.last_offset, 3 * 3 + 1); /* the fifth from the end */
    retry.base_sequence = 4;                      /* the sixth */
    retry.last_sequence = 5;
    ck_assert_int_eq(log_check_producer(st.log, &retry, &old), PRODUCER_OUT_OF_ORDER);
    retry.base_sequence = retry.last_sequence = 20;
    ck_assert_int_eq(log_check_producer(st.log, &retry, &old), PRODUCER_OUT_OF_ORDER);
}
END_TEST

START_TEST(a_full_disk_refuses_appends_until_there_is_space)
{
    for (int torn = 0; torn < 30; torn++) {
        ck_assert(store_append(&st, 1, 100, 1000) == ERR_OK);
        int64_t end = st.log->end_offset;
        st.disk.space_bytes = torn * 5;
        ck_assert(store_append(&st, 1, 150, 1000) == ERR_NO_SPACE);
        ck_assert(store_append(&st, 1, 150, 1000) == ERR_NO_SPACE);
        ck_assert_int_eq(st.log->end_offset, end);
        ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), end);
        st.disk.space_bytes = -1;
    }
    ck_assert(store_append(&st, 1, 150, 1000) == ERR_OK);
    int64_t end = st.log->end_offset;
    store_kill(&st);
    ck_assert(store_open(&st, false, 0) == ERR_OK);
    ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), end);
    ck_assert_uint_eq(st.recovery.cut_bytes, 0);
}
END_TEST

START_TEST(a_batch_of_another_epoch_than_the_logs_is_damaged)
{
    char path[SEGMENT_PATH_MAX];
    log_path(0, SEGMENT_LOG, path);
    ck_assert(store_append(&st, 2, 10, 1000) == ERR_OK);
    uint32_t second = st.log->segments[0]->size_bytes;
    ck_assert(store_append(&st, 2, 10, 1000) == ERR_OK);
    store_kill(&st);
    struct slice whole = read_file(path);
    ((uint8_t *)(uintptr_t)whole.ptr)[second + 14] ^= 2; /* the checksum does not cover it */
    write_file(path, whole);
    mem_free((void *)(uintptr_t)whole.ptr);
    ck_assert(store_open(&st, true, 4) == ERR_OK);
    struct log_range r;
    ck_assert(log_read(st.log, 2, 1000, 4, true, &r) == ERR_OK); /* nobody knows the epochs */
    open_file_unref(r.file);
    store_kill(&st);
    ck_assert(store_open(&st, true, 4) == ERR_OK);
    leader_epochs_truncate_end(&st.log->epochs, 0);
    leader_epochs_assign(&st.log->epochs, 0, 0);
    ck_assert(log_read(st.log, 0, 1000, 4, true, &r) == ERR_OK);
    open_file_unref(r.file);
    ck_assert_uint_eq(r.len, second);
    ck_assert(log_read(st.log, 2, 1000, 4, true, &r) == ERR_CORRUPT);
}
END_TEST

START_TEST(a_failed_sync_takes_the_log_offline_for_good)
{
    struct error err;
    ck_assert(store_append(&st, 1, 100, 1000) == ERR_OK);
    st.disk.sync_fails = true;
    ck_assert(log_flush(st.log, &err) == ERR_IO);
    st.disk.sync_fails = false;
    ck_assert_int_eq(st.log->recovery_point, 0);
    ck_assert(log_flush(st.log, &err) == ERR_CLOSED);
    ck_assert(store_append(&st, 1, 100, 1000) == ERR_CLOSED);
    struct log_range r;
    ck_assert(log_read(st.log, 0, 100, 1, true, &r) == ERR_CLOSED);
}
END_TEST

START_TEST(a_flush_ticket_survives_rolls_deletion_and_truncation)
{
    struct error err;
    struct log_flush *ticket, *second;
    uint32_t deleted;
    for (int i = 0; i < 100; i++) {
        ck_assert(store_append(&st, 1, 100, 1000) == ERR_OK);
    }
    ck_assert(log_flush_begin(st.log, &ticket, &err) == ERR_OK && ticket);
    ck_assert_int_eq(log_flush_offset(ticket), 100);
    ck_assert(log_flush_begin(st.log, &second, &err) == ERR_OK && !second);
    st.config.retention_ms = 1;
    log_set_config(st.log, &st.config);
    ck_assert(log_retain(st.log, 1 << 30, 50, &deleted, &err) == ERR_OK);
    ck_assert_uint_gt(deleted, 0);
    ck_assert(log_truncate_to(st.log, 80, st.now_ms, &err) == ERR_OK);
    ck_assert(store_append(&st, 1, 100, 1000) == ERR_OK);
    log_flush_done(st.log, ticket, log_flush_run(ticket));
    ck_assert_int_eq(st.log->recovery_point, 80); /* 80 is new and not covered */
    ck_assert(log_flush(st.log, &err) == ERR_OK);
    ck_assert_int_eq(st.log->recovery_point, 81);
    ck_assert(!log_needs_flush(st.log));
}
END_TEST

START_TEST(what_was_flushed_survives_a_power_loss)
{
    struct rng rng;
    rng_seed(&rng, (uint64_t)_i + 100);
    struct error err;
    for (int round = 0; round < 10; round++) {
        int64_t flushed = st.log->recovery_point;
        for (int i = 0; i < 30; i++) {
            ck_assert(store_append(&st, 1 + i % 3, rng_below(&rng, 400), 1000) == ERR_OK);
            if (rng_below(&rng, 10) == 0) {
                ck_assert(log_flush(st.log, &err) == ERR_OK);
                flushed = st.log->recovery_point;
            }
        }
        store_kill(&st);
        fault_vfs_power_loss(&st.disk);
        ck_assert(store_open(&st, false, flushed) == ERR_OK);
        ck_assert_int_ge(st.log->end_offset, flushed);
        ck_assert_int_eq(store_read_all(&st, 0, INT64_MAX), st.log->end_offset);
        ck_assert(log_flush(st.log, &err) == ERR_OK);
    }
}
END_TEST

/* Every operation that a run makes fails once, in turn; afterwards a fresh open must find all that
 * had been flushed, and whatever else is there must be sound. */
START_TEST(a_power_loss_spares_a_producer_whose_records_retention_took)
{
    struct error err;
    uint32_t deleted;
    ck_assert(store_append_producer(&st, 7, 0, 0, 2) == ERR_OK);
    while (st.log->segment_count < 3) {
        ck_assert(store_append(&st, 1, 400, 1000) == ERR_OK);
    }
    ck_assert(log_flush(st.log, &err) == ERR_OK);
    int64_t end = st.log->end_offset, start = st.log->segments[2]->base_offset;
    ck_assert(log_advance_start(st.log, start, &err) == ERR_OK);
    ck_assert(log_retain(st.log, st.now_ms, end, &deleted, &err) == ERR_OK);
    ck_assert_uint_eq(deleted, 2);
    store_kill(&st);
    fault_vfs_power_loss(&st.disk);
    ck_assert(store_open(&st, false, end) == ERR_OK);
    ck_assert_int_eq(st.log->start_offset, start);
    ck_assert_ptr_nonnull(producer_state_find(&st.log->producers, 7));
}
END_TEST

START_TEST(whichever_operation_fails_nothing_flushed_is_lost)
{
    for (int n = 1; n < 400; n++) {
        struct error err;
        store_deinit(&st);
        store_init(&st);
        st.disk.operations = 0;
        st.disk.countdown = n;
        st.disk.torn_writes = n % 2;
        st.disk.fail_with = n % 3 ? ERR_IO : ERR_NO_SPACE;
        int64_t flushed = 0;
        uint32_t deleted;
        for (int i = 0; i < 60; i++) {
            (void)store_append(&st, 1, 120, 1000);
            if (i % 10 == 9 && log_flush(st.log, &err) == ERR_OK) {
                flushed = st.log->recovery_point;
            }
        }
        (void)log_truncate_to(st.log, flushed + 3, st.now_ms, &err);
        (void)log_retain(st.log, 1000 + st.config.retention_ms, flushed, &deleted, &err);
        (void)log_shutdown(st.log, &err);
        store_kill(&st);
        enum err e = store_open(&st, false, flushed);
        bool ran_out = st.disk.countdown > 0;
        if (e) { /* the failure was met while opening: once more */
            ck_assert(store_open(&st, false, flushed) == ERR_OK);
        }
        st.disk.countdown = 0;
        if (!st.log->offline) {
            ck_assert_int_ge(st.log->end_offset, flushed);
            ck_assert_int_eq(store_read_all(&st, st.log->start_offset, INT64_MAX),
                             st.log->end_offset);
            ck_assert(store_append(&st, 1, 120, 1000) == ERR_OK);
        }
        if (ran_out) {
            ck_assert_int_gt(n, 50);
            return;
        }
    }
    ck_abort_msg("the run never ended without a failure");
}
END_TEST

Suite *recovery_suite(void)
{
    Suite *s = suite_create("storage/recovery");
    TCase *t = tcase_create("recovery");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, torn_tail_is_cut_at_the_last_whole_batch_wherever_it_was_torn);
    tcase_add_test(t, a_flipped_bit_above_the_recovery_point_ends_the_log_there);
    tcase_add_test(t, segments_behind_the_damage_go);
    tcase_add_test(t, rebuilt_indexes_equal_those_written_while_appending);
    tcase_add_test(t, a_lying_index_of_a_closed_segment_costs_a_rebuild_and_no_wrong_answer);
    tcase_add_test(t, a_lying_time_index_costs_a_rebuild_and_no_wrong_answer);
    tcase_add_test(t, an_emptied_segment_hides_no_record_unless_compaction_did_it);
    tcase_add_test(t, a_clean_start_reads_next_to_nothing);
    tcase_add_test(t, leftovers_of_an_interrupted_compaction_are_finished_or_undone);
    tcase_add_test(t, an_epoch_that_began_below_the_recovery_point_is_remembered_after_a_crash);
    tcase_add_test(t, damaged_epochs_are_read_from_the_batches_again);
    tcase_add_test(t, a_power_loss_spares_a_producer_whose_records_retention_took);
    tcase_add_loop_test(t, whichever_bit_of_the_epochs_file_flips_the_batches_are_believed, 0, 4);
    tcase_add_test(t, epochs_that_were_made_anew_are_written_down);
    tcase_add_loop_test(t, an_epoch_that_begins_inside_of_a_batch_is_not_believed, 0, 2);
    tcase_add_loop_test(t, one_batch_against_the_epochs_file_is_damaged_and_the_file_stays, 0, 2);
    tcase_add_loop_test(t, batches_whose_epochs_fall_do_not_overrule_the_file, 0, 2);
    tcase_add_test(t, producers_survive_a_kill_by_snapshot_and_tail);
    tcase_add_test(t, batches_before_the_last_one_of_a_snapshot_are_known_again);
    tcase_add_test(t, a_full_disk_refuses_appends_until_there_is_space);
    tcase_add_test(t, a_batch_of_another_epoch_than_the_logs_is_damaged);
    tcase_add_test(t, a_failed_sync_takes_the_log_offline_for_good);
    tcase_add_test(t, a_flush_ticket_survives_rolls_deletion_and_truncation);
    tcase_add_loop_test(t, what_was_flushed_survives_a_power_loss, 0, 10);
    tcase_add_test(t, whichever_operation_fails_nothing_flushed_is_lost);
    suite_add_tcase(s, t);
    return s;
}
