# Small programs over protocol/client for end-to-end checks against real brokers.
noinst_PROGRAMS += tests/e2e/drivers/driver_produce
tests_e2e_drivers_driver_produce_SOURCES = %D%/driver_produce.c
tests_e2e_drivers_driver_produce_LDADD = $(PROTOCOL_LIBS)
