# broker/raft: pure.
broker_libbroker_a_SOURCES += \
  %D%/raft.c %D%/raft.h \
  %D%/raft_change.c \
  %D%/raft_control.c \
  %D%/raft_describe.c \
  %D%/raft_epoch.c \
  %D%/raft_follower.c \
  %D%/raft_join.c \
  %D%/raft_leader.c \
  %D%/raft_log.c \
  %D%/raft_machine.h \
  %D%/raft_output.c \
  %D%/raft_request.c \
  %D%/raft_roles.c \
  %D%/raft_serve.c \
  %D%/raft_snapshot.c \
  %D%/raft_vote.c \
  %D%/raft_voters.c
