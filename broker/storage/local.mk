broker_libbroker_a_SOURCES += \
  %D%/append_info.h \
  %D%/checkpoint.h \
  %D%/entry_file.h \
  %D%/file_cache.h \
  %D%/leader_epochs.h \
  %D%/log.h \
  %D%/log_dirs.h \
  %D%/meta_properties.h \
  %D%/offset_index.h \
  %D%/producer_snapshot.h \
  %D%/segment.h \
  %D%/time_index.h
