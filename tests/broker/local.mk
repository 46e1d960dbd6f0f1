# tests/broker: the node as a whole (controller.mk, group.mk and storage.mk have the parts).
check_PROGRAMS += tests/check_broker
TESTS += tests/check_broker
tests_check_broker_SOURCES = tests/broker/check_broker_main.c tests/broker/check_broker_admin.c \
  tests/broker/check_broker_data.c tests/broker/check_broker_hostile.c tests/broker/check_replica_node.c \
  tests/broker/node.c tests/broker/node.h tests/broker/node_world.c tests/broker/node_world.h \
  tests/support/scratch_dir.h tests/support/suites.h
tests_check_broker_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_broker_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
