# broker/controller: pure.
broker_libbroker_a_SOURCES += \
  %D%/broker_changes.c %D%/broker_changes.h %D%/changes.c %D%/changes.h %D%/features.c \
  %D%/features.h %D%/heartbeats.c %D%/heartbeats.h %D%/image.c %D%/image.h \
  %D%/image_brokers.c %D%/image_internal.h %D%/image_write.c %D%/image_write.h \
  %D%/isr_changes.c %D%/isr_changes.h %D%/partition_change.c %D%/partition_change.h \
  %D%/placement.c %D%/placement.h %D%/reassign.c %D%/reassign.h %D%/records.c %D%/records.h \
  %D%/transaction.c %D%/transaction.h
