check_PROGRAMS += tests/check_controller
TESTS += tests/check_controller
tests_check_controller_SOURCES = tests/broker/check_controller_main.c \
  tests/broker/check_controller.c tests/broker/check_controller_brokers.c \
  tests/broker/check_controller_isr.c tests/broker/check_controller_moves.c \
  tests/broker/check_controller_random.c tests/broker/check_controller_world.c \
  tests/broker/check_controller_world.h tests/support/suites.h
tests_check_controller_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_controller_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
