check_PROGRAMS += tests/check_links
TESTS += tests/check_links
tests_check_links_SOURCES = tests/broker/check_links_main.c tests/broker/check_peer.c \
  tests/broker/check_forward.c tests/broker/check_lifecycle.c tests/broker/check_fence.c \
  tests/broker/check_deletion.c tests/broker/check_checkpoints.c \
  tests/broker/fleet.c tests/broker/fleet.h tests/broker/node.c tests/broker/node.h \
  tests/sim/sim_disk.c tests/sim/sim_disk.h tests/sim/sim_net.c tests/sim/sim_net.h \
  tests/sim/sim_node.c tests/sim/sim_node.h tests/sim/sim_world.c tests/sim/sim_world.h \
  tests/support/scratch_dir.h \
  tests/support/fake_env.c tests/support/fake_env.h tests/support/suites.h
tests_check_links_CPPFLAGS = $(TEST_CPPFLAGS)
tests_check_links_LDADD = broker/libbroker.a $(PROTOCOL_LIBS) $(TEST_LIBS)
