/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.c - see runtime.h. Driven by main.c and by tests that run a node on a real loop. */
#include "broker/runtime.h"

#include "protocol/base/units.h"
#include "protocol/daemon/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* --- addresses -------------------------------------------------------------------------------- */

struct address {
    struct slice name, host;
    uint16_t port;
};

/* Refuses an entry of the setting, with its place where it was written down. */
static enum err refuse(const struct yaml_node *root, const char *key, const char *text,
                       const char *why, struct error *err)
{
    const struct yaml_node *at = yaml_get(root, key);
    return at ? yaml_error(at, err, "%s: \"%s\": %s", key, text, why)
              : err_set(err, ERR_CONFIG, "%s: \"%s\": %s", key, text, why);
}

static const char must_look_like[] = "it must look like PLAINTEXT://127.0.0.1:9092";

static enum err parse_address(const struct yaml_node *root, const char *key, const char *text,
                              struct address *ret_address, struct error *err)
{
    const char *sep = strstr(text, "://");
    const char *colon = strrchr(text, ':');
    if (!sep || sep == text || !colon || colon <= sep + 2) {
        return refuse(root, key, text, must_look_like, err);
    }
    struct address a = { .name = slice_of(text, (size_t)(sep - text)),
                         .host = slice_of(sep + 3, (size_t)(colon - sep - 3)) };
    int64_t port;
    if (units_int(slice_str(colon + 1), &port) || port < 0 || port > 65535) {
        return refuse(root, key, text, must_look_like, err);
    }
    if (a.host.len >= 2 && a.host.ptr[0] == '[' && a.host.ptr[a.host.len - 1] == ']') {
        a.host = slice_of(a.host.ptr + 1, a.host.len - 2);
    }
    a.port = (uint16_t)port;
    *ret_address = a;
    return ERR_OK;
}

static char *text_of(struct arena *arena, struct slice s)
{
    return (char *)(uintptr_t)arena_copy(arena, s).ptr;
}

/* The entry of advertised.listeners with the listener's name, if there is one. */
static enum err find_advertised(const struct broker_config *config, const struct yaml_node *root,
                                struct slice name, struct arena *arena, struct broker_listener *l,
                                struct error *err)
{
    for (size_t i = 0; i < config->advertised_listeners.count; i++) {
        struct address a;
        enum err e = parse_address(root, "advertised.listeners",
                                   config->advertised_listeners.items[i], &a, err);
        if (e) {
            return e;
        }
        if (slice_eq(a.name, name)) {
            l->advertised_host = text_of(arena, a.host);
            l->advertised_port = a.port;
        }
    }
    return ERR_OK;
}

enum err runtime_listeners(const struct broker_config *config, const struct yaml_node *root,
                           struct arena *arena, struct broker_listener **ret_listeners,
                           uint32_t *ret_count, struct error *err)
{
    size_t count = config->listeners.count;
    struct broker_listener *ls = arena_array(arena, count, sizeof(*ls));
    if (!ls) {
        return err_set(err, ERR_LIMIT, "listeners: there are too many");
    }
    for (size_t i = 0; i < count; i++) {
        struct address a;
        enum err e = parse_address(root, "listeners", config->listeners.items[i], &a, err);
        if (e) {
            return e;
        }
        if (slice_starts(a.name, "SSL") || slice_starts(a.name, "SASL")) {
            return refuse(root, "listeners", config->listeners.items[i],
                          "only PLAINTEXT is served by this release", err);
        }
        ls[i].name = text_of(arena, a.name);
        ls[i].host = text_of(arena, a.host);
        ls[i].port = a.port;
        e = find_advertised(config, root, a.name, arena, &ls[i], err);
        if (e) {
            return e;
        }
    }
    *ret_listeners = ls;
    *ret_count = (uint32_t)count;
    return ERR_OK;
}

/* --- sockets ---------------------------------------------------------------------------------- */

enum err runtime_listen(struct loop *l, struct broker *b, struct error *err)
{
    for (uint32_t i = 0; i < b->listener_count; i++) {
        struct broker_listener *bl = &b->listeners[i];
        struct listener *opened;
        const char *host = bl->host[0] ? bl->host : "0.0.0.0";
        enum err e =
            loop_listen(l, host, bl->port, &connection_events, connection_accept, bl, &opened, err);
        if (e) {
            runtime_close_listeners(b);
            return e;
        }
        bl->open = opened;
        bl->port = listener_port(opened);
        log_info(&b->log, "listening", KV_STR("listener", bl->name), KV_STR("host", host),
                 KV_INT("port", bl->port));
    }
    return ERR_OK;
}

void runtime_close_listeners(struct broker *b)
{
    for (uint32_t i = 0; i < b->listener_count; i++) {
        if (b->listeners[i].open) {
            listener_close(b->listeners[i].open);
            b->listeners[i].open = NULL;
        }
    }
}

/* --- directories ------------------------------------------------------------------------------ */

const char *runtime_default_dir(struct arena *arena)
{
    char path[4096];
    const char *state = getenv("STATE_DIRECTORY");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (state && state[0]) {
        snprintf(path, sizeof(path), "%s", state);
    } else if (geteuid() == 0) {
        snprintf(path, sizeof(path), "/var/lib/logboom/broker");
    } else if (xdg && xdg[0]) {
        snprintf(path, sizeof(path), "%s/logboom/broker", xdg);
    } else {
        snprintf(path, sizeof(path), "%s/.local/state/logboom/broker",
                 home && home[0] ? home : ".");
    }
    return (const char *)arena_copy(arena, slice_str(path)).ptr;
}

const char *runtime_host_name(struct arena *arena)
{
    char name[256];
    if (gethostname(name, sizeof(name))) {
        snprintf(name, sizeof(name), "localhost");
    }
    name[sizeof(name) - 1] = '\0';
    return (const char *)arena_copy(arena, slice_str(name)).ptr;
}
