/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_sample.c - the smallest daemon on service_main(). Driven by check_service.c, which starts
 * it as a process. `mode` says how it misbehaves: fail-start, fail-later, slow-stop, no-stop, sick.
 */
#include "protocol/net/service.h"

#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

struct sample_config {
#define C CONFIG_MEMBER
#include "tests/protocol/service_sample.def"
#undef C
};

static const struct config_row rows[] = {
#define CONFIG_STRUCT sample_config
#define C             CONFIG_ROW
#include "tests/protocol/service_sample.def"
#undef C
#undef CONFIG_STRUCT
};

static const struct config_table table = { "sample", rows, sizeof(rows) / sizeof(rows[0]),
                                           sizeof(struct sample_config) };

static bool mode_is(const struct service *s, const char *mode)
{
    const struct sample_config *config = s->config;
    return strcmp(config->mode, mode) == 0;
}

static enum err check(struct service *s, struct error *err)
{
    if (mode_is(s, "impossible")) {
        return yaml_error(yaml_get(s->root, "mode"), err, "\"mode\" is impossible");
    }
    return ERR_OK;
}

static void fail_later(void *owner)
{
    struct error err = { ERR_IO, "the disk is gone" };
    service_fail(owner, EX_IOERR, &err);
}

static void stop_later(void *owner)
{
    service_stopped(owner);
}

static struct timer later;

static enum err start(struct service *s, struct error *err)
{
    if (mode_is(s, "fail-start")) {
        return err_set(err, ERR_NO_SPACE, "open the log: no space");
    }
    if (mode_is(s, "fail-later")) {
        later = (struct timer){ .fire = fail_later, .owner = s };
        timer_arm_in(s->env, &later, NS_PER_MS);
    }
    service_ready(s);
    return ERR_OK;
}

static void stop(struct service *s)
{
    later = (struct timer){ .fire = stop_later, .owner = s };
    if (mode_is(s, "hang")) {
        for (;;) {
            pause();
        }
    }
    if (!mode_is(s, "no-stop")) {
        timer_arm_in(s->env, &later, NS_PER_MS * 20);
    }
}

static void reload(struct service *s)
{
    const struct sample_config *config = s->config;
    log_info(&s->log, "sample reloaded", KV_STR("mode", config->mode));
}

static void on_free(struct service *s)
{
    log_info(&s->log, "sample freed");
}

static bool healthy(struct service *s, struct buf *ret_text)
{
    buf_append_str(ret_text, "no leader");
    return !mode_is(s, "sick");
}

static void on_mode(void *owner, const struct http_request *req, struct http_reply *reply)
{
    const struct sample_config *config = ((struct service *)owner)->config;
    buf_printf(&reply->body, "{\"mode\":\"%s\"}", config->mode);
}

static const struct http_route routes[] = { { "GET", "/mode", on_mode } };

int main(int argc, char **argv)
{
    const struct service_program program = {
        .name = "service_sample",
        .about = "a daemon for tests",
        .table = &table,
        .check = check,
        .start = start,
        .stop = stop,
        .reload = reload,
        .free = on_free,
        .healthy = healthy,
        .routes = routes,
        .route_count = 1,
    };
    return service_main(&program, argc, argv);
}
