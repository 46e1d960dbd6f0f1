/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.h - all flows of one logboom-connect process, over one client.
 */
#ifndef LOGBOOM_CONNECTORS_WORKER_H
#define LOGBOOM_CONNECTORS_WORKER_H

#include "connectors/flow/flow.h"
#include "connectors/instance.h"
#include "protocol/net/service.h"

struct connect_config {
#define C CONFIG_MEMBER
#include "connectors/connect_config.def"
#undef C
};
extern const struct config_table connect_config_table;

struct worker {
    struct service *service;
    const struct connect_config *config;
    struct client_config client_config;
    struct client *client;
    struct instance instance;
    struct flow *flows;
    size_t flow_count;
    size_t running; /* flows that have not stopped */
};

/* Everything that is wrong in `flows` is found; nothing is opened. */
enum err worker_check(struct service *s, struct error *err);
/* Makes the worker (s->program) and starts its flows. */
enum err worker_start(struct service *s, struct error *err);
/* Stops the flows, then calls service_stopped(). */
void worker_stop(struct service *s);
void worker_free(struct service *s);
/* False while a flow is degraded; the text says which and why. */
bool worker_healthy(struct service *s, struct buf *ret_text);
/* Writes metrics of all flows; ctx is the worker. */
void worker_collect(void *ctx, struct buf *out);

/* Markdown for docs/generated: flows and node types; metrics. */
void worker_print_settings(FILE *out);
void worker_print_metrics(FILE *out);

/* rest/rest.c: the routes of Kafka Connect's REST interface that are there, and /flows. */
extern const struct http_route rest_routes[];
extern const size_t rest_route_count;

#endif
