/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quorum_config.c - see quorum_config.h. Driven by main.c (--check-config), broker.c and format.c.
 *   (Q1) With fixed voters the node is one of them exactly when it is a controller.
 */
#include "broker/quorum_config.h"

#include "broker/raft/raft.h"
#include "protocol/base/units.h"

static enum err parse_server(const char *key, const char *text, bool with_id, struct arena *arena,
                             struct quorum_server *ret_server, struct error *err)
{
    const char *example = with_id ? "1@127.0.0.1:9093" : "127.0.0.1:9093";
    const char *at = with_id ? strchr(text, '@') : NULL;
    const char *host = at ? at + 1 : text;
    const char *colon = strrchr(host, ':');
    int64_t id = -1, port;
    bool good = colon && colon > host && (!with_id || at) &&
                !units_int(slice_str(colon + 1), &port) && port > 0 && port <= 65535;
    if (good && with_id) {
        good = !units_int(slice_of(text, (size_t)(at - text)), &id) && id >= 0 && id <= INT32_MAX;
    }
    if (!good) {
        return err_set(err, ERR_CONFIG, "%s: \"%s\": it must look like %s", key, text, example);
    }
    struct slice name = slice_of(host, (size_t)(colon - host));
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']') {
        name = slice_of(name.ptr + 1, name.len - 2);
    }
    struct slice copy = arena_copy(arena, name);
    if (slice_is_null(copy)) {
        return err_set(err, ERR_LIMIT, "%s: it is too long", key);
    }
    *ret_server = (struct quorum_server){ .id = (int32_t)id,
                                          .host = (char *)(uintptr_t)copy.ptr,
                                          .port = (uint16_t)port };
    return ERR_OK;
}

static enum err parse_servers(const char *key, const struct config_list *list, bool with_id,
                              struct arena *arena, struct quorum_server **ret_servers,
                              uint32_t *ret_count, struct error *err)
{
    if (list->count > RAFT_VOTERS_MAX) {
        return err_set(err, ERR_CONFIG, "%s: there are more than %d", key, RAFT_VOTERS_MAX);
    }
    struct quorum_server *servers = arena_array(arena, list->count, sizeof(*servers));
    if (!servers) {
        return err_set(err, ERR_LIMIT, "%s: it is too long", key);
    }
    for (size_t i = 0; i < list->count; i++) {
        enum err e = parse_server(key, list->items[i], with_id, arena, &servers[i], err);
        if (e) {
            return e;
        }
        for (size_t k = 0; with_id && k < i; k++) {
            if (servers[k].id == servers[i].id) {
                return err_set(err, ERR_CONFIG, "%s: node %d is named twice", key,
                               (int)servers[i].id);
            }
        }
    }
    *ret_servers = servers;
    *ret_count = (uint32_t)list->count;
    return ERR_OK;
}

static enum err parse_roles(const struct config_list *list, struct quorum_config *q,
                            struct error *err)
{
    for (size_t i = 0; i < list->count; i++) {
        bool *role = strcmp(list->items[i], "broker") == 0       ? &q->broker
                     : strcmp(list->items[i], "controller") == 0 ? &q->controller
                                                                 : NULL;
        if (!role || *role) {
            return err_set(err, ERR_CONFIG,
                           "process.roles: \"%s\": must be broker, controller or "
                           "both, each once",
                           list->items[i]);
        }
        *role = true;
    }
    if (!q->broker && !q->controller) {
        return err_set(err, ERR_CONFIG, "process.roles: must be broker, controller or both");
    }
    return ERR_OK;
}

bool quorum_config_is_controller_listener(const struct broker_config *config, struct slice name)
{
    for (size_t i = 0; i < config->controller_listener_names.count; i++) {
        if (slice_eq_str(name, config->controller_listener_names.items[i])) {
            return true;
        }
    }
    return false;
}

static enum err check_voters(const struct broker_config *config, const struct quorum_config *q,
                             struct error *err)
{
    bool named = false;
    for (uint32_t i = 0; i < q->voter_count; i++) {
        named |= q->voters[i].id == (int32_t)config->node_id;
    }
    if (q->voter_count && q->controller && !named) {
        return err_set(err, ERR_CONFIG,
                       "controller.quorum.voters does not name this node (node.id %d), which "
                       "process.roles makes a controller",
                       (int)config->node_id);
    }
    if (!q->controller && named) {
        return err_set(err, ERR_CONFIG,
                       "controller.quorum.voters names this node (node.id %d), but process.roles "
                       "does not make it a controller",
                       (int)config->node_id);
    }
    if (q->voter_count && q->bootstrap_count) {
        return err_set(err, ERR_CONFIG,
                       "controller.quorum.voters and controller.quorum.bootstrap.servers cannot be "
                       "used together: the first is for a fixed quorum, the second for one that "
                       "may change");
    }
    if (!q->controller && !q->voter_count && !q->bootstrap_count) {
        return err_set(err, ERR_CONFIG,
                       "controller.quorum.bootstrap.servers must name the controllers, for "
                       "process.roles does not make this node one");
    }
    return ERR_OK;
}

static enum err check_listeners(const struct broker_config *config, const struct quorum_config *q,
                                struct error *err)
{
    bool alone = q->voter_count < 2 && q->bootstrap_count == 0;
    uint32_t controllers = 0;
    for (size_t i = 0; i < config->listeners.count; i++) {
        const char *text = config->listeners.items[i];
        const char *sep = strstr(text, "://");
        struct slice name = slice_of(text, sep ? (size_t)(sep - text) : strlen(text));
        controllers += quorum_config_is_controller_listener(config, name);
    }
    if (controllers && !q->controller) {
        return err_set(err, ERR_CONFIG,
                       "listeners: one of them is named in controller.listener.names, but "
                       "process.roles does not make this node a controller");
    }
    if (!controllers && q->controller && (!alone || !q->broker)) {
        return err_set(err, ERR_CONFIG,
                       "listeners: a controller of a cluster needs one that is named in "
                       "controller.listener.names, e.g. CONTROLLER://127.0.0.1:9093");
    }
    if (controllers == config->listeners.count && q->broker) {
        return err_set(err, ERR_CONFIG,
                       "listeners: all of them are named in controller.listener.names; a broker "
                       "needs one for clients, e.g. PLAINTEXT://127.0.0.1:9092");
    }
    if (controllers != config->listeners.count && !q->broker) {
        return err_set(err, ERR_CONFIG,
                       "listeners: a node that is only a controller has no use for one that is "
                       "not named in controller.listener.names");
    }
    return ERR_OK;
}

enum err quorum_config_parse(const struct broker_config *config, struct arena *arena,
                             struct quorum_config *ret_quorum, struct error *err)
{
    struct quorum_config q = { 0 };
    enum err e = parse_roles(&config->process_roles, &q, err);
    if (!e) {
        e = parse_servers("controller.quorum.voters", &config->controller_quorum_voters, true,
                          arena, &q.voters, &q.voter_count, err);
    }
    if (!e) {
        e = parse_servers("controller.quorum.bootstrap.servers",
                          &config->controller_quorum_bootstrap_servers, false, arena, &q.bootstrap,
                          &q.bootstrap_count, err);
    }
    if (!e) {
        e = check_voters(config, &q, err);
    }
    if (!e) {
        e = check_listeners(config, &q, err);
    }
    if (!e) {
        *ret_quorum = q;
    }
    return e;
}

static bool is_own(const struct quorum_server *s, const struct quorum_server *own,
                   uint32_t own_count)
{
    for (uint32_t i = 0; i < own_count; i++) {
        if (s->port == own[i].port && strcmp(s->host, own[i].host) == 0) {
            return true;
        }
    }
    return false;
}

bool quorum_config_has_peers(const struct quorum_config *quorum, int32_t node_id,
                             const struct quorum_server *own, uint32_t own_count)
{
    for (uint32_t i = 0; i < quorum->voter_count; i++) {
        if (quorum->voters[i].id != node_id) {
            return true;
        }
    }
    for (uint32_t i = 0; i < quorum->bootstrap_count; i++) {
        if (!is_own(&quorum->bootstrap[i], own, own_count)) {
            return true;
        }
    }
    return false;
}
