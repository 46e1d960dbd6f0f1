check_PROGRAMS += tests/check_replica
TESTS += tests/check_replica
tests_check_replica_SOURCES = tests/broker/check_replica_main.c \
  tests/broker/check_isr.c tests/broker/check_follower.c tests/broker/check_quota.c tests/broker/check_replica_model.c \
  tests/broker/replica_suites.h tests/support/suites.h
tests_check_replica_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_replica_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
