# tests/connectors
check_PROGRAMS += tests/check_connectors
TESTS += tests/check_connectors
tests_check_connectors_SOURCES = \
  %D%/check_main.c \
  %D%/check_bulk_response.c \
  %D%/check_commit.c \
  %D%/check_decide.c \
  %D%/check_delivery.c \
  %D%/check_graph.c \
  %D%/check_nodes.c \
  %D%/check_text.c \
  %D%/sample_event.h \
  tests/support/suites.h
tests_check_connectors_CPPFLAGS = $(TEST_CPPFLAGS) \
  -DGOLDEN_DIR=\"$(abs_top_srcdir)/tests/golden/opensearch\"
tests_check_connectors_LDADD = connectors/libconnect.a $(PROTOCOL_LIBS) $(CURL_LIBS) $(TEST_LIBS)
