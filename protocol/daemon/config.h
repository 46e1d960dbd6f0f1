/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off: the tables below are laid out by hand */
/*
 * config.h - a setting is a row.
 * A .def file lists C(kind, field, "name", "default", "min", "max", flags, "one sentence"), and the
 * row gives the struct member, the YAML key, its checks, --help, the reference in docs/generated
 * and the commented samples in conf/. Tables apply to any mapping: the root of a file, one input,
 * one node.
 *
 *   kind         member                        spelled
 *   BOOL         bool                          true false yes no on off
 *   INT          int64_t                       42, -1
 *   SIZE         int64_t (bytes)               10MB, 64KiB, 1048576
 *   DURATION_MS  int64_t (milliseconds)        5s, 2h45m; a bare number is milliseconds
 *   DURATION_S   int64_t (milliseconds!)       as above, but a bare number is seconds (Filebeat)
 *   STR          const char *                  NULL when there is no default and it was not set
 *   SECRET       const char *                  as STR; never printed
 *   LIST         struct config_list            a sequence of scalars, or one scalar with commas
 *   ENUM         int64_t                       the `min` column lists the spellings, "none|gzip";
 *                                              the value is the place in that list
 *   NODE         const struct yaml_node *      anything; the owner reads it
 *
 * Usage in a header:
 *   struct x_config {
 *   #define C CONFIG_MEMBER
 *   #include "…/x_config.def"
 *   #undef C
 *   };
 * and in one .c file:
 *   static const struct config_row rows[] = {
 *   #define CONFIG_STRUCT x_config
 *   #define C CONFIG_ROW
 *   #include "…/x_config.def"
 *   #undef C
 *   #undef CONFIG_STRUCT
 *   };
 */
#ifndef LOGBOOM_DAEMON_CONFIG_H
#define LOGBOOM_DAEMON_CONFIG_H

#include "protocol/base/buf.h"
#include "protocol/daemon/yaml.h"

#include <stdio.h>

enum config_kind {
    CONFIG_BOOL,
    CONFIG_INT,
    CONFIG_SIZE,
    CONFIG_DURATION_MS,
    CONFIG_DURATION_S,
    CONFIG_STR,
    CONFIG_SECRET,
    CONFIG_LIST,
    CONFIG_ENUM,
    CONFIG_NODE,
};

enum config_flags {
    CONFIG_STATIC = 0,
    CONFIG_DYNAMIC = 1,    /* may change while running */
    CONFIG_REQUIRED = 2,   /* must be set */
    CONFIG_TOPIC = 4,      /* a topic may override it */
    CONFIG_ALIAS = 8,      /* an old or foreign spelling: `default` names the row it stands for */
    CONFIG_IGNORED = 16,   /* known to others and harmless here: accepted with a warning */
    CONFIG_ALTERABLE = 32, /* the cluster's metadata may say otherwise, while running */
};

struct config_list {
    const char **items;
    size_t count;
};

struct config_row {
    enum config_kind kind;
    uint16_t offset;
    const char *field, *name, *value, *min, *max; /* value: the default; "" is none */
    unsigned flags;
    const char *about;
};

struct config_table {
    const char *title; /* "broker", "input filestream": for messages and docs */
    const struct config_row *rows;
    size_t count;
    size_t struct_size;
};

#define CONFIG_CTYPE_BOOL                                               bool
#define CONFIG_CTYPE_INT                                                int64_t
#define CONFIG_CTYPE_SIZE                                               int64_t
#define CONFIG_CTYPE_DURATION_MS                                        int64_t
#define CONFIG_CTYPE_DURATION_S                                         int64_t
#define CONFIG_CTYPE_STR                                                const char *
#define CONFIG_CTYPE_SECRET                                             const char *
#define CONFIG_CTYPE_LIST                                               struct config_list
#define CONFIG_CTYPE_ENUM                                               int64_t
#define CONFIG_CTYPE_NODE                                               const struct yaml_node *

#define CONFIG_MEMBER(kind, field, name, value, min, max, flags, about) CONFIG_CTYPE_##kind field;
#define CONFIG_ROW(kind_, field_, name_, value_, min_, max_, flags_, about_)                       \
    { CONFIG_##kind_, (uint16_t)offsetof(struct CONFIG_STRUCT, field_),                            \
      #field_,        name_,                                                                       \
      value_,         min_,                                                                        \
      max_,           flags_,                                                                      \
      about_ },

/* Fills the struct: defaults first, then what the mapping says (NULL: nothing). Every leaf of the
 * mapping must be a row (or below a NODE row): an unknown key is ERR_CONFIG and names file, line,
 * column and the nearest known name; so are wrong types and ranges. warn (may be NULL) hears about
 * aliases and ignored rows. Strings live in the arena. */
enum err config_load(const struct config_table *table, const struct yaml_node *map,
                     struct arena *arena, void (*warn)(void *ctx, const char *text), void *warn_ctx,
                     void *ret_config, struct error *err);
/* One value by name, as from AlterConfigs or a topic's override. */
enum err config_set(const struct config_table *table, const char *name, struct slice value,
                    struct arena *arena, void *config, struct error *err);
/* The row of a name (aliases resolved); NULL when there is none. */
const struct config_row *config_find(const struct config_table *table, struct slice name);
/* The value of a row as people write it; secrets become "[hidden]". Appends to out. */
void config_format(const struct config_row *row, const void *config, struct buf *out);
/* The known name nearest to an unknown one (edit distance); NULL when nothing is near. */
const char *config_nearest(struct slice unknown, const char *const *names, size_t count);
/* For --help: name, type, default, range, sentence. */
void config_print_help(const struct config_table *table, FILE *out);
/* A commented YAML sample (conf/), and a Markdown table (docs/generated/configuration.md). */
void config_print_sample(const struct config_table *table, FILE *out);
void config_print_markdown(const struct config_table *table, FILE *out);

#endif
