# broker/api: one file per Kafka API; table.c is the list of them.
broker_libbroker_a_SOURCES += \
  %D%/allocate_producer_ids.c %D%/alter_partition.c %D%/alter_partition_reassignments.c \
  %D%/assign_replicas_to_dirs.c %D%/broker_heartbeat.c %D%/broker_registration.c \
  %D%/controller_registration.c %D%/elect_leaders.c %D%/once.h %D%/unregister_broker.c \
  %D%/update_features.c \
  %D%/alter_configs.c %D%/alter_configs.h %D%/api_versions.c %D%/create.c %D%/create.h \
  %D%/create_partitions.c %D%/create_topics.c %D%/delete_groups.c %D%/delete_records.c \
  %D%/delete_topics.c %D%/describe_cluster.c %D%/describe_configs.c %D%/describe_groups.c \
  %D%/describe_log_dirs.c %D%/describe_producers.c %D%/describe_topic_partitions.c \
  %D%/endpoint.c %D%/endpoint.h %D%/envelope.c %D%/error_reply.c \
  %D%/fetch.c %D%/fetch.h %D%/fetch_check.c %D%/fetch_check.h \
  %D%/find_coordinator.c %D%/heartbeat.c %D%/incremental_alter_configs.c %D%/init_producer_id.c \
  %D%/join_group.c %D%/leave_group.c %D%/list_groups.c %D%/list_offsets.c \
  %D%/list_partition_reassignments.c %D%/metadata.c %D%/offset_commit.c %D%/offset_delete.c \
  %D%/offset_fetch.c %D%/offset_for_leader_epoch.c %D%/produce.c %D%/sync_group.c %D%/table.c \
  %D%/table.h
