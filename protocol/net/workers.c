/* SPDX-License-Identifier: Apache-2.0 */
/*
 * workers.c - a few threads for what blocks: fsync, name look-ups, compression. Driven by
 * env_work().
 *   (W1) run() is called exactly once, on a worker; done() exactly once, on the loop, afterwards.
 *   (W2) Work starts in the order in which it was given.
 *   (W3) Threads start when there is work, at most thread_count of them.
 */
#include "protocol/net/loop_internal.h"

#include "protocol/base/alloc.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORKER_STACK_BYTES = 256 * 1024 };

static struct work *take_first(struct work **first, struct work ***last)
{
    struct work *w = *first;
    if (w) {
        *first = w->next;
        if (!*first) {
            *last = first;
        }
        w->next = NULL;
    }
    return w;
}

/* Called with the lock; gives it back for a moment when it wakes the loop. */
static void finished(struct worker_pool *p, struct work *w)
{
    bool is_last = !w->together || --*w->together == 0;
    *p->finished_last = w;
    p->finished_last = &w->next;
    if (is_last && !p->woken) {
        uint64_t one = 1;
        p->woken = true;
        pthread_mutex_unlock(&p->lock);
        ssize_t n = write(p->wake_fd, &one, sizeof(one));
        assert(n == (ssize_t)sizeof(one));
        pthread_mutex_lock(&p->lock);
    }
}

static void *worker_main(void *arg)
{
    struct worker_pool *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        struct work *w = take_first(&p->todo_first, &p->todo_last);
        if (!w) {
            if (p->stopping) {
                break;
            }
            pthread_cond_wait(&p->wanted, &p->lock);
            continue;
        }
        pthread_mutex_unlock(&p->lock);
        w->run(w);
        pthread_mutex_lock(&p->lock);
        finished(p, w);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

static void deliver_finished(void *owner, uint32_t events)
{
    struct loop *l = owner;
    struct worker_pool *p = &l->pool;
    uint64_t count;
    (void)events;
    (void)!read(p->wake_fd, &count, sizeof(count)); /* only resets the counter */
    pthread_mutex_lock(&p->lock);
    struct work *w = p->finished_first;
    p->finished_first = NULL;
    p->finished_last = &p->finished_first;
    p->woken = false;
    pthread_mutex_unlock(&p->lock);
    while (w) {
        struct work *next = w->next;
        w->next = NULL;
        p->outstanding--;
        w->done(w);
        w = next;
    }
}

enum err workers_init(struct loop *l, unsigned count, struct error *err)
{
    struct worker_pool *p = &l->pool;
    p->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (p->wake_fd < 0) {
        return err_errno(err, errno, "create the workers' eventfd");
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wanted, NULL);
    p->todo_last = &p->todo_first;
    p->finished_last = &p->finished_first;
    p->thread_count = count ? count : 1;
    p->threads = mem_array(p->thread_count, sizeof(*p->threads));
    l->pool_watch = (struct watch){ p->wake_fd, EPOLLIN, deliver_finished, l };
    enum err e = loop_watch_add(l, &l->pool_watch);
    assert(e == ERR_OK);
    return ERR_OK;
}

void workers_deinit(struct loop *l)
{
    struct worker_pool *p = &l->pool;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_broadcast(&p->wanted);
    pthread_mutex_unlock(&p->lock);
    for (unsigned i = 0; i < p->threads_started; i++) {
        pthread_join(p->threads[i], NULL);
    }
    while (p->outstanding) {
        deliver_finished(l, 0); /* done() may give more work, which nobody runs any more */
        struct work *w;
        while ((w = take_first(&p->todo_first, &p->todo_last))) {
            w->run(w);
            *p->finished_last = w;
            p->finished_last = &w->next;
        }
    }
    loop_watch_remove(l, &l->pool_watch);
    close(p->wake_fd);
    mem_free(p->threads);
    pthread_cond_destroy(&p->wanted);
    pthread_mutex_destroy(&p->lock);
}

void loop_settle(struct loop *l)
{
    while (l->pool.outstanding) {
        loop_turn(l, NS_PER_S);
    }
}

static void start_thread(struct worker_pool *p)
{
    pthread_attr_t attr;
    sigset_t all, old;
    size_t stack = WORKER_STACK_BYTES;
    pthread_attr_init(&attr);
    if (stack < (size_t)PTHREAD_STACK_MIN) {
        stack = (size_t)PTHREAD_STACK_MIN;
    }
    pthread_attr_setstacksize(&attr, stack);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &old);
    if (pthread_create(&p->threads[p->threads_started], &attr, worker_main, p) == 0) {
        p->threads_started++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
}

void workers_give(struct loop *l, struct work *w)
{
    struct worker_pool *p = &l->pool;
    p->outstanding++;
    if (p->threads_started < p->thread_count && p->outstanding > p->threads_started &&
        !p->stopping) {
        start_thread(p);
        assert(p->threads_started > 0);
    }
    pthread_mutex_lock(&p->lock);
    w->next = NULL;
    *p->todo_last = w;
    p->todo_last = &w->next;
    pthread_mutex_unlock(&p->lock);
    pthread_cond_signal(&p->wanted); /* who wakes finds the lock free */
}
