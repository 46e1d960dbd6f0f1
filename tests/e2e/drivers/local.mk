# Small programs over protocol/client for end-to-end checks against real brokers.
noinst_PROGRAMS += tests/e2e/drivers/driver_produce tests/e2e/drivers/driver_consume
tests_e2e_drivers_driver_produce_SOURCES = %D%/driver_produce.c %D%/latency.h
tests_e2e_drivers_driver_produce_LDADD = $(PROTOCOL_LIBS)
tests_e2e_drivers_driver_consume_SOURCES = %D%/driver_consume.c
tests_e2e_drivers_driver_consume_LDADD = $(PROTOCOL_LIBS)
if HAVE_RDKAFKA
noinst_PROGRAMS += tests/e2e/drivers/cluster_load
tests_e2e_drivers_cluster_load_SOURCES = %D%/cluster_load.c %D%/latency.h
tests_e2e_drivers_cluster_load_CPPFLAGS = $(AM_CPPFLAGS) $(RDKAFKA_CFLAGS)
tests_e2e_drivers_cluster_load_LDADD = $(RDKAFKA_LIBS)
endif
