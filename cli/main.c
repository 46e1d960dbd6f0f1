/* SPDX-License-Identifier: Apache-2.0 */
/*
 * main.c - `logboom`: the table of commands, their options, and exit codes (sysexits.h).
 * A command is one row; an option is one row; help comes from the rows.
 */
#include "cli/cli.h"

#include "config.h"
#include "protocol/base/alloc.h"
#include "protocol/base/units.h"
#include "protocol/daemon/config.h"

#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_NUMBER, OPTION_LIST };

struct option_row {
    const char *name;
    char letter;
    enum option_kind kind;
    size_t offset;
    const char *operand;
    const char *about;
};

/* clang-format off */
#define O(name, letter, kind, field, operand, about) \
    { name, letter, OPTION_##kind, offsetof(struct cli_args, field), operand, about }
static const struct option_row options[] = {
    O("bootstrap-server", 'b', TEXT, bootstrap, "HOST:PORT,...",
      "brokers to ask first (127.0.0.1:9092, or LOGBOOM_BOOTSTRAP)"),
    O("json", 'j', FLAG, json, "", "JSON instead of text, one object a line"),
    O("timeout", 0, NUMBER, timeout_s, "SECONDS", "how long to wait for an answer (15)"),
    O("help", 'h', FLAG, help, "", "this text"),
    O("partitions", 0, NUMBER, partitions, "N", "how many (the broker's num.partitions)"),
    O("replication-factor", 0, NUMBER, replication_factor, "N", "copies (the broker's default)"),
    O("config", 0, LIST, config, "KEY=VALUE", "a setting of the topic, e.g. retention.ms=3600000"),
    O("from-beginning", 0, FLAG, from_beginning, "", "start at the oldest record (the default)"),
    O("follow", 'f', FLAG, follow, "", "wait for further records at the end"),
    O("offset", 'o', NUMBER, offset, "N", "start at this offset; -N: the last N of each partition"),
    O("timestamp", 0, TEXT, timestamp, "MS|-DURATION",
      "start at this time: Unix milliseconds, or -15m for a quarter of an hour ago"),
    O("partition", 'p', NUMBER, partition, "N", "only this one"),
    O("max-messages", 'n', NUMBER, max_messages, "N", "stop after so many"),
    O("group", 'g', TEXT, group, "NAME", "join this group; what was printed is committed"),
    O("keys", 'k', FLAG, keys, "", "print key, a tab, and the value"),
    O("key-separator", 0, TEXT, key_separator, "TEXT", "a line is KEY TEXT VALUE"),
    O("compression", 'z', TEXT, compression, "CODEC", "none, gzip, snappy, lz4 or zstd (none)"),
    O("acks", 0, TEXT, acks, "all|1|0", "whose acknowledgement to wait for (all)"),
    O("plan", 0, FLAG, plan, "", "only say what would move (--json: as Kafka's tool takes it)"),
    O("execute", 0, FLAG, execute, "", "move it, and show how far it is"),
    O("progress", 0, FLAG, progress, "", "follow what is being moved"),
    O("cancel", 0, FLAG, cancel, "", "take back what is being moved"),
    O("throttle", 0, TEXT, throttle, "SIZE", "copy at most this much a second on each broker"),
    O("drain", 0, LIST, drain, "ID", "leave no replica on this broker"),
    O("dir", 0, TEXT, dir, "DIR", "where the nodes' files go (a new directory in /tmp)"),
    O("port-base", 0, NUMBER, port_base, "PORT", "ports from here on (free ones)"),
    O("restart", 0, FLAG, restart, "", "start a node again that ended"),
    O("unclean", 0, FLAG, unclean, "", "let a replica lead that is not in sync, and lose records"),
};
#undef O
/* clang-format on */
enum { OPTION_COUNT = sizeof(options) / sizeof(options[0]) };
static const char *const common_options = "bootstrap-server json timeout help";

static const struct cli_command commands[] = {
    { "topic create", "TOPIC", 1, 1, "partitions replication-factor config", false, "make a topic",
      cli_topic_create },
    { "topic list", "", 0, 0, "", false, "all topics with their partitions", cli_topic_list },
    { "topic describe", "TOPIC...", 1, CLI_WORDS_MAX, "", false,
      "partitions, leaders, offsets and settings", cli_topic_describe },
    { "topic delete", "TOPIC...", 1, CLI_WORDS_MAX, "", false, "remove topics and what they hold",
      cli_topic_delete },
    { "produce", "TOPIC", 1, 1, "partition key-separator compression acks", false,
      "send the lines of the standard input", cli_produce },
    { "consume", "TOPIC", 1, 1,
      "from-beginning follow offset timestamp partition max-messages group keys", false,
      "print records, from the oldest on, to the end", cli_consume },
    { "group list", "", 0, 0, "", false, "consumer groups and their states", cli_group_list },
    { "group describe", "GROUP...", 1, CLI_WORDS_MAX, "", false, "members, offsets and lag",
      cli_group_describe },
    { "log dump", "FILE...", 1, CLI_WORDS_MAX, "keys", true,
      "what a .log, .index or .timeindex file holds", cli_log_dump },
    { "cluster status", "", 0, 0, "", false, "one screen: what is wrong, and what to do",
      cli_cluster_status },
    { "cluster rebalance", "[TOPIC...]", 0, CLI_WORDS_MAX,
      "plan execute progress cancel throttle drain replication-factor", false,
      "spread replicas over all brokers, or off one", cli_cluster_rebalance },
    { "cluster elect", "[TOPIC[:PARTITION]...]", 0, CLI_WORDS_MAX, "unclean", false,
      "give leadership back to the first replicas", cli_cluster_elect },
    { "cluster unregister", "ID", 1, 1, "", false, "forget a broker that will not come back",
      cli_cluster_unregister },
    { "dev cluster", "[N]", 0, 1, "dir port-base restart", true,
      "run N nodes on this machine (3), until Ctrl-C", cli_dev_cluster },
    { "quorum status", "", 0, 0, "", false, "who decides: the controllers, and who follows them",
      cli_quorum_status },
    { "quorum add-controller", "ID@HOST:PORT[:DIRECTORY_ID]", 1, 1, "", false,
      "let a node take part in elections", cli_quorum_add },
    { "quorum remove-controller", "ID [DIRECTORY_ID]", 1, 2, "", false,
      "let it no longer take part", cli_quorum_remove },
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static bool listed(const char *names, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = names; (at = strstr(at, name)); at += len) {
        if ((at == names || at[-1] == ' ') && (at[len] == ' ' || !at[len])) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct cli_command *command, const struct option_row *o)
{
    return listed(common_options, o->name) || !command || listed(command->options, o->name);
}

static void print_options(FILE *out, const char *names)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option_row *o = &options[i];
        if (listed(names, o->name)) {
            char left[64];
            snprintf(left, sizeof(left), "%c%c --%s %s", o->letter ? '-' : ' ',
                     o->letter ? o->letter : ' ', o->name, o->operand);
            fprintf(out, "  %-36s %s\n", left, o->about);
        }
    }
}

static void print_help(const struct cli_command *command, FILE *out)
{
    if (command) {
        fprintf(out, "usage: logboom %s [OPTION...] %s\n%s\n\n", command->words, command->operands,
                command->about);
        print_options(out, command->options);
        print_options(out, common_options);
        return;
    }
    fputs("usage: logboom COMMAND [OPTION...]\n\n", out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char left[64];
        snprintf(left, sizeof(left), "%s %s", commands[i].words, commands[i].operands);
        fprintf(out, "  %-28s %s\n", left, commands[i].about);
    }
    fprintf(out, "  %-28s %s\n", "storage format|info|...",
            "prepare a node's directories, or tell what they are (logboom storage --help)");
    fputs("\n`logboom COMMAND --help` tells a command's options; common to all:\n", out);
    print_options(out, common_options);
}

/* "--name", "--name=value" or "-x"; NULL when there is none. */
static const struct option_row *find_option(const char *arg, const char **ret_value)
{
    *ret_value = NULL;
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        size_t len = strlen(options[i].name);
        if (arg[1] == '-' && strncmp(arg + 2, options[i].name, len) == 0 &&
            (arg[2 + len] == '=' || !arg[2 + len])) {
            *ret_value = arg[2 + len] == '=' ? arg + 3 + len : NULL;
            return &options[i];
        }
        if (options[i].letter && arg[1] == options[i].letter) {
            *ret_value = arg[2] ? arg + 2 : NULL;
            return &options[i];
        }
    }
    return NULL;
}

static enum err set_option(struct cli_args *args, const struct option_row *o, const char *value,
                           struct error *err)
{
    void *field = (char *)args + o->offset;
    if (o->kind == OPTION_FLAG) {
        *(bool *)field = true;
    } else if (o->kind == OPTION_TEXT) {
        *(const char **)field = value;
    } else if (o->kind == OPTION_NUMBER) {
        if (units_int(slice_str(value), field)) {
            return err_set(err, ERR_INVALID, "--%s takes a whole number, not \"%s\"", o->name,
                           value);
        }
    } else {
        struct cli_list *list = field;
        if (list->count == CLI_LIST_MAX) {
            return err_set(err, ERR_LIMIT, "--%s may be given %d times", o->name, CLI_LIST_MAX);
        }
        list->items[list->count++] = value;
    }
    return ERR_OK;
}

static enum err unknown_option(const char *arg, struct error *err)
{
    const char *names[OPTION_COUNT];
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        names[i] = options[i].name;
    }
    const char *near = config_nearest(slice_str(arg + strspn(arg, "-")), names, OPTION_COUNT);
    return err_set(err, ERR_INVALID,
                   near ? "there is no option %s; did you mean --%s?"
                        : "there is no option %s; see logboom --help",
                   arg, near);
}

static enum err parse(int argc, char **argv, struct cli_args *args,
                      const struct option_row **ret_given, size_t *ret_count, struct error *err)
{
    bool only_words = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value;
        if (!only_words && strcmp(arg, "--") == 0) {
            only_words = true;
        } else if (only_words || arg[0] != '-' || !arg[1]) {
            if (args->word_count == CLI_WORDS_MAX) {
                return err_set(err, ERR_LIMIT, "more than %d words", CLI_WORDS_MAX);
            }
            args->words[args->word_count++] = arg;
        } else {
            const struct option_row *o = find_option(arg, &value);
            if (!o) {
                return unknown_option(arg, err);
            }
            if (o->kind != OPTION_FLAG && !value) {
                if (++i == argc) {
                    return err_set(err, ERR_INVALID, "--%s needs %s", o->name, o->operand);
                }
                value = argv[i];
            }
            enum err e = set_option(args, o, value, err);
            if (e) {
                return e;
            }
            ret_given[(*ret_count)++] = o;
        }
    }
    return ERR_OK;
}

/* The command whose words the arguments begin with; takes these words off. */
static const struct cli_command *find_command(struct cli_args *args)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *words = commands[i].words, *blank = strchr(words, ' ');
        size_t need = blank ? 2 : 1, first = blank ? (size_t)(blank - words) : strlen(words);
        if (args->word_count >= need && strlen(args->words[0]) == first &&
            strncmp(args->words[0], words, first) == 0 &&
            (!blank || strcmp(args->words[1], blank + 1) == 0)) {
            args->word_count -= need;
            memmove(args->words, args->words + need, args->word_count * sizeof(args->words[0]));
            return &commands[i];
        }
    }
    return NULL;
}

static enum err unknown_command(const struct cli_args *args, struct error *err)
{
    const char *names[COMMAND_COUNT];
    char typed[128];
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        names[i] = commands[i].words;
    }
    snprintf(typed, sizeof(typed), "%s%s%s", args->words[0], args->word_count > 1 ? " " : "",
             args->word_count > 1 ? args->words[1] : "");
    const char *near = config_nearest(slice_str(typed), names, COMMAND_COUNT);
    return err_set(err, ERR_INVALID,
                   near ? "there is no command \"%s\"; did you mean \"%s\"?"
                        : "there is no command \"%s\"; see logboom --help",
                   typed, near);
}

/* "a:1,b:2" as a list in the arena. */
static struct client_config client_settings(struct cli *c)
{
    struct client_config cfg = { .client_id = "logboom-cli",
                                 .request_timeout_ns = (uint64_t)c->args.timeout_s * NS_PER_S,
                                 .allow_auto_topic_creation = true };
    const char **hosts = cli_alloc(c, strlen(c->args.bootstrap) + 1, sizeof(*hosts));
    char *text = (char *)(uintptr_t)arena_copy(&c->arena, slice_str(c->args.bootstrap)).ptr;
    for (char *save = NULL, *host = strtok_r(text, ", ", &save); host;
         host = strtok_r(NULL, ", ", &save)) {
        hosts[cfg.bootstrap_count++] = host;
    }
    cfg.bootstrap = hosts;
    return cfg;
}

static int run_command(const struct cli_command *command, struct cli *c, struct error *err)
{
    enum err e = loop_new(1, &c->loop, err);
    if (e) {
        return EX_OSERR;
    }
    c->env = loop_env(c->loop);
    struct log_sink *sink = log_sink_new(2, LOG_ERROR, LOG_LOGFMT);
    c->log = (struct log){ sink, "cli" };
    if (!command->offline) {
        struct client_config cfg = client_settings(c);
        c->client = client_new(c->env, &cfg, &c->log);
    }
    e = command->run(c, err);
    if (fflush(c->out) != 0 && !e) {
        e = err_set(err, ERR_IO, "the output could not be written");
    }
    if (c->client) {
        client_free(c->client);
    }
    loop_free(c->loop);
    log_sink_free(sink);
    return e == ERR_OK ? EX_OK : e == ERR_INVALID ? EX_USAGE : EX_UNAVAILABLE;
}

/* Parses, finds the command, and runs it or explains it. given has room for every argument. */
static int command_line(int argc, char **argv, struct cli *c, const struct option_row **given,
                        struct error *err)
{
    size_t given_count = 0;
    enum err e = parse(argc, argv, &c->args, given, &given_count, err);
    const struct cli_command *command = e ? NULL : find_command(&c->args);
    if (!e && (c->args.help || (!command && !c->args.word_count))) {
        print_help(command, c->args.help ? stdout : stderr);
        return c->args.help ? EX_OK : EX_USAGE;
    }
    if (!e && !command) {
        e = unknown_command(&c->args, err);
    }
    for (size_t i = 0; !e && i < given_count; i++) {
        if (!takes(command, given[i])) {
            e = err_set(err, ERR_INVALID, "%s takes no --%s; see logboom %s --help", command->words,
                        given[i]->name, command->words);
        }
    }
    if (!e && (c->args.word_count < command->operands_min ||
               c->args.word_count > command->operands_max)) {
        e = err_set(err, ERR_INVALID, "usage: logboom %s [OPTION...] %s", command->words,
                    command->operands);
    }
    if (e) {
        return EX_USAGE;
    }
    arena_init(&c->arena, CLI_ARENA_BYTES_MAX);
    int code = run_command(command, c, err);
    arena_deinit(&c->arena);
    return code;
}

int main(int argc, char **argv)
{
    const char *from_env = getenv("LOGBOOM_BOOTSTRAP");
    struct cli c = { .args = { .bootstrap = from_env ? from_env : "127.0.0.1:9092",
                               .timeout_s = 15,
                               .partitions = INT64_MIN,
                               .replication_factor = INT64_MIN,
                               .offset = INT64_MIN,
                               .partition = INT64_MIN,
                               .port_base = INT64_MIN,
                               .max_messages = INT64_MIN },
                     .out = stdout };
    struct error err = { 0 };
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts(PACKAGE_STRING);
        return EX_OK;
    }
    if (argc > 1 && strcmp(argv[1], "storage") == 0) {
        return cli_storage(argv);
    }
    const struct option_row **given = mem_array((size_t)argc + 1, sizeof(struct option_row *));
    int code = command_line(argc, argv, &c, given, &err);
    mem_free(given);
    if (code && err.text[0]) {
        fprintf(stderr, "logboom: %s\n", err.text);
    }
    return code;
}
