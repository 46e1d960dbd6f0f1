# logboom-connect; what its tests need stands in a library of its own.
bin_PROGRAMS += logboom-connect
noinst_LIBRARIES += connectors/libconnect.a
connectors_libconnect_a_SOURCES = \
  %D%/commit.c %D%/commit.h \
  %D%/instance.c %D%/instance.h \
  %D%/retry.c %D%/retry.h \
  %D%/dead_letter.c %D%/dead_letter.h \
  %D%/worker.c %D%/worker.h \
  %D%/connect_config.def %D%/connect_metrics.def \
  %D%/flow/event.c %D%/flow/event.h \
  %D%/flow/flow.c %D%/flow/flow.h \
  %D%/flow/graph.c %D%/flow/graph.h \
  %D%/flow/node.h \
  %D%/flow/partition.c %D%/flow/partition.h \
  %D%/nodes/dissect.c \
  %D%/nodes/fields.c \
  %D%/nodes/filter.c \
  %D%/nodes/json.c \
  %D%/nodes/kafka.c %D%/nodes/kafka.h \
  %D%/nodes/nodes.c %D%/nodes/nodes.h \
  %D%/nodes/route.c \
  %D%/nodes/timestamp.c \
  %D%/rest/rest.c \
  %D%/sinks/batch.c %D%/sinks/batch.h \
  %D%/sinks/bulk_response.c %D%/sinks/bulk_response.h \
  %D%/sinks/decide.c %D%/sinks/decide.h \
  %D%/sinks/delivery.c %D%/sinks/delivery.h \
  %D%/sinks/elasticsearch.c \
  %D%/sinks/http.c \
  %D%/sinks/http_client.c %D%/sinks/http_client.h \
  %D%/sinks/lines.c \
  %D%/sinks/null.c \
  %D%/sinks/sink.c %D%/sinks/sink.h \
  %D%/sinks/strip_metadata.c %D%/sinks/strip_metadata.h
logboom_connect_SOURCES = %D%/main.c
logboom_connect_LDADD = connectors/libconnect.a $(PROTOCOL_LIBS) $(CURL_LIBS)
EXTRA_DIST += %D%/README.md
