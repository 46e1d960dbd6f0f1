# tests of protocol/daemon, and of protocol/net/{http,service}
check_PROGRAMS += tests/check_daemon
TESTS += tests/check_daemon
tests_check_daemon_SOURCES = tests/protocol/check_daemon_main.c \
  tests/protocol/check_config.c tests/protocol/check_config.def \
  tests/protocol/check_http.c \
  tests/protocol/check_json.c \
  tests/protocol/check_log.c \
  tests/protocol/check_metrics.c \
  tests/protocol/check_yaml.c \
  tests/support/prometheus.c tests/support/prometheus.h \
  tests/support/suites.h
tests_check_daemon_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_daemon_LDADD = $(PROTOCOL_LIBS) $(CURL_LIBS) $(TEST_LIBS)
