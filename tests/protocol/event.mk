# tests of protocol/event
check_PROGRAMS += tests/check_event
TESTS += tests/check_event
tests_check_event_SOURCES = tests/protocol/check_event_main.c tests/protocol/check_event.h \
  tests/protocol/check_event_condition.c \
  tests/protocol/check_event_text.c \
  tests/protocol/check_event_value.c \
  tests/support/suites.h
tests_check_event_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_event_LDADD = $(PROTOCOL_LIBS) $(TEST_LIBS)
