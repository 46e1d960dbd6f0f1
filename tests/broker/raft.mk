check_PROGRAMS += tests/check_raft
TESTS += tests/check_raft
tests_check_raft_SOURCES = tests/broker/check_raft_main.c tests/broker/check_raft.h \
  tests/broker/check_raft.c tests/broker/check_raft_random.c tests/broker/check_raft_world.c \
  tests/broker/raft_rules.c tests/broker/raft_solo.c tests/broker/raft_solo.h \
  tests/broker/raft_world.c tests/broker/raft_world.h tests/broker/raft_world_ops.c \
  tests/support/suites.h
tests_check_raft_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_raft_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
