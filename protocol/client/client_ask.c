/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_ask.c - questions that any broker can answer, put to another one when the first is silent.
 * Driven by client.c, by answers and by a timer of each question.
 *   (A1) The first answer ends the question; tries still under way are forgotten.
 *   (A2) A broker has one try of a question at a time. A silent one keeps it: it may only be slow,
 *        and the patience with the next one is twice as long, so that slow brokers are not asked
 *        more and more.
 *   (A3) Questions have a lane of their own: they never wait behind a produce or a long poll.
 */
#include "protocol/client/client_internal.h"

#include "protocol/base/alloc.h"

enum { TRIES_MAX = 4, NOBODY = NODE_ANY };

struct ask_try {
    struct client_ask *ask;
    int32_t node_id; /* NOBODY: not under way */
};

struct client_ask {
    struct list_node node; /* in client->asks */
    struct client *client;
    const struct schema *schema;
    void *request; /* lives in the arena */
    struct arena arena;
    int16_t max_version;
    uint64_t deadline_ns, patience_ns;
    struct timer timer; /* the patience's end */
    client_done *done;
    void *user;
    struct ask_try tries[TRIES_MAX];
};

static void free_ask(struct client_ask *a)
{
    list_remove(&a->node);
    timer_cancel(a->client->env, &a->timer);
    for (int i = 0; i < TRIES_MAX; i++) {
        if (a->tries[i].node_id != NOBODY) {
            a->tries[i].node_id = NOBODY;
            client_cancel(a->client, &a->tries[i]);
        }
    }
    arena_deinit(&a->arena);
    mem_free(a);
}

static void finish(struct client_ask *a, enum err err, int16_t version, const void *response)
{
    client_done *done = a->done;
    void *user = a->user;
    free_ask(a);
    done(user, err, version, response);
}

static size_t under_way(const struct client_ask *a, int32_t *ret_nodes)
{
    size_t count = 0;
    for (int i = 0; i < TRIES_MAX; i++) {
        if (a->tries[i].node_id != NOBODY) {
            ret_nodes[count++] = a->tries[i].node_id;
        }
    }
    return count;
}

static void on_try(void *user, enum err err, int16_t version, const void *response);

/* Asks one more broker, if there is one (at_once: one that need not be waited for). */
static bool try_next(struct client_ask *a, bool at_once)
{
    struct client *c = a->client;
    int32_t asked[TRIES_MAX];
    uint64_t now = env_mono_ns(c->env);
    size_t count = under_way(a, asked);
    struct node *n = count < TRIES_MAX && now < a->deadline_ns && !c->freeing
                         ? node_pick(c, LANE_ASK, asked, count)
                         : NULL;
    if (!n || (at_once && n->not_before_ns > now)) {
        return false;
    }
    struct ask_try *t = a->tries;
    while (t->node_id != NOBODY) {
        t++;
    }
    t->node_id = n->id;
    client_call_node(c, n, LANE_ASK, a->schema, a->request, a->max_version, a->deadline_ns - now,
                     on_try, t);
    return true;
}

static void on_try(void *user, enum err err, int16_t version, const void *response)
{
    struct ask_try *t = user;
    struct client_ask *a = t->ask;
    int32_t asked[TRIES_MAX];
    t->node_id = NOBODY;
    bool of_broker = err == ERR_CLOSED || err == ERR_TIMEOUT;
    if (of_broker && (try_next(a, true) || under_way(a, asked))) {
        return;
    }
    finish(a, err, version, response);
}

static void on_patience(void *owner)
{
    struct client_ask *a = owner;
    int32_t asked[TRIES_MAX];
    a->patience_ns *= 2;
    timer_arm_in(a->client->env, &a->timer, a->patience_ns);
    if (!try_next(a, false) && !under_way(a, asked)) {
        finish(a, ERR_NOT_FOUND, 0, NULL);
    }
}

void client_ask(struct client *c, const struct schema *schema, const void *request,
                int16_t max_version, uint64_t timeout_ns, client_done *done, void *user)
{
    struct client_ask *a = mem_zalloc(sizeof(*a));
    a->client = c;
    a->schema = schema;
    a->max_version = max_version;
    a->deadline_ns = env_mono_ns(c->env) + timeout_ns;
    a->patience_ns = CLIENT_PATIENCE_NS;
    a->timer = (struct timer){ .fire = on_patience, .owner = a };
    a->done = done;
    a->user = user;
    arena_init(&a->arena, SIZE_MAX / 2);
    a->request = schema_copy(schema, &a->arena, request);
    for (int i = 0; i < TRIES_MAX; i++) {
        a->tries[i] = (struct ask_try){ a, NOBODY };
    }
    list_push_back(&c->asks, &a->node);
    timer_arm_in(c->env, &a->timer, try_next(a, false) ? a->patience_ns : 0);
}

void client_ask_cancel(struct client *c, const void *user)
{
    /* A connection may end here and take other questions along: begin anew after each. */
    for (bool again = true; again;) {
        again = false;
        list_for_each(it, &c->asks) {
            struct client_ask *a = list_entry(it, struct client_ask, node);
            if (a->user == user) {
                free_ask(a);
                again = true;
                break;
            }
        }
    }
}

void client_asks_end(struct client *c)
{
    struct list_node *n;
    while ((n = list_first(&c->asks))) {
        finish(list_entry(n, struct client_ask, node), ERR_CANCELED, 0, NULL);
    }
}
