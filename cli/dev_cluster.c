/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dev_cluster.c - `logboom dev cluster N`: N nodes on this machine, for trying things out. Writes
 * their YAML files, formats their directories, runs logboom-broker for each, says what becomes of
 * them, and stops them with itself. Driven by main.c.
 *   (D1) A node that ends is told and stays down, unless --restart was given.
 *   (D2) No node outlives this program: each is stopped, killed when that takes too long (the last
 *       ones of a quorum have nobody to hand over to), and dies with it when it is killed.
 */
#include "cli/cli.h"

#include "protocol/daemon/vfs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DEV_NODES_MAX = 15,
    STOP_SECONDS = 5,
    RESTART_MS = 200,
    PORT_FIRST = 30000, /* below those that the system gives to clients: one of the nodes' own */
    PORTS = 2768,       /* connections could take another's port before it listens */
    PORT_TRIES = 1000,
};

struct dev_node {
    int32_t id;
    uint16_t port, controller_port, http_port;
    char directory_id[23];
    const char *folder, *config, *log;
    pid_t pid;           /* 0: not running */
    uint64_t restart_ns; /* 0: not due */
    uint32_t restarts;
};

struct dev_cluster {
    struct cli *c;
    const char *folder, *program;
    char cluster_id[23];
    struct dev_node nodes[DEV_NODES_MAX];
    size_t count;
    bool stopping;
};

static const char *keep(struct cli *c, struct buf *text)
{
    const char *copy = (const char *)arena_copy(&c->arena, slice_str(buf_cstr(text))).ptr;
    buf_reset(text);
    return copy;
}

/* A directory's or a cluster's id: no dash in front, so that it is never taken for an option. */
static void new_id(struct cli *c, char ret_text[23])
{
    do {
        struct uuid id;
        uint64_t halves[2] = { env_random(c->env), env_random(c->env) };
        memcpy(&id, halves, sizeof(id));
        uuid_format(&id, ret_text);
    } while (ret_text[0] == '-');
}

static bool is_free(const struct dev_cluster *d, uint16_t port)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct dev_node *n = &d->nodes[i];
        if (n->port == port || n->controller_port == port || n->http_port == port) {
            return false;
        }
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    bool unused = fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0;
    if (fd >= 0) {
        close(fd);
    }
    return unused;
}

/* A port that nothing listens on and no node has; 0 when there is none, which fails later. */
static uint16_t free_port(const struct dev_cluster *d)
{
    for (int i = 0; i < PORT_TRIES; i++) {
        uint16_t port = (uint16_t)(PORT_FIRST + env_random(d->c->env) % PORTS);
        if (is_free(d, port)) {
            return port;
        }
    }
    return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static enum err write_config(struct dev_cluster *d, struct dev_node *n, struct error *err)
{
    struct buf yaml = { 0 };
    buf_printf(&yaml,
               "# Node %d of %zu, written by `logboom dev cluster`; change it as you like.\n",
               n->id, d->count);
    buf_printf(&yaml, "node.id: %d\nprocess.roles: [broker, controller]\n", n->id);
    buf_printf(&yaml, "listeners: [\"PLAINTEXT://127.0.0.1:%u\", \"CONTROLLER://127.0.0.1:%u\"]\n",
               n->port, n->controller_port);
    buf_append_str(&yaml, "controller.quorum.bootstrap.servers: [");
    for (size_t i = 0; i < d->count; i++) {
        buf_printf(&yaml, "%s\"127.0.0.1:%u\"", i ? ", " : "", d->nodes[i].controller_port);
    }
    buf_printf(&yaml, "]\nlog.dirs: [\"%s/data\"]\nhttp.port: %u\n", n->folder, n->http_port);
    enum err e = vfs_replace_file(vfs_posix(), n->config, buf_slice(&yaml), err);
    buf_deinit(&yaml);
    return e;
}

static void plan_node(struct dev_cluster *d, size_t i)
{
    struct dev_node *n = &d->nodes[i];
    struct buf text = { 0 };
    int64_t base = d->c->args.port_base;
    n->id = (int32_t)i + 1;
    n->port = base > 0 ? (uint16_t)(base + (int64_t)i) : free_port(d);
    n->controller_port = base > 0 ? (uint16_t)(base + 100 + (int64_t)i) : free_port(d);
    n->http_port = base > 0 ? (uint16_t)(base + 200 + (int64_t)i) : free_port(d);
    new_id(d->c, n->directory_id);
    buf_printf(&text, "%s/node-%d", d->folder, n->id);
    n->folder = keep(d->c, &text);
    buf_printf(&text, "%s/broker.yml", n->folder);
    n->config = keep(d->c, &text);
    buf_printf(&text, "%s/broker.log", n->folder);
    n->log = keep(d->c, &text);
    buf_deinit(&text);
}

/* --- processes -------------------------------------------------------------------------------- */

/* Forks; the child runs argv with its output in the log file, but for errors when they are for the
 * terminal, and dies with this program. */
static pid_t run_program(const char *program, const char *const *argv, const char *log,
                         bool errors_here)
{
    pid_t parent = getpid(), pid = fork();
    if (pid != 0) {
        return pid;
    }
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0 || dup2(fd, 1) < 0 || (!errors_here && dup2(fd, 2) < 0) || setpgid(0, 0) ||
        prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent) {
        _exit(126);
    }
    execvp(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static enum err format_node(struct dev_cluster *d, struct dev_node *n, const char *voters,
                            struct error *err)
{
    const char *argv[] = { d->program,    "storage",
                           "format",      "--config",
                           n->config,     "--cluster-id",
                           d->cluster_id, "--initial-controllers",
                           voters,        NULL };
    pid_t pid = run_program(d->program, argv, n->log, true);
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return err_errno(err, errno, "run %s", d->program);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status)) {
        return err_set(err, ERR_IO, "node %d could not be formatted, see %s", n->id, n->log);
    }
    return ERR_OK;
}

static void tell(struct dev_cluster *d, const struct dev_node *n, const char *what)
{
    if (d->c->args.json) {
        struct buf out = { 0 };
        struct json_writer w;
        json_init(&w, &out);
        json_begin_object(&w);
        cli_json_int(&w, "node_id", n->id);
        cli_json_string(&w, "state", slice_str(what));
        cli_json_int(&w, "pid", n->pid);
        cli_json_string(&w, "config", slice_str(n->config));
        cli_json_string(&w, "log", slice_str(n->log));
        json_end_object(&w);
        cli_print_json(d->c, &out);
    } else {
        fprintf(d->c->out, "node %d %s: pid %ld, 127.0.0.1:%u, %s\n", n->id, what, (long)n->pid,
                n->port, n->log);
    }
    fflush(d->c->out);
}

static enum err start_node(struct dev_cluster *d, struct dev_node *n, struct error *err)
{
    const char *argv[] = { d->program, "--config", n->config, NULL };
    n->pid = run_program(d->program, argv, n->log, false);
    n->restart_ns = 0;
    if (n->pid < 0) {
        n->pid = 0;
        return err_errno(err, errno, "run %s", d->program);
    }
    tell(d, n, "started");
    return ERR_OK;
}

/* Takes note of the nodes that ended. */
static void reap(struct dev_cluster *d)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (size_t i = 0; i < d->count; i++) {
            struct dev_node *n = &d->nodes[i];
            if (n->pid != pid) {
                continue;
            }
            char what[64];
            if (WIFSIGNALED(status)) {
                snprintf(what, sizeof(what), "was killed by signal %d", WTERMSIG(status));
            } else {
                snprintf(what, sizeof(what), "ended with %d", WEXITSTATUS(status));
            }
            tell(d, n, what);
            n->pid = 0;
            if (d->c->args.restart && !d->stopping) {
                n->restart_ns = env_mono_ns(d->c->env) + (uint64_t)RESTART_MS * NS_PER_MS;
                n->restarts++;
            }
        }
    }
}

static void on_child(void *owner, int signum)
{
    (void)signum;
    reap(owner);
}

static size_t running(const struct dev_cluster *d)
{
    size_t count = 0;
    for (size_t i = 0; i < d->count; i++) {
        count += d->nodes[i].pid != 0 || d->nodes[i].restart_ns != 0;
    }
    return count;
}

static void signal_all(struct dev_cluster *d, int signum)
{
    for (size_t i = 0; i < d->count; i++) {
        d->nodes[i].restart_ns = 0;
        if (d->nodes[i].pid) {
            kill(d->nodes[i].pid, signum);
        }
    }
}

static void on_stop(void *owner, int signum)
{
    struct dev_cluster *d = owner;
    (void)signum;
    signal_all(d, d->stopping ? SIGKILL : SIGTERM);
    d->stopping = true;
}

/* --- the command ------------------------------------------------------------------------------ */

static void tell_cluster(struct dev_cluster *d)
{
    struct buf bootstrap = { 0 };
    for (size_t i = 0; i < d->count; i++) {
        buf_printf(&bootstrap, "%s127.0.0.1:%u", i ? "," : "", d->nodes[i].port);
    }
    if (d->c->args.json) {
        struct buf out = { 0 };
        struct json_writer w;
        json_init(&w, &out);
        json_begin_object(&w);
        cli_json_string(&w, "cluster_id", slice_str(d->cluster_id));
        cli_json_string(&w, "bootstrap", buf_slice(&bootstrap));
        cli_json_string(&w, "directory", slice_str(d->folder));
        json_end_object(&w);
        cli_print_json(d->c, &out);
    } else {
        fprintf(d->c->out,
                "cluster %s in %s\nexport LOGBOOM_BOOTSTRAP=%s\n"
                "`logboom cluster status` tells how it is; Ctrl-C stops it\n",
                d->cluster_id, d->folder, buf_cstr(&bootstrap));
    }
    fflush(d->c->out);
    buf_deinit(&bootstrap);
}

/* New nodes get files and formatted directories; those of an earlier run are taken as they are. */
static enum err prepare(struct dev_cluster *d, struct error *err)
{
    struct buf voters = { 0 };
    enum err e = ERR_OK;
    for (size_t i = 0; i < d->count; i++) {
        plan_node(d, i);
        buf_printf(&voters, "%s%d@127.0.0.1:%u:%s", i ? "," : "", d->nodes[i].id,
                   d->nodes[i].controller_port, d->nodes[i].directory_id);
    }
    for (size_t i = 0; !e && i < d->count; i++) {
        struct vfs_stat st;
        if (vfs_posix()->ops->stat(vfs_posix(), d->nodes[i].config, &st) == ERR_OK) {
            e = err_set(err, ERR_EXISTS,
                        "%s is there already; give another --dir, or start its nodes by "
                        "`logboom-broker --config`",
                        d->nodes[i].config);
        }
        if (!e) {
            e = vfs_make_dirs(vfs_posix(), d->nodes[i].folder, err);
        }
        if (!e) {
            e = write_config(d, &d->nodes[i], err);
        }
        if (!e) {
            e = format_node(d, &d->nodes[i], buf_cstr(&voters), err);
        }
    }
    buf_deinit(&voters);
    return e;
}

static enum err take_arguments(struct dev_cluster *d, struct error *err)
{
    const struct cli_args *a = &d->c->args;
    char *end;
    long count = a->word_count ? strtol(a->words[0], &end, 10) : 3;
    if (count < 1 || count > DEV_NODES_MAX || (a->word_count && *end)) {
        return err_set(err, ERR_INVALID, "a cluster has 1 to %d nodes, not \"%s\"", DEV_NODES_MAX,
                       a->word_count ? a->words[0] : "");
    }
    if (a->port_base != INT64_MIN && (a->port_base < 1024 || a->port_base > 65000)) {
        return err_set(err, ERR_INVALID, "--port-base takes 1024 to 65000");
    }
    d->count = (size_t)count;
    new_id(d->c, d->cluster_id);
    if (a->dir) {
        struct error ignored;
        (void)vfs_make_dirs(vfs_posix(), a->dir, &ignored);
        char *real = realpath(a->dir, NULL);
        if (!real) {
            return err_errno(err, errno, "open %s", a->dir);
        }
        d->folder = (const char *)arena_copy(&d->c->arena, slice_str(real)).ptr;
        free(real);
        return ERR_OK;
    }
    static const char pattern[] = "/tmp/logboom-dev-XXXXXX";
    char *folder = cli_alloc(d->c, sizeof(pattern), 1);
    memcpy(folder, pattern, sizeof(pattern));
    d->folder = mkdtemp(folder);
    return d->folder ? ERR_OK : err_errno(err, errno, "make a directory %s", pattern);
}

enum err cli_dev_cluster(struct cli *c, struct error *err)
{
    struct dev_cluster *d = cli_alloc(c, 1, sizeof(*d));
    *d = (struct dev_cluster){ .c = c };
    struct buf program = { 0 };
    d->program = cli_broker_path(&program);
    enum err e = take_arguments(d, err);
    if (!e) {
        e = prepare(d, err);
    }
    if (!e) {
        loop_on_signal(c->loop, SIGCHLD, on_child, d);
        loop_on_signal(c->loop, SIGINT, on_stop, d);
        loop_on_signal(c->loop, SIGTERM, on_stop, d);
        tell_cluster(d);
    }
    for (size_t i = 0; !e && i < d->count; i++) {
        e = start_node(d, &d->nodes[i], err);
    }
    uint64_t stop_ns = 0;
    while (!e && running(d)) {
        uint64_t now = env_mono_ns(c->env);
        for (size_t i = 0; !e && i < d->count; i++) {
            if (d->nodes[i].restart_ns && d->nodes[i].restart_ns <= now) {
                e = start_node(d, &d->nodes[i], err);
            }
        }
        if (d->stopping && !stop_ns) {
            stop_ns = now + (uint64_t)STOP_SECONDS * NS_PER_S;
        } else if (d->stopping && now > stop_ns) {
            signal_all(d, SIGKILL);
        }
        loop_turn(c->loop, (uint64_t)100 * NS_PER_MS);
    }
    if (e) {
        signal_all(d, SIGKILL);
    }
    buf_deinit(&program);
    return e;
}
