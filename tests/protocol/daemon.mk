# tests of protocol/daemon, and of protocol/net/{http,service}
check_PROGRAMS += tests/check_daemon tests/service_sample
TESTS += tests/check_daemon
tests_check_daemon_SOURCES = tests/protocol/check_daemon_main.c \
  tests/protocol/check_config.c tests/protocol/check_config.def \
  tests/protocol/check_http.c \
  tests/protocol/check_json.c \
  tests/protocol/check_log.c \
  tests/protocol/check_metrics.c \
  tests/protocol/check_service.c \
  tests/protocol/check_yaml.c \
  tests/support/prometheus.c tests/support/prometheus.h \
  tests/support/suites.h
tests_check_daemon_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_daemon_LDADD = $(PROTOCOL_LIBS) $(CURL_LIBS) $(TEST_LIBS)
# The daemon that check_service.c starts.
tests_service_sample_SOURCES = tests/protocol/service_sample.c tests/protocol/service_sample.def
tests_service_sample_LDADD = $(PROTOCOL_LIBS)
