# broker/raft: pure.
broker_libbroker_a_SOURCES += \
  %D%/raft.c %D%/raft.h
