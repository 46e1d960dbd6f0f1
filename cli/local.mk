# `logboom`, the command-line tool: thin over protocol/client.
bin_PROGRAMS += logboom
logboom_SOURCES = \
  %D%/cli.c %D%/cli.h \
  %D%/cluster.c %D%/cluster.h \
  %D%/cluster_status.c \
  %D%/consume.c \
  %D%/dev_cluster.c \
  %D%/elect.c \
  %D%/group.c \
  %D%/log_dump.c \
  %D%/main.c \
  %D%/produce.c \
  %D%/quorum.c \
  %D%/rebalance.c %D%/rebalance.h \
  %D%/rebalance_plan.c %D%/rebalance_plan.h \
  %D%/rebalance_run.c \
  %D%/storage.c \
  %D%/topic.c \
  %D%/unregister.c
logboom_LDADD = $(PROTOCOL_LIBS)
