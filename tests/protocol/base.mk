check_PROGRAMS += tests/check_base
TESTS += tests/check_base
tests_check_base_SOURCES = tests/protocol/check_base_main.c tests/protocol/check_base.c \
  tests/protocol/check_crc32c.c tests/protocol/check_units.c \
  tests/support/suites.h
tests_check_base_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_base_LDADD = $(PROTOCOL_LIBS) $(TEST_LIBS)
