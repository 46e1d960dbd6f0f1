broker_libbroker_a_SOURCES += \
  %D%/append_info.c %D%/append_info.h \
  %D%/checkpoint.c %D%/checkpoint.h \
  %D%/entry_file.c %D%/entry_file.h \
  %D%/file_cache.c %D%/file_cache.h \
  %D%/leader_epochs.c %D%/leader_epochs.h \
  %D%/log.c %D%/log.h \
  %D%/log_dirs.c %D%/log_dirs.h \
  %D%/log_flush.c \
  %D%/log_internal.h \
  %D%/log_read.c \
  %D%/meta_properties.c %D%/meta_properties.h \
  %D%/metadata_snapshot.c %D%/metadata_snapshot.h %D%/metadata_snapshot_read.c \
  %D%/offset_index.c %D%/offset_index.h \
  %D%/producer_recall.c \
  %D%/producer_snapshot.c %D%/producer_snapshot.h \
  %D%/quorum_state.c %D%/quorum_state.h \
  %D%/recovery.c \
  %D%/recovery_epochs.c \
  %D%/retention.c \
  %D%/segment.c %D%/segment.h \
  %D%/segment_scan.c %D%/segment_scan.h \
  %D%/synced_mark.c %D%/synced_mark.h \
  %D%/time_index.c %D%/time_index.h
EXTRA_DIST += broker/storage/README.md
