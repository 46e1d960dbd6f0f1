/* SPDX-License-Identifier: Apache-2.0 */
/* check_loop.c - the event loop over real sockets, pipes and threads. */
#include "protocol/base/alloc.h"
#include "protocol/base/buf.h"
#include "protocol/net/loop.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

Suite *loop_suite(void);

/* One end of a connection that collects what it gets. */
struct end {
    struct stream *s;
    struct buf in;
    uint8_t room[4096];
    size_t room_bytes; /* 0: refuses to read */
    int opened, drained, closed, released;
    enum err why;
};

static void end_opened(void *user)
{
    ((struct end *)user)->opened++;
}

static void end_space(void *user, uint8_t **ret_ptr, size_t *ret_room)
{
    struct end *e = user;
    *ret_ptr = e->room;
    *ret_room = e->room_bytes;
}

static void end_filled(void *user, size_t n)
{
    struct end *e = user;
    buf_append(&e->in, e->room, n);
}

static void end_drained(void *user)
{
    ((struct end *)user)->drained++;
}

static void end_closed(void *user, enum err why)
{
    struct end *e = user;
    e->closed++;
    e->why = why;
    e->s = NULL;
}

static void end_release(void *owner)
{
    ((struct end *)owner)->released++;
}

static const struct stream_events end_events = { end_opened, end_space, end_filled, end_drained,
                                                 end_closed };

struct fixture {
    struct loop *loop;
    struct listener *listener;
    struct end server, client;
};

static void *accept_one(void *owner, struct stream *s)
{
    struct fixture *f = owner;
    f->server.s = s;
    return &f->server;
}

static void connect_both(struct fixture *f, const char *host)
{
    *f = (struct fixture){ .server.room_bytes = 4096, .client.room_bytes = 4096 };
    ck_assert_int_eq(loop_new(2, &f->loop, NULL), ERR_OK);
    struct error err;
    ck_assert_msg(loop_listen(f->loop, "127.0.0.1", 0, &end_events, accept_one, f, &f->listener,
                              &err) == ERR_OK,
                  "%s", err.text);
    f->client.s =
        env_connect(loop_env(f->loop), host, listener_port(f->listener), &end_events, &f->client);
    for (int i = 0; i < 500 && !(f->client.opened && f->server.s); i++) {
        loop_turn(f->loop, NS_PER_MS * 10);
    }
    ck_assert_int_eq(f->client.opened, 1);
    ck_assert_ptr_nonnull(f->server.s);
}

static void disconnect(struct fixture *f)
{
    if (f->server.s) {
        stream_close(f->server.s);
    }
    if (f->client.s) {
        stream_close(f->client.s);
    }
    listener_close(f->listener);
    loop_free(f->loop);
    buf_deinit(&f->server.in);
    buf_deinit(&f->client.in);
}

START_TEST(memory_and_file_pieces_arrive_in_order)
{
    struct fixture f;
    connect_both(&f, "127.0.0.1");
    char path[] = "/tmp/check_loop_XXXXXX";
    int fd = mkstemp(path);
    static char body[300000];
    for (size_t i = 0; i < sizeof(body); i++) {
        body[i] = (char)('a' + i % 23);
    }
    ck_assert_int_eq(write(fd, body, sizeof(body)), sizeof(body));
    struct vfs_file file = { fd };
    struct piece pieces[] = {
        { .bytes = slice_str("head "), .release = end_release, .owner = &f.client },
        { .file = &file,
          .file_pos = 1,
          .file_len = sizeof(body) - 1,
          .release = end_release,
          .owner = &f.client },
        { .bytes = slice_str(" tail"), .release = end_release, .owner = &f.client },
    };
    stream_send(f.client.s, pieces, 3);
    ck_assert_uint_eq(f.client.s->queued_bytes, sizeof(body) + 9);
    for (int i = 0; i < 2000 && f.server.in.len < sizeof(body) + 9; i++) {
        loop_turn(f.loop, NS_PER_MS * 10);
    }
    ck_assert_uint_eq(f.server.in.len, sizeof(body) + 9);
    ck_assert(slice_starts(buf_slice(&f.server.in), "head b"));
    ck_assert_int_eq(memcmp(f.server.in.ptr + 5, body + 1, sizeof(body) - 1), 0);
    ck_assert_int_eq(memcmp(f.server.in.ptr + f.server.in.len - 5, " tail", 5), 0);
    ck_assert_int_eq(f.client.released, 3);
    ck_assert_int_eq(f.client.drained, 1);
    ck_assert_uint_eq(f.client.s->queued_bytes, 0);
    disconnect(&f);
    close(fd);
    unlink(path);
}
END_TEST

START_TEST(names_are_resolved_and_every_address_is_tried)
{
    struct fixture f;
    connect_both(&f, "localhost"); /* ::1 refuses, 127.0.0.1 answers */
    ck_assert_str_eq(f.server.s->local_host, "127.0.0.1");
    ck_assert_uint_eq(f.server.s->local_port, listener_port(f.listener));
    disconnect(&f);
}
END_TEST

START_TEST(a_reader_without_room_pauses_until_resumed)
{
    struct fixture f;
    connect_both(&f, "127.0.0.1");
    f.server.room_bytes = 0;
    struct piece p = { .bytes = slice_str("hello") };
    stream_send(f.client.s, &p, 1);
    for (int i = 0; i < 10; i++) {
        loop_turn(f.loop, NS_PER_MS);
    }
    ck_assert_uint_eq(f.server.in.len, 0);
    f.server.room_bytes = 4096;
    stream_resume(f.server.s);
    for (int i = 0; i < 100 && !f.server.in.len; i++) {
        loop_turn(f.loop, NS_PER_MS * 10);
    }
    ck_assert_uint_eq(f.server.in.len, 5);
    disconnect(&f);
}
END_TEST

START_TEST(the_end_of_the_peer_is_told_once_and_pieces_are_released)
{
    struct fixture f;
    connect_both(&f, "127.0.0.1");
    static char much[1 << 22];
    struct piece p = { .bytes = slice_of(much, sizeof(much)),
                       .release = end_release,
                       .owner = &f.client };
    f.server.room_bytes = 0;
    for (int i = 0; i < 8; i++) {
        stream_send(f.client.s, &p, 1);
    }
    loop_turn(f.loop, NS_PER_MS);
    stream_close(f.server.s);
    f.server.s = NULL;
    for (int i = 0; i < 100 && !f.client.closed; i++) {
        loop_turn(f.loop, NS_PER_MS * 10);
    }
    ck_assert_int_eq(f.client.closed, 1);
    ck_assert_int_eq(f.client.why, ERR_CLOSED);
    ck_assert_int_eq(f.server.closed, 0);
    ck_assert_int_eq(f.client.released, 8);
    disconnect(&f);
}
END_TEST

START_TEST(a_refused_connection_is_told_by_closed)
{
    struct fixture f;
    connect_both(&f, "127.0.0.1");
    uint16_t port = listener_port(f.listener);
    listener_close(f.listener);
    f.listener = NULL;
    struct end e = { .room_bytes = 10 };
    e.s = env_connect(loop_env(f.loop), "127.0.0.1", port, &end_events, &e);
    ck_assert_int_eq(e.closed, 0);
    for (int i = 0; i < 100 && !e.closed; i++) {
        loop_turn(f.loop, NS_PER_MS * 10);
    }
    ck_assert_int_eq(e.closed, 1);
    ck_assert_int_eq(e.opened, 0);
    disconnect(&f);
}
END_TEST

struct ticker {
    struct timer timer;
    struct env env;
    int fired;
};

static void tick(void *owner)
{
    struct ticker *t = owner;
    t->fired++;
    timer_arm_in(t->env, &t->timer, 0);
}

START_TEST(a_timer_armed_while_firing_waits_for_the_next_turn)
{
    struct loop *l;
    ck_assert_int_eq(loop_new(1, &l, NULL), ERR_OK);
    struct ticker t = { .env = loop_env(l), .timer = { .fire = tick, .owner = &t } };
    timer_arm_in(t.env, &t.timer, 0);
    for (int i = 1; i <= 5; i++) {
        loop_turn(l, 0);
        ck_assert_int_eq(t.fired, i);
    }
    timer_cancel(t.env, &t.timer);
    loop_turn(l, 0);
    ck_assert_int_eq(t.fired, 5);
    loop_free(l);
}
END_TEST

struct job {
    struct work work;
    int *done;
    int ran;
};

static void job_run(struct work *w)
{
    usleep(1000);
    ((struct job *)w)->ran = 1;
}

static void job_done(struct work *w)
{
    struct job *j = (struct job *)w;
    *j->done += j->ran;
}

START_TEST(work_runs_elsewhere_and_ends_on_the_loop_even_while_stopping)
{
    struct loop *l;
    ck_assert_int_eq(loop_new(3, &l, NULL), ERR_OK);
    int done = 0;
    struct job jobs[40];
    for (int i = 0; i < 40; i++) {
        jobs[i] = (struct job){ .work = { .run = job_run, .done = job_done }, .done = &done };
        env_work(loop_env(l), &jobs[i].work);
        if (i == 20) {
            loop_turn(l, NS_PER_MS * 5);
        }
    }
    loop_free(l);
    ck_assert_int_eq(done, 40);
}
END_TEST

START_TEST(a_loop_that_has_settled_owes_nobody_anything)
{
    struct loop *l;
    ck_assert_int_eq(loop_new(2, &l, NULL), ERR_OK);
    int done = 0;
    struct job jobs[10];
    for (int i = 0; i < 10; i++) {
        jobs[i] = (struct job){ .work = { .run = job_run, .done = job_done }, .done = &done };
        env_work(loop_env(l), &jobs[i].work);
    }
    loop_settle(l);
    ck_assert_int_eq(done, 10);
    memset(jobs, 0xff, sizeof(jobs)); /* their owner may go */
    loop_free(l);
}
END_TEST

static void slow_run(struct work *w)
{
    struct job *j = (struct job *)w;
    usleep(20000 * (unsigned)(j->ran + 1));
    j->ran = 1;
}

START_TEST(works_that_share_a_task_wake_the_loop_once)
{
    struct loop *l;
    ck_assert_int_eq(loop_new(3, &l, NULL), ERR_OK);
    int done = 0;
    uint32_t left = 3;
    struct job jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){ .work = { .run = slow_run, .done = job_done, .together = &left },
                                .done = &done,
                                .ran = i };
        env_work(loop_env(l), &jobs[i].work);
    }
    loop_turn(l, 10 * (uint64_t)NS_PER_S);
    ck_assert_int_eq(done, 3);
    jobs[0] = (struct job){ .work = { .run = slow_run, .done = job_done }, .done = &done };
    env_work(loop_env(l), &jobs[0].work);
    loop_turn(l, 10 * (uint64_t)NS_PER_S);
    ck_assert_int_eq(done, 4);
    loop_free(l);
}
END_TEST

struct pair {
    struct loop *loop;
    struct watch watches[2];
    int ready;
};

static void ready_removes_both(void *owner, uint32_t events)
{
    struct pair *p = owner;
    (void)events;
    p->ready++;
    loop_watch_remove(p->loop, &p->watches[0]);
    loop_watch_remove(p->loop, &p->watches[1]);
}

START_TEST(a_removed_watch_gets_no_event_in_the_same_turn)
{
    struct pair p = { 0 };
    ck_assert_int_eq(loop_new(1, &p.loop, NULL), ERR_OK);
    int fds[2][2];
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pipe(fds[i]), 0);
        p.watches[i] = (struct watch){ fds[i][0], EPOLLIN, ready_removes_both, &p };
        ck_assert_int_eq(loop_watch_add(p.loop, &p.watches[i]), ERR_OK);
        ck_assert_int_eq(write(fds[i][1], "x", 1), 1);
    }
    loop_turn(p.loop, NS_PER_MS);
    loop_turn(p.loop, 0);
    ck_assert_int_eq(p.ready, 1);
    for (int i = 0; i < 2; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
    loop_free(p.loop);
}
END_TEST

static void note_signal(void *owner, int signum)
{
    *(int *)owner = signum;
}

START_TEST(signals_arrive_as_events)
{
    struct loop *l;
    int got = 0;
    ck_assert_int_eq(loop_new(1, &l, NULL), ERR_OK);
    loop_on_signal(l, SIGUSR1, note_signal, &got);
    raise(SIGUSR1);
    loop_turn(l, NS_PER_MS * 100);
    ck_assert_int_eq(got, SIGUSR1);
    loop_free(l);
}
END_TEST

Suite *loop_suite(void)
{
    Suite *s = suite_create("loop");
    TCase *t = tcase_create("loop");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, memory_and_file_pieces_arrive_in_order);
    tcase_add_test(t, names_are_resolved_and_every_address_is_tried);
    tcase_add_test(t, a_reader_without_room_pauses_until_resumed);
    tcase_add_test(t, the_end_of_the_peer_is_told_once_and_pieces_are_released);
    tcase_add_test(t, a_refused_connection_is_told_by_closed);
    tcase_add_test(t, a_timer_armed_while_firing_waits_for_the_next_turn);
    tcase_add_test(t, work_runs_elsewhere_and_ends_on_the_loop_even_while_stopping);
    tcase_add_test(t, a_loop_that_has_settled_owes_nobody_anything);
    tcase_add_test(t, works_that_share_a_task_wake_the_loop_once);
    tcase_add_test(t, a_removed_watch_gets_no_event_in_the_same_turn);
    tcase_add_test(t, signals_arrive_as_events);
    suite_add_tcase(s, t);
    return s;
}
