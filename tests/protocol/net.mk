check_PROGRAMS += tests/check_net
TESTS += tests/check_net
tests_check_net_SOURCES = tests/protocol/check_net_main.c tests/protocol/check_loop.c \
  tests/support/suites.h
tests_check_net_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_net_LDADD = $(PROTOCOL_LIBS) $(TEST_LIBS)
