# The broker: everything but main.c is a library, so that tests and the simulator link it.
noinst_LIBRARIES += broker/libbroker.a
broker_libbroker_a_SOURCES = \
  %D%/broker.c %D%/broker.h %D%/broker_config.c %D%/broker_config.def %D%/broker_config.h \
  %D%/broker_metrics.c %D%/broker_metrics.def %D%/call.c %D%/call.h \
  %D%/checkpoints.c %D%/checkpoints.h %D%/cluster_check.c %D%/cluster_check.h \
  %D%/connection.c %D%/connection.h %D%/controller_channel.c %D%/controller_channel.h \
  %D%/controller_registrar.c %D%/controller_registrar.h \
  %D%/fetch_session.c %D%/fetch_session.h %D%/flusher.c %D%/flusher.h %D%/groups.c %D%/groups.h \
  %D%/lifecycle.c %D%/lifecycle.h %D%/registration.c %D%/registration.h \
  %D%/broker_dirs.c %D%/controller_duties.c %D%/controller_duties.h \
  %D%/controller_probe.c %D%/controller_probe.h \
  %D%/controller_node.c %D%/controller_node.h \
  %D%/log_opener.c %D%/log_opener.h \
  %D%/dir_assigner.c %D%/dir_assigner.h %D%/disk_space.c %D%/disk_space.h %D%/isr_keeper.c %D%/isr_keeper.h %D%/metadata_log.c %D%/metadata_log.h \
  %D%/partition.c %D%/partition.h %D%/partition_damage.c %D%/partition_log.c %D%/partition_wait.c %D%/peer.c %D%/peer.h %D%/producer_ids.c %D%/producer_ids.h \
  %D%/quorum.c %D%/quorum.h %D%/quorum_internal.h \
  %D%/quorum_peers.c %D%/quorum_start.c \
  %D%/format.c %D%/format.h \
  %D%/snapshots.c %D%/snapshots.h %D%/standalone.c %D%/standalone.h \
  %D%/replica_fetcher.c %D%/replica_fetcher.h %D%/replica_place.c \
  %D%/replica_session.c %D%/replica_session.h \
  %D%/quorum_config.c %D%/quorum_config.h %D%/runtime.c %D%/runtime.h \
  %D%/dynamic_config.c %D%/dynamic_config.h \
  %D%/throttle.c %D%/throttle.h %D%/topic_config.def %D%/topics.c %D%/topics.h
include broker/api/local.mk
include broker/controller/local.mk
include broker/storage/local.mk
include broker/replica/local.mk
include broker/group/local.mk
include broker/raft/local.mk

bin_PROGRAMS += logboom-broker
logboom_broker_SOURCES = %D%/main.c %D%/storage_tool.c %D%/storage_tool.h
logboom_broker_LDADD = broker/libbroker.a $(PROTOCOL_LIBS)
