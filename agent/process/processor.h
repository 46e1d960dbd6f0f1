/* SPDX-License-Identifier: Apache-2.0 */
/*
 * processor.h - the `processors:` list: each changes an event, or drops it. processors.c has one
 * entry per kind.
 */
#ifndef LOGBOOM_AGENT_PROCESS_PROCESSOR_H
#define LOGBOOM_AGENT_PROCESS_PROCESSOR_H

#include "agent/process/event.h"
#include "protocol/daemon/config.h"

struct processor;

/* What a processor may know of the machine. */
struct host_facts {
    const char *name, *id, *architecture, *os_type, *kernel, *os_name, *os_version, *os_family;
};

struct processor_kind {
    const char *name;
    size_t config_size;
    const struct config_table *table; /* NULL: no settings */
    /* Beyond the table: compiles patterns, reads NODEs. May be NULL. */
    enum err (*init)(void *config, const struct yaml_node *node, struct arena *arena,
                     struct error *err);
    void (*deinit)(void *config);
    void (*run)(const void *config, const struct host_facts *host, struct event *e);
    bool constant; /* looks at nothing that varies from line to line */
    bool ignored;  /* accepted for the sake of stock files, does nothing here */
};
extern const struct processor_kind processor_kinds[];
extern const size_t processor_kind_count;

struct processors {
    struct processor *items;
    size_t count;
    struct host_facts host;
};

/* list may be NULL. Strings go to the arena, which outlives the processors. */
enum err processors_init(struct processors *p, const struct yaml_node *list, struct arena *arena,
                         void (*warn)(void *ctx, const char *text), void *warn_ctx,
                         struct error *err);
void processors_deinit(struct processors *p);
/* In order; stops at the first that drops the event. */
void processors_run(const struct processors *p, struct event *e);
/* Whether the outcome is the same for every line of an input, but for the line's own fields. */
bool processors_are_constant(const struct processors *p);
void processors_print_help(FILE *out);

#endif
