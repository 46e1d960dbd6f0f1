# protocol/client: Kafka clients on env.
protocol_libprotocol_a_SOURCES += \
  %D%/client.h %D%/consumer.h %D%/producer.h
