/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h - what only the real program has: the state directory with its lock and the agent's id,
 * the facts of the host. */
#ifndef LOGBOOM_AGENT_RUNTIME_H
#define LOGBOOM_AGENT_RUNTIME_H

#include "agent/agent.h"

/* Makes path.data and locks it: two agents with one registry would send everything twice. The lock
 * goes with the process. */
enum err runtime_lock_data(const char *path_data, int *ret_fd, struct error *err);
/* Fills the facts; the agent's id is kept in path.data/meta.json. Strings live in the arena. */
enum err runtime_facts(const struct agent_config *cfg, struct env env, struct vfs *vfs,
                       struct arena *arena, struct agent_facts *ret_facts,
                       struct host_facts *ret_host, struct error *err);
/* As many descriptors as the system gives: every followed file is one. Returns how many files may
 * take, so that registry and network keep theirs; 0: any number. */
uint64_t runtime_raise_descriptor_limit(void);

#endif
