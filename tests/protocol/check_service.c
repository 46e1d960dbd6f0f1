/* SPDX-License-Identifier: Apache-2.0 */
/* check_service.c - protocol/net/service.h as a process: exit codes, signals, systemd, HTTP. */
#include "config.h"

#include "protocol/base/buf.h"
#include "tests/support/prometheus.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

Suite *service_suite(void);

struct process {
    pid_t pid;
    int out_fd, err_fd;
    struct buf out, err;
};

static struct process proc;
static int notify_fd = -1;

static void setup(void)
{
    proc = (struct process){ 0 };
    notify_fd = -1;
    unsetenv("NOTIFY_SOCKET");
}

static void teardown(void)
{
    if (proc.pid) {
        kill(proc.pid, SIGKILL);
        waitpid(proc.pid, NULL, 0);
    }
    buf_deinit(&proc.out);
    buf_deinit(&proc.err);
}

/* The program lies beside this one. */
static void start(const char *const *args)
{
    char path[4096];
    int out[2], err[2];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
    ck_assert_int_gt(n, 0);
    path[n] = '\0';
    (void)snprintf(strrchr(path, '/'), 64, "/service_sample");
    const char *argv[16] = { path };
    for (size_t i = 0; args && args[i]; i++) {
        argv[i + 1] = args[i];
    }
    ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(err, O_CLOEXEC), 0);
    proc.pid = fork();
    if (proc.pid == 0) {
        dup2(out[1], 1);
        dup2(err[1], 2);
        execv(path, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    close(out[1]);
    close(err[1]);
    proc.out_fd = out[0];
    proc.err_fd = err[0];
    fcntl(proc.err_fd, F_SETFL, O_NONBLOCK);
}

static bool read_some(int fd, struct buf *to)
{
    struct pollfd p = { fd, POLLIN, 0 };
    if (poll(&p, 1, 10000) != 1) {
        return false;
    }
    ssize_t n = read(fd, buf_reserve(to, 65536), 65536);
    to->len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

/* Waits until stderr holds a text. */
static void expect_log(const char *text)
{
    while (!strstr(buf_cstr(&proc.err), text)) {
        ck_assert_msg(read_some(proc.err_fd, &proc.err), "no \"%s\" in: %s", text,
                      buf_cstr(&proc.err));
    }
}

/* Waits for the end; returns the exit code, or -signal. */
static int finish(void)
{
    int status;
    while (read_some(proc.err_fd, &proc.err)) {
    }
    while (read_some(proc.out_fd, &proc.out)) {
    }
    ck_assert_int_eq(waitpid(proc.pid, &status, 0), proc.pid);
    proc.pid = 0;
    (void)buf_cstr(&proc.out);
    (void)buf_cstr(&proc.err);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define ARGS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *write_file(const char *text)
{
    static char path[64];
    (void)snprintf(path, sizeof(path), "/tmp/check-service-XXXXXX");
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

START_TEST(wrong_options_are_usage_errors_and_name_the_nearest)
{
    static const struct {
        const char *args[3], *expected;
    } cases[] = {
        { { "--confg", "x" },
          "service_sample: unknown option \"--confg\"; did you mean \"--config\"?\n" },
        { { "--chek-config" },
          "service_sample: unknown option \"--chek-config\"; did you mean "
          "\"--check-config\"?\n" },
        { { "--zzzzzzzzz" }, "service_sample: unknown option \"--zzzzzzzzz\"; see --help\n" },
        { { "--config" }, "service_sample: --config needs a value: --config FILE\n" },
        { { "--check-config=1" }, "service_sample: --check-config takes no value\n" },
        { { "x.yml" },
          "service_sample: unexpected argument \"x.yml\"; settings are given as --set "
          "name=value, see --help\n" },
        { { "--print-reference", "x" },
          "service_sample: --print-reference takes settings, metrics or "
          "sample\n" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        teardown();
        setup();
        start(cases[i].args);
        ck_assert_int_eq(finish(), EX_USAGE);
        ck_assert_str_eq(buf_cstr(&proc.err), cases[i].expected);
    }
}
END_TEST

START_TEST(check_config_says_valid_or_what_is_wrong)
{
    start(ARGS("--check-config", "--set", "http.port=1"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_str_eq(buf_cstr(&proc.out), "configuration is valid\n");
    ck_assert_uint_eq(proc.err.len, 0);
    teardown();
    setup();
    start(ARGS("--check-config", "--set=http.prot=1"));
    ck_assert_int_eq(finish(), EX_CONFIG);
    ck_assert_uint_eq(proc.out.len, 0);
    ck_assert_str_eq(buf_cstr(&proc.err), "service_sample: --set http.prot: unknown setting "
                                          "\"http.prot\"; did you mean \"http.port\"?\n");
    teardown();
    setup();
    const char *path = write_file("http:\n  port: 70000\n");
    char expected[256];
    (void)snprintf(expected, sizeof(expected),
                   "service_sample: %s:2:3: \"http.port\" must be at most "
                   "65535; found 70000\n",
                   path);
    start(ARGS("--check-config", "--config", path));
    ck_assert_int_eq(finish(), EX_CONFIG);
    ck_assert_str_eq(buf_cstr(&proc.err), expected);
    unlink(path);
    teardown();
    setup();
    start(ARGS("-c", "/nonexistent.yml"));
    ck_assert_int_eq(finish(), EX_CONFIG);
    ck_assert_str_eq(buf_cstr(&proc.err), "service_sample: open /nonexistent.yml: No such file or "
                                          "directory\n");
    teardown();
    setup();
    start(ARGS("--check-config", "-E", "mode=impossible", "-E", "behaviour=x"));
    ck_assert_int_eq(finish(), EX_CONFIG);
    teardown();
    setup();
    start(ARGS("--set", "mode=impossible"));
    ck_assert_int_eq(finish(), EX_CONFIG);
    ck_assert_str_eq(buf_cstr(&proc.err), "service_sample: --set mode: \"mode\" is impossible\n");
}
END_TEST

START_TEST(help_version_and_reference_are_printed)
{
    start(ARGS("--help"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.out), "--set KEY=VALUE"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.out), "  http.port\n"));
    teardown();
    setup();
    start(ARGS("--version"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_msg(strncmp(buf_cstr(&proc.out), "service_sample 0.", 17) == 0, "%s",
                  buf_cstr(&proc.out));
    teardown();
    setup();
    start(ARGS("--print-reference", "settings"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_ptr_nonnull(
        strstr(buf_cstr(&proc.out), "| `behaviour` | another spelling of `mode` |"));
    teardown();
    setup();
    start(ARGS("--print-reference=sample"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.out), "\n#logging.level: info\n"));
}
END_TEST

START_TEST(failures_have_their_exit_codes)
{
    start(ARGS("--set", "mode=fail-start"));
    ck_assert_int_eq(finish(), EX_IOERR);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.err), "error=\"open the log: no space\""));
    ck_assert_ptr_null(strstr(buf_cstr(&proc.err), "sample freed"));
    teardown();
    setup();
    start(ARGS("--set", "mode=fail-later"));
    ck_assert_int_eq(finish(), EX_IOERR);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.err), "error=\"the disk is gone\""));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.err), "sample freed"));
}
END_TEST

START_TEST(first_signal_drains_and_ends_with_zero)
{
    static const int signals[] = { SIGTERM, SIGINT };
    for (int i = 0; i < 2; i++) {
        teardown();
        setup();
        start(ARGS("--set", "http.enabled=false"));
        expect_log("message=ready");
        kill(proc.pid, SIGPIPE);
        kill(proc.pid, signals[i]);
        ck_assert_int_eq(finish(), 0);
        ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.err), i ? "signal=SIGINT" : "signal=SIGTERM"));
        ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.err), "message=stopped exit_code=0"));
    }
}
END_TEST

START_TEST(second_signal_ends_at_once_even_when_the_loop_hangs)
{
    static const char *const modes[] = { "mode=no-stop", "mode=hang" };
    for (int i = 0; i < 2; i++) {
        teardown();
        setup();
        start(ARGS("--set", modes[i]));
        expect_log("message=ready");
        kill(proc.pid, SIGTERM);
        expect_log("message=stopping");
        usleep(20000);
        kill(proc.pid, SIGTERM);
        ck_assert_int_eq(finish(), -SIGTERM);
    }
}
END_TEST

/* --- systemd ---------------------------------------------------------------------------------- */

static void open_notify(bool abstract)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char path[64];
    int n = snprintf(path, sizeof(path), "%s/tmp/check-service-%d", abstract ? "@" : "", getpid());
    memcpy(at.sun_path, path, (size_t)n);
    if (abstract) {
        at.sun_path[0] = '\0';
    }
    notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unlink(path);
    ck_assert_int_eq(bind(notify_fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n)),
                     0);
    setenv("NOTIFY_SOCKET", path, 1);
}

static void expect_notify(const char *start_text)
{
    char text[256] = "";
    struct pollfd p = { notify_fd, POLLIN, 0 };
    ck_assert_int_eq(poll(&p, 1, 10000), 1);
    ssize_t n = recv(notify_fd, text, sizeof(text) - 1, 0);
    ck_assert_int_gt(n, 0);
    ck_assert_msg(strncmp(text, start_text, strlen(start_text)) == 0, "%s", text);
}

START_TEST(systemd_hears_ready_reloading_and_stopping)
{
    for (int abstract = 0; abstract < 2; abstract++) {
        teardown();
        setup();
        open_notify(abstract);
        start(ARGS("--set", "http.enabled=false"));
        expect_notify("READY=1");
        kill(proc.pid, SIGHUP);
        expect_notify("RELOADING=1\nMONOTONIC_USEC=");
        expect_notify("READY=1");
        kill(proc.pid, SIGTERM);
        expect_notify("STOPPING=1");
        ck_assert_int_eq(finish(), 0);
        close(notify_fd);
        if (!abstract) {
            unlink(getenv("NOTIFY_SOCKET"));
        }
    }
}
END_TEST

/* --- HTTP ------------------------------------------------------------------------------------- */

static unsigned http_port(void)
{
    expect_log("http_port=");
    expect_log("pid=");
    return (unsigned)strtoul(strstr(buf_cstr(&proc.err), "http_port=") + 10, NULL, 10);
}

/* The body of a GET; the status line's number in *ret_status. */
static struct slice get(unsigned port, const char *path, int *ret_status)
{
    static struct buf answer;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char request[256];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n", path);
    ck_assert_int_eq(write(fd, request, (size_t)n), n);
    buf_reset(&answer);
    while (read_some(fd, &answer)) {
    }
    close(fd);
    *ret_status = (int)strtol(buf_cstr(&answer) + strlen("HTTP/1.1 "), NULL, 10);
    const char *body = strstr(buf_cstr(&answer), "\r\n\r\n");
    ck_assert_ptr_nonnull(body);
    return slice_str(body + 4);
}

START_TEST(metrics_health_and_further_routes_are_served)
{
    int status;
    char why[256];
    start(ARGS("--set", "mode=sick"));
    unsigned port = http_port();
    const char *wrong = prometheus_check(get(port, "/metrics", &status), why);
    ck_assert_msg(!wrong, "%s", wrong);
    ck_assert_int_eq(status, 200);
    ck_assert(slice_eq_str(get(port, "/healthz", &status), "no leader\n"));
    ck_assert_int_eq(status, 503);
    ck_assert(slice_eq_str(get(port, "/mode", &status), "{\"mode\":\"sick\"}"));
    (void)get(port, "/x", &status);
    ck_assert_int_eq(status, 404);
    kill(proc.pid, SIGTERM);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(port_in_use_is_unavailable_with_a_remedy)
{
    start(NULL);
    unsigned port = http_port();
    struct process first = proc;
    char set[64];
    (void)snprintf(set, sizeof(set), "http.port=%u", port);
    proc = (struct process){ 0 };
    start(ARGS("--set", set));
    ck_assert_int_eq(finish(), EX_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&proc.err),
                                 "another program has the port; set http.port to "
                                 "a free one, or http.enabled to false"));
    buf_deinit(&proc.out);
    buf_deinit(&proc.err);
    proc = first;
    int status;
    ck_assert(slice_eq_str(get(port, "/healthz", &status), "ok\n"));
    ck_assert_int_eq(status, 200);
    kill(proc.pid, SIGTERM);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(hangup_takes_a_right_configuration_and_refuses_a_wrong_one)
{
    const char *path = write_file("mode: one\nhttp.enabled: false\n");
    start(ARGS("--config", path, "--set", "logging.level=debug"));
    expect_log("message=ready");
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("mode: [two\n", f);
    fclose(f);
    kill(proc.pid, SIGHUP);
    expect_log("going on with the one before");
    f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs("behaviour: three\nhttp.enabled: false\nlogging.format: json\n", f);
    fclose(f);
    kill(proc.pid, SIGHUP);
    expect_log("\"message\":\"sample reloaded\",\"mode\":\"three\"}");
    expect_log("\\\"behaviour\\\" is another spelling of mode");
    kill(proc.pid, SIGTERM);
    ck_assert_int_eq(finish(), 0);
    unlink(path);
}
END_TEST

static double resident_mb(pid_t pid)
{
    char path[64], text[128] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    FILE *f = fopen(path, "re");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, f), 0);
    fclose(f);
    return strtod(strchr(text, ' '), NULL) * 4096 / 1e6;
}

START_TEST(start_is_quick_and_idle_is_small)
{
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    start(NULL);
    expect_log("message=ready");
    clock_gettime(CLOCK_MONOTONIC, &b);
    double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    double mb = resident_mb(proc.pid);
    if (getenv("LOGBOOM_FIGURES")) {
        printf("sample daemon: %.1f ms from fork to ready, %.1f MB resident\n", ms, mb);
    }
#ifndef LOGBOOM_SANITIZED
    ck_assert_double_lt(mb, 16);
#endif
    ck_assert_double_lt(ms, 2000);
    kill(proc.pid, SIGTERM);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

Suite *service_suite(void)
{
    Suite *s = suite_create("service");
    TCase *t = tcase_create("service");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, wrong_options_are_usage_errors_and_name_the_nearest);
    tcase_add_test(t, check_config_says_valid_or_what_is_wrong);
    tcase_add_test(t, help_version_and_reference_are_printed);
    tcase_add_test(t, failures_have_their_exit_codes);
    tcase_add_test(t, first_signal_drains_and_ends_with_zero);
    tcase_add_test(t, second_signal_ends_at_once_even_when_the_loop_hangs);
    tcase_add_test(t, systemd_hears_ready_reloading_and_stopping);
    tcase_add_test(t, metrics_health_and_further_routes_are_served);
    tcase_add_test(t, port_in_use_is_unavailable_with_a_remedy);
    tcase_add_test(t, hangup_takes_a_right_configuration_and_refuses_a_wrong_one);
    tcase_add_test(t, start_is_quick_and_idle_is_small);
    suite_add_tcase(s, t);
    return s;
}
