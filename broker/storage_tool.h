/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storage_tool.h - `logboom-broker storage format|info|random-uuid`, with kafka-storage's options.
 * `logboom storage` runs it: the broker knows its directories.
 */
#ifndef LOGBOOM_BROKER_STORAGE_TOOL_H
#define LOGBOOM_BROKER_STORAGE_TOOL_H

/* argv[0] is "storage". Returns the exit code (sysexits.h). */
int storage_tool_main(int argc, char **argv);

#endif
