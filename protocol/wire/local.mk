protocol_libprotocol_a_SOURCES += \
  %D%/api.c %D%/api.h \
  %D%/compress.c %D%/compress.h \
  %D%/kafka_error.c %D%/kafka_error.h \
  %D%/messages.c %D%/messages.h \
  %D%/messages_admin.h %D%/messages_cluster.h %D%/messages_data.h %D%/messages_group.h \
  %D%/messages_metadata.h %D%/messages_quorum.h %D%/messages_record.h \
  %D%/reader.c %D%/reader.h \
  %D%/record_batch.c %D%/record_batch.h \
  %D%/schema.c %D%/schema.h \
  %D%/writer.c %D%/writer.h
