check_PROGRAMS += tests/check_wire
TESTS += tests/check_wire
tests_check_wire_SOURCES = tests/protocol/check_wire_main.c \
  tests/protocol/check_api.c tests/protocol/check_compress.c tests/protocol/check_golden.c \
  tests/protocol/check_fields.c tests/protocol/check_messages.c tests/protocol/check_reader.c \
  tests/protocol/check_record_batch.c \
  tests/protocol/message_gen.c tests/protocol/message_gen.h \
  tests/support/files.c tests/support/files.h tests/support/suites.h
tests_check_wire_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_wire_LDADD = $(PROTOCOL_LIBS) $(TEST_LIBS)
EXTRA_DIST += tests/golden
