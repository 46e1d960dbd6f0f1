/* SPDX-License-Identifier: Apache-2.0 */
/*
 * yaml.h - YAML as a tree that remembers where every node stood.
 * Dotted and nested keys are the same: `a.b: 1` and `a: {b: 1}` parse to the same tree, also mixed.
 * `${NAME}` and `${NAME:default}` in scalars are replaced from the environment; `${path.config}` &
 * co, which stand in the settings of Filebeat that mean nothing here, stay as they are. Aliases and
 * anchors are refused (they are how small files become large trees); depth, nodes and bytes are
 * bounded.
 */
#ifndef LOGBOOM_DAEMON_YAML_H
#define LOGBOOM_DAEMON_YAML_H

#include "protocol/base/arena.h"
#include "protocol/base/err.h"

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
    enum yaml_kind kind;
    bool quoted;           /* a scalar in quotes is a string whatever it looks like */
    struct slice text;     /* scalars; NUL-terminated behind len */
    struct slice key;      /* in a mapping: one path part, no dots but in quotes; NUL-terminated */
    uint32_t line, column; /* from 1; of the key in mappings */
    const char *file;      /* "broker.yml", "--set http.port" */
    struct yaml_node *child; /* first, in the order of the file */
    struct yaml_node *next;
    uint32_t child_count;
};

/* The tree lives in the arena. err->text is "file:line:column: what, what to do". An empty document
 * gives a YAML_MAPPING without children. */
enum err yaml_parse(struct slice text, const char *file, struct arena *arena,
                    struct yaml_node **ret_root, struct error *err);
/* Reads and parses a file. */
enum err yaml_load(const char *path, struct arena *arena, struct yaml_node **ret_root,
                   struct error *err);
/* The node at a dotted path below a mapping; NULL when absent. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *dotted_path);
/* `key=value` as --set takes it, the value in YAML; replaces what is there. */
enum err yaml_set(struct yaml_node *root, const char *assignment, struct arena *arena,
                  struct error *err);
/* Fills err with "file:line:column: " and the message; returns ERR_CONFIG. */
enum err yaml_error(const struct yaml_node *at, struct error *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
