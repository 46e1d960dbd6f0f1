/* SPDX-License-Identifier: Apache-2.0 */
/* kafka.h - settings of the kafka source and of the kafka_dlq node, read by flow/flow.c. */
#ifndef LOGBOOM_CONNECTORS_NODES_KAFKA_H
#define LOGBOOM_CONNECTORS_NODES_KAFKA_H

#include "connectors/flow/node.h"

#define KAFKA_ROWS(C)                                                                              \
    NODE_ROWS(C)                                                                                   \
    C(STR, group_id, "group_id", "", "", "", CONFIG_REQUIRED,                                      \
      "The consumer group; processes with the same one share the partitions.")                     \
    C(LIST, topics, "topics", "", "", "", CONFIG_REQUIRED, "The topics.")                          \
    C(ENUM, auto_offset_reset, "auto_offset_reset", "earliest", "earliest|latest|none", "", 0,     \
      "Where a partition begins for which the group has no offset.")                               \
    C(ENUM, isolation_level, "isolation_level", "read_committed",                                  \
      "read_uncommitted|read_committed", "", 0, "Whether records of open transactions are read.")  \
    C(STR, group_instance_id, "group_instance_id", "", "", "", 0,                                  \
      "A name that survives restarts; by default the flow's name and an id from path.data.")       \
    C(STR, client_rack, "client_rack", "", "", "", 0,                                              \
      "Where this process stands; brokers with broker.rack and a rack-aware replica.selector "     \
      "then name the closest replica.")                                                            \
    C(LIST, assignors, "partition_assignment_strategy", "", "", "", 0,                             \
      "range, roundrobin, cooperative-sticky, in order of wish.")                                  \
    C(DURATION_MS, session_timeout_ms, "session_timeout", "45s", "1s", "1h", 0,                    \
      "After this long without a heartbeat the group gives the partitions to others.")             \
    C(DURATION_MS, heartbeat_interval_ms, "heartbeat_interval", "3s", "100ms", "10m", 0,           \
      "Time between heartbeats.")                                                                  \
    C(DURATION_MS, fetch_max_wait_ms, "fetch_max_wait", "500ms", "0", "1m", 0,                     \
      "How long the broker may wait for fetch_min_bytes.")                                         \
    C(SIZE, fetch_min_bytes, "fetch_min_bytes", "1", "1", "1GB", 0, "Least bytes of an answer.")   \
    C(SIZE, fetch_max_bytes, "fetch_max_bytes", "16MiB", "1KiB", "1GiB", 0,                        \
      "Most bytes of an answer.")                                                                  \
    C(SIZE, max_partition_fetch_bytes, "max_partition_fetch_bytes", "1MiB", "1KiB", "1GiB", 0,     \
      "Most bytes of one partition in an answer.")

#define KAFKA_DLQ_ROWS(C)                                                                          \
    NODE_ROWS(C)                                                                                   \
    C(STR, topic, "topic", "", "", "", CONFIG_REQUIRED, "The dead-letter topic.")                  \
    C(BOOL, context_headers, "context_headers", "true", "", "", 0,                                 \
      "Give dead letters Kafka Connect's __connect.errors.* headers.")

struct kafka_config {
    KAFKA_ROWS(CONFIG_MEMBER)
};

struct kafka_dlq_config {
    KAFKA_DLQ_ROWS(CONFIG_MEMBER)
};

#endif
