# tests/cli: what of the command-line tool is pure.
check_PROGRAMS += tests/check_cli
TESTS += tests/check_cli
tests_check_cli_SOURCES = tests/cli/check_rebalance.c cli/rebalance_plan.c cli/rebalance_plan.h \
  tests/support/suites.h
tests_check_cli_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_cli_LDADD = $(PROTOCOL_LIBS) $(TEST_LIBS)
