/* SPDX-License-Identifier: Apache-2.0 */
/* output_file.h - events as lines of a file, or on standard output: for trying out and for
 * tests. */
#ifndef LOGBOOM_AGENT_SHIP_OUTPUT_FILE_H
#define LOGBOOM_AGENT_SHIP_OUTPUT_FILE_H

#include "agent/ship/output.h"
#include "protocol/daemon/env.h"

/* Appends to path; a torn last line of an earlier run is cut off first (it was not
 * acknowledged). */
enum err output_file_new(struct env env, struct vfs *vfs, const char *path,
                         const struct output_events *events, void *user, struct output **ret_output,
                         struct error *err);
/* Standard output; value_bytes_max and back pressure are the terminal's. */
struct output *output_console_new(struct env env, const struct output_events *events, void *user);

#endif
