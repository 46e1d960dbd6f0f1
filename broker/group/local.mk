broker_libbroker_a_SOURCES += \
  %D%/coordinator.c %D%/coordinator.h \
  %D%/describe.c \
  %D%/expiry.c \
  %D%/fetch.c \
  %D%/group.c %D%/group.h \
  %D%/group_record.c %D%/group_record.h \
  %D%/join.c \
  %D%/load.c \
  %D%/offsets.c \
  %D%/rebalance.c \
  %D%/sync.c
