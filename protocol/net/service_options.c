/* SPDX-License-Identifier: Apache-2.0 */
/* service_options.c - the command line of the daemons, by table. Driven by service_main(). */
#include "protocol/base/alloc.h"
#include "protocol/net/service_internal.h"

enum option_id { OPT_CONFIG, OPT_SET, OPT_CHECK, OPT_HELP, OPT_VERSION, OPT_REFERENCE, OPT_COUNT };

/* The short spellings are Filebeat's. */
static const struct option_row {
    const char *name, *brief, *argument, *about;
} options[OPT_COUNT] = {
    [OPT_CONFIG] = { "--config", "-c", "FILE", "read the settings from FILE" },
    [OPT_SET] = { "--set", "-E", "KEY=VALUE", "set one setting; wins over the file; repeatable" },
    [OPT_CHECK] = { "--check-config", NULL, NULL, "check the settings and end" },
    [OPT_HELP] = { "--help", "-h", NULL, "print this text and end" },
    [OPT_VERSION] = { "--version", "-V", NULL, "print the version and end" },
    [OPT_REFERENCE] = { "--print-reference", NULL, "WHICH",
                        "print settings or metrics as Markdown, or a sample configuration" },
};

static bool is_option(const struct option_row *row, const char *word)
{
    size_t len = strlen(row->name);
    return (row->brief && strcmp(word, row->brief) == 0) || strcmp(word, row->name) == 0 ||
           (strncmp(word, row->name, len) == 0 && word[len] == '=');
}

static enum err unknown_option(const char *word, struct error *err)
{
    const char *names[OPT_COUNT];
    for (size_t i = 0; i < OPT_COUNT; i++) {
        names[i] = options[i].name;
    }
    if (word[0] != '-') {
        return err_set(err, ERR_INVALID,
                       "unexpected argument \"%s\"; settings are given as --set "
                       "name=value, see --help",
                       word);
    }
    const char *equals = strchr(word, '=');
    struct slice name = slice_of(word, equals ? (size_t)(equals - word) : strlen(word));
    const char *near = config_nearest(name, names, OPT_COUNT);
    if (near) {
        return err_set(err, ERR_INVALID, "unknown option \"%.*s\"; did you mean \"%s\"?",
                       SLICE_ARG(name), near);
    }
    return err_set(err, ERR_INVALID, "unknown option \"%.*s\"; see --help", SLICE_ARG(name));
}

static void apply(struct service_options *o, enum option_id id, const char *value)
{
    switch (id) {
    case OPT_CONFIG:
        o->config_path = value;
        break;
    case OPT_SET:
        o->sets[o->set_count++] = value;
        break;
    case OPT_CHECK:
        o->action = SERVICE_CHECK;
        break;
    case OPT_HELP:
        o->action = SERVICE_HELP;
        break;
    case OPT_VERSION:
        o->action = SERVICE_VERSION;
        break;
    case OPT_REFERENCE:
        o->action = SERVICE_REFERENCE;
        o->reference = value;
        break;
    case OPT_COUNT:
        break;
    }
}

enum err service_options_parse(int argc, char **argv, struct service_options *ret_options,
                               struct error *err)
{
    *ret_options = (struct service_options){ .sets = mem_array((size_t)argc + 1, sizeof(char *)) };
    for (int i = 1; i < argc; i++) {
        size_t id = 0;
        while (id < OPT_COUNT && !is_option(&options[id], argv[i])) {
            id++;
        }
        if (id == OPT_COUNT) {
            return unknown_option(argv[i], err);
        }
        const char *equals = argv[i][1] == '-' ? strchr(argv[i], '=') : NULL;
        const char *value = equals ? equals + 1 : NULL;
        if (value && !options[id].argument) {
            return err_set(err, ERR_INVALID, "%s takes no value", options[id].name);
        }
        if (!value && options[id].argument) {
            if (i + 1 == argc) {
                return err_set(err, ERR_INVALID, "%s needs a value: %s %s", options[id].name,
                               options[id].name, options[id].argument);
            }
            value = argv[++i];
        }
        apply(ret_options, (enum option_id)id, value);
    }
    return ERR_OK;
}

void service_options_free(struct service_options *o)
{
    mem_free(o->sets);
    o->sets = NULL;
}

void service_print_help(const struct service_program *p, FILE *out)
{
    fprintf(out, "%s - %s\n\nUsage: %s [OPTION]...\n\n", p->name, p->about, p->name);
    for (size_t i = 0; i < OPT_COUNT; i++) {
        char left[64];
        (void)snprintf(left, sizeof(left), "%s%s%s%s%s", options[i].brief ? options[i].brief : "  ",
                       options[i].brief ? ", " : "  ", options[i].name,
                       options[i].argument ? " " : "",
                       options[i].argument ? options[i].argument : "");
        fprintf(out, "  %-30s %s\n", left, options[i].about);
    }
    if (p->config_path) {
        fprintf(out, "\nWithout --config, %s is read when it is there.\n", p->config_path);
    }
    fputs(
        "Exit codes: 0 ended as asked, 64 wrong option, 69 cannot serve, 78 wrong configuration.\n"
        "SIGTERM and SIGINT end after a drain, a second one at once; SIGHUP reads the "
        "configuration "
        "again.\n\n",
        out);
    config_print_help(p->table, out);
    if (p->extra_help) {
        fputc('\n', out);
        p->extra_help(out);
    }
}

bool service_print_reference(const struct service_program *p, const char *which, FILE *out)
{
    if (strcmp(which, "settings") == 0) {
        config_print_markdown(p->table, out);
        if (p->extra_reference) {
            fputc('\n', out);
            p->extra_reference(out);
        }
    } else if (strcmp(which, "metrics") == 0) {
        if (p->metrics_reference) {
            p->metrics_reference(out);
        }
    } else if (strcmp(which, "sample") == 0) {
        fprintf(out,
                "# %s: %s\n# Every setting with its default; take the # away to change one.\n"
                "# `%s --check-config --config FILE` checks a file.\n\n",
                p->name, p->about, p->name);
        config_print_sample(p->table, out);
    } else {
        return false;
    }
    return true;
}
