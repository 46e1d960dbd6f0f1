/* SPDX-License-Identifier: Apache-2.0 */
/* storage_tool.c - see storage_tool.h. Driven by main.c. */
#include "broker/storage_tool.h"

#include "broker/format.h"
#include "broker/runtime.h"
#include "protocol/daemon/yaml.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

enum { FEATURES_MAX = 32, SETTINGS_MAX = 64 };

struct tool {
    const char *config_path;
    const char *settings[SETTINGS_MAX]; /* --set */
    uint32_t setting_count;
    const char *features[FEATURES_MAX];
    struct format_request request;
    unsigned quorum_flags; /* how many of the three were given */
    struct loop *loop;
    struct env env;
    struct arena arena;
    struct broker_config config;
};

static void usage(FILE *out)
{
    fprintf(
        out,
        "Usage: logboom-broker storage COMMAND [OPTIONS]\n"
        "\n"
        "  random-uuid                      prints a new id for a cluster or a directory\n"
        "  info --config FILE               tells what the log directories are\n"
        "  format --config FILE --cluster-id ID [OPTIONS]\n"
        "                                   makes the log directories this node's\n"
        "\n"
        "  -c, --config FILE                the broker's configuration\n"
        "      --set KEY=VALUE              a setting over the file's\n"
        "  -t, --cluster-id ID              the same on all nodes\n"
        "  -s, --standalone                 this controller is the first voter\n"
        "  -I, --initial-controllers LIST   id@host:port:directory-id,... are the first voters;\n"
        "                                   the same on all nodes\n"
        "  -N, --no-initial-controllers     this node joins voters that are there\n"
        "  -r, --release-version VERSION    features of this release, e.g. 4.3\n"
        "  -f, --feature NAME=LEVEL         a feature's level\n"
        "  -g, --ignore-formatted           pass over directories that are formatted already\n");
}

/* --- arguments -------------------------------------------------------------------------------- */

static const struct option options[] = {
    { "config", required_argument, NULL, 'c' },
    { "set", required_argument, NULL, 'S' },
    { "cluster-id", required_argument, NULL, 't' },
    { "standalone", no_argument, NULL, 's' },
    { "initial-controllers", required_argument, NULL, 'I' },
    { "no-initial-controllers", no_argument, NULL, 'N' },
    { "release-version", required_argument, NULL, 'r' },
    { "feature", required_argument, NULL, 'f' },
    { "ignore-formatted", no_argument, NULL, 'g' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
};

static void set_quorum(struct tool *t, enum format_quorum quorum)
{
    t->request.quorum = quorum;
    t->quorum_flags++;
}

static enum err take_option(struct tool *t, int option, struct error *err)
{
    switch (option) {
    case 'c':
        t->config_path = optarg;
        break;
    case 'S':
        if (t->setting_count == SETTINGS_MAX) {
            return err_set(err, ERR_INVALID, "--set is given too often");
        }
        t->settings[t->setting_count++] = optarg;
        break;
    case 't':
        t->request.cluster_id = optarg;
        break;
    case 's':
        set_quorum(t, FORMAT_STANDALONE);
        break;
    case 'I':
        set_quorum(t, FORMAT_INITIAL);
        t->request.initial_controllers = optarg;
        break;
    case 'N':
        set_quorum(t, FORMAT_NO_INITIAL);
        break;
    case 'r':
        t->request.release_version = optarg;
        break;
    case 'f':
        if (t->request.feature_count == FEATURES_MAX) {
            return err_set(err, ERR_INVALID, "--feature is given too often");
        }
        t->features[t->request.feature_count++] = optarg;
        break;
    case 'g':
        t->request.ignore_formatted = true;
        break;
    default:
        return err_set(err, ERR_INVALID, "wrong option; see --help");
    }
    return ERR_OK;
}

/* ERR_CANCELED after --help. */
static enum err take_arguments(struct tool *t, int argc, char **argv, struct error *err)
{
    int option;
    optind = 1;
    while ((option = getopt_long(argc, argv, "c:t:sI:Nr:f:gh", options, NULL)) != -1) {
        if (option == 'h') {
            usage(stdout);
            return ERR_CANCELED;
        }
        enum err e = take_option(t, option, err);
        if (e) {
            return e;
        }
    }
    if (optind < argc) {
        return err_set(err, ERR_INVALID, "\"%s\" is no option; see --help", argv[optind]);
    }
    if (t->quorum_flags > 1) {
        return err_set(err, ERR_INVALID,
                       "--standalone, --initial-controllers and --no-initial-controllers exclude "
                       "one another");
    }
    return ERR_OK;
}

static enum err load(struct tool *t, struct error *err)
{
    struct yaml_node *root;
    enum err e = t->config_path ? yaml_load(t->config_path, &t->arena, &root, err)
                                : yaml_parse(slice_null(), "configuration", &t->arena, &root, err);
    for (uint32_t i = 0; !e && i < t->setting_count; i++) {
        e = yaml_set(root, t->settings[i], &t->arena, err);
    }
    if (!e) {
        e = config_load(&broker_config_table, root, &t->arena, NULL, NULL, &t->config, err);
    }
    struct broker_listener *listeners = NULL;
    if (!e) {
        e = runtime_listeners(&t->config, root, &t->arena, &listeners, &t->request.listener_count,
                              err);
    }
    t->request.config = &t->config;
    t->request.listeners = listeners;
    t->request.features = t->features;
    t->request.default_dir = runtime_default_dir(&t->arena);
    return e;
}

/* --- commands --------------------------------------------------------------------------------- */

static void print_id(struct tool *t)
{
    char text[23];
    do {
        struct uuid id;
        uint64_t halves[2] = { env_random(t->env), env_random(t->env) };
        memcpy(&id, halves, sizeof(id));
        uuid_format(&id, text);
    } while (text[0] == '-'); /* it would be taken for an option */
    printf("%s\n", text);
}

static enum err run_info(struct tool *t, bool *ret_good, struct error *err)
{
    struct buf out = { 0 };
    enum err e = format_info(vfs_posix(), &t->config, t->request.default_dir, &out, ret_good, err);
    fputs(buf_cstr(&out), stdout);
    buf_deinit(&out);
    return e;
}

static enum err run_format(struct tool *t, struct error *err)
{
    if (!t->request.cluster_id) {
        return err_set(err, ERR_INVALID,
                       "--cluster-id is missing: take what `logboom storage random-uuid` prints, "
                       "the same for all nodes");
    }
    struct buf out = { 0 };
    enum err e = format_storage(t->env, vfs_posix(), &t->request, &out, err);
    fputs(buf_cstr(&out), stdout);
    buf_deinit(&out);
    return e;
}

static enum err run(struct tool *t, int argc, char **argv, bool *ret_good, struct error *err)
{
    const char *command = argc > 1 ? argv[1] : "--help";
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        usage(stdout);
        return ERR_OK;
    }
    enum err e = take_arguments(t, argc - 1, argv + 1, err);
    if (e) {
        return e == ERR_CANCELED ? ERR_OK : e;
    }
    if (strcmp(command, "random-uuid") == 0) {
        print_id(t);
        return ERR_OK;
    }
    bool info = strcmp(command, "info") == 0;
    if (!info && strcmp(command, "format") != 0) {
        return err_set(err, ERR_INVALID,
                       "there is no command \"%s\"; there are format, info and random-uuid",
                       command);
    }
    e = load(t, err);
    return e ? e : info ? run_info(t, ret_good, err) : run_format(t, err);
}

static int exit_code_of(enum err e)
{
    switch (e) {
    case ERR_OK:
        return EX_OK;
    case ERR_INVALID:
        return EX_USAGE;
    case ERR_CONFIG:
    case ERR_EXISTS:
        return EX_CONFIG;
    default:
        return EX_IOERR;
    }
}

int storage_tool_main(int argc, char **argv)
{
    struct tool t = { 0 };
    struct error err = { 0 };
    bool good = true;
    arena_init(&t.arena, 4 << 20);
    enum err e = loop_new(1, &t.loop, &err);
    if (!e) {
        t.env = loop_env(t.loop);
        e = run(&t, argc, argv, &good, &err);
        loop_free(t.loop);
    }
    arena_deinit(&t.arena);
    if (e) {
        fprintf(stderr, "logboom-broker storage: %s\n", err.text);
    }
    return e ? exit_code_of(e) : good ? EX_OK : 1;
}
