# The broker: everything but main.c is a library, so that tests and the simulator link it.
noinst_LIBRARIES += broker/libbroker.a
broker_libbroker_a_SOURCES =
include broker/storage/local.mk
include broker/replica/local.mk
include broker/group/local.mk
