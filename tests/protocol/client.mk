check_PROGRAMS += tests/check_client
TESTS += tests/check_client
tests_check_client_SOURCES = tests/protocol/check_client_main.c \
  tests/protocol/check_client_producer.c tests/protocol/check_client_assignor.c tests/protocol/check_client_group.c \
  tests/protocol/check_client_consumer.c tests/protocol/check_client_member.c \
  tests/protocol/check_client_failover.c tests/protocol/check_client_silent.c \
  tests/protocol/flow_rig.h tests/protocol/flow_rig.c \
  tests/protocol/consumer_rig.h tests/protocol/consumer_rig.c tests/support/fake_group.c \
  tests/support/fake_env.h tests/support/fake_env.c \
  tests/support/fake_broker.h tests/support/fake_broker.c tests/support/suites.h
tests_check_client_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_client_LDADD = $(PROTOCOL_LIBS) $(TEST_LIBS)
