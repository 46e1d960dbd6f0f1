# broker/api: one file per Kafka API; table.c is the list of them.
broker_libbroker_a_SOURCES += \
  %D%/api_versions.c %D%/create.c %D%/create.h %D%/fetch.c %D%/fetch.h %D%/find_coordinator.c \
  %D%/init_producer_id.c %D%/list_offsets.c %D%/metadata.c %D%/produce.c %D%/table.c %D%/table.h
