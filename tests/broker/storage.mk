check_PROGRAMS += tests/check_storage
TESTS += tests/check_storage
tests_check_storage_SOURCES = tests/broker/check_storage_main.c tests/broker/check_log.c \
  tests/broker/check_recovery.c tests/broker/check_checkpoint.c tests/broker/check_producer_state.c \
  tests/broker/storage_fixture.c tests/broker/storage_fixture.h \
  tests/support/fault_vfs.c tests/support/fault_vfs.h tests/support/scratch_dir.h \
  tests/support/suites.h
tests_check_storage_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_storage_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
