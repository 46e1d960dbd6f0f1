/* SPDX-License-Identifier: Apache-2.0 */
/*
 * service_internal.h - what service.c, service_options.c and service_notify.c know of one another.
 * Nobody else includes it.
 */
#ifndef LOGBOOM_NET_SERVICE_INTERNAL_H
#define LOGBOOM_NET_SERVICE_INTERNAL_H

#include "protocol/net/service.h"

enum service_action {
    SERVICE_RUN,
    SERVICE_CHECK,
    SERVICE_HELP,
    SERVICE_VERSION,
    SERVICE_REFERENCE
};

/* What the command line said. The texts are argv's. */
struct service_options {
    enum service_action action;
    const char *config_path;
    const char *reference; /* of --print-reference */
    const char **sets;     /* "key=value"; mem_free() the array */
    size_t set_count;
};

/* ERR_INVALID with a sentence for the operator. The options are to be freed in either case. */
enum err service_options_parse(int argc, char **argv, struct service_options *ret_options,
                               struct error *err);
void service_options_free(struct service_options *o);
void service_print_help(const struct service_program *p, FILE *out);
/* False when there is no such reference. */
bool service_print_reference(const struct service_program *p, const char *which, FILE *out);

/* Sends a state ("READY=1") to systemd when NOTIFY_SOCKET is set, see sd_notify(3). */
void service_notify(const char *state);

#endif
