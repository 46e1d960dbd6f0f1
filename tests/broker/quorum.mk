# tests/broker: the world side of the quorum, and formatting.
check_PROGRAMS += tests/check_quorum
TESTS += tests/check_quorum
tests_check_quorum_SOURCES = tests/broker/check_quorum_main.c tests/broker/check_quorum.c \
  tests/broker/check_quorum_damage.c tests/broker/check_format.c tests/broker/check_calls.c tests/broker/check_quorum_trio.c \
  tests/broker/node.c tests/broker/node.h \
  tests/broker/quorum_bench.c tests/broker/quorum_bench.h \
  tests/support/fake_env.c tests/support/fake_env.h \
  tests/support/fault_vfs.c tests/support/fault_vfs.h \
  tests/support/scratch_dir.h tests/support/suites.h
tests_check_quorum_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_quorum_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
