/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage.c - `logboom storage format|info|random-uuid`: the broker knows its directories, so its
 * program does the work; this finds it beside this one, or by PATH. Driven by main.c.
 */
#include "cli/cli.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <sysexits.h>
#include <unistd.h>

const char *cli_broker_path(struct buf *ret_path)
{
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len > 0) {
        self[len] = '\0';
        buf_printf(ret_path, "%s/logboom-broker", dirname(self));
        if (access(buf_cstr(ret_path), X_OK) == 0) {
            return buf_cstr(ret_path);
        }
        buf_reset(ret_path);
    }
    buf_append_str(ret_path, "logboom-broker");
    return buf_cstr(ret_path);
}

int cli_storage(char **argv)
{
    struct buf path = { 0 };
    const char *program = cli_broker_path(&path);
    execvp(program, argv);
    fprintf(stderr,
            "logboom: cannot run %s: %s; is the broker installed on this machine? It knows its "
            "directories\n",
            program, strerror(errno));
    buf_deinit(&path);
    return EX_UNAVAILABLE;
}
