check_PROGRAMS += tests/check_agent
TESTS += tests/check_agent
tests_check_agent_SOURCES = tests/agent/check_agent_main.c tests/agent/check_tail.c \
  tests/agent/check_registry.c tests/agent/check_process.c tests/agent/check_hours.c tests/agent/check_watch.c \
  tests/support/fake_env.c tests/support/fake_env.h tests/support/files.c tests/support/files.h \
  tests/support/fault_vfs.c tests/support/fault_vfs.h tests/support/scratch_dir.h tests/agent/suites.h tests/support/suites.h
tests_check_agent_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_agent_LDADD = agent/libagent.a $(PROTOCOL_LIBS) $(TEST_LIBS)
