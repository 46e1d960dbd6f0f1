# protocol/client: Kafka clients on env.
protocol_libprotocol_a_SOURCES += \
  %D%/client.h %D%/client_internal.h %D%/client.c %D%/client_ask.c %D%/node.c %D%/metadata.c \
  %D%/client_call.h %D%/client_call.c %D%/client_connection.h %D%/client_connection.c \
  %D%/producer.h %D%/producer_internal.h %D%/producer.c %D%/producer_send.c %D%/producer_watch.c \
  %D%/producer_batch.h %D%/producer_batch.c \
  %D%/consumer.h %D%/consumer_internal.h %D%/consumer.c %D%/consumer_watch.c %D%/fetcher.c %D%/position.c %D%/offsets.c \
  %D%/group_member.c %D%/group_assign.c %D%/assignor.h %D%/assignor.c
