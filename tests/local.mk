# One test binary an area; `make check` runs them all. check_<area>_SOURCES are added by the fragments.
TEST_LIBS = $(CHECK_LIBS)
TEST_CPPFLAGS = $(AM_CPPFLAGS) $(CHECK_CFLAGS)
# First, as it takes longest and mostly waits: with -j the others run beside it.
include tests/e2e/local.mk
include tests/support/local.mk
include tests/protocol/base.mk
include tests/protocol/wire.mk
include tests/protocol/daemon.mk
include tests/protocol/event.mk
include tests/protocol/net.mk
include tests/protocol/client.mk
include tests/broker/storage.mk
include tests/broker/controller.mk
include tests/broker/group.mk
include tests/broker/raft.mk
include tests/broker/replica.mk
include tests/broker/links.mk
include tests/broker/quorum.mk
include tests/broker/local.mk
include tests/agent/local.mk
include tests/connectors/local.mk
include tests/cli/local.mk
include tests/fuzz/local.mk
include tests/sim/local.mk
