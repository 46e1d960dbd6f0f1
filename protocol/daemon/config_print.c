/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config_print.c - rows as people read them: values, --help, samples, Markdown. Driven by
 * service_main(), by DescribeConfigs and by `make docs`.
 *   (P1) A sample with the # before its settings taken away loads, and gives the defaults.
 */
#include "protocol/base/units.h"
#include "protocol/daemon/config.h"
#include "protocol/daemon/json.h"

#include <inttypes.h>

static void format_duration(int64_t ms, struct buf *out)
{
    char text[32];
    if (ms > INT64_MAX / 1000000 || ms < INT64_MIN / 1000000) {
        buf_printf(out, "%" PRId64 "ms", ms);
    } else {
        buf_append_str(out, units_format_duration(ms * 1000000, text));
    }
}

static void format_size(int64_t bytes, struct buf *out)
{
    static const char *const units[] = { "", "KiB", "MiB", "GiB", "TiB" };
    size_t i = 0;
    while (i + 1 < sizeof(units) / sizeof(units[0]) && bytes && bytes % 1024 == 0) {
        bytes /= 1024;
        i++;
    }
    buf_printf(out, "%" PRId64 "%s", bytes, units[i]);
}

static void format_choice(const char *choices, int64_t place, struct buf *out)
{
    const char *c = choices;
    for (; c && place > 0; place--) {
        c = strchr(c, '|');
        c = c ? c + 1 : NULL;
    }
    if (c) {
        const char *bar = strchr(c, '|');
        buf_append(out, c, bar ? (size_t)(bar - c) : strlen(c));
    }
}

void config_format(const struct config_row *row, const void *config, struct buf *out)
{
    const void *member = (const char *)config + row->offset;
    const char *text;
    const struct config_list *list = member;
    switch (row->kind) {
    case CONFIG_BOOL:
        buf_append_str(out, *(const bool *)member ? "true" : "false");
        break;
    case CONFIG_INT:
        buf_printf(out, "%" PRId64, *(const int64_t *)member);
        break;
    case CONFIG_SIZE:
        format_size(*(const int64_t *)member, out);
        break;
    case CONFIG_DURATION_MS:
    case CONFIG_DURATION_S:
        format_duration(*(const int64_t *)member, out);
        break;
    case CONFIG_STR:
    case CONFIG_SECRET:
        text = *(const char *const *)member;
        buf_append_str(out, !text ? "" : row->kind == CONFIG_SECRET ? "[hidden]" : text);
        break;
    case CONFIG_LIST:
        for (size_t i = 0; i < list->count; i++) {
            buf_printf(out, "%s%s", i ? "," : "", list->items[i]);
        }
        break;
    case CONFIG_ENUM:
        format_choice(row->min, *(const int64_t *)member, out);
        break;
    case CONFIG_NODE:
        break;
    }
}

/* --- tables ----------------------------------------------------------------------------------- */

static const char *kind_name(const struct config_row *row)
{
    static const char *const names[] = {
        [CONFIG_BOOL] = "true or false",  [CONFIG_INT] = "number",
        [CONFIG_SIZE] = "size",           [CONFIG_DURATION_MS] = "duration",
        [CONFIG_DURATION_S] = "duration", [CONFIG_STR] = "text",
        [CONFIG_SECRET] = "secret text",  [CONFIG_LIST] = "list",
        [CONFIG_ENUM] = "choice",         [CONFIG_NODE] = "mapping or list",
    };
    return names[row->kind];
}

static bool is_setting(const struct config_row *row)
{
    return !(row->flags & (CONFIG_ALIAS | CONFIG_IGNORED));
}

/* "none, gzip or lz4", "1s to 1h", "at least 1"; nothing without bounds. */
static void append_range(const struct config_row *row, struct buf *out)
{
    if (row->kind == CONFIG_ENUM) {
        for (const char *c = row->min; *c; c++) {
            buf_append_str(out, *c == '|' ? ", " : (char[]){ *c, '\0' });
        }
    } else if (row->min[0] && row->max[0]) {
        buf_printf(out, "%s to %s", row->min, row->max);
    } else if (row->min[0]) {
        buf_printf(out, "at least %s", row->min);
    } else if (row->max[0]) {
        buf_printf(out, "at most %s", row->max);
    }
}

/* The sentence in lines of at most 96 columns behind a prefix. */
static void print_wrapped(const char *prefix, const char *text, FILE *out)
{
    size_t width = 96 - strlen(prefix);
    while (*text) {
        size_t len = strlen(text);
        if (len > width) {
            for (len = width; len > 0 && text[len] != ' '; len--) {
            }
            len = len ? len : width;
        }
        fprintf(out, "%s%.*s\n", prefix, (int)len, text);
        text += len;
        text += *text == ' ';
    }
}

/* "duration, default 5s, 1s to 1h, may change while running"; "one of a, b; default a" */
static void append_summary(const struct config_row *row, struct buf *out)
{
    bool choice = row->kind == CONFIG_ENUM;
    buf_append_str(out, choice ? "one of " : kind_name(row));
    if (choice) {
        append_range(row, out);
    }
    if (row->value[0]) {
        buf_printf(out, "%s default %s", choice ? ";" : ",", row->value);
    }
    if (!choice && (row->min[0] || row->max[0])) {
        buf_append_str(out, ", ");
        append_range(row, out);
    }
    if (row->flags & CONFIG_REQUIRED) {
        buf_append_str(out, ", must be set");
    }
    if (row->flags & (CONFIG_DYNAMIC | CONFIG_ALTERABLE)) {
        buf_append_str(out, ", may change while running");
    }
    if (row->flags & CONFIG_TOPIC) {
        buf_append_str(out, ", per topic");
    }
}

void config_print_help(const struct config_table *table, FILE *out)
{
    fprintf(out, "Settings of %s:\n", table->title);
    struct buf text = { 0 };
    for (size_t i = 0; i < table->count; i++) {
        const struct config_row *row = &table->rows[i];
        if (is_setting(row)) {
            buf_reset(&text);
            append_summary(row, &text);
            fprintf(out, "  %s\n", row->name);
            print_wrapped("      ", buf_cstr(&text), out);
            print_wrapped("      ", row->about, out);
        }
    }
    buf_deinit(&text);
}

/* A default as YAML. */
static void append_yaml(const struct config_row *row, struct buf *out)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-";
    if (row->kind == CONFIG_LIST) {
        buf_printf(out, " [%s]", row->value);
    } else if (row->value[0] && strspn(row->value, plain) == strlen(row->value)) {
        buf_printf(out, " %s", row->value);
    } else if (row->value[0]) {
        buf_append_byte(out, ' ');
        json_append_string(out, slice_str(row->value));
    }
}

void config_print_sample(const struct config_table *table, FILE *out)
{
    struct buf text = { 0 };
    for (size_t i = 0; i < table->count; i++) {
        const struct config_row *row = &table->rows[i];
        if (!is_setting(row)) {
            continue;
        }
        print_wrapped("# ", row->about, out);
        buf_reset(&text);
        buf_append_byte(&text, '(');
        append_summary(row, &text);
        buf_append_byte(&text, ')');
        print_wrapped("# ", buf_cstr(&text), out);
        buf_reset(&text);
        append_yaml(row, &text);
        fprintf(out, "#%s:%s\n\n", row->name, buf_cstr(&text));
    }
    buf_deinit(&text);
}

/* A cell of a Markdown table: bars would end it. */
static void print_cell(const char *text, FILE *out)
{
    for (; *text; text++) {
        fputs(*text == '|' ? "\\|" : (char[]){ *text, '\0' }, out);
    }
}

static void print_others(const struct config_table *table, FILE *out)
{
    bool first = true;
    for (size_t i = 0; i < table->count; i++) {
        const struct config_row *row = &table->rows[i];
        if (is_setting(row)) {
            continue;
        }
        if (first) {
            fputs("\n| Also accepted | Meaning |\n|---|---|\n", out);
            first = false;
        }
        if (row->flags & CONFIG_ALIAS) {
            fprintf(out, "| `%s` | another spelling of `%s` |\n", row->name, row->value);
        } else {
            fprintf(out, "| `%s` | no effect here. ", row->name);
            print_cell(row->about, out);
            fputs(" |\n", out);
        }
    }
}

void config_print_markdown(const struct config_table *table, FILE *out)
{
    struct buf text = { 0 };
    fprintf(out,
            "## Settings of %s\n\n| Setting | Type | Default | Range | Changes | Meaning |\n"
            "|---|---|---|---|---|---|\n",
            table->title);
    for (size_t i = 0; i < table->count; i++) {
        const struct config_row *row = &table->rows[i];
        if (!is_setting(row)) {
            continue;
        }
        fprintf(out, "| `%s` | %s | ", row->name, kind_name(row));
        if (row->value[0]) {
            fputs("`", out);
            print_cell(row->value, out);
            fputs("`", out);
        } else if (row->flags & CONFIG_REQUIRED) {
            fputs("must be set", out);
        }
        buf_reset(&text);
        append_range(row, &text);
        fputs(" | ", out);
        print_cell(buf_cstr(&text), out);
        bool running = row->flags & (CONFIG_DYNAMIC | CONFIG_ALTERABLE);
        fprintf(out, " | %s%s | ", running ? "while running" : "at start",
                row->flags & CONFIG_TOPIC ? ", per topic" : "");
        print_cell(row->about, out);
        fputs(" |\n", out);
    }
    print_others(table, out);
    buf_deinit(&text);
}
