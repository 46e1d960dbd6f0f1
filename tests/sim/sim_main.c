/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sim_main.c - runs seeds, each in a process of its own, and tells which failed.
 *   sim [--seed FIRST] [--seeds COUNT] [--jobs N] [--file SEEDS] [--trace] [--digests]
 *       [--trace-from SECONDS] [--nodes N] [--stop]
 *   (M1) A seed fails by a broken promise, an assertion, a signal, too much time, or when its
 *        second run (one seed in REPEAT_ONE_IN) has another digest than its first.
 */
#include "tests/sim/sim_cluster.h"

#include "protocol/base/alloc.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    JOBS_MAX = 16,
    REPEAT_ONE_IN = 20,
    CPU_SECONDS_MAX = 120,
    PROGRESS_SECONDS = 10,
    OUTPUT_BYTES_MAX = 16384,
};

struct seed {
    uint64_t number;
    uint32_t nodes; /* 0: the seed decides */
};

struct job {
    pid_t pid; /* 0: free */
    uint64_t seed;
    uint32_t nodes;
    bool again; /* the second run */
    struct sim_result first;
    int output_fd;             /* what it said */
    struct sim_result *result; /* shared with the process */
};

struct runner {
    struct seed *seeds;
    size_t count, next;
    bool trace, digests, stop; /* stop: with the first seed that fails */
    uint64_t trace_from_ns;
    uint32_t nodes;
    struct job jobs[JOBS_MAX];
    uint32_t job_count, running;
    uint64_t passed, failed;
    struct sim_result total;
    time_t began, told;
};

/* --- one seed --------------------------------------------------------------------------------- */

static void run_child(const struct runner *r, struct job *j)
{
    struct rlimit cpu = { CPU_SECONDS_MAX, CPU_SECONDS_MAX + 5 };
    (void)setrlimit(RLIMIT_CPU, &cpu);
    if (!r->trace) {
        (void)dup2(j->output_fd, 1);
        (void)dup2(j->output_fd, 2);
    }
    if (j->again) {
        mem_free(mem_alloc(100003)); /* other addresses than the first time */
    }
    struct sim_run_args args = { .seed = j->seed,
                                 .nodes = j->nodes,
                                 .trace = r->trace ? stdout : NULL,
                                 .trace_from_ns = r->trace_from_ns };
    sim_run(&args, j->result);
    fflush(NULL);
    exit(0); /* leaks are looked for here */
}

static void start(struct runner *r, struct job *j, const struct seed *seed, bool again)
{
    j->seed = seed->number;
    j->nodes = seed->nodes;
    j->again = again;
    j->output_fd = memfd_create("sim", MFD_CLOEXEC);
    memset(j->result, 0, sizeof(*j->result));
    fflush(NULL);
    j->pid = fork();
    if (j->pid < 0 || j->output_fd < 0) {
        perror("sim: cannot start a process");
        exit(2);
    }
    if (j->pid == 0) {
        run_child(r, j);
    }
    r->running++;
}

static void print_output(const struct job *j)
{
    char text[OUTPUT_BYTES_MAX];
    ssize_t n = pread(j->output_fd, text, sizeof(text), 0);
    if (n > 0) {
        fwrite(text, 1, (size_t)n, stdout);
    }
}

static void failed(struct runner *r, const struct job *j, int status)
{
    r->failed++;
    printf("seed %" PRIu64 " FAILED", j->seed);
    if (WIFSIGNALED(status)) {
        printf(" by signal %d%s", WTERMSIG(status),
               WTERMSIG(status) == SIGXCPU ? " (it does not end)" : "");
    }
    printf(":\n");
    print_output(j);
    printf("    again, with a trace: make sim SEEDS=1 SEED=%" PRIu64 " NODES=%u TRACE=1\n", j->seed,
           j->nodes);
}

static void passed(struct runner *r, const struct job *j)
{
    r->passed++;
    if (r->digests) {
        printf("%" PRIu64 " %016" PRIx64 "\n", j->seed, j->result->digest);
    }
    r->total.steps += j->result->steps;
    r->total.records += j->result->records;
    r->total.reads += j->result->reads;
    r->total.starts += j->result->starts;
    r->total.simulated_ns += j->result->simulated_ns / NS_PER_MS; /* in ms: it is many */
}

/* A process has ended. */
static void reap(struct runner *r, struct job *j, int status)
{
    j->pid = 0;
    r->running--;
    bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (good && j->again && j->first.digest != j->result->digest) {
        printf("seed %" PRIu64 ": two runs, two digests: %016" PRIx64 " and %016" PRIx64 "\n",
               j->seed, j->first.digest, j->result->digest);
        good = false;
    }
    if (!good) {
        failed(r, j, status);
        r->next = r->stop ? r->count : r->next;
    } else if (!j->again && !r->trace && (j->seed % REPEAT_ONE_IN == 0 || r->count == 1)) {
        j->first = *j->result;
        close(j->output_fd);
        const struct seed same = { j->seed, j->nodes };
        start(r, j, &same, true);
        return;
    } else {
        passed(r, j);
    }
    close(j->output_fd);
}

static void tell_progress(struct runner *r)
{
    time_t now = time(NULL);
    if (now - r->told >= PROGRESS_SECONDS) {
        r->told = now;
        fprintf(stderr, "%" PRIu64 " of %zu seeds, %" PRIu64 " failed, %ld s\n",
                r->passed + r->failed, r->count, r->failed, (long)(now - r->began));
    }
}

static void run_all(struct runner *r)
{
    r->began = r->told = time(NULL);
    while (r->next < r->count || r->running) {
        for (uint32_t i = 0; i < r->job_count && r->next < r->count; i++) {
            if (!r->jobs[i].pid) {
                start(r, &r->jobs[i], &r->seeds[r->next++], false);
            }
        }
        int status;
        pid_t pid = wait(&status);
        for (uint32_t i = 0; i < r->job_count; i++) {
            if (pid > 0 && r->jobs[i].pid == pid) {
                reap(r, &r->jobs[i], status);
            }
        }
        tell_progress(r);
    }
}

/* --- arguments -------------------------------------------------------------------------------- */

static void add_seed(struct runner *r, uint64_t number, uint32_t nodes)
{
    r->seeds = mem_rearray(r->seeds, r->count + 1, sizeof(*r->seeds));
    r->seeds[r->count++] = (struct seed){ number, nodes };
}

/* A seed and a number of nodes at the start of each line; the rest says why they are there. */
static void read_seeds(struct runner *r, const char *path)
{
    char line[512];
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "sim: %s: %s\n", path, strerror(errno));
        exit(2);
    }
    while (fgets(line, sizeof(line), f)) {
        char *end;
        uint64_t seed = strtoull(line, &end, 10);
        if (end != line) {
            add_seed(r, seed, (uint32_t)strtoul(end, NULL, 10));
        }
    }
    fclose(f);
}

static void usage(void)
{
    fprintf(stderr, "usage: sim [--seed FIRST] [--seeds COUNT] [--jobs N] [--file SEEDS] "
                    "[--nodes N] [--stop] [--trace] [--trace-from SECONDS] [--digests]\n");
    exit(2);
}

static void read_arguments(struct runner *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "seed", required_argument, NULL, 's' },  { "seeds", required_argument, NULL, 'n' },
        { "jobs", required_argument, NULL, 'j' },  { "file", required_argument, NULL, 'f' },
        { "trace", no_argument, NULL, 't' },       { "digests", no_argument, NULL, 'd' },
        { "stop", no_argument, NULL, 'S' },        { "trace-from", required_argument, NULL, 'T' },
        { "nodes", required_argument, NULL, 'N' }, { NULL, 0, NULL, 0 },
    };
    uint64_t first = 1, count = 1;
    int opt;
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        uint64_t number = optarg ? strtoull(optarg, NULL, 10) : 0;
        switch (opt) {
        case 's':
            first = number;
            break;
        case 'n':
            count = number;
            break;
        case 'j':
            r->job_count = number < JOBS_MAX ? (uint32_t)number : JOBS_MAX;
            break;
        case 'f':
            read_seeds(r, optarg);
            break;
        case 't':
            r->trace = true;
            break;
        case 'S':
            r->stop = true;
            break;
        case 'd':
            r->digests = true;
            break;
        case 'N':
            r->nodes = number < SIM_NODES_MAX ? (uint32_t)number : SIM_NODES_MAX;
            break;
        case 'T':
            r->trace = true;
            r->trace_from_ns = number * NS_PER_S;
            break;
        default:
            usage();
        }
    }
    for (uint64_t i = 0; i < count; i++) {
        add_seed(r, first + i, r->nodes);
    }
    r->job_count = r->job_count ? r->job_count : 1;
}

int main(int argc, char **argv)
{
    struct runner r = { .job_count = 1 };
    read_arguments(&r, argc, argv);
    struct sim_result *shared = mmap(NULL, JOBS_MAX * sizeof(*shared), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        perror("sim");
        return 2;
    }
    for (uint32_t i = 0; i < JOBS_MAX; i++) {
        r.jobs[i].result = &shared[i];
    }
    run_all(&r);
    if (!r.trace && !r.digests) {
        printf("%" PRIu64 " records acknowledged, %" PRIu64 " read, %" PRIu64
               " starts of nodes, %" PRIu64 " events, %" PRIu64 " simulated seconds, %ld real\n",
               r.total.records, r.total.reads, r.total.starts, r.total.steps,
               r.total.simulated_ns / 1000, (long)(time(NULL) - r.began));
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", r.passed, r.failed);
    munmap(shared, JOBS_MAX * sizeof(*shared));
    mem_free(r.seeds);
    return r.failed ? 1 : 0;
}
