check_PROGRAMS += tests/check_group
TESTS += tests/check_group
tests_check_group_SOURCES = tests/broker/check_group_main.c \
  tests/broker/check_group.c tests/broker/check_group_offsets.c \
  tests/broker/check_group_random.c tests/broker/check_group_record.c \
  tests/broker/check_group_world.c tests/broker/check_group_world.h \
  tests/support/files.c tests/support/files.h tests/support/suites.h
tests_check_group_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_group_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
