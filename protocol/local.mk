# The shared library: base <- wire, daemon <- net <- client; daemon <- event. See %D%/README.md.
noinst_LIBRARIES += protocol/libprotocol.a
protocol_libprotocol_a_SOURCES =
include protocol/base/local.mk
include protocol/wire/local.mk
include protocol/daemon/local.mk
include protocol/event/local.mk
include protocol/net/local.mk
include protocol/client/local.mk
